#!/usr/bin/env bash
# Does the crate compile elsewhere? `cargo check` for other systems, with zig as the C compiler that ring asks for.
#
#   scripts/targets.sh .venv
#
# FANIN_TARGETS names other targets. One whose standard library rustup does not have is skipped, and said so.
set -euo pipefail

python=$(realpath "$1")/bin/python
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

# compiler x86_64-pc-windows-gnu → a C compiler for it; cc's own words for the target are not zig's.
compiler() {
  local zig
  case $1 in
    aarch64-unknown-linux-gnu) zig=aarch64-linux-gnu ;;
    aarch64-apple-darwin) zig=aarch64-macos ;;
    x86_64-pc-windows-gnu) zig=x86_64-windows-gnu ;;
    *) zig=$1 ;;
  esac
  cat >"$room/$1" <<END
#!/usr/bin/env bash
words=()
skip=
for word in "\$@"; do
  if [ -n "\$skip" ]; then skip=; continue; fi
  case \$word in
    --target=* | -mmacosx-version-min=*) ;;
    -target | -arch) skip=1 ;;
    *) words+=("\$word") ;;
  esac
done
exec "$python" -m ziglang cc -target $zig "\${words[@]}"
END
  chmod +x "$room/$1"
  echo "$room/$1"
}

checked=0
for target in ${FANIN_TARGETS:-aarch64-unknown-linux-gnu aarch64-apple-darwin x86_64-pc-windows-gnu}; do
  if ! [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    echo "  $target: skipped, its standard library is not here (rustup target add $target)"
    continue
  fi
  echo "  $target"
  export "CC_${target//-/_}=$(compiler "$target")" "AR_${target//-/_}=true"
  export PYO3_CROSS_PYTHON_VERSION=3.11
  cargo check --quiet --locked --lib --features python,rivals --target "$target"
  checked=$((checked + 1))
done
echo "the crate compiles for $checked other targets"
