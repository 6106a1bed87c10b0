"""Every kind of annotation goes from a file through a sync into Labelbox, and its export is read as what it was.

Both as submitted labels, and as pre-labels that the labeler's hand then submits.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, get_args

import httpx
import labelbox as lb
import numpy as np
import orjson
import pytest
from labelbox.schema import model_run
from PIL import Image
from tests.integration.engine.conftest import World
from tests.integration.labelbox_local.labeling import (
    BOX,
    Labeling,
    checklist,
    exported,
    make_image_labeling,
    make_labeling,
    radio,
    text,
    tool,
)

from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    DataRow,
    Feature,
    MaskFrame,
    MaskInstance,
    MaskUri,
    Relationship,
    VideoMasks,
)
from labelbox_airflow.engine.annotations.ndjson.line import write_lines
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.export import Classes, read_export
from labelbox_airflow.engine.annotations.readers.ndjson import read_ndjson
from labelbox_airflow.engine.api.ontologies import ontology_of
from labelbox_airflow.engine.api.projects import find_project
from labelbox_local.annotations import AnnotationReader, Features
from labelbox_local.annotations.exported import Form, export_form
from labelbox_local.stack import LocalLabelbox

if TYPE_CHECKING:
    from labelbox import Client

INDEX = lb.Classification.Scope.INDEX
Lines = list[dict[str, Any]]


def as_file(lines: Iterable[Any]) -> io.BytesIO:
    return io.BytesIO(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))


def annotations(read: Iterable[Read]) -> list[Annotation]:
    """The annotations read; a reject fails the test."""
    found = list(read)
    assert [str(each) for each in found if not isinstance(each, Annotation)] == []
    return [each for each in found if isinstance(each, Annotation)]


def meaning(found: Sequence[Annotation]) -> list[str]:
    """What annotations say, without the ids that differ from import to export, and masks without their addresses."""
    named = {each.source_id: _plain(dataclasses.replace(each, source_id=None, uuid=None)) for each in found}
    return sorted(repr(_plain(each, named)) for each in found)


def _plain(value: Any, named: dict[str | None, Any] | None = None) -> Any:
    if isinstance(value, Feature):
        return value.name
    if isinstance(value, MaskUri | MaskInstance):
        return type(value).__name__
    if isinstance(value, MaskFrame):
        return "frame", value.frame
    if isinstance(value, Relationship) and named is not None:
        source = named.get(value.source) if value.source else value.source_class
        return "relationship", source, named[value.target], value.type, value.readonly
    if isinstance(value, tuple):
        return tuple(_plain(each, named) for each in value)
    if dataclasses.is_dataclass(value):
        left_out = {"uuid", "source_id", "origin", "data_row"}
        return type(value).__name__, *(
            (field.name, _plain(getattr(value, field.name), named))
            for field in dataclasses.fields(value)
            if field.name not in left_out
        )
    return float(value) if type(value) is int else value


def read_back(labeling: Labeling, row: int = 0, classes: Classes = "name", **params: Any) -> list[Annotation]:
    """The annotations of a row in the project's export."""
    lines = [each for each in labeling.export(params=params) if each["data_row"]["global_key"] == labeling.keys[row]]
    return annotations(read_export(as_file(lines), "export", project_id=labeling.project.uid, classes=classes))


Send = Callable[[Labeling, Lines], None]


@pytest.fixture
def submit(world: World, local_labelbox: LocalLabelbox) -> Send:
    """Sends the lines of a file as pre-labels, which somebody then submits."""

    def submit(labeling: Labeling, lines: Lines) -> None:
        sync(world, labeling, lines, "prelabels")
        rows = sorted({line["dataRow"]["globalKey"] for line in lines})
        body = {"action": "label", "source": "predictions", "project": labeling.project.uid, "rows": rows}
        assert local_labelbox.admin("POST", "labeler", body)["rows"] == len(rows)

    return submit


@pytest.fixture(params=["labels", "prelabels"])
def send(request: pytest.FixtureRequest, world: World, submit: Send) -> Send:
    """Sends the lines of a file in one of the two ways."""
    if request.param == "prelabels":
        return submit
    return lambda labeling, lines: sync(world, labeling, lines, "labels")


def sync(world: World, labeling: Labeling, lines: Lines, kind: str) -> None:
    """Do what a sync does with a file of annotations."""
    project = find_project(world.transport, id=labeling.project.uid)
    stored = ontology_of(world.transport, labeling.project.uid)
    assert project is not None
    assert stored is not None
    outcomes = world.annotate(
        f"run {uuid.uuid4()}",
        project.id,
        read_ndjson(as_file(lines), "import.ndjson"),
        stored.tree,
        media_type=project.media_type or "IMAGE",
        **{"as": kind},
    )
    assert outcomes == {"sent": len(lines)}


