"""Answers to classifications, nested to any depth."""

from __future__ import annotations

from math import isfinite

from labelbox_airflow.engine.annotations.checks.asset import Asset
from labelbox_airflow.engine.annotations.checks.classes import Question, Questions
from labelbox_airflow.engine.annotations.checks.kinds import WORDS
from labelbox_airflow.engine.annotations.checks.spans import check_spans
from labelbox_airflow.engine.annotations.model import (
    Answer,
    Checklist,
    Choice,
    Classification,
    CustomMetric,
    FreeText,
    OverTime,
    Radio,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError

_FORMS: dict[type, str] = {Radio: "radio", Checklist: "checklist", FreeText: "text"}
_NEEDS = {"radio": "one option", "checklist": "a list of options", "text": "a text"}


class AnswerChecker:
    """Checks answers in projects of one media type.

    :param complete: whether every required nested question must be answered: in submitted labels; pre-labels are for
        people to complete, and models need not answer everything
    """

    def __init__(self, media_type: str, *, complete: bool) -> None:
        self._media_type = media_type
        self._complete = complete

    def check_nested(
        self,
        given: tuple[Classification, ...],
        questions: Questions,
        asset: Asset | None,
        elsewhere: frozenset[str] = frozenset(),
    ) -> None:
        """Check the answers under an object or an option.

        :param elsewhere: names of questions that are answered in another place, in keyframes
        :raises AnnotationError: as `Names.find`, `check_answer`; ``duplicate_answer``, ``missing_answer``
        """
        answered = set(elsewhere)
        for index, each in enumerate(given):
            try:
                name = self._check_one(each, questions, asset)
                if name not in elsewhere:
                    _check_new(name, answered)
            except AnnotationError as error:
                raise error.within(f"classifications[{index}]") from None
            answered.add(name)
        if self._complete:
            for question in questions.required:
                if question.name not in answered:
                    reason = f"must be answered: '{question.name}' is required here"
                    raise AnnotationError("missing_answer", "classifications", None, reason)

    def _check_one(self, given: Classification, questions: Questions, asset: Asset | None) -> str:
        """Return the name of the question."""
        question = questions.names.find(given.feature)
        if given.confidence is not None or given.metrics:
            check_scores(given.confidence, given.metrics)
        self.check_answer(given.answer, question, asset)
        return question.name

    def check_answer(self, answer: Answer, question: Question, asset: Asset | None) -> None:
        """Check an answer with all that is nested in it.

        :raises AnnotationError: ``wrong_kind``, ``unknown_option``, ``empty_answer``, ``duplicate_option``,
            ``bad_length``, ``bad_span``, and what `check_nested` and `check_spans` raise
        """
        if type(answer) is OverTime:
            self._check_parts(answer, question, asset)
            return
        if _FORMS.get(type(answer)) != question.form:
            raise _wrong_form(type(answer), question)
        if isinstance(answer, FreeText):
            self._check_text(answer, question)
        elif isinstance(answer, Radio):
            self._check_radio(answer, question, asset)
        elif isinstance(answer, Checklist):
            self._check_choices(answer.choices, question, asset)
        if not isinstance(answer, OverTime) and answer.spans:
            check_spans(answer.spans, self._media_type, asset)

    def _check_parts(self, answer: OverTime, question: Question, asset: Asset | None) -> None:
        if not answer.parts:
            raise AnnotationError("empty_answer", "answer", None, f"must have an answer to '{question.name}'")
        for index, part in enumerate(answer.parts):
            try:
                self._check_part(part, question, asset)
            except AnnotationError as error:
                raise error.within(f"answer[{index}]") from None

    def _check_part(self, part: Radio | FreeText, question: Question, asset: Asset | None) -> None:
        if (type(part) is FreeText) != (question.form == "text"):
            raise _wrong_form(type(part), question)
        if not part.spans:
            raise AnnotationError("bad_span", "frames", None, "are missing: each answer over time has its own")
        if isinstance(part, FreeText):
            self._check_text(part, question)
        else:
            self._check_choice(part.choice, question, asset)
        check_spans(part.spans, self._media_type, asset)

    @staticmethod
    def _check_text(answer: FreeText, question: Question) -> None:
        length = len(answer.content)
        least, most = question.characters
        if (least is not None and length < least) or (most is not None and length > most):
            bounds = f"at least {least}" if most is None else f"{least or 0} to {most}"
            reason = f"has {length} characters; '{question.name}' takes {bounds}"
            raise AnnotationError("bad_length", "answer", answer.content, reason)
        if answer.classifications:
            reason = f"cannot be nested under a text; '{question.name}' has no options to nest them under"
            raise AnnotationError("wrong_nesting", "classifications", None, reason)

    def _check_radio(self, answer: Radio, question: Question, asset: Asset | None) -> None:
        try:
            self._check_choice(answer.choice, question, asset)
        except AnnotationError as error:
            raise error.within("answer") from None

    def _check_choices(self, choices: tuple[Choice, ...], question: Question, asset: Asset | None) -> None:
        if not choices:
            reason = f"must have at least one option of '{question.name}'"
            raise AnnotationError("empty_answer", "answer", None, reason)
        chosen: set[str] = set()
        for index, choice in enumerate(choices):
            try:
                name = self._check_choice(choice, question, asset)
            except AnnotationError as error:
                raise error.within(f"answer[{index}]") from None
            if name in chosen:
                reason = f"is chosen twice in '{question.name}'"
                raise AnnotationError("duplicate_option", f"answer[{index}]", name, reason)
            chosen.add(name)

    def _check_choice(self, choice: Choice, question: Question, asset: Asset | None) -> str:
        """Return the name of the option."""
        option = question.options.find(choice.feature)
        if choice.confidence is not None or choice.metrics:
            check_scores(choice.confidence, choice.metrics)
        if choice.classifications or (self._complete and option.nested.required):
            self.check_nested(choice.classifications, option.nested, asset)
        return option.name


def _check_new(name: str, answered: set[str]) -> None:
    if name in answered:
        raise AnnotationError("duplicate_answer", "name", name, "is answered twice here")


def _wrong_form(kind: type, question: Question) -> AnnotationError:
    reason = f"is a {WORDS.get(kind, kind.__name__)}; '{question.name}' is a {question.kind} and takes "
    return AnnotationError("wrong_kind", "answer", None, reason + _NEEDS[question.form])


def check_scores(confidence: float | None, metrics: tuple[CustomMetric, ...]) -> None:
    """Check what a model says about an annotation or an answer.

    :raises AnnotationError: ``bad_confidence``, ``bad_metric``
    """
    if confidence is not None and not 0 <= confidence <= 1:
        raise AnnotationError("bad_confidence", "confidence", confidence, "must be between 0 and 1")
    for index, metric in enumerate(metrics):
        if not metric.name:
            raise AnnotationError("bad_metric", f"customMetrics[{index}].name", metric.name, "must not be empty")
        if not isfinite(metric.value):
            reason = "must be a finite number, not NaN or infinite"
            raise AnnotationError("bad_metric", f"customMetrics[{index}].value", metric.value, reason)


def is_timed(answer: Answer) -> bool:
    """Return whether an answer says when it holds."""
    return type(answer) is OverTime or bool(not isinstance(answer, OverTime) and answer.spans)
