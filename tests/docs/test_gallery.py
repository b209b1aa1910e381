"""The examples of the gallery run without a warning. Building the site runs them too."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.py"))


def test_examples_are_in_order():
    numbers = [path.name.partition("_")[0] for path in EXAMPLES]
    assert numbers == [f"{number:02}" for number in range(1, len(EXAMPLES) + 1)]


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg"},
        check=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "steps", "wanted"), [("13_ppo", 200_000, 475), ("14_sac", 20_000, -200)]
)
def test_agents_learn_for_four_of_five_seeds(stem, steps, wanted, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (path,) = (path for path in EXAMPLES if path.stem == stem)
    example = runpy.run_path(str(path))
    means = []
    for seed in range(5):
        trained, _ = example["train"](steps, seed)
        means.append(example["evaluate"](trained, seed + 1000))
    assert sum(mean >= wanted for mean in means) >= 4, means
