"""Answers to classifications: radio, checklist and free text, nested to any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.checks import mapping, mappings, only, spans
from labelbox_local.annotations.errors import AnnotationError, FeatureError
from labelbox_local.annotations.features import Choices, Classification, Option

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

_NESTED = frozenset(("name", "schemaId", "answer", "answers", "classifications", "confidence", "customMetrics", "uuid"))
_ANSWER = frozenset(("name", "schemaId", "classifications", "confidence", "customMetrics", "frames", "uuid"))
_TEXT_SPAN = frozenset(("value", "frames", "classifications"))


def read_nested(reader: AnnotationReader, choices: Choices[Classification], entries: Any) -> list[dict[str, Any]]:
    """The `classifications` of an object or of an answer, in export form.

    Raises:
        AnnotationError: what is wrong with one of them.
    """
    if not entries:
        return []
    found = []
    answered: set[str] = set()
    for entry in mappings(entries, "classifications"):
        only(entry, _NESTED, "a classification")
        classification = choices.find(entry)
        if classification.id in answered:
            raise AnnotationError(f"Classification '{classification.name}' is answered twice")
        answered.add(classification.id)
        found.append(classification.head(reader.new_id()) | read_answer(reader, classification, entry))
    return found


def read_answer(reader: AnnotationReader, classification: Classification, entry: dict[str, Any]) -> dict[str, Any]:
    """The answer of an entry `{answer | answers, …}` as `radio_answer`, `checklist_answers` or `text_answer`.

    Raises:
        AnnotationError: what is wrong with it.
    """
    answer = entry.get("answer")
    if answer is None:
        answer = entry.get("answers")
    if classification.type == "text":
        return _text(reader, classification, entry, answer)
    if classification.type == "radio":
        if type(answer) is list and len(answer) == 1:
            answer = answer[0]
        if type(answer) is not dict:
            raise AnnotationError(f"The answer to radio '{classification.name}' must be an object. Found {answer!r}")
        return {"radio_answer": _option(reader, classification, answer)}
    return {"checklist_answers": _checklist(reader, classification, answer)}


def _text(
    reader: AnnotationReader, classification: Classification, entry: dict[str, Any], answer: Any
) -> dict[str, Any]:
    if type(answer) is dict and answer.keys() == {"content"}:
        answer = answer["content"]
    if type(answer) is not str:
        raise AnnotationError(f"The answer to text '{classification.name}' must be a text. Found {answer!r}")
    least, most = classification.characters
    if len(answer) < least or (most is not None and len(answer) > most):
        raise AnnotationError(
            f"The answer to '{classification.name}' must have between {least} and {most} characters,"
            f" it has {len(answer)}"
        )
    if entry.get("classifications"):
        raise FeatureError(f"Text '{classification.name}' has no nested classifications")
    return {"text_answer": {"content": answer} | reader.scores(entry)}


def _checklist(reader: AnnotationReader, classification: Classification, answers: Any) -> list[dict[str, Any]]:
    if answers == []:
        raise AnnotationError("Checklist answers should not be empty")
    if type(answers) is dict:
        answers = [answers]
    found = [
        _option(reader, classification, answer)
        for answer in mappings(answers, f"The answers to checklist '{classification.name}'")
    ]
    if len({answer["feature_schema_id"] for answer in found}) != len(found):
        raise AnnotationError(f"Duplicated featureSchema found for checklist {classification.name}")
    return found


def _option(reader: AnnotationReader, classification: Classification, answer: dict[str, Any]) -> dict[str, Any]:
    only(answer, _ANSWER, f"the answer to '{classification.name}'")
    option: Option | None = classification.options.get(answer)
    if option is None:
        known = [each.value for each in classification.options]
        named = answer.get("schemaId") or answer.get("name")
        raise FeatureError(
            f"Feature schema provided in {classification.type} invalid. Expected one of {known}. Found {named}"
        )
    shown = option.head(reader.new_id()) | reader.scores(answer)
    shown["classifications"] = read_nested(reader, option.classifications, answer.get("classifications"))
    return shown


def read_spanned_answers(
    reader: AnnotationReader, classification: Classification, entry: dict[str, Any], least: int
) -> list[tuple[list[list[int]], dict[str, Any]]]:
    """Answers of a video or an audio, each with its spans.

    Three shapes are known: `frames` beside the answer, `frames` in each answer, and for texts
    `[{"value": …, "frames": […]}]`. `least` is the lowest position: 1 for frames, 0 for milliseconds.

    Raises:
        AnnotationError: what is wrong with it.
    """
    answer = entry.get("answer") if entry.get("answer") is not None else entry.get("answers")
    if entry.get("frames") is not None:
        return [(spans(entry["frames"], "frames", least), read_answer(reader, classification, entry))]
    found = []
    for each in mappings(answer if type(answer) is list else [answer], "answer"):
        covered = spans(each.get("frames"), "frames", least)
        if classification.type == "text":
            only(each, _TEXT_SPAN, f"the answer to '{classification.name}'")
            inner: dict[str, Any] = {"answer": each.get("value"), "classifications": each.get("classifications")}
        else:
            inner = {"answer": each if classification.type == "radio" else [each]}
        found.append((covered, read_answer(reader, classification, inner)))
    return found


def is_spanned(entry: dict[str, Any]) -> bool:
    """Whether an answer says in which frames, or from when to when, it holds."""
    if entry.get("frames") is not None:
        return True
    answer = entry.get("answer") if entry.get("answer") is not None else entry.get("answers")
    answers = answer if type(answer) is list else [answer]
    return any(type(each) is dict and ("frames" in each or "value" in each) for each in answers)


def read_classification(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A classification of a whole row, message, frame or time: the part of the label it belongs to, and its form.

    Raises:
        AnnotationError: what is wrong with it.
    """
    classification = reader.features.classifications.find(entry)
    shown = classification.head(reader.new_id())
    message_id = entry.get("messageId")
    if is_spanned(entry):
        if reader.media_type not in {"VIDEO", "AUDIO", "DICOM"}:
            raise AnnotationError(f"Frames can not be given in a project of media type {reader.media_type}")
        _check_scope(reader, classification, "index", "frames")
        least = 0 if reader.media_type == "AUDIO" else 1
        answers = read_spanned_answers(reader, classification, entry, least)
        shown["spans"] = [{"spans": covered, **answer} for covered, answer in answers]
        return "spanned", shown
    answer = read_answer(reader, classification, entry)
    if message_id is not None:
        if reader.media_type not in {"CONVERSATIONAL", "LLM"}:
            raise AnnotationError(f"messageId can not be given in a project of media type {reader.media_type}")
        _check_scope(reader, classification, "index", "messageId")
        shown["message_id"] = str(message_id)
        return "classifications", shown | {f"conversational_{key}": value for key, value in answer.items()}
    _check_scope(reader, classification, "global", "")
    return "classifications", shown | answer | reader.scores(mapping(entry, "annotation"))


def _check_scope(reader: AnnotationReader, classification: Classification, scope: str, key: str) -> None:
    if not reader.rules.check_scope or classification.scope == scope:
        return
    if scope == "index":
        raise AnnotationError(f"Classification '{classification.name}' has scope global: {key} can not be given")
    what = "messageId" if reader.media_type in {"CONVERSATIONAL", "LLM"} else "frames"
    raise AnnotationError(f"Classification '{classification.name}' has scope index: {what} must be given")
