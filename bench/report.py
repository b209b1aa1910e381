"""Results as text tables."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from . import estimators, many
from .benchmark import ONE_THREAD, Results
from .peers import OURS, PEERS, PRODUCTS

Row = Sequence[str]
MISSING = "-"
LINE_WIDTH = 110


def text(results: Results) -> str:
    """Return all tables."""
    parts = [_machine(results)]
    if "ceilings" in results:
        parts.append(_ceilings(results))
    kernels = [k for k in results["kernels"] if k["timings"]]
    networks = results["predictions"] + results["steps"]
    timed = [case for case in networks if case["timings"]]
    if kernels:
        parts.append(_kernels(kernels))
    if timed:
        parts += [_ours(timed), _times(timed), _ratios(timed)]
    checked = [case for case in [*results["kernels"], *networks] if case.get("checked")]
    if checked:
        parts.append(_checks(checked))
    parts.append(_left_out(networks))
    if "memory" in results:
        parts.append(_memory(results["memory"]))
    if "estimators" in results:
        parts.append(_estimators(results["estimators"]))
    if "many" in results:
        parts.append(_many(results["many"]))
    return "\n\n".join(part for part in parts if part)


def table(title: str, header: Row, rows: Sequence[Row]) -> str:
    """Return a table: first column left-aligned, numbers right-aligned."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Row) -> str:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([title, *(f"  {line(cells)}" for cells in (header, *rows))])


def seconds(value: float) -> str:
    """Return a time with three digits in us, ms or s."""
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if value * factor < 999.5:
            return f"{_digits(value * factor)} {unit}"
    return f"{_digits(value)} s"


