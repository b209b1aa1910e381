"""The options of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .peers import OURS, PEERS, PRODUCTS

REFERENCE = "numpy"
"""The peer whose float64 answer is the reference."""


@dataclass(frozen=True)
class Options:
    """What to measure, with which peers, and for how long."""

    threads: int
    against: Sequence[str] | None = None  # names in `peers.PEERS`; by default all installed
    only: Sequence[str] | None = None  # names or patterns (W*) of cases; by default all
    quick: bool = False  # shorten the run to a minute
    check: bool = False  # compare answers only
    scaling: bool = False  # also measure scaling
    estimators: bool = False  # also compare the estimators with scikit-learn's
    many: bool = False  # also measure many small networks at once
    quiet: bool = False  # print no progress on stderr

    def peers(self) -> list[str]:
        """Return the peers of the run: prelunet first, then in registry order."""
        wanted = self.against
        if wanted is None:
            wanted = [REFERENCE, PRODUCTS] if self.quick else list(PEERS)
            wanted = [name for name in wanted if PEERS[name].installed()]
        for name in wanted:
            if name not in PEERS:
                raise ValueError(
                    f"bench: against must be names among {', '.join(PEERS)}, got {name!r}"
                )
            if not PEERS[name].installed():
                needs = " and ".join(PEERS[name].needs).replace("|", " or ")
                raise ValueError(f"bench: {name} needs {needs}, which is not installed")
        return [name for name in PEERS if name == OURS or name in wanted]

    def cases(self, names: Sequence[str], quick: Sequence[str]) -> list[str]:
        """Return the selected names."""
        if self.only is not None:
            return [n for n in names if any(fnmatchcase(n, pattern) for pattern in self.only)]
        return [n for n in names if n in quick] if self.quick else list(names)
