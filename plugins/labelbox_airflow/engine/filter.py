"""The rows that take part: those for which the sync's condition ``where`` holds."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.attach import MappingSpec
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.sql import Evaluator, condition
from labelbox_airflow.engine.tables.batches import keep_rows


class RowFilter:
    """Leaves out rows by the ``where`` of a mapping.

    :param main: name of the first source
    :raises ConfigurationError: the condition is wrong
    """

    def __init__(self, spec: MappingSpec, main: str | None) -> None:
        self._evaluator = Evaluator(condition(f"{spec.place}.where", spec.where or ""), main)

    def apply(self, batch: Batch) -> tuple[Batch, int]:
        """Return the rows that take part, with those rejected that cannot be judged, and how many are left out."""
        if not batch.rows.num_rows:
            return replace(batch, rejected=()), 0
        problems = Problems()
        flags = self._evaluator.flags(batch.rows, problems)
        kept = [flag and index not in problems for index, flag in enumerate(flags)]
        rejected = problems.rejected(batch, [None] * len(flags))
        left_out = len(flags) - sum(kept) - len(rejected)
        return keep_rows(replace(batch, rejected=()), pa.array(kept, pa.bool_()), rejected), left_out
