"""Answers to classifications, nested to any depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.engine.annotations.model import (
    Answer,
    Checklist,
    Choice,
    Classification,
    FreeText,
    OverTime,
    Radio,
    Span,
)
from labelbox_airflow.engine.annotations.ndjson.fields import (
    confidence,
    feature,
    filled,
    mapping,
    metrics,
    named,
    scores,
    spans,
    text,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError

_SCORES = ("confidence", "customMetrics")
_NESTED = ("name", "schemaId", "answer", "answers", "classifications", "frames", "uuid", *_SCORES)
_CHOICE = ("name", "schemaId", "classifications", "frames", "uuid", *_SCORES)
_TEXT = ("value", "frames", "classifications")


def read_classifications(entries: Any, field: str = "classifications") -> tuple[Classification, ...]:
    """Return nested classifications; none are an empty list or null.

    :raises AnnotationError: what is wrong with one of them
    """
    if not entries:
        return ()
    found = []
    for index, entry in enumerate(filled(entries, field)):
        place = f"{field}[{index}]"
        mapping(entry, place, _NESTED)
        scored = (confidence(entry, f"{place}."), metrics(entry, f"{place}."))
        found.append(Classification(feature(entry, place), read_answer(entry, f"{place}."), *scored))
    return tuple(found)


def read_answer(entry: Mapping[str, Any], field: str = "") -> Answer:
    """Return the answer of a line or of a nested entry.

    ``frames`` may be beside the answer or in it; answers in a list that have ``frames`` follow each other in time.

    :raises AnnotationError: what is wrong with it
    """
    key = "answers" if entry.get("answer") is None and "answers" in entry else "answer"
    answer, place = entry.get(key), f"{field}{key}"
    beside = spans(entry["frames"], f"{field}frames") if entry.get("frames") is not None else ()
    if type(answer) is str:
        content = FreeText(
            answer, read_classifications(entry.get("classifications"), f"{field}classifications"), beside
        )
        return OverTime((content,)) if beside else content
    if entry.get("classifications"):
        raise AnnotationError(
            "wrong_nesting",
            f"{field}classifications",
            None,
            "belong inside the answer, under the option they are about",
        )
    if type(answer) is dict:
        inside = _part(answer, place, beside)
        return inside if isinstance(inside, Radio) else OverTime((inside,))
    answers = filled(answer, place) if type(answer) is list else None
    if answers is None:
        reason = "must be a text, an option ({name: …}) or a list of options"
        raise AnnotationError("bad_answer", place, answer, reason)
    if any(type(each) is dict and ("frames" in each or "value" in each) for each in answers):
        return OverTime(tuple(_part(each, f"{place}[{index}]", beside) for index, each in enumerate(answers)))
    return Checklist(tuple(_choice(each, f"{place}[{index}]") for index, each in enumerate(answers)), beside)


def _part(entry: Any, field: str, beside: tuple[Span, ...]) -> Radio | FreeText:
    """One answer with its spans, which may be ``beside`` it."""
    inside = mapping(entry, field, (*_CHOICE, *_TEXT))
    frames = inside.get("frames")
    if frames is not None and beside:
        raise AnnotationError("bad_span", f"{field}.frames", frames, "are given twice: in the answer and beside it")
    lasting = spans(frames, f"{field}.frames") if frames is not None else beside
    if "value" not in inside:
        return Radio(_choice(entry, field), lasting)
    mapping(entry, field, _TEXT)
    nested = read_classifications(inside.get("classifications"), f"{field}.classifications")
    return FreeText(text(inside["value"], f"{field}.value"), nested, lasting)


def _choice(entry: Any, field: str) -> Choice:
    choice = mapping(entry, field, _CHOICE)
    nested = read_classifications(choice.get("classifications"), f"{field}.classifications")
    return Choice(feature(choice, field), nested, confidence(choice, f"{field}."), metrics(choice, f"{field}."))


def write_classifications(classifications: tuple[Classification, ...]) -> list[dict[str, Any]]:
    """Return the entries of nested classifications."""
    return [
        named(each.feature) | write_answer(each.answer) | scores(each.confidence, each.metrics)
        for each in classifications
    ]


def write_answer(answer: Answer) -> dict[str, Any]:
    """Return ``answer`` and what stands beside it."""
    if isinstance(answer, OverTime):
        return {"answer": [_write_part(part) for part in answer.parts]}
    if isinstance(answer, FreeText):
        if answer.spans:
            return {"answer": [_write_part(answer)]}
        return {"answer": answer.content} | _write_nested(answer.classifications)
    lasting = {"frames": _write_spans(answer.spans)} if answer.spans else {}
    if isinstance(answer, Radio):
        return {"answer": _write_choice(answer.choice)} | lasting
    return {"answer": [_write_choice(choice) for choice in answer.choices]} | lasting


def _write_part(part: Radio | FreeText) -> dict[str, Any]:
    lasting = {"frames": _write_spans(part.spans)} if part.spans else {}
    if isinstance(part, Radio):
        return _write_choice(part.choice) | lasting
    return {"value": part.content} | lasting | _write_nested(part.classifications)


def _write_choice(choice: Choice) -> dict[str, Any]:
    return named(choice.feature) | scores(choice.confidence, choice.metrics) | _write_nested(choice.classifications)


def _write_nested(classifications: tuple[Classification, ...]) -> dict[str, Any]:
    return {"classifications": write_classifications(classifications)} if classifications else {}


def _write_spans(lasting: tuple[Span, ...]) -> list[dict[str, int]]:
    return [{"start": span.start, "end": span.end} for span in lasting]
