"""The questions of an ontology as columns or fields: each its answer, as a text or a list of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import FLAG, TEXT, TEXTS, WHOLE, column
from labelbox_airflow.engine.exports.records.kinds import Columns
from labelbox_airflow.engine.ontology.tree import CHECKLISTS, Classification

PLACES = {
    "message_id": TEXT,
    "frame": WHOLE,
    "is_keyframe": FLAG,
    "segment_start": WHOLE,
    "segment_end": WHOLE,
    "view": TEXT,
}
"""Where in a data row something is, if not in the whole of it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and where its answer goes.

    :param is_placed: it is asked about frames or messages, so that a label can have several answers
    """

    name: str
    path: tuple[str, ...]
    schema_id: str | None
    is_checklist: bool
    is_placed: bool

    def column(self) -> pa.Field:
        """Return the column, or the field of a struct."""
        kind = TEXTS if self.is_checklist else TEXT
        if self.is_placed:
            kind = pa.list_(pa.struct([pa.field("answer", kind), *(pa.field(*each) for each in PLACES.items())]))
        return column(self.name, kind, self.schema_id)

    def put(self, row: Columns, into: dict[str, Any]) -> bool:
        """Put an answer, a row of the long table, into its column; False where there is no room for it."""
        answer: Any = row.get("answer") or []
        if not self.is_checklist:
            answer = answer[0] if answer else row.get("text")
        if self.is_placed:
            into.setdefault(self.name, []).append({"answer": answer, **{key: row.get(key) for key in PLACES}})
            return True
        if self.name in into:
            return False
        into[self.name] = answer
        return True


class Questions:
    """Questions with those nested in their options, in the order of the ontology.

    A question is called by its name, a nested one by all it is nested in: ``weather_rain_how``.

    :param under: classes that the questions are about
    :param prefix: of all names
    :param may_be_placed: whether those of scope ``index`` have several answers; those about an object have not
    """

    def __init__(
        self, asked: Sequence[Classification], under: Sequence[str] = (), prefix: str = "", *, may_be_placed: bool
    ) -> None:
        self._taken: set[str] = set()
        self.questions = list(self._all(asked, tuple(under), prefix, placed=False if not may_be_placed else None))
        self._by_id = {each.schema_id: each for each in self.questions if each.schema_id is not None}
        self._by_path = {each.path: each for each in self.questions}

    def find(self, row: Columns) -> Question | None:
        """Return the question that a row of the long table answers."""
        return self._by_id.get(str(row.get("schema_id"))) or self._by_path.get(tuple(row["class_path"]))

    def _all(
        self, asked: Sequence[Classification], path: tuple[str, ...], name: str, placed: bool | None
    ) -> Iterator[Question]:
        for each in asked:
            here, called = (*path, each.name), f"{name}{each.name}"
            is_placed = each.scope == "index" if placed is None else placed
            yield Question(free_name(called, self._taken), here, each.schema_id, each.kind in CHECKLISTS, is_placed)
            for option in each.options:
                under = f"{called}_{option.name}_"
                yield from self._all(option.classifications, (*here, option.name), under, is_placed)


def free_name(name: str, taken: set[str]) -> str:
    """Return a name that no other has, and take it: the second of one name gets a 2, and so on."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free
