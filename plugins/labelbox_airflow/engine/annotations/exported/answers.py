"""Exported answers to classifications, nested to any depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.engine.annotations.exported.fields import HEAD, Scores, entries, feature, known, scores, source_id
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    Checklist,
    Choice,
    Classification,
    DataRow,
    FreeText,
    Message,
    Radio,
)
from labelbox_airflow.engine.annotations.ndjson.fields import mapping, text
from labelbox_airflow.engine.annotations.problems import AnnotationError

_ANSWERS = ("radio_answer", "checklist_answers", "text_answer")
_OF_MESSAGES = tuple(f"conversational_{key}" for key in _ANSWERS)
_KEYS = HEAD | {*_ANSWERS, *_OF_MESSAGES, "message_id"}
_TEXT = ("content", "classifications", "confidence", "custom_metrics")

PlainAnswer = Radio | Checklist | FreeText


def read_answer(entry: Mapping[str, Any], field: str = "") -> tuple[PlainAnswer, Scores] | None:
    """Return the answer of a classification and the scores of a text; None for a question without an answer.

    A checklist in which nothing is ticked is one without an answer.

    :raises AnnotationError: what is wrong with it
    """
    known(entry, _KEYS, field)
    given = [key for key in (*_ANSWERS, *_OF_MESSAGES) if entry.get(key) is not None]
    if not given and any(key in entry for key in (*_ANSWERS, *_OF_MESSAGES)):
        return None
    if len(given) != 1:
        shown = ", ".join(given) or None
        raise AnnotationError("no_answer", f"{field}answer", shown, f"must be exactly one of {', '.join(_ANSWERS)}")
    key, value = given[0], entry[given[0]]
    beside = scores(entry, field)
    if key.endswith("text_answer"):
        return _text(entry, mapping(value, f"{field}{key}", _TEXT), f"{field}{key}", beside)
    if entry.get("classifications"):
        raise AnnotationError("wrong_nesting", f"{field}classifications", None, "belong to an option of the answer")
    if key.endswith("radio_answer"):
        return Radio(_choice(value, f"{field}{key}")), beside
    if type(value) is not list:
        raise AnnotationError("not_a_list", f"{field}{key}", value, "must be a list of options")
    choices = tuple(_choice(each, f"{field}{key}[{index}]") for index, each in enumerate(value))
    return (Checklist(choices), beside) if choices else None


def read_classification(entry: Mapping[str, Any], data_row: DataRow) -> Annotation | None:
    """Return the annotation of a classification of a whole row, or of a message; None for one without an answer.

    :raises AnnotationError: what is wrong with it
    """
    answered = read_answer(entry)
    if answered is None:
        return None
    message = entry.get("message_id")
    part = Message(text(message, "message_id")) if message is not None else None
    return Annotation(data_row, feature(entry), answered[0], (), part, *answered[1], source_id=source_id(entry))


def _text(
    entry: Mapping[str, Any], answer: Mapping[str, Any], field: str, beside: Scores
) -> tuple[PlainAnswer, Scores]:
    content = answer.get("content")
    if type(content) is not str:
        raise AnnotationError("not_a_text", f"{field}.content", content, "must be a text")
    nested = answer.get("classifications") or entry.get("classifications")
    inside = scores(answer, f"{field}.")
    return FreeText(content, read_classifications(nested, f"{field}.")), inside if any(inside) else beside


def _choice(value: Any, field: str) -> Choice:
    if type(value) is not dict:
        raise AnnotationError("not_an_object", field, value, "must be an option with its name")
    known(value, HEAD, f"{field}.")
    nested = read_classifications(value.get("classifications"), f"{field}.")
    return Choice(feature(value, f"{field}."), nested, *scores(value, f"{field}."))


def read_classifications(given: Any, field: str = "") -> tuple[Classification, ...]:
    """Return nested classifications; questions without an answer are none.

    :raises AnnotationError: what is wrong with one of them
    """
    return tuple(classification for _, classification in classifications_by_id(given, field))


def classifications_by_id(given: Any, field: str = "") -> list[tuple[Any, Classification]]:
    """Return nested classifications, each with the id Labelbox gave it.

    :raises AnnotationError: what is wrong with one of them
    """
    found = []
    for index, entry in enumerate(entries(given, f"{field}classifications")):
        place = f"{field}classifications[{index}]"
        if type(entry) is not dict:
            raise AnnotationError("not_an_object", place, entry, "must be an object")
        answered = read_answer(entry, f"{place}.")
        if answered is not None:
            answer, scored = answered
            made = Classification(feature(entry, f"{place}."), answer, *scored)
            found.append((source_id(entry), made))
    return found
