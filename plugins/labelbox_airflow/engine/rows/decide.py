"""What to do with a row: compare it with what Labelbox holds as far as the ledger knows."""

from __future__ import annotations

from typing import Literal, NamedTuple

from labelbox_airflow.engine.ledger import Entry
from labelbox_airflow.engine.rows.mapping import PARTS

Action = Literal["create", "update", "unchanged", "superseded"]
Overwrite = Literal["newer", "always"]


class Decision(NamedTuple):
    """What to do with a row, and which of its parts differ from what Labelbox holds."""

    action: Action
    changed: tuple[str, ...] = ()


CREATE = Decision("create", PARTS)
UNCHANGED = Decision("unchanged")
COPY = Decision("unchanged", ("copy of an earlier row",))
SUPERSEDED = Decision("superseded")


def decide(
    entry: Entry | None, dataset_id: str | None, version: int, marks: tuple[int | None, ...], overwrite: Overwrite
) -> Decision:
    """Return what to do with a row of ``version`` whose parts have the fingerprints ``marks``.

    A key that the ledger knows in another dataset is sent as new: Labelbox says whether it still lives there.
    """
    if entry is None or entry.dataset_id != dataset_id:
        return CREATE
    if version < entry.version and overwrite != "always":
        return SUPERSEDED
    changed = changed_parts(entry, marks)
    return Decision("update", changed) if changed else UNCHANGED


def changed_parts(entry: Entry, marks: tuple[int | None, ...]) -> tuple[str, ...]:
    """Return the parts that the sync owns and that differ from ``entry``."""
    held = (entry.row_data, entry.external_id, entry.metadata, entry.attachments, entry.embeddings)
    return tuple(
        part for part, mark, known in zip(PARTS, marks, held, strict=True) if mark is not None and mark != known
    )
