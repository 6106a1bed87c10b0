"""A label becomes one row with the columns of the ontology, in its order and with its types."""

from typing import Any

import orjson
import pyarrow as pa
import pytest
from tests.unit.engine.exports.records.lines import BOX, CORNERS, label, labeled, thing

from labelbox_airflow.engine.exports.records.labels import LabelRecords
from labelbox_airflow.engine.exports.records.tools import ObjectForm
from labelbox_airflow.engine.ontology.tree import Classification, Ontology, Option, Tool

HOW = Classification("how", "checklist", (Option("much", "much"),), schema_id="schema of how")
RAIN = Option("rain", "rain", (HOW,))
COLOR = Classification("color", "radio", (Option("red", "red"),))
ONTOLOGY = Ontology(
    (
        Tool("car", "rectangle", (COLOR,), schema_id="schema of car"),
        Tool("sky", "raster-segmentation"),
        Tool("person", "named-entity"),
        Tool("chases", "edge"),
    ),
    (
        Classification("weather", "radio", (Option("sun", "sun"), RAIN)),
        Classification("seen", "checklist", (Option("dog", "dog"), Option("cat", "cat"))),
        Classification("note", "text"),
        Classification("mood", "radio", (Option("calm", "calm"),), scope="index"),
    ),
)
RED = thing("color", radio_answer=thing("red"))
CAR = thing("car", bounding_box=BOX, classifications=[RED])
FULL = label(
    objects=[CAR, CAR | {"feature_id": "2", "classifications": []}, thing("person", location={"start": 1, "end": 2})],
    classifications=[
        thing("weather", radio_answer=thing("rain", classifications=[thing("how", checklist_answers=[thing("much")])])),
        thing("seen", checklist_answers=[thing("dog"), thing("cat")]),
        thing("mood", radio_answer=thing("calm"), message_id="m1"),
        thing("mood", radio_answer=thing("calm"), message_id="m2"),
    ],
)


def read(made: LabelRecords, *labels: Any) -> list[dict[str, Any]]:
    (records,) = made.batches([labeled(*labels)])
    assert records.batch.schema == made.schema
    return list(records.batch.to_pylist())


def test_columns_are_those_of_the_ontology_in_its_order() -> None:
    schema = LabelRecords(ONTOLOGY).schema
    made = [field for field in schema if field.name.startswith(("objects_", "answer_"))]
    assert [field.name for field in made] == [
        "objects_car",
        "objects_sky",
        "objects_person",
        "objects_chases",
        "answer_weather",
        "answer_weather_rain_how",
        "answer_seen",
        "answer_note",
        "answer_mood",
    ]
    answers = made[0].type.value_type.field("answers").type
    assert answers == pa.struct([pa.field("color", pa.string())])
    assert [field.type for field in made[4:8]] == [
        pa.string(), pa.list_(pa.string()), pa.list_(pa.string()), pa.string(),
    ]  # fmt: skip


def test_a_label_is_a_row() -> None:
    full, skipped = read(LabelRecords(ONTOLOGY), FULL, label("l2"))
    first, second = full["objects_car"]
    assert (first["annotation_id"], first["geometry"]["left"], first["answers"]) == ("id of car", 1.5, {"color": "red"})
    assert (second["annotation_id"], second["answers"]) == ("2", None)
    assert [(each["entity_start"], each["entity_end"]) for each in full["objects_person"]] == [(1, 2)]
    assert full["objects_sky"] == []
    assert (full["answer_weather"], full["answer_weather_rain_how"]) == ("rain", ["much"])
    assert (full["answer_seen"], full["answer_note"], full["other"]) == (["dog", "cat"], None, None)
    assert [(each["answer"], each["message_id"]) for each in full["answer_mood"]] == [("calm", "m1"), ("calm", "m2")]
    assert (skipped["label_id"], skipped["objects_car"], skipped["answer_weather"]) == ("l2", [], None)


@pytest.mark.parametrize(("form", "value"), [("count", 2), ("json", None)])
def test_objects_in_one_cell(form: ObjectForm, value: int | None) -> None:
    (row,) = read(LabelRecords(ONTOLOGY, objects=form), FULL)
    if value is not None:
        assert (row["objects_car"], row["objects_sky"]) == (value, 0)
        return
    first, _ = orjson.loads(row["objects_car"])
    assert first == {"annotation_id": "id of car", "geometry": BOX, "answers": {"color": "red"}}


def test_renamed_classes_stay_in_their_columns_and_what_has_none_is_kept() -> None:
    renamed = CAR | {"name": "an older name", "classifications": [RED], "hidden": True}
    again = thing("note", text_answer={"content": "second"})
    (row,) = read(
        LabelRecords(ONTOLOGY),
        label(
            objects=[renamed, thing("removed", polygon=CORNERS), thing("car", hexagon=[1])],
            classifications=[thing("note", text_answer={"content": "first"}), again],
        ),
    )
    assert [each["annotation_id"] for each in row["objects_car"]] == ["id of car"]
    assert row["answer_note"] == "first"
    kept = orjson.loads(row["other"])
    assert [each.get("text") or each.get("class") or each.get("annotation_id") for each in kept] == [
        "id of car", "color", "removed", "car", "second",
    ]  # fmt: skip
