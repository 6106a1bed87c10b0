"""How the rows of a long table become annotations, one a row, as the sync file says it under ``annotations:``.

::

    global_key: "rcpt/{image_id}"
    kind: bounding_box
    geometry: {columns: [x1, y1, x2, y2], format: xyxy, units: normalized, size: {width: w, height: h}}
    class: {column: cls, map: {tot: Total}, unmapped: reject}
    id: pred_id
    confidence: {column: score, min: 0.3}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from labelbox_airflow.engine.rows.spec import KeySpec, Spec, Value, ValueSpec, value_shorthand

Kind = Literal["bounding_box", "polygon", "line", "point", "mask", "radio", "checklist", "text", "entity"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OTHER_WORDS = {
    "bbox": "bounding_box",
    "box": "bounding_box",
    "rectangle": "bounding_box",
    "polyline": "line",
    "segmentation_mask": "mask",
    "raster-segmentation": "mask",
    "named-entity": "entity",
}
"""What others call the kinds: ontology files, Labelbox itself, the former connectors."""
UNITS = ("POINTS", "PIXELS", "INCHES", "PERCENT")
_VALUE_PARTS = ("geometry", "mask", "value", "entity")
_SHAPES = ("bounding_box", "polygon", "line", "point")
_BOX_COLUMNS, _POINT_COLUMNS = 4, 2


def _text_keys(raw: object) -> object:
    return {str(key): value for key, value in raw.items()} if isinstance(raw, dict) else raw


WordMap = Annotated[dict[str, str], BeforeValidator(_text_keys)]
"""From words of the table, which may be numbers, to those of Labelbox."""


Channel = Annotated[int, Field(ge=0, le=255)]


class KindSpec(Spec):
    """The kind of every row, or the column that tells it."""

    value: Kind | None = None
    column: str | None = None
    map: WordMap = Field(default_factory=dict, description="What the words of the column mean, such as {b: polygon}.")

    @model_validator(mode="after")
    def _one(self) -> KindSpec:
        if (self.value is None) == (self.column is None):
            raise ValueError("give one kind, such as bounding_box, or the column that tells it")
        unknown = [word for word in self.map.values() if word not in KINDS]
        if unknown:
            raise ValueError(f"map has '{unknown[0]}', which is no kind. Known: {', '.join(KINDS)}")
        return self


def _kind_shorthand(raw: object) -> object:
    return {"value": OTHER_WORDS.get(raw, raw)} if isinstance(raw, str) else raw


class SizeSpec(Spec):
    """The columns with width and height of the asset, in pixels."""

    width: str
    height: str


class GeometrySpec(Spec):
    """Where a shape is: numbers in columns of their own, or all in one column."""

    columns: tuple[str, ...] | None = Field(
        None, description="Four for a box, in the order of format; x, y of a point."
    )
    column: str | None = Field(None, description="A list, a struct, JSON of either, or WKT.")
    format: Literal["xyxy", "xywh", "cxcywh"] | None = Field(None, description="What the four numbers of a box are.")
    units: Literal["pixels", "normalized"] = Field("pixels", description="Normalized: parts of the asset's size.")
    size: SizeSpec | None = Field(
        None, description="For normalized; without it the sizes that Labelbox knows are used."
    )

    @model_validator(mode="after")
    def _one(self) -> GeometrySpec:
        if (self.columns is None) == (self.column is None):
            raise ValueError("give either columns, one for each number, or the one column that holds them all")
        if self.size is not None and self.units == "pixels":
            raise ValueError("size is of use for units: normalized only; leave it out")
        return self


class MaskSpec(Spec):
    """Where a mask is: a picture by URI and colour, a PNG, or run lengths."""

    uri: str | None = Field(None, description="Column with the URI of the picture; needs color.")
    color: str | tuple[Channel, Channel, Channel] | None = Field(
        None, description="Column with [r, g, b] or #rrggbb, or one colour for all rows."
    )
    png: str | None = Field(
        None, description="Column with a PNG file: bytes or base64. Without color all but zero counts."
    )
    runs: str | None = Field(
        None, description="Column with {size: [height, width], counts: [...]}, or with counts alone."
    )
    size: SizeSpec | None = Field(None, description="For counts alone.")

    @model_validator(mode="after")
    def _one(self) -> MaskSpec:
        given = [name for name in ("uri", "png", "runs") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of uri, png or runs (given: {', '.join(given) or 'none'})")
        if (given == ["uri"] and self.color is None) or (given == ["runs"] and self.color is not None):
            raise ValueError("uri needs color, and runs have none")
        if self.size is not None and given != ["runs"]:
            raise ValueError("size goes with runs only")
        return self


class ClassSpec(ValueSpec):
    """The class of each row: a column, or ``{value: Total}`` for all."""

    map: WordMap = Field(default_factory=dict, description="From words of the table to names of the ontology.")
    unmapped: Literal["reject", "keep"] = Field("reject", description="A word that map does not have.")
    by: Literal["name", "schema_id"] = Field("name", description="What the words are in the ontology.")


class AnswerSpec(ValueSpec):
    """The answer of radio, checklist and text."""

    split: str | None = Field(None, min_length=1, description="What stands between options of a checklist in a text.")


class EntitySpec(Spec):
    """The characters of a text, counted from 0."""

    start: str
    end: str
    end_is: Literal["inclusive", "exclusive"] = Field(
        description="Whether end is the last character, or the one after it as in Python and spaCy."
    )


def _column_shorthand(raw: object) -> object:
    return {"column": raw} if isinstance(raw, str) else raw


class ConfidenceSpec(Spec):
    """How sure the model is, from 0 to 1."""

    column: str
    min: float | None = Field(None, ge=0, le=1, description="Annotations below are not sent; they count as skipped.")


class PageSpec(Spec):
    """The page of a document."""

    number: Value
    unit: str = Field(
        description="POINTS, PIXELS, INCHES or PERCENT: that of the geometry; or the column that tells it."
    )


class TableSpec(Spec):
    """How each row of a long table becomes an annotation."""

    global_key: Annotated[KeySpec | None, BeforeValidator(value_shorthand)] = None
    data_row_id: Value | None = None
    kind: Annotated[KindSpec, BeforeValidator(_kind_shorthand)]
    class_: Annotated[ClassSpec, BeforeValidator(value_shorthand)] = Field(alias="class")
    geometry: GeometrySpec | None = None
    mask: MaskSpec | None = None
    value: Annotated[AnswerSpec | None, BeforeValidator(value_shorthand)] = None
    entity: EntitySpec | None = None
    page: PageSpec | None = None
    message: Value | None = Field(None, description="The id of the message of a conversation.")
    classifications: str | None = Field(
        None, description="Column with nested answers, as a list of Labelbox's NDJSON form or its JSON."
    )
    id: Value | None = Field(None, description="The source's own id of the annotation, which stays when it changes.")
    confidence: Annotated[ConfidenceSpec | None, BeforeValidator(_column_shorthand)] = None

    @model_validator(mode="after")
    def _fits(self) -> TableSpec:
        if (self.global_key is None) == (self.data_row_id is None):
            raise ValueError("give either global_key or data_row_id: what tells the data row of an annotation")
        if self.kind.value is not None:
            self._fits_kind(self.kind.value)
        return self

    def _fits_kind(self, kind: Kind) -> None:
        unused = [part for part in _VALUE_PARTS if part != needed_part(kind) and getattr(self, part) is not None]
        if unused:
            raise ValueError(f"kind: {kind} has no {unused[0]}; leave it out")
        reason = misfit(self, kind)
        if reason is not None:
            raise ValueError(f"kind: {kind} {reason}")
        if self.geometry is not None and self.geometry.format is not None and kind != "bounding_box":
            raise ValueError(f"geometry.format is of boxes only; leave it out for kind: {kind}")
        if kind in {"radio", "checklist", "text"} and self.classifications is not None:
            raise ValueError("classifications are nested answers of an object; a row of a question has none")

    def columns(self) -> list[str]:
        """Return the columns of the table that are read, each once."""
        return list(dict.fromkeys(self._columns()))

    def _columns(self) -> Iterator[str]:
        from labelbox_airflow.engine.rows.values import columns_of  # keeps pyarrow out of DAG parsing

        values = (self.global_key, self.data_row_id, self.class_, self.value, self.message, self.id)
        for value in values:
            yield from columns_of(value) if value is not None else ()
        yield from _given(self.kind.column, self.classifications, self.confidence.column if self.confidence else None)
        if self.page is not None:
            yield from columns_of(self.page.number)
            yield from _given(None if is_unit(self.page.unit) else self.page.unit)
        if self.entity is not None:
            yield from (self.entity.start, self.entity.end)
        for part in (self.geometry, self.mask):
            if part is not None and part.size is not None:
                yield from (part.size.width, part.size.height)
        if self.geometry is not None:
            yield from self.geometry.columns or _given(self.geometry.column)
        if self.mask is not None:
            color = self.mask.color if isinstance(self.mask.color, str) else None
            yield from _given(self.mask.uri, color, self.mask.png, self.mask.runs)


def needed_part(kind: Kind) -> str:
    """Return the key of the spec that tells the value of a kind."""
    if kind in _SHAPES:
        return "geometry"
    return {"mask": "mask", "entity": "entity"}.get(kind, "value")


def is_unit(word: str) -> bool:
    """Tell whether ``word`` is a unit of pages rather than the column that tells it."""
    return word in UNITS


def misfit(spec: TableSpec, kind: Kind) -> str | None:
    """Return why rows of a kind cannot be read as the spec says; None where they can."""
    needed = needed_part(kind)
    if getattr(spec, needed) is None:
        return f"needs {needed}, which is not given"
    geometry = spec.geometry
    if needed != "geometry" or geometry is None or geometry.columns is None:
        return None
    wanted = {"bounding_box": _BOX_COLUMNS, "point": _POINT_COLUMNS}.get(kind)
    if wanted is None:
        return "needs geometry.column: its points are in one column"
    if len(geometry.columns) != wanted:
        return f"needs {wanted} columns, and geometry.columns has {len(geometry.columns)}"
    if kind == "bounding_box" and geometry.format is None:
        return "needs geometry.format: xyxy, xywh or cxcywh, what the four columns are"
    return None


def _given(*columns: str | None) -> Iterator[str]:
    yield from (column for column in columns if column is not None)
