"""A release in a real S3 server, loaded for training."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from PIL import Image

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.exports.files.split import SplitSpec, with_split
from labelbox_airflow.engine.exports.files.write import write_files
from labelbox_airflow.sinks.files import open_target
from labelbox_airflow.training import LabeledDataRows, open_release

if TYPE_CHECKING:
    from labelbox_local.stack import ObjectStore

ROWS = pa.schema([("data_row_id", pa.string()), ("global_key", pa.string()), ("row_data", pa.string())])
BOXES = pa.schema(
    [("data_row_id", pa.string()), ("class", pa.string()), ("geometry", pa.struct([("left", pa.float64())]))]
)
RATIOS = SplitSpec(ratios={"train": 0.5, "test": 0.5})


@pytest.fixture
def connection(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection of its own; Airflow keeps file systems by connection."""
    name = f"s3_{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", object_store.airflow_connection())
    return name


@pytest.fixture
def folder(object_store: ObjectStore, connection: str) -> str:
    """A folder with a release of rows and one of boxes: row n has an image n + 1 wide, and n boxes."""
    bucket = f"training-{uuid.uuid4().hex[:8]}"
    object_store.create_bucket(bucket)
    rows, boxes = [], []
    for number in range(6):
        image = io.BytesIO()
        Image.new("RGB", (number + 1, 1)).save(image, "PNG")
        uri = object_store.put(bucket, f"images/{number}.png", image.getvalue())
        rows.append({"data_row_id": f"id{number}", "global_key": f"key{number}", "row_data": uri})
        boxes += [{"data_row_id": f"id{number}", "class": "Total", "geometry": {"left": n}} for n in range(number)]
    place = f"s3://{bucket}/out"
    for name, by in (("rows", ()), ("rows_by_split", ("split",))):
        schema, batches = with_split(ROWS, [pa.RecordBatch.from_pylist(rows, schema=ROWS)], RATIOS)
        write_files(open_target(f"{place}/{name}", connection), schema, batches, format="parquet", partition_by=by)
    mixed = [pa.RecordBatch.from_pylist(boxes[start::2], schema=BOXES) for start in (0, 1)]
    write_files(open_target(f"{place}/boxes", connection), BOXES, mixed, format="parquet")
    return place


def widths(dataset: LabeledDataRows, indexes: list[int]) -> list[int]:
    return [dataset[index]["image"].width for index in indexes]


def test_a_release_becomes_a_dataset(folder: str, connection: str) -> None:
    rows, boxes = (open_release(f"{folder}/{name}", connection=connection) for name in ("rows", "boxes"))
    dataset = LabeledDataRows(rows, boxes, connection=connection)
    assert len(dataset) == 6
    for number in range(6):
        item = dataset[number]
        assert item["row"]["global_key"] == f"key{number}"
        assert item["image"].width == number + 1
        assert sorted(box["geometry"]["left"] for box in item["annotations"]) == list(range(number))
    assert dataset[-1]["row"] == dataset[5]["row"]
    with pytest.raises(IndexError, match="item 6 of 6"):
        dataset[6]
    parts = [LabeledDataRows(rows, boxes, labeled=labeled, decode=None) for labeled in (True, False)]
    assert [{item["row"]["global_key"] for item in map(part.__getitem__, range(len(part)))} for part in parts] == [
        {f"key{number}" for number in range(1, 6)}, {"key0"},
    ]  # fmt: skip
    copy: LabeledDataRows = pickle.loads(pickle.dumps(dataset))
    with multiprocessing.get_context("fork").Pool(1) as pool:  # as workers of a DataLoader are
        assert pool.apply(widths, (dataset, [1, 2])) == widths(copy, [1, 2]) == [2, 3]
    assert LabeledDataRows(rows, decode=None, transform=lambda item: sorted(item))[0] == ["annotations", "row"]


def test_splits_are_loaded_alone(folder: str, connection: str) -> None:
    found: dict[str, Any] = {}
    for name in ("rows", "rows_by_split"):
        release = open_release(f"{folder}/{name}", connection=connection)
        release.verify()
        everything = release.to_pandas()
        parts = [release.to_pandas(["global_key", "split"], split=split) for split in ("train", "test")]
        assert all(len(part) for part in parts)
        assert [set(part["split"]) for part in parts] == [{"train"}, {"test"}]
        assert sum(len(part) for part in parts) == len(everything) == 6
        found[name] = sorted(everything.to_dict("records"), key=lambda row: str(row["global_key"]))
        assert len(LabeledDataRows(release, split="train", decode=None)) == len(parts[0])
    assert found["rows"] == found["rows_by_split"]


def test_what_cannot_be_loaded_is_refused(folder: str, connection: str) -> None:
    boxes = open_release(f"{folder}/boxes", connection=connection)
    with pytest.raises(SourceError, match=r"boxes: there is no column 'clas'. Did you mean 'class'\?"):
        boxes.to_pandas(["clas"])
    with pytest.raises(SourceError, match=r"boxes: there is no column 'row_data'. Export rows"):
        LabeledDataRows(boxes)
    with pytest.raises(SourceError, match="there is no release, nor a file with a manifest"):
        open_release(f"{folder}/nothing", connection=connection)
    write_files(open_target(f"{folder}/x.csv", connection), BOXES, [])
    with pytest.raises(SourceError, match=r"is of csv files. Export with format: parquet"):
        open_release(f"{folder}/x.csv", connection=connection)
