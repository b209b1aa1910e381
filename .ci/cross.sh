#!/usr/bin/env bash
# Compiles every C++ file for platforms that cannot run here, with the clang and the headers of Zig:
#   .ci/cross.sh WORK ENVIRONMENT [TARGET...]
# WORK is a folder, ENVIRONMENT a virtual environment with this tree's prelunet. The path must have CMake, Ninja and
# pybind11. Nothing is linked or run, because PyPI has no Python and no OpenMP runtime for these platforms. Two sets of
# headers are those of this machine: GCC's omp.h, and Python's with a few of their constants changed for Windows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .ci/common.sh

mkdir -p "$1"
work=$(cd "$1" && pwd)
python=$2/bin/python
targets=("${@:3}")
((${#targets[@]})) || targets=(x86_64-windows-gnu aarch64-windows-gnu aarch64-macos x86_64-linux-musl aarch64-linux-musl)
[[ $(uname -s) == Linux ]] || skip "this is not Linux"
python3 -m venv "$work/venv"
zig=$work/venv/bin/python # with its module ziglang
"$zig" -m pip install --quiet ziglang==0.17.1
"$zig" -m ziglang version

# Copies: beside the originals are headers of this machine's C library.
rm -rf "$work"/{openmp,python,python-windows}
mkdir -p "$work/openmp"
cp "$(g++ -print-file-name=include/omp.h)" "$work/openmp/"
cp -R "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')" "$work/python"
cp "$(python3 -c 'import sysconfig; print(sysconfig.get_config_h_filename())')" "$work/python/pyconfig.h"
cp -R "$work/python" "$work/python-windows"
mv "$work/python-windows/pyconfig.h" "$work/python-windows/pyconfig_linux.h"
cat > "$work/python-windows/pyconfig.h" << EOF
#include "pyconfig_linux.h"
#undef HAVE_SYS_SELECT_H
#undef SIZEOF_LONG
#undef SIZEOF_WCHAR_T
#define SIZEOF_LONG 4
#define SIZEOF_WCHAR_T 2
#define MS_WINDOWS 1
#define MS_WIN64 1
EOF

# Compiles for one target in a folder of its name. CMake's own FindPython looks for libraries, which are not here.
compile() { # TARGET
  local target=$1 build=$work/$1 headers=$work/python system=Linux
  case $target in
    *windows*) system=Windows headers=$work/python-windows ;;
    *macos*) system=Darwin ;;
  esac
  rm -rf "$build"
  mkdir -p "$build/modules"
  # Zig names processors in its own way.
  cat > "$build/c++" << EOF
#!/usr/bin/env bash
arguments=()
for argument; do
  case \$argument in
    -march=x86-64*) argument=\${argument//x86-64/x86_64} argument=\${argument/_64-v/_64_v} ;;
    -march=armv8-a) argument=-mcpu=generic ;;
  esac
  arguments+=("\$argument")
done
exec "$zig" -m ziglang c++ -target $target -idirafter "$work/openmp" "\${arguments[@]}"
EOF
  printf '#!/bin/sh\nexec "%s" -m ziglang ar "$@"\n' "$zig" > "$build/ar"
  chmod +x "$build"/{c++,ar}
  cat > "$build/modules/FindPython.cmake" << EOF
set(Python_FOUND TRUE)
set(Python_VERSION $("$python" -c 'import platform; print(platform.python_version())'))
add_library(Python::Module INTERFACE IMPORTED)
target_include_directories(Python::Module INTERFACE "$headers")
function(python_add_library name)
  add_library(\${name} \${ARGN})
  target_link_libraries(\${name} PRIVATE Python::Module)
endfunction()
EOF
  cat > "$build/modules/FindOpenMP.cmake" << EOF
set(OpenMP_FOUND TRUE)
add_library(OpenMP::OpenMP_CXX INTERFACE IMPORTED)
target_compile_options(OpenMP::OpenMP_CXX INTERFACE -fopenmp)
EOF
  cat > "$build/toolchain.cmake" << EOF
set(CMAKE_SYSTEM_NAME $system)
set(CMAKE_SYSTEM_PROCESSOR ${target%%-*})
set(CMAKE_CXX_COMPILER "$build/c++")
set(CMAKE_AR "$build/ar")
set(CMAKE_MODULE_PATH "$build/modules")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_PROJECT_INCLUDE "$build/no_linking.cmake")
EOF
  # After project(), which loads the platform's rules.
  cat > "$build/no_linking.cmake" << EOF
set(CMAKE_CXX_CREATE_SHARED_MODULE "\${CMAKE_COMMAND} -E touch <TARGET>")
EOF
  build_release "$build/build" "$python" -DCMAKE_TOOLCHAIN_FILE="$build/toolchain.cmake" \
    -DPYTHON_IS_DEBUG=OFF -DPYTHON_MODULE_EXTENSION=.so -DPYTHON_MODULE_DEBUG_POSTFIX= > "$build/log" 2>&1 ||
    { cat "$build/log"; return 1; }
}

verdict=0
for target in "${targets[@]}"; do
  result=compiles
  compile "$target" || result="does not compile" verdict=1
  echo "$target: $result, $(find "$work/$target/build" -name '*.o' -o -name '*.obj' | wc -l) object files"
done
exit "$verdict"
