"""What is read of one label: each entry becomes an annotation, or a reject while the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labelbox_airflow.engine.annotations.model import Annotation, DataRow, Origin
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation

Read = Annotation | RejectedAnnotation


@dataclass(frozen=True, slots=True)
class Reading:
    """A label that is being read.

    :param data_row: what its annotations are of
    :param origin: where the label was read
    :param is_benchmark: the label is the reference that labelers are measured against
    """

    data_row: DataRow
    origin: Origin | None = None
    is_benchmark: bool = False

    def attempt(self, entry: Any, read: Callable[..., Annotation | None], *arguments: Any) -> Iterator[Read]:
        """Yield what ``read`` makes of an entry, or a reject that shows it; nothing when it makes nothing of it."""
        if type(entry) is not dict:
            yield self.rejected(entry, AnnotationError("not_an_object", "annotation", entry, "must be an object"))
            return
        try:
            made = read(*(arguments or (entry,)))
        except AnnotationError as error:
            yield self.rejected(entry, error)
            return
        if made is not None:
            yield self.placed(made)

    def placed(self, annotation: Annotation) -> Annotation:
        """Return an annotation with what it has of the label."""
        if self.is_benchmark or self.origin is not None:
            return replace(annotation, is_benchmark=self.is_benchmark, origin=self.origin)
        return annotation

    def rejected(self, entry: Any, error: AnnotationError) -> RejectedAnnotation:
        """Return the reject of an entry, with what it says about itself; names the kind of annotation."""
        said: Mapping[str, Any] = entry if type(entry) is dict else {"annotation": entry}
        kind, name, called = said.get("annotation_kind"), said.get("name"), said.get("feature_id")
        reason = str(error) if kind is None or error.field == "annotation_kind" else f"{kind}: {error}"
        return RejectedAnnotation(
            origin=self.origin,
            code=error.code,
            reason=reason,
            field=error.field,
            data_row=self.data_row,
            class_name=name if type(name) is str else None,
            source_id=called if type(called) is str else None,
            line=said,
        )
