"""Shares of the tests, for runs that are slow: under a sanitizer or an emulator."""

from __future__ import annotations

import argparse
import re
import zlib
from collections import defaultdict


def read_share(text):
    """Return I and N of ``I/N``, such as ``1/4``."""
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if match is None or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"must be I/N, such as 1/4, got {text!r}")
    return int(match[1]), int(match[2])


def ids_of_share(ids, number, count):
    """Return the set of ids that belong to the share `number` of `count`.

    The cases of one test function, sorted by a hash of their ids, are dealt out in turn. Every
    share therefore has at least one case of every function, and all shares are all cases. The hash
    mixes the parameters: one share has all dtypes, sizes and options of a large family.
    """
    families = defaultdict(list)
    for test_id in ids:
        families[test_id.partition("[")[0]].append(test_id)
    chosen = set()
    for family in families.values():
        family.sort(key=lambda test_id: (zlib.crc32(test_id.encode()), test_id))
        chosen.update(family[(number - 1) % len(family) :: count])
    return chosen
