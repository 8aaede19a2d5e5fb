#!/usr/bin/env bash
# Checks the tools this project is built with, says all that is missing at once, and makes the environment.
#
#   scripts/setup.sh .venv         # all that is built, linted and tested with
#   scripts/setup.sh .venv-demo demo   # what `make demo` needs
set -euo pipefail

venv=$1
extent=${2:-dev}
rust=$(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml)
missing=()

# A Python counts when it runs (a version manager's shim may not), is new enough and can make environments. All on the
# PATH are tried: behind a shim that does not run there may be one that does.
find_python() {
  local candidate
  while read -r candidate; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done < <(type -ap ${FANIN_PYTHON:+"$FANIN_PYTHON"} python3 python3.13 python3.12 python3.11)
  return 1
}

# is_older 1.89.0 1.90
is_older() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

python=$(find_python) ||
  missing+=("Python 3.11 or later with venv and pip (Debian and Ubuntu: apt install python3 python3-venv)")
if ! have=$(cargo --version 2>/dev/null | cut -d' ' -f2) || [ -z "$have" ]; then
  missing+=("cargo and Rust $rust or later (https://rustup.rs)")
elif is_older "$have" "$rust"; then
  missing+=("Rust $rust or later; this is $have (rustup update)")
elif [ "$extent" = dev ]; then
  cargo fmt --version >/dev/null 2>&1 || missing+=("rustfmt (rustup component add rustfmt)")
  cargo clippy --version >/dev/null 2>&1 || missing+=("clippy (rustup component add clippy)")
fi
command -v cc >/dev/null 2>&1 || missing+=("a C linker, \`cc\` (Debian and Ubuntu: apt install gcc libc6-dev)")

if [ ${#missing[@]} -gt 0 ]; then
  echo "fanin cannot be built here yet. Missing:" >&2
  printf '  * %s\n' "${missing[@]}" >&2
  exit 1
fi

echo "  Python $("$python" -c 'import platform; print(platform.python_version())'), Rust $have"
# An environment from elsewhere (a copied or moved clone) or half made: anew.
"$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 ||
  "$python" -m venv --clear "$venv"

# By content, not by time: a checkout that touches the lock needs no network.
lock=$(cat "requirements-$extent.txt" requirements-test.txt | cksum)
if [ "$(cat "$venv/.lock" 2>/dev/null)" != "$lock" ]; then
  pip=("$venv/bin/python" -m pip --quiet)
  "${pip[@]}" install --require-hashes --requirement "requirements-$extent.txt"
  if [ "$extent" = dev ]; then
    rm -rf "$venv/wheels"
    "${pip[@]}" download --require-hashes --requirement requirements-test.txt --dest "$venv/wheels"
  fi
  echo "$lock" >"$venv/.lock"
fi
cargo fetch --quiet --locked
[ "$extent" = demo ] || cargo fetch --quiet --locked --manifest-path models/Cargo.toml
