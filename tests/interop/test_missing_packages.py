"""Models of libraries that are not installed: an error that says what to install."""

from __future__ import annotations

import sys

import pytest

import prelunet as pn


@pytest.mark.parametrize(
    ("package", "install"),
    [("onnx", r"'prelunet\[io\]'"), ("torch", "torch$"), ("keras", "keras$")],
)
def test_a_missing_package_is_named(package, install, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    read = getattr(pn, f"from_{package}")
    with pytest.raises(ImportError, match=rf"{package}.*not installed: pip install {install}"):
        read(tmp_path / "m.onnx")
