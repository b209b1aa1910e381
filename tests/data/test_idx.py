"""The IDX reader: every element type, and every way in which a file can lie."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tracemalloc

import numpy as np
import pytest

from prelunet.data import read_idx

TYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


def header(code: int, *sizes: int, rank: int | None = None) -> bytes:
    rank = len(sizes) if rank is None else rank
    return bytes([0, 0, code, rank]) + struct.pack(f">{len(sizes)}I", *sizes)


def lay_file(tmp_path, content: bytes, *, packed: bool = False):
    path = tmp_path / "some-images"
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_reads_every_element_type(tmp_path, idx_bytes, dtype, packed):
    values = np.array([[0, 1, 100], [2, 3, 127]], dtype=dtype)
    if not dtype.startswith("u"):
        values[0, 0] = -77
    if dtype.startswith("float"):
        values[1, 0] = 0.1
    got = read_idx(lay_file(tmp_path, idx_bytes(values), packed=packed))
    assert got.dtype == np.dtype(dtype)
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.flags.writeable
    np.testing.assert_array_equal(got, values)


def test_bytes_written_by_hand(tmp_path):
    content = bytes.fromhex("00000b02 00000001 00000002 0102 fffe")
    np.testing.assert_array_equal(read_idx(lay_file(tmp_path, content)), [[0x0102, -2]])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(1,), (4,), (2, 3, 4), (1,) * 32, (0,), (3, 0, 2)])
def test_reads_every_rank(tmp_path, idx_bytes, shape, packed):
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    got = read_idx(lay_file(tmp_path, idx_bytes(values), packed=packed))
    assert got.shape == shape
    np.testing.assert_array_equal(got, values)


@pytest.mark.parametrize("packed", [False, True])
def test_reads_more_than_one_chunk(tmp_path, idx_bytes, packed):
    values = np.random.default_rng(1).integers(-9, 9, (3, 1_000_003)).astype(np.int8)
    got = read_idx(lay_file(tmp_path, idx_bytes(values), packed=packed))
    np.testing.assert_array_equal(got, values)


def test_a_name_does_not_tell_whether_a_file_is_packed(tmp_path, idx_bytes):
    path = tmp_path / "plain.gz"
    path.write_bytes(idx_bytes(np.arange(3, dtype=np.uint8)))
    np.testing.assert_array_equal(read_idx(str(path)), [0, 1, 2])


def test_gzip_of_several_members(tmp_path, idx_bytes):
    content = idx_bytes(np.arange(9, dtype=np.uint8))
    path = tmp_path / "members"
    path.write_bytes(gzip.compress(content[:10]) + gzip.compress(content[10:]))
    np.testing.assert_array_equal(read_idx(path), np.arange(9))


@pytest.mark.parametrize("packed", [False, True])
def test_sha256_is_that_of_the_unpacked_file(tmp_path, idx_bytes, packed):
    content = idx_bytes(np.arange(6, dtype=np.int32).reshape(2, 3))
    path = lay_file(tmp_path, content, packed=packed)
    right = hashlib.sha256(content).hexdigest()
    np.testing.assert_array_equal(read_idx(path, sha256=right.upper()), [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match=rf"some-images: SHA-256 .* must be 00.*, got {right}"):
        read_idx(path, sha256="00" * 32)


BAD_FILES = {
    "empty": (b"", "magic must have 4 bytes, got 0"),
    "cut magic": (b"\0\0\x08", "magic must have 4 bytes, got 3"),
    "magic": (b"\0\1\x08\1" + b"\0" * 5, "magic must begin with two zero bytes, got 0x00010801"),
    "type": (header(0x0A, 1) + b"\0", "element type must be one of 0x08, .*0x0E, got 0x0A"),
    "rank 0": (header(0x08) + b"\0", "rank must be from 1 to 32, got 0"),
    "rank 33": (header(0x08, *[1] * 33) + b"\0", "rank must be from 1 to 32, got 33"),
    "cut sizes": (header(0x08, 2, rank=2), "sizes must have 8 bytes, got 4"),
    "no sizes": (header(0x08, rank=1), "sizes must have 4 bytes, got 0"),
    "missing": (header(0x0B, 3) + b"\0" * 5, r"data must have 6 bytes \(3 int16\), got 5 bytes"),
    "no data": (header(0x0E, 3), r"data must have 24 bytes \(3 float64\), got 0 bytes"),
    "trailing": (header(0x08, 2, 2) + b"\0" * 5, r"data must have 4 bytes \(2 x 2 uint8\), got "),
    "trailing nothing": (header(0x08, 0) + b"\0", r"data must have 0 bytes \(0 uint8\), got "),
    "2**31": (header(0x08, 2**16, 2**15) + b"\0", rf"data must have {2**31} bytes|sizes declare"),
    "2**32": (header(0x0D, 2**30) + b"\0", rf"data must have {2**32} bytes|sizes declare {2**32}"),
    "2**63": (header(0x08, 2**31, 2**31, 2), f"sizes must make at most {2**63 - 1} bytes, got "),
    "2**63 by type": (
        header(0x0E, 2**30, 2**30),
        f"sizes must make at most {2**63 - 1} bytes, got",
    ),
    "2**64": (header(0x08, 2**16, 2**16, 2**16, 2**16), "sizes must make at most "),
    "2**1024": (header(0x08, *[2**32 - 1] * 32), "sizes must make at most "),
    "hidden by zero": (header(0x08, 0, 2**31, 2**31, 2**31), "sizes must make at most "),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_by_name_and_field(tmp_path, case, packed):
    content, message = BAD_FILES[case]
    with pytest.raises(ValueError, match=f"^read_idx: .*some-images: ({message})"):
        read_idx(lay_file(tmp_path, content, packed=packed))


def test_trailing_bytes_of_a_plain_file_are_seen_before_it_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"data must have 4 bytes \(4 uint8\), got 5 bytes"):
        read_idx(lay_file(tmp_path, header(0x08, 4) + b"\0" * 5))


@pytest.mark.parametrize("packed", [False, True])
def test_nothing_is_allocated_for_sizes_that_the_file_cannot_hold(tmp_path, packed):
    path = lay_file(tmp_path, header(0x08, 2**10, 2**20), packed=packed)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="some-images"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_gzip_bomb_is_unpacked_no_further_than_its_declared_size(tmp_path):
    declared = 1000
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(header(0x08, declared) + bytes(2**27)))
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=rf"bomb: data must have {declared} bytes .*, got more"
        ):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**22


def test_gzip_that_holds_less_than_it_may(tmp_path):
    path = lay_file(tmp_path, header(0x08, 500) + b"\0" * 300, packed=True)
    with pytest.raises(ValueError, match=r"data must have 500 bytes \(500 uint8\), got 300 bytes"):
        read_idx(path)


def test_the_densest_gzip_is_within_the_bound(tmp_path):
    path = tmp_path / "zeros"
    path.write_bytes(gzip.compress(header(0x08, 2**24) + bytes(2**24)))
    assert path.stat().st_size < 2**24 / 1000
    assert read_idx(path).shape == (2**24,)


def broken_gzips():
    whole = gzip.compress(header(0x08, 200) + np.random.default_rng(0).bytes(200), mtime=0)
    wrong_sum = bytearray(whole)
    wrong_sum[-8] ^= 1
    wrong_length = bytearray(whole)
    wrong_length[-4] ^= 1
    return {
        "cut in the data": whole[:100],
        "cut in the check": whole[:-3],
        "cut in the head": whole[:5],
        "head alone": whole[:10],
        "wrong check": bytes(wrong_sum),
        "wrong length": bytes(wrong_length),
        "garbage after": whole + b"garbage",
        "unknown method": whole[:2] + b"\x07" + whole[3:],
        "not deflate": whole[:10] + b"\xff" * 50,
    }


@pytest.mark.parametrize("case", broken_gzips())
def test_a_broken_gzip_stream_is_refused(tmp_path, case):
    path = tmp_path / "broken.gz"
    path.write_bytes(broken_gzips()[case])
    with pytest.raises(ValueError, match=r"^read_idx: .*broken\.gz: the gzip stream must be whole"):
        read_idx(path)


def test_every_cut_and_every_flipped_header_bit_is_refused(tmp_path, idx_bytes):
    whole = idx_bytes(np.arange(6, dtype=np.int16).reshape(2, 3))
    path = tmp_path / "fuzzed"
    for content in (whole, gzip.compress(whole, mtime=0)):
        for cut in range(len(content)):
            path.write_bytes(content[:cut])
            with pytest.raises(ValueError, match="fuzzed"):
                read_idx(path)
    # No other type has two bytes, and any other rank or size asks for another length.
    header_bytes = 4 + 4 * 2
    for bit in range(8 * header_bytes):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(flipped))
        with pytest.raises(ValueError, match="fuzzed"):
            read_idx(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must be a file, got .*absent"):
        read_idx(tmp_path / "absent")


def test_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="path must be a file, got the folder"):
        read_idx(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="path must be a regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.parametrize("path", [None, 3, b"bytes", ["list"]])
def test_path_of_another_type(path):
    with pytest.raises(TypeError, match="read_idx: path must be a string or a path, got"):
        read_idx(path)
