#!/usr/bin/env bash
# Builds the source distribution in the folder $1, installs it in a new environment and tests that.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rm -rf "$1"
python3 -m venv "$1/venv"
"$1/venv/bin/pip" install --quiet build
"$1/venv/bin/python" -m build --sdist --outdir "$1" .
"$1/venv/bin/pip" install "$1"/*.tar.gz
PATH=$1/venv/bin:$PATH .ci/try_installed.sh "$1/run"
