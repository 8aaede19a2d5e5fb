#!/usr/bin/env bash
# The one wheel on every Python that is found: installed alone in a throwaway environment, and tested there.
#
#   scripts/pythons.sh dist/fanin-….whl .venv/wheels
#
# FANIN_PYTHONS names other interpreters, by name or path, and FANIN_TESTS other tests than all. Needs no network. Tests that need
# an extra skip themselves.
set -euo pipefail

wheel=$(realpath "$1")
wheels=$(realpath "$2")
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

# candidates python3.12 → all that may be that: on the PATH, where it may be a shim; and what pyenv and uv keep, by version.
candidates() {
  type -ap "$1" || true
  compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/${1#python}*/bin/$1" | sort -V || true
  uv python find --no-python-downloads "${1#python}" 2>/dev/null || true
}

# runnable python3.12 → the first candidate that runs and can make environments.
runnable() {
  local candidate
  while read -r candidate; do
    if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done < <(candidates "$1")
  return 1
}

tried=0
absent=()
for name in ${FANIN_PYTHONS:-python3.11 python3.12 python3.13 python3.14}; do
  if ! found=$(runnable "$name"); then
    # What was asked for by name has to be there; of the others it is said at the end which were not.
    [ -z "${FANIN_PYTHONS:-}" ] || { echo "$name: none that runs here" >&2; exit 1; }
    absent+=("$name")
    continue
  fi
  python="$room/$tried/bin/python"
  "$found" -m venv "$room/$tried"
  echo "  $name: $("$python" -c 'import platform; print(platform.python_version())')"
  "$python" -m pip --quiet install --no-index --find-links "$wheels" --requirement requirements-test.in "$wheel"
  "$python" -m pytest --quiet -p no:cacheprovider --ignore tests/test_house.py --ignore tests/test_security.py \
    --ignore tests/test_bench_sink.py \
    ${FANIN_TESTS:-}
  tried=$((tried + 1))
done

[ "$tried" -gt 0 ] || { echo "no Python from 3.11 on runs here" >&2; exit 1; }
echo "the wheel holds on $tried Pythons${absent:+; not here, and not tried: ${absent[*]}}"
