#!/usr/bin/env bash
# Builds the documentation site in the folder $1/html, warnings as errors, and checks it. With a folder of wheels as
# $2, it first creates the virtual environment $1/venv with that wheel; otherwise it uses the active environment, which
# needs `pip install -e '.[docs]'`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
site=${1:-build/docs}
if [[ -n ${2:-} ]]; then
  wheels=("$2"/prelunet-*.whl)
  rm -rf "$site"
  python3 -m venv "$site/venv"
  "$site/venv/bin/pip" install --quiet "${wheels[0]}[docs]"
  PATH=$site/venv/bin:$PATH
fi
rm -rf "$site/html" docs/gallery docs/reference/generated # generated pages of earlier builds
MPLBACKEND=Agg python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env docs "$site/html"
PRELUNET_SITE=$site/html python -m pytest -q -p no:cacheprovider tests/docs/test_site.py tests/plots/test_notebook.py \
  tests/test_community_files.py
