"""Conversion of image files to rows for a model trained on images."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prelunet._extras import require
from prelunet.cli.metadata import Metadata

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = 255  # in 8 bits

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
MOST_BYTES = 60 << 20  # of a decoded image; a small file may declare any number of pixels
_TILE = 512  # rows and columns converted at a time
_ORIENTATION = 0x0112  # in EXIF
_JPEG_SCALE = 4  # size at which a larger JPEG is decoded, relative to the model's images


class Picture(NamedTuple):
    """A row for the model, and whether it was inverted."""

    row: NDArray[np.float32]
    inverted: bool


def read_image(stream: BinaryIO, metadata: Metadata) -> Picture:
    """Read an image in the format of the model's data: light strokes on dark, of the same size.

    Transparent pixels become white. A grayscale image with a light border is inverted. An image of
    another size is padded with background to the model's aspect ratio and resized.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    ValueError
        If it is not a complete image of a format in `FORMATS`, takes more than `MOST_BYTES`, or the
        model's metadata have no image shape.
    Exception
        Of many types, if the image is damaged.
    """
    if metadata.image_shape is None:
        raise ValueError(
            "the model must say the shape of an image to take one, got a model "
            'saved without metadata={"image_shape": [height, width, channels]}'
        )
    height, width, channels = metadata.image_shape
    if height * width * 4 > MOST_BYTES:
        raise ValueError(f"the model's images are too large, {height} x {width}")
    pillow = require("PIL.Image", extra="data", purpose="reading image files")
    image_ops = require("PIL.ImageOps", extra="data", purpose="reading image files")
    image = _decoded(stream, "L" if channels == 1 else "RGB", (width, height))
    inverted = channels == 1 and _has_light_border(image)
    if inverted:
        image = image_ops.invert(image)
    if image.size != (width, height):
        image = image_ops.pad(image, (width, height), method=pillow.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) * np.float32((metadata.pixel_max or WHITE) / WHITE)
    return Picture(pixels.reshape(-1), inverted)


def _decoded(stream: BinaryIO, mode: str, size: tuple[int, int]) -> Image:
    """Return an image in a mode, upright and on white; at least of a size if it was larger."""
    pillow = require("PIL.Image", extra="data", purpose="reading image files")
    image_ops = require("PIL.ImageOps", extra="data", purpose="reading image files")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)  # our limit is lower
            file: Image = pillow.open(stream, formats=FORMATS)
    except pillow.DecompressionBombError as error:
        raise ValueError(f"an image must take at most {MOST_BYTES:,} bytes: {error}") from error
    except pillow.UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise ValueError(f"neither an image nor an NPZ file; images are {known}") from error
    file.draft(None, (_JPEG_SCALE * size[0], _JPEG_SCALE * size[1]))
    converts = file.mode != mode or file.has_transparency_data
    copy = (1 if mode == "L" else 4) if converts else 0
    _check_size(file, copy)
    if file.getexif().get(_ORIENTATION, 1) != 1:
        _check_size(file, 4)
    image_ops.exif_transpose(file, in_place=True)
    file.load()
    return _on_paper(pillow, file, mode) if converts else file


def _check_size(image: Image, copy: int) -> None:
    """Refuse an image that is too large, with a copy of 0, 1 (mode L) or 4 bytes per pixel."""
    if image.width * image.height * (4 + copy) > MOST_BYTES:
        raise ValueError(
            f"an image must take at most {MOST_BYTES:,} bytes, got {image.width} x {image.height} "
            "pixels; scale it down"
        )


def _on_paper(pillow: ModuleType, image: Image, mode: str) -> Image:
    """Return the image with 8 bits per channel and without transparency.

    Converts tile by tile, so that no other copy of the whole image is made.
    """
    made: Image = pillow.new(mode, image.size)
    for top in range(0, image.height, _TILE):
        for left in range(0, image.width, _TILE):
            right, bottom = min(left + _TILE, image.width), min(top + _TILE, image.height)
            tile = image.crop((left, top, right, bottom))
            made.paste(_tile_on_paper(pillow, tile).convert(mode), (left, top))
    return made


def _tile_on_paper(pillow: ModuleType, image: Image) -> Image:
    if image.mode.startswith("I"):  # 16-bit grayscale, which convert() would clip instead of scale
        grey: Image = pillow.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
        return grey
    if not image.has_transparency_data:
        return image.convert("RGB")
    colors = image.convert("RGBA")
    paper = pillow.new("RGBA", colors.size, "white")
    composite: Image = pillow.alpha_composite(paper, colors)
    return composite.convert("RGB")


def _has_light_border(image: Image) -> bool:
    right, bottom = image.size
    sides = [(0, 0, right, 1), (0, bottom - 1, right, bottom)]
    sides += [(0, 0, 1, bottom), (right - 1, 0, right, bottom)]
    border = np.concatenate([np.asarray(image.crop(side)).ravel() for side in sides])
    return bool(np.median(border) > 127)
