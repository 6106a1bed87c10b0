"""One line of an annotation import: what all kinds share, and which function reads which kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labelbox_local.annotations.answers import read_classification
from labelbox_local.annotations.checks import mappings, number, only, text
from labelbox_local.annotations.entities import read_document_entity, read_entity
from labelbox_local.annotations.errors import AnnotationError, FeatureError
from labelbox_local.annotations.features import Features, Tool
from labelbox_local.annotations.geometry import read_object
from labelbox_local.annotations.masks import MaskSource, read_mask
from labelbox_local.annotations.messages import read_message_task
from labelbox_local.annotations.metrics import METRIC_KEYS, read_metric
from labelbox_local.annotations.relationships import read_relationship
from labelbox_local.annotations.video import read_frame_masks, read_track

_UUID = re.compile(r"\{?[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}(\1[0-9a-fA-F]{4}){3}[0-9a-fA-F]{8}\}?")
_COMMON = frozenset(("uuid", "dataRow", "name", "schemaId", "isBenchmarkReferenceLabel"))
_OBJECT = _COMMON | {"classifications", "confidence", "customMetrics"}
_KEYS = {
    "bbox": _OBJECT | {"bbox", "page", "unit"},
    "polygon": _OBJECT | {"polygon"},
    "line": _OBJECT | {"line"},
    "point": _OBJECT | {"point"},
    "mask": _OBJECT | {"mask"},
    "location": _OBJECT | {"location", "messageId"},
    "textSelections": _OBJECT | {"textSelections"},
    "segments": _OBJECT | {"segments", "groupKey"},
    "masks": _OBJECT | {"masks", "groupKey"},
    "answer": _OBJECT | {"answer", "answers", "frames", "messageId"},
    "relationship": _COMMON | {"relationship"},
    "messageEvaluationTask": _COMMON | {"messageEvaluationTask"},
    "metricValue": _COMMON | METRIC_KEYS,
}
_ANYWHERE = ("answer", "metricValue")
# What a project of each media type takes (docs.labelbox.com/reference/import-*).
_MEDIA = {
    "IMAGE": ("bbox", "polygon", "line", "point", "mask", "relationship"),
    "VIDEO": ("segments", "masks"),
    "TEXT": ("location", "relationship"),
    "PDF": ("bbox", "textSelections", "relationship"),
    "CONVERSATIONAL": ("location", "messageEvaluationTask", "relationship"),
    "TMS_GEO": ("bbox", "polygon", "line", "point"),
    "TMS_SIMPLE": ("bbox", "polygon", "line", "point"),
    "LLM": ("location", "messageEvaluationTask"),
    "DICOM": ("segments", "masks"),
}


@dataclass(frozen=True)
class ReaderRules:
    """What differs between kinds of imports, and the switches that concern a line."""

    relationships: bool = True
    metrics: bool = False
    keep_confidence: bool = False
    strict_uuid: bool = True
    check_scope: bool = True


@dataclass(slots=True)
class Annotation:
    """A valid line. `part` is the part of the label it belongs to; masks of a video are several `contents`."""

    uuid: str | None
    part: str
    contents: list[dict[str, Any]]
    masks: list[MaskSource] = field(default_factory=list)
    is_benchmark: bool = False


class AnnotationReader:
    """Checks lines against one ontology and one media type. `new_id` gives the ids of the annotations made."""

    def __init__(
        self, features: Features, media_type: str, new_ids: Iterator[str], rules: ReaderRules | None = None
    ) -> None:
        """`media_type` is that of the project, as on the wire (IMAGE, TMS_GEO, …)."""
        self.features = features
        self.media_type = media_type
        self.rules = rules or ReaderRules()
        self.new_id: Callable[[], str] = partial(next, new_ids)
        self._kinds = frozenset((*_MEDIA.get(media_type, ()), *_ANYWHERE))

    def read(self, line: dict[str, Any]) -> Annotation:
        """Raises: AnnotationError: what is wrong with the line."""
        uuid = read_uuid(line, strict=self.rules.strict_uuid)
        key = self._kind(line)
        only(line, _KEYS[key], f"an annotation with {key}")
        benchmark = line.get("isBenchmarkReferenceLabel", False)
        if type(benchmark) is not bool:
            raise AnnotationError(f"isBenchmarkReferenceLabel must be true or false. Found {benchmark!r}")
        masks: list[MaskSource] = []
        if key == "masks":
            contents, masks = read_frame_masks(self, line)
            return Annotation(uuid, "tracks", contents, masks, benchmark)
        if key == "mask":
            part, content, masks = read_mask(self, line)
        else:
            part, content = self._read_plain(line, key)
        return Annotation(uuid, part, [content], masks, benchmark)

    def _read_plain(self, line: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
        reader = _READERS.get(key)
        return reader(self, line) if reader else read_object(self, line, key)

    def _kind(self, line: dict[str, Any]) -> str:
        found = [key for key in line if key in _KEYS and line[key] is not None]
        if not found and line.get("answers") is not None:
            found = ["answer"]
        if len(found) != 1:
            raise AnnotationError(
                f"An annotation must have exactly one of {', '.join(_KEYS)}. Found {', '.join(found) or 'none'}"
            )
        if found[0] not in self._kinds:
            raise AnnotationError(f"A {found[0]} can not be imported into a project of media type {self.media_type}")
        return found[0]

    def tool(self, entry: dict[str, Any], *types: str) -> Tool:
        """The tool an entry names, which must be of one of the types.

        Raises:
            FeatureError: no such tool, or of another type.
        """
        tool = self.features.tools.find(entry)
        if tool.type not in types:
            raise FeatureError(
                f"Schema id {tool.id} does not map to the assigned tool {tool.type}", name_of_tool=tool.name
            )
        return tool

    def scores(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Confidence and custom metrics of an entry, where the import keeps them.

        Raises:
            AnnotationError: a confidence that is not between 0 and 1, or a metric without name or number.
        """
        shown: dict[str, Any] = {}
        confidence, metrics = entry.get("confidence"), entry.get("customMetrics")
        if confidence is not None:
            shown["confidence"] = number(confidence, "confidence")
            if not 0 <= shown["confidence"] <= 1:
                raise AnnotationError(f"confidence must be between 0 and 1. Found {confidence}")
        if metrics:
            shown["custom_metrics"] = [
                {
                    "name": text(each.get("name"), "customMetrics.name"),
                    "value": number(each.get("value"), "customMetrics"),
                }
                for each in mappings(metrics, "customMetrics")
            ]
        return shown if self.rules.keep_confidence else {}


