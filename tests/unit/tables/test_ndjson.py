from __future__ import annotations

import gzip
import io
import logging
from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.ndjson import read_ndjson


def batches(data: bytes, columns: list[str] | None = None, place: str = "x.ndjson", rows: int = 100) -> list[Batch]:
    return list(read_ndjson(io.BytesIO(data), place, columns, batch_rows=rows))


def test_every_value_is_text_and_null_stays_null() -> None:
    (batch,) = batches(b'{"s":"a","n":1,"f":0.5,"b":true,"z":null,"e":"","v":[0.1,2],"o":{"k":"\xc3\xa4"}}\n')
    assert batch.rows.to_pylist() == [
        {"s": "a", "n": "1", "f": "0.5", "b": "true", "z": None, "e": "", "v": "[0.1,2]", "o": '{"k":"ä"}'}
    ]
    assert set(batch.rows.schema.types) == {pa.string()}


@pytest.mark.parametrize("number", ["123456789012345678901234567890", "-99999999999999999999", "18446744073709551615"])
def test_long_numbers_keep_their_digits(number: str) -> None:
    (batch,) = batches(f'{{"id":{number}}}'.encode())
    assert batch.rows.column("id").to_pylist() == [number]


def test_keys_are_the_union_of_a_batch() -> None:
    first, second = batches(b'{"a":1}\n{"b":2}\n{"c":3}\n', rows=2)
    assert first.rows.to_pylist() == [{"a": "1", "b": None}, {"a": None, "b": "2"}]
    assert second.rows.to_pylist() == [{"c": "3"}]


def test_columns_fix_the_schema() -> None:
    first, second = batches(b'{"a":1}\n{"b":2}\n', ["b", "a"], rows=1)
    assert first.rows.schema.names == second.rows.schema.names == ["b", "a"]
    assert second.rows.to_pylist() == [{"b": "2", "a": None}]


def test_a_key_no_object_has_is_null_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (batch,) = batches(b'{"country":"DE"}\n', ["contry"])
    assert batch.rows.to_pylist() == [{"contry": None}]
    assert "x.ndjson: no object has the key 'contry'. Did you mean 'country'?" in caplog.text


def test_bad_lines_are_rejected_and_the_rest_goes_on() -> None:
    (batch,) = batches(b'{"a":1}\n{"a":\n\n[1]\n"https://b/x?sig=abc&v=1"\n{"a":2}')
    assert batch.rows.to_pylist() == [{"a": "1"}, {"a": "2"}]
    assert list(batch.positions) == [1, 6]
    assert [(item.origin, item.code) for item in batch.rejected] == [
        ("x.ndjson line 2", "bad_json"),
        ("x.ndjson line 4", "not_an_object"),
        ("x.ndjson line 5", "not_an_object"),
    ]
    assert batch.rejected[1].reason == "The line is a JSON array, not an object with keys."
    assert batch.rejected[2].row == {"line": '"https://b/x?v=1"'}


def test_bytes_that_are_not_utf8_reject_their_line() -> None:
    (batch,) = batches(b'{"a":"\xfc"}\n{"a":"b"}\n')
    assert batch.rejected[0].code == "bad_json"
    assert batch.rows.num_rows == 1


def test_bad_lines_at_the_end_are_not_lost() -> None:
    found: list[Any] = [(batch.rows.num_rows, len(batch.rejected)) for batch in batches(b'{"a":1}\nx\n', rows=1)]
    assert found == [(1, 0), (0, 1)]


def test_bom_crlf_and_gzip() -> None:
    data = b'\xef\xbb\xbf{"a":1}\r\n{"a":2}\r\n'
    assert batches(data)[0].rows.num_rows == 2
    assert batches(gzip.compress(data), place="x.jsonl.gz")[0].rows.num_rows == 2


def test_an_empty_file_has_no_rows() -> None:
    assert batches(b"") == []


def test_a_line_without_end_fails_the_file() -> None:
    with pytest.raises(SourceError, match="line 1 is longer than 16 MB"):
        batches(b"[" + b"1," * (9 << 20))
