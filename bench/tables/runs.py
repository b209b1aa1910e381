"""The run: every table, seed and peer that the file of results lacks."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prelunet as pn

from .. import machine
from ..peers.tables import TABLE_PEERS, TablePeer
from ..processes import Worker, WorkerError
from ..progress import Progress
from . import data

Result = dict[str, Any]  # of one table, seed and peer
Key = tuple[str, int, str, int | None]

WORKER = "tables.worker"


@dataclass(frozen=True)
class Options:
    """What to measure, and where results are kept."""

    folder: str
    seeds: int = 3
    only: Sequence[str] | None = None  # names of tables; by default all
    peers: Sequence[str] | None = None  # names in `TABLE_PEERS`; by default all installed
    rows: int | None = None  # at most, of each table
    json: str | None = None  # file of JSON lines
    quiet: bool = False  # print no progress on stderr

    def chosen_peers(self) -> list[TablePeer]:
        """Return the peers in the given order.

        Raises
        ------
        ValueError
            If a name is unknown or a required distribution is not installed.
        """
        if self.peers is None:
            return [peer for peer in TABLE_PEERS.values() if not peer.missing()]
        for name in self.peers:
            if name not in TABLE_PEERS:
                raise ValueError(
                    f"bench: peers must be names among {', '.join(TABLE_PEERS)}, got {name!r}"
                )
            missing = TABLE_PEERS[name].missing()
            if missing:
                raise ValueError(f"bench: {name} needs {', '.join(missing)}: not installed")
        return [TABLE_PEERS[name] for name in dict.fromkeys(self.peers)]

    def chosen_tables(self) -> list[Path]:
        """Return the files of the tables, small files first.

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        found = sorted(data.files(self.folder), key=lambda path: path.stat().st_size)
        if self.only is None:
            return found
        names = [path.stem for path in found]
        for name in self.only:
            if name not in names:
                raise ValueError(f"bench: only must name tables among {', '.join(names)}: {name!r}")
        return [path for path in found if path.stem in self.only]


def run(options: Options) -> tuple[list[Result], list[str]]:
    """Return the results of the chosen tables, seeds and peers, and the reasons of missing ones.

    Results that `options.json` has are not measured again; new ones are appended to it.
    """
    peers, tables = options.chosen_peers(), options.chosen_tables()
    known = {key_of(result): result for result in read(options.json)}
    wanted = list(_keys(options, tables, peers))
    tasks = {path.stem: data.load(path, options.rows).task for path in tables}
    wanted = [key for key in wanted if tasks[key[0]] in TABLE_PEERS[key[2]].tasks]
    missing = [key for key in wanted if key not in known]
    paths = {path.stem: str(path) for path in tables}
    failures: list[str] = []
    with contextlib.ExitStack() as stack:
        crew = _Crew(stack)
        progress = stack.enter_context(Progress(len(missing), quiet=options.quiet))
        for key in missing:
            table, seed, name, rows = key
            progress.begin(f"{table}, seed {seed}, {TABLE_PEERS[name].title}")
            try:
                result = crew.measure(name, path=paths[table], seed=seed, rows=rows)
            except WorkerError as error:
                failures.append(f"{table}, seed {seed}, {name}: {str(error).splitlines()[-1]}")
            else:
                known[key] = {"table": table, "seed": seed, "peer": name, "cap": rows, **result}
                append(options.json, known[key])
            progress.done()
    return [known[key] for key in wanted if key in known], failures


def _keys(options: Options, tables: Sequence[Path], peers: Sequence[TablePeer]) -> Iterator[Key]:
    """Yield the results in the order of the run: peers take turns on each division of a table."""
    for path in tables:
        for seed in range(options.seeds):
            for peer in peers:
                yield path.stem, seed, peer.name, options.rows


def key_of(result: Result) -> Key:
    """Return what identifies a result in a file."""
    return result["table"], result["seed"], result["peer"], result["cap"]


def read(path: str | os.PathLike[str] | None) -> list[Result]:
    """Return the results of a file of JSON lines, which may not exist.

    Raises
    ------
    ValueError
        If a line is not a result. An incomplete last line, of a run that was killed, is skipped.
    """
    if path is None or not Path(path).exists():
        return []
    *lines, _ = Path(path).read_text(encoding="utf-8").split("\n")
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            result = json.loads(line)
            key_of(result)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"bench: {path}: line {number} is not a result: {line[:80]}"
            ) from error
        found.append(result)
    return found


def append(path: str | os.PathLike[str] | None, result: Result) -> None:
    """Append a result to a file, after the last complete line."""
    if path is None:
        return
    with open(path, "ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read() != b"\n":  # a run was killed while it wrote
                stream.seek(0)
                stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.write(json.dumps(result).encode() + b"\n")


class _Crew:
    """The processes of the peers, each started on first use."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._workers: dict[str, tuple[Worker, Result]] = {}

    def measure(self, name: str, **request: Any) -> Result:
        """Return the answer of a peer; after a failure its process is replaced."""
        if name not in self._workers:
            worker = self._stack.enter_context(Worker(name, 1, module=WORKER))
            about = {
                "versions": worker.ask("versions")["versions"],
                "prelunet": pn.__version__,
                "processor": machine.processor(),
            }
            self._workers[name] = worker, about
        worker, about = self._workers[name]
        try:
            return {**worker.ask("measure", **request)["result"], **about}
        except WorkerError:
            del self._workers[name]
            worker.close()
            raise
