"""Ledgers to test against: SQLite always, Postgres when the run covers tests/integration/ledger too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelbox_airflow.engine.ledger import Ledger, Run

NEEDING_SERVERS = Path(__file__).resolve().parents[2] / "integration" / "ledger"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with a ledger on SQLite, and again on Postgres in a run that may start servers."""
    if "database" in metafunc.fixturenames:
        places = (metafunc.config.invocation_params.dir / word.partition("::")[0] for word in metafunc.config.args)
        servers = any(NEEDING_SERVERS.is_relative_to(place) for place in places)
        metafunc.parametrize("database", ["sqlite", "postgres"] if servers else ["sqlite"])


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


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with Ledger(ledger_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def begin(ledger: Ledger, clock: Clock) -> Callable[..., Run]:
    def begun(run_id: str = "r1", sync: str = "receipts", organization: str = "org") -> Run:
        run = Run(organization, sync, run_id)
        ledger.begin_run(run, window_start=None, window_end=clock.now, spec_hash="h")
        return run

    return begun
