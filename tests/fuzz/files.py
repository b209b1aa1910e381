"""Read damaged files of every format: ``python -m tests.fuzz.files --seconds 3600``.

Each file must be read, or be refused by ValueError, OSError or ImportError with its name and a
reason, within 5 seconds of CPU time and within memory of twice the file and 64 MB. A file that is
not is kept in the folder `--keep`, and its seed is printed: ``--only FORMAT --seed SEED`` makes it
again.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

import prelunet as pn

from .formats import FORMATS

SECONDS = 5.0  # of CPU time
WALL_SECONDS = 900  # for many files, if one makes the process wait; machines may be shared
WALL_FILES = 500
SPARE_BYTES = 64 << 20
_PAGE = resource.getpagesize()


class Hang(BaseException):
    """A file took too long."""


def _address_space():
    return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE


def fault(kind, path):
    """Return what is wrong with how a file is read, or None."""
    limit = 2 * path.stat().st_size + SPARE_BYTES
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + limit, unlimited[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        kind.read(path)
    except (ValueError, OSError, ImportError) as error:
        told = error.filename if isinstance(error, OSError) and error.filename else str(error)
        if path.name not in str(told) or len(str(error)) < len(str(path)):
            return f"an error without the file's name: {error!r}\n{traceback.format_exc()}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, unlimited)
    return None


def watch_time():
    """Make this process able to notice a hang."""
    signal.signal(signal.SIGPROF, _hang)


def _hang(*_):
    raise Hang(f"more than {SECONDS} seconds")


class Fuzzer:
    """Makes and reads the files of some formats in a folder."""

    def __init__(self, names, folder, keep=None):
        self.folder, self.keep = Path(folder), keep
        self.formats = {name: FORMATS[name] for name in names}
        self.counts = dict.fromkeys(names, 0)
        self.faults = []
        watch_time()
        warnings.simplefilter("error")
        pn.set_num_threads(1)
        for kind in self.formats.values():
            if hasattr(kind, "prepare"):
                kind.prepare(self.folder)

    def one(self, name, seed):
        """Make and read the file of a seed."""
        kind = self.formats[name]
        path = self.folder / f"{name}.{kind.suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # casts of numbers that do not fit
            path.write_bytes(kind.make(np.random.default_rng([seed, *name.encode()])))
        if sum(self.counts.values()) % WALL_FILES == 0:
            faulthandler.dump_traceback_later(WALL_SECONDS, exit=True)
        found = fault(kind, path)
        self.counts[name] += 1
        if found is not None:
            self.faults.append((name, seed, found))
            print(f"{name}, seed {seed}: {found}", flush=True)
            if self.keep is not None:
                self.keep.mkdir(parents=True, exist_ok=True)
                (self.keep / f"{name}-{seed}.{kind.suffix}").write_bytes(path.read_bytes())


def main(arguments=None):
    """Fuzz; return 1 after a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--only", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--seed", type=int, help="make and read one file of this seed again")
    parser.add_argument("--first", type=int, default=0, help="number of the first turn")
    parser.add_argument("--count", type=int, help="turns; each makes some files of each format")
    parser.add_argument("--seconds", type=float, help="time for all formats")
    parser.add_argument("--pause", type=Path, help="wait while this file exists")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="for faulty files")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
        fuzzer = Fuzzer(options.only, made, options.keep)
        if options.seed is not None:
            for name in options.only:
                fuzzer.one(name, options.seed)
            return 1 if fuzzer.faults else 0
        turn = options.first
        while options.count is None or turn < options.first + options.count:
            if options.seconds is not None and time.monotonic() - start > options.seconds:
                break
            while options.pause is not None and options.pause.exists():
                faulthandler.cancel_dump_traceback_later()
                time.sleep(1)
            for name in options.only:
                share = FORMATS[name].share
                for seed in range(turn * share, (turn + 1) * share):
                    fuzzer.one(name, seed)
            turn += 1
            if turn % 500 == 0:
                print(json.dumps({"turn": turn, **fuzzer.counts}), file=sys.stderr, flush=True)
    faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - start
    total = sum(fuzzer.counts.values())
    print(f"{total:,} files in {seconds:.0f} seconds, {len(fuzzer.faults)} faults")
    return 1 if fuzzer.faults else 0


if __name__ == "__main__":
    sys.exit(main())
