"""Uploading the local files of a unit's rows, with a Labelbox that answers, refuses and is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import LabelboxAuthenticationError, LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.local_files import LocalFiles
from labelbox_airflow.engine.rows.mapping import RowMapping
from labelbox_airflow.engine.rows.spec import LocalFilesSpec, RowsSpec
from labelbox_airflow.engine.units import UnitRows
from labelbox_airflow.engine.upload.files import FileUploads


class Labelbox:
    """Takes uploads; what it does with some of them can be planned by file name."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.errors: dict[str, Exception] = {}
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()

    def upload(self, content: Any, *, filename: str, content_type: str) -> str:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if filename in self.errors:
                raise self.errors[filename]
            body = b"".join(content)
            assert len(content) == len(body)
            self.stored[filename], self.types[filename] = body, content_type
            return f"https://labelbox.test/{filename}"
        finally:
            with self._lock:
                self._at_once -= 1


@pytest.fixture
def labelbox() -> Iterator[Labelbox]:
    made = Labelbox()
    yield made
    assert made.most_at_once <= 4


def unit_of(folder: Path, values: Sequence[Any]) -> UnitRows:
    spec = {"row_data": "file", "global_key": "file", "local_files": {"upload": str(folder)}}
    mapping = RowMapping(RowsSpec.model_validate(spec), {})
    rows = pa.RecordBatch.from_pydict({"file": [str(value) for value in values]})
    keyed = mapping.key(Batch(rows, "rows.csv", range(2, 2 + len(values))), default_version=1)
    mapped = mapping.map(keyed, range(len(values))).rows
    numbers = pa.array(range(100, 100 + mapped.num_rows), pa.int64())
    return UnitRows("unit-00001", [mapped.append_column("sequence", numbers)])


def uploads(labelbox: Labelbox, folder: Path) -> FileUploads:
    return FileUploads(labelbox, LocalFiles(LocalFilesSpec(upload=(str(folder),))))  # type: ignore[arg-type]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:02d}.jpg" for number in range(20)]
    for path in paths:
        path.write_text(f"photo {path.name}")
    return paths


def test_files_are_uploaded_once_and_their_urls_become_the_assets(
    tmp_path: Path, photos: list[Path], labelbox: Labelbox
) -> None:
    (tmp_path / "note.unknown").write_text("?")
    url = "https://images.example.com/1.jpg"
    unit = unit_of(tmp_path, [*photos, url, tmp_path / "note.unknown"])
    made = uploads(labelbox, tmp_path)

    made.upload(unit, [0, 1, 20, 21])
    labelbox.errors["00.jpg"] = AssertionError("uploaded twice")
    made.upload(unit, range(22))

    assert labelbox.stored == {path.name: path.read_bytes() for path in [*photos, tmp_path / "note.unknown"]}
    assert (labelbox.types["00.jpg"], labelbox.types["note.unknown"]) == ("image/jpeg", "application/octet-stream")
    assets = [orjson.loads(text) for text in made.with_urls(unit.take(range(22))).column("row_data").to_pylist()]
    expected = [f"https://labelbox.test/{path.name}" for path in photos]
    assert assets == [*expected, url, "https://labelbox.test/note.unknown"]
    some = made.with_urls(unit.take([3, 20]))
    assert [orjson.loads(text) for text in some.column("row_data").to_pylist()] == [expected[3], url]


def test_a_file_that_cannot_be_sent_refuses_its_row_alone(
    tmp_path: Path, photos: list[Path], labelbox: Labelbox
) -> None:
    unit = unit_of(tmp_path, photos[:4])
    photos[0].unlink()
    photos[1].write_text("Photo 01.jpg")
    labelbox.errors["02.jpg"] = LabelboxError("too large")
    made = uploads(labelbox, tmp_path)

    made.upload(unit, range(4))

    assert {row: why.code for row, why in made.refused.items()} == {100: "no_file", 101: "file_changed", 102: "refused"}
    assert str(photos[0]) in made.refused[100].reason
    assert made.refused[102].reason == f"Labelbox refused the file '{photos[2]}': too large"
    assert list(made.urls) == [103]


@pytest.mark.parametrize("error", [LabelboxUnavailableError("away"), LabelboxAuthenticationError("no key")])
def test_a_labelbox_that_is_away_or_refuses_the_key_stops_the_unit(
    tmp_path: Path, photos: list[Path], labelbox: Labelbox, error: Exception
) -> None:
    unit = unit_of(tmp_path, photos)
    labelbox.errors["10.jpg"] = error
    made = uploads(labelbox, tmp_path)
    with pytest.raises(type(error)):
        made.upload(unit, range(20))
    labelbox.errors.clear()
    labelbox.stored.clear()
    made.upload(unit, range(20))
    assert len(made.urls) == 20
    assert len(labelbox.stored) < 20


def test_what_was_done_is_known_to_another_task(tmp_path: Path, photos: list[Path], labelbox: Labelbox) -> None:
    unit = unit_of(tmp_path, photos[:3])
    photos[2].unlink()
    made = uploads(labelbox, tmp_path)
    made.upload(unit, range(3))
    again = uploads(labelbox, tmp_path)
    again.restore(orjson.loads(orjson.dumps(made.as_dict())))
    assert (again.urls, again.refused) == (made.urls, made.refused)
