"""The files that people expect of a package agree with it."""

from __future__ import annotations

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

import prelunet as pn
from prelunet.cli import info

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipe" / "recipe.yaml"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml"))  # an sdist has none


def test_citation_agrees_with_the_package():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    citation = dict(re.findall(r"^([\w-]+): (.+)$", text, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == project["version"] == pn.__version__
    assert citation["license"] == project["license"]
    assert citation["title"] == project["name"]
    assert "message" in citation  # required by the format
    assert "\nauthors:\n" in text


def test_the_date_of_the_version_is_the_same_everywhere():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    dates = dict(re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", changes, re.MULTILINE))
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^date-released: (.+)$", citation, re.MULTILINE) == [info.RELEASED]
    assert dates[pn.__version__] == info.RELEASED
    assert date.fromisoformat(info.RELEASED) <= date.today() + timedelta(days=1)  # time zones


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_valid(path):
    yaml = pytest.importorskip("yaml")
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])


@pytest.mark.skipif(not RECIPE.exists(), reason="an sdist has no recipe")
def test_the_conda_recipe_agrees_with_the_package():
    yaml = pytest.importorskip("yaml")
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(text)
    project, build = settings["project"], settings["build-system"]["requires"]
    oldest = project["requires-python"].removeprefix(">=")
    assert recipe["context"]["version"] == project["version"]
    assert recipe["about"]["license"] == project["license"]
    assert f'match(python, "<{oldest}")' in recipe["build"]["skip"]
    scripts = [f"{name} = {function}" for name, function in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts
    needed = recipe["requirements"]
    assert [name.replace(" ", "") for name in needed["run"]] == ["python", *project["dependencies"]]
    host = {name.replace(" ", "") for name in needed["host"] if isinstance(name, str)}
    assert {name.removesuffix(".0") for name in build} <= {n.removesuffix(".0") for n in host}
    cmake = settings["tool"]["scikit-build"]["cmake"]["version"]
    assert f"cmake {cmake}" in needed["build"]
