"""Which columns a table must have for a load, by what the contract lets happen to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.merge.spec import ContractSpec
from labelbox_airflow.engine.exports.merge.types import shown, widened


@dataclass(slots=True)
class Evolution:
    """What a load changes in a table's columns, and what it leaves out.

    :param added: columns to add
    :param widened: columns with the type they are to have
    :param discarded: columns of the load that are not loaded
    """

    added: list[pa.Field] = field(default_factory=list)
    widened: list[pa.Field] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)


def evolution(stored: pa.Schema, new: pa.Schema, contract: ContractSpec, table: str) -> Evolution:
    """Return how the columns of a table must change for a load.

    :param stored: columns the table has, in types as it keeps them
    :param new: columns of the load, likewise
    :raises ConfigurationError: the contract forbids a change, or no type holds both what there is and what comes
    """
    found = _Reconciling(contract)
    made = Evolution()
    held = {each.name: each for each in stored}
    for each in new:
        former = held.get(each.name)
        if former is None:
            if found.may_add(each.name, each.type):
                made.added.append(each)
            else:
                made.discarded.append(each.name)
            continue
        kind = found.type(former.type, each.type, each.name)
        if kind is None:
            made.discarded.append(each.name)
        elif kind != former.type:
            made.widened.append(former.with_type(kind))
    if found.refused:
        raise ConfigurationError("; ".join(found.refused), where=table, remedy=_REMEDY)
    return made


_REMEDY = (
    "Let it evolve or be discarded by contract: {columns, types}, change the column by hand, or merge into a new table."
)


class _Reconciling:
    """Compares columns, and collects what the contract forbids."""

    def __init__(self, contract: ContractSpec) -> None:
        self._contract = contract
        self.refused: list[str] = []

    def may_add(self, path: str, kind: pa.DataType) -> bool:
        if self._contract.columns == "freeze":
            self.refused.append(f"the table has no column '{path}', which the export has as {shown(kind)}")
        return self._contract.columns == "evolve"

    def type(self, stored: pa.DataType, new: pa.DataType, path: str) -> pa.DataType | None:
        """Return the type a column is to have; None to leave it out of the load."""
        if pa.types.is_struct(stored) and pa.types.is_struct(new):
            return self._struct(stored, new, path)
        if pa.types.is_list(stored) and pa.types.is_list(new):
            item = self.type(stored.value_type, new.value_type, path)
            return pa.list_(item) if item is not None else None
        kind = widened(stored, new)
        if kind == stored:
            return stored
        return self._changed(stored, new, kind, path)

    def _changed(
        self, stored: pa.DataType, new: pa.DataType, kind: pa.DataType | None, path: str
    ) -> pa.DataType | None:
        rule = self._contract.types
        if rule == "discard":
            return None
        if rule == "freeze" or kind is None:
            why = "which it cannot hold" if rule == "freeze" else "and no type holds both"
            self.refused.append(
                f"column '{path}' is {shown(stored)} in the table and {shown(new)} in the export, {why}"
            )
            return None
        return kind

    def _struct(self, stored: Iterable[pa.Field], new: Iterable[pa.Field], path: str) -> pa.DataType | None:
        fields = {each.name: each.type for each in stored}
        for each in new:
            below = f"{path}.{each.name}"
            former = fields.get(each.name)
            if former is None:
                if self.may_add(below, each.type):
                    fields[each.name] = each.type
                continue
            kind = self.type(former, each.type, below)
            if kind is None:
                return None
            fields[each.name] = kind
        return pa.struct([pa.field(name, kind) for name, kind in fields.items()])
