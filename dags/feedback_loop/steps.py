"""The steps of the loop: learn from labels, say how well, and predict where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pyarrow as pa
from PIL import Image

from feedback_loop.detector import Box, overlap, train
from feedback_loop.files import LoopFiles
from labelbox_airflow.engine.exports.files.write import write_files
from labelbox_airflow.training import LabeledDataRows, Release

SPLITS = ("train", "test")
FOUND = 0.5  # overlap from which on a box counts as found
PREDICTION = pa.schema(
    [
        ("global_key", pa.string()),
        ("class", pa.string()),
        *((side, pa.float64()) for side in Box._fields),
        ("confidence", pa.float64()),
        ("model", pa.string()),
    ]
)


def train_model(files: LoopFiles, class_name: str, *, release: str | None = None, least: int = 1) -> str | None:
    """Train a detector of a class with the labels of the split `train`; return its name, None with too few labels."""
    data_rows = files.data_rows(files.labels(release), labeled=True, split="train")
    examples = sorted(_examples(data_rows, class_name), key=lambda example: example[0])
    if len(examples) < least:
        return None
    return files.keep_model(train(class_name, [(image, box) for _, image, box in examples]))


def evaluate_model(files: LoopFiles, model: str, *, release: str | None = None) -> dict[str, Any]:
    """Compare what a model finds with the labels of each split; return the metrics, which are stored beside it."""
    labels = files.labels(release)
    metrics = {split: _compared(files, model, labels, split) for split in SPLITS}
    metrics = {"model": model, "labels": labels.manifest.release, **metrics}
    files.keep_metrics(model, metrics)
    return metrics


def predict(files: LoopFiles, model: str, *, release: str | None = None) -> int:
    """Write what a model finds in the data rows without labels, in place of former predictions; return their number."""
    data_rows = files.data_rows(files.labels(release), labeled=False)
    records = list(_predictions(files, model, data_rows))
    records.sort(key=lambda record: (record["confidence"], record["global_key"]))
    batch = pa.RecordBatch.from_pylist(records, schema=PREDICTION)
    return write_files(files.predictions(), PREDICTION, [batch]).rows


def _compared(files: LoopFiles, model: str, labels: Release, split: str) -> dict[str, Any]:
    detector = files.model(model)
    examples = _examples(files.data_rows(labels, labeled=True, split=split), detector.class_name)
    overlaps = [overlap(detector.find(image)[0], box) for _, image, box in examples]
    found = sum(each >= FOUND for each in overlaps)
    return {"images": len(overlaps), "found": found, "mean_overlap": round(fmean(overlaps), 4) if overlaps else None}


def _examples(data_rows: LabeledDataRows, class_name: str) -> Iterator[tuple[str, Image.Image, Box]]:
    """Yield key, image and box of the data rows whose labels have a box of the class; of several labels the first."""
    for item in map(data_rows.__getitem__, range(len(data_rows))):
        boxes = [each for each in item["annotations"] if (each["class"], each["kind"]) == (class_name, "bounding_box")]
        if boxes:
            sides = min(boxes, key=lambda each: str(each["label_id"]))["geometry"]
            yield item["row"]["global_key"], item["image"], Box(*(sides[side] for side in Box._fields))


def _predictions(files: LoopFiles, model: str, data_rows: LabeledDataRows) -> Iterator[dict[str, Any]]:
    detector = files.model(model)
    for item in map(data_rows.__getitem__, range(len(data_rows))):
        box, confidence = detector.find(item["image"])
        yield {
            "global_key": item["row"]["global_key"],
            "class": detector.class_name,
            **box._asdict(),
            "confidence": round(confidence, 4),
            "model": model,
        }
