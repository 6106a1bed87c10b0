"""`python -m tests.bench.local_labelbox`: seconds the local Labelbox takes, by its own clock, and its peak memory.

Rows are sent as the engine sends them, annotations by the SDK. Measured is from the answer to a request until what it
started has ended. Everything is in a temporary directory that is removed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
from labelbox import Client, LabelImport, MediaType, OntologyBuilder, Tool
from tests.bench.sample import ONTOLOGY, sdk_items, wire_items

ROWS_A_CHUNK = 10_000
ROWS_A_TASK = 100_000
BOXES_A_ROW = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="data rows and annotations (%(default)s)")
    parser.add_argument("--export-rows", type=int, default=0, help="data rows of the dataset that is exported last")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labelbox-bench-") as directory:
        measure(Path(directory), options.rows, options.export_rows)


def measure(directory: Path, rows: int, export_rows: int) -> None:
    command = [sys.executable, "-m", "labelbox_local.cli", "--port", "0", "--data", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().split()[-1].removesuffix("/graphql")
        client = Client(api_key="any", endpoint=f"{base}/graphql", rest_endpoint=f"{base}/api/v1")
        try:
            _measure(client, process.pid, rows, export_rows)
        finally:
            process.terminate()


def _measure(client: Client, pid: int, rows: int, export_rows: int) -> None:
    fields = _make_fields(client)
    dataset = client.create_dataset(name="bench", iam_integration=None)
    _report(f"{rows:,} data rows", _load(client, dataset.uid, fields, 0, rows), pid)
    _report(f"{rows:,} annotations", _annotate(client, rows), pid)
    for start in range(rows, export_rows, ROWS_A_TASK):
        _load(client, dataset.uid, fields, start, min(start + ROWS_A_TASK, export_rows))
    began = time.monotonic()
    task = dataset.export(params={"attachments": True, "metadata_fields": True, "data_row_details": True})
    task.wait_till_done(timeout_seconds=3_600)
    _report(f"export of {max(rows, export_rows):,} rows", time.monotonic() - began, pid)


def _make_fields(client: Client) -> dict[str, str]:
    """The metadata fields of the sample; ids of the server by those of the sample."""
    make = (
        "mutation M($data: UpsertCustomMetadataSchemaInput!){upsertCustomMetadataSchema(data: $data){id options{id}}}"
    )
    ids: dict[str, str] = {}
    for field in ONTOLOGY:
        options = [{"name": each["name"], "kind": each["kind"]} for each in field["options"]]
        data = {"name": field["name"], "kind": field["kind"]} | ({"options": options} if options else {})
        made = client.execute(make, {"data": data})["upsertCustomMetadataSchema"]
        ids[field["id"]] = made["id"]
        ids |= {each["id"]: new["id"] for each, new in zip(field["options"], made["options"] or [], strict=True)}
    return ids


def _load(client: Client, dataset: str, ids: dict[str, str], first: int, stop: int) -> float:
    uris = []
    for start in range(first, stop, ROWS_A_CHUNK):
        items = list(_items(dataset, ids, start, min(start + ROWS_A_CHUNK, stop)))
        uris.append(client.upload_data(orjson.dumps(items), filename="chunk", content_type="application/json"))
    manifest = {"source": "SDK", "item_count": stop - first, "chunk_uris": uris}
    uri = client.upload_data(orjson.dumps(manifest), filename="manifest", content_type="application/json")
    upsert = "mutation UpsertDataRowsPyApi($m: String!){upsertDataRows(data:{manifestUri:$m}){id}}"
    began = time.monotonic()
    task = client.execute(upsert, {"m": uri})["upsertDataRows"]["id"]
    while (found := client.get_task_by_id(task)).status == "IN_PROGRESS":
        time.sleep(0.1)
    if found.status != "COMPLETE" or found.completion_percentage != 100:
        raise RuntimeError(f"the load ended {found.status}")
    return time.monotonic() - began


def _items(dataset: str, ids: dict[str, str], first: int, stop: int) -> Iterator[dict[str, Any]]:
    for item in wire_items(first, stop):
        payload = item["payload"]
        payload["dataset_id"] = dataset
        for field in payload["metadata_fields"]:
            field["schemaId"] = ids[field["schemaId"]]
        yield item


def _annotate(client: Client, annotations: int) -> float:
    """Boxes for the first rows, ten each; the seconds from the answer to the import until it is finished."""
    project = client.create_project(name="bench", media_type=MediaType.Image)
    tools = OntologyBuilder(tools=[Tool(tool=Tool.Type.BBOX, name="car")]).asdict()
    project.connect_ontology(client.create_ontology("bench", tools, media_type=MediaType.Image))
    keys = [item["global_key"] for item in sdk_items(0, -(-annotations // BOXES_A_ROW))]
    project.create_batch("bench", global_keys=keys)
    box = {"top": 1, "left": 1, "height": 5, "width": 5}
    lines = [
        {"uuid": str(uuid4()), "dataRow": {"globalKey": key}, "name": "car", "bbox": box}
        for key in keys
        for _ in range(BOXES_A_ROW)
    ][:annotations]
    made = LabelImport.create_from_objects(client, project.uid, "bench", lines)
    began = time.monotonic()
    made.wait_till_done(sleep_time_seconds=0.1)
    seconds = time.monotonic() - began
    if httpx.get(made.error_file_url).content:
        raise RuntimeError("annotations were refused")
    return seconds


def _report(what: str, seconds: float, pid: int) -> None:
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    processor = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) / 100
    print(
        f"{what:<28} {seconds:6.1f} s   CPU so far {processor:6.1f} s   peak memory {peak / 1024:6.0f} MB", flush=True
    )


if __name__ == "__main__":
    main()
