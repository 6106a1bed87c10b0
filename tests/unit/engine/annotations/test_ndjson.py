"""Lines of NDJSON become annotations and lines again: those of the SDK, of notebooks, and wrong ones."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
from labelbox import types as lb
from labelbox.data.annotation_types.temporal import (
    TemporalClassificationAnswer,
    TemporalClassificationQuestion,
    TemporalClassificationText,
)
from labelbox.data.serialization import NDJsonConverter

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    DataRow,
    Feature,
    FreeText,
    OverTime,
    Radio,
    Span,
)
from labelbox_airflow.engine.annotations.ndjson.line import LineReader, read_line, write_line, write_lines
from labelbox_airflow.engine.annotations.problems import AnnotationError

SCHEMA = "ckrazcueb16og0z6609jj7y3y"
ROW = {"globalKey": "gk-1"}


def _radio(name: str, answer: str, nested: Any = None) -> Any:
    return lb.ClassificationAnnotation(
        name=name, value=lb.Radio(answer=lb.ClassificationAnswer(name=answer, classifications=nested))
    )


def _objects() -> Iterator[tuple[str, Any]]:
    box = lb.Rectangle(start=lb.Point(x=10, y=20), end=lb.Point(x=110, y=220))
    points = [lb.Point(x=0, y=0), lb.Point(x=1, y=0), lb.Point(x=1, y=1)]
    array = np.zeros((4, 4, 3), dtype=np.uint8)
    array[1:3, 1:3] = (1, 1, 1)
    shapes = {
        "box": box,
        "polygon": lb.Polygon(points=points),
        "line": lb.Line(points=points[:2]),
        "point": points[1],
        "mask uri": lb.Mask(mask=lb.MaskData(url="https://x/y.png"), color=(255, 0, 0)),
        "mask png": lb.Mask(mask=lb.MaskData(arr=array), color=(1, 1, 1)),
        "text entity": lb.TextEntity(start=10, end=20),
        "conversation entity": lb.ConversationEntity(start=0, end=8, message_id="4"),
        "document box": lb.DocumentRectangle(
            start=lb.Point(x=1, y=2), end=lb.Point(x=3, y=4), page=0, unit=lb.RectangleUnit.POINTS
        ),
        "document entity": lb.DocumentEntity(
            text_selections=[lb.DocumentTextSelection(token_ids=["t-1", "t-2"], group_id="g", page=1)]
        ),
    }
    for name, shape in shapes.items():
        yield name, lb.ObjectAnnotation(name="c", value=shape)
    yield "box by schema id", lb.ObjectAnnotation(feature_schema_id=SCHEMA, value=box)
    yield (
        "box with all",
        lb.ObjectAnnotation(
            name="c", value=box, confidence=0.9, custom_metrics=[{"name": "iou", "value": 0.5}],
            classifications=[
                _radio("colour", "red", [_radio("shade", "dark")]),
                lb.ClassificationAnnotation(name="note", value=lb.Text(answer="t", confidence=0.25)),
            ],
        ),
    )  # fmt: skip


def _classifications() -> Iterator[tuple[str, Any]]:
    text = lb.ClassificationAnnotation(name="sub", value=lb.Text(answer="t"))
    answers = [lb.ClassificationAnswer(name="a"), lb.ClassificationAnswer(name="b", classifications=[text])]
    yield "radio", _radio("q", "a")
    yield "nested radio", _radio("q", "a", [_radio("sub", "x")])
    yield (
        "radio by schema id",
        lb.ClassificationAnnotation(
            feature_schema_id=SCHEMA, value=lb.Radio(answer=lb.ClassificationAnswer(feature_schema_id=SCHEMA))
        ),
    )
    yield (
        "radio with confidence",
        lb.ClassificationAnnotation(
            name="q", value=lb.Radio(answer=lb.ClassificationAnswer(name="a", confidence=0.5)), confidence=0.75
        ),
    )
    yield "checklist", lb.ClassificationAnnotation(name="q", value=lb.Checklist(answer=answers))
    yield "text", lb.ClassificationAnnotation(name="q", value=lb.Text(answer="hello"))
    yield (
        "text with nested",
        lb.ClassificationAnnotation(name="q", value=lb.Text(answer="hello", confidence=0.5, classifications=[text])),
    )
    for kind, value in (("radio", lb.Radio(answer=answers[0])), ("checklist", lb.Checklist(answer=answers))):
        yield f"message {kind}", lb.ClassificationAnnotation(name="q", value=value, message_id="4")
    yield "prompt", lb.PromptClassificationAnnotation(name="p", value=lb.PromptText(answer="tell me"))
    message = {"message_id": "m1", "model_config_name": "GPT"}
    tasks = [
        lb.MessageSingleSelectionTask(parent_message_id="p", **message),
        lb.MessageMultiSelectionTask(parent_message_id="p", selected_messages=[lb.MessageInfo(**message)]),
        lb.MessageRankingTask(parent_message_id="p", ranked_messages=[lb.OrderedMessageInfo(order=1, **message)]),
    ]
    for task in tasks:
        yield task.format, lb.MessageEvaluationTaskAnnotation(name="s", value=task)


def _moving() -> Iterator[tuple[str, Any]]:
    shapes = {
        "box": lb.Rectangle(start=lb.Point(x=0, y=0), end=lb.Point(x=5, y=5)),
        "point": lb.Point(x=1, y=2),
        "line": lb.Line(points=[lb.Point(x=0, y=0), lb.Point(x=1, y=1)]),
    }
    for name, shape in shapes.items():
        frames = [
            lb.VideoObjectAnnotation(
                name="car", frame=frame, segment_index=segment, keyframe=True, value=shape,
                classifications=[_radio("colour", "red")],
            )
            for frame, segment in ((1, 0), (5, 0), (9, 1))
        ]  # fmt: skip
        yield f"video {name}", frames
    answers = {
        "radio": lb.Radio(answer=lb.ClassificationAnswer(name="a")),
        "checklist": lb.Checklist(answer=[lb.ClassificationAnswer(name="a"), lb.ClassificationAnswer(name="b")]),
        "text": lb.Text(answer="a"),
    }
    for name, answer in answers.items():
        frames = [lb.VideoClassificationAnnotation(name="q", frame=each, value=answer) for each in range(9, 16)]
        yield f"video {name}", frames
    for name, image in (("uri", {"instance_uri": "https://x/1.png"}), ("png", {"im_bytes": b"\x89PNG\r\n\x1a\n"})):
        masks = lb.VideoMaskAnnotation(
            frames=[lb.MaskFrame(index=1, **image)], instances=[lb.MaskInstance(name="m", color_rgb=(255, 0, 0))]
        )
        yield f"video masks {name}", [masks]


def _temporal() -> Iterator[tuple[str, Any]]:
    inner = TemporalClassificationText(name="note", value=[(1000, 1500, "quiet")])
    yield "audio text", TemporalClassificationText(name="trans", value=[(1000, 2000, "hello"), (2500, 3000, "bye")])
    answers = [
        TemporalClassificationAnswer(name="A", frames=[(1000, 2000)], classifications=[inner]),
        TemporalClassificationAnswer(name="B", frames=[(2500, 3000)]),
    ]
    yield "audio question", TemporalClassificationQuestion(name="speaker", value=answers)


def _metrics() -> Iterator[tuple[str, Any]]:
    yield "scalar", lb.ScalarMetric(value=0.1, feature_name="car", metric_name="my_iou")
    yield "by confidence", lb.ScalarMetric(value={0.1: 0.2, 0.5: 0.4}, metric_name="my_iou", subclass_name="red")
    yield "matrix", lb.ConfusionMatrixMetric(value=[1, 1, 2, 3], feature_name="car", metric_name="50%_iou")


def _relationship() -> list[Any]:
    ends = [
        lb.ObjectAnnotation(name=name, value=lb.Rectangle(start=lb.Point(x=0, y=0), end=lb.Point(x=1, y=1)))
        for name in ("cat", "dog")
    ]
    chase = lb.Relationship(source=ends[0], target=ends[1], type=lb.Relationship.Type.UNIDIRECTIONAL)
    return [lb.RelationshipAnnotation(name="chases", value=chase), *ends]


KINDS = {
    **dict(_objects()),
    **dict(_classifications()),
    **dict(_moving()),
    **dict(_temporal()),
    **dict(_metrics()),
    "relationship": _relationship(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_the_sdk_is_read_and_written_as_it_was(kind: str) -> None:
    given = KINDS[kind]
    label = lb.Label(data={"global_key": "gk-1"}, annotations=given if isinstance(given, list) else [given])
    lines = [orjson.loads(orjson.dumps(_keys(line))) for line in NDJsonConverter.serialize([label])]
    assert lines
    for line in lines:
        written = write_line(read_line(line))
        assert written == line
        assert orjson.loads(orjson.dumps(written)) == line


def _keys(value: Any) -> Any:
    """Keys of metrics by confidence are numbers in the SDK, text in JSON."""
    if isinstance(value, dict):
        return {str(key): _keys(each) for key, each in value.items()}
    return [_keys(each) for each in value] if isinstance(value, list | tuple) else value


KEYFRAME = {"frame": 1, "line": [{"x": 1, "y": 1}, {"x": 2, "y": 2}], "classifications": []}
DEEP = {"name": "3", "classifications": [{"name": "4", "answer": {"name": "5"}}]}


@pytest.mark.parametrize(
    "line",
    [
        {"name": "m", "mask": {"imBytes": "iVBORw0KGgo=", "colorRGB": [73, 39, 85]}, "classifications": []},
        {"name": "m", "mask": {"size": [10, 10], "counts": [1, 0, 10, 89]}, "classifications": [], "confidence": 0.0},
        {"name": "l", "groupKey": "axial", "classifications": [], "segments": [{"keyframes": [KEYFRAME]}]},
        {
            "groupKey": "axial",
            "masks": {
                "frames": [{"index": 1, "instanceURI": "https://x/1.png"}],
                "instances": [{"schemaId": "s", "colorRGB": [255, 255, 255]}],
            },
        },
        {"name": "p", "point": {"x": -99.2, "y": 19.4}, "classifications": []},
        {"name": "q", "answer": "x", "isBenchmarkReferenceLabel": True},
        {"name": "r", "relationship": {"target": "u", "type": "bidirectional", "sourceOntologyName": "n"}},
        {"name": "q", "answer": {"name": "1", "classifications": [{"name": "2", "answer": [DEEP]}]}},
    ],
)
def test_lines_that_the_sdk_does_not_write_are_kept_too(line: dict[str, Any]) -> None:
    line = {"dataRow": {"id": "row-1"}, "uuid": "u-1", **line}
    assert write_line(read_line(line)) == line


def test_other_spellings_mean_the_same() -> None:
    inside = read_line({"dataRow": ROW, "name": "q", "answer": {"name": "a", "frames": [{"start": 9, "end": 15}]}})
    beside = read_line({"dataRow": ROW, "name": "q", "answer": {"name": "a"}, "frames": [{"start": 9, "end": 15}]})
    assert inside == beside
    assert isinstance(inside.value, Radio)
    plural = read_line({"dataRow": ROW, "name": "q", "answers": [{"name": "a"}]})
    assert plural == read_line({"dataRow": ROW, "name": "q", "answer": [{"name": "a"}]})
    text = read_line({"dataRow": ROW, "name": "q", "answer": "a", "frames": [{"start": 1, "end": 2}]})
    assert text.value == OverTime((FreeText("a", spans=(Span(1, 2),)),))


def test_a_line_knows_where_it_came_from_and_shares_row_and_class() -> None:
    reader = LineReader("boxes.ndjson")
    line = {"dataRow": ROW, "uuid": "u", "name": "car", "bbox": {"left": 1, "top": 2, "width": 3, "height": 4}}
    one, two = reader.read(line, 7), reader.read(line, 8)
    assert str(one.origin) == "boxes.ndjson line 7"
    assert one == two
    assert one.data_row is two.data_row
    assert one.feature is two.feature
    assert one.source_id == "u"
    assert one.value == BoundingBox(1, 2, 3, 4)


def test_write_lines() -> None:
    boxes = [Annotation(DataRow("a"), Feature("car"), BoundingBox(1, 2, 3, 4), uuid=str(each)) for each in range(2)]
    assert write_lines(boxes).count(b"\n") == 2
    assert [orjson.loads(line)["uuid"] for line in write_lines(boxes).splitlines()] == ["0", "1"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"dataRow": {"id": "a", "globalKey": "b"}}, "two_row_keys", "both id and globalKey"),
    ({"dataRow": {}}, "not_a_text", "dataRow.globalKey"),
    ({"dataRow": None}, "not_an_object", "dataRow"),
    ({"name": None}, "no_class", "by name or by schemaId"),
    ({"bbox": None}, "no_kind", "exactly one of bbox"),
    ({"point": {"x": 1, "y": 1}}, "no_kind", "bbox, point"),
    ({"bbox": {"left": 1, "top": 1, "width": 1}}, "not_a_number", "bbox.height"),
    ({"bbox": {"left": math.nan, "top": 1, "width": 1, "height": 1}}, "not_finite", "bbox.left = nan"),
    ({"bbox": {"left": True, "top": 1, "width": 1, "height": 1}}, "not_a_number", "bbox.left = True"),
    ({"colour": "red"}, "unknown_key", "colour"),
    ({"confidence": 1.5}, "bad_confidence", "between 0 and 1"),
    ({"classifications": [{"name": "q"}]}, "bad_answer", "classifications[0].answer"),
    ({"classifications": [{"name": "q", "answer": []}]}, "not_a_list", "classifications[0].answer"),
    (
        {
            "classifications": [
                {"name": "q", "answer": {"name": "a"}, "classifications": [{"name": "s", "answer": "t"}]}
            ]
        },
        "wrong_nesting",
        "classifications[0].classifications",
    ),
    ({"page": 1}, "bad_unit", "POINTS"),
    ({"isBenchmarkReferenceLabel": 1}, "not_a_flag", "true or false"),
    ({"bbox": None, "mask": {"png": "abc", "size": [1, 1]}}, "bad_mask", "base64 of a PNG"),
    ({"bbox": None, "mask": {"instanceURI": "https://x", "colorRGB": [0, 0, 256]}}, "bad_color", "mask.colorRGB"),
    ({"bbox": None, "mask": {}}, "bad_mask", "exactly one of"),
    ({"bbox": None, "location": {"start": 5, "end": 2}}, "bad_entity", "ends before it starts"),
    ({"bbox": None, "segments": [{"keyframes": [{"frame": 1}]}]}, "bad_keyframe", "segments[0].keyframes[0]"),
    ({"bbox": None, "relationship": {"type": "both", "target": "a"}}, "bad_relationship", "relationship.type"),
    ({"bbox": None, "answer": {"name": "a"}, "frames": [{"start": 3, "end": 1}]}, "bad_span", "frames[0]"),
    ({"bbox": None, "messageEvaluationTask": {"format": "best"}}, "bad_message_task", "format"),
    ({"bbox": None, "metricValue": [1, 2]}, "bad_metric", "four counts"),
]


@pytest.mark.parametrize(("change", "code", "message"), WRONG)
def test_what_is_wrong_is_said(change: dict[str, Any], code: str, message: str) -> None:
    line = {"dataRow": ROW, "name": "car", "bbox": {"left": 1, "top": 2, "width": 3, "height": 4}} | change
    with pytest.raises(AnnotationError) as error:
        read_line(line)
    assert error.value.code == code
    assert message in str(error.value)


def test_no_line_at_all() -> None:
    with pytest.raises(AnnotationError, match="JSON object"):
        read_line([1])  # type: ignore[arg-type]
