"""What is wrong with single annotations, gathered while the others go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.annotations.model import Annotation, DataRow, Origin

_LONGEST = 200


class AnnotationError(ValueError):
    """One annotation is wrong.

    :param code: a stable snake_case word for the kind of problem, e.g. ``unknown_class``
    :param field: the key at fault as in Labelbox NDJSON, e.g. ``bbox.width``
    :param value: what is there; None when that says nothing
    :param reason: what is wrong and how to mend it, one sentence
    """

    def __init__(self, code: str, field: str, value: Any, reason: str) -> None:
        self.code = code
        self.field = field
        self.value = value
        self.reason = reason
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = shorten(self.value)
        return f"{self.field}: {self.reason}" if shown is None else f"{self.field} = {shown}: {self.reason}"

    def within(self, place: str) -> AnnotationError:
        """Return the same error with its field under ``place``: ``segments[0]``, say."""
        return AnnotationError(self.code, f"{place}.{self.field}", self.value, self.reason)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code, self.field, self.value, self.reason)


@dataclass(frozen=True, slots=True)
class RejectedAnnotation:
    """An annotation that goes no further, with everything needed to find and mend it.

    :param origin: where it was read, None for one that was handed over without
    :param code: as in `AnnotationError`
    :param reason: one sentence with field, value and what to do
    :param data_row: None when the line does not say
    :param class_name: the class it has, or says it has; None when the line does not say
    :param line: the annotation as read, or as it would be sent
    """

    origin: Origin | None
    code: str
    reason: str
    field: str | None = None
    data_row: DataRow | None = None
    class_name: str | None = None
    source_id: str | None = None
    line: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        about = [str(each) for each in (self.origin, self.data_row, self.class_name) if each is not None]
        return f"{', '.join(about)}: {self.reason}" if about else self.reason


def rejected(
    annotation: Annotation, error: AnnotationError, line: Mapping[str, Any] | None = None
) -> RejectedAnnotation:
    """Return the reject of an annotation that was read but cannot go on."""
    return RejectedAnnotation(
        origin=annotation.origin,
        code=error.code,
        reason=str(error),
        field=error.field,
        data_row=annotation.data_row,
        class_name=str(annotation.feature) if annotation.feature is not None else None,
        source_id=annotation.source_id,
        line=line or {},
    )


def shorten(value: Any) -> str | None:
    """Return a value as a message shows it, at most 200 characters; None stays None."""
    if value is None:
        return None
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
