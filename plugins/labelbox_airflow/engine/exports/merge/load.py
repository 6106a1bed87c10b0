"""One load of an export into a table, what came of it, and what every kind of database offers for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import pyarrow as pa

from labelbox_airflow.engine.exports.merge.spec import ContractSpec
from labelbox_airflow.engine.exports.records.record_set import Records
from labelbox_airflow.engine.exports.tables import Kind

Outcome = Literal["merged", "repeated", "superseded"]


@dataclass(frozen=True, slots=True)
class Load:
    """What one run brings for one table.

    A pair is a data row in a project; where ``projects`` is None, a data row whatever the project.

    :param sync: what the export is known by; syncs that share a table have no project in common
    :param load_id: of the run; a load that was committed under the same ``load_id`` and ``as_of`` is not repeated
    :param table: name of the table, such as ``ml.boxes``
    :param records: kind of the records; a table has one kind
    :param schema: columns of the batches, ``project_id`` and ``data_row_id`` among them
    :param batches: rows, and the pairs they are all there is of
    :param projects: ids of the projects that were exported
    :param as_of: when the export began; what a later one brought is never overwritten
    :param whole: pairs that are not in the load vanish; otherwise it brings what changed, and others stay
    :param keys: columns ``project_id`` and ``data_row_id`` of all pairs there still are; others vanish
    :param deleted: ``soft`` keeps rows that vanish, with the time in ``_deleted_at``
    :param history: keep former versions, with ``_valid_from`` and ``_valid_to``
    :param watermark: what the export goes on from, noted with the load
    """

    sync: str
    load_id: str
    table: str
    records: Kind
    schema: pa.Schema
    batches: Iterable[Records]
    projects: tuple[str, ...] | None
    as_of: datetime
    whole: bool = True
    keys: Iterable[pa.RecordBatch] | None = None
    deleted: Literal["soft", "hard"] = "hard"
    history: bool = False
    contract: ContractSpec = field(default_factory=ContractSpec)
    watermark: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a load.

    :param outcome: ``repeated`` where it had been committed before, with the numbers of then; ``superseded`` where a
        later export of everything has been loaded since
    :param data_rows: pairs in the load
    :param changed: those of them whose rows were written; the others were the same, or newer
    :param vanished: pairs that are no more
    :param rows: rows written
    """

    outcome: Outcome
    data_rows: int = 0
    changed: int = 0
    vanished: int = 0
    rows: int = 0


class MergeTarget(Protocol):
    """A database that loads are merged into, each in one transaction: seen as a whole, or not at all."""

    def merge(self, load: Load) -> Merged:
        """Merge a load.

        :raises ConfigurationError: the contract forbids it, or the table is not one of this sync
        """
        ...

    def close(self) -> Any:
        """Let go of the database."""
        ...
