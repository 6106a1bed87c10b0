"""Whatever stands where in an exported label: what cannot be read is a reject, and nothing breaks."""

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from tests.unit.engine.annotations import test_exported as plain
from tests.unit.engine.annotations import test_exported_video as moving

from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import Annotation
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation

JUNK: list[Any] = [
    None, 3, -1, 1.5, float("nan"), 10**30, True, "x", "",
    [], [1], [[1]], [{}], [None], {}, {"a": 1}, {"feature_id": 3},
]  # fmt: skip
WHY = plain.question("why", text_answer={"content": "x"})
HOW = plain.question("how", checklist_answers=[plain.option("much", WHY)])
ENDS = {"source": "f1", "target": "f2"}
SEGMENTS = {"f1": [[13, 14], [18, 19]]}

LABELS: dict[str, dict[str, Any]] = {
    "image": {
        "objects": [
            plain.thing("ImageBoundingBox", bounding_box=plain.BOX, confidence=0.5),
            plain.thing("ImageSegmentationMask", composite_mask={"url": "https://a/1", "color_rgb": [1, 2, 3]}),
            plain.thing("GeoPolyline", geojson={"type": "LineString", "coordinates": [[1, 2], [3, 4]]}),
        ],
        "classifications": [plain.question("weather", radio_answer=plain.option("rain", HOW))],
        "relationships": [plain.question("goes with", unidirectional_relationship=ENDS)],
        "metrics": [{"metric_name": "iou", "value": {"0.5": [1, 2, 3, 4]}}],
    },
    "document": {
        "objects": [
            plain.thing("DocumentBoundingBox", bounding_box=plain.BOX, page_number=1, unit="POINTS"),
            plain.thing("DocumentEntityToken", location={"groups": [{"id": "g", "page_number": 1, "tokens": ["t"]}]}),
        ]
    },
    "conversation": {
        "objects": [
            plain.thing(
                "ConversationalTextEntity",
                conversational_location={"message_id": "0", "location": {"start": 0, "end": 8}},
            ),
            plain.thing(
                "MessageRanking",
                ranked_messages={
                    "ranked_messages": [{"message_id": "m", "model_config_name": "GPT", "order": 1}],
                    "parent_message_id": "p",
                },
            ),
        ]
    },
    "video": moving.video(moving.ALL, segments=SEGMENTS, keys={"f1": {"13": True, "14": False, "18": True}}),
    "answers": moving.video(
        answers={1: [moving.ticked("dog")], 3: [moving.ticked("dog", "cat")]},
        segments={"q1": [[1, 6]]},
        keys={"q1": [1, 3]},
    ),
    "masks": moving.video(
        {1: [moving.mask("f1", moving.RED, 1), moving.mask("f2", moving.BLUE, 1)]},
        segments={"f1": [[1, 1]], "f2": [[1, 1]]},
    ),
    "DICOM": moving.dicom(moving.FRAMES, {"f1": {"Axial": {"1": True}}}),
    "audio": {
        "segments": {"q1": [[0, 2000], [1500, 3000]]},
        "timestamp": {"0": {"classifications": [moving.said("a")]}, "1500": {"classifications": [moving.said("b")]}},
    },
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to every value in some JSON."""
    inner = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@pytest.mark.parametrize("name", LABELS)
def test_junk_is_rejected(name: str):
    label = orjson.loads(orjson.dumps(LABELS[name]))
    assert all(isinstance(each, Annotation) for each in annotations_of({"annotations": label}, plain.ROW))
    for path in places(label):
        for junk in JUNK:
            changed = copy.deepcopy(label)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = junk
            for each in annotations_of({"annotations": changed}, plain.ROW):
                assert isinstance(each, Annotation | RejectedAnnotation)
                assert str(each)
