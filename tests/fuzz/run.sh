#!/usr/bin/env bash
# tests/fuzz/run.sh BUILD SECONDS FUZZER...: lets each fuzzer look for new inputs for SECONDS, from the corpus in
# tests/fuzz/corpus/ and what earlier runs found. What it finds goes to BUILD/corpus/, what crashes to BUILD/crashes/.
set -euo pipefail

build=$1
seconds=$2
shift 2
[ $# -gt 0 ] || { echo "fuzz: there are no fuzzers (tests/fuzz/fuzz_*.cpp)" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/crashes"

for fuzzer in "$@"; do
  corpus=("$build/corpus/$fuzzer")
  mkdir -p "${corpus[0]}"
  for seeds in "$here/corpus/$fuzzer" "$here/corpus/${fuzzer#fuzz_}"; do
    if [ -d "$seeds" ]; then corpus+=("$seeds"); fi
  done
  echo "fuzz: $fuzzer for $seconds s"
  log=$build/$fuzzer.log
  if ! "$build/bin/$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/crashes/$fuzzer-" "${corpus[@]}" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "fuzz: $fuzzer failed; the input is in $build/crashes/, the whole log in $log" >&2
    exit 1
  fi
  grep -E '^stat::(number_of_executed_units|new_units_added)' "$log" | sed 's/^/  /'
done
