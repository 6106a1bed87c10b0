from __future__ import annotations

import gzip
import io
import json

import pytest

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables import json_array
from labelbox_airflow.engine.tables.read import read_table


def batches(data: bytes, columns: list[str] | None = None, place: str = "x.json", rows: int = 100) -> list[Batch]:
    return list(read_table(io.BytesIO(data), place, columns, batch_rows=rows))


def test_objects_of_an_array_are_rows_of_text() -> None:
    data = b'\xef\xbb\xbf [\n {"a": 1, "b": "\xc3\xa4"} , 7, {"a": 123456789012345678901, "c": [0.1, {"k": null}]} ]\n'
    (batch,) = batches(data)
    assert batch.rows.to_pylist() == [
        {"a": "1", "b": "ä", "c": None},
        {"a": "123456789012345678901", "b": None, "c": '[0.1,{"k":null}]'},
    ]
    assert [batch.origin(index) for index in (0, 1)] == ["x.json element 1", "x.json element 3"]
    assert [(reject.code, reject.origin) for reject in batch.rejected] == [("not_an_object", "x.json element 2")]
    assert batches(b"[]") == []


def test_elements_may_be_cut_anywhere_by_the_chunks_they_are_read_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "CHUNK_BYTES", 1)
    values = [{"n": number, "text": "ü]},[{" * number} for number in range(30)]
    found = batches(gzip.compress(json.dumps(values, ensure_ascii=False).encode()), place="x.json.gz", rows=7)
    assert [row for batch in found for row in batch.rows.to_pylist()] == [
        {"n": str(value["n"]), "text": value["text"]} for value in values
    ]
    (numbers,) = batches(b"[123456, {}]")
    assert [reject.row for reject in numbers.rejected] == [{"element": "123456"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no JSON array"),
        (b'{"a": 1}', r"is no JSON array. Write \[{...}, {...}\], or one object a line"),
        (b'[{"a": 1}', "cut off"),
        (b'[{"a": 1} {"a": 2}]', "without a comma"),
        (b'[{"a": ', "is no sound JSON"),
        (b"[{},]", "is no sound JSON"),
        (b"[{}] 1", "goes on after the array"),
        (b'[{"a": "\xe4"}]', "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_file_that_is_no_array_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        batches(data)


def test_an_element_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_RECORD_BYTES", 1 << 20)
    with pytest.raises(SourceError, match="an element over 1 MB"):
        batches(b'[{"a": "' + b"x" * (3 << 20) + b'"}]')
