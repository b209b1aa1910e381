"""Exporters of models to the formats of other programs."""

from __future__ import annotations
