"""What reads the values of a long table: by the one kind of the spec, or by the kind of each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labelbox_airflow.engine.annotations.model import Value
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.source_rows import Errors
from labelbox_airflow.engine.annotations.readers.table_shapes import Part, SizeOf, boxes, shapes
from labelbox_airflow.engine.annotations.readers.table_spec import (
    KINDS,
    OTHER_WORDS,
    Kind,
    KindSpec,
    TableSpec,
    misfit,
    needed_part,
)
from labelbox_airflow.engine.annotations.readers.table_values import answers, entities, masks
from labelbox_airflow.engine.errors import did_you_mean
from labelbox_airflow.engine.rows.values import column_values, texts

ValueReader = Callable[[Part], Sequence[Value | None]]


def value_reader(spec: TableSpec, size_of: SizeOf | None) -> ValueReader:
    """Return what reads the values of rows; a value is of no meaning where an error is noted."""
    readers = {kind: _of_kind(kind, spec, size_of) for kind in KINDS if misfit(spec, kind) is None}
    if spec.kind.value is not None:
        return readers[spec.kind.value]
    column = spec.kind.column or ""

    def read(part: Part) -> Sequence[Value | None]:
        found: list[Value | None] = [None] * part.rows.num_rows
        for word, indexes in _by_word(texts(column_values(part.rows, column))).items():
            errors: Errors = {}
            try:
                reader = readers[_kind(word, spec, column)]
            except AnnotationError as error:
                part.errors.update(dict.fromkeys([index for index in indexes if index not in part.errors], error))
                continue
            chosen = Part(part.rows.take(indexes), [part.keys[index] for index in indexes], errors)
            for index, value in zip(indexes, reader(chosen), strict=True):
                found[index] = value
            for within, wrong in errors.items():
                part.errors.setdefault(indexes[within], wrong)
        return found

    return read


def _of_kind(kind: Kind, spec: TableSpec, size_of: SizeOf | None) -> ValueReader:
    geometry, mask, entity, value = spec.geometry, spec.mask, spec.entity, spec.value
    if geometry is not None and needed_part(kind) == "geometry":
        if kind == "bounding_box":
            return lambda part: boxes(part, geometry, size_of)
        return lambda part: shapes(part, geometry, size_of, kind)
    if mask is not None and kind == "mask":
        return lambda part: masks(part, mask)
    if entity is not None and kind == "entity":
        return lambda part: entities(part, entity)
    if value is not None:
        return lambda part: answers(part, value, kind)
    raise ValueError(f"the spec has no {needed_part(kind)}")


def _by_word(words: Sequence[str | None]) -> dict[str | None, list[int]]:
    found: dict[str | None, list[int]] = {}
    for index, word in enumerate(words):
        found.setdefault(word, []).append(index)
    return found


def _kind(word: str | None, spec: TableSpec, column: str) -> Kind:
    said = _said(word, spec.kind)
    kind = next((each for each in KINDS if each == said), None)
    if kind is None:
        reason = f"is no kind of annotation. {did_you_mean(str(word), KINDS)} Or name it in kind.map"
        raise AnnotationError("unknown_kind", column, word, reason)
    lacking = misfit(spec, kind)
    if lacking is not None:
        raise AnnotationError("kind_not_mapped", column, word, lacking)
    return kind


def _said(word: str | None, spec: KindSpec) -> str | None:
    if word is None:
        return None
    meant = spec.map.get(word, word)
    return OTHER_WORDS.get(meant, meant)
