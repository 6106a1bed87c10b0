"""Files of records on a local disk: what they hold, when they are seen, and what stays when a run fails."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.exports.files import partitions
from labelbox_airflow.engine.exports.files.manifest import Provenance
from labelbox_airflow.engine.exports.files.options import CsvDialect, FileOptions
from labelbox_airflow.engine.exports.files.release import read_manifest, verify
from labelbox_airflow.engine.exports.files.target import local_target
from labelbox_airflow.engine.exports.files.write import write_files

POINTS = [{"x": 1.0, "n": None, "ok": True}, None, {"x": None, "n": 2**60, "ok": None}]
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("seconds", pa.float64()),
        ("at", pa.timestamp("us", "Europe/Berlin")),
        ("day", pa.date32()),
        ("price", pa.decimal128(5, 2)),
        ("done", pa.bool_()),
        ("bbox", pa.struct([("left", pa.float64()), ("seen", pa.timestamp("ns", "UTC"))])),
        ("tags", pa.list_(pa.string())),
        ("points", pa.list_(pa.struct([("x", pa.float64()), ("n", pa.int64()), ("ok", pa.bool_())]))),
    ]
)
ROWS: list[dict[str, Any]] = [
    {
        "key": 'a, "ä"\n',
        "seconds": 1.5,
        "at": datetime(2026, 3, 1, 12, 30, 0, 250, UTC),
        "day": date(2026, 3, 1),
        "price": Decimal("1.20"),
        "done": True,
        "bbox": {"left": 2.0, "seen": datetime(2026, 3, 1, tzinfo=UTC)},
        "tags": ["x", "y"],
        "points": POINTS,
    },
    dict.fromkeys(SCHEMA.names),
]
PLAIN = {
    "key": 'a, "ä"\n',
    "seconds": 1.5,
    "at": "2026-03-01T12:30:00.000250Z",
    "day": "2026-03-01",
    "price": "1.20",
    "done": True,
    "bbox": {"left": 2.0, "seen": "2026-03-01T00:00:00.000000000Z"},
    "tags": ["x", "y"],
    "points": POINTS,
}


def batches(rows: list[dict[str, Any]] = ROWS, schema: pa.Schema = SCHEMA) -> Iterator[pa.RecordBatch]:
    """One batch a row."""
    for row in rows:
        yield pa.RecordBatch.from_pylist([row], schema=schema)


def failing() -> Iterator[pa.RecordBatch]:
    yield from batches()
    raise KeyboardInterrupt


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_slices_of_batches_are_written_as_they_are(tmp_path: Path) -> None:
    many = pa.RecordBatch.from_pylist([ROWS[1], *ROWS, ROWS[0]], schema=SCHEMA)
    write_files(local_target(tmp_path / "x.ndjson"), SCHEMA, [many.slice(1, 2), many.slice(3)])
    lines = (tmp_path / "x.ndjson").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [PLAIN, ROWS[1], PLAIN]


def cells(content: bytes, encoding: str = "utf-8", **dialect: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(encoding), newline=""), **dialect))


def test_text_formats_hold_every_value(tmp_path: Path) -> None:
    for name in ("x.ndjson", "x.json", "x.csv", "x.csv.gz"):
        write_files(local_target(tmp_path / name), SCHEMA, batches())
    lines = (tmp_path / "x.ndjson").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [PLAIN, ROWS[1]] == json.loads((tmp_path / "x.json").read_bytes())
    content = (tmp_path / "x.csv").read_bytes()
    header, first, nothing = cells(content)
    assert header == SCHEMA.names
    assert dict(zip(header, first, strict=True)) == PLAIN | {
        "seconds": "1.5",
        "done": "true",
        "bbox": '{"left":2.0,"seen":"2026-03-01T00:00:00.000000000Z"}',
        "tags": '["x","y"]',
        "points": json.dumps(POINTS, separators=(",", ":")),
    }
    assert nothing == [""] * len(header)
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()) == content


def test_csv_in_the_dialect_of_its_reader(tmp_path: Path) -> None:
    dialect = CsvDialect(delimiter=";", quote="'", quoting="all", encoding="utf-8-sig", line_end="\r\n")
    schema = pa.schema([("a", pa.string()), ("b", pa.int64())])
    rows = [{"a": "it's;", "b": 1}, {"a": "ü", "b": 2}]
    write_files(local_target(tmp_path / "x.csv"), schema, batches(rows, schema), options=FileOptions(csv=dialect))
    content = (tmp_path / "x.csv").read_bytes()
    assert content == "\ufeff'a';'b'\r\n'it''s;';'1'\r\n'ü';'2'\r\n".encode()
    narrow = FileOptions(csv=CsvDialect(encoding="cp1252"))
    with pytest.raises(ConfigurationError, match=r"csv.encoding: the character '✓' cannot be written as cp1252"):
        write_files(local_target(tmp_path / "x.csv"), schema, batches([{"a": "✓", "b": 1}], schema), options=narrow)
    assert (tmp_path / "x.csv").read_bytes() == content


def test_a_release_is_pinned_and_verified(tmp_path: Path) -> None:
    about = Provenance("receipts_out", "9f86d0", datetime(2026, 3, 1, tzinfo=UTC))
    target = local_target(tmp_path)
    first = write_files(target, SCHEMA, batches(), format="parquet", provenance=about)
    second = write_files(target, SCHEMA, batches(ROWS[:1]), format="parquet", release="v2")
    assert files_in(tmp_path) == {
        "latest.json",
        f"{first.release}/manifest.json",
        f"{first.release}/part-00000.parquet",
        "v2/manifest.json",
        "v2/part-00000.parquet",
    }
    assert read_manifest(target, first.release) == first
    assert read_manifest(target) == second
    assert (first.rows, first.provenance, first.schema) == (2, about, SCHEMA)
    part = tmp_path / first.release / "part-00000.parquet"
    file = first.files[0]
    assert (file.size, file.sha256) == (part.stat().st_size, hashlib.sha256(part.read_bytes()).hexdigest())
    assert pq.read_table(part).to_pylist() == pa.Table.from_pylist(ROWS, SCHEMA).to_pylist()
    verify(target, first)
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(SourceError, match=r"part-00000.parquet has another checksum"):
        verify(target, first)
    with pytest.raises(SourceError, match=r"there is no release 'v3'. There are: .*, v2"):
        read_manifest(target, "v3")
    with pytest.raises(ConfigurationError, match="v2: this release is there, and releases do not change"):
        write_files(target, SCHEMA, batches(), format="parquet", release="v2")


@pytest.mark.parametrize(("gathered", "files"), [(partitions.MOST_GATHERED, 40), (0, 400)])
def test_partitions_are_read_back_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gathered: int, files: int
) -> None:
    monkeypatch.setattr(partitions, "MOST_GATHERED", gathered)
    schema = pa.schema([("country", pa.string()), ("n", pa.int64())])
    # More partitions than files may be open, in turns: files are closed and others begun.
    rows = [{"country": None if n % 40 == 0 else f"c/{n % 40}", "n": n} for n in range(400)]
    manifest = write_files(
        local_target(tmp_path), schema, batches(rows, schema), format="parquet", partition_by=["country"], release="r"
    )
    found = ds.dataset(tmp_path / "r", format="parquet", partitioning="hive", exclude_invalid_files=True).to_table()
    assert sorted(found.to_pylist(), key=lambda row: row["n"]) == rows
    assert (manifest.rows, len(manifest.files)) == (400, files)
    assert {file.partition["country"] for file in manifest.files} == {row["country"] for row in rows}
    verify(local_target(tmp_path), manifest)


def test_large_releases_have_many_files_and_bounded_row_groups(tmp_path: Path) -> None:
    schema = pa.schema([("n", pa.int64())])
    options = FileOptions(row_group_rows=100, file_bytes=1000, compression="none")
    rows = pa.RecordBatch.from_pydict({"n": list(range(1000))}, schema=schema)
    manifest = write_files(local_target(tmp_path), schema, [rows] * 3, format="parquet", options=options, release="r")
    assert [file.path for file in manifest.files] == [f"part-0000{n}.parquet" for n in range(3)]
    assert pq.ParquetFile(tmp_path / "r/part-00000.parquet").num_row_groups == 10


def test_no_rows_make_a_valid_file(tmp_path: Path) -> None:
    for name in ("x.ndjson", "x.json", "x.csv", "x.parquet"):
        assert write_files(local_target(tmp_path / name), SCHEMA, []).rows == 0
    manifest = write_files(local_target(tmp_path / "folder"), SCHEMA, [], format="parquet", release="r")
    assert (tmp_path / "x.ndjson").read_bytes() == b""
    assert json.loads((tmp_path / "x.json").read_bytes()) == []
    assert cells((tmp_path / "x.csv").read_bytes()) == [SCHEMA.names]
    for path in ("x.parquet", f"folder/r/{manifest.files[0].path}"):
        assert pq.read_table(tmp_path / path).schema == SCHEMA


def test_a_failed_run_leaves_the_former_one(tmp_path: Path) -> None:
    single, folder = local_target(tmp_path / "x.csv"), local_target(tmp_path / "releases")
    write_files(single, SCHEMA, batches())
    write_files(folder, SCHEMA, batches(), format="ndjson", release="r1")
    before = {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)}
    for target, options in ((single, {}), (folder, {"format": "ndjson", "release": "r2"})):
        with pytest.raises(KeyboardInterrupt):
            write_files(target, SCHEMA, failing(), **options)
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == before
    assert write_files(folder, SCHEMA, batches(), format="ndjson", release="r2") == read_manifest(folder)


def test_wrong_targets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target, options, message in (
        ("file/x.csv", {}, r"file/x.csv: nothing can be written here \((File exists|Not a directory)\)"),
        ("folder", {}, "folder: a folder does not tell the format. Set format"),
        ("x.csv", {"format": "parquet"}, "x.csv: the name says csv, format says parquet"),
        ("x.csv", {"partition_by": ["key"]}, "x.csv: one file has no partitions. Name a folder"),
        ("folder", {"format": "csv", "partition_by": ["kye"]}, "'kye', which is no column. Columns: key,"),
        ("folder", {"format": "csv", "partition_by": ["bbox"]}, "'bbox' holds lists or structs"),
        ("folder", {"format": "csv", "release": "../r"}, "'../r' cannot name a release"),
        ("folder", {"format": "parquet", "options": FileOptions(gzip=True)}, "parquet is packed already"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            write_files(local_target(tmp_path / target), SCHEMA, batches(), **options)
    assert files_in(tmp_path) == {"file"}
