"""Stored annotations in the form an export shows, by media type (docs.labelbox.com/reference/export-*-annotations)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labelbox_local.annotations.features import value_of

Names = dict[str, tuple[str, str]]
_SHAPES = ("bounding_box", "point", "line")


@dataclass(slots=True)
class Form:
    """What the form of annotations depends on besides themselves.

    `text` is the content of a text row, for the tokens of entities. `mask_url` gives the address of the composite mask
    by frame, 0 for an image. `names` are names and values of features by id, when some were renamed since.
    """

    media_type: str
    mask_url: Callable[[int], str]
    text: str | None = None
    names: Names | None = None
    interpolated: bool = False
    key_frames: str = "map"


def export_form(content: dict[str, list[dict[str, Any]]], form: Form) -> dict[str, Any]:
    """`content` is what labels and predictions store; it is changed."""
    if form.names is not None:
        for annotations in content.values():
            for annotation in annotations:
                _rename(annotation, form.names)
    if form.media_type == "VIDEO":
        return _video(content, form)
    if form.media_type == "DICOM":
        return _dicom(content, form)
    if form.media_type == "AUDIO":
        return _audio(content)
    for annotation in content["objects"]:
        _complete(annotation, form)
    return {part: annotations for part, annotations in content.items() if part not in {"tracks", "spanned"}}


def _rename(node: dict[str, Any], names: Names) -> None:
    """Give an annotation and all its answers the names their features have now."""
    if node.get("feature_schema_id") in names:
        node["name"], node["value"] = names[node["feature_schema_id"]]
    for value in node.values():
        for inner in value if type(value) is list else (value,):
            if type(inner) is dict:
                _rename(inner, names)


def _complete(annotation: dict[str, Any], form: Form) -> None:
    """Add what only the data row or the export knows."""
    if "composite_mask" in annotation:
        annotation["composite_mask"] = {"url": form.mask_url(0), **annotation["composite_mask"]}
    location = annotation.get("location")
    if form.text is not None and location and annotation["annotation_kind"] == "TextEntity":
        location["token"] = form.text[location["start"] : location["end"] + 1]


def _video(content: dict[str, list[dict[str, Any]]], form: Form) -> dict[str, Any]:
    return _moving(content.get("tracks", []), content.get("spanned", []), form) | {
        "classifications": content["classifications"],
        **({"relationships": content["relationships"]} if content.get("relationships") else {}),
    }


def _moving(tracks: list[dict[str, Any]], spanned: list[dict[str, Any]], form: Form) -> dict[str, Any]:
    """Frames with what is in them, and for each feature where it is and where it was set."""
    frames: dict[int, dict[str, Any]] = {}
    segments: dict[str, list[list[int]]] = {}
    keys: dict[str, dict[int, bool]] = {}
    for track in tracks:
        feature = track["feature_id"]
        segments[feature] = [[segment[0]["frame"], segment[-1]["frame"]] for segment in track["segments"]]
        for segment in track["segments"]:
            for keyframe, is_key in _frames_of(segment, interpolated=form.interpolated):
                frame = keyframe["frame"]
                shown = frames.setdefault(frame, {"objects": {}, "classifications": []})
                shown["objects"][feature] = _in_frame(track, keyframe, form)
                keys.setdefault(feature, {})[frame] = is_key
    for classification in spanned:
        _spread(classification, frames, segments, keys, interpolated=form.interpolated)
    return {
        "frames": {str(frame): frames[frame] for frame in sorted(frames)},
        "segments": segments,
        "key_frame_feature_map": {
            feature: _key_frames(by_frame, form.key_frames) for feature, by_frame in keys.items()
        },
    }


def _key_frames(by_frame: dict[int, bool], shape: str) -> Any:
    if shape == "list":
        return [frame for frame in sorted(by_frame) if by_frame[frame]]
    return {str(frame): by_frame[frame] for frame in sorted(by_frame)}


def _in_frame(track: dict[str, Any], keyframe: dict[str, Any], form: Form) -> dict[str, Any]:
    shown = {key: value for key, value in track.items() if key not in {"segments", "group", "composite_mask"}}
    shown["classifications"] = track["classifications"] + keyframe["classifications"]
    for shape in _SHAPES:
        if shape in keyframe:
            shown[shape] = keyframe[shape]
    if "composite_mask" in track:
        shown["composite_mask"] = {"url": form.mask_url(keyframe["frame"]), **track["composite_mask"]}
    return shown


def _frames_of(segment: list[dict[str, Any]], *, interpolated: bool) -> list[tuple[dict[str, Any], bool]]:
    """The keyframes of a segment, and if wanted the frames between them."""
    if not interpolated:
        return [(keyframe, True) for keyframe in segment]
    found: list[tuple[dict[str, Any], bool]] = []
    for before, after in pairwise(segment):
        found.append((before, True))
        if any(shape in before for shape in _SHAPES):
            distance = after["frame"] - before["frame"]
            found += [(_between(before, after, step / distance, step), False) for step in range(1, distance)]
    found.append((segment[-1], True))
    return found


def _between(before: dict[str, Any], after: dict[str, Any], share: float, step: int) -> dict[str, Any]:
    shown = {"frame": before["frame"] + step, "classifications": before["classifications"]}
    for shape in _SHAPES:
        if shape in before:
            shown[shape] = _blend(before[shape], after[shape], share)
    return shown


def _blend(before: Any, after: Any, share: float) -> Any:
    """Shapes in between; lines of different lengths stay as they are."""
    if type(before) is dict:
        return {key: before[key] + (after[key] - before[key]) * share for key in before}
    if len(before) != len(after):
        return before
    return [_blend(*pair, share) for pair in zip(before, after, strict=True)]


def _spread(
    classification: dict[str, Any],
    frames: dict[int, dict[str, Any]],
    segments: dict[str, list[list[int]]],
    keys: dict[str, dict[int, bool]],
    *,
    interpolated: bool,
) -> None:
    """Put an answer that holds for some frames into the first of them, or into all."""
    feature = classification["feature_id"]
    segments[feature] = sorted(span for each in classification["spans"] for span in each["spans"])
    for each in classification["spans"]:
        shown = {key: value for key, value in classification.items() if key != "spans"}
        shown |= {key: value for key, value in each.items() if key != "spans"}
        for start, end in each["spans"]:
            for frame in range(start, (end if interpolated else start) + 1):
                frames.setdefault(frame, {"objects": {}, "classifications": []})["classifications"].append(shown)
                keys.setdefault(feature, {})[frame] = frame == start


def _audio(content: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Answers that hold for some time are under the millisecond they begin at."""
    times: dict[int, dict[str, Any]] = {}
    segments: dict[str, list[list[int]]] = {}
    for classification in content.get("spanned", []):
        _spread(classification, times, segments, {}, interpolated=False)
    return {
        "classifications": content["classifications"],
        "segments": segments,
        "timestamp": {str(start): {"classifications": times[start]["classifications"]} for start in sorted(times)},
    }


