#!/usr/bin/env bash
# Runs README's first command, as it stands there, in a fresh copy of the tree at $1, and looks at what it left.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=$(python3 .ci/readme_command.py try-command)
check=$PWD/.ci/check_results.py
.ci/copy_tree.sh "$1"
cd "$1"
bash -euxo pipefail -c "$command"
python3 "$check" --figures runs/digits
