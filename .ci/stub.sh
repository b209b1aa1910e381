#!/usr/bin/env bash
# Writes the stub of the installed prelunet._core into the folder $1, by default the source tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python -m pybind11_stubgen prelunet._core --exit-code --output-dir "${1:-python}"
