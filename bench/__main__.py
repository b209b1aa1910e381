"""``python -m prelunet.bench``: the same as ``prelunet bench``."""

from __future__ import annotations

import sys

from prelunet.cli import main

sys.exit(main(["bench", *sys.argv[1:]]))
