"""Ontologies: the YAML, the normalized JSON, and what differs."""

import orjson
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.ontology.difference import differences
from labelbox_airflow.engine.ontology.document import read_document, write_document
from labelbox_airflow.engine.ontology.tree import of_normalized, to_normalized

TEXT = """
tools:
  - name: Car
    kind: bounding_box
    color: "#ff0000"
    classifications:
      - name: Colour
        kind: radio
        required: true
        options: [red, {name: other, classifications: [{name: Which, kind: text}]}]
  - {name: Road, kind: segmentation_mask}
classifications:
  - {name: Weather, kind: checklist, scope: index, options: [rain, sun]}
"""


def test_yaml_to_normalized_and_back() -> None:
    ontology = read_document(TEXT, where="o.yaml")
    assert of_normalized(to_normalized(ontology)) == ontology
    assert read_document(write_document(ontology), where="again") == ontology
    assert read_document(orjson.dumps(to_normalized(ontology)).decode(), where="o.json") == ontology


def test_the_sdk_builds_the_same_normalized_json() -> None:
    from labelbox import Classification, OntologyBuilder, Option, Tool

    which = Classification(Classification.Type.TEXT, name="Which")
    colour = Classification(
        Classification.Type.RADIO, name="Colour", required=True,
        options=[Option("red"), Option("other", options=[which])],
    )  # fmt: skip
    weather = Classification(
        Classification.Type.CHECKLIST, name="Weather", scope=Classification.Scope.INDEX,
        options=[Option("rain"), Option("sun")],
    )  # fmt: skip
    built = OntologyBuilder(
        tools=[
            Tool(Tool.Type.BBOX, name="Car", color="#ff0000", classifications=[colour]),
            Tool(Tool.Type.RASTER_SEGMENTATION, name="Road"),
        ],
        classifications=[weather],
    )
    ours = to_normalized(read_document(TEXT, where="o.yaml"))
    theirs = built.asdict()
    assert OntologyBuilder.from_dict(ours).asdict()["tools"][0] == theirs["tools"][0]
    assert of_normalized(theirs).names() == ["Car", "Road", "Weather"]
    assert not differences(of_normalized(theirs), of_normalized(ours))


def test_lookup_by_name_and_schema_id() -> None:
    node = {"tool": "rectangle", "name": "Car", "featureSchemaId": "id-1"}
    archived = {"tool": "line", "name": "Old", "archived": 1, "featureSchemaId": "id-2"}
    ontology = of_normalized({"tools": [node, archived]})
    assert ontology.tool("Car") is ontology.tool(None, "id-1") is ontology.tools[0]
    assert ontology.tool("Old") is None
    assert ontology.classification("Car") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tools: [{name: a, kind: point}, {name: a, kind: polygon}]", "o.yaml: two classes are called 'a'"),
        (
            "tools: [{name: a, kind: point}]\nclassifications: [{name: a, kind: text}]",
            "o.yaml: two classes are called 'a'",
        ),
        (
            "classifications: [{name: q, kind: radio, options: [a, a]}]",
            "o.yaml: q: two options are called 'a'",
        ),
        ("tools: [{name: a, kind: boundingbox}]", "o.yaml: tools[0]: kind 'boundingbox' of 'a' is not known"),
        ("tools: [{name: a, kind: point, colour: red}]", "o.yaml: tools[0]: unknown key 'colour'"),
        ("tools: [{kind: point}]", "o.yaml: tools[0]: name must be a non-empty text"),
        ("classifications: [{name: q, kind: radio}]", "o.yaml: classifications[0]: a radio needs options"),
        ("classifications: [{name: q, kind: radio, options: [yes, no]}]", "Quote it"),
        ("{}", "o.yaml: has neither tools nor classifications"),
        ("- a", "o.yaml: must be a mapping"),
        ("a: [", "o.yaml: not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_document(text, where="o.yaml")
    assert message in str(error.value)


def test_differences_by_name() -> None:
    before = read_document(TEXT, where="a")
    after = read_document(
        TEXT.replace("red,", "green,").replace("segmentation_mask", "polygon").replace("required: true", "")
        + "  - {name: Note, kind: text}\n",
        where="b",
    )
    assert [str(each) for each in differences(before, after)] == [
        "classification Car / Colour: required changed from True to False",
        "option Car / Colour / red: removed",
        "option Car / Colour / green: added",
        "tool Road: kind changed from raster-segmentation to polygon",
        "classification Note: added",
    ]
    assert not differences(before, before)
