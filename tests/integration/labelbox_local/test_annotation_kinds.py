"""Every kind of annotation, built with `labelbox.types`, imported, and compared with what the export says."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import labelbox as lb
import labelbox.types as lb_types
import numpy as np
import pytest
from PIL import Image

from .labeling import Labeling, bare, checklist, make_image_labeling, make_labeling, radio, text, tool

Labels = list[Any]


@pytest.fixture(scope="module")
def image(client: Any) -> Labeling:
    return make_image_labeling(client, rows=12)


def label(labeling: Labeling, row: int, *annotations: Any, **more: Any) -> Any:
    return lb_types.Label(data={"global_key": labeling.keys[row]}, annotations=list(annotations), **more)


def thing(name: str, value: Any, **more: Any) -> Any:
    return lb_types.ObjectAnnotation(name=name, value=value, **more)


def answer(name: str, value: Any, **more: Any) -> Any:
    return lb_types.ClassificationAnnotation(name=name, value=value, **more)


def chosen(name: str, *nested: Any) -> Any:
    return lb_types.ClassificationAnswer(name=name, classifications=list(nested) or None)


def all_succeeded(made: Any, count: int) -> None:
    assert made.state.value == "FINISHED"
    assert [each["errors"] for each in made.statuses] == [[]] * count
    assert {each["status"] for each in made.statuses} == {"SUCCESS"}
    assert made.errors == []


def imported(
    labeling: Labeling, row: int, *annotations: Any, lines: int | None = None, **params: Any
) -> dict[str, Any]:
    """The annotations of the row after a label import, as the export shows them."""
    made = labeling.import_labels([label(labeling, row, *annotations)])
    all_succeeded(made, len(annotations) if lines is None else lines)
    (found,) = labeling.labels(row, **params)
    return dict(found["annotations"])


POINTS = [lb_types.Point(x=0, y=0), lb_types.Point(x=10, y=0), lb_types.Point(x=10, y=20)]
CORNERS = [{"x": 0.0, "y": 0.0}, {"x": 10.0, "y": 0.0}, {"x": 10.0, "y": 20.0}]


@pytest.mark.parametrize(
    ("row", "name", "value", "kind", "shape"),
    [
        (
            0, "car", lb_types.Rectangle(start=lb_types.Point(x=1, y=2), end=lb_types.Point(x=11, y=22)),
            "ImageBoundingBox", {"bounding_box": {"top": 2.0, "left": 1.0, "height": 20.0, "width": 10.0}},
        ),
        (1, "field", lb_types.Polygon(points=POINTS), "ImagePolygon", {"polygon": [*CORNERS, CORNERS[0]]}),
        (2, "lane", lb_types.Line(points=POINTS), "ImagePolyline", {"line": CORNERS}),
        (3, "nose", POINTS[2], "ImagePoint", {"point": CORNERS[2]}),
    ],
)  # fmt: skip
def test_shapes_of_an_image(image: Labeling, row: int, name: str, value: Any, kind: str, shape: dict[str, Any]) -> None:
    found = imported(image, row, thing(name, value))
    assert bare(found) == {
        "objects": [{"name": name, "value": name, "annotation_kind": kind, "classifications": [], **shape}],
        "classifications": [],
        "relationships": [],
    }


def test_classifications_of_an_image_and_of_its_objects(image: Labeling) -> None:
    how = answer("how", lb_types.Checklist(answer=[chosen("much"), chosen("cold")]))
    car = thing(
        "car",
        lb_types.Rectangle(start=lb_types.Point(x=1, y=2), end=lb_types.Point(x=11, y=22)),
        classifications=[answer("color", lb_types.Radio(answer=chosen("red")))],
    )
    found = imported(
        image,
        4,
        answer("weather", lb_types.Radio(answer=chosen("rain", how))),
        answer("seen", lb_types.Checklist(answer=[chosen("dog"), chosen("cat")])),
        answer("note", lb_types.Text(answer="free form text...")),
        car,
    )
    plain = {"classifications": []}
    assert bare(found["classifications"]) == [
        {
            "name": "weather", "value": "weather",
            "radio_answer": {"name": "rain", "value": "rain", "classifications": [
                {"name": "how", "value": "how", "checklist_answers": [
                    {"name": "much", "value": "much", **plain}, {"name": "cold", "value": "cold", **plain}]}]},
        },
        {
            "name": "seen", "value": "seen",
            "checklist_answers": [{"name": "dog", "value": "dog", **plain}, {"name": "cat", "value": "cat", **plain}],
        },
        {"name": "note", "value": "note", "text_answer": {"content": "free form text..."}},
    ]  # fmt: skip
    (shown,) = found["objects"]
    assert shown["classifications"][0]["radio_answer"]["name"] == "red"
    assert len(shown["feature_id"]) == len(shown["feature_schema_id"]) == 25


def test_the_ids_of_an_export_are_those_of_the_ontology(image: Labeling) -> None:
    ids = {each["name"]: each["featureSchemaId"] for each in image.ontology.normalized["tools"]}
    found = imported(image, 5, lb_types.ObjectAnnotation(feature_schema_id=ids["nose"], value=POINTS[1]))
    assert [(each["name"], each["feature_schema_id"]) for each in found["objects"]] == [("nose", ids["nose"])]


def _mask_of(address: str, server: Any) -> Any:
    answered = httpx.get(address, headers={"Authorization": "Bearer any-key"})
    assert answered.status_code == 200, answered.text
    assert httpx.get(address).status_code == 401
    return np.array(Image.open(io.BytesIO(answered.content)))


def test_masks_are_painted_into_one_picture(image: Labeling, server: Any) -> None:
    first, second = np.zeros((8, 6), dtype=np.uint8), np.zeros((8, 6), dtype=np.uint8)
    first[0:3, 0:2] = 1
    second[5:8, 3:6] = 1
    masks = [
        thing("sky", lb_types.Mask(mask=lb_types.MaskData.from_2D_arr(each), color=(1, 1, 1)))
        for each in (first, second)
    ]
    found = imported(image, 6, *masks)
    shown = [each["composite_mask"] for each in found["objects"]]
    assert shown[0]["url"] == shown[1]["url"]
    assert shown[0]["color_rgb"] != shown[1]["color_rgb"]
    picture = _mask_of(shown[0]["url"], server)
    for mask, each in ((first, shown[0]), (second, shown[1])):
        assert ((picture == each["color_rgb"]).all(axis=-1) == mask.astype(bool)).all()


def test_masks_by_address_and_by_runs(image: Labeling, server: Any) -> None:
    pixels = np.zeros((4, 5, 3), dtype=np.uint8)
    pixels[1:3, 2:4] = (255, 0, 0)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    address = image.client.upload_data(content.getvalue(), "mask.png", "image/png")
    by_address = image.line(7, name="sky", mask={"instanceURI": address, "colorRGB": [255, 0, 0]})
    wrong_color = image.line(7, name="sky", mask={"instanceURI": address, "colorRGB": [0, 255, 0]})
    # One row down in the second column, three pixels.
    by_runs = image.line(7, name="sky", mask={"size": [4, 5], "counts": [5, 3]})
    made = image.import_labels([by_address, wrong_color, by_runs])
    assert [each["status"] for each in made.statuses] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert made.errors[0]["errors"] == [
        {"name": "MaskError", "message": "The mask has no pixel of the color [0, 255, 0]"}
    ]
    (found,) = image.labels(7)
    first, second = (each["composite_mask"] for each in found["annotations"]["objects"])
    assert first["color_rgb"] == [255, 0, 0]
    picture = _mask_of(first["url"], server)
    assert ((picture == [255, 0, 0]).all(axis=-1) == (pixels[..., 0] == 255)).all()
    assert [tuple(each) for each in np.argwhere((picture == second["color_rgb"]).all(axis=-1))] == [
        (1, 1),
        (2, 1),
        (3, 1),
    ]


def test_relationships_come_with_pre_labels_and_not_with_labels(image: Labeling) -> None:
    box = lb_types.Rectangle(start=lb_types.Point(x=1, y=2), end=lb_types.Point(x=11, y=22))
    cat, dog = (
        thing("car", box, extra={"uuid": str(uuid.uuid4())}),
        thing("car", box, extra={"uuid": str(uuid.uuid4())}),
    )
    chases = lb_types.RelationshipAnnotation(
        name="chases", value=lb_types.Relationship(source=cat, target=dog, type="unidirectional")
    )
    all_succeeded(image.import_prelabels([label(image, 8, cat, dog, chases)]), 3)
    made = image.import_labels([label(image, 8, cat, dog, chases)])
    assert [(each["errors"][0]["name"], each["errors"][0]["message"]) for each in made.errors] == [
        ("RelationshipError", "Relationships are only supported for MAL imports")
    ]


@pytest.fixture(scope="module")
def labeling_of(client: Any) -> Callable[..., Labeling]:
    return lambda media, tools, classifications, **more: make_labeling(client, media, tools, classifications, **more)


def test_a_video(labeling_of: Any) -> None:
    video = labeling_of(
        lb.MediaType.Video,
        [tool("BBOX", "car", radio("color", "red")), tool("POINT", "nose"), tool("RASTER_SEGMENTATION", "sky")],
        [radio("mood", "calm", "wild", scope=lb.Classification.Scope.INDEX), radio("weather", "sun"),
         text("said", scope=lb.Classification.Scope.INDEX)],
    )  # fmt: skip

    def at(frame: int, segment: int) -> Any:
        box = lb_types.Rectangle(start=lb_types.Point(x=0, y=frame), end=lb_types.Point(x=5, y=frame + 5))
        return lb_types.VideoObjectAnnotation(name="car", keyframe=True, frame=frame, segment_index=segment, value=box)

    def mood(frame: int) -> Any:
        value = lb_types.Radio(answer=chosen("calm"))
        return lb_types.VideoClassificationAnnotation(name="mood", frame=frame, segment_index=0, value=value)

    found = imported(
        video, 0, at(1, 0), at(5, 0), at(9, 1), *[mood(frame) for frame in range(2, 5)],
        answer("weather", lb_types.Radio(answer=chosen("sun"))), lines=3, interpolated_frames=True,
    )  # fmt: skip
    (car,) = {feature for frame in found["frames"].values() for feature in frame["objects"]}
    assert found["segments"][car] == [[1, 5], [9, 9]]
    assert list(found["frames"]) == ["1", "2", "3", "4", "5", "9"]
    assert found["frames"]["3"]["objects"][car]["bounding_box"]["top"] == 3.0
    assert found["key_frame_feature_map"][car]["3"] is False
    assert found["frames"]["2"]["classifications"][0]["radio_answer"]["name"] == "calm"
    assert found["classifications"][0]["radio_answer"]["name"] == "sun"

    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[0, 0] = (0, 0, 255)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    masks = lb_types.VideoMaskAnnotation(
        frames=[lb_types.MaskFrame(index=3, im_bytes=content.getvalue())],
        instances=[lb_types.MaskInstance(color_rgb=(0, 0, 255), name="sky")],
    )
    found = imported(video, 1, masks)
    (sky,) = found["frames"]["3"]["objects"].values()
    assert sky["annotation_kind"] == "VideoSegmentationMask"
    assert sky["composite_mask"]["url"].endswith("/index/3")
    assert sky["composite_mask"]["color_rgb"] == [0, 0, 255]

    said = video.line(2, name="said", answer=[{"value": "hello", "frames": [{"start": 4, "end": 6}]}])
    all_succeeded(video.import_labels([said]), 1)
    (shown,) = video.labels(2)
    assert shown["label_kind"] == "Video"
    assert shown["annotations"]["frames"]["4"]["classifications"][0]["text_answer"] == {"content": "hello"}


def test_a_text(labeling_of: Any) -> None:
    labeling = labeling_of(lb.MediaType.Text, [tool("NER", "Person")], [text("note")], row_data="Lorem ipsum dolor sit")
    found = imported(
        labeling, 0, thing("Person", lb_types.TextEntity(start=6, end=16)), answer("note", lb_types.Text(answer="x"))
    )
    (entity,) = found["objects"]
    assert entity["annotation_kind"] == "TextEntity"
    assert entity["location"] == {"start": 6, "end": 16, "token": "ipsum dolor"}


def test_a_document(labeling_of: Any) -> None:
    tools = [tool("BBOX", "box"), tool("NER", "entity"), tool("RELATIONSHIP", "goes with")]
    labeling = labeling_of(lb.MediaType.Document, tools, [radio("kind", "letter", "bill")])
    box = thing(
        "box",
        lb_types.DocumentRectangle(
            start=lb_types.Point(x=1, y=2), end=lb_types.Point(x=3, y=4), page=1, unit=lb_types.RectangleUnit.POINTS
        ),
    )
    selection = lb_types.DocumentTextSelection(token_ids=["t1", "t2"], group_id="g1", page=1)
    entity = thing("entity", lb_types.DocumentEntity(text_selections=[selection]))
    # Documents take relationships in label imports too.
    joined = lb_types.RelationshipAnnotation(name="goes with", value=lb_types.Relationship(source=box, target=entity))
    found = imported(labeling, 0, box, entity, answer("kind", lb_types.Radio(answer=chosen("bill"))), joined)
    assert bare(found["objects"])[0] == {
        "name": "box", "value": "box", "annotation_kind": "DocumentBoundingBox", "classifications": [],
        "page_number": 1, "unit": "POINTS",
        "bounding_box": {"top": 2.0, "left": 1.0, "height": 2.0, "width": 2.0},
    }  # fmt: skip
    assert found["objects"][1]["location"] == {"groups": [{"id": "g1", "page_number": 1, "tokens": ["t1", "t2"]}]}
    ids = [each["feature_id"] for each in found["objects"]]
    assert found["relationships"][0]["unidirectional_relationship"] == {"source": ids[0], "target": ids[1]}


def test_a_conversation(labeling_of: Any) -> None:
    tools = [
        tool("NER", "entity"), tool("MESSAGE_SINGLE_SELECTION", "best"), tool("MESSAGE_MULTI_SELECTION", "good"),
        tool("MESSAGE_RANKING", "order"),
    ]  # fmt: skip
    scope = lb.Classification.Scope.INDEX
    labeling = labeling_of(lb.MediaType.Conversational, tools, [radio("mood", "calm", scope=scope), text("note")])
    one = {"message_id": "m1", "model_config_name": "GPT"}
    two = {"message_id": "m2", "model_config_name": "Other"}

    def task(name: str, value: Any) -> Any:
        return lb_types.MessageEvaluationTaskAnnotation(name=name, value=value)

    found = imported(
        labeling,
        0,
        thing("entity", lb_types.ConversationEntity(start=0, end=8, message_id="4")),
        answer("mood", lb_types.Radio(answer=chosen("calm")), message_id="4"),
        answer("note", lb_types.Text(answer="x")),
        task("best", lb_types.MessageSingleSelectionTask(parent_message_id="p", **one)),
        task("good", lb_types.MessageMultiSelectionTask(
            parent_message_id="p", selected_messages=[lb_types.MessageInfo(**one), lb_types.MessageInfo(**two)])),
        task("order", lb_types.MessageRankingTask(parent_message_id="p", ranked_messages=[
            lb_types.OrderedMessageInfo(order=2, **one), lb_types.OrderedMessageInfo(order=1, **two)])),
    )  # fmt: skip
    by_name = {each["name"]: each for each in found["objects"]}
    location = {"message_id": "4", "location": {"start": 0, "end": 8}}
    assert by_name["entity"]["conversational_location"] == location
    assert by_name["best"]["selected_message"] == {**one, "parent_message_id": "p"}
    assert by_name["good"]["selected_messages"] == {"messages": [one, two], "parent_message_id": "p"}
    assert by_name["order"]["ranked_messages"] == {
        "ranked_messages": [{**one, "order": 2}, {**two, "order": 1}], "parent_message_id": "p",
    }  # fmt: skip
    mood, note = found["classifications"]
    assert (mood["message_id"], mood["conversational_radio_answer"]["name"]) == ("4", "calm")
    assert note["text_answer"] == {"content": "x"}


def test_a_sound(labeling_of: Any) -> None:
    scope = lb.Classification.Scope.INDEX
    labeling = labeling_of(lb.MediaType.Audio, [], [text("said", scope=scope), checklist("heard", "dog", "cat")])
    spoken = lb_types.TemporalClassificationText(name="said", value=[(1000, 2000, "hello"), (2500, 3000, "bye")])
    found = imported(labeling, 0, spoken, answer("heard", lb_types.Checklist(answer=[chosen("dog")])))
    assert found["classifications"][0]["checklist_answers"][0]["name"] == "dog"
    assert list(found["segments"].values()) == [[[1000, 2000], [2500, 3000]]]
    said = {time: each["classifications"][0]["text_answer"]["content"] for time, each in found["timestamp"].items()}
    assert said == {"1000": "hello", "2500": "bye"}


def test_a_map(labeling_of: Any) -> None:
    tiles = {
        "tile_layer_url": "https://x/{z}/{x}/{y}.png", "bounds": [[19.4, -99.2], [19.5, -99.1]], "min_zoom": 12,
        "max_zoom": 20, "epsg": "EPSG4326",
    }  # fmt: skip
    labeling = labeling_of(
        lb.MediaType.Geospatial_Tile, [tool("POINT", "tree"), tool("BBOX", "house")], [], row_data=tiles
    )
    found = imported(
        labeling,
        0,
        thing("tree", lb_types.Point(x=-99.15, y=19.45)),
        thing("house", lb_types.Rectangle(start=lb_types.Point(x=-99.2, y=19.4), end=lb_types.Point(x=-99.1, y=19.5))),
    )
    tree, house = found["objects"]
    assert tree["geojson"] == {"type": "Point", "coordinates": [-99.15, 19.45]}
    assert house["annotation_kind"] == "GeoBox"
    assert house["geojson"]["coordinates"][0][0] == pytest.approx([-99.2, 19.4])


def test_html_takes_classifications_only(labeling_of: Any) -> None:
    labeling = labeling_of(lb.MediaType.Html, [], [radio("kind", "letter"), checklist("has", "table"), text("note")])
    found = imported(labeling, 0, answer("kind", lb_types.Radio(answer=chosen("letter"))))
    assert found["classifications"][0]["radio_answer"]["name"] == "letter"
    made = labeling.import_labels([labeling.box(1)])
    assert "project of media type HTML" in made.errors[0]["errors"][0]["message"]
