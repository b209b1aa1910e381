"""Reading files: every failure names file and reason. Replacing them: the old file or the new."""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest

import prelunet as pn
from checkpoint_runs import build, fit
from prelunet._files import naming, reading, replacing

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


# ---- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (ValueError("bad magic"), ValueError, "read: a.bin: bad magic"),
        (ValueError("read: node 3: no"), ValueError, "read: a.bin: node 3: no"),
        (ValueError("read: a.bin has format 2"), ValueError, "read: a.bin has format 2"),
        (KeyError("seed"), ValueError, "read: a.bin: 'seed' is missing"),
        (TypeError("must be an int"), ValueError, "read: a.bin: must be an int"),
        (IndexError("list index"), ValueError, "read: a.bin: IndexError('list index')"),
        (RecursionError("maximum"), ValueError, "read: a.bin: it is nested too deeply"),
        (OverflowError(), ValueError, "read: a.bin: OverflowError()"),
        (OSError("not a gzip file"), ValueError, "read: a.bin: not a gzip file"),
        (OSError(errno.EINVAL, "seek"), ValueError, "read: a.bin: [Errno 22] seek"),
        (OSError(errno.EIO, "I/O"), OSError, "[Errno 5] I/O: 'a.bin'"),
        (MemoryError(), MemoryError, "read: a.bin: not enough memory"),
        (MemoryError("8 TB"), MemoryError, "read: a.bin: 8 TB"),
        (ImportError("pip install"), ImportError, "pip install"),
    ],
    ids=repr,
)
def test_every_error_becomes_a_documented_one_with_file_and_reason(raised, kind, message):
    with pytest.raises(kind) as found, naming("read", "a.bin"):
        raise raised
    assert type(found.value) is kind
    assert str(found.value) == message


def test_a_complaint_stands_before_the_reason():
    with (
        pytest.raises(ValueError, match=r"^load: m\.npz is no model: 'x' is missing$"),
        naming("load", "m.npz", "is no model"),
    ):
        raise KeyError("x")


def test_an_interrupt_stays_one():
    with pytest.raises(KeyboardInterrupt), naming("read", "a.bin"):
        raise KeyboardInterrupt


@needs_pipes
def test_a_length_that_a_file_declares_allocates_what_the_file_holds(tmp_path):
    path = tmp_path / "short"
    path.write_bytes(b"abcdef")
    with reading("load", path) as stream:
        assert stream.read(2) == b"ab"
        assert stream.read(1 << 50) == b"cdef"
        assert stream.read(1 << 50) == b""
        stream.seek(0)
        assert stream.read() == b"abcdef"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    for suffix in ("npz", "safetensors", "onnx"):
        os.mkfifo(tmp_path / f"m.{suffix}")
    for read, name in ((pn.load, "m.npz"), (pn.load, "m.safetensors"), (pn.from_onnx, "m.onnx")):
        with pytest.raises(ValueError, match=rf"m\.{name[2:]}.*: it must be a regular file"):
            read(tmp_path / name)
    with pytest.raises(ValueError, match="it must be a regular file"):
        fit(build(), tmp_path / "m.npz")


def test_a_folder_and_a_path_with_nul(tmp_path):
    with pytest.raises(IsADirectoryError), reading("read", tmp_path):
        pass
    with pytest.raises(ValueError, match=r"^load: a\x00b\.npz is not a model .*null"):
        pn.load("a\0b.npz")


# ---- replacing ---------------------------------------------------------------------------------


def write(path, content=b"new"):
    with replacing(str(path)) as stream:
        stream.write(content)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "a"
    path.touch(mode)
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    write(tmp_path / "a")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link", tmp_path / "there" / "target"
    link.symlink_to("there/target")
    for content in (b"first", b"second"):  # the link is dangling at first
        write(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert os.listdir(target.parent) == ["target"]


def test_links_that_others_lay_are_not_followed(tmp_path):
    """Names of temporary files cannot be predicted, and the file of a link is never opened."""
    victim, path = tmp_path / "victim", tmp_path / "a"
    victim.write_bytes(b"precious")
    (tmp_path / f"a.{os.getpid()}.part").symlink_to(victim)
    with replacing(str(path)) as stream:
        (name,) = {entry for entry in os.listdir(tmp_path) if entry.startswith(".a.")}
        stream.write(b"new")
    write(path)
    assert victim.read_bytes() == b"precious"
    assert name not in os.listdir(tmp_path)


def test_a_name_as_long_as_the_system_allows(tmp_path):
    write(tmp_path / ("a" * 255))
    assert os.listdir(tmp_path) == ["a" * 255]


def test_after_an_error_the_old_file_is_there(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(str(path)) as stream:
        stream.writelines([b"half", None])
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_threads_that_save_to_one_path_leave_a_whole_file(tmp_path):
    """Each load while two threads write sees one of the two files."""
    models = [pn.Sequential([pn.Dense(50)], input_shape=(80,), seed=seed) for seed in (1, 2)]
    path, errors = tmp_path / "m.npz", []
    models[0].save(path)

    def save(model):
        try:
            for _ in range(20):
                model.save(path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    seeds = {pn.load(path).seed for _ in range(40)}
    for thread in threads:
        thread.join()
    assert errors == []
    assert seeds <= {1, 2}
    assert os.listdir(tmp_path) == ["m.npz"]


def test_a_link_with_the_name_of_the_temporary_file_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "urandom", bytes)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".m.npz.{bytes(8).hex()}.part").symlink_to(victim)
    with pytest.raises(FileExistsError), replacing(str(tmp_path / "m.npz")) as stream:
        stream.write(b"new")
    assert victim.read_text() == "mine"
    assert not (tmp_path / "m.npz").exists()
