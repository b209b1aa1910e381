"""Running the command line in tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from prelunet import cli


def prelunet(*arguments, cwd):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "prelunet", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def train(*arguments):
    """Train shortly in this process; return the exit code."""
    return cli.main(["train", "--epochs", "5", "--hidden", "16", *map(str, arguments)])


def read_results(folder):
    """Return what a run wrote into results.json."""
    return json.loads(Path(folder, "results.json").read_text())


def in_8_bits(pixels):
    """Return a digit of 0..16 as an image of 0..255."""
    return np.round(pixels / 16 * 255).astype(np.uint8).reshape(8, 8)


def save_digit(path, pixels):
    """Write such an image."""
    Image.fromarray(in_8_bits(pixels)).save(path)
