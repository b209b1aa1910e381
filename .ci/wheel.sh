#!/usr/bin/env bash
# Builds the wheel in the folder $1, looks into it and at its objects, and tries it with NumPy alone beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rm -rf "$1"
python3 -m venv "$1/venv"
"$1/venv/bin/pip" wheel . --no-deps --wheel-dir "$1" --config-settings="build-dir=$1/objects"
python3 .ci/check_wheel.py "$1"/*.whl
python3 .ci/check_symbols.py "$1/objects"
python3 .ci/check_loops.py "$1/objects"
"$1/venv/bin/pip" install --quiet "$1"/*.whl
"$1/venv/bin/pip" list --format=freeze
"$1/venv/bin/python" .ci/check_import.py
"$1/venv/bin/prelunet" train --out "$1/run"
python3 .ci/check_results.py "$1/run"
