#!/usr/bin/env bash
# Tries the prelunet of the `python` on the path: imports it, trains on the digits in it, looks at the new folder $1.
# No command but that environment's is needed, so that a path without compilers will do.
set -euo pipefail
ci=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
python "$ci/check_import.py"
prelunet train --out "$1"
python "$ci/check_results.py" "$1"
