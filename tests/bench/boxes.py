"""Boxes in a Parquet file become pre-labels, beside the SDK's `Label` objects of the same file.

``ours`` is the whole way: read, checked against ontology and sizes, compared with the ledger, staged, uploaded, and
the status of every line written down. The SDK's is the making of `Label` objects alone, and then their NDJSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from tests.bench.meter import Meter

if TYPE_CHECKING:
    from tests.bench.measure import Place

BOXES_A_ROW = 20
SIZE = (1920, 1080)
CLASSES = ("Total", "Date", "Merchant", "Line item")
ANNOTATIONS = {
    "from": "boxes",
    "as": "prelabels",
    "table": {
        "global_key": "key",
        "kind": "bounding_box",
        "class": "class",
        "geometry": {"columns": ["x1", "y1", "x2", "y2"], "format": "xyxy"},
        "id": "id",
    },
}


def project_id(boxes: int) -> str:
    """Return the id of a project with the data rows of so many boxes; the bare server reads them from the id."""
    return f"cm0project{boxes // BOXES_A_ROW:015d}"


def boxes_table(place: Place) -> dict[str, Any]:
    """Write the Parquet file that the others read."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("key", pa.string()), ("class", pa.string()), *((name, pa.float64()) for name in _CORNERS)])
    schema = schema.append(pa.field("id", pa.string()))
    with pq.ParquetWriter(_file(place), schema) as writer:
        for first in range(0, place.rows, 100_000):
            numbers = np.arange(first, min(first + 100_000, place.rows))
            left, top = numbers * 7 % 1800 + 0.25, numbers * 13 % 1000 + 0.5
            corners = (left, top, left + 8 + numbers % 97, top + 8 + numbers % 53)
            keys = [f"receipt/{number // BOXES_A_ROW:09d}" for number in numbers.tolist()]
            classes = [CLASSES[number % len(CLASSES)] for number in numbers.tolist()]
            ids = [f"box-{number}" for number in numbers.tolist()]
            writer.write_table(pa.table([keys, classes, *corners, ids], schema=schema))
    return {}


_CORNERS = ("x1", "y1", "x2", "y2")


def boxes(place: Place) -> dict[str, Any]:
    """Import the boxes as pre-labels: every step of a run, without Airflow."""
    from labelbox_airflow.engine.annotations.imports.prepare import ImportPreparation
    from labelbox_airflow.engine.annotations.imports.upload import UnitImport
    from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
    from labelbox_airflow.engine.ledger import Run
    from labelbox_airflow.engine.ontology.tree import Ontology, Tool
    from labelbox_airflow.sources.annotations import AnnotationTable
    from labelbox_airflow.sources.tables import TableSource, TableSourceSpec

    spec = AnnotationsSpec.model_validate(ANNOTATIONS)
    source = AnnotationTable(TableSource(TableSourceSpec(type="table", uri=f"file://{_file(place)}")), spec)
    transport, ledger, staging = place.transport(), place.ledger(), place.staging("boxes")
    run = Run("organization", "boxes", "boxes")
    meter = Meter()
    ledger.begin_run(run, window_start=None, window_end=None, spec_hash="")
    preparation = ImportPreparation(
        transport,
        ledger,
        staging,
        run=run,
        spec=spec,
        target=project_id(place.rows),
        ontology=Ontology(tools=tuple(Tool(name, "rectangle") for name in CLASSES)),
        media_type="IMAGE",
    )
    with meter.section("prepare"):
        plan = preparation.prepare(source.read(None), source.skipped)
    with meter.section("upload"):
        sent = sum(_import(UnitImport(transport, ledger, staging, run=run, unit=unit)) for unit in plan.units)
    if sent != place.rows:
        raise ValueError(f"{sent} of {place.rows} boxes were sent")
    ledger.close()
    return meter.result()


def _import(unit: Any) -> int:
    unit.start()
    unit.wait(600)
    return int(unit.finish()["sent"])


def sdk_labels(place: Place) -> dict[str, Any]:
    """Make the SDK's `Label` objects of the same file."""
    import labelbox.types  # noqa: F401  its import is not measured

    meter = Meter()
    labels = list(_labels(place))
    return meter.result(rows=len(labels))


def sdk_ndjson(place: Place) -> dict[str, Any]:
    """Make the SDK's `Label` objects, and the NDJSON that it uploads of them."""
    import labelbox.types  # noqa: F401
    from labelbox.data.serialization import NDJsonConverter

    meter = Meter()
    lines = "\n".join(json.dumps(line) for line in NDJsonConverter.serialize(list(_labels(place))))
    return meter.result(bytes=len(lines))


def _labels(place: Place) -> Iterator[Any]:
    import pyarrow.parquet as pq
    from labelbox.types import Label, ObjectAnnotation, Point, Rectangle

    table = pq.read_table(_file(place)).to_pylist()
    for key, rows in groupby(table, itemgetter("key")):
        annotations = [
            ObjectAnnotation(
                name=row["class"],
                value=Rectangle(start=Point(x=row["x1"], y=row["y1"]), end=Point(x=row["x2"], y=row["y2"])),
            )
            for row in rows
        ]
        yield Label(data={"global_key": key}, annotations=annotations)


def _file(place: Place) -> str:
    return str(place.directory / "boxes.parquet")


MEASUREMENTS = {each.__name__: each for each in (boxes_table, boxes, sdk_labels, sdk_ndjson)}
