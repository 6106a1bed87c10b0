"""The lines as they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import TEXT, Rows, column
from labelbox_airflow.engine.exports.records.line import ExportedRow
from labelbox_airflow.engine.exports.records.record_set import RecordSet


class RawRecords(RecordSet):
    """One row a data row: its ids, and the line as JSON.

    :param projects: ids of the projects that were exported; with exactly one, ``project_id`` says it
    """

    schema = pa.schema(
        [column("project_id", TEXT), column("data_row_id", TEXT), column("global_key", TEXT), column("line", TEXT)]
    )

    def __init__(self, projects: Sequence[str] | None = None) -> None:
        self.projects, self._project_id = scope_of_rows(projects)

    def rows(self, exported: ExportedRow) -> Iterable[Rows]:
        """Yield the one row of a data row."""
        row = {
            "project_id": self._project_id,
            "data_row_id": exported.id,
            "global_key": exported.data_row.get("global_key"),
            "line": exported.line,
        }
        yield Rows({}, [row])


def scope_of_rows(projects: Sequence[str] | None) -> tuple[tuple[str, ...] | None, str | None]:
    """Return by which projects tables of data rows are replaced, and what their ``project_id`` says.

    The data rows of an export of one project belong to it; those of others, to no one project.
    """
    if projects is not None and len(projects) == 1:
        return (projects[0],), projects[0]
    return None, None
