"""The recipes of cpp/README.md: an example of each is in the places named, and in no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAP = (ROOT / "cpp" / "README.md").read_text()
RECIPES = dict(
    re.findall(r"^### [^\n]*, such as `(\w+)`\n(.*?)(?=^### )", MAP, re.MULTILINE | re.DOTALL)
)


def sources():
    """Return the files that a recipe may name: sources, tests, documentation, change log."""
    patterns = ["*.py", "*.pyi", "*.h", "*.cpp", "*.txt", "*.rst", "*.md"]
    folders = ["bench", "cpp", "docs", "python", "tests"]
    found = [
        path for folder in folders for kind in patterns for path in (ROOT / folder).rglob(kind)
    ]
    names = {path.resolve().relative_to(ROOT).as_posix() for path in found}
    generated = {name for name in names if name.startswith(("docs/gallery/", "docs/reference/gen"))}
    return names - generated - {"tests/test_recipes.py", "cpp/README.md"} | {"CHANGELOG.md"}


def stem(example):
    """Return an example's name in snake case, as files have it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", example).lower()


def places(example):
    """Return the files that a recipe names."""
    bullets = re.findall(r"^- ((?:`[^`]+`(?:, )?)+)", RECIPES[example], re.MULTILINE)
    named = [name for bullet in bullets for name in re.findall(r"`([^`]+)`", bullet)]
    return {name.replace("<name>", stem(example)) for name in named}


def test_there_are_recipes():
    assert set(RECIPES) == {"softsign", "log_cosh", "rmsprop", "LayerNorm"}
    assert len(sources()) > 400


@pytest.mark.parametrize("example", RECIPES)
def test_the_example_is_in_the_places_and_nowhere_else(example):
    spelled = re.compile(stem(example).replace("_", "_?"), re.IGNORECASE)
    found = {name for name in sources() if spelled.search((ROOT / name).read_text())}
    assert found == places(example)
