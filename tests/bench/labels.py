"""Labels of an export become a Parquet file of annotations, beside the SDK's export stream and pandas.

``ours`` is the whole way: exported, kept on staging, read from there and written. The SDK's is what one would write by
hand for the same columns, as far as anything is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measure import Place

BOXES_A_ROW = 3
ANNOTATIONS_A_ROW = BOXES_A_ROW + 1
_PROJECT = "cm0labels"


def project_id(rows: int) -> str:
    """Return the id of a project with so many data rows; the bare server reads their number from the id."""
    return f"{_PROJECT}{rows:016d}"


def is_labeled(project: str) -> bool:
    """Tell whether a project is one of `project_id`."""
    return project.startswith(_PROJECT)


def exported(project: str, first: int, stop: int) -> bytes:
    """Return lines of an export, all of one length: a data row with a label of three boxes and an answer each."""
    return b"".join(_LINE % {b"n": b"%012d" % n, b"x": b"%d" % (100 + n % 900)} for n in range(first, stop)).replace(
        b"PROJECT", project.encode()
    )


_BOX = (
    b'{"feature_id":"cm%dobject%%(n)s","feature_schema_id":"cm0schema00000000000000%d","name":"%b","value":"%b",'
    b'"annotation_kind":"ImageBoundingBox","classifications":[],'
    b'"bounding_box":{"top":%%(x)s.5,"left":%%(x)s.25,"height":40.0,"width":120.0}}'
)
_BOXES = b",".join(_BOX % (k, k, name, name.lower()) for k, name in enumerate((b"Total", b"Date", b"Merchant")))
_ANSWER = (
    b'{"feature_id":"cm3answer%(n)s","feature_schema_id":"cm0schema000000000000003","name":"readable",'
    b'"value":"readable","radio_answer":{"feature_id":"cm4option%(n)s","feature_schema_id":"cm0schema000000000000004",'
    b'"name":"yes","value":"yes","classifications":[]}}'
)
_DETAILS = (
    b'{"created_at":"2026-01-05T10:00:00.000+00:00","updated_at":"2026-01-05T10:00:10.000+00:00",'
    b'"created_by":"ann@example.com","content_last_updated_at":"2026-01-05T10:00:10.000+00:00","reviews":[]}'
)
_OF_PROJECT = (
    b'{"ontology_id":"cm0ontology00000000000001","task_id":"cm0task000000000000000001","task_name":"Done",'
    b'"batch_id":"cm0batch00000000000000001","batch_name":"first","workflow_status":"DONE","priority":5,'
    b'"selected_label_id":"cm5label%(n)s","consensus_expected_label_count":0,"workflow_history":[]}'
)
_LINE = (
    b'{"data_row":{"id":"cm6row%(n)s","global_key":"receipt/%(n)s","external_id":"images/%(n)s.jpg",'
    b'"row_data":"https://photos.s3.eu-central-1.amazonaws.com/images/%(n)s.jpg"},'
    b'"media_attributes":{"height":1080,"width":1920,"mime_type":"image/jpeg"},'
    b'"projects":{"PROJECT":{"name":"Receipts","labels":[{"label_kind":"Default","version":"1.0.0",'
    b'"id":"cm5label%(n)s","label_details":' + _DETAILS + b',"annotations":{"objects":[' + _BOXES + b"],"
    b'"classifications":[' + _ANSWER + b'],"relationships":[]}}],"project_details":' + _OF_PROJECT + b"}}}\n"
)


def labels(place: Place) -> dict[str, Any]:
    """Export the project to staging, and write its annotations: every step of a run, without Airflow."""
    from labelbox_airflow.engine.exports.files.target import local_target
    from labelbox_airflow.engine.exports.files.write import write_files
    from labelbox_airflow.engine.exports.records.annotations import AnnotationRecords
    from labelbox_airflow.engine.exports.request import ExportRequest
    from labelbox_airflow.engine.exports.staged import StagedExport, collected_lines
    from labelbox_airflow.engine.ledger import Run

    transport, ledger, staging = place.transport(), place.ledger(), place.staging("labels")
    run, project = Run("organization", "labels", "labels"), project_id(place.rows)
    meter = Meter()
    ledger.begin_run(run, window_start=None, window_end=None, spec_hash="")
    with meter.section("export"):
        export = StagedExport(transport, ledger, staging, run=run, request=ExportRequest("project", project))
        if export.wait(60) is not None:
            raise TimeoutError("the export of the bare server has not ended")
        export.collect()
    made = AnnotationRecords("struct", [project])
    batches = (each.batch for each in made.batches(collected_lines(staging)))
    manifest = write_files(local_target(str(place.directory / "labels.parquet")), made.schema, batches)
    ledger.close()
    return meter.result(rows=_checked(manifest.rows, place))


def sdk_export(place: Place) -> dict[str, Any]:
    """Read the export with the SDK's buffered stream, and write the same annotations with pandas."""
    import pandas as pd
    from labelbox import Client, Task
    from labelbox.schema.export_task import ExportTask

    rest = f"http://127.0.0.1:{place.port}/api/v1"
    client = Client(api_key="bench", endpoint=place.endpoint, rest_endpoint=rest)
    ended = {"id": f"task-{project_id(place.rows)}", "status": "COMPLETE"}
    task = {field.graphql_name: None for field in Task.fields()} | ended
    meter = Meter()
    stream = ExportTask(Task(client, task)).get_buffered_stream()
    frame = pd.DataFrame([row for line in stream for row in _annotations(line.json)])
    for column in ("created_at", "updated_at", "content_updated_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
    frame.to_parquet(place.directory / "sdk.parquet", index=False)
    return meter.result(rows=_checked(len(frame), place))


def _annotations(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    data_row = line["data_row"]
    for project, block in line["projects"].items():
        for label in block["labels"]:
            details, about = label["label_details"], block["project_details"]
            common = {
                "project_id": project,
                "project_name": block["name"],
                "data_row_id": data_row["id"],
                "global_key": data_row["global_key"],
                "external_id": data_row["external_id"],
                "label_id": label["id"],
                "label_kind": label["label_kind"],
                "label_version": label["version"],
                "created_at": details["created_at"],
                "created_by": details["created_by"],
                "updated_at": details["updated_at"],
                "content_updated_at": details["content_last_updated_at"],
                "reviews": details["reviews"],
                "is_benchmark": label.get("is_benchmark_reference") is True,
                "is_selected": about["selected_label_id"] == label["id"],
                **{key: about[key] for key in ("workflow_status", "task_name", "batch_id", "batch_name")},
            }
            for each in label["annotations"]["objects"]:
                yield common | _named(each) | {"kind": "bounding_box", "geometry": each["bounding_box"]}
            for each in label["annotations"]["classifications"]:
                option = each["radio_answer"]
                answer = {"answer": [option["name"]], "answer_schema_ids": [option["feature_schema_id"]]}
                yield common | _named(each) | {"kind": "radio", **answer}


def _named(each: dict[str, Any]) -> dict[str, Any]:
    name = each["name"]
    ids = {"annotation_id": each["feature_id"], "schema_id": each["feature_schema_id"]}
    return {**ids, "class": name, "class_path": [name]}


def _checked(found: int, place: Place) -> int:
    if found != place.rows * ANNOTATIONS_A_ROW:
        raise ValueError(f"{found} annotations of {place.rows} data rows were written")
    return found


MEASUREMENTS = {each.__name__: each for each in (labels, sdk_export)}
