"""Ledgers to test against: SQLite always, Postgres when LEDGER_TEST_POSTGRES_URL names one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from labelbox_airflow.engine.ledger import Ledger, Run

POSTGRES = "LEDGER_TEST_POSTGRES_URL"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/ledger.db"
        return
    if POSTGRES not in os.environ:
        pytest.skip(f"{POSTGRES} is not set")
    schema = f"ledger_{uuid.uuid4().hex}"
    admin = create_engine(os.environ[POSTGRES], isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    own = make_url(os.environ[POSTGRES]).update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[Ledger]:
    with Ledger(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def begin(ledger: Ledger, clock: Clock) -> Callable[..., Run]:
    def begun(run_id: str = "r1", sync: str = "receipts", organization: str = "org") -> Run:
        run = Run(organization, sync, run_id)
        ledger.begin_run(run, window_start=None, window_end=clock.now, spec_hash="h")
        return run

    return begun
