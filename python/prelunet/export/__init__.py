"""Models as files that other programs run."""

from __future__ import annotations
