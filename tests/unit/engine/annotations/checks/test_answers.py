"""Answers: the kind of the question, options that exist, nesting, required ones, lengths, times and messages."""

from __future__ import annotations

import math
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.checks import Asset
from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    Checklist,
    Choice,
    Classification,
    CustomMetric,
    Feature,
    FreeText,
    Message,
    OverTime,
    Point,
    Radio,
    Span,
)

from .conftest import nested, radio, schema_id

BOX = BoundingBox(1, 1, 5, 5)


def checklist(*names: str, **more: Any) -> Checklist:
    return Checklist(tuple(Choice(Feature(name)) for name in names), **more)


RAIN = radio("rain", nested("how", checklist("much", "cold")))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("weather", radio("sun")),
        ("weather", RAIN),
        ("weather", Radio(Choice(Feature(schema_id=schema_id("osun")), confidence=1.0))),
        ("seen", checklist("dog", "cat")),
        ("note", FreeText("")),
        ("prompt", FreeText("abc")),
        ("prompt", FreeText("a" * 20)),
    ],
)
@pytest.mark.parametrize("to", ["prelabels", "labels", "predictions"])
def test_a_right_answer_goes_on(accept: Any, name: str, answer: Any, to: str) -> None:
    assert accept(name, answer, to=to).value is answer


