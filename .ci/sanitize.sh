#!/usr/bin/env bash
# Builds with sanitizers and runs the tests they are for:
#   address  AddressSanitizer and UndefinedBehaviorSanitizer, the tests of ops and of bad input
#   thread   ThreadSanitizer, the tests of threads
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
  address) preset=asan tests=(tests/ops) ;;
  thread) preset=tsan tests=(tests -k thread) ;;
  *) echo "usage: .ci/sanitize.sh address|thread" && exit 2 ;;
esac
home=$PWD/build/$preset
compiler=${CXX:-g++}

python3 -m venv "$home-venv"
"$home-venv/bin/pip" install --quiet '.[test]' --config-settings="cmake.args=--preset=$preset" \
  --config-settings=cmake.build-type=Debug --config-settings="build-dir=$home"

# CPython itself leaks at exit. Sizes that no machine has are tested for: they must be a MemoryError, not an abort.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export PYTHONMALLOC=malloc OPENBLAS_NUM_THREADS=1 # each object a block that the sanitizer sees; no threads but ours

# Python itself is not sanitized, so the run-time library goes first; with libstdc++, or it misses its exceptions.
preload="$("$compiler" -print-file-name="lib$preset.so") $("$compiler" -print-file-name=libstdc++.so.6)"
# GCC 12's ThreadSanitizer cannot place its shadow where the kernel randomizes more than 28 bits of an address.
fixed_addresses=()
setarch --addr-no-randomize true 2> /dev/null && fixed_addresses=(setarch --addr-no-randomize)
"${fixed_addresses[@]}" env "LD_PRELOAD=$preload" "$home-venv/bin/python" -m pytest -p no:cacheprovider "${tests[@]}"
