#!/usr/bin/env bash
# Where a strategy's time goes, all threads and the kernel, as out/flame-QUEUE-WRITE.svg.
#
#   scripts/flamegraph.sh swap/batch [--producers 4 --payload 64 --capacity 262144 --seconds 3]
#
# perf samples a native program that runs the strategy, built with frame pointers in a target directory of its own;
# inferno (crates.io) draws. What is missing is said before anything is built.
set -euo pipefail
cd "$(dirname "$0")/.."

strategy=${1:?name a strategy, such as lanes/batch}
shift
missing() {
    printf 'flamegraph: %s\n' "$1" >&2
    exit 3
}

command -v perf > /dev/null || missing 'perf is not installed; Debian and Ubuntu have it as linux-perf, or linux-tools-generic'
samples=$(mktemp)
trap 'rm -f "$samples" "$samples.folded"' EXIT
perf record --quiet --event cpu-clock --output "$samples" -- true > /dev/null 2>&1 ||
    missing "perf may not sample here; /proc/sys/kernel/perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid), allowed is up to 2"
tools=target/tools
if ! [ -x "$tools/bin/inferno-flamegraph" ]; then
    cargo install --quiet --locked --root "$tools" inferno --version '^0.12' ||
        missing 'inferno could not be installed; it needs a network, once'
fi

RUSTFLAGS='-C force-frame-pointers=yes' cargo build --quiet --locked --release --features rivals --example one_run --target-dir target/flame
perf record --quiet --event cpu-clock --freq 4000 --call-graph fp --output "$samples" -- \
    target/flame/release/examples/one_run "$strategy" "$@"
perf script --input "$samples" 2> /dev/null | "$tools/bin/inferno-collapse-perf" > "$samples.folded"
mkdir -p out
picture="out/flame-${strategy//\//-}.svg"
"$tools/bin/inferno-flamegraph" --title "$strategy" < "$samples.folded" > "$picture"
echo "wrote $picture"
