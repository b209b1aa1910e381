#!/usr/bin/env bash
# Copies the working tree to the new folder $1, including uncommitted changes, excluding ignored files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rm -rf "$1"
mkdir -p "$1"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --ignore-failed-read --files-from=- | tar --extract --directory="$1"
