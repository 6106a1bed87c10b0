"""The checks against two neighbours: lines the SDK writes are right, and what passes the local Labelbox takes."""

from __future__ import annotations

import base64
from copy import deepcopy
from typing import Any

import orjson
import pytest
from labelbox import types as lb
from labelbox.data.serialization import NDJsonConverter
from tests.unit.engine.annotations.test_ndjson import KINDS

from labelbox_airflow.engine.annotations.checks import AnnotationChecker, Asset
from labelbox_airflow.engine.annotations.ndjson.line import read_line, write_line
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.ontology.tree import of_normalized
from labelbox_local.annotations import AnnotationError as Refusal
from labelbox_local.annotations import AnnotationReader, Features, ReaderRules
from labelbox_local.identifiers import endless_ids

from .conftest import ONTOLOGY, option, question, schema_id, tool
from .test_masks import png

# The classes of the samples: all shapes are of "c", all answers of "q" and so on, so each kind has its own ontology.
_SHADE = question("radio", "shade", option("dark"))
_COLOUR = question("radio", "colour", option("red", _SHADE))
_NOTE = question("text", "note")
_NAMED = (option("a", question("radio", "sub", option("x"))), option("b", question("text", "sub")))
_SCHEMA = "ckrazcueb16og0z6609jj7y3y"
_TOOLS = {
    "box": "rectangle", "polygon": "polygon", "line": "line", "point": "point", "mask uri": "raster-segmentation",
    "mask png": "raster-segmentation", "text entity": "named-entity", "conversation entity": "named-entity",
    "document box": "rectangle", "document entity": "named-entity", "box by schema id": "rectangle",
    "box with all": "rectangle",
}  # fmt: skip
_QUESTIONS = {
    "radio": "radio", "nested radio": "radio", "radio by schema id": "radio", "radio with confidence": "radio",
    "checklist": "checklist", "text": "text", "message radio": "radio", "message checklist": "checklist",
    "video radio": "radio", "video checklist": "checklist", "video text": "text",
}  # fmt: skip
_MEDIA = {
    "text entity": "TEXT", "conversation entity": "CONVERSATIONAL", "document box": "PDF", "document entity": "PDF",
    "message radio": "CONVERSATIONAL", "message checklist": "CONVERSATIONAL", "prompt": "LLM",
    "message-single-selection": "CONVERSATIONAL", "message-multi-selection": "CONVERSATIONAL",
    "message-ranking": "CONVERSATIONAL", "audio text": "AUDIO", "audio question": "AUDIO",
}  # fmt: skip


def _ontology(kind: str) -> dict[str, Any]:
    scope = "index" if kind.startswith(("video", "message", "audio")) else "global"
    tools = [tool("raster-segmentation", "m"), tool("edge", "chases")]
    tools += [tool("rectangle", name) for name in ("cat", "dog")]
    questions = [question("prompt", "p"), question("text", "trans", scope=scope)]
    questions.append(question("radio", "speaker", option("A", _NOTE), option("B"), scope=scope))
    if kind in _TOOLS:
        by_id = {"featureSchemaId": _SCHEMA} if kind == "box by schema id" else {}
        tools.append(tool(_TOOLS[kind], "c", _COLOUR, _NOTE, **by_id))
    if kind in {"video box", "video point", "video line"}:
        moving = {"video box": "rectangle", "video point": "point", "video line": "line"}[kind]
        tools.append(tool(moving, "car", question("radio", "colour", option("red"))))
    elif kind in {"scalar", "matrix"}:
        tools.append(tool("rectangle", "car"))
    if kind.startswith("message-"):
        tools.append(tool(kind, "s"))
    if kind in _QUESTIONS:
        options = _NAMED if _QUESTIONS[kind] != "text" else ()
        made = question(_QUESTIONS[kind], "q", *options, scope=scope)
        if kind == "radio by schema id":
            made |= {"featureSchemaId": _SCHEMA}
            made["options"][0] |= {"featureSchemaId": _SCHEMA}
        questions.append(made)
    return {"tools": tools, "classifications": questions}


def _lines(kind: str) -> list[dict[str, Any]]:
    """The lines of a sample of the NDJSON tests; a PNG that is only a signature becomes a whole one."""
    given = deepcopy(KINDS[kind])  # the serializer changes masks of frames in place
    label = lb.Label(data={"global_key": "gk-1"}, annotations=given if isinstance(given, list) else [given])
    lines = list(NDJsonConverter.serialize([label]))
    if kind == "video masks png":
        lines[0]["masks"]["frames"][0]["imBytes"] = base64.b64encode(png(4, 4)).decode()
    return [orjson.loads(orjson.dumps(line, option=orjson.OPT_NON_STR_KEYS)) for line in lines]


