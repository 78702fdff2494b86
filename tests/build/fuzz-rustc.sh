#!/usr/bin/env bash
# fuzz-rustc.sh RUSTC ARGUMENT...: a RUSTC_WRAPPER for fuzz.sh. Compiles with libFuzzer's coverage
# what reads and decides: our crates, and the readers they stand on. Curves and hashes have no
# branches worth exploring, and would be most of what is counted, at half the speed.
set -euo pipefail

instrumented=' x402_proxy_wasm x402_fuzz serde_json serde base64 hex proxy_wasm '
name='' before=''
for argument in "$@"; do
  if [[ $before == --crate-name ]]; then name=$argument; fi
  before=$argument
done
flags=()
if [[ $instrumented == *" $name "* ]]; then
  flags+=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4)
  for part in inline-8bit-counters pc-table trace-compares stack-depth; do
    flags+=("-Cllvm-args=-sanitizer-coverage-$part")
  done
fi
exec "$@" "${flags[@]}"
