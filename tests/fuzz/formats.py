"""A generator of damaged files for each format, and the reader of the format."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import warnings
import zlib
from contextlib import suppress
from functools import cached_property

import numpy as np

import prelunet as pn
from prelunet import data
from prelunet.cli.metadata import Metadata
from prelunet.cli.predict import read_source
from prelunet.formats import npz, safetensors, sealed_npz

from . import mutate
from .models import models
from .mutate import pick
from .onnx_files import Onnx


def npy_bytes(values):
    """Return an array as NumPy writes it."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)
    return stream.getvalue()


class Models:
    """Model files: the description, the arrays, or the container are damaged."""

    share = 2  # of the files of a turn; those of other formats are made faster

    def __init__(self, suffix):
        self.suffix, self.format = suffix, {"npz": npz, "safetensors": safetensors}[suffix]

    @cached_property
    def samples(self):
        found = []
        for model in models():
            model.metadata = {"image_shape": [6, 5, 1], "class_names": ["a", "b"]}
            state = model.__getstate__()
            found.append((json.loads(json.dumps(state["description"])), state["arrays"]))
        return found

    def make(self, rng):
        description, whole = pick(rng, self.samples)
        kind = int(rng.integers(5))
        if kind == 0:
            return self._raw(rng, mutate.text_of(description), whole)
        if kind in (1, 2):
            description = mutate.json_value(rng, description)
        arrays = mutate.arrays(rng, whole) if kind in (2, 3) else whole
        text = mutate.text_of(description)
        try:
            content = self.written(text, arrays)
        except Exception:  # safetensors takes fewer dtypes than NumPy has
            content = self.written(text, whole)
        return mutate.some(rng, content) if kind == 4 else content

    def written(self, text, arrays):
        stream = io.BytesIO()
        self.format.write(stream, text, arrays)
        return stream.getvalue()

    def _raw(self, rng, text, arrays):
        if self.suffix == "safetensors":
            return self._raw_safetensors(rng, text, arrays)
        members = {
            f"{n}.npy": npy_bytes(v) for n, v in {"prelunet": np.array(text), **arrays}.items()
        }
        name = str(pick(rng, list(members)))
        values = {"prelunet.npy": np.array(text)}
        members[name] = mutate.npy(rng, values.get(name, arrays.get(name.removesuffix(".npy"))))
        content = mutate.archive(rng, members, compressed=rng.random() < 0.1)
        return mutate.zip_fields(rng, content) if rng.random() < 0.5 else content

    def _raw_safetensors(self, rng, text, arrays):
        content = self.written(text, arrays)
        length = int.from_bytes(content[:8], "little")
        header = mutate.json_value(rng, json.loads(content[8 : 8 + length]))
        changed = mutate.text_of(header).encode()
        size = len(changed) if rng.random() < 0.8 else int(pick(rng, mutate.INTEGERS))
        return size.to_bytes(8, "little") + changed + content[8 + length :]

    def read(self, path):
        model = pn.load(path)
        repr(model)
        shape = model.input_shape
        if shape is not None and np.prod(shape, dtype=float) < 10_000:
            model.predict(np.zeros((2, *shape), model.dtype))


class Checkpoints:
    """Checkpoints, whose seal fits what is damaged inside, mostly."""

    suffix, share = "ckpt", 1

    @cached_property
    def rows(self):
        rng = np.random.default_rng(7)
        return rng.standard_normal((12, 4)), rng.integers(3, size=12)

    @cached_property
    def model(self):
        model = pn.Sequential(
            [pn.Dense(3, activation="prelu"), pn.Dense(3)], input_shape=(4,), seed=3
        )
        model.compile(pn.Adam(0.01), metrics=["accuracy"])
        return model

    def fit(self, path):
        callbacks = [
            pn.Checkpoint(path),
            pn.EarlyStopping("loss", patience=9, restore_best_weights=True),
            pn.ReduceLROnPlateau("loss", patience=1),
            pn.TerminateOnNaN(),
        ]
        self.model.stop_training = False
        self.model.compile(pn.Adam(0.01), metrics=["accuracy"])
        self.model.epochs_trained = 0
        self.model.fit(*self.rows, epochs=2, batch_size=6, callbacks=callbacks, verbose=0)

    def prepare(self, folder):
        """Write the checkpoint that the damaged ones are made of."""
        path = folder / "whole.ckpt"
        self.fit(path)
        self.content = path.read_bytes()
        text, self.arrays = sealed_npz.read(io.BytesIO(self.content))
        self.description = json.loads(text)

    def make(self, rng):
        description, arrays, kind = self.description, self.arrays, int(rng.integers(5))
        if kind == 0:  # the seal fits the damage
            content = mutate.some(rng, self.content[:-64])
            return content + hashlib.sha256(content).hexdigest().encode()
        if kind in (1, 2):
            description = mutate.json_value(rng, description)
        if kind in (2, 3):
            arrays = mutate.arrays(rng, arrays)
        stream = io.BytesIO()
        sealed_npz.write(stream, mutate.text_of(description), arrays)
        content = stream.getvalue()
        return mutate.some(rng, content, 1) if kind == 4 else content

    def read(self, path):
        self.fit(path)


class Idx:
    """IDX files, plain or packed after they were damaged."""

    suffix, share = "idx", 5

    def make(self, rng):
        code, dtype = pick(
            rng, [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
        )
        shape = tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5))))
        sizes = b"".join(struct.pack(">I", size) for size in shape)
        content = bytes([0, 0, code, len(shape)]) + sizes
        content += rng.bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        if rng.random() < 0.8:
            content = mutate.some(rng, content, int(rng.integers(1, 3)))
        if rng.random() < 0.4:
            content = gzip.compress(content, 1)
            if rng.random() < 0.4:
                content = mutate.some(rng, content, 1)
        return content

    def read(self, path):
        data.read_idx(path)


