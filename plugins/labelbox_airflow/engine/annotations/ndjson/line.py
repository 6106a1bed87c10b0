"""A whole line of Labelbox NDJSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    DataRow,
    DocumentEntity,
    Feature,
    FreeText,
    Line,
    MaskImage,
    MaskRuns,
    MaskUri,
    Message,
    MessageEvaluation,
    Metric,
    Origin,
    OverTime,
    Page,
    Part,
    Point,
    Polygon,
    Radio,
    Relationship,
    TextEntity,
    Value,
    VideoMasks,
    VideoObject,
    View,
)
from labelbox_airflow.engine.annotations.ndjson.answers import (
    read_answer,
    read_classifications,
    write_answer,
    write_classifications,
)
from labelbox_airflow.engine.annotations.ndjson.entities import (
    read_location,
    read_selections,
    write_location,
    write_selections,
)
from labelbox_airflow.engine.annotations.ndjson.fields import (
    confidence,
    feature,
    mapping,
    metrics,
    named,
    only,
    scores,
    text,
    whole,
)
from labelbox_airflow.engine.annotations.ndjson.masks import read_mask, write_mask
from labelbox_airflow.engine.annotations.ndjson.others import (
    read_evaluation,
    read_metric,
    read_relationship,
    write_evaluation,
    write_metric,
    write_relationship,
)
from labelbox_airflow.engine.annotations.ndjson.shapes import KEYS as SHAPES
from labelbox_airflow.engine.annotations.ndjson.shapes import read_shape, write_shape
from labelbox_airflow.engine.annotations.ndjson.video import (
    read_frame_masks,
    read_segments,
    write_frame_masks,
    write_segments,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError

_COMMON = frozenset(("uuid", "dataRow", "name", "schemaId", "isBenchmarkReferenceLabel"))
_SCORED = _COMMON | {"confidence", "customMetrics"}
_OBJECT = _SCORED | {"classifications"}
_KEYS = {
    "bbox": _OBJECT | {"page", "unit"},
    "polygon": _OBJECT,
    "line": _OBJECT,
    "point": _OBJECT,
    "mask": _OBJECT,
    "location": _OBJECT | {"messageId"},
    "textSelections": _OBJECT,
    "segments": _OBJECT | {"groupKey"},
    "masks": _SCORED | {"groupKey"},
    "answer": _OBJECT | {"answers", "frames", "messageId"},
    "relationship": _COMMON,
    "messageEvaluationTask": _COMMON,
    "metricValue": _COMMON | {"metricName", "featureName", "subclassName", "aggregation"},
}
_UNITS = ("POINTS", "PIXELS", "INCHES", "PERCENT")
_VIEWS = ("axial", "sagittal", "coronal")

_READERS: dict[str, Callable[[Any], Value]] = {
    **{key: partial(read_shape, key) for key in SHAPES},
    "mask": read_mask,
    "location": read_location,
    "textSelections": read_selections,
    "segments": read_segments,
    "masks": read_frame_masks,
    "relationship": read_relationship,
    "messageEvaluationTask": read_evaluation,
}


class LineReader:
    """Reads the lines of one file; annotations of one row or class share their `DataRow` and `Feature`."""

    def __init__(self, place: str | None = None) -> None:
        """``place`` is the file, for the origin of each annotation."""
        self._place = place
        self._rows: dict[tuple[Any, Any], DataRow] = {}
        self._features: dict[tuple[Any, Any], Feature] = {}

    def read(self, line: Mapping[str, Any], position: int = 0) -> Annotation:
        """Return the annotation of a parsed line; its uuid is also the source's own id.

        :param position: the number of the line, from 1
        :raises AnnotationError: the first thing that is wrong, with key, value and what to do
        """
        if type(line) is not dict:
            raise AnnotationError("not_an_object", "line", line, "must be a JSON object")
        key = _kind(line)
        only(line, "", _KEYS[key] | {key})
        uuid = text(line["uuid"], "uuid") if line.get("uuid") is not None else None
        given: Value = (
            read_answer(line)
            if key == "answer"
            else read_metric(line)
            if key == "metricValue"
            else _READERS[key](line[key])
        )
        return Annotation(
            data_row=self._data_row(line),
            feature=self._feature(line, key),
            value=given,
            classifications=read_classifications(line.get("classifications")) if key != "answer" else (),
            part=_part(line) if line.keys() & {"messageId", "page", "unit", "groupKey"} else None,
            confidence=confidence(line, ""),
            metrics=metrics(line, ""),
            source_id=uuid,
            uuid=uuid,
            is_benchmark=_flag(line, "isBenchmarkReferenceLabel"),
            origin=Origin(self._place, position) if self._place is not None else None,
        )

    def _data_row(self, line: Mapping[str, Any]) -> DataRow:
        named_by = mapping(line.get("dataRow"), "dataRow", ("id", "globalKey"))
        row_id, key = named_by.get("id"), named_by.get("globalKey")
        known = self._rows.get((row_id, key)) if type(key) is str or type(row_id) is str else None
        if known is not None:
            return known
        if row_id is not None and key is not None:
            reason = "names the row by both id and globalKey; keep one of them"
            raise AnnotationError("two_row_keys", "dataRow", dict(named_by), reason)
        if key is None:
            made = DataRow(id=text(row_id, "dataRow.globalKey" if row_id is None else "dataRow.id"))
        else:
            made = DataRow(text(key, "dataRow.globalKey"))
        self._rows[row_id, key] = made
        return made

    def _feature(self, line: Mapping[str, Any], key: str) -> Feature | None:
        if key == "masks":
            return None
        if key == "metricValue":
            name = line.get("featureName")
            return Feature(text(name, "featureName")) if name is not None else None
        given = feature(line)
        return self._features.setdefault((given.name, given.schema_id), given)


def read_line(line: Mapping[str, Any], origin: Origin | None = None) -> Annotation:
    """Return the annotation of one parsed line; `LineReader` is quicker for many.

    :raises AnnotationError: the first thing that is wrong, with key, value and what to do
    """
    if origin is None:
        return LineReader().read(line)
    return LineReader(origin.place).read(line, origin.position)


def _kind(line: Mapping[str, Any]) -> str:
    found = [key for key in _KEYS if line.get(key) is not None]
    if not found and line.get("answers") is not None:
        return "answer"
    if len(found) != 1:
        shown = ", ".join(found) or None
        raise AnnotationError("no_kind", "line", shown, f"must have exactly one of {', '.join(_KEYS)}")
    return found[0]


def _part(line: Mapping[str, Any]) -> Part | None:
    if line.get("messageId") is not None:
        return Message(text(line["messageId"], "messageId"))
    if line.get("groupKey") is not None:
        if line["groupKey"] not in _VIEWS:
            raise AnnotationError("bad_view", "groupKey", line["groupKey"], f"must be one of {', '.join(_VIEWS)}")
        return View(line["groupKey"])
    if line.get("page") is None and line.get("unit") is None:
        return None
    if line.get("unit") not in _UNITS:
        raise AnnotationError("bad_unit", "unit", line.get("unit"), f"must be one of {', '.join(_UNITS)}")
    return Page(whole(line.get("page"), "page"), line["unit"])


def _flag(line: Mapping[str, Any], key: str) -> bool:
    given = line.get(key)
    if given is not None and type(given) is not bool:
        raise AnnotationError("not_a_flag", key, given, "must be true or false")
    return bool(given)


def write_line(annotation: Annotation) -> dict[str, Any]:
    """Return the line of an import as a dict."""
    row = annotation.data_row
    line: dict[str, Any] = {"dataRow": {"id": row.id} if row.global_key is None else {"globalKey": row.global_key}}
    if annotation.uuid is not None:
        line["uuid"] = annotation.uuid
    given = annotation.value
    if annotation.feature is not None:
        line |= {"featureName": annotation.feature.name} if isinstance(given, Metric) else named(annotation.feature)
    if isinstance(given, _NESTING):
        line["classifications"] = write_classifications(annotation.classifications)
    line |= _WRITERS[type(given)](given)
    if annotation.part is not None:
        line |= _write_part(annotation.part)
    if annotation.confidence is not None or annotation.metrics:
        line |= scores(annotation.confidence, annotation.metrics)
    if annotation.is_benchmark:
        line["isBenchmarkReferenceLabel"] = True
    return line


def write_lines(annotations: Iterable[Annotation]) -> bytes:
    """Return NDJSON, one line for each annotation."""
    return b"".join([orjson.dumps(write_line(each), option=orjson.OPT_APPEND_NEWLINE) for each in annotations])


def _write_part(part: Part) -> dict[str, Any]:
    if isinstance(part, Message):
        return {"messageId": part.id}
    return {"groupKey": part.group} if isinstance(part, View) else {"page": part.number, "unit": part.unit}


_NESTING = (
    BoundingBox, Polygon, Line, Point, MaskUri, MaskImage, MaskRuns, TextEntity, DocumentEntity, VideoObject,
)  # fmt: skip


def _under(key: str, write: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda given: {key: write(given)}


_WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    **dict.fromkeys((BoundingBox, Polygon, Line, Point), write_shape),
    **dict.fromkeys((MaskUri, MaskImage, MaskRuns), _under("mask", write_mask)),
    **dict.fromkeys((Radio, Checklist, FreeText, OverTime), write_answer),
    TextEntity: _under("location", write_location),
    DocumentEntity: _under("textSelections", write_selections),
    VideoObject: _under("segments", write_segments),
    VideoMasks: _under("masks", write_frame_masks),
    Relationship: _under("relationship", write_relationship),
    MessageEvaluation: _under("messageEvaluationTask", write_evaluation),
    Metric: write_metric,
}
