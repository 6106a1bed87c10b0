"""A line of an export: one data row, with its labels by project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.tables.batches import shown

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Project:
    """What one project has of a data row.

    :param details: ``project_details``; empty where the export was not asked for them
    """

    id: str
    name: str | None
    labels: Sequence[Entry]
    details: Entry


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """One line of an export.

    :param line: as it came, without the end of the line
    :param number: of the line, from 1
    """

    id: str
    data_row: Entry
    content: Entry
    line: bytes
    number: int

    def projects(self, only: Sequence[str] | None) -> Iterator[Project]:
        """Yield the projects it is in.

        :param only: ids of those to yield; None for all
        :raises LabelboxError: the line is not as exports are
        """
        for project_id, block in self.items("projects"):
            if only is not None and project_id not in only:
                continue
            if type(block) is not dict:
                raise self.error(f"projects.{project_id} is no object")
            labels, details = block.get("labels") or [], block.get("project_details") or {}
            if type(labels) is not list or not all(type(each) is dict for each in labels) or type(details) is not dict:
                raise self.error(f"projects.{project_id} is not as in exports")
            yield Project(project_id, block.get("name"), labels, details)

    def items(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield what an object of the line has; nothing where it is missing.

        :raises LabelboxError: it is no object
        """
        value = self.content.get(key) or {}
        if type(value) is not dict:
            raise self.error(f"{key} is no object")
        yield from value.items()

    def error(self, what: str) -> LabelboxError:
        """Return the error of something in this line that is not as it should be."""
        return LabelboxError(f"{what} (data row {self.id})", where=f"line {self.number} of the export")


def read_line(line: bytes, number: int) -> ExportedRow:
    """Return a line of an export.

    :param number: of the line, from 1, for messages
    :raises LabelboxError: it is no exported data row
    """
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _no_row(line, number, f"is no JSON: {error.msg} at column {error.pos + 1}") from None
    data_row = content.get("data_row") if type(content) is dict else None
    if type(data_row) is not dict or type(data_row.get("id")) is not str:
        raise _no_row(line, number, "is no exported data row: it has no data_row.id")
    return ExportedRow(data_row["id"], data_row, content, line.rstrip(b"\r\n"), number)


def _no_row(line: bytes, number: int, reason: str) -> LabelboxError:
    text = shown(line[:200].decode(errors="replace"))
    return LabelboxError(
        f"the line {reason}: {text}", where=f"line {number} of the export", remedy="Export again: it may be cut short."
    )
