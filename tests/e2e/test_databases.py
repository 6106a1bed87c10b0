"""A Postgres database as the source of rows, of columns joined to them, and of annotations, through Airflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine
from tests.e2e.conftest import Deployment
from tests.e2e.test_annotations import BOX, ONTOLOGY, prelabels

from labelbox_local.stack import Postgres

if TYPE_CHECKING:
    from labelbox import Client

DAY = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def warehouse(postgres: Postgres, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = create_engine(postgres.create_database(deployment.name), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    url = engine.url
    connection = {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    yield engine
    postgres.drop_database(deployment.name)


def execute(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def add_sync(deployment: Deployment, **changes: Any) -> None:
    """Write a sync that reads a table by its column `at`, and joins a query."""
    (deployment.syncs / "facts.sql").write_text("SELECT id, country FROM facts WHERE kept = {{ params.kept }}")
    window = {"by": "column", "column": "at"}
    sources = {
        "rows": {"type": "sql", "connection": "warehouse", "table": "public.receipts", "window": window},
        "facts": {
            "type": "sql",
            "connection": "warehouse",
            "query": "facts.sql",
            "params": {"kept": True},
            "join": {"id": "rows.id"},
            "missing": "leave",
        },
    }
    metadata = {
        name: {"column": column, "kind": kind, "new_field": "add"}
        for name, column, kind in (("landOfSale", "facts.country", "string"), ("priceOfSale", "price", "number"))
    }
    deployment.add_sync(sources=sources, rows__version="at", rows__metadata=metadata, **changes)


def test_rows_of_a_table_arrive_once_with_what_is_joined_to_them(deployment: Deployment, warehouse: Engine) -> None:
    execute(
        warehouse,
        "CREATE TABLE receipts (id int, url text, price numeric(10, 2), at timestamptz)",
        "CREATE TABLE facts (id bigint, country text, kept bool)",
        """INSERT INTO receipts SELECT i, 'https://images.example.com/' || i || '.jpg', i + 0.5, '2026-01-01 08:00+00'
           FROM generate_series(1, 40) AS i""",
        "INSERT INTO facts VALUES (1, 'DE', true), (2, 'FR', false)",
    )
    add_sync(deployment)
    assert deployment.run_well("rows", DAY).outcomes == {"created": 40}
    held = deployment.data_rows() or {}
    fields = {field["schema_name"]: field["value"] for field in held["1"]["metadata_fields"]}
    assert (fields["landOfSale"], float(fields["priceOfSale"])) == ("DE", 1.5)
    assert "landOfSale" not in {field["schema_name"] for field in held["2"]["metadata_fields"]}

    execute(warehouse, "UPDATE receipts SET price = 9, at = '2026-01-02 08:00+00' WHERE id = 3")
    assert deployment.run_well("rows", DAY + timedelta(days=1)).outcomes == {"updated": 1}
    assert deployment.run_well("rows", DAY + timedelta(days=2)).outcomes == {}
    execute(warehouse, "ALTER TABLE receipts DROP COLUMN price")
    failed = deployment.run("rows", DAY + timedelta(days=3)).failure
    assert failed.final
    assert "warehouse:public.receipts: there is no column 'price' (connection 'warehouse')" in failed.message


def test_annotations_may_be_the_rows_of_a_query(deployment: Deployment, warehouse: Engine, sdk: Client) -> None:
    execute(
        warehouse,
        "CREATE TABLE receipts AS SELECT lpad(i::text, 4, '0') AS id, 'https://images.example.com/' || i AS url "
        "FROM generate_series(1, 3) AS i",
        "CREATE TABLE preds AS SELECT '0001' AS id, 4::numeric AS x1, 1 AS y1, 14 AS x2, 11 AS y2, 'Total' AS cls",
    )
    (deployment.syncs / "receipts.ontology").write_text(ONTOLOGY)
    preds = {"type": "sql", "connection": "warehouse", "query": "SELECT * FROM preds WHERE x1 > {{ 1 }}"}
    deployment.add_sync(
        sources={"rows": {"type": "sql", "connection": "warehouse", "table": "receipts"}, "preds": preds},
        rows__media_type="IMAGE",
        project={"name": deployment.name, "ontology": "receipts.ontology"},
        annotations={
            "from": "preds",
            "as": "prelabels",
            "table": {"global_key": f"{deployment.name}/{{id}}", **BOX},
        },
    )
    ran = deployment.run_well("rows", DAY)
    assert ran.outcomes == {"created": 3}
    assert ran.counts["annotations"] == {"read": 1, "sent": 1}
    assert prelabels(deployment, sdk) == {"0001": [4]}
