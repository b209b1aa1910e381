#!/usr/bin/env bash
# clang-tidy over every C++ file but the kernels, or over the files named.
# Kernels are GCC vector types and raw pointers by design; what they must keep, .ci/check_symbols.py checks.
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
# omp.h is GCC's own; its folder comes last, so that clang's intrinsics win.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/tidy "--extra-arg=-idirafter$(g++ -print-file-name=include)"
