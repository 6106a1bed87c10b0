"""What tests of annotations share: projects of every media type, and waiting for imports and exports."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import labelbox as lb
from labelbox.schema.export_task import StreamType

BOX = {"top": 20, "left": 10, "height": 200, "width": 100}


def radio(name: str, *options: str, **more: Any) -> Any:
    return lb.Classification(
        lb.Classification.Type.RADIO, name, options=[lb.Option(value) for value in options], **more
    )


def checklist(name: str, *options: str, **more: Any) -> Any:
    return lb.Classification(
        lb.Classification.Type.CHECKLIST, name, options=[lb.Option(value) for value in options], **more
    )


def text(name: str, **more: Any) -> Any:
    return lb.Classification(lb.Classification.Type.TEXT, name, **more)


def tool(kind: str, name: str, *classifications: Any) -> Any:
    return lb.Tool(getattr(lb.Tool.Type, kind), name, classifications=list(classifications))


@dataclass
class Labeling:
    """A project with an ontology and a batch, and the rows in it by global key."""

    client: Any
    project: Any
    ontology: Any
    dataset: Any
    batch: Any
    keys: list[str]

    def line(self, row: int = 0, **content: Any) -> dict[str, Any]:
        return {"uuid": str(uuid.uuid4()), "dataRow": {"globalKey": self.keys[row]}, **content}

    def box(self, row: int = 0, **content: Any) -> dict[str, Any]:
        return self.line(row, name="car", bbox=BOX, **content)

    def import_labels(self, lines: list[Any], name: str | None = None) -> Any:
        return self.finished(lb.LabelImport.create_from_objects(self.client, self.project.uid, name or _name(), lines))

    def import_prelabels(self, lines: list[Any], name: str | None = None) -> Any:
        made = lb.MALPredictionImport.create_from_objects(self.client, self.project.uid, name or _name(), lines)
        return self.finished(made)

    def finished(self, made: Any) -> Any:
        made.wait_till_done(sleep_time_seconds=0.05)
        return made

    def row_id(self, row: int = 0) -> str:
        return str(self.client.get_data_row_by_global_key(self.keys[row]).uid)

    def export(self, **arguments: Any) -> list[dict[str, Any]]:
        return exported(self.project.export(**arguments))

    def labels(self, row: int = 0, **params: Any) -> list[dict[str, Any]]:
        """The exported labels of a row in the project."""
        (found,) = [each for each in self.export(params=params) if each["data_row"]["global_key"] == self.keys[row]]
        return list(found["projects"][self.project.uid]["labels"])


def _name() -> str:
    return f"import {uuid.uuid4()}"


def exported(task: Any) -> list[dict[str, Any]]:
    task.wait_till_done(timeout_seconds=120)
    assert task.status == "COMPLETE"
    return [line.json for line in task.get_buffered_stream(StreamType.RESULT)] if task.has_result() else []


def make_labeling(
    client: Any,
    media_type: Any,
    tools: list[Any],
    classifications: list[Any],
    rows: int = 3,
    row_data: Any = "https://example.com/asset",
) -> Labeling:
    """A project of that media type. All its rows are in one batch, plus one that is in none."""
    tag = uuid.uuid4().hex[:8]
    keys = [f"{tag}-{number}" for number in range(rows + 1)]
    dataset = client.create_dataset(name=f"labeling {tag}", iam_integration=None)
    task = dataset.create_data_rows([{"row_data": row_data, "global_key": key} for key in keys])
    task.wait_till_done(timeout_seconds=60)
    assert task.errors is None
    project = client.create_project(name=f"labeling {tag}", media_type=media_type)
    builder = lb.OntologyBuilder(tools=tools, classifications=classifications)
    ontology = client.create_ontology(f"labeling {tag}", builder.asdict(), media_type=media_type)
    project.connect_ontology(ontology)
    batch = project.create_batch(f"batch {tag}", global_keys=keys[:rows])
    return Labeling(client, project, ontology, dataset, batch, keys)


def make_image_labeling(client: Any, rows: int = 3) -> Labeling:
    tools = [
        tool("BBOX", "car", radio("color", "red", "blue")),
        tool("POLYGON", "field"),
        tool("LINE", "lane"),
        tool("POINT", "nose"),
        tool("RASTER_SEGMENTATION", "sky"),
        tool("RELATIONSHIP", "chases"),
    ]
    weather = radio("weather", "sun")
    rain = lb.Option("rain")
    rain.add_option(checklist("how", "much", "cold"))
    weather.add_option(rain)
    return make_labeling(
        client, lb.MediaType.Image, tools, [weather, checklist("seen", "dog", "cat"), text("note")], rows
    )


def bare(value: Any) -> Any:
    """Without the ids that are made anew for every annotation."""
    if isinstance(value, dict):
        return {key: bare(each) for key, each in value.items() if key not in {"feature_id", "feature_schema_id"}}
    return [bare(each) for each in value] if isinstance(value, list) else value
