"""Masks, answers and entities of long tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labelbox_airflow.engine.annotations.model import (
    Checklist,
    Choice,
    Color,
    Feature,
    FreeText,
    Mask,
    MaskImage,
    MaskRuns,
    MaskUri,
    Radio,
    TextEntity,
    Value,
)
from labelbox_airflow.engine.annotations.ndjson.masks import PNG, read_png
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.cells import color, is_empty, structure, whole
from labelbox_airflow.engine.annotations.readers.runs import Integers, decode_counts, mask_of
from labelbox_airflow.engine.annotations.readers.table_shapes import Part
from labelbox_airflow.engine.annotations.readers.table_spec import AnswerSpec, EntitySpec, Kind, MaskSpec
from labelbox_airflow.engine.rows.values import as_text, column_values, values_of

_TOO_MANY = 1 << 62


def masks(part: Part, spec: MaskSpec) -> list[Mask | None]:
    """Return the mask of each row; None where an error is noted."""
    if spec.runs is not None:
        return part.each(spec.runs, _runs_reader(part, spec, spec.runs))
    colors = _colors(part, spec)
    if spec.uri is not None:
        uri = spec.uri
        return part.each(uri, lambda value, index: _mask_uri(value, uri, colors[index]))
    png = spec.png or ""
    return part.each(png, lambda value, index: MaskImage(png_bytes(value, png), colors[index]))


def _colors(part: Part, spec: MaskSpec) -> list[Color | None]:
    if not isinstance(spec.color, str):
        return [spec.color] * part.rows.num_rows
    column = spec.color
    return part.each(column, lambda value, _: color(value, column))


def _mask_uri(value: Any, field: str, of_color: Color | None) -> MaskUri | None:
    if type(value) is not str or is_empty(value):
        raise AnnotationError("bad_mask", field, value, "must be the URI of a picture")
    return MaskUri(value, of_color) if of_color is not None else None  # else the colour's own error stands


def png_bytes(value: Any, field: str) -> bytes:
    """Return a PNG given as bytes or base64.

    :raises AnnotationError: it is none
    """
    if type(value) is bytes and value.startswith(PNG):
        return value
    return read_png(value, field)


def _runs_reader(part: Part, spec: MaskSpec, column: str) -> Callable[[Any, int], MaskRuns]:
    if spec.size is None:
        return lambda value, _: runs(structure(value, column), column)
    heights = column_values(part.rows, spec.size.height)
    widths = column_values(part.rows, spec.size.width)

    def read(value: Any, index: int) -> MaskRuns:
        # COCO's text form may begin with a bracket, but never ends with one.
        is_list = type(value) is str and value.rstrip().endswith("]")
        counts = structure(value, column) if is_list else value
        return runs({"size": [heights[index], widths[index]], "counts": counts}, column)

    return read


def runs(given: Any, field: str) -> MaskRuns:
    """Return run lengths given as ``{size: [height, width], counts: [...]}``, or counts in COCO's text form.

    :raises AnnotationError: what is wrong with them
    """
    if type(given) is not dict or given.get("size") is None or given.get("counts") is None:
        raise AnnotationError("bad_mask", field, given, "must be {size: [height, width], counts: [...]}")
    size, counts = given["size"], given["counts"]
    if type(size) not in {list, tuple} or len(size) != 2:
        raise AnnotationError("bad_size", f"{field}.size", size, "must be [height, width]")
    height, width = (whole(each, f"{field}.size") for each in size)
    return mask_of(_lengths(counts, f"{field}.counts"), (height, width), f"{field}.counts")


def _lengths(counts: Any, field: str) -> Integers:
    if type(counts) in {str, bytes}:
        return decode_counts(counts if type(counts) is str else counts.decode("latin-1"), field)
    if type(counts) not in {list, tuple} or not counts:
        raise AnnotationError("bad_runs", field, counts, "must be a list of run lengths, or COCO's text form of them")
    lengths = [whole(each, field) for each in counts]
    if sum(lengths) >= _TOO_MANY:
        raise AnnotationError("bad_runs", field, None, "covers more pixels than any picture has")
    return np.array(lengths, np.int64)


def answers(part: Part, spec: AnswerSpec, kind: Kind) -> list[Value | None]:
    """Return the answer of each row; None where an error is noted."""
    field = spec.column or spec.template or "value"
    choices: dict[str, Choice] = {}

    def choice(name: str) -> Choice:
        return choices.get(name) or choices.setdefault(name, Choice(Feature(name)))

    def read(value: Any) -> Value:
        if kind == "checklist":
            names = _options(value, spec.split, field)
            return Checklist(tuple(choice(name) for name in names))
        if not value.strip() if type(value) is str else is_empty(value):
            raise AnnotationError("no_answer", field, value, "is empty; a row of a question needs an answer")
        if type(value) in {list, tuple, dict}:
            raise AnnotationError("bad_answer", field, value, f"is a list or object; a {kind} has one answer")
        text = as_text(value) or ""
        return FreeText(text) if kind == "text" else Radio(choice(text))

    found: list[Value | None] = []
    for index, value in enumerate(values_of(spec)(part.rows)):
        try:
            found.append(read(value))
        except AnnotationError as error:
            part.errors.setdefault(index, error)
            found.append(None)
    return found


def _options(value: Any, split: str | None, field: str) -> list[str]:
    given = value if split is not None and type(value) is str else structure(value, field)
    if type(given) is str:
        given = [each.strip() for each in given.split(split)] if split is not None else [given]
    elif given is not None and type(given) not in {list, tuple}:
        given = [given]
    names = list(dict.fromkeys(as_text(each) or "" for each in given or ()))
    if not names or not all(names):
        raise AnnotationError("no_answer", field, value, "is empty or has an empty option; a checklist needs options")
    return names


def entities(part: Part, spec: EntitySpec) -> list[Value | None]:
    """Return the entity of each row; None where an error is noted. Labelbox's end is the last character."""
    ends = column_values(part.rows, spec.end)
    beyond = 1 if spec.end_is == "exclusive" else 0

    def read(value: Any, index: int) -> TextEntity:
        start, end = whole(value, spec.start), whole(ends[index], spec.end) - beyond
        if end < start:
            reason = f"ends before it starts, at {start}" + (", or is empty" if beyond else "")
            raise AnnotationError("bad_entity", spec.end, ends[index], reason)
        return TextEntity(start, end)

    return part.each(spec.start, read)
