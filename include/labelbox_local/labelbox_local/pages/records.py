"""Data rows as the pages show them: what an export says of them, and the pre-labels, which no export shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

from labelbox_local.export_labels import AnnotationWriter
from labelbox_local.export_rows import RowWriter
from labelbox_local.search import ALWAYS
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labelbox_local.platform import Platform

Kind = Literal["label", "pre-label", "prediction"]
_BRIEF = {"allProjects": True, "includeProjectDetails": True}
_FULL = {
    **_BRIEF,
    "allModelRuns": True,
    "includeAttachments": True,
    "includeDataRowDetails": True,
    "includeEmbeddings": True,
    "includeLabelDetails": True,
    "includeMetadata": True,
    "includeModelRunDetails": True,
    "includePerformanceDetails": True,
    "includePredictions": True,
}
_ROWS = """SELECT data_row.*, dataset.name AS dataset_name, dataset.signer FROM data_row
    JOIN dataset ON dataset.id = data_row.dataset WHERE data_row.seq IN (SELECT value FROM json_each(?))"""
_PRELABELS = """SELECT prediction.*, project.name AS project_name, project.media_type, project.ontology
    FROM prediction JOIN project ON project.id = prediction.parent AND project.deleted IS NULL
    WHERE data_row IN (SELECT value FROM json_each(?)) ORDER BY prediction.seq"""


@dataclass(slots=True)
class Layer:
    """One label, pre-label or prediction of a model run: annotations in the form of exports.

    :param place: id of the project or model run, `place_name` its name
    :param details: what else an export says of a label
    """

    id: str
    kind: Kind
    place: str
    place_name: str
    ontology: str | None
    annotations: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """A row of the database, the line of an export about it, and what is drawn on it."""

    row: dict[str, Any]
    exported: dict[str, Any]
    layers: list[Layer]


def read_records(platform: Platform, numbers: list[int], *, full: bool = False) -> list[Record]:
    """The rows with these `seq`, in that order.

    :param full: with all an export can say, not only the projects and their labels
    """
    connection = platform.store.reader
    rows = {row["seq"]: row for row in connection.execute(_ROWS, (as_list(numbers),))}
    ordered = [rows[number] for number in numbers if number in rows]
    params = _FULL if full else _BRIEF
    lines = RowWriter(platform, connection, "page", {"params": params, "known": ALWAYS}).lines(ordered)
    records = [Record(row, orjson.loads(line), []) for row, line in zip(ordered, lines, strict=True)]
    prelabels = _prelabels(platform, rows)
    ontologies = _ontologies(platform)
    for record in records:
        record.layers += _labels(record.exported["projects"], ontologies)
        record.layers += prelabels.get(record.row["seq"], [])
        record.layers += _predictions(record.exported.get("experiments", {}), ontologies)
    return records


def _ontologies(platform: Platform) -> dict[str, str | None]:
    """The ontology of each project and model."""
    sql = "SELECT id, ontology FROM project WHERE deleted IS NULL UNION ALL SELECT id, ontology FROM model"
    return {row["id"]: row["ontology"] for row in platform.store.rows(sql)}


def _labels(projects: dict[str, Any], ontologies: dict[str, str | None]) -> Iterator[Layer]:
    for project, block in projects.items():
        for label in block["labels"]:
            yield Layer(label["id"], "label", project, block["name"], ontologies[project], label["annotations"], label)


def _prelabels(platform: Platform, rows: dict[int, dict[str, Any]]) -> dict[int, list[Layer]]:
    writer = AnnotationWriter(platform, platform.store.reader, "page", {})
    found: dict[int, list[Layer]] = {}
    for each in platform.store.rows(_PRELABELS, as_list(rows)):
        shown = writer.annotations(each, rows[each["data_row"]], each["media_type"], each["ontology"])
        # What needs no change comes as the JSON that is stored.
        annotations = orjson.loads(orjson.dumps(shown))
        layer = Layer(each["id"], "pre-label", each["parent"], each["project_name"], each["ontology"], annotations)
        found.setdefault(each["data_row"], []).append(layer)
    return found


def _predictions(experiments: dict[str, Any], ontologies: dict[str, str | None]) -> Iterator[Layer]:
    for model, block in experiments.items():
        for run, shown in block["runs"].items():
            name = f"{block['name']} / {shown['name']}"
            for each in shown.get("predictions", []):
                yield Layer(each["id"], "prediction", run, name, ontologies[model], each["annotations"])