def _media(kind: str) -> str:
    return "VIDEO" if kind.startswith("video") else _MEDIA.get(kind, "IMAGE")


def _check_kind(kind: str) -> Any:
    """The row of a sample, checked as what it can be imported as."""
    to: Any = "predictions" if kind in {"scalar", "by confidence", "matrix"} else "prelabels"
    checker = AnnotationChecker(of_normalized(_ontology(kind)), media_type=_media(kind), to=to)
    annotations = [read_line(line) for line in _lines(kind)]
    return annotations, checker.check_row(annotations, Asset(_media(kind)), whole_row="reject")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "text with nested"])
def test_every_kind_that_the_sdk_writes_is_accepted(kind: str) -> None:
    annotations, (good, bad) = _check_kind(kind)
    assert annotations
    assert bad == []
    assert good == annotations


def test_answers_under_a_text_have_no_place_in_an_ontology() -> None:
    ontology = {"tools": [], "classifications": [question("text", "q")]}
    checker = AnnotationChecker(of_normalized(ontology), media_type="IMAGE", to="prelabels")
    with pytest.raises(AnnotationError, match="cannot be nested under a text"):
        checker.check(read_line(_lines("text with nested")[0]))


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in {"text with nested", "audio question"}]
)  # times within answers over time are of the SDK, and not read by the local Labelbox
def test_the_local_labelbox_takes_every_kind_too(kind: str) -> None:
    reader = _reader(_ontology(kind), _media(kind), metrics=True)
    for line in _lines(kind):
        assert reader.read(write_line(read_line(line))).contents


def _reader(ontology: dict[str, Any], media_type: str, **rules: Any) -> AnnotationReader:
    return AnnotationReader(Features.of(ontology), media_type, endless_ids(), ReaderRules(**rules))


BOX = {"top": 2, "left": 1, "height": 2, "width": 2}
TRIANGLE = [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 9, "y": 9}]
FRAMES = [{"start": 1, "end": 5}]


def _keyframes(*frames: int, **shape: Any) -> list[dict[str, Any]]:
    return [{"frame": frame, **(shape or {"bbox": BOX})} for frame in frames]


def _task(kind: str, **data: Any) -> dict[str, Any]:
    return {"messageEvaluationTask": {"format": kind, "data": {"parentMessageId": "p", **data}}}


def _masks(*colors: list[int], frames: tuple[int, ...] = (1,), name: str = "sky") -> dict[str, Any]:
    return {
        "masks": {
            "frames": [{"index": frame, "instanceURI": "https://x/1.png"} for frame in frames],
            "instances": [{"name": name, "colorRGB": color} for color in colors],
        }
    }


M1, M2 = ({"messageId": each, "modelConfigName": "GPT"} for each in ("m1", "m2"))
DOCUMENT = {"page": 1, "unit": "POINTS"}

