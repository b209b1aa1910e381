#!/usr/bin/env bash
# Builds the source distribution, the wheel and the repaired wheel twice, without ccache, and compares their bytes:
#   .ci/reproducible.sh WORK
# Two folders of different names hold the trees, so that no path may be in the files. All dates must be
# $SOURCE_DATE_EPOCH, by default the date of the last commit. The path must have auditwheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$1
rm -rf "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet build
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export CCACHE_DISABLE=1
trees=("$work/first" "$work/folder/of/the second")
for tree in "${trees[@]}"; do .ci/copy_tree.sh "$tree"; done # both now: the tree may change while they build
for tree in "${trees[@]}"; do
  "$work/venv/bin/python" -m build --outdir "$tree/dist" "$tree" # the wheel is built from the sdist
  auditwheel repair --zip-compression-level 9 --wheel-dir "$tree/repaired" "$tree"/dist/*.whl
done
verdict=0
for file in "${trees[0]}"/{dist,repaired}/prelunet-*; do
  sha256sum "$file"
  cmp "$file" "${trees[1]}/${file#"${trees[0]}"/}" || verdict=1
  python3 .ci/check_dates.py "$file" || verdict=1
done
exit "$verdict"
