"""What holds for all annotations of one kind and class, worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.annotations.checks.answers import AnswerChecker, is_timed
from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.classes import Classes, DrawnClass, Question, Questions
from labelbox_airflow.engine.annotations.checks.kinds import (
    ANSWERS,
    CONVERSATIONS,
    KINDS,
    MOVING,
    TIMED,
    TOOLS,
    WORDS,
    parts,
)
from labelbox_airflow.engine.annotations.checks.masks import check_mask
from labelbox_airflow.engine.annotations.checks.moving import MovingChecker, check_frame_masks
from labelbox_airflow.engine.annotations.checks.others import (
    Destination,
    check_evaluation,
    check_metric,
    check_relationship,
)
from labelbox_airflow.engine.annotations.checks.shapes import Outside, ShapeChecker
from labelbox_airflow.engine.annotations.checks.spans import check_entity, check_tokens
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    Answer,
    BoundingBox,
    DocumentEntity,
    Feature,
    Line,
    MaskImage,
    MaskRuns,
    MaskUri,
    Message,
    MessageEvaluation,
    Metric,
    Part,
    Point,
    Polygon,
    Relationship,
    TextEntity,
    Value,
    VideoMasks,
    VideoObject,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError

_MOST_REFUSALS = 1000
_NOTHING = frozenset((type(None),))
Key = tuple[type, str | None, str | None]
Check = Callable[[Any, Part | None, Asset | None], Value]


@dataclass(slots=True)
class Rule:
    """What holds for all annotations of one kind and class.

    :param name: of the class; None where the annotation has none
    :param of: the class itself
    :param nested: what can be answered under it; None for kinds that nest nothing
    :param demanding: whether there must be nested answers
    :param parts: which types of part it may have
    """

    name: str | None
    of: DrawnClass | Question | None
    check: Check
    nested: Questions | None
    demanding: bool
    parts: frozenset[type]


class Rules:
    """Finds the `Rule` of an annotation, and makes it when the kind and class are new."""

    def __init__(self, classes: Classes, media_type: str, to: Destination, outside: Outside) -> None:
        self._classes = classes
        self._media_type = media_type
        self._to: Destination = to
        self._complete = to == "labels"
        self.answers = AnswerChecker(media_type, complete=self._complete)
        self.shapes = ShapeChecker(media_type, outside)
        self._moving = MovingChecker(media_type, self.shapes, self.answers)
        self._rules: dict[Key, Rule] = {}
        self._refusals: dict[Key, AnnotationError] = {}

    def find(self, annotation: Annotation) -> Rule:
        """Return what holds for annotations of this kind and class.

        :raises AnnotationError: the ontology has no such class, or not for this kind; the project takes no such kind
        """
        feature = annotation.feature
        key: Key
        if feature is None:
            key = type(annotation.value), None, None
        else:
            key = type(annotation.value), feature.name, feature.schema_id
        rule = self._rules.get(key)
        return rule if rule is not None else self._new_rule(key, feature)

    def of_class(self, kind: type, feature: Feature) -> Rule:
        """Return what holds for annotations of a kind and class; raises as :meth:`find` does."""
        key = kind, feature.name, feature.schema_id
        return self._rules.get(key) or self._new_rule(key, feature)

    def _new_rule(self, key: Key, feature: Feature | None) -> Rule:
        known = self._refusals.get(key)
        if known is not None:
            raise AnnotationError(known.code, known.field, known.value, known.reason)
        try:
            rule = self._rules[key] = self._make_rule(key[0], feature)
        except AnnotationError as error:
            if len(self._refusals) < _MOST_REFUSALS:
                self._refusals[key] = error
            raise
        return rule

    def _make_rule(self, kind: type, feature: Feature | None) -> Rule:
        if kind is Metric:
            return self._metric_rule(feature)
        if kind not in ANSWERS and kind not in KINDS[self._media_type]:
            reason = f"cannot be imported into a project of media type {self._media_type}"
            raise AnnotationError("wrong_media", "annotation", WORDS.get(kind, kind.__name__), reason)
        if kind is VideoMasks:
            return Rule(None, None, _unchanged(self._check_frame_masks), None, False, parts(kind, self._media_type))
        if feature is None:
            raise AnnotationError("no_class", "name", None, "is missing; give the class by name or by schemaId")
        return self._answer_rule(kind, feature) if kind in ANSWERS else self._drawn_rule(kind, feature)

    def _drawn_rule(self, kind: type, feature: Feature) -> Rule:
        self._refuse_other(kind, feature, self._classes.tools.get(feature), self._classes.questions.names.get(feature))
        drawn = self._classes.tools.find(feature)
        wanted = MOVING if kind is VideoObject else TOOLS.get(kind)
        # The format of a message evaluation, which decides its tool, is part of the value.
        if wanted is not None and drawn.kind not in wanted:
            raise _wrong_kind(kind, drawn.name, drawn.kind, "")
        nests = kind not in {Relationship, MessageEvaluation}
        return Rule(
            name=drawn.name,
            of=drawn,
            check=self._runner(kind, drawn),
            nested=drawn.nested if nests else None,
            demanding=self._complete and nests and bool(drawn.nested.required),
            parts=parts(kind, self._media_type),
        )

    def _answer_rule(self, kind: type, feature: Feature) -> Rule:
        self._refuse_other(kind, feature, self._classes.questions.names.get(feature), self._classes.tools.get(feature))
        question = self._classes.questions.names.find(feature)

        def check(value: Any, asset: Asset | None) -> None:
            self._check_scope(value, question)
            self.answers.check_answer(value, question, asset)

        about_message = question.scope == "index" and self._media_type in CONVERSATIONS
        return Rule(
            question.name,
            question,
            _unchanged(check),
            None,
            False,
            frozenset((Message if about_message else type(None),)),
        )

    def _metric_rule(self, feature: Feature | None) -> Rule:
        """A metric may be of a tool, of a question, or of the whole row."""
        if feature is not None and self._classes.questions.names.get(feature) is None:
            self._classes.tools.find(feature)

        def check(value: Any, _asset: Asset | None) -> None:
            check_metric(value, self._to)

        return Rule(str(feature) if feature else None, None, _unchanged(check), None, False, _NOTHING)

    def _refuse_other(
        self, kind: type, feature: Feature, found: object | None, other: DrawnClass | Question | None
    ) -> None:
        if found is None and other is not None:
            more = " tool" if isinstance(other, DrawnClass) else " classification"
            raise _wrong_kind(kind, str(feature), other.kind, more)

    def _runner(self, kind: type, drawn: DrawnClass) -> Check:
        """Return the function that checks a value of that kind."""

        def evaluation(value: MessageEvaluation, _asset: Asset | None) -> None:
            if value.format != drawn.kind:
                raise _wrong_kind(MessageEvaluation, drawn.name, drawn.kind, f", not a {value.format}")
            check_evaluation(value)

        def relationship(value: Relationship, _asset: Asset | None) -> None:
            check_relationship(value, self._classes, self._media_type, self._to)

        runners: dict[type, Check] = {
            BoundingBox: self.shapes.check_box,
            Polygon: self.shapes.check_polygon,
            Line: self.shapes.check_line,
            Point: self.shapes.check_point,
            **dict.fromkeys((MaskUri, MaskImage, MaskRuns), _unchanged(check_mask)),
            TextEntity: _run_entity,
            DocumentEntity: _unchanged(check_tokens),
            VideoObject: lambda value, _part, asset: self._moving.check_object(value, drawn, asset),
            Relationship: _unchanged(relationship),
            MessageEvaluation: _unchanged(evaluation),
        }
        return runners[kind]

    def _check_frame_masks(self, value: VideoMasks, asset: Asset | None) -> None:
        check_frame_masks(value, self._classes, self._media_type, asset)

    def _check_scope(self, answer: Answer, question: Question) -> None:
        """An answer about frames or messages needs a question of scope index, and such a question needs them."""
        timed = is_timed(answer)
        if timed and question.scope == "global" and self._media_type in TIMED:
            reason = f"cannot be given: '{question.name}' has scope global, it is about the whole row"
            raise AnnotationError("wrong_scope", "frames", None, reason)
        if not timed and question.scope == "index" and self._media_type not in CONVERSATIONS:
            reason = f"must be given: '{question.name}' has scope index, it is about some frames"
            raise AnnotationError("wrong_scope", "frames", None, reason)


def _unchanged(check: Callable[[Any, Asset | None], None]) -> Check:
    """Make a check that returns the value as it is out of one that returns nothing."""

    def run(value: Any, _part: Part | None, asset: Asset | None) -> Value:
        check(value, asset)
        return value  # type: ignore[no-any-return]

    return run


def _run_entity(value: TextEntity, part: Part | None, asset: Asset | None) -> Value:
    check_entity(value, in_message=part is not None, asset=asset)
    return value


def _wrong_kind(kind: type, name: str, known: str, more: str) -> AnnotationError:
    reason = f"is a {known}{more} in the ontology; a {WORDS.get(kind, kind.__name__)} cannot be of it"
    return AnnotationError("wrong_kind", "name", name, reason)
