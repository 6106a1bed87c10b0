from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.tables import TableSource, TableSourceSpec


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def source(uri: str, base: Path | None = None, **keys: Any) -> TableSource:
    return TableSource(TableSourceSpec.model_validate({"type": "table", "uri": uri, **keys}), base)


def put(base: Path, name: str, text: str = "a\n1\n", modified: datetime | None = None) -> Path:
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if modified:
        os.utime(path, (modified.timestamp(), modified.timestamp()))
    return path


def names(found: TableSource, base: Path, window: Window | None = None) -> list[str]:
    return [file.item.place.removeprefix(f"{base}/") for file in found.files(window)]


def values(found: TableSource, window: Window | None = None, column: str = "a") -> list[Any]:
    return [value for batch in found.read(window, [column]) for value in batch.rows.column(column).to_pylist()]


@pytest.mark.parametrize("kind", ["relative", "absolute", "file"])
def test_one_file_by_relative_path_absolute_path_and_file_uri(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, "x.csv", "a,b\n1,2\n", modified=utc(2026, 1, 1))
    uri = {"relative": "x.csv", "absolute": str(path), "file": f"file://{path}"}[kind]
    (batch,) = source(uri, tmp_path).read(None, ["b"])
    assert batch.rows.to_pylist() == [{"b": "2"}]
    assert batch.origin(0) == f"{path} line 2"
    assert batch.time == utc(2026, 1, 1)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("*.csv", ["b.csv", "c.csv"]),
        ("[!b].csv", ["c.csv"]),
        ("d/?.csv", ["d/x.csv"]),
        ("*/*.csv", ["d/x.csv"]),
        ("**/*.csv", ["b.csv", "c.csv", "d/e/y.csv", "d/x.csv"]),
        ("d/**", ["d/e/y.csv", "d/x.csv"]),
        ("d/**/e/*", ["d/e/y.csv"]),
        ("nothing/*.csv", []),
        ("nothing/**", []),
    ],
)
def test_globs(tmp_path: Path, uri: str, expected: list[str]) -> None:
    for name in ("c.csv", "b.csv", "d/x.csv", "d/e/y.csv", "d/_SUCCESS", "d/e/.y.csv.crc"):
        put(tmp_path, name)
    found = source(uri, tmp_path)
    assert names(found, tmp_path) == expected
    assert found.missing == ([] if expected else [f"{tmp_path}/{uri}"])


def test_a_hidden_file_with_a_known_suffix_is_read(tmp_path: Path) -> None:
    put(tmp_path, "_part.csv")
    put(tmp_path, "_SUCCESS", "")
    assert names(source("*", tmp_path, format="csv"), tmp_path) == ["_part.csv"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"{tmp_path}/x\.csv: there is no such file"):
        list(source("x.csv", tmp_path).read(None))
    with pytest.raises(SourceError, match="there is no such file"):
        source("x.csv", tmp_path).check()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    put(tmp_path, "d/x.csv")
    with pytest.raises(SourceError, match=r"this is a folder\. Name its files, such as .*/d/\*"):
        source("d", tmp_path).files(None)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "x.csv", "")
    with pytest.raises(SourceError, match=rf"{path}: the file is empty: not even a header"):
        list(source("*.csv", tmp_path).read(None))


def test_a_missing_column_names_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "x.csv")
    with pytest.raises(SourceError, match=rf"{path}: there is no column 'b'"):
        list(source("*.csv", tmp_path).read(None, ["b"]))


def test_a_file_that_goes_while_reading_is_named(tmp_path: Path) -> None:
    put(tmp_path, "1.csv")
    gone = put(tmp_path, "2.csv")
    reading = source("*.csv", tmp_path).read(None)
    next(reading)
    gone.unlink()
    with pytest.raises(SourceError, match=rf"{gone}: the file was listed but is gone"):
        next(reading)


def test_batches_end_with_their_file_and_formats_may_be_mixed(tmp_path: Path) -> None:
    put(tmp_path, "1.csv", "a\n1\n2\n3\n")
    put(tmp_path, "2.ndjson", '{"a":4}\n')
    pq.write_table(pa.table({"a": [5]}), tmp_path / "3.parquet")
    spec = TableSourceSpec(type="table", uri="*")
    found = list(TableSource(spec, tmp_path, batch_rows=2).read(None, ["a"]))
    assert [batch.rows.column("a").to_pylist() for batch in found] == [["1", "2"], ["3"], ["4"], [5]]


def test_windows_by_path_read_the_paths_of_the_window(tmp_path: Path) -> None:
    for day in (1, 2, 4):
        put(tmp_path, f"2026-03-0{day}/x.csv", f"a\n{day}\n")
    found = source("{date:%Y-%m-%d}/*.csv", tmp_path, window={"by": "path"})
    window = Window(utc(2026, 3, 2), utc(2026, 3, 5))
    assert values(found, window) == ["2", "4"]
    assert found.missing == [f"{tmp_path}/2026-03-03/*.csv"]
    assert [batch.time for batch in found.read(window)] == [utc(2026, 3, 3), utc(2026, 3, 5)]


def test_windows_by_path_read_single_dated_files_and_look_back(tmp_path: Path) -> None:
    for day in (1, 2):
        put(tmp_path, f"2026-03-0{day}.csv", f"a\n{day}\n")
    found = source("{date:%Y-%m-%d}.csv", tmp_path, window={"by": "path", "lookback": "1d"})
    assert values(found, Window(utc(2026, 3, 2), utc(2026, 3, 3))) == ["1", "2"]
    assert values(found, Window(utc(2026, 3, 3), utc(2026, 3, 4))) == ["2"]
    assert found.missing == [f"{tmp_path}/2026-03-03.csv"]


