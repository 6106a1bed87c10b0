"""The form of annotations in exports, labels put together from lines, and annotations drawn at random."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from labelbox_local.annotations import Features
from labelbox_local.annotations.exported import Form, export_form, names_of
from labelbox_local.annotations.sample import Sampler
from labelbox_local.label_content import Content, join_relationships

from .conftest import ONTOLOGY, UUID, feature_id, line

URL = "https://masks/{}"


def form(media_type: str, **more: Any) -> Form:
    return Form(media_type, lambda frame: URL.format(frame), **more)


def content(*annotations: tuple[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    made: dict[str, list[dict[str, Any]]] = {"objects": [], "classifications": [], "relationships": []}
    for part, found in annotations:
        made.setdefault(part, []).extend(found)
    return made


def box(frame: int, top: float) -> dict[str, Any]:
    return {"frame": frame, "bbox": {"top": top, "left": 0, "height": 10, "width": 10}}


def test_a_video_has_frames_segments_and_keyframes(reader: Any) -> None:
    segments = [{"keyframes": [box(1, 0), box(5, 8)]}, {"keyframes": [box(9, 0)]}]
    read = reader("VIDEO").read(line(name="car", segments=segments))
    feature = read.contents[0]["feature_id"]
    shown = export_form(content((read.part, read.contents)), form("VIDEO"))
    assert list(shown["frames"]) == ["1", "5", "9"]
    assert shown["frames"]["5"]["objects"][feature]["bounding_box"]["top"] == 8.0
    assert shown["segments"] == {feature: [[1, 5], [9, 9]]}
    assert shown["key_frame_feature_map"] == {feature: {"1": True, "5": True, "9": True}}
    assert shown["classifications"] == []


def test_frames_between_keyframes_can_be_shown(reader: Any) -> None:
    read = reader("VIDEO").read(line(name="car", segments=[{"keyframes": [box(1, 0), box(5, 8)]}]))
    feature = read.contents[0]["feature_id"]
    shown = export_form(content((read.part, read.contents)), form("VIDEO", interpolated=True))
    tops = [frame["objects"][feature]["bounding_box"]["top"] for frame in shown["frames"].values()]
    assert tops == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert shown["key_frame_feature_map"][feature] == {"1": True, "2": False, "3": False, "4": False, "5": True}


def test_keyframes_may_be_a_list(reader: Any) -> None:
    read = reader("VIDEO").read(line(name="car", segments=[{"keyframes": [box(1, 0), box(5, 8)]}]))
    shown = export_form(content((read.part, read.contents)), form("VIDEO", key_frames="list"))
    assert list(shown["key_frame_feature_map"].values()) == [[1, 5]]


def test_an_answer_for_frames_is_in_the_first_of_them_or_in_all(reader: Any) -> None:
    def read() -> Any:
        return reader("VIDEO").read(line(name="mood", answer={"name": "calm"}, frames=[{"start": 7, "end": 9}]))

    one = read()
    shown = export_form(content((one.part, one.contents)), form("VIDEO"))
    assert list(shown["frames"]) == ["7"]
    assert shown["frames"]["7"]["classifications"][0]["radio_answer"]["name"] == "calm"
    assert shown["segments"] == {one.contents[0]["feature_id"]: [[7, 9]]}
    other = read()
    shown = export_form(content((other.part, other.contents)), form("VIDEO", interpolated=True))
    assert list(shown["frames"]) == ["7", "8", "9"]


def test_a_sound_has_its_answers_by_time(reader: Any) -> None:
    answer = [{"value": "hello", "frames": [{"start": 1000, "end": 2000}]}]
    read = reader("AUDIO").read(line(name="heard", answer=answer))
    shown = export_form(content((read.part, read.contents)), form("AUDIO"))
    assert shown["segments"] == {read.contents[0]["feature_id"]: [[1000, 2000]]}
    assert shown["timestamp"]["1000"]["classifications"][0]["text_answer"] == {"content": "hello"}


def test_a_dicom_label_has_the_three_views(reader: Any) -> None:
    lane = {"frame": 2, "line": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}
    read = reader("DICOM").read(line(name="lane", groupKey="coronal", segments=[{"keyframes": [lane]}]))
    shown = export_form(content((read.part, read.contents)), form("DICOM"))
    assert list(shown["groups"]) == ["Axial", "Sagittal", "Coronal"]
    assert list(shown["groups"]["Coronal"]["frames"]) == ["2"]
    assert shown["groups"]["Axial"]["frames"] == {}


def test_an_entity_gets_its_token_whose_end_is_inclusive(reader: Any) -> None:
    read = reader("TEXT").read(line(name="Person Name", location={"start": 6, "end": 16}))
    shown = export_form(content((read.part, read.contents)), form("TEXT", text="Lorem ipsum dolor sit"))
    assert shown["objects"][0]["location"] == {"start": 6, "end": 16, "token": "ipsum dolor"}


def test_masks_get_their_address(reader: Any) -> None:
    objects = [{"annotation_kind": "ImageSegmentationMask", "composite_mask": {"color_rgb": [1, 2, 3]}}]
    shown = export_form(content(("objects", objects)), form("IMAGE"))
    assert shown["objects"][0]["composite_mask"] == {"url": "https://masks/0", "color_rgb": [1, 2, 3]}


def test_renamed_features_have_their_new_names(reader: Any) -> None:
    read = reader().read(line(name="weather", answer={"name": "rain", "classifications": [
        {"name": "how", "answer": [{"name": "much"}]}]}))  # fmt: skip
    names = {feature_id("weather"): ("Weather now", "weather_now"), feature_id("omuch"): ("Very much", "very_much")}
    shown = export_form(content((read.part, read.contents)), form("IMAGE", names=names))
    weather = shown["classifications"][0]
    assert (weather["name"], weather["value"]) == ("Weather now", "weather_now")
    (how,) = weather["radio_answer"]["classifications"]
    assert (how["name"], how["checklist_answers"][0]["name"]) == ("how", "Very much")


def test_names_are_of_all_features_also_archived_ones() -> None:
    names = names_of(ONTOLOGY)
    assert names[feature_id("old")] == ("old", "old")
    assert names[feature_id("Person Name")] == ("Person Name", "person_name")
    assert names[feature_id("ocold")] == ("cold", "cold")


def test_each_mask_of_a_label_has_a_color_of_its_own() -> None:
    made = Content()
    for feature, color in (("f1", "ff0000"), ("f2", "ff0000"), ("f3", None)):
        objects = orjson.dumps([{"feature_id": feature, "annotation_kind": "ImageSegmentationMask"}])
        made.add_masks("objects", objects, [(feature, 0, None, b"png", color, None, None, None)])
    colors = [tuple(each["composite_mask"]["color_rgb"]) for each in orjson.loads(made.text())["objects"]]
    assert colors[0] == (255, 0, 0)
    assert len(set(colors)) == 3
    assert [mask[1] for mask in made.masks] == ["f1", "f2", "f3"]
    assert not made.plain


def test_a_label_has_all_lines_of_its_row_and_tells_which_relationship_is_wrong(reader: Any) -> None:
    other = "2e8885fc-0a4a-4390-9f5d-f6d9ce67531c"
    make = reader().read
    box_line = {"bbox": {"top": 1, "left": 1, "height": 1, "width": 1}}
    joining = {"relationship": {"source": UUID, "target": other, "type": "unidirectional"}}
    nowhere = {"relationship": {"source": UUID, "target": "gone", "type": "unidirectional"}}
    annotations = [
        (UUID, make(line(name="car", **box_line))),
        (other, make(line(name="car", **box_line))),
        ("r1", make(line(name="chases", **joining))),
        ("r2", make(line(name="chases", **nowhere))),
    ]
    lines = [(n, uid, read.part, orjson.dumps(read.contents)) for n, (uid, read) in enumerate(annotations)]
    joined, wrong = join_relationships(lines)
    assert list(joined) == [2]
    assert (
        orjson.loads(joined[2])[0]["unidirectional_relationship"]["source"]
        == annotations[0][1].contents[0]["feature_id"]
    )
    assert wrong[3].name == "RelationshipError"


@pytest.mark.parametrize("media_type", ["IMAGE", "VIDEO", "TEXT", "PDF", "AUDIO", "TMS_GEO", "CONVERSATIONAL", "HTML"])
def test_random_annotations_are_valid_and_the_same_for_a_seed(reader: Any, media_type: str) -> None:
    def draw(seed: int) -> list[dict[str, Any]]:
        sampler = Sampler(Features.of(ONTOLOGY), media_type, seed)
        return [each for row in range(20) for each in sampler.lines(f"row-{row}", (640, 480), "some text to label")]

    lines = draw(7)
    assert lines == draw(7)
    assert lines != draw(8)
    made = [reader(media_type).read(each) for each in lines]
    assert len(made) >= 20
    assert len({each.uuid for each in made}) == len(made)
