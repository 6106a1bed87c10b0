"""Checks annotations against an ontology and what is known of their assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labelbox_airflow.engine.annotations.checks.answers import check_scores
from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.classes import Classes, Question
from labelbox_airflow.engine.annotations.checks.kinds import CONVERSATIONS, KINDS, WORDS
from labelbox_airflow.engine.annotations.checks.moving import answered_in_keyframes
from labelbox_airflow.engine.annotations.checks.others import Destination
from labelbox_airflow.engine.annotations.checks.rows import WholeRow, check_row
from labelbox_airflow.engine.annotations.checks.rules import Rule, Rules
from labelbox_airflow.engine.annotations.checks.shapes import Outside
from labelbox_airflow.engine.annotations.checks.spans import check_page, check_unit
from labelbox_airflow.engine.annotations.model import Annotation, Feature, Page, Part, VideoObject, View
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers.blocks import Floats, Mask
from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.ontology.tree import Ontology

_VIEWS = ("axial", "sagittal", "coronal")


class AnnotationChecker:
    """Checks annotations of one project, or model run, before they are sent.

    :param media_type: of the project, as on Labelbox's wire
    :param to: what they are sent as; only submitted labels need every required answer
    :param outside: what becomes of shapes that leave the asset: ``reject`` (one pixel is let pass), ``clip``, ``keep``
    :raises ConfigurationError: a media type that is not known
    """

    def __init__(self, ontology: Ontology, *, media_type: str, to: Destination, outside: Outside = "reject") -> None:
        if media_type not in KINDS:
            hint = did_you_mean(media_type, KINDS)
            raise ConfigurationError(f"media type '{media_type}' is not known", where="media_type", remedy=hint)
        self.media_type = media_type
        self.to: Destination = to
        self.classes = Classes(ontology)
        self._rules = Rules(self.classes, media_type, to, outside)
        self._answers = self._rules.answers
        self._asset_seen: Asset | None = None

    def check(self, annotation: Annotation, asset: Asset | None = None) -> Annotation:
        """Return the annotation, with its shape clipped when that is wanted and needed.

        :raises AnnotationError: the first thing that is wrong, with key, value and what to do
        """
        rule = self._rules.find(annotation)
        if asset is not self._asset_seen:
            self._check_asset(asset)
        if annotation.confidence is not None or annotation.metrics:
            check_scores(annotation.confidence, annotation.metrics)
        if type(annotation.part) not in rule.parts:
            raise self._wrong_part(annotation, rule)
        if annotation.part is not None:
            _check_part(annotation.part, asset)
        value = annotation.value
        checked = rule.check(value, annotation.part, asset)
        if annotation.classifications or rule.demanding:
            self._check_nested(annotation, rule, asset)
        return annotation if checked is value else replace(annotation, value=checked)

    def check_row(
        self,
        annotations: Sequence[Annotation],
        asset: Asset | None,
        *,
        whole_row: WholeRow,
    ) -> tuple[list[Annotation], list[RejectedAnnotation]]:
        """Return the annotations of one data row that can be sent, and the others with their reasons, both in order.

        Besides what `check` finds, these are rejected: a uuid that is given twice, more than 5,000 annotations of one
        class, relationships whose ends are not there or were rejected, and all that is left of a submitted label
        when an answer about the whole row is missing that the ontology requires.

        :param whole_row: ``reject`` rejects all annotations of the row for one that is wrong
        """
        return check_row(self, annotations, asset, whole_row)

    def takes_plain(self, kind: type, feature: Feature) -> bool:
        """Tell whether of annotations of that kind and class, with nothing nested, only the shape is to be checked."""
        try:
            rule = self._rules.of_class(kind, feature)
        except AnnotationError:
            return False
        return not rule.demanding and type(None) in rule.parts

    def are_right_boxes(self, left: Floats, top: Floats, width: Floats, height: Floats) -> Mask:
        """Tell of which boxes :meth:`check` finds nothing wrong with the shape while their assets are not known."""
        return self._rules.shapes.are_right_boxes(left, top, width, height)

    def rule(self, annotation: Annotation) -> Rule:
        """Return what holds for the annotations of this kind and class; `name` is the class.

        :raises AnnotationError: the ontology has no such class, or the project takes no such kind
        """
        return self._rules.find(annotation)

    def _check_asset(self, asset: Asset | None) -> None:
        """Remember an asset that fits, so that the other annotations of the row need not look again."""
        if asset is not None and asset.media_type not in {None, self.media_type}:
            reason = f"is not the media type of the project, {self.media_type}"
            raise AnnotationError("wrong_media", "dataRow.media_type", asset.media_type, reason)
        self._asset_seen = asset

    def _check_nested(self, annotation: Annotation, rule: Rule, asset: Asset | None) -> None:
        if rule.nested is None:
            word = WORDS[type(annotation.value)]
            reason = f"cannot be nested in this place: a {word} has none beside it"
            raise AnnotationError("wrong_nesting", "classifications", None, reason)
        elsewhere: frozenset[str] = frozenset()
        if rule.demanding and isinstance(annotation.value, VideoObject):
            elsewhere = answered_in_keyframes(annotation.value, rule.nested)
        self._answers.check_nested(annotation.classifications, rule.nested, asset, elsewhere)

    def _wrong_part(self, annotation: Annotation, rule: Rule) -> AnnotationError:
        given = type(annotation.part)
        wanted = sorted(WORDS[each] for each in rule.parts if each is not type(None))
        if isinstance(rule.of, Question) and self.media_type in CONVERSATIONS:
            what = "must be given" if wanted else "cannot be given"
            reason = f"{what}: '{rule.name}' has scope {rule.of.scope}"
            return AnnotationError("wrong_scope", "messageId", None, reason)
        word = WORDS[type(annotation.value)]
        if annotation.part is not None:
            reason = f"cannot be given for a {word} in a project of media type {self.media_type}"
            return AnnotationError("wrong_part", WORDS[given], None, reason)
        return AnnotationError("wrong_part", wanted[0], None, f"is missing; a {word} of {self.media_type} needs it")


def _check_part(part: Part, asset: Asset | None) -> None:
    if isinstance(part, Page):
        check_page(part.number, "page", asset)
        check_unit(part)
    elif isinstance(part, View):
        if part.group not in _VIEWS:
            raise AnnotationError("bad_view", "groupKey", part.group, f"must be one of {', '.join(_VIEWS)}")
    elif not part.id:
        raise AnnotationError("bad_message", "messageId", part.id, "must not be empty")
