"""The tables that `make bench` prints: medians, ratios, and the aim beside each ratio."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Results = dict[tuple[str, int], list[dict[str, Any]]]
"""What measurements gave, one dict a repetition, by (name, rows)."""

STEPS = {
    "read CSV": "read CSV",
    "map": "map and check",
    "fingerprints": "fingerprints",
    "compare, claim": "compare with the ledger",
    "ledger: entries": "ledger: read entries",
    "ledger: claimed elsewhere": "ledger: look for other runs",
    "ledger: claims": "ledger: read claims",
    "ledger: claim": "ledger: claim",
    "ledger: touch": "ledger: note as current",
    "staging: write": "staging: write",
    "staging: read": "staging: read",
    "ledger: acquire": "ledger: acquire claims",
    "decide": "decide what to send",
    "send": "send (the upload path)",
    "result pages": "read result pages",
    "settle": "settle",
    "ledger: put": "ledger: put entries",
    "outcomes": "outcomes, claims released",
    "ledger: commit": "ledger: commit",
    "rest": "rest",
}


def show(results: Results) -> None:
    """Print all tables."""
    table = Figures(results)
    _upload(table)
    _sync(table)
    _steps(table)
    _reruns(table)
    _merging(table)
    _boxes(table)
    _labels(table)


class Figures:
    """Medians of the repetitions."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self.sizes = sorted({rows for _, rows in results})

    def of(self, name: str, rows: int, figure: str) -> float | None:
        """Return the median of a figure, None where it was not measured."""
        values = [result[figure] for result in self._results.get((name, rows), ())]
        return float(statistics.median(values)) if values else None

    def section(self, name: str, rows: int, section: str) -> float | None:
        """Return the median of the CPU microseconds a row of a section."""
        values = [result["sections"].get(section, 0.0) for result in self._results.get((name, rows), ())]
        return statistics.median(values) / rows * 1e6 if values else None

    def speed(self, name: str, rows: int) -> float | None:
        """Return rows per CPU second."""
        cpu = self.of(name, rows, "cpu")
        return rows / cpu if cpu else None


def _upload(figures: Figures) -> None:
    print("\nUpload path: mapped batches in, chunks accepted (rows per CPU second; peak MB above the imports)")
    heads = ["rows", "ours", "SDK", "floor", "x SDK", "aim", "CPU/floor", "aim", "MB", "aim", "SDK MB"]
    lines = []
    for rows in figures.sizes:
        ours, sdk, floor = (figures.speed(name, rows) for name in ("upload", "sdk", "floor"))
        memory, sdk_memory = figures.of("upload", rows, "memory"), figures.of("sdk", rows, "memory")
        ratios = [*_judged(_ratio(ours, sdk), ">= 25"), *_judged(_ratio(floor, ours, digits=2), "<= 1.5")]
        memories = [*_judged(_n(memory), "< 200"), _n(sdk_memory)]
        lines.append([_n(rows), _n(ours), _n(sdk), _n(floor), *ratios, *memories])
    _print(heads, lines)


def _sync(figures: Figures) -> None:
    print("\nWhole sync of new rows: CSV in, every outcome in the ledger (beside the SDK's upload alone)")
    heads = ["rows", "ours", "SDK", "x SDK", "aim", "MB", "aim", "calls", "per 1,000 rows", "aim"]
    lines = []
    for rows in figures.sizes:
        ours, sdk = figures.speed("sync", rows), figures.speed("sdk", rows)
        memory, calls = figures.of("sync", rows, "memory"), figures.of("sync", rows, "calls")
        per_thousand = f"{calls / rows * 1000:.2f}" if calls is not None else "-"
        speeds = [_n(ours), _n(sdk), *_judged(_ratio(ours, sdk), ">= 10")]
        costs = [*_judged(_n(memory), "< 200"), _n(calls), *_judged(per_thousand, "<= 0.5")]
        lines.append([_n(rows), *speeds, *costs])
    _print(heads, lines)


def _steps(figures: Figures) -> None:
    print("\nWhere a sync of new rows spends its CPU (microseconds a row)")
    lines = []
    for section, title in STEPS.items():
        times = [figures.section("sync", rows, section) for rows in figures.sizes]
        if any(times):
            lines.append([title, *("-" if value is None else f"{value:.2f}" for value in times)])
    totals = [figures.speed("sync", rows) for rows in figures.sizes]
    lines.append(["together", *("-" if not speed else f"{1e6 / speed:.2f}" for speed in totals)])
    _print(["step", *map(_n, figures.sizes)], lines)


