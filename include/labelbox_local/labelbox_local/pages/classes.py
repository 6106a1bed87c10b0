"""The classes of a page: each has the colour its ontology gives it, and a line in the legend."""

from __future__ import annotations

import colorsys
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.features import roots_of

if TYPE_CHECKING:
    from labelbox_local.pages.records import Kind
    from labelbox_local.platform import Platform

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(slots=True)
class ClassOfPage:
    """A class in the legend. `style` is the CSS class that sets its colour, `counts` has its annotations by kind."""

    name: str
    color: str
    style: str
    counts: dict[str, int] = field(default_factory=dict)


class Classes:
    """The classes that are met while a page is made. Those of one name are one."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._colors: dict[str, dict[str, str]] = {}
        self._met: dict[str, ClassOfPage] = {}

    def __iter__(self) -> Any:
        return iter(self._met.values())

    def of(self, ontology: str | None, annotation: dict[str, Any]) -> ClassOfPage:
        """The class of an annotation."""
        name = str(annotation["name"])
        if name not in self._met:
            self._met[name] = ClassOfPage(name, self.color(ontology, annotation), f"class-{len(self._met)}")
        return self._met[name]

    def count(self, ontology: str | None, annotation: dict[str, Any], kind: Kind) -> ClassOfPage:
        """The class of an annotation, which is counted."""
        found = self.of(ontology, annotation)
        found.counts[kind] = found.counts.get(kind, 0) + 1
        return found

    def color(self, ontology: str | None, annotation: dict[str, Any]) -> str:
        """The colour as `#rrggbb`: that of the ontology, or one made of the name."""
        if ontology is not None and ontology not in self._colors:
            self._colors[ontology] = self._read(ontology)
        given = self._colors.get(ontology or "", {}).get(annotation["feature_schema_id"], "")
        return given if _COLOR.fullmatch(given) else _color_of_name(str(annotation["name"]))

    def _read(self, ontology: str) -> dict[str, str]:
        found = self._platform.store.row("SELECT normalized FROM ontology WHERE id = ?", ontology)
        roots = roots_of(orjson.loads(found["normalized"])) if found else []
        return {node["featureSchemaId"]: str(node.get("color")) for node in roots}


def _color_of_name(name: str) -> str:
    hue = zlib.crc32(name.encode()) % 360 / 360
    return "#" + bytes(int(255 * part) for part in colorsys.hls_to_rgb(hue, 0.5, 0.75)).hex()
