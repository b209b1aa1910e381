"""Check the results of training on the included digits: accuracy, model, optional figures."""

import argparse
import json
import sys
from pathlib import Path

ACCURACY = 0.97  # on held-out rows; the project's guarantee
PNG = b"\x89PNG\r\n\x1a\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figures", action="store_true", help="require figures")
    arguments = parser.parse_args()
    folder = arguments.folder

    accuracy = json.loads((folder / "results.json").read_text())["test_accuracy"]
    models = sorted(path.name for path in folder.glob("*.npz"))
    figures = sorted(path.name for path in folder.glob("*.png"))
    print(f"{folder}: test accuracy {accuracy:.4f}, models {models}, figures {figures}")

    if not ACCURACY <= accuracy <= 1:
        sys.exit(f"test accuracy must be at least {ACCURACY}")
    if not models:
        sys.exit("no model found")
    if arguments.figures and not figures:
        sys.exit("no figures found")
    for name in figures:
        if not (folder / name).read_bytes().startswith(PNG):
            sys.exit(f"{name} is not a PNG file")


if __name__ == "__main__":
    main()