def _reruns(figures: Figures) -> None:
    print("\nUnchanged rows once more, beside reading the CSV file and nothing else (rows per CPU second)")
    heads = ["rows", "reading", "rerun", "CPU/reading", "aim", "MB", "write calls", "aim", "file rewritten"]
    lines = []
    for rows in figures.sizes:
        reading, rerun, rewritten = (figures.speed(name, rows) for name in ("read", "rerun", "rewritten"))
        memory, writes = figures.of("rerun", rows, "memory"), figures.of("rerun", rows, "write_calls")
        ratio = _judged(_ratio(reading, rerun, digits=2), "<= 2")
        calls = _judged(_n(writes), "<= 0")
        lines.append([_n(rows), _n(reading), _n(rerun), *ratio, _n(memory), *calls, _n(rewritten)])
    _print(heads, lines)


def _merging(figures: Figures) -> None:
    sizes = [rows for rows in figures.sizes if figures.of("merge", rows, "cpu")]
    if not sizes:
        return
    print("\nMetadata merged into rows that exist, four fields a row")
    lines = []
    for rows in sizes:
        wall, calls = figures.of("merge", rows, "wall"), figures.of("merge", rows, "calls")
        ours, sdk = figures.speed("merge", rows), figures.speed("sdk_merge", rows)
        per_thousand = f"{(calls or 0) / rows * 1000:.1f}"
        lines.append([_n(rows), _n(rows / wall if wall else None), _n(ours), _n(sdk), _ratio(ours, sdk), per_thousand])
    _print(["rows", "rows/s", "rows/CPU s", "SDK rows/CPU s", "x SDK", "calls per 1,000 rows"], lines)


def _boxes(figures: Figures) -> None:
    print("\nBoxes of a Parquet file become pre-labels, beside the SDK's `Label` objects (boxes per CPU second)")
    heads = ["boxes", "ours, whole import", "SDK, objects", "x SDK", "aim", "SDK, NDJSON", "x SDK", "MB", "SDK MB"]
    lines = []
    for rows in figures.sizes:
        ours, objects, ndjson = (figures.speed(name, rows) for name in ("boxes", "sdk_labels", "sdk_ndjson"))
        ratios = [*_judged(_ratio(ours, objects), ">= 5"), _n(ndjson), _ratio(ours, ndjson)]
        memories = [_n(figures.of(name, rows, "memory")) for name in ("boxes", "sdk_ndjson")]
        lines.append([_n(rows), _n(ours), _n(objects), *ratios, *memories])
    _print(heads, lines)


def _labels(figures: Figures) -> None:
    print("\nExported labels become a Parquet file of annotations, four a data row, beside the SDK's stream and pandas")
    heads = ["rows", "ours, rows/CPU s", "SDK", "x SDK", "aim", "MB", "aim", "SDK MB"]
    lines = []
    for rows in figures.sizes:
        ours, sdk = figures.speed("labels", rows), figures.speed("sdk_export", rows)
        memory, sdk_memory = (figures.of(name, rows, "memory") for name in ("labels", "sdk_export"))
        ratio = _judged(_ratio(ours, sdk), ">= 3")
        lines.append([_n(rows), _n(ours), _n(sdk), *ratio, *_judged(_n(memory), "< 300"), _n(sdk_memory)])
    _print(heads, lines)


def _judged(figure: str, aim: str) -> tuple[str, str]:
    """Return a figure as it is printed, and its aim with whether it is met."""
    if figure == "-":
        return figure, aim
    sign, bound = aim.split()
    value, limit = float(figure.replace(",", "")), float(bound)
    met = {">=": value >= limit, "<=": value <= limit, "<": value < limit}[sign]
    return figure, f"{aim} {'met' if met else 'missed'}"


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _ratio(above: float | None, below: float | None, *, digits: int = 1) -> str:
    return f"{above / below:.{digits}f}" if above and below else "-"


def _print(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for first, *others in (heads, *lines):
        left = (
            first.ljust(widths[0])
            if not first[0].isdigit() and first not in {"rows", "boxes"}
            else first.rjust(widths[0])
        )
        print("  " + "  ".join([left, *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]))