def _dicom(content: dict[str, list[dict[str, Any]]], form: Form) -> dict[str, Any]:
    """Each view is like a video; where something was set is said by feature, then by view (labelbox-python, tests)."""
    names = ("Axial", "Sagittal", "Coronal")
    groups: dict[str, Any] = {}
    segments: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for name in names:
        tracks = [track for track in content.get("tracks", []) if track.get("group") == name.lower()]
        shown = _moving(tracks, [], form)
        groups[name] = {"name": name, "classifications": [], "frames": shown["frames"]}
        segments[name] = shown["segments"]
        for feature, frames in shown["key_frame_feature_map"].items():
            keys[feature] = {each: frames if each == name else {} for each in names}
    return {
        "groups": groups,
        "segments": segments,
        "classifications": content["classifications"],
        "key_frame_feature_map": keys,
    }


def names_of(normalized: dict[str, Any]) -> Names:
    """Name and value of every feature of an ontology by its id, archived ones too."""
    names: Names = {}
    waiting = [*normalized.get("tools", []), *normalized.get("classifications", [])]
    while waiting:
        node = waiting.pop()
        if "label" in node and "type" not in node:
            names[node["featureSchemaId"]] = (str(node["label"]), str(node["value"]))
        else:
            name = str(node.get("name") or node.get("instructions"))
            names[node["featureSchemaId"]] = (name, value_of(name))
        waiting += [*(node.get("classifications") or []), *(node.get("options") or [])]
    return names
