"""Check that the files in wheels and source distributions have the date $SOURCE_DATE_EPOCH."""

import os
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path


def dates(path: Path) -> set[datetime]:
    """Return the dates of all files in an archive; ZIP files keep even seconds only."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {datetime(*info.date_time, tzinfo=UTC) for info in wheel.infolist()}
    with tarfile.open(path) as sdist:
        return {datetime.fromtimestamp(member.mtime, UTC) for member in sdist}


def main() -> None:
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    expected = datetime.fromtimestamp(epoch - epoch % 2, UTC)
    faults = []
    for path in map(Path, sys.argv[1:]):
        found = {date.replace(second=date.second - date.second % 2) for date in dates(path)}
        if found != {expected}:
            faults.append(f"{path.name}: expected {expected}, got {sorted(found)[:5]}")
    sys.exit("\n".join(faults) or None)


if __name__ == "__main__":
    main()
