"""Merges a load into a table of a SQL database: what is to change is found and changed by the database itself."""

from __future__ import annotations

from datetime import UTC, datetime

from labelbox_airflow.engine.exports.merge import staging
from labelbox_airflow.engine.exports.merge.bookkeeping import Bookkeeping
from labelbox_airflow.engine.exports.merge.columns import find_columns
from labelbox_airflow.engine.exports.merge.database import Names, SqlDatabase
from labelbox_airflow.engine.exports.merge.load import Load, Merged
from labelbox_airflow.engine.exports.merge.replacing import Replacing


class SqlTarget:
    """A SQL database that loads are merged into.

    Rows first go to temporary tables, whatever their number; then one transaction takes over what has changed, and
    notes the load. A load that fails leaves the table as it was.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    def merge(self, load: Load) -> Merged:
        """Merge a load.

        :raises ConfigurationError: the contract forbids it, or the table is not one of this sync
        """
        names = Names(self._database, load.table)
        books = Bookkeeping(self._database, names, load)
        staging.drop(self._database)  # of a load that has failed
        books.begin(datetime.now(UTC))
        with self._database.transaction():
            books.make()
            settled = books.settled()
        if settled is None:
            find_columns(self._database, names, load)  # what does not fit is said before anything is read
            staging.stage(self._database, load)
            with self._database.transaction():
                self._database.lock(names.key)
                settled = books.settled() or self._take_over(load, names, books)
        staging.drop(self._database)
        return settled

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _take_over(self, load: Load, names: Names, books: Bookkeeping) -> Merged:
        columns = find_columns(self._database, names, load)
        if columns.make(self._database, names):
            books.forget_contents()
        merged = Replacing(self._database, names, load, columns).merge()
        books.enter(merged)
        return merged
