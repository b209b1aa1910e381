#!/usr/bin/env bash
# Renders the recipe for conda-forge with rattler-build in the new virtual environment $1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python3 -m venv "$1"
"$1/bin/pip" install --quiet py-rattler-build==0.73.0
"$1/bin/python" .ci/recipe.py
