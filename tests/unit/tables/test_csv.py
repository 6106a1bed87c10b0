from __future__ import annotations

import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.tables.csv import read_csv
from labelbox_airflow.engine.tables.options import CsvOptions


class Pipe(io.RawIOBase):
    """A binary file that cannot be sought in and gives few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7) if size >= 0 else 7)


def batches(data: bytes, columns: list[str] | None = None, place: str = "x.csv", **options: Any) -> list[Batch]:
    rows = options.pop("batch_rows", 10_000)
    return list(read_csv(io.BytesIO(data), place, CsvOptions(**options), columns, batch_rows=rows))


def rows(found: Iterable[Batch]) -> list[dict[str, Any]]:
    return [row for batch in found for row in batch.rows.to_pylist()]


def test_cells_are_text_and_empty_cells_are_null() -> None:
    assert rows(batches(b"a,b,c\n1,,x\n,2.50,\n")) == [
        {"a": "1", "b": None, "c": "x"},
        {"a": None, "b": "2.50", "c": None},
    ]


def test_only_the_columns_asked_for_in_their_order() -> None:
    assert rows(batches(b"a,b,c\n1,2,3\n", ["c", "a", "c"])) == [{"c": "3", "a": "1"}]


def test_rows_come_in_batches_with_their_lines() -> None:
    found = batches(b"a\n" + b"".join(b"%d\n" % n for n in range(25)), batch_rows=10)
    assert [batch.rows.num_rows for batch in found] == [10, 10, 5]
    assert found[2].origin(0) == "x.csv line 22"
    assert found[2].rows.column("a")[0].as_py() == "20"


def test_a_record_over_several_lines_is_placed_at_its_last() -> None:
    (batch,) = batches(b'a,b\n"1\n2",x\n\n3,"y ""z"""\n')
    assert batch.rows.to_pylist() == [{"a": "1\n2", "b": "x"}, {"a": "3", "b": 'y "z"'}]
    assert list(batch.positions) == [3, 5]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_end_of_line_and_none_at_the_end(end: bytes) -> None:
    assert rows(batches(b"a,b" + end + b"1,2" + end + b"3,4")) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_separators_of_unicode_do_not_end_a_line() -> None:
    assert rows(batches("a,b\n1\u2028x,2\x0b\x85\n".encode())) == [{"a": "1\u2028x", "b": "2\x0b\x85"}]


def test_a_file_that_cannot_be_sought_in_reads_the_same() -> None:
    data = "a,b\n" + "".join(f"ä{n},ö\n" for n in range(100))
    found = list(read_csv(Pipe(data.encode()), "x.csv", CsvOptions()))  # type: ignore[arg-type]
    assert rows(found)[99] == {"a": "ä99", "b": "ö"}
    assert found[0].positions[99] == 101


def test_ragged_lines_are_rejected_and_the_rest_goes_on() -> None:
    (batch,) = batches(b"a,b\n1,2\n3\n4,5,https://b/x.jpg?X-Amz-Signature=abc\n6,7\n")
    assert [row["a"] for row in batch.rows.to_pylist()] == ["1", "6"]
    assert list(batch.positions) == [2, 5]
    few, many = batch.rejected
    assert (few.origin, few.stage, few.code) == ("x.csv line 3", "read", "ragged_line")
    assert few.reason.startswith("The line has too few cells: 1 where the table has 2 columns.")
    assert many.reason.startswith("The line has too many cells: 3 where the table has 2 columns.")
    assert many.row == {"line": ["4", "5", "https://b/x.jpg"]}


def test_rejected_lines_count_towards_a_batch_and_come_without_rows_too() -> None:
    found = batches(b"a,b\n" + b"1\n" * 5, batch_rows=2)
    assert [(batch.rows.num_rows, len(batch.rejected)) for batch in found] == [(0, 2), (0, 2), (0, 1)]
    assert found[0].rows.schema.names == ["a", "b"]


def test_a_stray_quote_rejects_its_line() -> None:
    (batch,) = batches(b'a,b\n1,2\n"x"y,"3"\n\n"x"y,"4"\n5,6\n')
    assert [row["a"] for row in batch.rows.to_pylist()] == ["1", "5"]
    assert [(item.origin, item.code) for item in batch.rejected] == [
        ("x.csv line 3", "bad_quoting"),
        ("x.csv line 5", "bad_quoting"),
    ]
    assert batch.rejected[0].row == {"line": '"x"y,"3"'}


