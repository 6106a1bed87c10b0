"""The selection: which rows of a run are to go to the project, judged while their columns are there."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa

from labelbox_airflow.engine.project.spec import SelectSpec
from labelbox_airflow.engine.rows.mapping import KeyedBatch
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.sql import Evaluator, Expression, condition, ordering
from labelbox_airflow.engine.staging import Staging, TableWriter

FILE = "selection.arrow"
WHERE, ORDER_BY = "project.select.where", "project.select.order_by"


def expressions(select: SelectSpec) -> list[Expression]:
    """Return the SQL of a selection, read.

    :raises ConfigurationError: one of them is wrong
    """
    found = [condition(WHERE, select.where)] if select.where is not None else []
    return found + ([ordering(ORDER_BY, select.order_by)] if select.order_by is not None else [])


def is_sampled(key: str, share: float) -> bool:
    """Tell whether a global key is in the sample: the same for ever."""
    digest = blake2b(key.encode(), digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < share * 2**64


class SelectionWriter:
    """Notes for every row that has a key whether it is selected, and what it is ordered by.

    :param staging: None to note nothing (a dry run)
    :ivar chosen: rows that are selected, before what is in the project already and ``max_per_run``
    :ivar rows: rows that were judged
    """

    def __init__(self, select: SelectSpec, staging: Staging | None, main: str | None) -> None:
        read = {expression.key: expression for expression in expressions(select)}
        self.rows = self.chosen = 0
        self._where = Evaluator(read[WHERE], main) if WHERE in read else None
        self._order = Evaluator(read[ORDER_BY], main) if ORDER_BY in read else None
        self._sample = select.sample
        self._staging = staging
        self._writer: TableWriter | None = None

    def note(self, keyed: KeyedBatch) -> None:
        """Judge the rows of a batch."""
        if not keyed.keys:
            return
        rows = keyed.batch.rows
        if len(keyed.rows) != rows.num_rows:
            rows = rows.take(pa.array(keyed.rows, pa.int64()))
        problems = Problems()
        flags = [True] * len(keyed.keys) if self._where is None else self._where.flags(rows, problems)
        if self._sample is not None:
            flags = [flag and is_sampled(key, self._sample) for flag, key in zip(flags, keyed.keys, strict=True)]
        ranks = {} if self._order is None else self._order.ranks(rows, Problems())
        self.rows += len(flags)
        self.chosen += sum(flag and index not in problems for index, flag in enumerate(flags))
        reasons = [problems[index].reason if index in problems else None for index in range(len(flags))]
        columns = {
            "global_key": pa.array(keyed.keys, pa.string()),
            "version": pa.array(keyed.versions, pa.int64()),
            "chosen": pa.array(flags, pa.bool_()),
            "reason": pa.array(reasons, pa.string()),
            "origin": pa.array([keyed.batch.origin(index) for index in keyed.rows], pa.string()),
            **ranks,
        }
        self._write(pa.RecordBatch.from_pydict(columns))

    def close(self) -> None:
        """Complete the file."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, rows: pa.RecordBatch) -> None:
        if self._staging is None:
            return
        if self._writer is None:
            self._writer = self._staging.table_writer(FILE, rows.schema)
        self._writer.write(rows)


def in_order(table: pa.Table, select: SelectSpec) -> np.ndarray:
    """Return the positions of the rows of a selection in the order in which people get them."""
    order = np.arange(table.num_rows)
    if select.order_by is None:
        return order
    for index, term in reversed(list(enumerate(ordering(ORDER_BY, select.order_by).terms))):
        for name in (f"t{index}", f"n{index}"):  # stable sorts, the last key first
            values = table.column(name).take(pa.array(order)).combine_chunks()
            order = order[_sorted(values, descending=term.descending, nulls_first=term.nulls_first and name[0] == "n")]
    return order


def _sorted(values: pa.Array, *, descending: bool, nulls_first: bool) -> np.ndarray:
    """Return a stable order of values."""
    null = values.is_null().to_numpy(zero_copy_only=False)
    distinct = {value: rank for rank, value in enumerate(sorted(set(values.drop_null().to_pylist())))}
    last = len(distinct)
    ranks = [last - distinct[v] if descending and v is not None else distinct.get(v, 0) for v in values.to_pylist()]
    key = np.where(null, -1 if nulls_first else last + 1, np.array(ranks, np.int64))
    return np.argsort(key, kind="stable")
