#!/usr/bin/env bash
# Writes the stubs of the installed prelunet._core, one file for each of its modules, below the folder $1, by default
# the source tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=${1:-python}
rm -rf "$root/prelunet/_core"
python -m pybind11_stubgen prelunet._core --exit-code --output-dir "$root"
# The version stands in pyproject.toml alone.
sed -i 's/^__version__: str = .*/__version__: str/' "$root/prelunet/_core/__init__.pyi"
