"""Exports on staging, merged into a database by the operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.unit.engine.exports.records.lines import BOX, label, labeled, thing

from labelbox_airflow.engine.exports.staged import LINES, SUMMARY
from labelbox_airflow.hooks.deployment import Deployment
from labelbox_airflow.operators.merges import LabelboxMergeTableOperator

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = {"records": "annotations", "to": "boxes", "database": "boxes.duckdb", "deleted": "soft"}


def boxes(data_row: str, *names: str) -> bytes:
    return labeled(label(objects=[thing(name, bounding_box=BOX) for name in names]), data_row=data_row)


@pytest.fixture
def merge(tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return what merges lines that a run has exported."""
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_DEFAULT", '{"conn_type": "labelbox", "password": "any"}')
    place = {"url": (tmp_path / "staging").as_uri()}

    def run(run_id: str, *lines: bytes, keys: list[str] | None = None, **exported: Any) -> dict[str, Any]:
        staging = Deployment({}, place).staging_of("out", run_id)
        staging.clear()
        writer = staging.table_writer(LINES, pa.schema([("line", pa.large_binary())]))
        writer.write(pa.record_batch([pa.array(lines, pa.large_binary())], schema=writer.schema))
        writer.close()
        staging.write_json(SUMMARY, {})
        if keys is not None:
            batch = pa.RecordBatch.from_pydict({"project_id": ["p1"] * len(keys), "data_row_id": keys})
            writer = staging.table_writer("keys.arrow", batch.schema)
            writer.write(batch)
            writer.close()
        table = TABLE | exported.pop("table", {})
        given = {"lines": len(lines), "bytes": 0, "projects": ["p1"], "swept": keys is not None, **exported}
        operator = LabelboxMergeTableOperator(
            task_id="merge", sync="out", table=table, exported=given, base=str(tmp_path), staging=place
        )
        context = {"run_id": run_id, "dag_run": SimpleNamespace(start_date=BEGAN), "ti": SimpleNamespace()}
        return operator.execute(context)

    return run


def test_what_an_export_is_decides_what_vanishes(merge: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    def at(minutes: int) -> str:
        return (BEGAN + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")

    whole = merge("first", boxes("d1", "a", "b"), boxes("d2", "c"), boxes("d3", "d"))
    assert whole == {"table": "boxes", "outcome": "merged", "data_rows": 3, "changed": 3, "vanished": 0, "rows": 4}
    assert merge("first", boxes("d1", "a", "b"))["outcome"] == "repeated"
    merge("second", boxes("d1", "a"), scope="changed", as_of=at(2), watermark="2026-01-01", keys=["d1", "d3"])
    assert merge("late", boxes("d1", "b"), scope="changed", as_of=at(1))["changed"] == 0
    with duckdb.connect(str(tmp_path / "boxes.duckdb")) as database:
        live = database.execute("SELECT annotation_id FROM boxes WHERE _deleted_at IS NULL ORDER BY 1").fetchall()
        loads = database.execute("SELECT load_id, scope, watermark FROM _labelbox_loads ORDER BY as_of").fetchall()
    assert live == [("id of a",), ("id of d",)]
    assert loads == [("first", "whole", None), ("late", "changed", None), ("second", "changed", "2026-01-01")]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"deleted": "sofft"}, "table: deleted: Input should be 'soft' or 'hard'"),
        ({"connection": "warehouse"}, "exactly one of connection or database (given: both)"),
        ({"database": "boxes.xlsx"}, "'boxes.xlsx' is no file of a database. Write duckdb:///path"),
        ({"database": "nowhere/boxes.db"}, "there is no directory"),
        ({"database": None, "connection": "nobody"}, "nobody:boxes: there is no Airflow connection 'nobody'"),
    ],
)
def test_what_cannot_be_merged_is_said_at_once(
    merge: Callable[..., dict[str, Any]], table: dict[str, Any], said: str
) -> None:
    with pytest.raises(AirflowFailException) as caught:
        merge("run", table=table)
    assert said in str(caught.value)


def test_a_file_will_not_do_for_many_machines(
    merge: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbox_airflow.hooks.deployment._shares_no_disk", lambda: True)
    monkeypatch.setattr("labelbox_airflow.hooks.deployment._refuse_local", lambda *_: None)
    with pytest.raises(AirflowFailException, match=r"boxes.duckdb is on a local disk, but tasks run on many machines"):
        merge("run")