def moved(found: Sequence[Annotation], key: str) -> Lines:
    """The lines that import annotations of an export again, for another row."""
    ids = {each.source_id: str(uuid.uuid4()) for each in found}

    def again(each: Annotation) -> Annotation:
        value = each.value
        if isinstance(value, Relationship):
            value = dataclasses.replace(value, source=ids.get(value.source), target=ids[value.target])
        return dataclasses.replace(each, data_row=DataRow(key), uuid=ids[each.source_id], value=value)

    return [orjson.loads(line) for line in write_lines(map(again, found)).splitlines()]


def round_trip(labeling: Labeling, lines: Lines, sends: Send) -> list[Annotation]:
    """Import lines of the first row, export them, import what was read into two others, and export those."""
    went_in = annotations(read_ndjson(as_file(lines), "import"))
    sends(labeling, lines)
    for row, classes in enumerate(get_args(Classes), start=1):
        came_out = read_back(labeling, 0, classes)
        assert meaning(came_out) == meaning(went_in)
        assert {each.data_row for each in came_out} == {DataRow(labeling.keys[0])}
        again = moved(came_out, labeling.keys[row])
        assert ("schemaId" in repr(again)) == (classes == "schema_id")
        sends(labeling, again)
        assert meaning(read_back(labeling, row)) == meaning(went_in)
    return came_out


def png(*parts: tuple[slice, slice, tuple[int, int, int]]) -> bytes:
    pixels = np.zeros((6, 8, 3), dtype=np.uint8)
    for rows, columns, color in parts:
        pixels[rows, columns] = color
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def pixels_of(url: str, color: tuple[int, int, int], labelbox: LocalLabelbox) -> list[list[int]]:
    """Rows and columns of a mask that an export gives the address of."""
    answered = httpx.get(url, headers={"Authorization": f"Bearer {labelbox.api_key}"})
    assert answered.status_code == 200
    picture = np.array(Image.open(io.BytesIO(answered.content)).convert("RGB"))
    return [list(map(int, each)) for each in np.argwhere((picture == color).all(axis=-1))]


RED, BLUE = (255, 0, 0), (0, 0, 255)
POINTS = [{"x": 0.5, "y": 0}, {"x": 10, "y": 0}, {"x": 10, "y": 20}]


def test_an_image(sdk: Client, send: Send) -> None:
    image = make_image_labeling(sdk)
    nested = [{"name": "how", "answer": [{"name": "much"}, {"name": "cold"}]}]
    lines = [
        image.box(classifications=[{"name": "color", "answer": {"name": "red"}}]),
        image.box(),
        image.line(name="field", polygon=[*POINTS, POINTS[0]]),
        image.line(name="lane", line=POINTS),
        image.line(name="nose", point={"x": 1.25, "y": 2}),
        image.line(name="weather", answer={"name": "rain", "classifications": nested}),
        image.line(name="seen", answer=[{"name": "dog"}, {"name": "cat"}]),
        image.line(name="note", answer="free \u2028 form"),
    ]
    found = round_trip(image, lines, send)
    ids = {each["name"]: each["featureSchemaId"] for each in image.ontology.normalized["tools"]}
    assert {each.feature.schema_id for each in found if each.feature and each.feature.name == "car"} == {ids["car"]}
    by_id = annotations(read_export(as_file(image.export()), "export", by="id"))
    assert {each.data_row for each in by_id} == {DataRow(id=image.row_id(row)) for row in range(3)}


def test_relationships_come_back_when_the_pre_labels_were_submitted(sdk: Client, submit: Send) -> None:
    image = make_image_labeling(sdk)

    cat, dog = image.box(), image.line(name="nose", point={"x": 1, "y": 2})
    ends = {"source": cat["uuid"], "target": dog["uuid"]}
    lines = [
        image.line(name="chases", relationship={**ends, "type": "unidirectional"}),
        image.line(name="chases", relationship={**ends, "type": "bidirectional", "readonly": True}),
        cat,
        dog,
    ]
    round_trip(image, lines, submit)


