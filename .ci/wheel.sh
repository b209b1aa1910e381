#!/usr/bin/env bash
# Builds the wheel in the folder $1, checks its objects, bundles libgomp with auditwheel as for a release, checks
# both wheels, and tests the repaired one with NumPy only and no compiler on the path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rm -rf "$1"
python3 -m venv "$1/venv"
.ci/copy_tree.sh "$1/tree"
"$1/venv/bin/pip" wheel "$1/tree" --no-deps --wheel-dir "$1/built"
python3 .ci/check_symbols.py "$1/tree/build"
python3 .ci/check_loops.py "$1/tree/build"
auditwheel repair --zip-compression-level 9 --wheel-dir "$1/repaired" "$1"/built/*.whl
python3 .ci/check_wheel.py "$1"/built/*.whl "$1"/repaired/*.whl
python3 .ci/sbom.py "$1"/repaired/*.whl
"$1/venv/bin/pip" install --quiet "$1"/repaired/*.whl
"$1/venv/bin/pip" list --format=freeze
PATH=$1/venv/bin "$BASH" .ci/try_installed.sh "$1/run"
