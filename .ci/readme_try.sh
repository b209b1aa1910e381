#!/usr/bin/env bash
# Runs README's first command, verbatim, in a fresh copy of the tree at $1, and checks its output files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=$(python3 .ci/readme_command.py try-command)
check=$PWD/.ci/check_results.py
.ci/copy_tree.sh "$1"
cd "$1"
bash -euxo pipefail -c "$command"
python3 "$check" --figures runs/digits
