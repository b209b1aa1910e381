"""``prelunet predict``: images and rows, right and wrong ones."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prelunet as pn
from cli_runs import in_8_bits, save_digit, train
from prelunet import cli
from prelunet.cli.images import read_image
from prelunet.cli.metadata import Metadata


def predict_json(model_file, files, capsys):
    assert cli.main(["predict", str(model_file), *map(str, files), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_predict_reads_images_light_on_dark_and_the_reverse(model_file, held_out, tmp_path, capsys):
    rows = held_out.x_test[:6]
    expected = pn.load(str(model_file)).predict_proba(rows)
    dark = [tmp_path / f"dark{i}.png" for i in range(6)]
    light = [tmp_path / f"light{i}.png" for i in range(6)]
    for i, row in enumerate(rows):
        save_digit(dark[i], row)
        save_digit(light[i], 16 - row)
    for files, inverted in ((dark, False), (light, True)):
        for found, probabilities in zip(
            predict_json(model_file, files, capsys), expected, strict=True
        ):
            assert found["label"] == probabilities.argmax()
            assert found["inverted"] is inverted
            assert found["probability"] == max(found["probabilities"])
        for file, row in zip(files, rows, strict=True):
            picture = read_image(file, Metadata(image_shape=(8, 8, 1), pixel_max=16.0))
            np.testing.assert_array_equal(np.rint(picture.row), row)
    assert cli.main(["predict", str(model_file), str(dark[0]), str(light[0])]) == 0
    first, second = capsys.readouterr().out.splitlines()
    label = expected[0].argmax()
    assert re.fullmatch(rf"{re.escape(str(dark[0]))}: {label}  [01]\.\d{{4}}", first)
    assert second.startswith(f"{light[0]}: {label}  ")
    assert second.endswith("(inverted: its background is light)")


def test_predict_resizes_and_reads_other_kinds_of_images(model_file, held_out, tmp_path, capsys):
    label = int(pn.load(str(model_file)).predict_proba(held_out.x_test[:1]).argmax())
    grey = in_8_bits(held_out.x_test[0])
    large = Image.fromarray(grey).resize((64, 64), Image.Resampling.NEAREST)
    wide = Image.new("L", (128, 64))
    wide.paste(large, (32, 0))
    images = {
        "large.png": large,
        "color.jpg": large.convert("RGB"),
        "palette.gif": large.convert("P"),
        "sixteen.png": Image.fromarray((grey.astype(np.uint16) << 8).repeat(8, 0).repeat(8, 1)),
        "ink.png": Image.merge("LA", (Image.new("L", (64, 64), 0), large)),  # on no background
    }
    for name, image in images.items():
        image.save(tmp_path / name)
    files = [tmp_path / name for name in images]
    for found in predict_json(model_file, files, capsys):
        assert found["label"] == label, found["file"]
        assert found["inverted"] is found["file"].endswith("ink.png")


def test_predict_reads_rows_from_npz(model_file, held_out, tmp_path, capsys):
    rows, labels = held_out.x_test[:5], held_out.y_test[:5]
    expected = pn.load(str(model_file)).predict_proba(rows)
    np.savez(tmp_path / "flat.npz", X=rows)
    np.savez(tmp_path / "square.npz", X=rows.reshape(5, 8, 8), y=labels)
    files = [tmp_path / "flat.npz", tmp_path / "square.npz"]
    found = predict_json(model_file, files, capsys)
    assert [entry["row"] for entry in found] == [0, 1, 2, 3, 4] * 2
    probabilities = np.array([entry["probabilities"] for entry in found], dtype=np.float32)
    np.testing.assert_array_equal(probabilities, np.concatenate([expected, expected]))
    assert cli.main(["predict", str(model_file), str(files[0])]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{files[0]}[4]: {expected[4].argmax()}  ")


def test_predict_names_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train("--data", "moons", "--out", "none", "--save", "m.npz") == 0
    np.savez("points.npz", X=np.array([[0.0, 1.2], [1.0, -0.8]]))
    capsys.readouterr()
    assert cli.main(["predict", "m.npz", "points.npz"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["upper", "lower"]


def test_predict_refuses_files_it_cannot_use(model_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_digit("whole.png", np.arange(64) % 17)
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:60])
    Path("text").write_text("no image")
    np.savez("other.npz", Z=np.ones((2, 64)))
    np.savez("narrow.npz", X=np.ones((2, 5)))
    np.savez("objects.npz", X=np.array([{}], dtype=object))
    for file, message in {
        "nowhere.png": "does not exist",
        "cut.png": "cut.png: image file is truncated",
        "text": "text: neither an image nor an NPZ file",
        "other.npz": "under the name 'X', got Z",
        "narrow.npz": "64",
        "objects.npz": "objects.npz",
        ".": "the folder",
    }.items():
        assert cli.main(["predict", str(model_file), "whole.png", file]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("prelunet: error: ")
        assert message in printed.err


def test_predict_needs_to_know_the_images(blobs, capsys):
    assert train("--data", blobs, "--out", "none", "--save", "m.safetensors") == 0
    save_digit("a.png", np.arange(64) % 17)
    assert cli.main(["predict", "m.safetensors", "a.png"]) == 2
    assert "must say the shape of an image" in capsys.readouterr().err


def test_predict_without_pillow_names_the_extra(model_file, tmp_path, monkeypatch, capsys):
    save_digit(tmp_path / "a.png", np.arange(64) % 17)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert cli.main(["predict", str(model_file), str(tmp_path / "a.png")]) == 2
    assert "pip install 'prelunet[data]'" in capsys.readouterr().err


def test_predict_takes_models_that_python_saved(tmp_path, monkeypatch, capsys):
    """One sigmoid output is the probability of class 1, and images go into a network of images."""
    monkeypatch.chdir(tmp_path)
    model = pn.Sequential([pn.Flatten(), pn.Dense(1)], input_shape=(8, 8, 1), seed=0)
    model.compile(loss="sigmoid_cross_entropy")
    weights = np.zeros((1, 64), dtype=np.float32)
    weights[0, 0] = 1 / 16  # the logit is the first pixel, as a share of white, less a half
    model.set_parameters({"1.weight": weights, "1.bias": [-0.5]})
    about = {"image_shape": [8, 8, 1], "pixel_max": 16, "class_names": ["dark", "light"]}
    model.save("m.npz", metadata=about)
    for name, corner in (("black.png", 0), ("white.png", 16)):
        pixels = np.zeros(64)
        pixels[0] = corner
        save_digit(name, pixels)
    assert cli.main(["predict", "m.npz", "black.png", "white.png", "--threads", "1"]) == 0
    expected = f"{1 / (1 + np.exp(-0.5)):.4f}"
    assert capsys.readouterr().out.splitlines() == [
        f"black.png: dark  {expected}",
        f"white.png: light  {expected}",
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {"image_shape": [8, 8]},
        {"image_shape": [8, 8, 2]},
        {"image_shape": "8x8"},
        {"pixel_max": 10**400},
        {"pixel_max": "white"},
        {"class_names": 10},
        {"held_out": {"seed": 0}},
    ],
)
def test_metadata_that_make_no_sense_are_refused(metadata, tmp_path, capsys):
    model = pn.Sequential([pn.Dense(2)], input_shape=(64,), seed=0)
    model.save(tmp_path / "m.npz", metadata=metadata)
    save_digit(tmp_path / "a.png", np.zeros(64))
    assert cli.main(["predict", str(tmp_path / "m.npz"), str(tmp_path / "a.png")]) == 2
    assert "the model file's metadata cannot be read: " in capsys.readouterr().err
