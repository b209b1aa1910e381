#!/usr/bin/env bash
# Checks that python/prelunet/_core/ equals the output of .ci/stub.sh for the environment $1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
"$1/bin/pip" install --quiet "$(grep '^pybind11-stubgen==' .ci/requirements.txt)"
PATH="$1/bin:$PATH" .ci/stub.sh build/ci/stub
diff --recursive --unified python/prelunet/_core build/ci/stub/prelunet/_core && echo "the stubs are up to date"
