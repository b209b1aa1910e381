"""The API reference names all that is public, once."""

from __future__ import annotations

import re
from pathlib import Path

import public_api

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def listed(text):
    """Return the full names in the autosummary lists and data directives of a page."""
    found, module, inside = [], "prelunet", False
    for line in text.splitlines():
        directive = re.match(r"\.\. (\w+)::\s*(\S*)", line)
        if directive:
            kind, argument = directive.groups()
            inside = kind == "autosummary"
            module = argument if kind == "currentmodule" else module
            if kind == "data":
                found.append(f"{module}.{argument}")
        elif inside and re.fullmatch(r"   [\w.]+", line):
            found.append(f"{module}.{line.strip()}")
        elif line and not line.startswith(" "):
            inside = False
    return found


PAGES = {path.stem: listed(path.read_text()) for path in REFERENCE.glob("*.rst")}


def test_every_public_name_is_listed_once():
    names = [name for page in PAGES.values() for name in page]
    assert sorted(names) == sorted(public_api.objects())


def test_the_index_lists_every_page():
    index = (REFERENCE / "index.rst").read_text()
    pages = re.findall(r"^   (\w+)$", index, re.MULTILINE)
    assert sorted(pages) == sorted(PAGES.keys() - {"index"})


def test_members_are_those_that_a_class_adds():
    members = public_api.members()
    assert {"fit", "vjp", "parameters", "learning_rate"} <= set(members["prelunet.Sequential"])
    assert {"fit", "partial_fit", "predict_proba"} <= set(members["prelunet.MLPClassifier"])
    assert {"specifications", "config"} <= set(members["prelunet.Layer"])
    assert members["prelunet.PReLU"] == []  # those of Layer
    assert members["prelunet.Checkpoint"] == []  # those of Callback