def _digits(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def percent(share: float) -> str:
    """Return a fraction as an integer percentage."""
    return f"{100 * share:.0f}%"


def _amount(value: float) -> str:
    for factor, unit in ((1e-9, "G"), (1e-6, "M")):
        if value * factor >= 0.995:
            return f"{_digits(value * factor)} {unit}"
    return f"{_digits(value * 1e-3)} k"


def _machine(results: Results) -> str:
    machine = results["machine"]
    versions: Mapping[str, Mapping[str, str]] = results["versions"]
    others = {k: v for peer, found in versions.items() if peer != OURS for k, v in found.items()}
    lines = [
        f"prelunet {machine['prelunet']} ({machine['isa']}, {machine['compiler']}) on "
        f"{machine['processor']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"{machine['time']}",
        ", ".join(f"{name} {version}" for name, version in others.items()),
    ]
    return "\n".join(textwrap.fill(line, LINE_WIDTH) for line in lines if line)


def _ceilings(results: Results) -> str:
    found, runs_on = results["ceilings"], results["machine"]["bfloat16_runs_on"]
    rows = [
        [
            threads,
            f"{flops['float32'] / 1e9:.1f}",
            f"{flops['float64'] / 1e9:.1f}",
            f"{flops['bfloat16'] / 1e9:.1f}",
            f"{found['copy_bytes'][threads] / 1e9:.1f}",
        ]
        for threads, flops in found["flops"].items()
    ]
    header = [
        "threads",
        *(f"{name}, GFLOP/s" for name in ("FMA float32", "FMA float64", f"bfloat16 by {runs_on}")),
        "copy, GB/s",
    ]
    return table("Ceilings of this machine", header, rows)


def _kernels(kernels: Sequence[Results]) -> str:
    rows = []
    for kernel in kernels:
        ours, numpy = kernel["timings"][OURS], kernel["timings"].get("numpy")
        unit = "GB/s" if kernel["bytes"] else "GFLOP/s"
        rows.append(
            [
                kernel["name"],
                seconds(ours["best_seconds"]),
                percent(ours["spread"]),
                f"{ours['rate'] / 1e9:.1f} {unit}",
                percent(ours["share"]),
                seconds(numpy["best_seconds"]) if numpy else MISSING,
                f"{numpy['best_seconds'] / ours['best_seconds']:.2f}" if numpy else MISSING,
            ]
        )
    header = ["kernel", "ours", "spread", "rate", "share", "NumPy", "NumPy/ours"]
    title = (
        "Kernels: share of the ceiling of their operands' dtype, or of a copy of as many bytes "
        "(an update in place may be faster)"
    )
    return table(title, header, rows)


def _others(cases: Sequence[Results]) -> list[str]:
    found = {name for case in cases for name in case["timings"]}
    return [name for name in PEERS if name in found and name != OURS]


def _ours(cases: Sequence[Results]) -> str:
    """Return prelunet's times on all threads and on one."""
    header = ["case", "FLOP", "best", "median", "spread", "share", "goal"]
    single = any(ONE_THREAD in case["timings"] for case in cases)
    if single:
        header += ["1 thread", "share", "speed-up", "threads meet"]
    rows = []
    for case in cases:
        ours = case["timings"][OURS]
        row = [
            case["name"],
            _amount(case["flops"]),
            seconds(ours["best_seconds"]),
            seconds(ours["median_seconds"]),
            percent(ours["spread"]),
            percent(ours["share"]),
            percent(case["target"]) if case["target"] else MISSING,
        ]
        if single:
            one = case["timings"][ONE_THREAD]
            gain = one["best_seconds"] / ours["best_seconds"]
            row += [seconds(one["best_seconds"]), percent(one["share"]), f"{gain:.2f}"]
            row.append(_span(case["meeting_seconds"]))
        rows.append(row)
    width = max(len(case["name"]) for case in cases)
    names = [f"  {case['name']:<{width}}  {case['title']}" for case in cases]
    title = "prelunet: time of a step (W) or a prediction (P), and its share of the FMA ceiling"
    return "\n".join([table(title, header, rows), *names])


def _span(times: Sequence[float]) -> str:
    """Return the range of some short times."""
    low, high = (f"{1e9 * time:.0f}" for time in (min(times), max(times)))
    return f"{low} ns" if low == high else f"{low}-{high} ns"


def _times(cases: Sequence[Results]) -> str:
    """Return the best time of each library."""
    names = [OURS, *_others(cases)]
    rows = [[case["name"], *(_best(case["timings"], name) for name in names)] for case in cases]
    title = "Best times of all, whole steps of whole calls"
    notes = []
    if PRODUCTS in names:
        notes.append("products: the step's matrix products alone, in NumPy's BLAS")
    for name, reasons in _stand_ins(cases).items():
        notes += [f"{PEERS[name].title}: {reason} in {where}" for reason, where in reasons.items()]
    table_text = table(title, ["case", *(PEERS[name].title for name in names)], rows)
    return "\n".join([table_text, *(f"  {note}" for note in notes)])


def _best(timings: Mapping[str, Any], name: str) -> str:
    return seconds(timings[name]["best_seconds"]) if name in timings else MISSING


def _stand_ins(cases: Sequence[Results]) -> dict[str, dict[str, str]]:
    """Return, for each peer except the products, its substitutions and their cases."""
    found: dict[str, dict[str, list[str]]] = {}
    for case in cases:
        for name, reason in case["stand_ins"].items():
            if name != PRODUCTS and name in case["timings"]:
                found.setdefault(name, {}).setdefault(reason, []).append(case["name"])
    return {
        name: {reason: ", ".join(where) for reason, where in reasons.items()}
        for name, reasons in found.items()
    }


def _ratios(cases: Sequence[Results]) -> str:
    others = _others(cases)
    if not others:
        return ""
    rows = [[case["name"], *(_ratio(case["timings"], name) for name in others)] for case in cases]
    title = "Time of others divided by ours"
    return table(title, ["case", *(PEERS[name].title for name in others)], rows)


def _ratio(timings: Mapping[str, Any], name: str) -> str:
    if name not in timings:
        return MISSING
    return f"{timings[name]['best_seconds'] / timings[OURS]['best_seconds']:.2f}"


def _checks(cases: Sequence[Results]) -> str:
    """Return the number of compared answers and the largest error."""
    errors: dict[str, float] = {}
    for case in cases:
        checked = case["checked"]
        each = checked if isinstance(checked, dict) else {OURS: checked}
        errors |= {f"{case['name']} by {PEERS[name].title}": e for name, e in each.items()}
    worst = max(errors, key=lambda name: errors[name])
    return (
        f"{len(errors)} answers agree; the largest error is {percent(errors[worst])} of the "
        f"rounding bound ({worst})"
    )


def _left_out(cases: Sequence[Results]) -> str:
    """Return the cases that prelunet does not support, and the peers that failed."""
    lines = []
    for case in cases:
        if OURS in case["unsupported"]:
            lines.append(f"{case['name']} left out: {case['unsupported'][OURS]}")
        for name, message in case["failures"].items():
            lines.append(f"{case['name']} without {PEERS[name].title}: {message}")
    return "\n".join(lines)


def _memory(found: Mapping[str, int]) -> str:
    rows = []
    for name, size in found.items():
        peer, _, rest = name.partition(", ")
        rows.append([", ".join(filter(None, [PEERS[peer].title, rest])), f"{size / 1e6:.0f} MB"])
    return table("Peak memory of a process that trains W0s", ["process", "peak"], rows)


def _estimators(found: Results) -> str:
    header = ["data", "size", "ours", "scikit-learn", "its/ours", "our score, %", "its score, %"]
    title = "MLPClassifier with its defaults: median time of a fit, accuracy of rows held out"
    left_out = [
        f"  {name} left out: {r['left_out']}" for name, r in found.items() if "left_out" in r
    ]
    remark = (
        "  float64 data; scikit-learn computes in float64, ours with its default dtype: float32"
    )
    return "\n".join([table(title, header, estimators.rows_of(found)), remark, *left_out])


def _many(found: Results) -> str:
    header = ["trained by", *(cell for name in found for cell in (name, "its/fit_many"))]
    left_out = {
        f"  {way} left out: {result[way]['left_out']}"
        for result in found.values()
        for way in result
        if "left_out" in result[way]
    }
    title = "Many networks, 100 steps of 32 rows each: median time of all"
    return "\n".join([table(title, header, many.rows_of(found)), *sorted(left_out)])
