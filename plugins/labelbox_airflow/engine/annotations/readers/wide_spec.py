"""The columns of the former connectors: `annotation///bbox///Car`, one column a class, all annotations in its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from labelbox_airflow.engine.annotations.model import Feature
from labelbox_airflow.engine.errors import SourceError, did_you_mean
from labelbox_airflow.engine.rows.spec import KeySpec, Spec, value_shorthand

PLAIN_SHAPES = ("bbox", "polygon", "line", "point", "mask", "named-entity")
MAP_SHAPES = ("geo_bbox", "geo_polygon", "geo_line", "geo_point")
QUESTIONS = ("radio", "checklist", "text")
_KEY_COLUMNS = ("global_key", "row_data")


class WideSpec(Spec):
    """How the cells of a wide table become annotations; kinds and classes are in the names of its columns."""

    global_key: Annotated[KeySpec | None, BeforeValidator(value_shorthand)] = Field(
        None, description="Null: the column global_key, or where the table has none row_data, as the connectors did."
    )
    divider: str = Field("///", min_length=1, description="Between the parts of names of columns, and of answers.")
    prefix: Literal["annotation", "prediction"] = Field("annotation", description="Which of the columns are read.")

    def key(self, columns: Sequence[str], *, where: str) -> KeySpec:
        """Return where the global key of a table is.

        :raises SourceError: the table has none of the columns it could be in
        """
        if self.global_key is not None:
            return self.global_key
        for name in _KEY_COLUMNS:
            if name in columns:
                return KeySpec(column=name)
        raise SourceError(
            "the table has neither a column global_key nor row_data",
            where=where,
            remedy="Name the column in annotations.global_key.",
        )


@dataclass(frozen=True, slots=True)
class WideColumn:
    """A column of annotations: its whole name, the kind and the class in it."""

    name: str
    kind: str
    feature: Feature


def wide_columns(names: Sequence[str], spec: WideSpec, *, where: str) -> list[WideColumn]:
    """Return the columns of annotations among ``names``; all others are no concern of this reader.

    :raises SourceError: a column of an unknown kind, or without a class
    """
    found = []
    for name in names:
        prefix, _, rest = name.partition(spec.divider)
        if prefix != spec.prefix or not rest:
            continue
        kind, _, class_name = rest.partition(spec.divider)
        known = (*PLAIN_SHAPES, *MAP_SHAPES, *QUESTIONS)
        if kind not in known:
            raise SourceError(
                f"the column '{name}' has the kind '{kind}', which there is not",
                where=where,
                remedy=did_you_mean(kind, known),
            )
        if not class_name:
            form = spec.divider.join((spec.prefix, kind, "Car"))
            raise SourceError(f"the column '{name}' names no class", where=where, remedy=f"Call it such as {form}.")
        found.append(WideColumn(name, kind, Feature(class_name)))
    return found
