#!/usr/bin/env bash
# module.sh OUTPUT: builds the module so that its bytes do not depend on where it was built.
#
# Panic messages carry source paths: of this folder, of the registry under the cargo home
# (whose name depends on the mirror in use), and of the standard library when its sources
# are installed. Each is mapped to a fixed name. A plain `cargo build --release --target
# wasm32-wasip1` gives a module that does the same, with this machine's paths in it, and larger.
set -euo pipefail

output=$(realpath -m "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=wasm32-wasip1
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# The registry's folders exist once something was fetched.
cargo fetch --quiet --locked --target "$target"

flags=("--remap-path-prefix=$PWD=/x402-proxy-wasm")
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")
for registry in "$cargo_home"/registry/src/*/; do
  flags+=("--remap-path-prefix=${registry%/}=/cargo")
done
# Without it every call and every address in the code has five bytes, where two or three do.
flags+=(-Clink-arg=--compress-relocations)
quoted=$(printf ',"%s"' "${flags[@]}")

# Flags of the environment would replace ours, and are not part of the module.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
cargo build --locked --release --target "$target" --package x402-proxy-wasm --lib \
  --config "target.$target.rustflags=[${quoted:1}]"

mkdir -p "$(dirname "$output")"
cp "${CARGO_TARGET_DIR:-target}/$target/release/x402_proxy_wasm.wasm" "$output"