class Npz:
    """Data sets as NPZ, whose checksums fit the damage, mostly."""

    suffix, share = "npz", 4

    def make(self, rng):
        x = rng.integers(0, 255, (5, 3)).astype(str(pick(rng, ["u1", "f4", "f8", ">i4"])))
        y = rng.integers(0, 3, 5)
        arrays = pick(
            rng, [{"X": x, "y": y}, {"x_train": x, "y_train": y, "x_test": x, "y_test": y}]
        )
        kind = int(rng.integers(4))
        if kind == 0:
            arrays = mutate.arrays(rng, arrays)
        members = {f"{name}.npy": npy_bytes(values) for name, values in arrays.items()}
        if kind in (1, 2) and members:
            name = str(pick(rng, list(members)))
            members[name] = mutate.npy(rng, arrays[name.removesuffix(".npy")])
        content = mutate.archive(rng, members, compressed=rng.random() < 0.5)
        if kind in (2, 3):
            change = mutate.zip_fields if rng.random() < 0.5 else mutate.some
            content = change(rng, content)
        return content

    def read(self, path):
        data.read_npz(path, targets="labels" if path.stat().st_size % 2 else "values")


class Csv:
    """Tables with odd cells, separators and bytes."""

    suffix, share = "csv", 5
    CELLS = (
        "",
        "nan",
        "inf",
        "-1e999",
        "1e-320",
        '"',
        '""',
        '"1',
        "1_0",
        "0x10",
        "\0",
        "\ufeff",
        " 1 ",
    )
    CELLS += (
        "a",
        "1;2",
        "\t",
        "1,5",
        "\r",
        "\u2028",
        "9" * 400,
        "1" * 140_000,
        "true",
        "#",
        "\u0661",
    )

    def make(self, rng):
        rows = [[f"{v:.4g}" for v in row] for row in rng.standard_normal((4, 3))]
        rows = [[*row, str(int(rng.integers(3)))] for row in rows]
        if rng.random() < 0.5:
            rows.insert(0, ["a", "b", "c", "label"])
        for _ in range(int(rng.integers(0, 4))):
            row = pick(rng, rows)
            if row and rng.random() < 0.8:
                row[int(rng.integers(len(row)))] = str(pick(rng, self.CELLS))
            elif rng.random() < 0.5:
                row.append("1")
            else:
                del row[-1:]
        separator = ";" if rng.random() < 0.05 else ","
        ending = str(pick(rng, ["\n", "\r\n", "\r", "\n\n"]))
        content = ending.join(separator.join(row) for row in rows).encode()
        return mutate.some(rng, content) if rng.random() < 0.3 else content

    def read(self, path):
        data.read_csv(path, targets="labels" if path.stat().st_size % 2 else "values")


class Pictures:
    """Images: bytes of every format, and chunks and pixels of PNG with checksums that fit."""

    suffix, share = "png", 4

    @cached_property
    def samples(self):
        from PIL import Image

        rng = np.random.default_rng(3)
        found = []
        for mode, channels in (("L", 1), ("RGB", 3), ("RGBA", 4), ("P", 1), ("1", 1)):
            pixels = rng.integers(0, 256, (14, 11, channels), dtype=np.uint8).squeeze()
            image = Image.fromarray(pixels).convert(mode)
            for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
                stream = io.BytesIO()
                try:
                    options = {"compression": "tiff_lzw"} if kind == "TIFF" and mode != "1" else {}
                    image.save(stream, kind, **options)
                except OSError:  # JPEG has no transparency
                    continue
                found.append(stream.getvalue())
        return found

    def make(self, rng):
        content = pick(rng, self.samples)
        if content.startswith(b"\x89PNG") and rng.random() < 0.8:
            return self._png(rng, content)
        return mutate.some(rng, content, int(rng.integers(1, 4)))

    def _png(self, rng, content):
        chunks, place = [], 8
        while place < len(content):
            length = int.from_bytes(content[place : place + 4], "big")
            chunks.append([content[place + 4 : place + 8], content[place + 8 : place + 8 + length]])
            place += 12 + length
        for _ in range(int(rng.integers(1, 3))):
            chunk = pick(rng, chunks)
            kind = int(rng.integers(5))
            if kind == 0:
                chunk[0] = bytes(
                    pick(rng, [b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fdAT"])
                )
            elif kind == 1 and chunk[0] == b"IDAT":
                with suppress(zlib.error):  # it may be damaged already
                    chunk[1] = zlib.compress(mutate.some(rng, zlib.decompress(chunk[1]), 1))
            elif kind == 2:
                chunks.insert(int(rng.integers(len(chunks))), list(pick(rng, chunks)))
            else:
                chunk[1] = mutate.some(rng, chunk[1], 1)
        made = content[:8]
        for kind, inside in chunks:
            made += struct.pack(">I", len(inside)) + kind + inside
            made += struct.pack(">I", zlib.crc32(kind + inside))
        return made

    def read(self, path):
        channels = 1 if path.stat().st_size % 2 else 3
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow tells of damage that it can bear
            read_source(path, Metadata(image_shape=(8, 8, channels)))


FORMATS = {
    "model": Models("npz"),
    "safetensors": Models("safetensors"),
    "checkpoint": Checkpoints(),
    "onnx": Onnx(),
    "idx": Idx(),
    "npz": Npz(),
    "csv": Csv(),
    "picture": Pictures(),
}
