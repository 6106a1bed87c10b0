"""Databases as sources, read from a real Postgres through Airflow's hook."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import NullPool, create_engine, make_url

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.inputs import Input, read_inputs
from labelbox_airflow.sources.sql import SqlSource, SqlSourceSpec
from labelbox_local.stack import Postgres

DAY = Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))


@dataclass
class Warehouse:
    """A database of the test's own, and the Airflow connection `warehouse` to it."""

    url: str
    monkeypatch: pytest.MonkeyPatch

    def execute(self, *statements: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def connect(self, **changes: Any) -> None:
        url = make_url(self.url)
        given = {
            "conn_type": "postgres",
            "host": url.host,
            "port": url.port,
            "login": url.username,
            "password": url.password,
            "schema": url.database,
        }
        self.monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(given | changes))


@pytest.fixture
def warehouse(postgres: Postgres, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    name = f"warehouse_{uuid.uuid4().hex}"
    made = Warehouse(postgres.create_database(name), monkeypatch)
    made.connect()
    yield made
    postgres.drop_database(name)


def source(base: Path | None = None, **keys: Any) -> SqlSource:
    spec = SqlSourceSpec.model_validate({"type": "sql", "connection": "warehouse", **keys})
    return SqlSource(spec, base)


def rows(batches: Iterator[Batch] | list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.rows.to_pylist()]


def test_values_of_every_kind_arrive_with_their_type(warehouse: Warehouse) -> None:
    warehouse.execute(
        """CREATE TABLE kinds (i int, f float8, n numeric(30, 4), t text, b bool, d date, at timestamptz,
                               local timestamp, raw bytea, doc jsonb, vector float8[], id uuid, none text)""",
        """INSERT INTO kinds VALUES (7, 0.5, 12345678901234567890.1200, 'né', true, '2026-01-02',
           '2026-01-02 03:04:05+02', '2026-01-02 03:04:05', '\\x00ff', '{"a": [1, null]}', '{0.25,1}',
           '00000000-0000-0000-0000-000000000001', null)""",
        "INSERT INTO kinds SELECT",
    )
    (batch,) = source(table="kinds").read(None)
    first, nulls = batch.rows.to_pylist()
    assert first == {
        "i": 7,
        "f": 0.5,
        "n": "12345678901234567890.1200",
        "t": "né",
        "b": True,
        "d": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        "local": datetime(2026, 1, 2, 3, 4, 5),
        "raw": b"\x00\xff",
        "doc": '{"a":[1,null]}',
        "vector": [0.25, 1.0],
        "id": "00000000-0000-0000-0000-000000000001",
        "none": None,
    }
    assert set(nulls.values()) == {None}
    assert batch.origin(1) == "warehouse:kinds row 2"


def test_a_column_keeps_its_type_over_batches_of_nulls_and_large_rows_come_few_at_a_time(warehouse: Warehouse) -> None:
    warehouse.execute(
        """CREATE TABLE many AS SELECT i AS id, CASE WHEN i = 5 THEN 1.5 END::float8 AS score,
           CASE WHEN i > 900 THEN repeat('x', 2000000) ELSE '' END AS body FROM generate_series(1, 1000) AS i""",
    )
    batches = list(source(table="many").read(None, ["score", "id", "body"]))
    assert [row["id"] for row in rows(batches)] == list(range(1, 1001))
    assert {batch.rows.schema.field("score").type for batch in batches} == {pa.float64()}
    assert batches[0].rows.schema.names == ["score", "id", "body"]
    assert [batch.origin(0) for batch in batches[:2]] == ["warehouse:many row 1", "warehouse:many row 17"]


def test_a_window_by_column_reads_its_rows_and_rejects_those_of_no_time(warehouse: Warehouse) -> None:
    warehouse.execute(
        'CREATE TABLE "Odd Name" (id int, at timestamptz, local timestamp, day date, said text)',
        """INSERT INTO "Odd Name" VALUES
           (1, '2026-01-01 23:59:59.999999+00', '2026-01-02 00:59:59', '2026-01-01', '2026-01-01T23:59:59Z'),
           (2, '2026-01-02 00:00:00+00',        '2026-01-02 01:00:00', '2026-01-03', '2026-01-02T00:00:00Z'),
           (3, '2026-01-03 00:00:00+00',        '2026-01-03 01:00:00', '2026-01-04', '2026-01-03T00:00:00Z'),
           (4, null, null, null, null)""",
    )
    for column in ("at", "local", "day", "said"):
        window = {"by": "column", "column": column, "timezone": "Europe/Berlin"}
        batches = list(source(table='"Odd Name"', window=window).read(DAY, ["ID"]))
        assert rows(batches) == [{"ID": 2}], column
        assert [reject.code for batch in batches for reject in batch.rejected] == ["bad_window_value"]
        assert len(rows(source(table='"Odd Name"', window=window).read(None))) == 4


def test_a_query_binds_its_window_and_params(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.execute(
        "CREATE TABLE receipts (id int, at timestamptz, country text)",
        """INSERT INTO receipts VALUES (1, '2026-01-01', 'O''DE'), (2, '2026-01-02', 'O''DE'), (3, '2026-01-02', 'FR'),
           (4, '2026-01-01 22:00+00', 'O''DE')""",
    )
    text = """SELECT id, country LIKE 'O%' AS o, 'a%b' AS said FROM receipts
              WHERE at >= {{ window.start }} AND at < {{ window.end }}
              {% if params.country %}AND country = {{ params.country }}{% endif %} ORDER BY id;"""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "receipts.sql").write_text(text)
    keys = {"query": "sql/receipts.sql", "window": {"by": "query", "lookback": "2h"}, "params": {"country": "O'DE"}}
    found = source(tmp_path, **keys)
    assert rows(found.read(DAY)) == [{"id": 2, "o": True, "said": "a%b"}, {"id": 4, "o": True, "said": "a%b"}]
    assert [row["id"] for row in rows(found.read(None))] == [1, 2, 4]
    assert found.place == "warehouse:sql/receipts.sql"
    nothing = source(query="SELECT id FROM receipts WHERE country = {{ params.c }}", params={"c": "' OR true --"})
    assert rows(nothing.read(None)) == []


def test_a_table_is_read_as_it_was_when_reading_began(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 40) AS i")
    reading = source(table="t").read(None)
    first = next(reading)
    warehouse.execute("INSERT INTO t VALUES (41)", "DELETE FROM t WHERE id = 40")
    assert rows([first, *reading])[-1] == {"id": 40}


def test_a_joined_source_may_be_a_database(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.execute(
        "CREATE TABLE main AS SELECT 1 AS id, 'u' AS url", "CREATE TABLE side AS SELECT 1::bigint AS main_id, 0.5 AS s"
    )
    sides = SqlSourceSpec(type="sql", connection="warehouse", query="SELECT main_id, s FROM side")
    inputs = [
        Input("rows", SqlSourceSpec(type="sql", connection="warehouse", table="main"), ["id", "url"]),
        Input("side", sides, ["main_id", "s"], {"main_id": "id"}),
    ]
    assert rows(read_inputs(inputs, None, tmp_path)) == [{"id": 1, "url": "u", "side.s": "0.5"}]


@pytest.mark.parametrize(
    ("keys", "kind", "said"),
    [
        ({"table": "recipts"}, SourceError, 'warehouse:recipts: relation "recipts" does not exist'),
        ({"query": "SELECT idd FROM receipts"}, SourceError, 'column "idd" does not exist'),
        ({"query": "SELECT FROM WHERE"}, SourceError, "warehouse:query: syntax error"),
        ({"query": "SELECT id, id FROM receipts"}, SourceError, "columns 1 and 2 are both called 'id'"),
        ({"query": "SELECT 1 / (id - 1) AS id FROM receipts"}, SourceError, "division by zero"),
        ({"query": "SELECT {{ windw.start }}"}, ConfigurationError, "'windw' is undefined"),
        ({"query": "SELECT {{ window.start }} AS id"}, ConfigurationError, "Add window: {by: query}"),
        ({"query": "none.sql"}, ConfigurationError, "none.sql: the file of the query cannot be read"),
        ({"table": "receipts", "connection": "wherehouse"}, ConfigurationError, "no Airflow connection 'wherehouse'"),
        ({"table": "receipts", "connection": "aws_default"}, ConfigurationError, "type 'aws', which is no database"),
    ],
)
def test_what_is_wrong_names_connection_and_object(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], kind: type[Exception], said: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    warehouse.execute("CREATE TABLE receipts AS SELECT 1 AS id")
    with pytest.raises(kind) as failure:
        list(source(**keys).read(None, ["id"]))
    assert said in str(failure.value)
    assert "warehouse" in str(failure.value) or "none.sql" in str(failure.value) or "aws" in said or "wher" in said


def test_a_missing_column_is_named_with_the_nearest(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE TABLE receipts AS SELECT 1 AS id, 'a' AS gs_uri")
    for keys in ({"table": "receipts"}, {"query": "SELECT * FROM receipts"}):
        with pytest.raises(SourceError, match=r"no column 'gs_url' \(connection 'warehouse'\). Did you mean 'gs_uri'"):
            list(source(**keys).read(None, ["id", "gs_url"]))


def test_refused_users_and_missing_rights_are_told_apart(warehouse: Warehouse) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    warehouse.execute("CREATE TABLE secret AS SELECT 1 AS id", f"CREATE ROLE {role} LOGIN PASSWORD 'right'")
    warehouse.connect(login=role, password="wrong-one")
    with pytest.raises(ConfigurationError, match=r"refuses the credentials.*connection 'warehouse'") as refused:
        source(table="secret").check()
    assert "wrong-one" not in str(refused.value)
    warehouse.connect(login=role, password="right")
    with pytest.raises(ConfigurationError, match="warehouse:secret: the database denies access: permission denied"):
        list(source(table="secret").read(None))
    warehouse.connect(schema="nowhere")
    with pytest.raises(ConfigurationError, match='database "nowhere" does not exist'):
        source(table="secret").check()
    warehouse.connect(port=1)
    with pytest.raises(SourceUnavailableError, match=r"does not answer.*connection 'warehouse'"):
        source(table="secret").check()
    warehouse.execute("DROP TABLE secret", f"DROP ROLE {role}")


def test_a_connection_that_is_cut_meanwhile_may_be_tried_again(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 40) AS i")
    reading = source(table="t").read(None)
    next(reading)
    warehouse.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    with pytest.raises(SourceUnavailableError, match="warehouse:t: the database failed while it was read"):
        list(reading)


def test_a_cell_too_large_rejects_its_row(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE TABLE t AS SELECT 1 AS id, repeat('x', 17000000) AS body UNION ALL SELECT 2, 'short'")
    (batch,) = source(table="t").read(None)
    assert batch.rows.column("id").to_pylist() == [2]
    (reject,) = batch.rejected
    assert (reject.code, reject.field, reject.origin) == ("cell_too_large", "body", "warehouse:t row 1")