def test_masks_of_an_image(sdk: Client, local_labelbox: LocalLabelbox, send: Send) -> None:
    image = make_image_labeling(sdk)
    content = png((slice(1, 3), slice(2, 4), RED), (slice(4, 6), slice(0, 1), BLUE))
    address = sdk.upload_data(content, "mask.png", "image/png")
    masks = [image.line(name="sky", mask={"instanceURI": address, "colorRGB": list(each)}) for each in (RED, BLUE)]
    runs = image.line(name="sky", mask={"size": [6, 8], "counts": [42, 3, 3]})
    picture = base64.b64encode(png((slice(5, 6), slice(4, 6), (255, 255, 255)))).decode()
    send(image, [*masks, runs, image.line(name="sky", mask={"png": picture})])
    found = read_back(image)
    shown = [
        pixels_of(each.value.uri, each.value.color, local_labelbox) for each in found if isinstance(each.value, MaskUri)
    ]
    assert shown == [[[1, 2], [1, 3], [2, 2], [2, 3]], [[4, 0], [5, 0]], [[0, 7], [1, 7], [2, 7]], [[5, 4], [5, 5]]]


def video(sdk: Client) -> Labeling:
    tools = [
        tool("BBOX", "car", radio("color", "red", "blue"), text("plate")),
        tool("POINT", "nose"),
        tool("LINE", "lane"),
        tool("RASTER_SEGMENTATION", "sky"),
        tool("RASTER_SEGMENTATION", "sea"),
    ]
    classifications = [
        radio("mood", "calm", "wild", scope=INDEX),
        checklist("heard", "dog", "cat", scope=INDEX),
        text("said", scope=INDEX),
        radio("weather", "sun"),
    ]
    return make_labeling(sdk, lb.MediaType.Video, tools, classifications)


def at(frame: int, shape: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"frame": frame, "classifications": [], **shape, **more}


def box(left: float) -> dict[str, Any]:
    return {"bbox": {"top": 1, "left": left, "height": 5, "width": 5.5}}


def span(start: int, end: int) -> dict[str, int]:
    return {"start": start, "end": end}


def color(name: str) -> list[dict[str, Any]]:
    return [{"name": "color", "answer": {"name": name}}]


def video_lines(made: Labeling) -> Lines:
    red, blue = at(1, box(0), classifications=color("red")), at(7, box(6), classifications=color("blue"))
    moving = [{"keyframes": [red, at(4, box(3)), blue]}, {"keyframes": [at(9, box(1))]}]
    plate = [{"name": "plate", "answer": "B-XY 1"}]
    points = [at(2, {"point": {"x": 1, "y": 2}}), at(3, {"point": {"x": 4, "y": 2}})]
    heard = [{"name": "dog", "frames": [span(1, 5), span(9, 9)]}, {"name": "cat", "frames": [span(3, 7)]}]
    said = [{"value": "hello", "frames": [span(4, 6), span(8, 9)]}, {"value": "bye", "frames": [span(12, 15)]}]
    return [
        made.line(name="car", segments=moving, classifications=plate),
        made.line(name="car", segments=[{"keyframes": [at(1, box(20)), at(5, box(30))]}]),
        made.line(name="nose", segments=[{"keyframes": points}]),
        made.line(name="lane", segments=[{"keyframes": [at(1, {"line": POINTS}), at(8, {"line": POINTS[:2]})]}]),
        made.line(name="mood", answer={"name": "calm"}, frames=[span(2, 4), span(6, 6)]),
        made.line(name="heard", answer=heard),
        made.line(name="said", answer=said),
        made.line(name="weather", answer={"name": "sun"}),
    ]


@pytest.mark.parametrize("keys", ["map", "list"])
def test_a_video(sdk: Client, local_labelbox: LocalLabelbox, send: Send, keys: str) -> None:
    local_labelbox.admin("POST", "switches", {"export_key_frames": keys})
    made = video(sdk)
    plain = round_trip(made, video_lines(made), send)
    assert meaning(read_back(made, interpolated_frames=True)) == meaning(plain)


def test_masks_of_a_video(sdk: Client, local_labelbox: LocalLabelbox, send: Send) -> None:
    made = video(sdk)
    sky, sea = (slice(0, 1), slice(0, 2), RED), (slice(5, 6), slice(0, 2), BLUE)
    pictures = {3: (sky, sea), 4: (sky, sea)}
    frames = [
        {"index": index, "instanceURI": sdk.upload_data(png(*parts), f"{index}.png", "image/png")}
        for index, parts in pictures.items()
    ]
    instances = [{"name": "sky", "colorRGB": list(RED)}, {"name": "sea", "colorRGB": list(BLUE)}]
    lines = [made.line(masks={"frames": frames, "instances": instances})]
    went_in = annotations(read_ndjson(as_file(lines), "import"))
    send(made, lines)
    (found,) = read_back(made)
    assert meaning([found]) == meaning(went_in)
    assert isinstance(found.value, VideoMasks)
    assert len({each.source_id for each in found.value.instances}) == 2
    for frame in found.value.frames:
        for instance, shown in zip(found.value.instances, ([[0, 0], [0, 1]], [[5, 0], [5, 1]]), strict=True):
            assert pixels_of(str(frame.image), instance.color, local_labelbox) == shown


