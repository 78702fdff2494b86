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

# Binaryen's optimiser, of the one version that package.json names: another makes other bytes.
binaryen=tests/build/node_modules/binaryen
command -v node > /dev/null || { echo 'missing: Node.js 18.17 or later, which runs wasm-opt. Install it: apt-get install nodejs npm' >&2; exit 1; }
pinned=$(node -p 'require("./tests/build/package.json").dependencies.binaryen')
if [[ $(node -p "require('./$binaryen/package.json').version" 2> /dev/null) != "$pinned" ]]; then
  command -v npm > /dev/null || { echo "missing: binaryen $pinned in tests/build/node_modules, and npm to fetch it. Install it: apt-get install npm" >&2; exit 1; }
  npm ci --prefix tests/build --prefer-offline --no-audit --no-fund
fi

# The registry's folders exist once something was fetched.
cargo fetch --quiet --locked --target "$target"

flags=("--remap-path-prefix=$PWD=/x402-proxy-wasm")
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit")
for registry in "$cargo_home"/registry/src/*/; do
  flags+=("--remap-path-prefix=${registry%/}=/cargo")
done
quoted=$(printf ',"%s"' "${flags[@]}")

# Flags of the environment would replace ours, and are not part of the module.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
# The library is also an rlib, for tests; cargo optimises across crates only where none is made.
cargo rustc --locked --release --target "$target" --package x402-proxy-wasm --lib --crate-type cdylib \
  --config "target.$target.rustflags=[${quoted:1}]"

# What the compiler's target may use and no more: anything else in the module is an error here.
options=(--mvp-features --enable-bulk-memory --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext)
# The SDK's callbacks for calls this module never makes; a host calls only what is exported.
options+=('--remove-exports=proxy_on_grpc_*' --remove-exports=proxy_on_foreign_function)
# The linker puts the stack at the bottom of memory. An address in its last kilobyte that is
# reached by wrapping around 2^32 would trap; nothing in this module gets there.
options+=(-O3 --low-memory-unused)
# Functions that differ by constants only are one with parameters: six kilobytes less, no slower.
options+=(--merge-similar-functions)
# A constant of many bytes that a function repeats is written once; to a JIT it is the same.
options+=(--const-hoisting)
# What is named most often gets the shortest numbers.
options+=(--reorder-locals --reorder-functions --vacuum)

linked=${CARGO_TARGET_DIR:-target}/$target/release/x402_proxy_wasm.wasm
made_of=$output.made-of
fingerprint() { sha256sum "$linked" "$binaryen/bin/wasm-opt" tests/build/module.sh "$output" 2> /dev/null | cut -d' ' -f1; }
if [[ -e $output && -e $made_of && $(fingerprint) == "$(< "$made_of")" ]]; then exit; fi
mkdir -p "$(dirname "$output")"
node "$binaryen/bin/wasm-opt" "${options[@]}" "$linked" --output "$output"
fingerprint > "$made_of"
