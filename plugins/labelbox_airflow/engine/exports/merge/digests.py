"""The pairs of a batch of records, with the number of their rows and a digest of what is in them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import TEXT, WHOLE
from labelbox_airflow.engine.exports.records.record_set import Records

PAIRS = pa.schema(
    [("project_id", TEXT), ("data_row_id", TEXT), ("part", WHOLE), ("row_count", WHOLE), ("content_hash", TEXT)]
)
EVERYWHERE = ""
"""The project of pairs that are data rows whatever the project."""


class Digests:
    """Digests by DuckDB, which sees Arrow's batches where they are. The order of rows does not matter.

    Other versions of DuckDB may digest otherwise: then rows are written that are the same.
    """

    def __init__(self) -> None:
        import duckdb

        self._connection = duckdb.connect(":memory:", config={"threads": "1", "autoload_known_extensions": "false"})

    def of(self, records: Records, part: int) -> pa.RecordBatch:
        """Return the pairs of a batch, each once, also those without rows; columns as in ``PAIRS``."""
        projects = [EVERYWHERE] if records.projects is None else list(records.projects)
        self._connection.register("batch", records.batch)
        self._connection.register("data_rows", pa.table({"data_row_id": pa.array(records.data_rows, TEXT)}))
        self._connection.register("projects", pa.table({"project_id": pa.array(projects, TEXT)}))
        columns = ", ".join(_quoted(name) for name in records.batch.schema.names)
        project = "project_id" if records.projects is not None else f"'{EVERYWHERE}'"
        found: Any = self._connection.sql(
            f"""
            WITH held AS (
                SELECT {project} AS project_id, data_row_id, count(*) AS row_count,
                       CAST(sum(CAST(hash({columns}) AS HUGEINT)) AS VARCHAR) AS content_hash
                FROM batch GROUP BY 1, 2
            )
            SELECT project_id, data_row_id, CAST({part:d} AS BIGINT) AS part,
                   coalesce(row_count, 0) AS row_count, coalesce(content_hash, '') AS content_hash
            FROM data_rows CROSS JOIN projects LEFT JOIN held USING (project_id, data_row_id)
            """  # noqa: S608  names of columns, quoted
        )
        return found.to_arrow_table().cast(PAIRS).combine_chunks().to_batches()[0]

    def close(self) -> None:
        """Let go of DuckDB."""
        self._connection.close()


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
