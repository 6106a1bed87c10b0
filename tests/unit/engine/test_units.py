"""Units: how staged rows are cut, read back and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine import units as module
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.units import Unit, UnitWriter, content_mark, load_unit, part_marks

SIGNED = '"https://h/1?v=1&X-Amz-Signature=SECRET"'


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(LocalFileSystem(), str(tmp_path / "run"))
    staging.clear()
    return staging


def rows(keys: list[str], **more: list[Any]) -> pa.RecordBatch:
    size = len(keys)
    return pa.RecordBatch.from_pydict(
        {
            "global_key": keys,
            "version": pa.array(range(size), pa.int64()),
            "source": pa.array([1] * size, pa.int64()),
            "origin": pa.array([f"t.csv line {i}" for i in range(size)], pa.string()),
            "row_data": pa.array([SIGNED] * size, pa.string()),
            "fingerprint.row_data": pa.array([10] * size, pa.int64()),
            **more,
        }
    )


def write(writer: UnitWriter, batch: pa.RecordBatch) -> str:
    name = writer.current(batch.schema, batch.num_rows)
    writer.write(batch)
    return name


def test_units_hold_no_more_rows_than_they_may(staging: Staging) -> None:
    writer = UnitWriter(staging, 5)
    names = [write(writer, rows([f"{n}-{i}" for i in range(size)])) for n, size in enumerate([2, 3, 1, 4, 1, 7, 1])]
    writer.close()
    assert [unit.rows for unit in writer.units] == [5, 5, 1, 7, 1]
    assert names == ["unit-00001", "unit-00001", "unit-00002", "unit-00002", "unit-00003", "unit-00004", "unit-00005"]


def test_rows_are_numbered_on_through_the_run(staging: Staging) -> None:
    writer = UnitWriter(staging, 2)
    for key in "abc":
        write(writer, rows([key]))
    writer.close()
    assert writer.units == [Unit("unit-00001", 2), Unit("unit-00002", 1)]
    assert [load_unit(staging, unit.name).sequences for unit in writer.units] == [[0, 1], [2]]


def test_another_schema_begins_another_unit(staging: Staging) -> None:
    writer = UnitWriter(staging, 100)
    assert write(writer, rows(["a"])) == "unit-00001"
    assert write(writer, rows(["b"], external_id=['"e"'])) == "unit-00002"
    writer.close()
    assert [unit.rows for unit in writer.units] == [1, 1]


def test_a_unit_of_many_bytes_is_full(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNIT_BYTES", 1)
    writer = UnitWriter(staging, 100)
    assert [write(writer, rows([key])) for key in "ab"] == ["unit-00001", "unit-00002"]


def test_nothing_written_is_no_unit(staging: Staging) -> None:
    writer = UnitWriter(staging, 100)
    writer.current(rows(["a"]).schema, 1)
    writer.close()
    assert writer.units == []


def test_a_dry_run_counts_and_writes_nothing() -> None:
    writer = UnitWriter(None, 1)
    assert [write(writer, rows([key])) for key in "ab"] == ["unit-00001", "unit-00001"]
    writer.close()
    assert writer.next_sequence == 2
    assert writer.units == []


def test_a_unit_comes_back_as_it_was_written(staging: Staging) -> None:
    writer = UnitWriter(staging, 10)
    odd = ['"\\\u2028', "\U0001f600", "k", "l"]
    write(writer, rows(["x", *odd]).slice(1))
    write(writer, rows(["m"]))
    writer.close()
    unit = load_unit(staging, "unit-00001")
    assert len(unit) == 5
    assert unit.keys == [*odd, "m"]
    assert unit.versions == [1, 2, 3, 4, 0]
    assert unit.marks == [(10, None, None, None, None)] * 5
    assert unit.take([4, 0]).column("global_key").to_pylist() == ["m", odd[0]]
    assert unit.take([]).num_rows == 0
    assert unit.take([]).schema == unit.take([1]).schema


def test_a_payload_is_readable_and_tells_no_signature(staging: Staging) -> None:
    writer = UnitWriter(staging, 10)
    write(writer, rows(["12"], **{"metadata/cc": ['"DE"'], "attachments": [f'[{{"type":"IMAGE","value":{SIGNED}}}]']}))
    writer.close()
    assert load_unit(staging, "unit-00001").payload(0) == {
        "global_key": "12",
        "version": 0,
        "origin": "t.csv line 0",
        "row_data": "https://h/1?v=1",
        "metadata/cc": "DE",
        "attachments": [{"type": "IMAGE", "value": "https://h/1?v=1"}],
    }


def test_marks_of_parts_that_are_not_mapped_are_none() -> None:
    batch = rows(["a", "b"], **{"fingerprint.metadata": pa.array([None, -5], pa.int64())})
    assert part_marks(batch) == [(10, None, None, None, None), (10, None, -5, None, None)]


def test_content_marks_tell_parts_apart() -> None:
    marks = [(1, None, None, None, None), (None, 1, None, None, None), (2**63 - 1, -(2**63), 0, 0, 1)]
    assert len({content_mark(mark) for mark in marks}) == 3
