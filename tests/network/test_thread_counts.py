"""How many threads there are: what the process may use, what the user says, what others limit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import prelunet as pn
from network_models import labelled, mlp
from subprocesses import run_code
from tolerances import assert_same_bits

COUNT = "import prelunet as pn; print(pn.get_num_threads(), pn.show_config(mode='dicts')['cpus'])"


def counted(**environment):
    """Return the number of threads and of CPUs in a process with these variables."""
    threads, cpus = map(int, run_code(COUNT, environment=environment).split())
    return threads, cpus


needs_two_cpus = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="this process may use only one CPU",
)


def test_omp_num_threads_limits_the_default():
    _, cpus = counted()
    assert counted(OMP_NUM_THREADS="1") == (1, cpus)
    assert counted(OMP_NUM_THREADS="64") == (min(64, cpus), cpus)


def test_a_number_that_is_set_holds_whatever_the_environment_says():
    code = """
        import prelunet as pn
        default = pn.get_num_threads()
        assert default == 1
        pn.set_num_threads(5)
        assert pn.get_num_threads() == 5
        pn.set_num_threads(None)
        assert pn.get_num_threads() == default
        """
    run_code(code, environment={"OMP_NUM_THREADS": "1"})


def test_a_limit_of_threadpoolctl_holds_while_it_lasts(rng):
    X, y = labelled(rng, 2000)
    expected = mlp().predict(X)
    for chosen in (None, 4):
        pn.set_num_threads(chosen)
        before = pn.get_num_threads()
        with threadpool_limits(1, user_api="openmp"):
            assert pn.get_num_threads() == 1
            model = mlp()
            assert_same_bits(model.predict(X), expected)
            model.fit(X, y)
        assert pn.get_num_threads() == before


def test_a_limit_of_threadpoolctl_keeps_the_team_small():
    run_code(
        """
        import os
        import numpy as np
        import prelunet as pn
        from threadpoolctl import threadpool_limits
        from network_models import labelled, mlp

        X, y = labelled(np.random.default_rng(0), 3000)
        tasks = len(os.listdir("/proc/self/task"))
        pn.set_num_threads(4)
        with threadpool_limits(1, user_api="openmp"):
            mlp().fit(X, y, batch_size=None)
        assert len(os.listdir("/proc/self/task")) == tasks
        mlp().fit(X, y, batch_size=None)
        assert len(os.listdir("/proc/self/task")) == tasks + 3
        """
    )


@needs_two_cpus
def test_the_affinity_mask_limits_the_default():
    run_code(
        """
        import os
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus[-1:])
        import prelunet as pn
        assert pn.get_num_threads() == 1
        assert pn.show_config(mode="dicts")["cpus"] == 1
        """
    )


QUOTAS = {
    "version 2": ({"cpu.max": "150000 100000"}, "0::/", 1),
    "version 2, less than one": ({"cpu.max": "20000 100000"}, "0::/", 1),
    "version 2, none": ({"cpu.max": "max 100000"}, "0::/", None),
    "version 2, more than there are": ({"cpu.max": "99900000 100000"}, "0::/", None),
    "version 2, own group": ({"a/b/cpu.max": "100000 100000"}, "0::/a/b", 1),
    "version 2, group above": (
        {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"},
        "0::/a/b",
        1,
    ),
    "version 2, another group": ({"c/cpu.max": "100000 100000"}, "0::/a/b", None),
    "version 1": (
        {"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "100000"},
        "4:memory:/x\n1:cpu,cpuacct:/",
        1,
    ),
    "version 1, own group": (
        {"cpu/a/cpu.cfs_quota_us": "50000", "cpu/a/cpu.cfs_period_us": "50000"},
        "3:cpuacct,cpu:/a\n0::/",
        1,
    ),
    "version 1, none": (
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        "1:cpu,cpuacct:/",
        None,
    ),
    "nothing there": ({}, "0::/", None),
}
MOUNT = """
set -e
mount -t tmpfs none /sys/fs/cgroup
cp -r "$1"/. /sys/fs/cgroup
mount --bind "$2" /proc/$$/cgroup
shift 2
exec "$@"
"""


@needs_two_cpus
@pytest.mark.parametrize("name", QUOTAS)
def test_the_cgroup_quota_limits_the_default(tmp_path, name):
    """In a mount namespace of its own, whose files of cgroups are the test's."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    files, own, expected = QUOTAS[name]
    (tmp_path / "groups").mkdir()
    for path, content in files.items():
        file = tmp_path / "groups" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    (tmp_path / "own").write_text(own + "\n")
    inside = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", tmp_path / "groups", tmp_path / "own"]
    probe = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"no namespace of mounts: {probe.stderr.strip()}")
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    run = subprocess.run(
        [*inside, sys.executable, "-c", COUNT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    threads, cpus = map(int, run.stdout.split())
    assert threads == cpus == (len(os.sched_getaffinity(0)) if expected is None else expected)


def test_more_threads_than_rows_and_than_cpus_are_right(rng):
    X = np.repeat(labelled(rng, 1, (2000,))[0], 3, axis=0)
    model = mlp((2000,), (600, 5))
    expected = model.predict(X[:1])
    pn.set_num_threads(64)
    assert_same_bits(model.predict(X), np.repeat(expected, 3, axis=0))
    y = np.array([0, 1, 2])
    pn.set_num_threads(1)
    _, alone = model.loss_and_gradients(X, y)
    pn.set_num_threads(64)
    _, team = model.loss_and_gradients(X, y)
    for name, gradient in alone.items():
        assert_same_bits(team[name], gradient, name)
