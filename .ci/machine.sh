#!/usr/bin/env bash
# Reports the system packages that the build needs and, as root on Debian, installs missing ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .ci/common.sh

has_python_headers() { python3 -c 'import os, sysconfig as s, sys; sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))'; }
has_sanitizer() { [[ "$(g++ -print-file-name="lib$1.so")" == /* ]]; }

missing=()
command -v git > /dev/null || missing+=(git)
command -v g++ > /dev/null || missing+=(g++)
command -v python3 > /dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
has_python_headers 2> /dev/null || missing+=(python3-dev)
if ((${#missing[@]})); then
  install "${missing[@]}"
fi
# Optional: chromium for tests of web pages, ccache to avoid compiling the same sources three times. The stages that need
# a package of their own install it.
for wished in chromium ccache; do
  has_or_install "$wished" "$wished" || true
done
# The sanitizer libraries are part of Debian's g++.
for sanitizer in asan ubsan tsan; do
  has_sanitizer "$sanitizer" || { echo "g++ has no lib$sanitizer.so"; exit 1; }
done

python3 --version
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
g++ --version | head -n 1
git --version
chromium --version 2> /dev/null || echo "no chromium: tests of web pages are skipped"
echo "$(nproc) processors, $(uname -m), data: ${PRELUNET_DATA:-none}"
