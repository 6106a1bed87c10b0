"""Exported answers that hold for some time: of videos, of audio and of DICOM series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from labelbox_airflow.engine.annotations.exported.answers import PlainAnswer, read_answer
from labelbox_airflow.engine.annotations.exported.fields import Scores, feature
from labelbox_airflow.engine.annotations.exported.timeline import Timeline
from labelbox_airflow.engine.annotations.model import (
    Annotation,
    Answer,
    Checklist,
    Choice,
    DataRow,
    FreeText,
    OverTime,
    Radio,
    Span,
)
from labelbox_airflow.engine.annotations.problems import AnnotationError

Part = tuple[PlainAnswer, Span]
_AMBIGUOUS = (
    "several answers begin here, and segments that end at different times; an export does not say which is which"
)


def read_lasting(timeline: Timeline, feature_id: str, data_row: DataRow) -> Annotation | None:
    """Return the answer to one question with the spans in which it holds; None for one without an answer.

    An answer that changes in the middle of a segment holds up to there. Options of a checklist that hold at different
    times are parts of their own, as in imports.

    :raises AnnotationError: what is wrong with it
    """
    entries = timeline.answers[feature_id]
    read = {frame: [read_answer(each) for each in shown] for frame, shown in entries.items()}
    found = {frame: [each[0] for each in shown if each is not None] for frame, shown in read.items()}
    if not any(found.values()):
        return None
    segments = timeline.segments.get(feature_id) or _by_option(timeline, feature_id) or _runs(found)
    parts = _overlapping(found, segments) if _overlap(segments) else _one_by_one(found, segments, timeline, feature_id)
    scored = {each[1] for shown in read.values() for each in shown if each is not None}
    if len(scored) > 1:
        reason = "differs between the texts of one question, which an import can not say"
        raise AnnotationError("bad_confidence", "text_answer.confidence", None, reason)
    head = entries[min(entries)][0]
    answer = _together(parts, segments)
    return Annotation(
        data_row, feature(head), answer, (), None, *(scored.pop() if scored else Scores(None, ())), source_id=feature_id
    )


def _overlap(segments: Sequence[Span]) -> bool:
    return any(after.start <= before.end for before, after in pairwise(segments))


def _by_option(timeline: Timeline, feature_id: str) -> list[Span]:
    """Return the segments that are said of the options in place of the question."""
    options: set[str] = set()
    for shown in timeline.answers[feature_id].values():
        for entry in shown:
            chosen = [entry.get("radio_answer"), *(entry.get("checklist_answers") or ())]
            options |= {each["feature_id"] for each in chosen if type(each) is dict and "feature_id" in each}
    return sorted({span for option in options for span in timeline.segments.get(option, ())})


def _runs(found: dict[int, list[PlainAnswer]]) -> list[Span]:
    """Return frames that follow each other as segments."""
    runs: list[Span] = []
    for frame in sorted(found):
        if runs and runs[-1].end == frame - 1:
            runs[-1] = Span(runs[-1].start, frame)
        else:
            runs.append(Span(frame, frame))
    return runs


def _one_by_one(
    found: dict[int, list[PlainAnswer]], segments: Sequence[Span], timeline: Timeline, feature_id: str
) -> list[Part]:
    """Return the answers of segments that follow each other: each holds until the next, or to the end."""
    parts: list[Part] = []
    left = {frame for frame in found if timeline.is_key(feature_id, frame)}
    for span in segments:
        shown = [frame for frame in found if span.start <= frame <= span.end]
        begins = [frame for frame in shown if timeline.is_key(feature_id, frame)] or shown[:1]
        if not begins:
            raise AnnotationError("no_frames", "segments", list(span), "is a segment of which no frame has an answer")
        starts = [span.start, *begins[1:]]
        ends = [*(frame - 1 for frame in begins[1:]), span.end]
        for frame, start, end in zip(begins, starts, ends, strict=True):
            parts += [(answer, Span(start, end)) for answer in found[frame]]
        left -= set(shown)
    if left:
        reason = "has an answer outside of its segments"
        raise AnnotationError("outside_segments", f"frames.{min(left)}", None, reason)
    return parts


def _overlapping(found: dict[int, list[PlainAnswer]], segments: Sequence[Span]) -> list[Part]:
    """Return the answers of segments that overlap: each is the one that begins with it.

    :raises AnnotationError: an export that does not say which that is
    """
    parts: list[Part] = []
    for span in segments:
        shown, before = found.get(span.start, []), found.get(span.start - 1, [])
        begins = _distinct([each for each in shown if each not in before] or shown)
        if not begins:
            raise AnnotationError("no_frames", "segments", list(span), "is a segment of which no frame has an answer")
        if len(begins) > 1 and len([each for each in segments if each.start == span.start]) > 1:
            raise AnnotationError("ambiguous_answers", f"frames.{span.start}", None, _AMBIGUOUS)
        parts += [(each, span) for each in begins]
    said = [answer for answer, _ in parts]
    for frame, shown in found.items():
        if any(each not in said for each in shown):
            raise AnnotationError("ambiguous_answers", f"frames.{frame}", None, "an answer begins within a segment")
    return parts


def _distinct(answers: Iterable[PlainAnswer]) -> list[PlainAnswer]:
    return list(dict.fromkeys(answers))


def _together(parts: Sequence[Part], segments: Sequence[Span]) -> Answer:
    """Return one answer, which holds in some spans, or several."""
    starts = frozenset(span.start for span in segments)
    lasting: dict[PlainAnswer, list[Span]] = {}
    for answer, span in parts:
        lasting.setdefault(answer, []).append(span)
    if len(lasting) == 1:
        ((answer, spans),) = lasting.items()
        if isinstance(answer, Radio):
            return Radio(answer.choice, _merged(spans, starts))
        if isinstance(answer, Checklist):
            return Checklist(answer.choices, _merged(spans, starts))
    each_option: dict[Choice | FreeText, list[Span]] = {}
    for answer, spans in lasting.items():
        for option in _options(answer):
            each_option.setdefault(option, []).extend(spans)
    return OverTime(tuple(_part(option, _merged(spans, starts)) for option, spans in each_option.items()))


def _options(answer: PlainAnswer) -> tuple[Choice | FreeText, ...]:
    if isinstance(answer, FreeText):
        return (answer,)
    return (answer.choice,) if isinstance(answer, Radio) else answer.choices


def _part(option: Choice | FreeText, spans: tuple[Span, ...]) -> Radio | FreeText:
    if isinstance(option, FreeText):
        return FreeText(option.content, option.classifications, spans)
    return Radio(option, spans)


def _merged(spans: Iterable[Span], starts: frozenset[int]) -> tuple[Span, ...]:
    """Join spans that were parted within a segment."""
    found: list[Span] = []
    for span in sorted(set(spans)):
        if found and found[-1].end + 1 == span.start and span.start not in starts:
            found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
    return tuple(found)
