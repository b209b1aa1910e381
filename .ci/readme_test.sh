#!/usr/bin/env bash
# Runs README's test command, verbatim, in a fresh copy of the tree at $1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=$(python3 .ci/readme_command.py test-command)
.ci/copy_tree.sh "$1"
cd "$1"
# Two processes of tests share the cores: threads that wait must not take them.
export OMP_WAIT_POLICY=passive
bash -euxo pipefail -c "$command"