def test_without_a_window_all_dates_are_read_with_the_times_they_have_in_windows(tmp_path: Path) -> None:
    for name in ("2026-03-02.csv", "2026-03-01.csv", "latest.csv", "2026-02-31.csv"):
        put(tmp_path, name)
    found = source("{date:%Y-%m-%d}.csv", tmp_path, window={"by": "path", "timezone": "Europe/Berlin"})
    assert names(found, tmp_path) == ["2026-03-01.csv", "2026-03-02.csv"]
    everything = [file.time for file in found.files(None)]
    windows = [file.time for file in found.files(Window(utc(2026, 2, 1), utc(2026, 4, 1)))]
    assert everything == windows == [utc(2026, 3, 1, 23), utc(2026, 3, 2, 23)]


def test_a_path_of_several_slots_has_its_modification_time_without_a_window(tmp_path: Path) -> None:
    put(tmp_path, "2026-03.csv", modified=utc(2026, 3, 9))
    found = source("{date:%Y-%m}.csv", tmp_path, window={"by": "path"})
    assert [file.time for file in found.files(None)] == [utc(2026, 3, 9)]


def test_windows_by_modification_time(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        put(tmp_path, f"{day}.csv", f"a\n{day}\n", modified=utc(2026, 3, day))
    window = Window(utc(2026, 3, 2), utc(2026, 3, 3))
    assert values(source("*.csv", tmp_path, window={"by": "modified"}), window) == ["2"]
    assert values(source("*.csv", tmp_path, window={"by": "modified", "lookback": "1d"}), window) == ["1", "2"]
    assert values(source("*.csv", tmp_path, window={"by": "modified"})) == ["1", "2", "3"]


def test_windows_by_column(tmp_path: Path) -> None:
    put(tmp_path, "x.csv", "a,at\n1,2026-03-01\n2,2026-03-02\n3,2026-03-03\n4,soon\n")
    found = source("*.csv", tmp_path, window={"by": "column", "column": "at"})
    (batch,) = found.read(Window(utc(2026, 3, 2), utc(2026, 3, 3)), ["a"])
    assert batch.rows.to_pylist() == [{"a": "2"}]
    assert batch.origin(0) == f"{tmp_path}/x.csv line 3"
    assert [(item.code, item.origin) for item in batch.rejected] == [("bad_window_value", f"{tmp_path}/x.csv line 5")]
    assert values(found) == ["1", "2", "3", "4"]
    back = source("*.csv", tmp_path, window={"by": "column", "column": "at", "lookback": "24h"})
    assert values(back, Window(utc(2026, 3, 2), utc(2026, 3, 3))) == ["1", "2"]


def test_windows_by_column_of_parquet_and_the_column_itself(tmp_path: Path) -> None:
    moments = pa.array([utc(2026, 3, day) for day in range(1, 11)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"a": range(10), "at": moments}), tmp_path / "x.parquet", row_group_size=3)
    found = source("x.parquet", tmp_path, window={"by": "column", "column": "at"})
    window = Window(utc(2026, 3, 5), utc(2026, 3, 8))
    batches = list(found.read(window, ["at", "a"]))
    assert [batch.rows.schema.names for batch in batches] == [["at", "a"]] * 2
    assert [row["a"] for batch in batches for row in batch.rows.to_pylist()] == [4, 5, 6]
    assert batches[1].origin(0) == f"{tmp_path}/x.parquet row 7"
    assert values(found, window) == [4, 5, 6]


def test_a_window_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    put(tmp_path, "x.csv", "a,updated_at\n1,2026-03-01\n")
    put(tmp_path, "x.ndjson", '{"a":1}\n')
    window = Window(utc(2026, 3, 2), utc(2026, 3, 3))
    for name, columns in (("x.csv", ["a"]), ("x.csv", None), ("x.ndjson", None)):
        found = source(name, tmp_path, window={"by": "column", "column": "updated"})
        with pytest.raises(SourceError, match="column 'updated'"):
            list(found.read(window, columns))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"uri": "s3://b/{date:%Y}.csv"}, "needs window: {by: path}"),
        ({"uri": "s3://b/x.csv", "window": {"by": "path"}}, "and 's3://b/x.csv' has none"),
        ({"uri": "s3://b/{day}.csv", "window": {"by": "path"}}, "is no placeholder"),
        ({"uri": "s3://conn@b/x.csv"}, "name the connection under connection:"),
        ({"uri": "x.csv", "wait_for": "../_SUCCESS"}, "wait_for: '../_SUCCESS' is no file's name"),
        ({"uri": "x.csv", "wait_for": "*.done"}, "wait_for: '\\*.done' is no file's name"),
        ({"uri": "x.csv", "wait_timeout": "1h"}, "wait_timeout says nothing without wait_for or settle"),
        ({"uri": "x.csv", "settle": "soon"}, "'soon' is no duration"),
        ({"uri": "x.csv", "settle": "10m", "poke_interval": "0s"}, "poke_interval must be longer than zero"),
        ({"uri": "x.csv", "conection": "c"}, "Extra inputs"),
        ({"uri": "x.csv", "format": "xlsx"}, "'auto', 'delta', 'csv', 'ndjson', 'json', 'parquet' or 'excel'"),
    ],
)
def test_wrong_specs_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TableSourceSpec.model_validate({"type": "table", **keys})


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'ftp://' is no storage"):
        source("ftp://b/x.csv").check()


def test_importing_the_source_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, labelbox_airflow.sources.tables; "
        "print([name for name in ('airflow', 'pyarrow', 'numpy', 'fsspec', 'boto3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
