#!/usr/bin/env bash
# Runs README's test command, verbatim, in a fresh copy of the tree at $1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=$(python3 .ci/readme_command.py test-command)
.ci/copy_tree.sh "$1"
cd "$1"
# This test run also measures coverage; `coverage report` checks the threshold in a later stage.
export PYTEST_ADDOPTS="--cov --cov-report= --cov-fail-under=0"
bash -euxo pipefail -c "$command"
