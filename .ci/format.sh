#!/usr/bin/env bash
# Formats all Python and C++ files; with --check, only reports the files that need formatting.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h')
if [[ ${1:-} == --check ]]; then
  verdict=0
  ruff format --check || verdict=1
  clang-format --dry-run -Werror "${sources[@]}" || verdict=1
  exit "$verdict"
else
  ruff check --quiet --select I --fix
  ruff format
  clang-format -i "${sources[@]}"
fi
