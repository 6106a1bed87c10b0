"""Radio, checklist and text, of rows, objects, frames, times and messages."""

from __future__ import annotations

from typing import Any

import pytest

from labelbox_local.annotations import AnnotationError

from .conftest import bare, feature_id, line


def test_radio_by_name_and_by_id(reader: Any) -> None:
    by_name = reader().read(line(name="weather", answer={"name": "sun"}))
    by_id = reader().read(line(schemaId=feature_id("weather"), answer={"schemaId": feature_id("osun")}))
    assert by_name.part == "classifications"
    assert bare(by_name.contents) == bare(by_id.contents) == [
        {
            "name": "weather", "value": "weather",
            "radio_answer": {"name": "sun", "value": "sun", "classifications": []},
        }
    ]  # fmt: skip
    assert by_name.contents[0]["radio_answer"]["feature_schema_id"] == feature_id("osun")


def test_checklist_with_either_key(reader: Any) -> None:
    answers = [{"name": "dog"}, {"name": "cat"}]
    shown = reader().read(line(name="seen", answer=answers)).contents[0]
    plural = reader().read(line(name="seen", answers=answers)).contents[0]
    assert bare(shown) == bare(plural)
    assert [each["name"] for each in shown["checklist_answers"]] == ["dog", "cat"]


def test_text_and_an_empty_text(reader: Any) -> None:
    assert reader().read(line(name="note", answer="hello")).contents[0]["text_answer"] == {"content": "hello"}
    assert reader().read(line(name="note", answer="")).contents[0]["text_answer"] == {"content": ""}


def test_answers_are_nested(reader: Any) -> None:
    nested = {"name": "rain", "classifications": [{"name": "how", "answer": [{"name": "much"}, {"name": "cold"}]}]}
    shown = reader().read(line(name="weather", answer=nested)).contents[0]
    (how,) = shown["radio_answer"]["classifications"]
    assert [each["name"] for each in how["checklist_answers"]] == ["much", "cold"]


