"""Check a wheel: its size, what it holds and what it asks for."""

import re
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

LARGEST = 2_000_000  # bytes
MUST_HOLD = [
    r"prelunet/_core\.[^/]+\.so",
    r"prelunet/_core/__init__\.pyi",
    r"prelunet/py\.typed",
    r"prelunet/bench/__main__\.py",
    r"prelunet/data/digits\.npz",
    r"prelunet-[^/]+\.dist-info/licenses/LICENSE",
]
MAY_HOLD = re.compile(
    r"prelunet/.+\.(py|pyi|npz|so)|prelunet/(py\.typed|data/README\.md)|prelunet-[^/]+\.dist-info/.+"
)


def faults(path: Path) -> list[str]:
    found = []
    if path.stat().st_size > LARGEST:
        found.append(f"{path.stat().st_size} bytes, more than {LARGEST}")
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(wheel.read(metadata_name).decode())
    for pattern in MUST_HOLD:
        if not any(re.fullmatch(pattern, name) for name in names):
            found.append(f"nothing in it is {pattern}")
    found += [f"{name} does not belong in it" for name in names if not MAY_HOLD.fullmatch(name)]
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    if [re.match(r"[\w-]+", line)[0] for line in required] != ["numpy"]:
        found.append(f"must require numpy alone, requires {required}")
    return found


def main() -> None:
    path = Path(sys.argv[1])
    print(f"{path.name}: {path.stat().st_size} bytes")
    sys.exit("\n".join(faults(path)) or None)


if __name__ == "__main__":
    main()
