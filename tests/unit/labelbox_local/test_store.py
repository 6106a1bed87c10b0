"""The database of the local Labelbox."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from labelbox_local.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def test_a_database_of_an_earlier_version_gets_the_new_tables(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "labelbox.sqlite", isolation_level=None)) as database:
        database.execute("DROP TABLE webhook_delivery")
        database.execute("PRAGMA user_version = 0")
    store = Store(tmp_path)
    assert store.rows("SELECT * FROM webhook_delivery") == []
    assert store.rows("PRAGMA user_version") != [{"user_version": 0}]
    store.close()


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "labelbox.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="is of version 99"):
        Store(tmp_path)