def test_objects_have_classifications(reader: Any) -> None:
    box = {"top": 1, "left": 1, "height": 1, "width": 1}
    entries = [{"name": "color", "answer": {"name": "red", "confidence": 0.8}}, {"name": "plate", "answer": "B-1"}]
    shown = reader(keep_confidence=True).read(line(name="car", bbox=box, classifications=entries)).contents[0]
    color, plate = shown["classifications"]
    assert (color["radio_answer"]["name"], color["radio_answer"]["confidence"]) == ("red", 0.8)
    assert plate["text_answer"] == {"content": "B-1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"name": "season", "answer": "x"}, "no such classification"),
        ({"name": "weather", "answer": "sun"}, "must be an object"),
        ({"name": "weather", "answer": {"name": "snow"}}, "Expected one of ..rain., .sun... Found snow"),
        ({"name": "weather", "answer": {}}, "Schema id or name are not set"),
        ({"name": "weather", "answer": {"name": "sun", "more": 1}}, "unknown keys: 'more'"),
        ({"name": "seen", "answer": []}, "Checklist answers should not be empty"),
        ({"name": "seen", "answer": [{"name": "dog"}, {"name": "dog"}]}, "Duplicated featureSchema"),
        ({"name": "seen", "answer": [{"name": "gone"}]}, "Feature schema provided in checklist invalid"),
        ({"name": "seen", "answer": "dog"}, "non-empty list of objects"),
        ({"name": "note", "answer": 7}, "must be a text"),
        ({"name": "note", "answer": {"name": "x"}}, "must be a text"),
        (
            {"name": "weather", "answer": {"name": "sun", "classifications": [
                {"name": "how", "answer": [{"name": "much"}]}]}},
            "no such classification of 'sun'",
        ),
        (
            {"name": "weather", "answer": {"name": "rain", "classifications": [
                {"name": "how", "answer": [{"name": "much"}]}, {"name": "how", "answer": [{"name": "cold"}]}]}},
            "answered twice",
        ),
        ({"name": "prompt", "answer": "ab"}, "between 3 and 20 characters, it has 2"),
        ({"name": "prompt", "answer": "a" * 21}, "between 3 and 20 characters, it has 21"),
        ({"name": "mood", "answer": {"name": "calm"}}, "has scope index: frames must be given"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_refused(reader: Any, content: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader().read(line(**content))


@pytest.mark.parametrize(
    "content",
    [
        {"answer": {"name": "calm"}, "frames": [{"start": 9, "end": 15}]},
        {"answer": {"name": "calm", "frames": [{"start": 9, "end": 15}]}},
        {"answer": [{"name": "calm", "frames": [{"start": 9, "end": 15}]}]},
    ],
    ids=["beside the answer", "in the answer", "in a list"],
)
def test_an_answer_for_some_frames(reader: Any, content: dict[str, Any]) -> None:
    read = reader("VIDEO").read(line(name="mood", **content))
    assert read.part == "spanned"
    (span,) = read.contents[0]["spans"]
    assert (span["spans"], span["radio_answer"]["name"]) == ([[9, 15]], "calm")


def test_texts_of_a_sound_with_their_times(reader: Any) -> None:
    answer = [
        {"value": "hello", "frames": [{"start": 0, "end": 900}]},
        {"value": "bye", "frames": [{"start": 1000, "end": 2000}]},
    ]
    spans = reader("AUDIO").read(line(name="heard", answer=answer)).contents[0]["spans"]
    assert [(each["spans"], each["text_answer"]["content"]) for each in spans] == [
        ([[0, 900]], "hello"),
        ([[1000, 2000]], "bye"),
    ]


@pytest.mark.parametrize(
    ("media_type", "content", "message"),
    [
        ("IMAGE", {"name": "mood", "answer": {"name": "calm"}, "frames": [{"start": 1, "end": 2}]}, "Frames can not"),
        ("VIDEO", {"name": "weather", "answer": {"name": "sun"}, "frames": [{"start": 1, "end": 2}]}, "scope global"),
        ("VIDEO", {"name": "mood", "answer": {"name": "calm"}, "frames": [{"start": 0, "end": 2}]}, "at least 1"),
        ("VIDEO", {"name": "mood", "answer": {"name": "calm"}, "frames": [{"start": 3, "end": 2}]}, "less or equal"),
        ("VIDEO", {"name": "mood", "answer": {"name": "calm"}, "frames": []}, "non-empty list"),
        (
            "VIDEO",
            {"name": "mood", "answer": {"name": "calm"}, "frames": [{"start": 1, "end": 5}, {"start": 5, "end": 6}]},
            "overlap",
        ),
        ("AUDIO", {"name": "heard", "answer": [{"value": 7, "frames": [{"start": 1, "end": 2}]}]}, "must be a text"),
        ("IMAGE", {"name": "mood", "answer": {"name": "calm"}, "messageId": "4"}, "messageId can not be given"),
        ("CONVERSATIONAL", {"name": "weather", "answer": {"name": "sun"}, "messageId": "4"}, "has scope global"),
        ("CONVERSATIONAL", {"name": "mood", "answer": {"name": "calm"}}, "messageId must be given"),
    ],
)
def test_a_wrong_place_of_an_answer_is_refused(
    reader: Any, media_type: str, content: dict[str, Any], message: str
) -> None:
    with pytest.raises(AnnotationError, match=message):
        reader(media_type).read(line(**content))


def test_scope_may_be_ignored(reader: Any) -> None:
    lenient = reader("VIDEO", check_scope=False)
    assert lenient.read(line(name="weather", answer={"name": "sun"}, frames=[{"start": 1, "end": 2}])).part == "spanned"
    assert lenient.read(line(name="mood", answer={"name": "calm"})).part == "classifications"


def test_an_answer_of_a_message(reader: Any) -> None:
    shown = reader("CONVERSATIONAL").read(line(name="mood", answer={"name": "wild"}, messageId="4")).contents[0]
    assert shown["message_id"] == "4"
    assert shown["conversational_radio_answer"]["name"] == "wild"
    assert "radio_answer" not in shown
