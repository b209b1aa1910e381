"""Print the shell commands that follow a marker in README.md.

``readme_command.py test-command`` prints the block after ``<!-- test-command -->``, so that CI runs
the documented commands.
"""

import re
import sys
from pathlib import Path


def main() -> None:
    marker = sys.argv[1]
    readme = Path(__file__).resolve().parents[1] / "README.md"
    blocks = re.findall(
        rf"<!-- {re.escape(marker)} -->\n+```sh\n(.*?)```", readme.read_text(), re.DOTALL
    )
    if len(blocks) != 1:
        sys.exit(f"README.md: one sh block must follow <!-- {marker} -->, found {len(blocks)}")
    print(blocks[0], end="")


if __name__ == "__main__":
    main()
