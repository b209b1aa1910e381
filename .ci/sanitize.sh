#!/usr/bin/env bash
# Builds with a sanitizer and runs the matching tests:
#   .ci/sanitize.sh address|thread [all]
#   address  AddressSanitizer and UndefinedBehaviorSanitizer: the tests of ops, networks and arguments of calls
#   thread   ThreadSanitizer: the tests of threads
# Kernels dominate the build time, and parametrized cases the tests' time. Without `all`, only this machine's best ISA is
# built, and a share of the cases of each test function runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

best=neon isas=neon
if [[ $(uname -m) == x86_64 ]]; then
  best=baseline
  if grep -qw avx2 /proc/cpuinfo; then best=avx2; fi
  if grep -qw avx512vl /proc/cpuinfo; then best=avx512; fi
  isas="baseline;$best"
fi
whole=${2:-}

case ${1:-} in
  address)
    preset=asan
    # Excluded: tests that measure or limit memory, because the sanitizer reserves terabytes of addresses;
    # and the second run of the ops tests on the baseline, which has the same source.
    # Nor copies beside a compiling thread, which come too seldom in a sanitized build: 2 in a minute, of 30.
    which="not test_memory and not no_machine_has and not no_call_crashes"
    which+=" and not op_tests_pass_on_every_isa and not another_thread_compiles"
    # The slowest are tests of bits, and have the same code as others: _isa starts processes that train all networks.
    [[ $whole == all ]] || which+=" and not _isa and not any_number and not tiny_steps and not larger_blocks"
    tests=(tests/ops tests/network tests/test_dlpack.py tests/training/test_input_dtypes.py tests/fuzz/test_calls.py)
    share=(--share 1/12)
    ;;
  thread)
    preset=tsan
    # Excluded: tests of OpenMP, which this build does not use; tests that start a process with another ISA; and runs
    # in which no two threads share work. Tests that take many sizes and numbers of threads run with three threads, which
    # divide rows unevenly, and at one number of features.
    which="not importing and not fork and not isa and not fused"
    which+=" and not (any_number and not [3]) and not (row_alone and not -3])"
    which+=" and not (update_packs and not -3-) and not (in_a_call and not -63-optimizer1)"
    tests=(tests/ops/test_threads.py tests/network/test_threads.py tests/network/test_bit_identity.py)
    isas=$best
    share=(--share 1/4)
    ;;
  *)
    echo "usage: .ci/sanitize.sh address|thread [all]"
    exit 2
    ;;
esac
if [[ $whole == all ]]; then share=(); else isas=$best; fi
packages=(. pytest pytest-xdist scipy mpmath threadpoolctl tqdm scikit-learn) # what these tests import
build=$PWD/build/$preset
python=$build-venv/bin/python
reports=$build-reports
compiler=${CXX:-g++}

python3 -m venv "$build-venv"
"$python" -m pip install --quiet "${packages[@]}" --config-settings="cmake.args=--preset=$preset" \
  --config-settings="cmake.define.PRELUNET_ISAS=$isas" --config-settings=cmake.build-type=Debug \
  --config-settings="build-dir=$build"
nm -D "$build-venv"/lib/python*/site-packages/prelunet/_core.*.so | grep "__${preset}_init" # else it is not sanitized

# Reports go to files, because pytest captures output and loses that of a stopped process.
rm -rf "$reports"
mkdir "$reports"
# CPython leaks at exit. Tests of huge sizes expect a MemoryError, not an abort.
export ASAN_OPTIONS=log_path=$reports/asan:detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=log_path=$reports/ubsan:print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=log_path=$reports/tsan:halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/.ci/tsan.supp
export SUBPROCESS_TIMEOUT=1800 # seconds in which a test's process trains all networks
# One malloc block per Python object, so that the sanitizer sees each; no threads of OpenBLAS.
export PYTHONMALLOC=malloc OPENBLAS_NUM_THREADS=1
export OMP_WAIT_POLICY=passive # as in .ci/readme_test.sh

# Python is not sanitized, so the sanitizer is preloaded, with libstdc++ to intercept its exceptions.
preload="$("$compiler" -print-file-name="lib$preset.so") $("$compiler" -print-file-name=libstdc++.so.6)"
# GCC 12's ThreadSanitizer fails if the kernel randomizes more than 28 address bits.
fixed_addresses=()
if setarch --addr-no-randomize true 2> /dev/null; then fixed_addresses=(setarch --addr-no-randomize); fi

verdict=0
# A file runs in one process, so that what all its tests need, such as every training run, is computed once.
"${fixed_addresses[@]}" env "LD_PRELOAD=$preload" "$python" -m pytest -n 2 --dist loadfile -p no:cacheprovider \
  "${tests[@]}" -k "$which" "${share[@]}" || verdict=$?
for report in "$reports"/*; do
  [[ -e $report ]] || continue
  cat "$report"
  verdict=1
done
exit "$verdict"
