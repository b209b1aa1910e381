"""Image files that are damaged, huge or of other formats."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from prelunet.cli.images import FORMATS, MOST_BYTES, read_image
from prelunet.cli.metadata import Metadata

GREY, COLOR = (Metadata(image_shape=(8, 8, channels)) for channels in (1, 3))

TOO_LONG = (MOST_BYTES // 4 + 1, 1)


def encoded(image, kind, **options):
    """Return the bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def read(content, metadata=GREY):
    return read_image(io.BytesIO(content), metadata)


def png(width, height):
    """Return a PNG that declares a size and holds no pixels."""

    def chunk(kind, content):
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def tiff(width, height):
    """Return a TIFF of a few tags."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 278: height, 279: 8}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IQH", 16, 0, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("make", [png, tiff])
@pytest.mark.parametrize("size", [(13_000, 13_000), (2**31 - 1, 2**31 - 1), TOO_LONG])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(make, size):
    with pytest.raises(ValueError, match=f"at most {MOST_BYTES:,} bytes"):
        read(make(*size))


def photograph(width, height, mode="RGB"):
    image = Image.new(mode, (width, height), "white")
    image.paste("black", (width // 4, height // 4, width // 2, height // 2))
    return image


@pytest.mark.parametrize("metadata", [GREY, COLOR])
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_photographs_are_read(metadata, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(photograph(4200, 4200), "JPEG", exif=exif)
    pixels = read(content, metadata).row.reshape(8, 8, -1)
    dark = pixels.mean(axis=2) < 128
    if metadata is GREY:
        dark = ~dark  # inverted, since the border is light
    assert dark[2:4, 4:6].all() if orientation == 6 else dark[2:4, 2:4].all()
    assert dark.sum() < 16


def test_a_large_scan_is_read():
    assert read(encoded(photograph(4096, 3072, "L"), "PNG")).inverted


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX", "SGI", "EPS", "PDF"])
def test_other_formats_are_not_opened(kind):
    content = encoded(Image.new("RGB", (16, 16), "red"), kind)
    with pytest.raises(ValueError, match="neither an image nor an NPZ file; images are PNG"):
        read(content)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_documented_format_is_read(kind):
    content = encoded(Image.new("L", (8, 8), 60).convert("RGB"), kind, quality=100)
    np.testing.assert_allclose(read(content).row, 60, atol=2)
    np.testing.assert_allclose(read(content, COLOR).row, 60, atol=2)


def test_tiles_are_converted_like_the_whole_image(rng):
    pixels = rng.integers(0, 256, (700, 531, 4), dtype=np.uint8)
    ours = read(encoded(Image.fromarray(pixels), "PNG"), Metadata(image_shape=(700, 531, 3)))
    colors = Image.fromarray(pixels)
    paper = Image.new("RGBA", colors.size, "white")
    whole = np.asarray(Image.alpha_composite(paper, colors).convert("RGB"), np.float32)
    np.testing.assert_array_equal(ours.row, whole.reshape(-1))


def test_a_model_of_more_pixels_than_an_image_may_have():
    with pytest.raises(ValueError, match="the model's images are too large, 1000000 x 1000000"):
        read(png(8, 8), Metadata(image_shape=(10**6, 10**6, 1)))


def test_the_copy_in_color_counts():
    """Found by the fuzzer: decoded and converted pixels were held together."""
    content = png(4096, 2600)
    with pytest.raises(ValueError, match=r"at most .* bytes, got 4096 x 2600"):
        read(content, COLOR)
    with pytest.raises(OSError, match="truncated"):
        read(content, GREY)
