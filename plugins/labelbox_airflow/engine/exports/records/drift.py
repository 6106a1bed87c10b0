"""How the columns of a table differ from those it had: something was added, removed, renamed or has another type."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.records.arrow import labelbox_id

Policy = Literal["evolve", "warn", "fail"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference; a column within an object is named by its path: ``objects_Car.answers.colour``.

    :param column: its name now, or of one that was removed the former one
    :param former: the former name where it was renamed, the former type where it was changed
    :param now: the type it has now; None for one that was removed
    """

    kind: Literal["added", "removed", "renamed", "type changed"]
    column: str
    former: str | None = None
    now: str | None = None

    def __str__(self) -> str:
        if self.kind == "renamed":
            return f"{self.former} is now called {self.column}"
        if self.kind == "type changed":
            return f"{self.column} was {self.former} and is {self.now}"
        return f"{self.column} was {self.kind}"


def schema_changes(former: pa.Schema, new: pa.Schema) -> list[SchemaChange]:
    """Return how ``new`` differs from ``former``: in the order of the new columns, then what was removed.

    What has the same id in Labelbox under another name was renamed; a schema read back from a store that keeps no
    metadata of columns has no ids, so that there it was removed and added.
    """
    return list(_changes(former, new, ""))


def check_drift(former: pa.Schema, new: pa.Schema, policy: Policy, *, where: str) -> list[SchemaChange]:
    """Return the changes if the policy lets them pass: ``evolve`` silently, ``warn`` with one warning in the log.

    :param where: the table, for messages
    :raises ConfigurationError: there are changes, and the policy is ``fail``
    """
    found = schema_changes(former, new)
    if found and policy != "evolve":
        said = f"the columns have changed: {'; '.join(map(str, found))}"
        if policy == "fail":
            raise ConfigurationError(
                said, where=where, remedy="Set the policy of schema drift to evolve, or undo the change in Labelbox."
            )
        _log.warning("%s: %s", where, said)
    return found


def _changes(former: Iterable[pa.Field], new: Iterable[pa.Field], path: str) -> Iterator[SchemaChange]:
    new = list(new)
    left = {field.name: field for field in former}
    by_id = {labelbox_id(field): field for field in left.values() if labelbox_id(field) is not None}
    ids = {labelbox_id(field) for field in new}
    same_name = {name: field for name, field in left.items() if labelbox_id(field) not in ids - {None}}
    for field in new:
        held = by_id.get(labelbox_id(field)) or same_name.get(field.name)
        name = path + field.name
        if held is None:
            yield SchemaChange("added", name, now=str(field.type))
            continue
        left.pop(held.name, None)
        if held.name != field.name:
            yield SchemaChange("renamed", name, path + held.name, str(field.type))
        yield from _types(held.type, field.type, name)
    for name in left:
        yield SchemaChange("removed", path + name)


def _types(former: pa.DataType, new: pa.DataType, name: str) -> Iterator[SchemaChange]:
    if former == new:
        return
    if pa.types.is_struct(former) and pa.types.is_struct(new):
        yield from _changes(list(former), list(new), f"{name}.")
    elif pa.types.is_list(former) and pa.types.is_list(new):
        yield from _types(former.value_type, new.value_type, name)
    else:
        yield SchemaChange("type changed", name, str(former), str(new))
