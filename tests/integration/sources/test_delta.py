"""Delta tables as sources, on a local disk and in an S3 server."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.inputs import open_source
from labelbox_airflow.sources.storage_options import storage_options
from labelbox_airflow.sources.tables import TableSourceSpec
from labelbox_local.stack import ObjectStore

DAY = Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))


def read(uri: str, reach: Window | None = None, columns: list[str] | None = None, **keys: Any) -> list[Batch]:
    spec = TableSourceSpec.model_validate({"type": "table", "format": "delta", "uri": uri, **keys})
    return list(open_source(spec).read(reach, columns))


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return sorted((row for batch in batches for row in batch.rows.to_pylist()), key=lambda row: str(row))


def table(*ids: int) -> pa.Table:
    """Return rows twelve hours apart, the first at the beginning of the year."""
    return timed({number: datetime(2026, 1, 1 + number // 2, 12 * (number % 2), tzinfo=UTC) for number in ids})


def timed(moments: dict[int, datetime | None]) -> pa.Table:
    at = pa.array(list(moments.values()), pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "id": list(moments),
            "name": [f"n{number}" for number in moments],
            "v": [[0.5]] * len(moments),
            "at": at,
            "local": at.cast(pa.timestamp("us")),
            "day": at.cast(pa.date32(), safe=False),
        }
    )


def test_a_version_is_read_with_deleted_rows_left_out(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    write_deltalake(uri, table(1, 2), configuration={"delta.enableDeletionVectors": "true"})
    write_deltalake(uri, table(3), mode="append")
    DeltaTable(uri).delete("id = 1")
    newest = read(uri, columns=["name", "id", "v"])
    assert rows(newest) == [{"name": "n2", "id": 2, "v": [0.5]}, {"name": "n3", "id": 3, "v": [0.5]}]
    assert {batch.rows.schema.field("name").type for batch in newest} == {pa.string()}
    assert newest[0].origin(0) == f"{uri} version 2 row 1"
    assert [row["id"] for row in rows(read(uri, columns=["id"], delta={"version": 0}))] == [1, 2]
    written = DeltaTable(uri).history()[0]["timestamp"] / 1000
    before = datetime.fromtimestamp(written, UTC).isoformat()
    assert [row["id"] for row in rows(read(uri, columns=["id"], delta={"timestamp": before}))] == [2, 3]


@pytest.mark.parametrize("column", ["at", "local", "day"])
def test_a_window_by_column_reads_its_rows_and_rejects_those_of_no_time(tmp_path: Path, column: str) -> None:
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.concat_tables([table(0, 1, 2, 3, 4), timed({9: None})]))
    found = read(uri, DAY, ["id"], window={"by": "column", "column": column})
    assert rows(found) == [{"id": 2}, {"id": 3}]
    assert [reject.code for batch in found for reject in batch.rejected] == ["bad_window_value"]
    assert len(rows(read(uri, None, ["id"], window={"by": "column", "column": column}))) == 6


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    with pytest.raises(SourceError, match="t: there is no Delta table"):
        read(uri)
    write_deltalake(uri, table(1))
    with pytest.raises(SourceError, match=r"t version 0: there is no column 'nam'. Did you mean 'name'"):
        read(uri, columns=["nam"])
    with pytest.raises(SourceError, match="there is no version 7"):
        read(uri, delta={"version": 7})


def test_a_table_in_s3_is_read_with_the_credentials_of_the_connection(
    object_store: ObjectStore, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = f"delta-{uuid.uuid4().hex[:8]}"
    object_store.create_bucket(bucket)
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", object_store.airflow_connection())
    uri = f"s3://{bucket}/tables/t"
    write_deltalake(uri, table(1, 2), storage_options=storage_options(uri, "lake"))
    assert rows(read(uri, columns=["id"], connection="lake")) == [{"id": 1}, {"id": 2}]
    with pytest.raises(ConfigurationError, match="no Airflow connection 'lakes'"):
        read(uri, connection="lakes")
    with pytest.raises(SourceError, match=r"there is no Delta table \(connection 'lake'\)"):
        read(f"s3://{bucket}/tables/other", connection="lake")
    wrong = json.loads(object_store.airflow_connection()) | {"password": "not-the-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(wrong))
    with pytest.raises(ConfigurationError, match=r"the storage denies access.*connection 'lake'") as refused:
        read(uri, connection="lake")
    assert "not-the-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"uri": "t/*"}, "the folder of one table"),
        ({"uri": "t", "window": {"by": "modified"}}, "a Delta table has no modified"),
        ({"uri": "t", "settle": "5m"}, "are for files"),
        ({"uri": "t", "delta": {"version": 1, "timestamp": "2026-01-01T00:00:00Z"}}, "version or timestamp, not both"),
        ({"uri": "t", "format": "csv", "delta": {"version": 1}}, "delta goes with format: delta"),
    ],
)
def test_wrong_specs_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TableSourceSpec.model_validate({"type": "table", "format": "delta", **keys})
