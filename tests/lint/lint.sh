#!/usr/bin/env bash
# tests/lint/lint.sh BUILD: format, layers, scripts, static analysis (BUILD has compile_commands.json). Each check
# runs, whatever the one before it said; the exit code tells whether all were satisfied.
set -uo pipefail

build=$1
cd "$(dirname "$0")/../.." || exit 2
failed=()

check() {
  local name=$1
  shift
  echo "lint: $name"
  "$@" || failed+=("$name")
}

format() {
  git ls-files -z --cached --others --exclude-standard 'src/*.h' 'src/*.cpp' 'src/*.c' 'include/*.h' 'tests/*.h' 'tests/*.cpp' 'tests/*.c' |
    xargs -0 -r clang-format-16 --dry-run -Werror
}

scripts() {
  local files=()
  mapfile -t files < <(git ls-files --cached --others --exclude-standard |
    while read -r path; do
      if [ -f "$path" ] && head -c 64 "$path" | head -n 1 | grep -qE '^#!.*\b(ba)?sh\b'; then echo "$path"; fi
    done)
  shellcheck "${files[@]}"
}

python_sources() {
  git ls-files -z --cached --others --exclude-standard '*.py' |
    xargs -0 -r /usr/bin/python3 -c 'import ast, sys; [ast.parse(open(path).read(), path) for path in sys.argv[1:]]'
}

tidy() {
  run-clang-tidy-16 -quiet -p "$build" "$PWD/src/.*\.cpp$" >"$build/tidy.log" 2>&1 && return 0
  grep -E '(warning|error):' -A 3 "$build/tidy.log" || tail -n 20 "$build/tidy.log"
  return 1
}

check "format (clang-format-16 -i mends it)" format
check "layers" tests/lint/layers.py
check "shell scripts" scripts
check "Python scripts" python_sources
# A minute of processor time a file: too long for every run of CI.
if [ "${TIDY:-1}" != 0 ]; then check "clang-tidy" tidy; fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: not satisfied: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "lint: all satisfied"
