#!/usr/bin/env bash
# Creates the virtual environment $1 with the development tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python3 -m venv "$1"
"$1/bin/pip" install --quiet -r .ci/requirements.txt
"$1/bin/pip" list --format=freeze
