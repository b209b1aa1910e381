"""Results as text tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..peers.tables import TABLE_PEERS
from ..report import LINE_WIDTH, MISSING, table
from .runs import Options, Result
from .summary import Ratio, Row, by_peer, summarize

REFERENCES = ("pytabkit-td-s", "sklearn-mlp")  # the first that was measured


def check_reference(options: Options, against: str | None) -> None:
    """Raise a ValueError if `against` is not a peer of the run."""
    names = [peer.name for peer in options.chosen_peers()]
    if against is not None and against not in names:
        raise ValueError(f"bench: against must be among {', '.join(names)}, got {against!r}")


def reference_of(results: Sequence[Result], against: str | None) -> str:
    """Return the peer that ratios refer to: `against`, or a measured one."""
    found = list(by_peer(results))
    return against or next((name for name in REFERENCES if name in found), found[0])


def text(results: Sequence[Result], against: str) -> str:
    """Return all tables."""
    rows = summarize(results, against)
    title = TABLE_PEERS[against].title
    parts = [
        _about(results),
        table(
            f"Relative to {title}: geometric means over tables, with 90% bootstrap intervals",
            ("", "error", "log loss", "fit time", "predict time", "mean rank"),
            [_summary_row(row) for row in rows],
        ),
        *_by_table("Error (share of wrong labels, or RMSE)", results, "error"),
        *_by_table("Log loss", results, "log_loss"),
        *_by_table("CPU seconds of fit", results, "fit_cpu"),
    ]
    return "\n\n".join(parts)


def _about(results: Sequence[Result]) -> str:
    versions: dict[str, str] = {}
    for result in results:
        versions |= result["versions"]
    names = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    made = sorted({result["prelunet"] for result in results})
    processors = sorted({result["processor"] for result in results})
    return (
        f"prelunet {', '.join(made)}, {names}\n"
        f"{', '.join(processors)}; one thread; a quarter of the rows held out, "
        f"{len({result['seed'] for result in results})} seeds"
    )


def _summary_row(row: Row) -> list[str]:
    ratios = (_interval(ratio) for ratio in (row.error, row.log_loss))
    times = (MISSING if r is None else _number(r.mean) for r in (row.fit, row.predict))
    rank = MISSING if row.rank is None else f"{row.rank:.1f}"
    return [TABLE_PEERS[row.peer].title, *ratios, *times, rank]


def _interval(ratio: Ratio | None) -> str:
    if ratio is None:
        return MISSING
    count = len(ratio.tables)
    return f"{ratio.mean:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] of {count}"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _by_table(title: str, results: Sequence[Result], key: str) -> list[str]:
    """Return tables of means over seeds, with as many columns as a line takes."""
    peers = by_peer(results)
    tables = list(dict.fromkeys(r["table"] for r in results if key in r))
    cells = {
        name: {
            table: _number(float(np.mean([r[key] for r in seeds.values()])))
            for table, seeds in found.items()
            if all(key in result for result in seeds.values())
        }
        for name, found in peers.items()
    }
    labels = {name: TABLE_PEERS[name].title for name in peers if cells[name]}
    columns = {
        name: [name, *(cells[peer].get(name, MISSING) for peer in labels)] for name in tables
    }
    first = max((len(label) for label in labels.values()), default=0)
    found, group, width = [], list[str](), first
    for name in [*tables, None]:
        own = 0 if name is None else 2 + max(map(len, columns[name]))
        if group and (name is None or width + own > LINE_WIDTH):
            rows = [
                [label, *(columns[column][place] for column in group)]
                for place, label in enumerate(labels.values(), start=1)
            ]
            found.append(table(title, ["", *group], rows))
            group, width = [], first
        if name is not None:
            group.append(name)
            width += own
    return found
