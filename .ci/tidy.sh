#!/usr/bin/env bash
# Runs clang-tidy on all C++ files except the kernels, or on the given files:
#   .ci/tidy.sh [--deep] [FILE...]
# Kernels use GCC vector types and raw pointers by design; .ci/check_symbols.py checks their rules.
# Without --deep, the static analyzer follows fewer paths of a function. Most faults are on short paths, and the default
# of 225,000 nodes takes three times as long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
depth=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=30000)
if [[ ${1:-} == --deep ]]; then
  depth=()
  shift
fi
mkdir -p build
cmake --preset debug -B build/tidy "-Dpybind11_DIR=$(python -m pybind11 --cmakedir)" > build/tidy.log 2>&1 ||
  { cat build/tidy.log; exit 1; }
if (($#)); then
  files=("$@")
else
  # The largest first: else one processor ends with a large file while the others wait.
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'cpp/*.cpp' ':!cpp/kernels' | xargs -d '\n' ls -S)
fi
# GCC provides omp.h. Its folder is last in the search path, so that clang's intrinsics take precedence.
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" \
  clang-tidy --quiet -p build/tidy "--extra-arg=-idirafter$(g++ -print-file-name=include)" "${depth[@]}"
