"""Iceberg tables as sources, of a catalog in a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.iceberg import IcebergSourceSpec
from labelbox_airflow.sources.inputs import open_source

DAY = Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))


@pytest.fixture
def catalog(tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    properties = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": tmp_path.as_uri()}
    connect(monkeypatch, **properties)
    made = load_catalog("shared", **properties)
    made.create_namespace("ml")
    return made


def connect(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "generic", "extra": extra}))


def read(reach: Window | None = None, columns: list[str] | None = None, **keys: Any) -> list[Batch]:
    spec = {"type": "iceberg", "connection": "lake", "catalog": "shared", "table": "ml.t", **keys}
    return list(open_source(IcebergSourceSpec.model_validate(spec)).read(reach, columns))


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.rows.to_pylist()]


def table(*days: int | None) -> pa.Table:
    at = pa.array(
        [None if day is None else datetime(2026, 1, day, tzinfo=UTC) for day in days], pa.timestamp("us", "UTC")
    )
    return pa.table(
        {
            "id": pa.array([day or 0 for day in days], pa.int64()),
            "name": pa.array([f"n{day}" for day in days], pa.string()),
            "at": at,
            "local": at.cast(pa.timestamp("us")),
            "day": at.cast(pa.date32(), safe=False),
        }
    )


def test_a_snapshot_is_read_with_columns_as_they_are_asked_for(catalog: Catalog) -> None:
    made = catalog.create_table("ml.t", schema=table().schema)
    assert read() == []
    made.append(table(1, 2))
    first = made.current_snapshot()
    made.append(table(3))
    made.delete("id = 1")
    with made.update_schema() as update:
        update.rename_column("name", "title")
    found = read(columns=["title", "id"])
    assert sorted(row["id"] for row in rows(found)) == [2, 3]
    assert list(rows(found)[0]) == ["title", "id"]
    assert found[0].rows.schema.field("title").type == pa.string()
    assert found[0].origin(0).endswith("row 1")
    assert [row["id"] for row in rows(read(columns=["id", "name"], snapshot=first.snapshot_id))] == [1, 2]
    at = datetime.fromtimestamp(first.timestamp_ms / 1000, UTC).isoformat()
    assert [row["id"] for row in rows(read(columns=["id"], timestamp=at))] == [1, 2]
    with pytest.raises(SourceError, match=r"lake:ml\.t: there is no snapshot 7"):
        read(snapshot=7)


@pytest.mark.parametrize("column", ["at", "local", "day"])
def test_a_window_by_column_reads_its_rows_and_rejects_those_of_no_time(catalog: Catalog, column: str) -> None:
    catalog.create_table("ml.t", schema=table().schema).append(table(1, 2, 3, None))
    found = read(DAY, ["id"], window={"by": "column", "column": column})
    assert rows(found) == [{"id": 2}]
    assert [reject.code for batch in found for reject in batch.rejected] == ["bad_window_value"]


def test_what_is_missing_or_refused_is_named(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.create_table("ml.t", schema=table().schema).append(table(1))
    with pytest.raises(SourceError, match=r"no column 'nam'\. Did you mean 'name'"):
        read(columns=["nam"])
    with pytest.raises(SourceError, match=r"lake:ml.other: there is no such table \(connection 'lake'\)"):
        read(table="ml.other")
    with pytest.raises(ConfigurationError, match="no Airflow connection 'lakes'"):
        read(connection="lakes")
    connect(monkeypatch, type="rest", uri="http://127.0.0.1:1")
    with pytest.raises(SourceUnavailableError, match=r"lake:ml\.t: the table cannot be read"):
        read()
    connect(monkeypatch, type="nonsense")
    with pytest.raises(ConfigurationError, match="the catalog cannot be used"):
        read()
