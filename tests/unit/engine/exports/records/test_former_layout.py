"""The layout of the former connectors is read back by the reader of their tables as what was exported."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.unit.engine.exports.records.lines import BOX, CORNERS, label, labeled, thing

from labelbox_airflow.engine.annotations.exported.by_name import by_name
from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import Annotation, DataRow
from labelbox_airflow.engine.annotations.readers.wide import WideReader
from labelbox_airflow.engine.annotations.readers.wide_spec import WideSpec
from labelbox_airflow.engine.exports.records.former_layout import FormerLayout
from labelbox_airflow.engine.metadata_schema import MetadataField
from labelbox_airflow.engine.ontology.tree import Classification, Ontology, Option, Tool
from labelbox_airflow.engine.records import Batch

HOW = Classification("how", "checklist", (Option("much", "much"), Option("cold", "cold")))
WEATHER = Classification("weather", "radio", (Option("sun", "sun"), Option("rain", "rain", (HOW,))))
PLATE = Classification("plate", "text")
SHAPES = (
    Tool("car", "rectangle", (WEATHER, PLATE)),
    Tool("cargo", "rectangle"),
    Tool("field", "polygon"),
    Tool("lane", "line"),
    Tool("nose", "point"),
)
ONTOLOGY = Ontology(
    (*SHAPES, Tool("sky", "raster-segmentation"), Tool("name", "named-entity"), Tool("chases", "edge")),
    (WEATHER, Classification("seen", "checklist", (Option("dog", "dog"), Option("cat", "cat"))), PLATE),
)
RAIN = thing("rain", classifications=[thing("how", checklist_answers=[thing("much"), thing("cold")])])
RAINY = thing("weather", radio_answer=RAIN)
GROUPS = [{"id": "g", "page_number": 1, "tokens": ["t1", "t2"], "text": "a b"}]
OBJECTS = [
    thing("car", bounding_box=BOX, classifications=[RAINY, thing("plate", text_answer={"content": 'B\'s "1"'})]),
    thing("car", bounding_box=BOX),
    thing("cargo", bounding_box=BOX, page_number=3),
    thing("field", polygon=CORNERS),
    thing("lane", line=CORNERS),
    thing("nose", point=CORNERS[1]),
    thing("sky", composite_mask={"url": "https://a/1", "color_rgb": [1, 2, 3]}),
    thing("name", location={"start": 3, "end": 5}),
    thing("name", location={"groups": GROUPS}),
]
ANSWERS = [
    RAINY,
    thing("seen", checklist_answers=[thing("dog"), thing("cat")]),
    thing("plate", text_answer={"content": "a /// b's"}),
]


def geo(kind: str, coordinates: Any, name: str) -> dict[str, Any]:
    return {"geojson": {"type": kind, "coordinates": coordinates}, "annotation_kind": name}


RING = [[1, 2], [3, 2], [3, 4], [1, 4], [1, 2]]
ON_MAP = [
    thing("car", **geo("Polygon", [RING], "GeoBox")),
    thing("field", **geo("Polygon", [RING], "GeoPolygon")),
    thing("lane", **geo("LineString", RING[:3], "GeoPolyline")),
    thing("nose", **geo("Point", RING[0], "GeoPoint")),
]


def meaning(found: Any) -> list[str]:
    assert [str(each) for each in found if not isinstance(each, Annotation)] == []
    key = DataRow("key of d1")
    return sorted(repr(replace(by_name(each), data_row=key, source_id=None, origin=None)) for each in found)


@pytest.mark.parametrize("divider", ["///", "|"])
@pytest.mark.parametrize(
    ("said", "is_map"), [({"objects": OBJECTS, "classifications": ANSWERS}, False), ({"objects": ON_MAP}, True)]
)
def test_what_is_written_is_read_as_it_was(said: Any, is_map: bool, divider: str) -> None:
    made = FormerLayout(ONTOLOGY, {}, is_map=is_map, divider=divider)
    (records,) = made.batches([labeled(label(**said))])
    assert records.batch.schema == made.schema
    assert records.batch.column("other").to_pylist() == [None]
    reader = WideReader(WideSpec(divider=divider), ONTOLOGY)
    read = list(reader.read([Batch(records.batch, "table", [1])]))
    assert meaning(read) == meaning(list(annotations_of(label(**said), DataRow("key of d1"))))


def test_metadata_and_attachments_are_columns_too() -> None:
    made = FormerLayout(ONTOLOGY, {"score": MetadataField("m", "score", "number")}, [("RAW_TEXT", "hint")])
    content = {
        "metadata_fields": [{"schema_id": "m", "schema_name": "score", "value": 2}],
        "attachments": [
            {"type": "RAW_TEXT", "name": "other", "value": "x"},
            {"type": "RAW_TEXT", "name": "hint", "value": "v"},
        ],
    }
    (records,) = made.batches([labeled(label(), **content)])
    (row,) = records.batch.to_pylist()
    assert (row["metadata///number///score"], row["attachment///RAW_TEXT///hint"]) == (2.0, "v")
    assert (row["row_data"], row["label_id"], row["annotation///bbox///car"]) == ("https://a/b.jpg", "l1", None)


def test_what_has_no_form_is_named_with_the_reason() -> None:
    ends: dict[str, str] = {"source": "a", "target": "b"}
    wrong = {
        "objects": [
            thing("cargo", bounding_box=BOX, page_number=1, unit="PERCENT"),
            thing("lane", polygon=CORNERS),
            thing("removed", polygon=CORNERS),
            thing("strange", hexagon=[1]),
        ],
        "relationships": [thing("chases", unidirectional_relationship=ends)],
        "classifications": [thing("seen", conversational_checklist_answers=[thing("dog")], message_id="m")],
    }
    (records,) = FormerLayout(ONTOLOGY, {}).batches([labeled(label(**wrong))])
    (row,) = records.batch.to_pylist()
    assert [each for each in row if each.startswith("annotation///") and row[each] is not None] == []
    kept = {each["class"]: each["reason"] for each in orjson.loads(row["other"])}
    assert sorted(kept) == ["cargo", "chases", "lane", "removed", "seen", "strange"]
    assert "points" in kept["cargo"]
    assert "no line" in kept["lane"]
