"""The metadata of a model file: its training data and their format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class HeldOut:
    """How rows were held out, and a fingerprint to recognize them."""

    test_size: float
    seed: int
    sha256: str


@dataclass(frozen=True)
class Metadata:
    """The metadata that the commands write to a model file and read from it.

    All fields may be missing in files written by other programs.
    """

    data: str | None = None
    held_out: HeldOut | None = None  # None if the data set has its own test rows
    image_shape: tuple[int, int, int] | None = None  # (height, width, channels) if rows are images
    pixel_max: float | None = None  # a white pixel; 255 for images by default
    class_names: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON values for the file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Metadata:
        """Return the metadata of a file; a value of a wrong type is a ValueError."""
        held_out, image_shape = values.get("held_out"), values.get("image_shape")
        class_names, pixel_max = values.get("class_names"), values.get("pixel_max")
        try:
            read = cls(
                data=values.get("data"),
                held_out=None if held_out is None else HeldOut(**held_out),
                image_shape=None if image_shape is None else _image_shape(image_shape),
                pixel_max=None if pixel_max is None else float(pixel_max),
                class_names=None if class_names is None else tuple(map(str, class_names)),
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"the model file's metadata cannot be read: {error}") from error
        return read

    def class_name(self, label: int) -> str:
        """Return the name of a label; without names, the label as text."""
        names = self.class_names
        return str(label) if names is None or label >= len(names) else names[label]


def _image_shape(value: Iterable[int]) -> tuple[int, int, int]:
    height, width, channels = (int(size) for size in value)
    if min(height, width) < 1 or channels not in (1, 3):
        raise ValueError(f"image_shape must be (height, width, 1 or 3), got {value!r}")
    return height, width, channels
