"""One ontology with a class of every kind, and short ways to check annotations of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.checks import AnnotationChecker, Asset
from labelbox_airflow.engine.annotations.model import Annotation, Choice, Classification, DataRow, Feature, Radio, Value
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.ontology.tree import of_normalized

ROW = DataRow("row-1")


def schema_id(name: str) -> str:
    """The schema id of a class or option; 25 characters as Labelbox's."""
    return f"c{name:0>24}"


def option(value: str, *nested: dict[str, Any]) -> dict[str, Any]:
    return {"label": value, "value": value, "featureSchemaId": schema_id(f"o{value}"), "options": list(nested)}


def question(kind: str, name: str, *options: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"type": kind, "name": name, "instructions": name, "featureSchemaId": schema_id(name)}
    return head | {"options": list(options)} | more


def tool(kind: str, name: str, *questions: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"tool": kind, "name": name, "featureSchemaId": schema_id(name)}
    return head | {"classifications": list(questions)} | more


ONTOLOGY: dict[str, Any] = {
    "tools": [
        tool("rectangle", "car", question("radio", "color", option("red"), option("blue")), question("text", "plate")),
        tool("rectangle", "van", question("radio", "use", option("post"), required=True)),
        tool("polygon", "field"),
        tool("line", "lane"),
        tool("point", "nose"),
        tool("raster-segmentation", "sky"),
        tool("named-entity", "person"),
        tool("edge", "chases", definition={"constraints": [[schema_id("car"), schema_id("van")]]}),
        tool("edge", "touches"),
        tool("message-single-selection", "best"),
        tool("message-multi-selection", "good"),
        tool("message-ranking", "order"),
    ],
    "classifications": [
        question(
            "radio", "weather",
            option("rain", question("checklist", "how", option("much"), option("cold"), required=True)),
            option("sun"),
        ),
        question("checklist", "seen", option("dog"), option("cat")),
        question("text", "note"),
        question("radio", "mood", option("calm"), option("wild"), scope="index"),
        question("checklist", "heads", option("up"), option("down"), scope="index"),
        question("text", "heard", scope="index"),
        question("prompt", "prompt", minCharacters=3, maxCharacters=20),
    ],
}  # fmt: skip

Check = Callable[..., Annotation]


def checker(media_type: str = "IMAGE", to: Any = "prelabels", outside: Any = "reject") -> AnnotationChecker:
    return AnnotationChecker(of_normalized(ONTOLOGY), media_type=media_type, to=to, outside=outside)


@pytest.fixture
def accept() -> Check:
    """Checks a value of a class and returns the annotation; media type, destination and the like by name."""

    def check(
        name: str | None, value: Value, asset: Asset | None = None, *, media: str = "IMAGE", to: str = "prelabels",
        outside: str = "reject", **more: Any,
    ) -> Annotation:  # fmt: skip
        feature = Feature(name) if name is not None else None
        return checker(media, to, outside).check(Annotation(ROW, feature, value, **more), asset)

    return check


@pytest.fixture
def refuse(accept: Check) -> Callable[..., AnnotationError]:
    """Checks as `accept`, and returns the error."""

    def check(*args: Any, **more: Any) -> AnnotationError:
        with pytest.raises(AnnotationError) as caught:
            accept(*args, **more)
        return caught.value

    return check


def radio(name: str, *nested: Classification, **more: Any) -> Radio:
    return Radio(Choice(Feature(name), nested), **more)


def nested(name: str, answer: Any, **more: Any) -> Classification:
    return Classification(Feature(name), answer, **more)
