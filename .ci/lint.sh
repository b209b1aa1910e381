#!/usr/bin/env bash
# Runs ruff on Python and shellcheck on shell scripts. .ci/tidy.sh checks C++, and mypy checks types.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
verdict=0
ruff check || verdict=1
shellcheck --external-sources .ci/run .ci/full .ci/*.sh || verdict=1
exit "$verdict"
