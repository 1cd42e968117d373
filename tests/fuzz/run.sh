#!/bin/sh
# run.sh BUILD SECONDS TARGET...: runs each libFuzzer target (BUILD/bin/fuzz_NAME) for SECONDS, from the
# committed corpus. New inputs are kept in BUILD/corpus, findings in BUILD/findings; exit 1 if there are any.
set -eu
build=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/findings"
status=0
for target in "$@"; do
  name=${target#fuzz_}
  mkdir -p "$build/corpus/$name"
  log=$build/findings/$target.log
  if "$build/bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
      -artifact_prefix="$build/findings/$target-" "$build/corpus/$name" "$here/corpus/$name" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: $runs inputs, nothing found"
  else
    echo "$target: FAILED; the end of $log:" >&2
    tail -n 25 "$log" >&2
    echo "Fix it, and keep the input (named above) in tests/fuzz/corpus/$name" >&2
    status=1
  fi
done
exit $status