@pytest.mark.parametrize(
    ("name", "answer", "code", "message"),
    [
        ("weather", radio("snow"), "unknown_option", "answer.name = 'snow': is no option of 'weather'. Known: rain"),
        ("weather", radio("SUN"), "unknown_option", "Did you mean 'sun'?"),
        ("weather", FreeText("sun"), "wrong_kind", "is a text; 'weather' is a radio and takes one option"),
        ("weather", checklist("sun"), "wrong_kind", "takes one option"),
        ("seen", radio("dog"), "wrong_kind", "takes a list of options"),
        ("seen", checklist(), "empty_answer", "at least one option of 'seen'"),
        ("seen", checklist("dog", "cat", "dog"), "duplicate_option", "answer[2] = 'dog': is chosen twice"),
        ("seen", checklist("dog", "bird"), "unknown_option", "answer[1].name = 'bird'"),
        ("note", radio("x"), "wrong_kind", "takes a text"),
        ("note", FreeText("x", (nested("how", checklist("much")),)), "wrong_nesting", "under a text"),
        ("prompt", FreeText("ab"), "bad_length", "has 2 characters; 'prompt' takes 3 to 20"),
        ("prompt", FreeText("a" * 21), "bad_length", "has 21 characters"),
        ("weather", radio("sun", nested("how", checklist("much"))), "wrong_nesting",
         "option 'rain', not of option 'sun'"),
        ("weather", radio("rain", nested("how", checklist("wet"))), "unknown_option",
         "answer.classifications[0].answer[0].name = 'wet'"),
        ("weather", radio("rain", *[nested("how", checklist("cold"))] * 2), "duplicate_answer",
         "answer.classifications[1].name = 'how': is answered twice"),
        ("weather", Radio(Choice(Feature("sun"), confidence=1.5)), "bad_confidence", "answer.confidence = 1.5"),
        ("weather", Radio(Choice(Feature("sun", schema_id("orain")))), "two_classes", "that id is of 'rain'"),
        ("weather", Radio(Choice(Feature())), "no_class", "by name or by schemaId"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_named(refuse: Any, name: str, answer: Any, code: str, message: str) -> None:
    error = refuse(name, answer)
    assert error.code == code
    assert message in str(error)


def test_nested_answers_of_an_object(accept: Any, refuse: Any) -> None:
    both = (nested("color", radio("red")), nested("plate", FreeText("B-1"), confidence=0.5))
    accept("car", BOX, classifications=both)
    wrong = refuse("car", BOX, classifications=(nested("colour", radio("red")),))
    assert (wrong.code, wrong.field) == ("unknown_class", "classifications[0].name")
    assert "is no classification of 'car'. Did you mean 'color'?" in str(wrong)
    assert refuse("car", BOX, classifications=(nested("use", radio("post")),)).code == "wrong_nesting"
    assert "of the data row, not of 'car'" in str(refuse("car", BOX, classifications=(nested("note", FreeText("x")),)))
    assert refuse("nose", Point(1, 1), classifications=both).code == "wrong_nesting"
    assert refuse("car", BOX, classifications=(both[0], both[0])).code == "duplicate_answer"
    assert refuse("note", FreeText("x"), classifications=both).code == "wrong_nesting"
    scored = Classification(Feature("plate"), FreeText("x"), confidence=-1)
    assert refuse("car", BOX, classifications=(scored,)).field == "classifications[0].confidence"


def test_required_nested_answers_are_for_submitted_labels(accept: Any, refuse: Any) -> None:
    for to in ("prelabels", "predictions"):
        accept("van", BOX, to=to)
        accept("weather", radio("rain"), to=to)
    error = refuse("van", BOX, to="labels")
    assert (error.code, "'use' is required" in str(error)) == ("missing_answer", True)
    error = refuse("weather", radio("rain"), to="labels")
    assert (error.code, error.field) == ("missing_answer", "answer.classifications")
    accept("van", BOX, to="labels", classifications=(nested("use", radio("post")),))
    accept("weather", RAIN, to="labels")


def test_scores_of_an_annotation(accept: Any, refuse: Any) -> None:
    accept("car", BOX, confidence=0.0, metrics=(CustomMetric("iou", 0.5),))
    for confidence in (-0.1, 1.1, math.nan):
        assert refuse("car", BOX, confidence=confidence).code == "bad_confidence"
    assert refuse("car", BOX, metrics=(CustomMetric("iou", math.inf),)).field == "customMetrics[0].value"
    assert refuse("car", BOX, metrics=(CustomMetric("", 1),)).code == "bad_metric"


VIDEO = Asset("VIDEO", frames=20)
AUDIO = Asset("AUDIO", milliseconds=3_000)


@pytest.mark.parametrize(
    ("media", "asset", "name", "answer"),
    [
        ("VIDEO", VIDEO, "mood", radio("calm", spans=(Span(1, 5), Span(6, 20)))),
        ("VIDEO", VIDEO, "heads", checklist("up", "down", spans=(Span(9, 15),))),
        ("VIDEO", VIDEO, "heads", OverTime((radio("up", spans=(Span(1, 5),)), radio("down", spans=(Span(3, 9),))))),
        ("VIDEO", None, "heard", OverTime((FreeText("a", spans=(Span(900, 999),)),))),
        ("VIDEO", VIDEO, "weather", radio("sun")),
        ("AUDIO", AUDIO, "heard", OverTime((FreeText("hello", spans=(Span(0, 3_000),)),))),
        ("AUDIO", AUDIO, "note", FreeText("loud")),
        ("DICOM", None, "mood", radio("calm", spans=(Span(1, 5),))),
    ],
)
def test_answers_over_time(accept: Any, media: str, asset: Any, name: str, answer: Any) -> None:
    assert accept(name, answer, asset, media=media).value is answer


@pytest.mark.parametrize(
    ("media", "name", "answer", "code", "message"),
    [
        ("VIDEO", "mood", radio("calm", spans=(Span(5, 3),)), "bad_span", "frames[0]"),
        ("VIDEO", "mood", radio("calm", spans=(Span(5, 9), Span(1, 3))), "bad_span", "frames[1]"),
        ("VIDEO", "mood", radio("calm", spans=(Span(1, 5), Span(5, 9))), "bad_span", "has ended, at 5"),
        ("VIDEO", "mood", radio("calm", spans=(Span(0, 5),)), "bad_frame", "frames count from 1"),
        ("VIDEO", "mood", radio("calm", spans=(Span(1, 21),)), "bad_frame", "the asset has 20 frames"),
        ("AUDIO", "mood", radio("calm", spans=(Span(-1, 5),)), "bad_time", "milliseconds count from 0"),
        ("AUDIO", "mood", radio("calm", spans=(Span(0, 3_001),)), "bad_time", "the asset has 3000 milliseconds"),
        ("VIDEO", "heard", OverTime((FreeText("x"),)), "bad_span", "answer[0].frames: are missing"),
        ("VIDEO", "heard", OverTime((radio("up", spans=(Span(1, 2),)),)), "wrong_kind", "takes a text"),
        ("VIDEO", "mood", OverTime((FreeText("up", spans=(Span(1, 2),)),)), "wrong_kind", "takes one option"),
        ("VIDEO", "mood", OverTime((radio("odd", spans=(Span(1, 2),)),)), "unknown_option", "answer[0].name = 'odd'"),
        ("VIDEO", "heard", OverTime(()), "empty_answer", "must have an answer"),
        ("VIDEO", "mood", radio("calm"), "wrong_scope", "has scope index"),
        ("VIDEO", "weather", radio("sun", spans=(Span(1, 2),)), "wrong_scope", "has scope global"),
        ("IMAGE", "weather", radio("sun", spans=(Span(1, 2),)), "wrong_media", "media type IMAGE"),
        ("IMAGE", "mood", radio("calm"), "wrong_scope", "has scope index"),
    ],
)
def test_a_wrong_time_is_named(refuse: Any, media: str, name: str, answer: Any, code: str, message: str) -> None:
    asset = {"VIDEO": VIDEO, "AUDIO": AUDIO}.get(media)
    error = refuse(name, answer, asset, media=media)
    assert error.code == code
    assert message in str(error)


def test_answers_about_messages(accept: Any, refuse: Any) -> None:
    for media in ("CONVERSATIONAL", "LLM"):
        accept("mood", radio("calm"), media=media, part=Message("4"))
        accept("weather", radio("sun"), media=media)
        assert "must be given" in str(refuse("mood", radio("calm"), media=media))
        assert "cannot be given" in str(refuse("weather", radio("sun"), media=media, part=Message("4")))
        assert refuse("mood", radio("calm"), media=media, part=Message("")).code == "bad_message"
    assert refuse("weather", radio("sun"), part=Message("4")).code == "wrong_part"
