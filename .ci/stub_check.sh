#!/usr/bin/env bash
# Says whether python/prelunet/_core/ is what .ci/stub.sh writes for the module installed in the environment $1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
"$1/bin/pip" install --quiet "$(grep '^pybind11-stubgen==' .ci/requirements.txt)"
PATH="$1/bin:$PATH" .ci/stub.sh build/ci/stub
diff --recursive --unified python/prelunet/_core build/ci/stub/prelunet/_core && echo "the stubs are up to date"