def test_a_stray_quote_that_leaves_doubt_fails_the_file() -> None:
    with pytest.raises(SourceError, match="line 2 has a stray quote"):
        batches(b'a,b\n"x"y,"more\nlines"\n3,4\n')


def test_a_quote_never_closed_fails_the_file_and_names_its_line() -> None:
    with pytest.raises(
        SourceError, match=r"x\.csv: a quote opened in the record that begins at line 3 is never closed"
    ):
        batches(b'a,b\n1,2\n3,"4\n5,6\n')


def test_a_cell_over_the_limit_fails_the_file() -> None:
    with pytest.raises(SourceError, match="line 2 is over 16 MB, or its quote is never closed"):
        batches(b'a,b\n1,"' + b"x" * (17 << 20))


def test_a_long_cell_is_read_whole() -> None:
    assert len(rows(batches(b"a\n" + b"x" * 1_000_000 + b"\n"))[0]["a"]) == 1_000_000


def test_an_empty_file_has_not_even_a_header() -> None:
    with pytest.raises(SourceError, match=r"x\.csv: the file is empty: not even a header"):
        batches(b"")


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert batches(b"a,b\n") == []
    assert batches(b"a,b") == []


@pytest.mark.parametrize(
    ("header", "message"),
    [(b"a,b,a\n", "columns 1 and 3 are both called 'a'"), (b"a,,b\n", "column 2 has no name")],
)
def test_headers_that_do_not_name_the_columns_are_refused(header: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        batches(header)


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(SourceError, match=r"x\.csv: there is no column 'contry'\. Did you mean 'country'\?"):
        batches(b"country,image\nDE,x\n", ["contry"])


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "cp1252", "shift_jis"])
def test_encodings(codec: str) -> None:
    text = "name,b\nテスト,1\n" if codec == "shift_jis" else "name,b\nGrün,1\n"
    encoding = "utf-8" if codec == "utf-8-sig" else codec
    assert rows(batches(text.encode(codec), encoding=encoding))[0]["name"] == text[7:].partition(",")[0]


@pytest.mark.parametrize("before", [0, 10, 300_000])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_wrong_encoding_is_refused_with_the_byte(before: int, bom: bytes) -> None:
    data = bom + b"a,b\n" + "ä,1\n".encode() * before + b"Gr\xfcn,1\n"
    with pytest.raises(SourceError) as caught:
        batches(data)
    assert str(caught.value).startswith(f"x.csv: byte {data.index(0xFC)} (0xfc) cannot be read as utf-8.")
    assert "csv.encoding" in str(caught.value)


def test_a_wrong_encoding_inside_a_character_at_the_edge_of_a_chunk() -> None:
    data = b"a\n" + b"x" * ((1 << 18) - 3) + b"\xe2\x28\n"
    with pytest.raises(SourceError, match=rf"byte {data.index(0xE2)} \(0xe2\)"):
        batches(data)


def test_nul_bytes_are_refused_with_the_byte() -> None:
    with pytest.raises(SourceError, match=r"byte 5 is NUL.*utf-16"):
        batches(b"a,b\n1\x00,2\n")


def test_gzip_is_unpacked() -> None:
    assert rows(batches(gzip.compress(b"a\n1\n"), place="x.csv.gz")) == [{"a": "1"}]


def test_broken_gzip_is_named() -> None:
    with pytest.raises(SourceError, match=r"x\.csv\.gz: this is no sound gzip file"):
        batches(b"a\n1\n", place="x.csv.gz")
    with pytest.raises(SourceError, match="cut off"):
        batches(gzip.compress(b"a\n" + bytes(range(65, 90)) * 999)[:-20], place="x.csv.gz")


def test_other_dialects_and_files_without_header() -> None:
    options = CsvOptions(delimiter=";", quote="'", header=False, columns=("n", "t"))
    assert rows(read_csv(io.BytesIO(b"1;'a;b'\n"), "x.csv", options)) == [{"n": "1", "t": "a;b"}]
    assert list(read_csv(io.BytesIO(b""), "x.csv", options)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf-9"}, "'utf-9' is no text encoding"),
        ({"header": False}, "header: false needs columns"),
        ({"columns": ["a"]}, "columns is for files without a header"),
        ({"delimiter": ";;"}, "at most 1 character"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CsvOptions(**options)


def test_time_goes_with_the_batches_and_the_file_stays_open() -> None:
    file, time = io.BytesIO(b"a\n1\n"), datetime(2026, 1, 1, tzinfo=UTC)
    (batch,) = read_csv(file, "x.csv", CsvOptions(), time=time)
    assert batch.time == time
    assert not file.closed
