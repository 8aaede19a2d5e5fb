#!/usr/bin/env bash
# The queues' tests under AddressSanitizer, which also looks for leaks: what `unsafe` touches is allocated, and is freed once.
# The compiler's switch for it counts as unstable, hence RUSTC_BOOTSTRAP. Everything is built anew, in target/asan.
#
#   scripts/asan.sh [arguments of cargo test]
set -euo pipefail

host=$(rustc -vV | sed -n 's/^host: //p')
# A property in its usual size will do: a million cases each would take an hour here.
unset FANIN_PROVE
export RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=address' ASAN_OPTIONS="detect_leaks=1:${ASAN_OPTIONS:-}"
if [ $# -eq 0 ]; then
  set -- --lib --test conformance --test lanes --test stress -- queue every atomic lanes ring sharded swap memory messages
fi
exec cargo test --quiet --locked --target "$host" --target-dir target/asan "$@"
