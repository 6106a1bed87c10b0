"""Opening a ledger: URLs, directories, schema versions, several processes at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.ledger import Attempt, Entry, Ledger, LedgerUnavailableError, Owner


def write_some(url: str, number: int, failures: multiprocessing.Queue) -> None:
    try:
        with Ledger(url) as ledger:
            for step in range(10):
                ledger.put(Owner("org", "sync"), {f"{number}-{step}": Entry("ds", None, 1, *[None] * 7)})
    except Exception as error:
        failures.put(repr(error))


def test_processes_that_start_together_share_one_ledger(ledger_url: str) -> None:
    context = multiprocessing.get_context("fork")
    failures = context.Queue()
    processes = [context.Process(target=write_some, args=(ledger_url, number, failures)) for number in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 6
    assert failures.empty(), failures.get()
    with Ledger(ledger_url) as ledger:
        assert ledger.count(Owner("org", "sync"), "ds") == 60


def test_a_newer_schema_is_refused(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.count(Owner("org", "sync"), "ds")
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_schema SET version = 99"))
    engine.dispose()
    with Ledger(ledger_url) as ledger, pytest.raises(ConfigurationError, match=r"schema version 99.*Upgrade"):
        ledger.count(Owner("org", "sync"), "ds")


def test_a_table_that_an_older_package_did_not_know_is_added(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.put(Owner("org", "sync"), {"k": Entry("ds", None, 1, *[None] * 7)})
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE ledger_incidents"))
        connection.execute(text("DROP TABLE ledger_notices"))
    engine.dispose()
    with Ledger(ledger_url) as ledger:
        assert ledger.incidents.failed(Attempt("sync", "run", 0), "failed", catches_up=True) is not None
        assert ledger.count(Owner("org", "sync"), "ds") == 1


def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.count(Owner("org", "sync"), "ds")
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"file/sub' for the ledger cannot be made: Not a directory"):
        Ledger(f"sqlite:///{tmp_path}/file/sub/ledger.db")


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d"])
def test_a_url_that_cannot_hold_a_ledger_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)
    assert "sqlite:////absolute/path" in str(caught.value)


def test_a_server_that_does_not_answer_is_an_error_that_may_pass() -> None:
    ledger = Ledger("postgresql://user:secret@127.0.0.1:1/ledger")
    with pytest.raises(LedgerUnavailableError, match=r"127\.0\.0\.1:1/ledger") as caught:
        ledger.count(Owner("org", "sync"), "ds")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database at all " * 100)
    with (
        Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger,
        pytest.raises(ConfigurationError, match="not a SQLite database"),
    ):
        ledger.count(Owner("org", "sync"), "ds")
