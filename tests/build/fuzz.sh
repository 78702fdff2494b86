#!/usr/bin/env bash
# fuzz.sh smoke|full [TARGET...]: builds the fuzz targets, runs each over its corpus and on, and
# says how many inputs that were.
#
# libFuzzer comes with the crate libfuzzer-sys and is compiled by the C++ compiler; coverage is
# the compiler's own pass. So the pinned toolchain is enough, and nothing is installed. The code
# is safe Rust: an address sanitizer, which needs a nightly one, would only be slower.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mode=${1:?smoke or full}
shift
targets=("$@")
if ((${#targets[@]} == 0)); then
  targets=(fuzz/fuzz_targets/*.rs)
  targets=("${targets[@]#fuzz/fuzz_targets/}")
  targets=("${targets[@]%.rs}")
fi
case $mode in
  smoke) seconds=${FUZZ_SECONDS:-2} ;;
  full) seconds=${FUZZ_SECONDS:-600} ;;
  *) echo 'fuzz.sh smoke|full [TARGET...]' >&2; exit 2 ;;
esac

out=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_WRAPPER=$PWD/tests/build/fuzz-rustc.sh RUSTFLAGS='--cfg fuzzing' CARGO_TARGET_DIR=$out \
  cargo build --locked --release --target "$host" --manifest-path fuzz/Cargo.toml "${targets[@]/#/--bin=}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 total=0
for target in "${targets[@]}"; do
  # A full run goes on from where the last one stopped; a smoke always starts from the tree.
  found=$work/$target
  if [[ $mode == full ]]; then found=$out/found/$target; fi
  mkdir -p "$found" "$out/crashes"
  arguments=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1)
  arguments+=(-artifact_prefix="$out/crashes/$target-")
  # What turned a smoke red today turns it red tomorrow: it tries the same inputs, as far as it gets.
  if [[ $mode == smoke ]]; then arguments+=(-seed=402); fi
  if [[ -e fuzz/dictionaries/$target.dict ]]; then arguments+=(-dict="fuzz/dictionaries/$target.dict"); fi
  log=$work/$target.log
  if "$out/$host/release/$target" "${arguments[@]}" "$found" "fuzz/corpus/$target" > "$log" 2>&1; then
    passed=$((passed + 1)) verdict=ok
  else
    failed=$((failed + 1)) verdict=FAILED
    grep -av '^#' "$log" | tail -n 40 >&2
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  printf '%-10s %9s inputs  %6s edges  %s\n' "$target" "${runs:-0}" "${edges:-0}" "$verdict"
  total=$((total + ${runs:-0}))
done
echo "$total inputs in all, $seconds s for each target"
echo "fuzz: $passed passed, $failed failed"
if ((failed > 0)); then
  echo "what failed is in $out/crashes: fuzz/README.md says what to do with it" >&2
  exit 1
fi
