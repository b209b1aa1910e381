#!/usr/bin/env bash
# Tests the prelunet of the `python` on the path: imports it, trains on its digits, checks the new folder $1.
# Needs no command outside that environment, so the path may exclude compilers.
set -euo pipefail
ci=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
python "$ci/check_import.py"
prelunet train --out "$1"
python "$ci/check_results.py" "$1"
