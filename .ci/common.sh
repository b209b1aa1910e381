# shellcheck shell=bash
# Functions of the scripts in this folder, which source this file.

# ---- stages, of .ci/run and .ci/full ----

use_data() { # of ../shared/data, such as MNIST
  if [[ -z ${PRELUNET_DATA:-} && -d ../shared/data ]]; then
    PRELUNET_DATA=$(cd ../shared/data && pwd)
    export PRELUNET_DATA
  fi
}

# Several stages compile the same sources in copies of the tree. With paths relative to the tree, ccache applies to them
# and to the next run.
use_ccache() {
  if command -v ccache > /dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_DIR=$PWD/build/ccache CCACHE_BASEDIR=$PWD
  fi
}

# A script that cannot do its work on this machine prints the reason and exits with this code.
skipped=77

summary=()
failures=0
limit=() # what runs a stage's command, such as timeout
stage() { # HEADING COMMAND [ARGUMENT...]
  local heading=$1 began=$SECONDS code=0
  shift
  printf '\n==== %s ====\n' "$heading"
  "${limit[@]}" "$@" || code=$?
  end_stage "$heading" "$began" "$code"
}

end_stage() { # HEADING BEGAN CODE
  local verdict=ok seconds=$((SECONDS - $2))
  case $3 in
    0) ;;
    "$skipped") verdict=skipped ;;
    *)
      verdict="FAILED (exit code $3)"
      failures=$((failures + 1))
      ;;
  esac
  printf -- '---- %s: %s, %d s\n' "$1" "$verdict" "$seconds"
  summary+=("$(printf '%5d s  %-44s %s' "$seconds" "$1" "$verdict")")
}

# Runs a command in the background while the stages that follow run. For stages that use one processor. join_stage
# waits for it, then prints its output.
start_stage() { # LOG HEADING COMMAND [ARGUMENT...]
  beside=("$1" "$2" "$SECONDS")
  "${limit[@]}" "${@:3}" > "$1" 2>&1 &
  beside+=("$!")
}

join_stage() {
  local code=0
  wait "${beside[3]}" || code=$?
  printf '\n==== %s ====\n' "${beside[1]}"
  cat "${beside[0]}"
  end_stage "${beside[1]}" "${beside[2]}" "$code"
}

# Prints all stages; fails if one of them failed.
print_summary() {
  printf '\n==== summary ====\n'
  printf '%s\n' "${summary[@]}"
  printf '%5d s  in all; %d of %d stages failed\n' "$SECONDS" "$failures" "${#summary[@]}"
  [[ $failures == 0 ]]
}

skip() { # REASON
  echo "skipped: $*"
  exit "$skipped"
}

# ---- packages ----

install() { # PACKAGE...
  echo "installing $*"
  apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@"
}

# Installs packages for a command that is missing, as root on Debian; fails if the command is still missing.
has_or_install() { # COMMAND PACKAGE...
  local command=$1
  shift
  command -v "$command" > /dev/null && return
  [[ $EUID == 0 ]] && command -v apt-get > /dev/null && install "$@" && command -v "$command" > /dev/null
}

# ---- builds outside a virtual environment ----

# Builds this tree in BUILD as for a wheel, warnings being errors. PYTHON has this tree's prelunet; the path must have
# CMake, Ninja and pybind11.
build_release() { # BUILD PYTHON [OPTION...]
  cmake --preset release -B "$1" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
    -DSKBUILD_PROJECT_VERSION="$("$2" -c 'import prelunet; print(prelunet.__version__)')" \
    -Dpybind11_DIR="$(python3 -m pybind11 --cmakedir)" "${@:3}"
  cmake --build "$1"
}

# Makes FOLDER a PYTHONPATH with the Python files of this tree and the built module CORE.
assemble_package() { # CORE FOLDER
  rm -rf "$2"
  mkdir -p "$2"
  cp -R python/prelunet "$2/"
  cp -R bench "$2/prelunet/bench"
  cp "$1" "$2/prelunet/"
}

# Writes the results of ops and of training runs of the prelunet that COMMAND, a Python, imports to FOLDER. The inputs
# of the ops are written there too, or read from the folder INPUTS. tests/ must be in PYTHONPATH.
write_bundles() { # FOLDER THREADS INPUTS COMMAND...
  local folder=$1 threads=$2 inputs=$3 option=--read-inputs
  shift 3
  mkdir -p "$folder"
  rm -f "$folder"/{ops,runs}.npz
  [[ $inputs != "$folder" ]] || option=--write-inputs
  "$@" tests/support/op_bundle.py "$folder/ops.npz" "$option" "$inputs/inputs.npz" &&
    "$@" tests/support/network_runs.py "$folder/runs.npz" "$threads"
}

# Compares two folders of write_bundles.
compare_bundles() { # EXPECTED ACTUAL PYTHON
  local verdict=0 name
  for name in ops runs; do
    PYTHONPATH=tests "$3" tests/support/compare_bundles.py "$1/$name.npz" "$2/$name.npz" || verdict=1
  done
  return "$verdict"
}
