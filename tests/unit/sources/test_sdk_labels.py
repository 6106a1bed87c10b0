"""Labels of the SDK as objects of NDJSON: what tells annotations apart lasts."""

from __future__ import annotations

from typing import Any

import pytest
from labelbox.types import Label, ObjectAnnotation, Point, Rectangle, Relationship, RelationshipAnnotation

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.sources.sdk_labels import annotation_lines

OWN = "11111111-1111-4111-8111-111111111111"


def box(left: float, **extra: Any) -> ObjectAnnotation:
    return ObjectAnnotation(
        name="Car", value=Rectangle(start=Point(x=left, y=1), end=Point(x=left + 5, y=9)), extra=extra
    )


def label(*annotations: Any) -> Label:
    return Label(data={"global_key": "k"}, annotations=list(annotations))


def related(*, first: tuple[ObjectAnnotation, ...] = ()) -> list[dict[str, Any]]:
    source, target = box(3), box(4)
    link = RelationshipAnnotation(name="on", value=Relationship(source=source, target=target))
    return list(annotation_lines([label(*first, source, target, link)]))


def test_a_uuid_of_the_author_stays_and_one_that_the_sdk_made_up_goes() -> None:
    made_up, own = annotation_lines([label(box(1), box(2, uuid=OWN))])
    assert "uuid" not in made_up
    assert own["uuid"] == OWN


def test_the_ends_of_a_relationship_have_lasting_names() -> None:
    lines = related()
    ends = next(line["relationship"] for line in lines if "relationship" in line)
    named = {line["uuid"]: line["bbox"]["left"] for line in lines if "bbox" in line}
    assert (named[ends["source"]], named[ends["target"]]) == (3, 4)
    assert related() == lines
    # A box more, the same ends.
    assert [line for line in related(first=(box(9),)) if line.get("bbox", {}).get("left") != 9] == lines


def test_objects_of_ndjson_pass_and_anything_else_is_named_with_its_number() -> None:
    line = {"name": "Car", "dataRow": {"globalKey": "k"}, "uuid": OWN}
    assert list(annotation_lines([line])) == [line]
    with pytest.raises(SourceError, match=r"annotation 2 of those given: is a int.*labelbox\.types\.Label"):
        list(annotation_lines([line, 7]))  # type: ignore[list-item]