_READERS: dict[str, Callable[[AnnotationReader, dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "answer": read_classification,
    "location": read_entity,
    "textSelections": read_document_entity,
    "segments": read_track,
    "relationship": read_relationship,
    "messageEvaluationTask": read_message_task,
    "metricValue": read_metric,
}


def read_uuid(line: dict[str, Any], *, strict: bool = True) -> str | None:
    """The uuid of a line, if it has one: with or without dashes and braces, in either case.

    Raises:
        AnnotationError: not a uuid.
    """
    uuid = line.get("uuid")
    if uuid is None:
        return None
    if type(uuid) is not str or not uuid or (strict and not _UUID.fullmatch(uuid)):
        raise AnnotationError(f"{uuid} is not a valid uuid", name="UuidError")
    return uuid


def read_data_row(line: dict[str, Any]) -> tuple[str, str]:
    """How a line names its data row: `("id", …)` or `("globalKey", …)`.

    Raises:
        AnnotationError: by neither or by both.
    """
    named = line.get("dataRow")
    if type(named) is not dict:
        raise AnnotationError(
            f"'dataRow' is missing in {line}" if named is None else f"dataRow must be an object. Found {named!r}"
        )
    row_id, key = named.get("id"), named.get("globalKey")
    if (row_id is None) == (key is None) or not named.keys() <= {"id", "globalKey"}:
        raise AnnotationError(f"Must provide only one of 'id' or 'globalKey' for 'dataRow' in {line}")
    return ("id", text(row_id, "dataRow.id")) if key is None else ("globalKey", text(key, "dataRow.globalKey"))
