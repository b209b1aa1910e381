"""Tables of numbers, categories and dates, and their encoding as rows of numbers for a network."""

from __future__ import annotations

from .columns import Column
from .encoders import CategoryEncoder, CodeEncoder, DateEncoder, Encoder, NumberEncoder
from .encoding import TableEncoder, choose_kinds
from .files import is_table_file, read_file
from .reading import Table, column_names, read_columns
from .scaling import quantiles
from .targets import CLASSIFICATION, REGRESSION, TASKS, task_of

__all__ = [
    "CLASSIFICATION",
    "REGRESSION",
    "TASKS",
    "CategoryEncoder",
    "CodeEncoder",
    "Column",
    "DateEncoder",
    "Encoder",
    "NumberEncoder",
    "Table",
    "TableEncoder",
    "choose_kinds",
    "column_names",
    "is_table_file",
    "quantiles",
    "read_columns",
    "read_file",
    "task_of",
]
