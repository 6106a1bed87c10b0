"""Where the ledger is, as the settings and connections of Airflow say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.hooks.deployment import Deployment

POSTGRES = "postgresql+psycopg2://ledger:secret@db:5432/labelbox_ledger"


def blocking(deployment: Deployment) -> str:
    return deployment.ledger_url()


def awaited(deployment: Deployment) -> str:
    return asyncio.run(deployment.aledger_url())


@pytest.mark.parametrize("ask", [blocking, awaited])
class TestLedgerUrl:
    def test_it_is_that_of_the_connection(
        self, ask: Callable[[Deployment], str], monkeypatch: pytest.MonkeyPatch, airflow_home: object
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_LEDGER", "postgresql://ledger:secret@db:5432/labelbox_ledger")
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", "postgresql://ledger:secret@other:5432/labelbox_ledger")
        assert ask(Deployment({}, {})) == POSTGRES
        assert ask(Deployment({"connection": "other"}, {})) == POSTGRES.replace("@db", "@other")

    def test_a_url_is_taken_as_it_is(
        self, ask: Callable[[Deployment], str], monkeypatch: pytest.MonkeyPatch, airflow_home: object
    ) -> None:
        monkeypatch.setenv("AIRFLOW__LABELBOX__LEDGER", "sqlite:////srv/ledger.db")
        assert ask(Deployment({}, {})) == "sqlite:////srv/ledger.db"
        assert ask(Deployment({"url": "sqlite:////srv/own.db"}, {})) == "sqlite:////srv/own.db"

    def test_none_at_all_says_what_to_set(self, ask: Callable[[Deployment], str], airflow_home: object) -> None:
        with pytest.raises(ConfigurationError, match=r"no ledger is configured, .* 'labelbox_ledger'. Make that conn"):
            ask(Deployment({}, {}))

    def test_a_file_will_not_do_for_many_machines(
        self, ask: Callable[[Deployment], str], monkeypatch: pytest.MonkeyPatch, airflow_home: object
    ) -> None:
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
        with pytest.raises(ConfigurationError, match="the ledger is on a local disk"):
            ask(Deployment({"url": "sqlite:////srv/own.db"}, {}))
