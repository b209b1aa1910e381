"""The page on several machines shows what its program simulates."""

from __future__ import annotations

import runpy

import mpi_jobs
from subprocesses import TESTS, run_python

DOCS = TESTS.parent / "docs"
COST = DOCS / "programs" / "mpi_cost.py"


def test_the_page_shows_the_table_of_the_program():
    table = run_python(COST)
    assert table in (DOCS / "guide" / "machines.md").read_text(encoding="utf-8")


def test_the_simulation_keeps_its_limits():
    cost = runpy.run_path(str(COST))
    for case in cost["CASES"]:
        for ranks in cost["RANKS"]:
            slow, fast = (cost["speedup"](case, ranks, gigabits) for gigabits in cost["GIGABITS"])
            assert 0 < slow <= fast < ranks


def test_the_program_for_mpiexec_trains_alike_on_one_and_on_two_ranks(tmp_path):
    program = DOCS / "programs" / "mpi_train.py"
    printed = []
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        printed.append(mpi_jobs.run(ranks, program, cwd=folder).split()[-1])
    assert len(printed[0]) == 16
    assert printed[0] == printed[1]
