"""Where the loop keeps its files: labels, models by their content, and the predictions of the last model.

rows/ boxes/                     releases of the exports: every data row, and the annotations of the project
models/<model>/model.json        what was learnt; the name is a hash of it
models/<model>/metrics.json      how well it does, and of which labels it was learnt
models/latest.json               the last one that was good enough
predictions.parquet              what it finds in the data rows that nobody has labeled
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from feedback_loop.detector import Detector
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.exports.files.output import replacing
from labelbox_airflow.engine.exports.files.target import Target
from labelbox_airflow.sinks.files import open_target
from labelbox_airflow.training import LabeledDataRows, Release, open_release


@dataclass(frozen=True)
class LoopFiles:
    """The files of one loop.

    :param place: a folder, or the beginning of keys in a bucket
    :param connection: the Airflow connection of the bucket, and of the one that the images are in
    """

    place: str
    connection: str | None = None

    def labels(self, release: str | None = None) -> Release:
        """Return the annotations of a release, of the latest one when None."""
        return open_release(f"{self.place}/boxes", release, connection=self.connection)

    def data_rows(self, labels: Release, *, labeled: bool, split: str | None = None) -> LabeledDataRows:
        """Return the data rows that have labels, or those that have none, with their images."""
        rows = open_release(f"{self.place}/rows", connection=self.connection)
        return LabeledDataRows(rows, labels, split=split, labeled=labeled, connection=self.connection)

    def keep_model(self, detector: Detector) -> str:
        """Store a model and return its name, which equal models have in common."""
        content = detector.to_json()
        name = hashlib.sha256(content).hexdigest()[:16]
        self._write(f"models/{name}/model.json", content)
        return name

    def model(self, name: str) -> Detector:
        """Return a stored model."""
        return Detector.from_json(self._read(f"models/{name}/model.json"))

    def keep_metrics(self, model: str, metrics: dict[str, Any]) -> None:
        """Store how well a model does, beside it."""
        self._write(f"models/{model}/metrics.json", orjson.dumps(metrics, option=orjson.OPT_INDENT_2))

    def release_model(self, model: str) -> None:
        """Make a model the one that predicts."""
        self._write("models/latest.json", orjson.dumps({"model": model}))

    def latest_model(self) -> str:
        """Return the name of the model that predicts."""
        return str(orjson.loads(self._read("models/latest.json"))["model"])

    def predictions(self) -> Target:
        """Return where predictions are written to."""
        return open_target(f"{self.place}/predictions.parquet", self.connection)

    def _write(self, path: str, content: bytes) -> None:
        with replacing(open_target(f"{self.place}/{path}", self.connection)) as file:
            file.write(content)

    def _read(self, path: str) -> bytes:
        target = open_target(f"{self.place}/{path}", self.connection)
        if (content := target.read()) is None:
            raise SourceError("there is no such file", where=target.place, remedy="Train a model first.")
        return content
