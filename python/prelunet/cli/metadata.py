"""What a model file says beside the model: the data it was trained on, and what they look like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class HeldOut:
    """How rows were held out, and a fingerprint by which they are known again."""

    test_size: float
    seed: int
    sha256: str


@dataclass(frozen=True)
class Metadata:
    """The metadata that the commands write into a model file and read from it.

    All of it may be absent, in a file that was written by other means.

    Parameters
    ----------
    data : str, optional
        The name of the data set.
    held_out : HeldOut, optional
        Which rows were not trained on; None where the data set has test rows of its own.
    image_shape : tuple of int, optional
        (height, width, channels) if rows are images.
    pixel_max : float, optional
        The value of a white pixel; 255 in images unless given.
    class_names : tuple of str, optional
        A name for each label.
    """

    data: str | None = None
    held_out: HeldOut | None = None
    image_shape: tuple[int, int, int] | None = None
    pixel_max: float | None = None
    class_names: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what goes into the file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Metadata:
        """Return what a file says.

        Raises
        ------
        ValueError
            If a value is not of the kind described.
        """
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
        except (TypeError, ValueError) as error:
            raise ValueError(f"the model file's metadata cannot be read: {error}") from error
        return read

    def class_name(self, label: int) -> str:
        """Return the name of a label, which is its number where there are no names."""
        names = self.class_names
        return str(label) if names is None or label >= len(names) else names[label]


def _image_shape(value: Iterable[int]) -> tuple[int, int, int]:
    height, width, channels = (int(size) for size in value)
    if min(height, width) < 1 or channels not in (1, 3):
        raise ValueError(f"image_shape must be (height, width, 1 or 3), got {value!r}")
    return height, width, channels
