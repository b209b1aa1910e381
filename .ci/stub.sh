#!/usr/bin/env bash
# Generates the stubs of the installed prelunet._core, one file per module, in the folder $1 (default: the source
# tree).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=${1:-python}
rm -rf "$root/prelunet/_core"
python -m pybind11_stubgen prelunet._core --exit-code --output-dir "$root"
# The version is defined in pyproject.toml only.
sed -i 's/^__version__: str = .*/__version__: str/' "$root/prelunet/_core/__init__.pyi"
