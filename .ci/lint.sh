#!/usr/bin/env bash
# Python by ruff, shell scripts by shellcheck. C++ has .ci/tidy.sh, types have mypy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
verdict=0
ruff check || verdict=1
shellcheck .ci/run .ci/*.sh || verdict=1
exit "$verdict"
