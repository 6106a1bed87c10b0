"""Checks the annotations of one data row together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.classes import DrawnClass, Question
from labelbox_airflow.engine.annotations.checks.rules import Rule
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    Feature,
    Metric,
    Relationship,
    VideoMasks,
    VideoObject,
)
from labelbox_airflow.engine.annotations.ndjson.line import write_line
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation, rejected

if TYPE_CHECKING:
    from labelbox_airflow.engine.annotations.checks.checker import AnnotationChecker

WholeRow = Literal["reject", "keep_valid"]

MOST_OF_A_CLASS = 5_000
"""Annotations of one class in one data row and import (SDK schema/annotation_import.py `_validate_data_rows`)."""
_NO_END = (Relationship, Metric, VideoMasks, VideoObject)


def check_row(
    checker: AnnotationChecker, annotations: Sequence[Annotation], asset: Asset | None, whole_row: WholeRow
) -> tuple[list[Annotation], list[RejectedAnnotation]]:
    """Return what can be sent and what not; see `AnnotationChecker.check_row`."""
    row = _Row(checker, annotations, asset)
    row.check_all()
    row.check_relationships()
    if checker.to == "labels" and annotations:
        row.check_complete()
    if whole_row == "reject":
        row.reject_whole()
    return row.accepted(), row.rejected()


class _Row:
    """The annotations by position: `_checked` are right so far, `_errors` says what is wrong with the others."""

    def __init__(self, checker: AnnotationChecker, annotations: Sequence[Annotation], asset: Asset | None) -> None:
        self._checker = checker
        self._annotations = annotations
        self._asset = asset
        self._checked: dict[int, Annotation] = {}
        self._errors: dict[int, AnnotationError] = {}
        self._relationships: list[int] = []
        self._uuids: set[str] = set()
        self._counts: dict[str, int] = {}

    def check_all(self) -> None:
        """Check each annotation; the ends of relationships have to wait until all others are checked."""
        for position, annotation in enumerate(self._annotations):
            try:
                checked = self._checker.check(annotation, self._asset)
                rule = self._checker.rule(annotation)
                if annotation.uuid is not None:
                    self._check_uuid(annotation.uuid)
                self._count(annotation, rule)
            except AnnotationError as error:
                self._errors[position] = error
                continue
            self._checked[position] = checked
            if type(annotation.value) is Relationship:
                self._relationships.append(position)

    def _check_uuid(self, uuid: str) -> None:
        """Labelbox takes several spellings of one uuid."""
        plain = uuid.strip("{}").replace("-", "").lower()
        if plain in self._uuids:
            reason = "is the uuid of another annotation of this data row too; each needs its own"
            raise AnnotationError("duplicate_uuid", "uuid", uuid, reason)
        self._uuids.add(plain)

    def _count(self, annotation: Annotation, rule: Rule) -> None:
        if isinstance(annotation.value, VideoMasks):
            tools = self._checker.classes.tools
            names = [tools.find(instance.feature).name for instance in annotation.value.instances]
        elif rule.of is None:
            return
        else:
            names = [rule.of.name]
        counts = self._counts
        for name in names:
            more = counts[name] = counts.get(name, 0) + 1
            if more > MOST_OF_A_CLASS:
                reason = f"has more than {MOST_OF_A_CLASS:,} annotations in this data row; Labelbox takes no more"
                raise AnnotationError("too_many", "name", name, reason)

    def check_relationships(self) -> None:
        """Reject relationships whose ends are not in the row, were rejected, or may not be joined."""
        if not self._relationships:
            return
        ends: dict[str, int] = {}
        for position, annotation in enumerate(self._annotations):
            if not isinstance(annotation.value, _NO_END):
                for key in (annotation.source_id, annotation.uuid):
                    if key is not None and ends.get(key) not in self._checked:
                        ends[key] = position
        for position in self._relationships:
            annotation = self._annotations[position]
            try:
                self._check_ends(annotation, ends)
            except AnnotationError as error:
                self._errors[position] = error
                del self._checked[position]

    def _check_ends(self, annotation: Annotation, ends: dict[str, int]) -> None:
        given = annotation.value
        if not isinstance(given, Relationship):
            return
        if given.source is not None:
            source = self._end_class("source", given.source, ends)
        else:
            source = self._source_class(str(given.source_class))
        self._check_pair(annotation, source, self._end_class("target", given.target, ends))

    def _end_class(self, side: str, key: str, ends: dict[str, int]) -> DrawnClass | Question | None:
        """Return the class of the annotation at one end."""
        field = f"relationship.{side}"
        position = ends.get(key)
        if position is None:
            reason = "is not the id or uuid of an annotation of this data row that a relationship can join"
            raise AnnotationError("relationship_end_missing", field, key, reason)
        error = self._errors.get(position)
        if error is not None:
            reason = f"is the {side} of the relationship, and was itself rejected: {error}"
            raise AnnotationError("relationship_end_rejected", field, key, reason)
        return self._checker.rule(self._annotations[position]).of

    def _source_class(self, name: str) -> Question:
        """Return the class of a document's classification; one must have been answered."""
        question = self._checker.classes.questions.names.find(Feature(name))
        if not any(self._checker.rule(each).of is question for each in self._checked.values()):
            reason = "is not answered by an annotation of this data row"
            raise AnnotationError("relationship_end_missing", "relationship.sourceOntologyName", name, reason)
        return question

    def _check_pair(
        self, annotation: Annotation, source: DrawnClass | Question | None, target: DrawnClass | Question | None
    ) -> None:
        """The ontology can say which classes a relationship may join, by their schema ids."""
        edge = self._checker.rule(annotation).of
        if not isinstance(edge, DrawnClass) or source is None or target is None:
            return
        allowed = (edge.tool.definition or {}).get("constraints") or ()
        ids = [source.schema_id, target.schema_id]
        if allowed and None not in ids and ids not in [list(pair) for pair in allowed]:
            reason = f"may not go from '{source.name}' to '{target.name}': the ontology allows other pairs only"
            raise AnnotationError("bad_relationship", "name", edge.name, reason)

    def check_complete(self) -> None:
        """Reject all of a submitted label that lacks an answer the ontology requires: it cannot be completed later."""
        answered = {self._checker.rule(each).name for each in self._checked.values()}
        for question in self._checker.classes.questions.required:
            if question.name not in answered:
                reason = f"is required, and no valid annotation of this data row answers it{self._why(question)}"
                self._reject_others(AnnotationError("missing_answer", "classifications", question.name, reason))
                return

    def _why(self, question: Question) -> str:
        for position, error in self._errors.items():
            feature = self._annotations[position].feature
            if feature is not None and self._checker.classes.questions.names.get(feature) is question:
                return f" (one was rejected: {error})"
        return ""

    def reject_whole(self) -> None:
        """Reject what is right when something is wrong."""
        if not self._errors:
            return
        first = min(self._errors)
        annotation, error = self._annotations[first], self._errors[first]
        about = [str(each) for each in (annotation.origin, annotation.feature) if each is not None]
        reason = f"goes with another annotation that was rejected ({', '.join([*about, str(error)])})"
        self._reject_others(AnnotationError("row_rejected", "dataRow", str(annotation.data_row), reason))

    def _reject_others(self, error: AnnotationError) -> None:
        for position in self._checked:
            self._errors[position] = error
        self._checked.clear()

    def accepted(self) -> list[Annotation]:
        """Return the annotations that can be sent, in order."""
        return list(self._checked.values())

    def rejected(self) -> list[RejectedAnnotation]:
        """Return the others, in order."""
        return [
            rejected(self._annotations[position], error, write_line(self._annotations[position]))
            for position, error in sorted(self._errors.items(), key=lambda each: each[0])
        ]
