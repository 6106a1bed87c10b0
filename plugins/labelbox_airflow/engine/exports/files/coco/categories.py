"""The categories of a COCO document, made of the classes of an ontology."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from labelbox_airflow.engine.ontology.tree import MASKS, Tool

KEYPOINT_CLASS = "{category}/{keypoint}"
INSTANCES = frozenset(("rectangle", "polygon", *MASKS))
"""Kinds of tools that make instances."""


@dataclass(slots=True)
class Category:
    """A category; ``keypoints`` are their names, in the order of the ontology."""

    id: int
    name: str
    keypoints: list[str] = field(default_factory=list)

    def entry(self) -> dict[str, Any]:
        """Return it as it stands in the document."""
        entry: dict[str, Any] = {"id": self.id, "name": self.name, "supercategory": self.name}
        return entry | ({"keypoints": self.keypoints, "skeleton": []} if self.keypoints else {})


@dataclass(slots=True)
class Categories:
    """The categories by name, and of which of them each class of points is a keypoint, by class.

    :param keypoints: class → name of the category and name of the keypoint
    """

    by_name: dict[str, Category] = field(default_factory=dict)
    keypoints: dict[str, tuple[str, str]] = field(default_factory=dict)

    def entries(self) -> list[dict[str, Any]]:
        """Return them as they stand in the document, by id."""
        return [each.entry() for each in sorted(self.by_name.values(), key=lambda each: each.id)]


def categories_of(
    tools: Iterable[Tool], keypoint_class: str = KEYPOINT_CLASS, former: Mapping[str, int] | None = None
) -> Categories:
    """Return the categories of an ontology's tools, numbered from 1 in their order.

    Points named as ``keypoint_class`` says are keypoints of the category; another point is the only keypoint of a
    category of its own. Lines and whatever else COCO has not make no category.

    :param keypoint_class: how classes of keypoints are named, such as ``{category}/{keypoint}``
    :param former: ids that categories had before, and keep; new ones are numbered after them
    """
    categories, known = Categories(), former or {}
    numbers = count(max(known.values(), default=0) + 1)
    named = _pattern(keypoint_class)

    def category(name: str) -> Category:
        if name not in categories.by_name:
            categories.by_name[name] = Category(known[name] if name in known else next(numbers), name)
        return categories.by_name[name]

    for tool in tools:
        if tool.kind in INSTANCES:
            category(tool.name)
        elif tool.kind == "point":
            found = named.fullmatch(tool.name)
            of, keypoint = (found["category"], found["keypoint"]) if found else (tool.name, tool.name)
            category(of).keypoints.append(keypoint)
            categories.keypoints[tool.name] = of, keypoint
    return categories


def _pattern(template: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{category\}|\{keypoint\})", template)
    return re.compile("".join(f"(?P<{each[1:-1]}>.+)" if each[:1] == "{" else re.escape(each) for each in pieces))