# Media type, line, and whether it is right.
LINES: list[tuple[str, dict[str, Any], bool]] = [
    ("IMAGE", {"name": "car", "bbox": BOX}, True),
    ("IMAGE", {"schemaId": schema_id("car"), "bbox": BOX}, True),
    ("IMAGE", {"name": "car", "schemaId": schema_id("van"), "bbox": BOX}, False),
    ("IMAGE", {"name": "bus", "bbox": BOX}, False),
    ("IMAGE", {"name": "field", "bbox": BOX}, False),
    ("IMAGE", {"name": "weather", "bbox": BOX}, False),
    ("IMAGE", {"name": "car", "bbox": BOX | {"width": -1}}, False),
    ("VIDEO", {"name": "car", "bbox": BOX}, False),
    ("PDF", {"name": "car", "bbox": BOX, **DOCUMENT}, True),
    ("PDF", {"name": "car", "bbox": BOX}, False),
    ("TMS_GEO", {"name": "car", "bbox": BOX}, True),
    ("IMAGE", {"name": "field", "polygon": TRIANGLE}, True),
    ("IMAGE", {"name": "field", "polygon": TRIANGLE[:2]}, False),
    ("PDF", {"name": "field", "polygon": TRIANGLE}, False),
    ("IMAGE", {"name": "lane", "line": TRIANGLE[:2]}, True),
    ("IMAGE", {"name": "lane", "line": TRIANGLE[:1]}, False),
    ("TMS_GEO", {"name": "nose", "point": {"x": -99.2, "y": 19.4}}, True),
    ("IMAGE", {"name": "sky", "mask": {"size": [2, 3], "counts": [1, 5]}}, True),
    ("IMAGE", {"name": "sky", "mask": {"size": [2, 3], "counts": [1, 6]}}, False),
    ("IMAGE", {"name": "sky", "mask": {"size": [0, 3], "counts": [0]}}, False),
    ("IMAGE", {"name": "sky", "mask": {"instanceURI": "https://x/y.png", "colorRGB": [0, 0, 9]}}, True),
    ("IMAGE", {"name": "sky", "mask": {"instanceURI": "/y.png", "colorRGB": [0, 0, 9]}}, False),
    ("IMAGE", {"name": "car", "mask": {"instanceURI": "https://x/y.png", "colorRGB": [0, 0, 9]}}, False),
    ("IMAGE", {"name": "car", "bbox": BOX, "classifications": [{"name": "color", "answer": {"name": "red"}}]}, True),
    ("IMAGE", {"name": "car", "bbox": BOX, "classifications": [{"name": "use", "answer": {"name": "post"}}]}, False),
    ("IMAGE", {"name": "car", "bbox": BOX, "classifications": [{"name": "color", "answer": {"name": "x"}}]}, False),
    ("IMAGE", {"name": "car", "bbox": BOX, "classifications": [{"name": "plate", "answer": "B"}] * 2}, False),
    ("IMAGE", {"name": "van", "bbox": BOX}, True),
    ("IMAGE", {"name": "weather", "answer": {"name": "sun"}}, True),
    ("IMAGE", {"name": "weather", "answer": {"name": "snow"}}, False),
    ("IMAGE", {"name": "weather", "answer": "sun"}, False),
    ("IMAGE", {"name": "weather", "answer": {"name": "rain", "classifications": [
        {"name": "how", "answer": [{"name": "much"}]}]}}, True),
    ("IMAGE", {"name": "weather", "answer": {"name": "sun", "classifications": [
        {"name": "how", "answer": [{"name": "much"}]}]}}, False),
    ("IMAGE", {"name": "seen", "answer": [{"name": "dog"}, {"name": "cat"}]}, True),
    ("IMAGE", {"name": "seen", "answer": [{"name": "dog"}, {"name": "dog"}]}, False),
    ("IMAGE", {"name": "note", "answer": ""}, True),
    ("IMAGE", {"name": "note", "answer": {"name": "x"}}, False),
    ("IMAGE", {"name": "prompt", "answer": "ab"}, False),
    ("IMAGE", {"name": "prompt", "answer": "abc"}, True),
    ("IMAGE", {"name": "mood", "answer": {"name": "calm"}}, False),
    ("IMAGE", {"name": "mood", "answer": {"name": "calm"}, "frames": FRAMES}, False),
    ("VIDEO", {"name": "mood", "answer": {"name": "calm"}, "frames": FRAMES}, True),
    ("VIDEO", {"name": "mood", "answer": {"name": "calm"}, "frames": [{"start": 0, "end": 5}]}, False),
    ("VIDEO", {"name": "mood", "answer": {"name": "calm"}, "frames": FRAMES * 2}, False),
    ("VIDEO", {"name": "mood", "answer": {"name": "calm"}}, False),
    ("VIDEO", {"name": "weather", "answer": {"name": "sun"}}, True),
    ("VIDEO", {"name": "weather", "answer": {"name": "sun"}, "frames": FRAMES}, False),
    ("VIDEO", {"name": "heads", "answer": [{"name": "up"}, {"name": "down"}], "frames": FRAMES}, True),
    ("VIDEO", {"name": "heads", "answer": [{"name": "up", "frames": FRAMES}]}, True),
    ("AUDIO", {"name": "heard", "answer": [{"value": "a", "frames": [{"start": 0, "end": 5}]}]}, True),
    ("AUDIO", {"name": "mood", "answer": [{"value": "a", "frames": [{"start": 0, "end": 5}]}]}, False),
    ("CONVERSATIONAL", {"name": "mood", "answer": {"name": "calm"}, "messageId": "4"}, True),
    ("CONVERSATIONAL", {"name": "mood", "answer": {"name": "calm"}}, False),
    ("CONVERSATIONAL", {"name": "weather", "answer": {"name": "sun"}, "messageId": "4"}, False),
    ("IMAGE", {"name": "weather", "answer": {"name": "sun"}, "messageId": "4"}, False),
    ("VIDEO", {"name": "car", "segments": [{"keyframes": _keyframes(1, 5)}, {"keyframes": _keyframes(9)}]}, True),
    ("VIDEO", {"name": "car", "segments": [{"keyframes": _keyframes(5, 1)}]}, False),
    ("VIDEO", {"name": "car", "segments": [{"keyframes": _keyframes(1, 5)}, {"keyframes": _keyframes(5)}]}, False),
    ("VIDEO", {"name": "car", "segments": [{"keyframes": _keyframes(0)}]}, False),
    ("VIDEO", {"name": "nose", "segments": [{"keyframes": _keyframes(1)}]}, False),
    ("VIDEO", {"name": "nose", "segments": [{"keyframes": _keyframes(1, point={"x": 1, "y": 1})}]}, True),
    ("DICOM", {"name": "car", "groupKey": "axial", "segments": [{"keyframes": _keyframes(1)}]}, True),
    ("DICOM", {"name": "car", "segments": [{"keyframes": _keyframes(1)}]}, False),
    ("VIDEO", {"name": "car", "groupKey": "axial", "segments": [{"keyframes": _keyframes(1)}]}, False),
    ("VIDEO", _masks([0, 0, 1], [0, 0, 2], frames=(1, 2)), True),
    ("VIDEO", _masks([0, 0, 1], [0, 0, 1]), False),
    ("VIDEO", _masks([0, 0, 1], frames=(1, 1)), False),
    ("VIDEO", _masks([0, 0, 1], name="car"), False),
    ("TEXT", {"name": "person", "location": {"start": 0, "end": 9}}, True),
    ("IMAGE", {"name": "person", "location": {"start": 0, "end": 9}}, False),
    ("CONVERSATIONAL", {"name": "person", "location": {"start": 0, "end": 9}, "messageId": "4"}, True),
    ("CONVERSATIONAL", {"name": "person", "location": {"start": 0, "end": 9}}, False),
    ("LLM", {"name": "person", "location": {"start": 0, "end": 9}}, True),
    ("PDF", {"name": "person", "textSelections": [{"tokenIds": ["t"], "groupId": "g", "page": 1}]}, True),
    ("CONVERSATIONAL", {"name": "best", **_task("message-single-selection", **M1)}, True),
    ("CONVERSATIONAL", {"name": "best", **_task("message-multi-selection", selectedMessages=[M1])}, False),
    ("CONVERSATIONAL", {"name": "good", **_task("message-multi-selection", selectedMessages=[M1, M2])}, True),
    ("LLM", {"name": "order", **_task("message-ranking", rankedMessages=[M1 | {"order": 1}])}, True),
    ("LLM", {"name": "order", **_task("message-ranking", rankedMessages=[M1 | {"order": 2}])}, False),
    ("IMAGE", {"name": "touches", "relationship": {"source": "a", "target": "b", "type": "bidirectional"}}, True),
    ("IMAGE", {"name": "car", "relationship": {"source": "a", "target": "b", "type": "bidirectional"}}, False),
    ("VIDEO", {"name": "touches", "relationship": {"source": "a", "target": "b", "type": "bidirectional"}}, False),
    ("PDF", {"name": "touches", "relationship": {
        "sourceOntologyName": "note", "target": "b", "type": "unidirectional"}}, True),
    ("PDF", {"name": "touches", "relationship": {
        "sourceOntologyName": "notes", "target": "b", "type": "unidirectional"}}, False),
    ("IMAGE", {"metricName": "m", "metricValue": 0.5}, False),
]  # fmt: skip


@pytest.mark.parametrize(("media_type", "line", "right"), LINES)
def test_both_judge_a_line_alike(media_type: str, line: dict[str, Any], right: bool) -> None:
    line = {"dataRow": {"globalKey": "gk-1"}, **line}
    assert _passes_checks(media_type, line) is right
    assert _passes_local(media_type, line) is right


def _passes_checks(media_type: str, line: dict[str, Any]) -> bool:
    checker = AnnotationChecker(of_normalized(ONTOLOGY), media_type=media_type, to="prelabels")
    try:
        checker.check(read_line(line))
    except AnnotationError:
        return False
    return True


def _passes_local(media_type: str, line: dict[str, Any]) -> bool:
    try:
        _reader(ONTOLOGY, media_type).read(line)
    except Refusal:
        return False
    return True
