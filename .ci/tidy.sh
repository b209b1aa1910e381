#!/usr/bin/env bash
# Runs clang-tidy on all C++ files except the kernels, or on the given files.
# Kernels use GCC vector types and raw pointers by design; .ci/check_symbols.py checks their rules.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build
cmake --preset debug -B build/tidy "-Dpybind11_DIR=$(python -m pybind11 --cmakedir)" > build/tidy.log 2>&1 ||
  { cat build/tidy.log; exit 1; }
if (($#)); then
  files=("$@")
else
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'cpp/*.cpp' ':!cpp/kernels')
fi
# GCC provides omp.h. Its folder is last in the search path, so that clang's intrinsics take precedence.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/tidy "--extra-arg=-idirafter$(g++ -print-file-name=include)"
