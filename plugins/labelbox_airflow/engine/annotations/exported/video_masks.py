"""Exported masks of videos: what one colour is in the pictures of some frames, put together again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from labelbox_airflow.engine.annotations.exported.fields import HEAD, feature, known, scores
from labelbox_airflow.engine.annotations.exported.objects import read_mask
from labelbox_airflow.engine.annotations.exported.timeline import Timeline
from labelbox_airflow.engine.annotations.model import Annotation, Color, DataRow, MaskFrame, MaskInstance, VideoMasks
from labelbox_airflow.engine.annotations.problems import AnnotationError

_KEYS = HEAD | {"composite_mask", "mask"}


@dataclass(slots=True)
class Track:
    """A colour that stands for one instance.

    :param pictures: by frame, the URL of the picture with all masks of the frame
    """

    instance: MaskInstance
    pictures: dict[int, str] = field(default_factory=dict)


def is_mask(timeline: Timeline, feature_id: str) -> bool:
    """Whether an object is a mask."""
    shown = timeline.objects[feature_id]
    return any(shown[min(shown)].get(key) is not None for key in ("composite_mask", "mask"))


def read_tracks(timeline: Timeline, feature_id: str) -> list[Track]:
    """Return the masks of one instance; more than one where its colour changes.

    :raises AnnotationError: what is wrong with it
    """
    tracks: dict[Color, Track] = {}
    for frame, entry in timeline.shown(feature_id).items():
        known(entry, _KEYS)
        if entry.get("classifications") or any(scores(entry)):
            reason = "has answers or scores, which Labelbox does not import with masks of videos"
            raise AnnotationError("unknown_key", f"frames.{frame}", None, reason)
        if not timeline.is_key(feature_id, frame):
            continue
        if entry.get("composite_mask") is None and entry.get("mask") is None:
            raise AnnotationError("bad_mask", f"frames.{frame}", None, "must be a mask, as in other frames")
        mask = read_mask(entry)
        instance = MaskInstance(feature(entry), mask.color, feature_id)
        tracks.setdefault(mask.color, Track(instance)).pictures[frame] = mask.uri
    if not tracks:
        raise AnnotationError("no_frames", "key_frame_feature_map", None, "names no frame in which the mask was set")
    return list(tracks.values())


def masks_of(tracks: Iterable[Track], data_row: DataRow) -> Iterator[Annotation]:
    """Yield all masks together, as an import has them: in one annotation as far as colours are clear.

    Two instances that have one colour, or that are in two pictures of one frame, are in two annotations. The id of an
    annotation is made of those of its instances.
    """
    tracks = list(tracks)
    owners: dict[str, dict[Color, set[str | None]]] = {}
    for track in tracks:
        for url in track.pictures.values():
            owners.setdefault(url, {}).setdefault(track.instance.color, set()).add(track.instance.source_id)
    groups: list[list[Track]] = []
    for track in tracks:
        found = next((group for group in groups if _fit(group, track, owners)), None)
        if found is None:
            groups.append([track])
        else:
            found.append(track)
    for group in groups:
        yield _together(group, data_row)


def _fit(group: list[Track], track: Track, owners: dict[str, dict[Color, set[str | None]]]) -> bool:
    """Whether in all pictures of a group and a further track each colour is that of one of them only."""
    together = [*group, track]
    if len({each.instance.color for each in together}) != len(together):
        return False
    pictures: dict[int, str] = {}
    for each in together:
        if any(pictures.setdefault(frame, url) != url for frame, url in each.pictures.items()):
            return False
    return all(
        owners[url].get(each.instance.color, {each.instance.source_id}) == {each.instance.source_id}
        for url in pictures.values()
        for each in together
    )


def _together(group: list[Track], data_row: DataRow) -> Annotation:
    pictures = {frame: url for track in group for frame, url in track.pictures.items()}
    frames = tuple(MaskFrame(frame, pictures[frame]) for frame in sorted(pictures))
    ids = sorted({track.instance.source_id or "" for track in group})
    masks = VideoMasks(frames, tuple(track.instance for track in group))
    return Annotation(data_row, None, masks, source_id="+".join(ids))
