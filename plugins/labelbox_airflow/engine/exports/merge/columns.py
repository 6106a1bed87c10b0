"""The columns of a load beside those of its table."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.merge.contract import Evolution, evolution
from labelbox_airflow.engine.exports.merge.database import Names, SqlDatabase
from labelbox_airflow.engine.exports.merge.load import Load
from labelbox_airflow.engine.exports.merge.names import column_names
from labelbox_airflow.engine.exports.merge.staging import staged_name
from labelbox_airflow.engine.exports.records.arrow import TIME

DELETED_AT, VALID_FROM, VALID_TO = "_deleted_at", "_valid_from", "_valid_to"


@dataclass(slots=True)
class Columns:
    """How columns of a load go into a table.

    :param names: column of the load → column of the table
    :param kinds: column of the table → its type once the load is in
    :param exists: the table does; otherwise it is to be made
    """

    names: dict[str, str]
    kinds: dict[str, pa.DataType]
    new: pa.Schema
    changes: Evolution
    exists: bool

    def make(self, database: SqlDatabase, names: Names) -> bool:
        """Make the table, or change its columns; return whether there was anything to do."""
        if not self.exists:
            database.create(names.target, pa.schema(self.changes.added))
            database.index(names.target, self.names["data_row_id"])
            return True
        for column in self.changes.added:
            database.add(names.target, column)
        for column in self.changes.widened:
            database.widen(names.target, column)
        return bool(self.changes.added or self.changes.widened)

    def expressions(self, database: SqlDatabase) -> dict[str, str]:
        """Return what goes into which column, of staged rows called ``i``."""
        found = {}
        for index, column in enumerate(self.new):
            staged, kind = f"i.{staged_name(index)}", self.kinds.get(column.name)
            if column.name not in self.changes.discarded and kind is not None:
                as_is = kind == column.type
                found[column.name] = staged if as_is else f"CAST({staged} AS {database.declared(kind)})"
        return found


def find_columns(database: SqlDatabase, names: Names, load: Load) -> Columns:
    """Compare the columns of a load with those of its table.

    :raises ConfigurationError: they do not go together as the contract has it
    """
    stored = database.columns(names.target)
    held = stored.names if stored is not None else ()
    given = column_names(load.schema.names, held, longest=database.longest, folds=database.folds)
    new = pa.schema([pa.field(given[each.name], database.kept(each.type)) for each in load.schema])
    changes = Evolution(added=list(new)) if stored is None else evolution(stored, new, load.contract, load.table)
    for name in _KEYS:
        if given[name] in changes.discarded:
            raise ConfigurationError(
                f"the table has no column '{name}', by which data rows are replaced",
                where=load.table,
                remedy="Add it as text, or let columns evolve.",
            )
    changes.added += [pa.field(name, TIME) for name in _own(load) if name not in held]
    kinds = {each.name: each.type for each in [*(stored or ()), *changes.added, *changes.widened]}
    return Columns(given, kinds, new, changes, stored is not None)


_KEYS = ("project_id", "data_row_id")


def _own(load: Load) -> list[str]:
    deleted = [DELETED_AT] if load.deleted == "soft" else []
    return [*deleted, *((VALID_FROM, VALID_TO) if load.history else ())]
