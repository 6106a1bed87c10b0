"""`make bench`: rows per CPU second and peak memory, beside the SDK and beside the floor, in one run.

Every measurement is a process of its own and is repeated; medians are printed. Everything stays on 127.0.0.1 and in a
temporary directory that is removed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import report

SIZES = (10_000, 100_000, 1_000_000)
SDK_LIMIT = 100_000  # beyond, the SDK takes minutes and gigabytes
MERGE_LIMIT = 10_000  # 50 rows a call
MINUTES = 15  # that one measurement may take


def main() -> None:
    """Measure and print."""
    options = _options()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labelbox-bench-") as directory, _server() as port:
        bench = Bench(Path(directory), port)
        for rows in options.rows:
            for _ in range(options.repeat or _repeats(rows)):
                bench.run(rows)
            print(file=sys.stderr)
    report.show(bench.results)
    print(f"\nMeasured in {time.monotonic() - started:.0f} s.")


class Bench:
    """Runs measurements and keeps what they print, by name and number of rows."""

    def __init__(self, directory: Path, port: int) -> None:
        self.results: report.Results = defaultdict(list)
        self._directory, self._port = directory, port

    def run(self, rows: int) -> None:
        """Measure everything once with ``rows`` rows."""
        with tempfile.TemporaryDirectory(dir=self._directory) as place:
            self._measure("table", rows, place)
            for name in ("sync", "floor", "upload", "read", "rerun", "rewritten"):
                self._measure(name, rows, place)
            if rows <= SDK_LIMIT:
                self._measure("sdk", rows, place)
            for name in ("boxes_table", "boxes"):
                self._measure(name, rows, place)
            if rows <= SDK_LIMIT:
                self._measure("sdk_labels", rows, place)
                self._measure("sdk_ndjson", rows, place)
            self._measure("labels", rows, place)
            if rows <= SDK_LIMIT:
                self._measure("sdk_export", rows, place)
            if rows <= MERGE_LIMIT:
                self._measure("merge", rows, place)
                self._measure("sdk_merge", rows, place)

    def _measure(self, name: str, rows: int, place: str) -> None:
        print(f"\r{rows:>9,} rows: {name:<12}", end="", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "tests.bench.measure", name, str(rows), place, str(self._port)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60 * MINUTES)
        self.results[name, rows].append(json.loads(done.stdout))


@contextmanager
def _server() -> Iterator[int]:
    """Run the bare server, which ends when its stdin closes, and give its port."""
    command = [sys.executable, "-m", "tests.bench.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="numbers of rows to measure with")
    parser.add_argument("--repeat", type=int, help="how often; by default 5 times, with 100,000 rows 3, with more once")
    parser.add_argument("--quick", action="store_true", help="10,000 rows, once")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.repeat = SIZES[:1], 1
    return options


def _repeats(rows: int) -> int:
    return 5 if rows < 100_000 else 3 if rows < 1_000_000 else 1


if __name__ == "__main__":
    main()