def test_a_text(sdk: Client, send: Send) -> None:
    tools = [tool("NER", "Person", radio("role", "author"))]
    made = make_labeling(sdk, lb.MediaType.Text, tools, [text("note")], row_data="Lorem ipsum dolor sit")
    role = [{"name": "role", "answer": {"name": "author"}}]
    entity = made.line(name="Person", location={"start": 6, "end": 16}, classifications=role)
    round_trip(made, [entity, made.line(name="note", answer="x")], send)


def test_a_document(sdk: Client, send: Send) -> None:
    tools = [tool("BBOX", "box"), tool("NER", "entity"), tool("RELATIONSHIP", "goes with")]
    made = make_labeling(sdk, lb.MediaType.Document, tools, [radio("kind", "letter", "bill")])
    selections = [
        {"tokenIds": ["t1", "t2"], "groupId": "g1", "page": 1},
        {"tokenIds": ["t3"], "groupId": "g2", "page": 2},
    ]
    first = made.line(name="box", bbox=BOX, page=0, unit="POINTS")
    second = made.line(name="entity", textSelections=selections)
    joined = {"source": first["uuid"], "target": second["uuid"], "type": "unidirectional"}
    from_class = {"sourceOntologyName": "kind", "target": first["uuid"], "type": "bidirectional"}
    lines = [
        first,
        made.line(name="box", bbox=BOX, page=3, unit="PERCENT"),
        second,
        made.line(name="kind", answer={"name": "bill"}),
        made.line(name="goes with", relationship=joined),
        made.line(name="goes with", relationship=from_class),
    ]
    round_trip(made, lines, send)


def test_a_conversation(sdk: Client, send: Send) -> None:
    tools = [
        tool("NER", "entity"),
        tool("MESSAGE_SINGLE_SELECTION", "best"),
        tool("MESSAGE_MULTI_SELECTION", "good"),
        tool("MESSAGE_RANKING", "order"),
    ]
    asked = [
        radio("mood", "calm", scope=INDEX),
        checklist("has", "joke", "lie", scope=INDEX),
        text("note", scope=INDEX),
        text("whole"),
    ]
    made = make_labeling(sdk, lb.MediaType.Conversational, tools, asked)
    one, two = {"messageId": "m1", "modelConfigName": "GPT"}, {"messageId": "m2", "modelConfigName": "Other"}

    def task(name: str, kind: str, **data: Any) -> dict[str, Any]:
        evaluation = {"format": f"message-{kind}", "data": {"parentMessageId": "p", **data}}
        return made.line(name=name, messageEvaluationTask=evaluation)

    lines = [
        made.line(name="entity", messageId="4", location={"start": 0, "end": 8}),
        made.line(name="mood", messageId="4", answer={"name": "calm"}),
        made.line(name="has", messageId="5", answer=[{"name": "joke"}, {"name": "lie"}]),
        made.line(name="note", messageId="4", answer="x"),
        made.line(name="whole", answer="y"),
        task("best", "single-selection", **one),
        task("good", "multi-selection", selectedMessages=[one, two]),
        task("order", "ranking", rankedMessages=[{**one, "order": 2}, {**two, "order": 1}]),
    ]
    round_trip(made, lines, send)


def test_a_sound(sdk: Client, send: Send) -> None:
    asked = [text("said", scope=INDEX), radio("speaker", "A", "B", scope=INDEX), checklist("heard", "dog", "cat")]
    made = make_labeling(sdk, lb.MediaType.Audio, [], asked)
    said = [{"value": "hello", "frames": [span(0, 900)]}, {"value": "bye", "frames": [span(2500, 3000)]}]
    speaker = [{"name": "A", "frames": [span(0, 1000)]}, {"name": "B", "frames": [span(800, 3000)]}]
    lines = [
        made.line(name="said", answer=said),
        made.line(name="speaker", answer=speaker),
        made.line(name="heard", answer=[{"name": "dog"}]),
    ]
    round_trip(made, lines, send)


