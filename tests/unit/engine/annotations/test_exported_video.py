"""Labels of videos, audio and DICOM series, which exports show frame by frame, become whole annotations."""

from typing import Any

import pytest

from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Checklist,
    Choice,
    Classification,
    DataRow,
    Feature,
    FreeText,
    Keyframe,
    Line,
    MaskFrame,
    MaskInstance,
    OverTime,
    Radio,
    Span,
    VideoMasks,
    VideoObject,
    View,
)
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation

ROW = DataRow("gk-1")
LINE = [{"x": 147.5, "y": 118.0}, {"x": 150.5, "y": 160.0}]
RED, BLUE = (255, 0, 0), (0, 0, 255)
Frames = dict[int, list[dict[str, Any]]]


def video(
    objects: Frames | None = None,
    answers: Frames | None = None,
    segments: dict[str, Any] | None = None,
    keys: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The annotations of a video's label: objects and answers by frame."""
    frames: dict[str, Any] = {}
    for frame in sorted({*(objects or {}), *(answers or {})}):
        shown = {each["feature_id"]: each for each in (objects or {}).get(frame, [])}
        frames[str(frame)] = {"objects": shown, "classifications": (answers or {}).get(frame, [])}
    return {
        "frames": frames,
        "segments": segments or {},
        "key_frame_feature_map": keys or {},
        "classifications": [],
        **more,
    }


def box(left: float, *nested: Any, feature: str = "f1") -> dict[str, Any]:
    return {
        "feature_id": feature,
        "name": "car",
        "annotation_kind": "VideoBoundingBox",
        "classifications": list(nested),
        "bounding_box": {"top": 98.0, "left": left, "height": 243.0, "width": 236.0},
    }


def shape(left: float) -> BoundingBox:
    return BoundingBox(left, 98, 236, 243)


def chosen(name: str, called: str = "q1", question: str = "mood") -> dict[str, Any]:
    return {"feature_id": called, "name": question, "radio_answer": {"name": name, "classifications": []}}


def ticked(*names: str) -> dict[str, Any]:
    return {"feature_id": "q1", "name": "heard", "checklist_answers": [{"name": name} for name in names]}


def said(content: str) -> dict[str, Any]:
    return {"feature_id": "q1", "name": "said", "text_answer": {"content": content}}


def mask(called: str, color: tuple[int, int, int], frame: int, url: str | None = None) -> dict[str, Any]:
    return {
        "feature_id": called,
        "name": f"class of {called}",
        "annotation_kind": "VideoSegmentationMask",
        "classifications": [],
        "composite_mask": {"url": url or f"https://m/{frame}", "color_rgb": list(color)},
    }


def read(annotations: dict[str, Any]) -> list[Annotation | RejectedAnnotation]:
    return list(annotations_of({"label_kind": "Video", "annotations": annotations}, ROW))


def one(annotations: dict[str, Any]) -> Annotation:
    (found,) = read(annotations)
    assert isinstance(found, Annotation), str(found)
    return found


def frames_of(annotation: Annotation) -> list[list[tuple[int, float]]]:
    """Frame and left edge of each key frame, by segment."""
    assert isinstance(annotation.value, VideoObject)
    return [
        [(each.frame, each.shape.left) for each in segment if isinstance(each.shape, BoundingBox)]
        for segment in annotation.value.segments
    ]


ALL = {13: [box(10)], 14: [box(11)], 18: [box(20)], 19: [box(30)]}


def test_frames_become_the_segments_of_one_object():
    found = one(video(ALL, segments={"f1": [[13, 14], [18, 19]]}))
    segments = (
        (Keyframe(13, shape(10)), Keyframe(14, shape(11))),
        (Keyframe(18, shape(20)), Keyframe(19, shape(30))),
    )
    assert found == Annotation(ROW, Feature("car"), VideoObject(segments), source_id="f1")


@pytest.mark.parametrize("keys", [{"1": True, "2": False, "3": False, "4": True}, [1, 4]])
def test_interpolated_frames_are_left_out(keys: Any):
    objects = {frame: [box(frame)] for frame in range(1, 5)}
    assert frames_of(one(video(objects, segments={"f1": [[1, 4]]}, keys={"f1": keys}))) == [[(1, 1), (4, 4)]]


def test_a_segment_that_begins_or_ends_between_key_frames_keeps_its_length():
    shown = {1: [box(1)], 3: [box(3)], 5: [box(5)], 7: [box(7)]}
    keys = {"f1": {"1": False, "3": True, "5": True, "7": False}}
    assert frames_of(one(video(shown, segments={"f1": [[1, 7]]}, keys=keys))) == [[(1, 1), (3, 3), (5, 5), (7, 7)]]
    hidden = {frame: shown[frame] for frame in (3, 5)}
    assert frames_of(one(video(hidden, segments={"f1": [[1, 7]]}, keys=keys))) == [[(1, 3), (3, 3), (5, 5), (7, 5)]]


def test_two_objects_of_one_class_stay_two():
    objects = {1: [box(1), box(2, feature="f2")]}
    found = read(video(objects, segments={"f1": [[1, 1]], "f2": [[1, 1]]}))
    assert [frames_of(each) for each in found if isinstance(each, Annotation)] == [[[(1, 1)]], [[(1, 2)]]]


def test_an_answer_that_is_the_same_in_all_frames_is_one_of_the_object():
    plate, color = chosen("yes", "n1", "plate"), [chosen("red", "n2", "color"), chosen("blue", "n3", "color")]
    objects = {1: [box(1, plate, color[0])], 2: [box(2, plate, color[1])]}
    found = one(video(objects, segments={"f1": [[1, 2]]}))
    assert found.classifications == (Classification(Feature("plate"), Radio(Choice(Feature("yes")))),)
    assert isinstance(found.value, VideoObject)
    assert [each.classifications for each in found.value.segments[0]] == [
        (Classification(Feature("color"), Radio(Choice(Feature(name)))),) for name in ("red", "blue")
    ]


@pytest.mark.parametrize(
    ("annotations", "code"),
    [
        (video(ALL), "no_segments"),
        (video(ALL, segments={"f1": [[13, 18]]}), "outside_segments"),
        (video(ALL, segments={"f1": [[1, 2], [13, 19]]}), "no_frames"),
        (video(ALL, segments={"f1": [[19, 13]]}), "bad_span"),
        (video(ALL, segments={"f1": [[13, 19]], "f2": [[1, 2]]}), "no_frames"),
        (video(ALL, segments={"f1": [[13, 19]]}, keys={"f1": [13, 16]}), "no_frames"),
        (video({1: [mask("f1", RED, 1)]}, keys={"f1": {"1": False}}), "no_frames"),
        (video({1: [{**box(1), "polygon": LINE}]}, segments={"f1": [[1, 1]]}), "unknown_key"),
        (video({1: [{**box(1), "bounding_box": None, "cube": 1}]}, segments={"f1": [[1, 1]]}), "unknown_key"),
        (video({1: [box(1)]}, segments={"f1": [[1, 1]]}, tracks=[1]), "unknown_key"),
        ({"frames": {"x": {"objects": {"f1": box(1)}}}}, "not_whole"),
        ({"frames": {"1": {"objects": {"f1": 3}}}}, "not_an_object"),
        ({"frames": {"1": {"objects": {}, "drawings": [1]}}}, "unknown_key"),
        ({"frames": [1]}, "not_an_object"),
    ],
)
def test_what_cannot_be_put_together_is_rejected(annotations: dict[str, Any], code: str):
    assert [each.code for each in read(annotations) if isinstance(each, RejectedAnnotation)] == [code]


def test_a_rejected_object_of_a_video_says_which_it_is():
    (found,) = read(video(ALL))
    assert isinstance(found, RejectedAnnotation)
    assert str(found) == "gk-1, car: VideoBoundingBox: segments: do not say in which frames the object is"
    assert found.source_id == "f1"


# Answers that hold for some time.


def test_an_answer_holds_in_its_segments():
    answers = {2: [chosen("calm")], 6: [chosen("calm")]}
    found = one(video(answers=answers, segments={"q1": [[2, 4], [6, 6]]}, keys={"q1": [2, 6]}))
    value = Radio(Choice(Feature("calm")), (Span(2, 4), Span(6, 6)))
    assert found == Annotation(ROW, Feature("mood"), value, source_id="q1")


@pytest.mark.parametrize("keys", [{}, {"q1": [1, 4]}, {"q1": {"1": True, "4": True, "5": False}}])
def test_an_answer_that_changes_within_a_segment_holds_until_then(keys: dict[str, Any]):
    answers = {1: [chosen("calm")], 4: [chosen("wild")], 5: [chosen("wild")]}
    found = one(video(answers=answers, segments={"q1": [[1, 6]]}, keys=keys))
    calm, wild = Radio(Choice(Feature("calm")), (Span(1, 3),)), Radio(Choice(Feature("wild")), (Span(4, 6),))
    assert found.value == OverTime((calm, wild))


def test_answers_of_all_frames_are_those_of_the_first():
    answers = {frame: [ticked("dog", "cat")] for frame in range(1, 4)}
    both = (Choice(Feature("dog")), Choice(Feature("cat")))
    for segments in ({"q1": [[1, 3]]}, {}):
        assert one(video(answers=answers, segments=segments)).value == Checklist(both, (Span(1, 3),))


def test_options_that_hold_at_different_times_are_parts():
    answers = {1: [ticked("dog")], 3: [ticked("dog", "cat")], 5: [ticked("cat")]}
    found = one(video(answers=answers, segments={"q1": [[1, 6]]}))
    dog, cat = Radio(Choice(Feature("dog")), (Span(1, 4),)), Radio(Choice(Feature("cat")), (Span(3, 6),))
    assert found.value == OverTime((dog, cat))


def test_segments_of_options_are_those_of_the_answer():
    answer = chosen("calm")
    answer["radio_answer"]["feature_id"] = "o1"
    found = one(video(answers={2: [answer]}, segments={"o1": [[2, 9]]}))
    assert found.value == Radio(Choice(Feature("calm")), (Span(2, 9),))


@pytest.mark.parametrize("interpolated", [False, True])
def test_answers_that_overlap_begin_with_their_segments(interpolated: bool):
    answers = {1: [said("one")], 3: [said("two")]}
    if interpolated:
        both = [said("one"), said("two")]
        answers = {1: [said("one")], 2: [said("one")], 3: both, 4: both, 5: both, 6: [said("two")]}
    found = one(video(answers=answers, segments={"q1": [[1, 5], [3, 6]]}, keys={"q1": [1, 3]}))
    assert found.value == OverTime((FreeText("one", (), (Span(1, 5),)), FreeText("two", (), (Span(3, 6),))))


@pytest.mark.parametrize(
    ("answers", "segments", "code"),
    [
        ({1: [said("one"), said("two")]}, [[1, 3], [1, 5]], "ambiguous_answers"),
        ({1: [said("one")], 2: [said("two")], 3: [said("three")]}, [[1, 5], [3, 6]], "ambiguous_answers"),
        ({1: [said("one")]}, [[1, 5], [3, 6]], "no_frames"),
        ({1: [said("one")]}, [[1, 5], [7, 9]], "no_frames"),
        ({1: [said("one")], 8: [said("two")]}, [[1, 5]], "outside_segments"),
    ],
)
def test_answers_of_which_the_time_is_not_clear_are_rejected(answers: Frames, segments: Any, code: str):
    found = read(video(answers=answers, segments={"q1": segments}))
    assert [each.code for each in found if isinstance(each, RejectedAnnotation)] == [code]


def test_an_audio():
    annotations = {
        "classifications": [],
        "segments": {"q1": [[0, 2000], [2500, 3000]]},
        "timestamp": {"0": {"classifications": [said("hello")]}, "2500": {"classifications": [said("bye")]}},
    }
    hello, bye = FreeText("hello", (), (Span(0, 2000),)), FreeText("bye", (), (Span(2500, 3000),))
    assert one(annotations) == Annotation(ROW, Feature("said"), OverTime((hello, bye)), source_id="q1")


def test_an_audio_without_answers_in_time():
    plain = {"feature_id": "q2", "name": "note", "text_answer": {"content": "x"}}
    assert one({"classifications": [plain], "segments": {}, "timestamp": {}}).value == FreeText("x")


# Masks.


def instance(called: str, color: tuple[int, int, int]) -> MaskInstance:
    return MaskInstance(Feature(f"class of {called}"), color, called)


def test_masks_are_put_together_by_frame():
    objects = {1: [mask("f1", RED, 1), mask("f2", BLUE, 1)], 3: [mask("f2", BLUE, 3)]}
    found = one(video(objects, segments={"f1": [[1, 1]], "f2": [[1, 1], [3, 3]]}))
    frames = (MaskFrame(1, "https://m/1"), MaskFrame(3, "https://m/3"))
    masks = VideoMasks(frames, (instance("f1", RED), instance("f2", BLUE)))
    assert found == Annotation(ROW, None, masks, source_id="f1+f2")
    assert isinstance(found.value, VideoMasks)
    assert [each.source_id for each in found.value.instances] == ["f1", "f2"]


@pytest.mark.parametrize(
    "objects",
    [
        {1: [mask("f1", RED, 1)], 2: [mask("f2", RED, 2)]},
        {1: [mask("f1", RED, 1, "https://m/a"), mask("f2", BLUE, 1, "https://m/b")]},
    ],
    ids=["one colour", "two pictures of a frame"],
)
def test_masks_that_cannot_be_told_apart_together_are_apart(objects: Frames):
    found = read(video(objects, segments={"f1": [[1, 2]], "f2": [[1, 2]]}))
    assert [each.source_id for each in found if isinstance(each, Annotation)] == ["f1", "f2"]


def test_a_mask_does_not_take_the_pixels_of_another_in_a_frame_it_is_not_in():
    objects = {1: [mask("f1", RED, 1)], 2: [mask("f2", BLUE, 2), mask("f3", RED, 2)]}
    found = read(video(objects, segments={each: [[1, 2]] for each in ("f1", "f2", "f3")}))
    assert [each.source_id for each in found if isinstance(each, Annotation)] == ["f1", "f2+f3"]


def test_interpolated_masks_are_left_out():
    objects = {frame: [mask("f1", RED, frame)] for frame in (1, 2, 3)}
    found = one(video(objects, segments={"f1": [[1, 3]]}, keys={"f1": {"1": True, "2": False, "3": True}}))
    assert isinstance(found.value, VideoMasks)
    assert [each.frame for each in found.value.frames] == [1, 3]


def test_answers_of_masks_are_not_lost():
    answered = {**mask("f1", RED, 1), "classifications": [chosen("red")]}
    (found,) = read(video({1: [answered]}, segments={"f1": [[1, 1]]}))
    assert isinstance(found, RejectedAnnotation)
    assert "which Labelbox does not import with masks of videos" in str(found)


# DICOM.


def dicom(frames: dict[str, Any], keys: Any = None) -> dict[str, Any]:
    views = ("Axial", "Sagittal", "Coronal")
    return {
        "groups": {
            name: {"name": name, "classifications": [], "frames": frames if name == "Axial" else {}} for name in views
        },
        "segments": {"Axial": {"f1": [[1, 1]]}, "Sagittal": {}, "Coronal": {}},
        "classifications": [],
        "key_frame_feature_map": keys or {},
    }


POLYLINE = {"feature_id": "f1", "name": "polyline", "annotation_kind": "DICOMPolyline", "line": LINE}
FRAMES = {"1": {"objects": {"f1": POLYLINE}, "classifications": []}}


@pytest.mark.parametrize(
    "keys",
    [
        {"f1": {"Axial": {"1": True}, "Coronal": {}, "Sagittal": {}}},
        {"f1": {"Axial": [1]}},
        {"f1": {"1": True}},
        {"f1": [1]},
        {},
    ],
)
def test_views_of_a_dicom_series_are_parts(keys: dict[str, Any]):
    line = Line(((147.5, 118), (150.5, 160)))
    found = one(dicom(FRAMES, keys))
    value = VideoObject(((Keyframe(1, line),),))
    assert found == Annotation(ROW, Feature("polyline"), value, part=View("axial"), source_id="f1")


def test_unknown_views_are_rejected():
    annotations = dicom(FRAMES)
    annotations["groups"]["Oblique"] = annotations["groups"].pop("Axial")
    assert [each.code for each in read(annotations) if isinstance(each, RejectedAnnotation)] == ["bad_view"]
