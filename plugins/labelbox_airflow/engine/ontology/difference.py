"""What is different between two ontologies, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from labelbox_airflow.engine.ontology.tree import MASKS, Classification, Ontology, Option, Tool


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature that is not the same in both.

    :param path: names from the top down: ``("Car", "Colour", "red")``
    :param what: tool, classification or option
    :param change: `added` is in the second only, `removed` in the first only; `kind`, `required`, `scope` and `label`
        are in both with another value of that
    """

    path: tuple[str, ...]
    what: Literal["tool", "classification", "option"]
    change: Literal["added", "removed", "kind", "required", "scope", "label"]
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        name = f"{self.what} {' / '.join(self.path)}"
        if self.change in {"added", "removed"}:
            return f"{name}: {self.change}"
        return f"{name}: {self.change} changed from {self.before} to {self.after}"


def differences(before: Ontology, after: Ontology) -> list[Difference]:
    """Return what changes from ``before`` to ``after``, in order; ids, colours and order of features do not count."""
    return [
        *_compare(before.tools, after.tools, ()),
        *_compare(before.classifications, after.classifications, ()),
    ]


_Node = Tool | Classification | Option


def _compare(before: Sequence[_Node], after: Sequence[_Node], path: tuple[str, ...]) -> Iterator[Difference]:
    old, new = {each.name: each for each in before}, {each.name: each for each in after}
    for name, node in old.items():
        if name not in new:
            yield Difference((*path, name), _what(node), "removed")
        else:
            yield from _changed(node, new[name], (*path, name))
    for name, node in new.items():
        if name not in old:
            yield Difference((*path, name), _what(node), "added")


def _changed(old: _Node, new: _Node, path: tuple[str, ...]) -> Iterator[Difference]:
    what = _what(new)
    for change in ("kind", "required", "scope", "label"):
        one, other = getattr(old, change, None), getattr(new, change, None)
        if one != other and not {one, other} <= MASKS:
            yield Difference(path, what, change, str(one), str(other))
    for inner in ("options", "classifications"):
        yield from _compare(getattr(old, inner, ()), getattr(new, inner, ()), path)


def _what(node: _Node) -> Literal["tool", "classification", "option"]:
    if isinstance(node, Tool):
        return "tool"
    return "classification" if isinstance(node, Classification) else "option"
