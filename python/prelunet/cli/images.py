"""Conversion of image files to rows for a model trained on images."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prelunet._extras import require
from prelunet.cli.metadata import Metadata

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = 255  # in 8 bits

# Exceptions that Pillow raises for corrupt files.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)


class Picture(NamedTuple):
    """A row for the model, and whether it was inverted."""

    row: NDArray[np.float32]
    inverted: bool


def read_image(path: Path, metadata: Metadata) -> Picture:
    """Read an image in the format of the model's data: light strokes on dark, of the same size.

    Transparent pixels become white. A grayscale image with a light border is inverted. An image of
    another size is padded with background to the model's aspect ratio and resized.
    """
    if metadata.image_shape is None:
        raise ValueError(
            f"predict: {path}: the model must say the shape of an image to take one, got a model "
            'saved without metadata={"image_shape": [height, width, channels]}'
        )
    height, width, channels = metadata.image_shape
    pillow = require("PIL.Image", extra="data", purpose="reading image files")
    image_ops = require("PIL.ImageOps", extra="data", purpose="reading image files")
    try:
        with pillow.open(path) as file:
            image = _on_paper(pillow, image_ops.exif_transpose(file))
    except pillow.UnidentifiedImageError as error:
        raise ValueError(f"predict: {path}: neither an image nor an NPZ file") from error
    except (*_BROKEN, pillow.DecompressionBombError) as error:
        raise ValueError(f"predict: {path}: not an image that can be read: {error}") from error
    image = image.convert("L" if channels == 1 else "RGB")
    inverted = channels == 1 and _has_light_border(np.asarray(image))
    if inverted:
        image = image_ops.invert(image)
    if image.size != (width, height):
        image = image_ops.pad(image, (width, height), method=pillow.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) * np.float32((metadata.pixel_max or WHITE) / WHITE)
    return Picture(pixels.reshape(-1), inverted)


def _on_paper(pillow: ModuleType, image: Image) -> Image:
    """Return the image with 8 bits per channel and without transparency."""
    if image.mode.startswith("I"):  # 16-bit grayscale, which convert() would clip instead of scale
        grey: Image = pillow.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
        return grey
    if not image.has_transparency_data:
        return image.convert("RGB")
    colors = image.convert("RGBA")
    paper = pillow.new("RGBA", colors.size, "white")
    composite: Image = pillow.alpha_composite(paper, colors)
    return composite.convert("RGB")


def _has_light_border(pixels: NDArray[np.uint8]) -> bool:
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.median(border) > 127)
