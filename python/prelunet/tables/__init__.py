"""Tables of numbers, categories and dates, and their encoding as rows of numbers for a network."""

from __future__ import annotations

from .columns import Column
from .encoders import CategoryEncoder, CodeEncoder, Encoder, NumberEncoder
from .encoding import TableEncoder, choose_kinds
from .reading import Table, read_columns
from .scaling import quantiles

__all__ = [
    "CategoryEncoder",
    "CodeEncoder",
    "Column",
    "Encoder",
    "NumberEncoder",
    "Table",
    "TableEncoder",
    "choose_kinds",
    "quantiles",
    "read_columns",
]
