"""Other databases than Postgres: drivers with other placeholders and looser types, behind Airflow's common SQL hook."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.sql import SqlSource, SqlSourceSpec
from labelbox_airflow.sources.sql_statement import Statement, rendered

DAY = Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))


@pytest.fixture(params=[sqlite3, duckdb], ids=["sqlite", "duckdb"])
def execute(
    request: pytest.FixtureRequest, tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return what runs a statement in the database of the connection `local`."""
    file = str(tmp_path / "local.db")

    class LocalHook(DbApiHook):  # as the provider of the database has it
        conn_name_attr = "local_conn_id"

        def get_conn(self) -> Any:
            return request.param.connect(file)

    monkeypatch.setenv("AIRFLOW_CONN_LOCAL", "generic://")
    monkeypatch.setattr("airflow.sdk.Connection.get_hook", lambda _: LocalHook(local_conn_id="local"))

    def run(statement: str) -> None:
        connection = request.param.connect(file)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return run


def rows(reach: Window | None = None, columns: list[str] | None = None, **keys: Any) -> list[dict[str, Any]]:
    spec = SqlSourceSpec.model_validate({"type": "sql", "connection": "local", **keys})
    return [row for batch in SqlSource(spec).read(reach, columns) for row in batch.rows.to_pylist()]


def test_values_are_bound_as_the_driver_wants_them(execute: Callable[..., Any]) -> None:
    execute("CREATE TABLE t (id INTEGER, name TEXT)")
    execute("INSERT INTO t VALUES (1, '100%'), (2, 'it''s'), (3, NULL)")
    query = "SELECT id FROM t WHERE name = {{ params.name }} OR (name LIKE '1%' AND id = {{ params.id }})"
    assert rows(query=query, params={"name": "it's", "id": 1}) == [{"id": 1}, {"id": 2}]
    assert rows(table="t", columns=["NAME"]) == [{"NAME": "100%"}, {"NAME": "it's"}, {"NAME": None}]


def test_times_are_selected_whatever_type_the_column_has(execute: Callable[..., Any]) -> None:
    execute('CREATE TABLE t (id INTEGER, "at" TIMESTAMP, said TEXT)')
    execute(
        "INSERT INTO t VALUES (1, '2026-01-01 23:00:00', '2026-01-01T23:00:00Z'), "
        "(2, '2026-01-02 00:00:00', '2026-01-02T01:00:00+01:00'), (3, '2026-01-03 00:00:00', '2026-01-03T00:00:00Z')"
    )
    for column in ("at", "said"):
        assert rows(DAY, ["id"], table="t", window={"by": "column", "column": column}) == [{"id": 2}]


def test_what_is_missing_is_a_fault_of_the_sync(execute: Callable[..., Any]) -> None:
    execute("CREATE TABLE t (id INTEGER)")
    for keys in ({"table": "tt"}, {"query": "SELECT idd FROM t"}):
        with pytest.raises(SourceError, match=r"connection 'local'\). Correct the table") as failure:
            rows(**keys)
        assert type(failure.value) is SourceError


@pytest.mark.parametrize(
    ("style", "text", "values"),
    [
        ("qmark", "a % ? b ?", (1, "x")),
        ("numeric", "a % :1 b :2", (1, "x")),
        ("named", "a % :value_1 b :value_2", {"value_1": 1, "value_2": "x"}),
        ("format", "a %% %s b %s", (1, "x")),
        ("pyformat", "a %% %s b %s", (1, "x")),
    ],
)
def test_every_style_of_placeholders_is_written(style: str, text: str, values: Any) -> None:
    assert rendered("a % {{ one }} b {{ 'x' }};", {"one": 1}, "here").bound(style) == (text, values)
    assert Statement(["a % b"]).bound(style) == ("a % b", None)
