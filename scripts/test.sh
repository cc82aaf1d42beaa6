#!/usr/bin/env bash
# Installs what is missing, builds with warnings as errors and runs every check.
#   scripts/test.sh          what must pass before a commit
#   scripts/test.sh --all    also the slow tests: fuzzing, installation, sanitizers
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

all=no
case "${1:-}" in
    "") ;;
    --all) all=yes ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown option '$1' (there is only --all)" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*" >&2; }

step "packages"
scripts/setup.sh

# Other versions lay code out otherwise.
if command -v clang-format >/dev/null && clang-format --version | grep -q ' 14\.'; then
    step "format"
    git ls-files '*.cpp' '*.h' | xargs -r clang-format --dry-run --Werror
fi

step "build"
cmake --preset release
cmake --build build/release

step "tests"
exclude=()
[ "$all" = yes ] || exclude=(--label-exclude slow)
ctest --test-dir build/release --parallel "$(nproc)" --output-on-failure "${exclude[@]}"

if [ "$all" = yes ]; then
    step "unit tests under sanitizers"
    cmake --preset asan
    cmake --build build/asan
    ctest --test-dir build/asan --parallel "$(nproc)" --output-on-failure --label-exclude slow
fi