def test_a_map(sdk: Client, send: Send) -> None:
    tiles = {
        "tile_layer_url": "https://x/{z}/{x}/{y}.png", "bounds": [[19.4, -99.2], [19.5, -99.1]], "min_zoom": 12,
        "max_zoom": 20, "epsg": "EPSG4326",
    }  # fmt: skip
    tools = [tool("POINT", "tree"), tool("BBOX", "house"), tool("LINE", "road"), tool("POLYGON", "field")]
    made = make_labeling(sdk, lb.MediaType.Geospatial_Tile, tools, [], row_data=tiles)
    house = {"left": -99.5, "top": 19.25, "width": 0.25, "height": 0.5}
    lines = [
        made.line(name="tree", point={"x": -99.15, "y": 19.45}),
        made.line(name="house", bbox=house),
        made.line(name="road", line=POINTS),
        made.line(name="field", polygon=[*POINTS, POINTS[0]]),
    ]
    round_trip(made, lines, send)


def test_html_and_prompts(sdk: Client, send: Send) -> None:
    asked = [radio("kind", "letter"), checklist("has", "table"), text("note")]
    made = make_labeling(sdk, lb.MediaType.Html, [], asked)
    lines = [
        made.line(name="kind", answer={"name": "letter"}),
        made.line(name="has", answer=[{"name": "table"}]),
        made.line(name="note", answer="tell me"),
    ]
    round_trip(made, lines, send)


def test_predictions_of_a_model_run_keep_their_scores(
    sdk: Client, local_labelbox: LocalLabelbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.sleep
    monkeypatch.setattr(model_run.time, "sleep", lambda seconds: real(min(seconds, 0.05)))
    local_labelbox.admin("POST", "switches", {"mea_prediction_imports": "allow"})
    image = make_image_labeling(sdk)
    run = sdk.create_model(f"model {uuid.uuid4()}", image.ontology.uid).create_model_run("run")
    run.upsert_data_rows(global_keys=image.keys[:1], timeout_seconds=60)
    metrics = [{"name": "overlap", "value": 0.5}]
    nested = [{"name": "color", "answer": {"name": "red", "confidence": 0.25}}]
    lines = [
        image.box(confidence=0.75, customMetrics=metrics, classifications=nested),
        image.line(name="weather", answer={"name": "sun", "confidence": 0.5}),
        image.line(name="note", answer="x", confidence=0.125),
        image.line(metricValue=0.5, metricName="mine", featureName="car", aggregation="SUM"),
        image.line(metricValue={"0.5": [1, 2, 3, 4]}, metricName="other", aggregation="CONFUSION_MATRIX"),
    ]
    made = run.add_predictions("predictions", lines)
    made.wait_till_done(sleep_time_seconds=0.05)
    assert [each["errors"] for each in made.statuses] == [[]] * len(lines)
    shown = exported(run.export(params={"predictions": True}))
    found = annotations(read_export(as_file(shown), "export"))
    assert meaning(found) == meaning(annotations(read_ndjson(as_file(lines), "import")))


def test_a_dicom_series() -> None:
    """No SDK makes DICOM projects any more, so that the readers and writers of the local Labelbox are asked."""
    normalized = {
        "tools": [
            {"featureSchemaId": "t1", "name": "vessel", "tool": "line"},
            {"featureSchemaId": "t2", "name": "organ", "tool": "raster-segmentation"},
        ],
        "classifications": [
            {
                "featureSchemaId": "c1", "name": "clear", "type": "radio",
                "options": [{"featureSchemaId": "o1", "value": "yes", "label": "yes"}],
            }
        ],
    }  # fmt: skip
    row = {"dataRow": {"globalKey": "k"}}
    lines: Lines = [
        {**row, "name": "vessel", "groupKey": view, "segments": [{"keyframes": [at(1, {"line": POINTS})]}]}
        for view in ("axial", "coronal")
    ]
    lines.append({**row, "name": "clear", "answer": {"name": "yes"}})
    frames = [{"index": frame, "instanceURI": f"https://x/{frame}.png"} for frame in (1, 2)]
    masks = {"frames": frames, "instances": [{"name": "organ", "colorRGB": list(RED)}]}
    lines.append({**row, "groupKey": "sagittal", "masks": masks})
    reader = AnnotationReader(Features.of(normalized), "DICOM", map(str, itertools.count()))
    content: dict[str, list[dict[str, Any]]] = {"objects": [], "classifications": [], "relationships": []}
    for line in lines:
        read = reader.read(line)
        for each in read.contents:
            content.setdefault(read.part, []).append(each)
    for each in content["tracks"]:
        if each["annotation_kind"] == "DICOMSegmentationMask":
            each["composite_mask"] = {"color_rgb": list(RED)}
    label = {"annotations": export_form(content, Form("DICOM", "https://x/{}.png".format))}
    found = annotations(annotations_of(orjson.loads(orjson.dumps(label)), DataRow("k")))
    assert meaning(found) == meaning(annotations(read_ndjson(as_file(lines), "import")))
