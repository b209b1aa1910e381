#!/usr/bin/env bash
# Builds with another compiler, warnings being errors, and compares bits with those of an environment's prelunet:
#   .ci/compiler.sh COMPILER ENVIRONMENT [all]
# ENVIRONMENT is a virtual environment with this tree's prelunet. Kernels dominate the build time: without `all`, only
# this machine's best ISA is built, and no tests run. The path must have CMake, Ninja and pybind11. A
# machine without the compiler skips this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .ci/common.sh

compiler=$1
python=$2/bin/python
work=$PWD/build/${compiler##*/}
has_openmp() {
  "$compiler" -fopenmp -x c++ - -o /dev/null <<< $'#include <omp.h>\nint main() { return omp_in_parallel(); }'
}
[[ $(uname -s) == Linux ]] || skip "this is not Linux"
if [[ $compiler == clang++ ]]; then has_or_install clang++ clang libomp-dev || true; fi
command -v "$compiler" > /dev/null || skip "no $compiler"
has_openmp 2> /dev/null || skip "$compiler has no OpenMP (Debian: libomp-dev for clang)"

list='import prelunet; print(*prelunet.show_config(mode="dicts")["isas_available"])'
read -ra isas <<< "$("$python" -c "$list")" # the best first
[[ ${3:-} == all ]] || isas=("${isas[0]}")
printf -v joined '%s;' "${isas[@]}"
build_release "$work/build" "$python" -DCMAKE_CXX_COMPILER="$compiler" -DPRELUNET_ISAS="${joined%;}" \
  -DPython_EXECUTABLE="$python"
assemble_package "$work"/build/cpp/_core.*.so "$work/package"

verdict=0
for isa in "${isas[@]}"; do
  export PRELUNET_ISA=$isa
  write_bundles "$work/expected-$isa" 1 "$work/expected-$isa" env PYTHONPATH=tests "$python"
  write_bundles "$work/$isa" 2 "$work/expected-$isa" env "PYTHONPATH=$work/package:tests" "$python"
  compare_bundles "$work/expected-$isa" "$work/$isa" "$python" || verdict=1
  [[ ${3:-} != all ]] ||
    PYTHONPATH=$work/package "$python" -m pytest -q -p no:cacheprovider tests/ops tests/network || verdict=1
done
exit "$verdict"
