"""Exported annotations that name classes and options by name alone, for a project with another ontology."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    Answer,
    Checklist,
    Choice,
    Classification,
    Feature,
    FreeText,
    OverTime,
    Radio,
    Value,
    VideoMasks,
    VideoObject,
)


def by_name(annotation: Annotation) -> Annotation:
    """Return an annotation without the schema ids of what has a name: another ontology has others."""
    return replace(
        annotation,
        feature=_feature(annotation.feature) if annotation.feature is not None else None,
        value=_value(annotation.value),
        classifications=_classifications(annotation.classifications),
    )


@lru_cache(maxsize=1 << 14)
def _feature(feature: Feature) -> Feature:
    return Feature(feature.name) if feature.name is not None else feature


def _value(value: Value) -> Value:
    if isinstance(value, Radio | Checklist | FreeText | OverTime):
        return _answer(value)
    if isinstance(value, VideoObject):
        return VideoObject(
            tuple(
                tuple(replace(each, classifications=_classifications(each.classifications)) for each in segment)
                for segment in value.segments
            )
        )
    if isinstance(value, VideoMasks):
        return replace(
            value, instances=tuple(replace(each, feature=_feature(each.feature)) for each in value.instances)
        )
    return value


def _classifications(given: tuple[Classification, ...]) -> tuple[Classification, ...]:
    return tuple(replace(each, feature=_feature(each.feature), answer=_answer(each.answer)) for each in given)


def _answer(answer: Answer) -> Answer:
    if isinstance(answer, OverTime):
        return OverTime(tuple(_part(part) for part in answer.parts))
    if isinstance(answer, Checklist):
        return replace(answer, choices=tuple(_choice(each) for each in answer.choices))
    return _part(answer)


def _part(part: Radio | FreeText) -> Radio | FreeText:
    if isinstance(part, Radio):
        return replace(part, choice=_choice(part.choice))
    return replace(part, classifications=_classifications(part.classifications))


def _choice(choice: Choice) -> Choice:
    nested = _classifications(choice.classifications)
    return replace(choice, feature=_feature(choice.feature), classifications=nested)
