#!/usr/bin/env bash
# The one wheel on every Python that is found: installed alone in a throwaway environment, and tested there.
#
#   scripts/pythons.sh dist/fanin-….whl .venv/wheels
#
# FANIN_PYTHONS names other interpreters, by name or path. Needs no network. Tests that need an extra skip themselves.
set -euo pipefail

wheel=$(realpath "$1")
wheels=$(realpath "$2")
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

tried=0
for name in ${FANIN_PYTHONS:-python3.11 python3.12 python3.13 python3.14}; do
  # A shim that exists may not run; a system Python may not be able to make environments.
  if ! "$name" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    echo "  $name: not found here, or cannot make environments"
    continue
  fi
  echo "  $name: $("$name" -c 'import sys; print(sys.version.split()[0], sys.executable)')"
  "$name" -m venv "$room/$tried"
  python="$room/$tried/bin/python"
  "$python" -m pip --quiet install --no-index --find-links "$wheels" --requirement requirements-test.in "$wheel"
  "$python" -m pytest -p no:cacheprovider --ignore tests/test_house.py --ignore tests/test_notebooks.py
  tried=$((tried + 1))
done

[ "$tried" -gt 0 ] || { echo "no Python from 3.11 on runs here" >&2; exit 1; }
echo "the wheel holds on $tried Pythons"
