#!/usr/bin/env bash
# What may be among the crates, and whether any of them is known to have a hole: cargo-deny, without a network.
#
#   scripts/advisories.sh [PATH]
#
# PATH is a clone of https://github.com/rustsec/advisory-db that was brought here; its last commit's day is the day of the
# answer, and is said. Without it bans, licences and sources are checked, and no advisories.
set -euo pipefail

command -v cargo-deny >/dev/null || { echo "cargo-deny is not on the PATH: cargo install cargo-deny --locked" >&2; exit 1; }
for manifest in Cargo.toml models/Cargo.toml fuzz/Cargo.toml; do
  cargo deny --offline --manifest-path "$manifest" --locked check --config deny.toml bans licenses sources
done
if [ $# -eq 0 ]; then
  echo "no advisories were looked at: no copy of the database was given"
  exit 0
fi

database=$(realpath "$1")
[ -d "$database/crates" ] || { echo "$1 is no clone of the advisory database: it has no folder crates/" >&2; exit 1; }
day=$(git -C "$database" log -1 --format=%cs)
# cargo-deny looks for its databases in a folder of its own, each under a name that it makes of the address.
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
config="$room/deny.toml"
sed "s|^\[advisories\]|[advisories]\ndb-path = \"$room/databases\"\ndb-urls = [\"file://$database\"]|" deny.toml >"$config"
cargo deny --locked check --config "$config" advisories
echo "the advisories are those of $day"
