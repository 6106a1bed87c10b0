"""One ontology with a tool and a classification of every kind, and readers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labelbox_local.annotations import AnnotationReader, Features, ReaderRules
from labelbox_local.identifiers import endless_ids

UUID = "89b9515c-ed28-4b7b-8b3b-88a9307aab3a"
_numbers = iter(range(10_000))


def feature_id(name: str) -> str:
    return f"c{name.replace(' ', ''):0>24}"[:25]


def option(value: str, *nested: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"label": value, "value": value, "featureSchemaId": feature_id(f"o{value}"), "options": list(nested), **more}


def classification(kind: str, name: str, *options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "name": name, "instructions": name, "featureSchemaId": feature_id(name),
        "options": list(options), **more,
    }  # fmt: skip


def tool(kind: str, name: str, *classifications: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "tool": kind, "name": name, "featureSchemaId": feature_id(name), "classifications": list(classifications),
        **more,
    }  # fmt: skip


ONTOLOGY: dict[str, Any] = {
    "tools": [
        tool(
            "rectangle",
            "car",
            classification("radio", "color", option("red"), option("blue")),
            classification("text", "plate"),
        ),
        tool("polygon", "field"),
        tool("line", "lane"),
        tool("point", "nose"),
        tool("raster-segmentation", "sky"),
        tool("named-entity", "Person Name"),
        tool("rectangle", "old", archived=1),
        tool("edge", "chases", definition={"constraints": [[feature_id("car"), feature_id("car")]]}),
        tool("edge", "touches"),
        tool("message-single-selection", "best"),
        tool("message-multi-selection", "good"),
        tool("message-ranking", "order"),
    ],
    "classifications": [
        classification(
            "radio",
            "weather",
            option("rain", classification("checklist", "how", option("much"), option("cold"))),
            option("sun"),
        ),
        classification("checklist", "seen", option("dog"), option("cat"), option("gone", archived=1)),
        classification("text", "note"),
        classification("radio", "mood", option("calm"), option("wild"), scope="index"),
        classification("text", "heard", scope="index"),
        classification("prompt", "prompt", minCharacters=3, maxCharacters=20),
    ],
}


@pytest.fixture
def reader() -> Callable[..., AnnotationReader]:
    """Makes a reader for a media type; further arguments are rules."""
    ids: Iterator[str] = endless_ids()

    def make(media_type: str = "IMAGE", **rules: Any) -> AnnotationReader:
        return AnnotationReader(Features.of(ONTOLOGY), media_type, ids, ReaderRules(**rules))

    return make


def line(**content: Any) -> dict[str, Any]:
    return {"uuid": UUID, "dataRow": {"globalKey": "gk-1"}, **content}


def bare(value: Any) -> Any:
    """Without the ids that are made anew for every annotation."""
    if isinstance(value, dict):
        return {key: bare(each) for key, each in value.items() if key not in {"feature_id", "feature_schema_id"}}
    return [bare(each) for each in value] if isinstance(value, list) else value
