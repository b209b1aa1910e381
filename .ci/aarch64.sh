#!/usr/bin/env bash
# Builds for AArch64 with Debian's cross compiler, runs tests there under QEMU, and compares bits with this machine's:
#   .ci/aarch64.sh ENVIRONMENT [all]
# ENVIRONMENT is a virtual environment with this tree's prelunet. Without `all`, a share of the cases of each test
# function runs. The path must have CMake, Ninja and pybind11. A machine that lacks something else skips this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .ci/common.sh

here=$1/bin/python
work=$PWD/build/aarch64
root=$work/root site=$work/site package=$work/package
[[ $(uname -sm) == "Linux x86_64" ]] || skip "this is $(uname -sm), not Linux on x86-64"
has_or_install qemu-aarch64-static qemu-user-static || skip "no QEMU (Debian: qemu-user-static)"
has_or_install aarch64-linux-gnu-g++ g++-aarch64-linux-gnu || skip "no compiler (Debian: g++-aarch64-linux-gnu)"
has_or_install mmdebstrap mmdebstrap || skip "no mmdebstrap"
mkdir -p "$work"

# Debian's Python for AArch64 and what it needs, from the mirror that apt uses, for the release that runs here.
if [[ ! -d $root ]]; then
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  packages=python3,python3-minimal,libpython3-dev,libstdc++6,libgomp1,libgcc-s1,zlib1g
  rm -rf "$root.part"
  mmdebstrap --quiet --architectures=arm64 --variant=extract --include="$packages" "$release" "$root.part" ||
    skip "no packages of $release for arm64"
  mv "$root.part" "$root"
fi
python=$(basename "$(readlink -f "$root/usr/bin/python3")") # such as python3.11
version=${python#python}

# Their wheels: what the tests of ops and networks import, as in pyproject.toml for platforms without the extras.
if [[ ! -d $site ]]; then
  rm -rf "$site.part"
  "$here" -m pip install --quiet --platform manylinux_2_28_aarch64 --python-version "$version" --only-binary :all: \
    --target "$site.part" numpy pytest scipy mpmath threadpoolctl tqdm || skip "no wheels for AArch64"
  mv "$site.part" "$site"
fi

# The root's headers come last in the search path: those of the cross compiler take precedence.
cat > "$work/toolchain.cmake" << EOF
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CXX_FLAGS_INIT "-idirafter $root/usr/include")
EOF
suffix=.cpython-${version/./}-aarch64-linux-gnu.so
build_release "$work/build" "$here" -DCMAKE_TOOLCHAIN_FILE="$work/toolchain.cmake" -DPYBIND11_USE_CROSSCOMPILING=ON \
  -DPYTHON_MODULE_EXTENSION="$suffix" -DPython_INCLUDE_DIR="$root/usr/include/$python"
python3 .ci/check_loops.py "$work/build"
assemble_package "$work/build/cpp/_core$suffix" "$package"

# In a namespace of its own, the kernel can start QEMU for programs of AArch64, so that tests can start Python.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
rule=":qemu-aarch64:M::$magic:$mask:$(command -v qemu-aarch64-static):F"
# shellcheck disable=SC2016 # the inner shell expands these
register='mount -t binfmt_misc binfmt_misc "$0" && printf %s "$1" > "$0/register" && shift && exec "$@"'
export SUBPROCESS_TIMEOUT=1800 # seconds in which a test's process trains all networks
emulated=(env "QEMU_LD_PREFIX=$root" "PYTHONPATH=$package:$site:$PWD/tests" "PYTHONPYCACHEPREFIX=$work/bytecode")
namespace=(unshare --user --map-root-user --mount bash -c "$register" /proc/sys/fs/binfmt_misc "$rule")
if "${emulated[@]}" "${namespace[@]}" "$root/usr/bin/$python" -c ''; then
  emulated+=("${namespace[@]}")
else
  echo "binfmt_misc cannot be mounted in a namespace: tests that start Python are skipped"
  emulated+=(qemu-aarch64-static)
fi
emulated+=("$root/usr/bin/$python")
"${emulated[@]}" -c 'import prelunet; prelunet.show_config()'

verdict=0

# Bits of all ops and of whole training runs. The baseline has others: no FMA.
isa=$("$here" -c 'import prelunet; print(prelunet.show_config(mode="dicts")["isa"])')
compare() {
  [[ $isa != baseline ]] || { echo "this machine has no FMA: bits are not compared" && return; }
  write_bundles "$work/$isa" 1 "$work/$isa" env PYTHONPATH=tests "$here" &&
    write_bundles "$work/neon" 2 "$work/$isa" "${emulated[@]}" &&
    compare_bundles "$work/$isa" "$work/neon" "$here"
}

# Where the bits are those of x86-64, the tests there hold here too. What may differ is the rest, such as how modes of
# the processor are set. Emulated, the tests of wrong arrays, which are thousands, of threads and of the largest products
# take too long.
tests=(tests/ops --ignore=tests/ops/test_threads.py --ignore=tests/ops/test_isas.py
  --ignore=tests/ops/test_bad_arrays.py tests/network/test_subnormals.py --share 1/15
  -k "not threads_do_not_change and not 784 and not cnn")
[[ ${2:-} != all ]] || tests=(tests/ops tests/network)
"${emulated[@]}" -m pytest -q -p no:cacheprovider "${tests[@]}" > "$work/tests.log" 2>&1 &
compare || verdict=1
wait -n || verdict=1
cat "$work/tests.log"
exit "$verdict"
