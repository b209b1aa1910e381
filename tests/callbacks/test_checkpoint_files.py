"""The file of a Checkpoint: damage is told, and a write that fails leaves what was there."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import shutil
import subprocess

import numpy as np
import pytest

from checkpoint_runs import assert_write_fails, build, fit, fork
from prelunet.formats import sealed_npz
from subprocesses import run_code


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture
def content(path):
    """Return the bytes of a file of two epochs."""
    fit(build(), path, epochs=2)
    return path.read_bytes()


def assert_refused(path, content, message):
    """Assert that a file of these bytes is refused, and nothing changes."""
    path.write_bytes(content)
    model = build()
    with pytest.raises(ValueError, match=rf"^Checkpoint: .*run\.ckpt {message}"):
        fit(model, path)
    assert model.steps_trained == 0
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


DAMAGED = "is not a checkpoint of prelunet, or is damaged: "


# ---- damage ------------------------------------------------------------------------------------


def test_a_flipped_byte_is_seen_wherever_it_is(content):
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="its SHA-256 does not match its contents"):
            sealed_npz.read(io.BytesIO(damaged))


@pytest.mark.parametrize("place", [0, 1000, -400, -1])
def test_a_run_refuses_a_file_with_a_flipped_byte(path, content, place):
    damaged = bytearray(content)
    damaged[place] ^= 0x10
    assert_refused(path, bytes(damaged), DAMAGED + "its SHA-256")


def test_a_truncated_file_is_refused(path, content):
    for length in [*range(0, len(content), 1201), len(content) - 64, len(content) - 1]:
        assert_refused(path, content[:length], DAMAGED + "its SHA-256")
    assert_refused(path, content + b"\0", DAMAGED + "its SHA-256")


def test_other_files_are_refused(path, tmp_path):
    model = build()
    model.save(tmp_path / "m.npz")
    saved = (tmp_path / "m.npz").read_bytes()
    (tmp_path / "m.npz").unlink()
    for other in (saved, b"text", b"\x93NUMPY" * 99):
        assert_refused(path, other, DAMAGED + "its SHA-256")


def sealed(text, **arrays):
    stream = io.BytesIO()
    sealed_npz.write(stream, text, arrays)
    return stream.getvalue()


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_whole_files_of_another_kind_are_refused(path, text):
    assert_refused(path, sealed(text), DAMAGED)


def test_another_format_is_refused(path, content):
    text = str(np.load(io.BytesIO(content))["prelunet"])
    later = json.dumps(json.loads(text) | {"checkpoint": 2, "version": "9.1"})
    message = r"has format 2 \(prelunet 9\.1\); this is prelunet .*, which reads format 1"
    assert_refused(path, sealed(later), message)


def test_any_reader_of_npz_opens_the_file(path, content):
    model = build()
    history = fit(model, path, epochs=2)
    with np.load(path, allow_pickle=False) as file:
        assert file["parameter/0.weight"].tobytes() == model.parameters()["0.weight"].tobytes()
        described = json.loads(str(file["prelunet"]))
    assert described["run"]["history"] == history.to_dict()


def test_a_file_that_cannot_be_read_is_no_reason_to_start_anew(path):
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=r"run\.ckpt"):
        fit(build(), path)


# ---- writes that fail --------------------------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_a_file_that_may_not_grow(path, there):
    """The limit of a process: the write ends with an error in its middle."""
    if there:
        fit(build(), path, epochs=2)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        assert_write_fails(path, OSError, errno.EFBIG)

    assert fork(limited) == 0


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_may_not_be_written(path, there):
    if there:
        fit(build(), path, epochs=2)

    def unprivileged():
        os.chdir(path.parent)  # the folders above it may not be searched
        os.chmod(".", 0o555)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setuid(65534)
        assert_write_fails(path.relative_to(path.parent), PermissionError, errno.EACCES)

    assert fork(unprivileged) == 0


FULL = """
    import errno, sys
    from pathlib import Path
    from checkpoint_runs import assert_same_ending, assert_write_fails, build, ending, fit

    path = Path(sys.argv[1], "run.ckpt")
    fit(build(), path, epochs=2)
    filler = path.with_name("filler")
    with open(filler, "wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(1000))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    assert_write_fails(path, OSError, errno.ENOSPC)
    filler.unlink()
    whole, other = build(), build()
    assert_same_ending(ending(other, fit(other, path)), ending(whole, fit(whole)))
    print("went on")
"""


def test_a_full_disk(tmp_path):
    """A disk of 200 kB of its own, mounted for one process alone."""
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = 'mount -t tmpfs -o size=200k none "$1" && shift && exec "$@"'
    mounted = [*mount, script, "sh", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*mounted, "true"], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    assert run_code(FULL, tmp_path, before=mounted).strip() == "went on"


def test_a_folder_that_is_not_there(tmp_path):
    model = build()
    message = r"^Checkpoint: the folder of path must exist, got '.*/away/a'"
    with pytest.raises(FileNotFoundError, match=message):
        fit(model, tmp_path / "away" / "a")
    assert model.steps_trained == 0


def test_a_file_in_the_folder_of_the_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(build(), "run.ckpt", epochs=1)
    assert os.listdir() == ["run.ckpt"]


def test_what_killed_writes_have_left_is_removed(path):
    """That of this file alone, and none of the user's."""
    path.with_name(".run.ckpt.0123456789abcdef.part").write_bytes(b"half")
    others = ["run.ckpt.2024-my-notes.part", "run.ckpt.123.part", ".run.ckpt.123.part"]
    others += [".run.ckpt.0123456789abcdef.partial", ".other.ckpt.0123456789abcdef.part"]
    for name in others:
        path.with_name(name).write_bytes(b"")
    fit(build(), path, epochs=1)
    assert sorted(os.listdir(path.parent)) == sorted([*others, path.name])
