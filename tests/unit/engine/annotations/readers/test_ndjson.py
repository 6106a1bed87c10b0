"""Files of Labelbox NDJSON become annotations, line by line; what is wrong stays with its line."""

import io

import orjson
import pytest

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    DataRow,
    Feature,
    FreeText,
    Origin,
)
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read, lines
from labelbox_airflow.engine.annotations.readers.ndjson import read_ndjson
from labelbox_airflow.engine.errors import SourceError

BOX = b'{"uuid":"u-1","dataRow":{"globalKey":"a"},"name":"car","bbox":{"top":1,"left":2,"height":3,"width":4}}'


def _read(content: bytes, place: str = "boxes.ndjson") -> list[Read]:
    return list(read_ndjson(io.BytesIO(content), place))


def _answer(content: str) -> bytes:
    text = '{"dataRow":{"globalKey":"a"},"name":"note","answer":"' + content + '"}'
    return text.encode()


def _rejects(content: bytes) -> list[RejectedAnnotation]:
    return [each for each in _read(content) if isinstance(each, RejectedAnnotation)]


def test_each_line_is_an_annotation_with_its_place():
    read = _read(BOX + b"\n" + _answer("fine"))
    assert read == [
        Annotation(DataRow("a"), Feature("car"), BoundingBox(2, 1, 4, 3), source_id="u-1", uuid="u-1"),
        Annotation(DataRow("a"), Feature("note"), FreeText("fine")),
    ]
    assert [each.origin for each in read] == [Origin("boxes.ndjson", 1), Origin("boxes.ndjson", 2)]


def test_a_broken_line_is_rejected_with_its_number_and_position_and_the_rest_goes_on():
    read = _read(BOX + b"\n" + BOX[:-1] + b"\n" + BOX + b"\n")
    assert [type(each) for each in read] == [Annotation, RejectedAnnotation, Annotation]
    broken = read[1]
    assert isinstance(broken, RejectedAnnotation)
    assert broken.code == "bad_json"
    assert str(broken).startswith("boxes.ndjson line 2: column 102: the line is no JSON: ")
    assert broken.line == {"line": BOX[:-1].decode()}


def test_a_line_that_is_no_annotation_says_what_it_is_about():
    wrong = BOX.replace(b'"width":4', b'"width":"4"')
    (reject,) = _rejects(BOX + b"\n" + wrong)
    assert str(reject) == "boxes.ndjson line 2, a, car: bbox.width = '4': must be a number"
    assert (reject.field, reject.data_row, reject.source_id) == ("bbox.width", DataRow("a"), "u-1")
    assert reject.line == orjson.loads(wrong)


def test_what_a_wrong_line_says_of_itself_is_shown_as_far_as_it_can_be_read():
    by_id = b'{"dataRow":{"id":"r1"},"schemaId":"s1","bbox":[]}'
    nothing = b'{"dataRow":"a","name":3,"uuid":["u"],"bbox":[]}'
    both = b'{"dataRow":{"id":"r1","globalKey":"a"},"name":"note","answer":"x"}'
    rejects = _rejects(b"\n".join((by_id, nothing, both, b"12")))
    assert [(each.data_row, each.class_name) for each in rejects] == [
        (DataRow(id="r1"), "s1"),
        (None, None),
        (DataRow("a"), "note"),
        (None, None),
    ]
    assert [each.code for each in rejects] == ["not_an_object", "not_a_text", "two_row_keys", "not_an_object"]
    assert rejects[3].line == {"line": 12}


def test_signed_urls_of_broken_lines_lose_their_signature():
    (reject,) = _rejects(b'{"mask":{"instanceURI":"https://x/y.png?X-Amz-Signature=abc"}')
    assert "abc" not in str(reject.line)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_blank_lines_are_passed_and_counted(ends: bytes):
    read = _read(ends.join((b"", BOX, b"  ", b"", BOX, b"")))
    assert [each.origin and each.origin.position for each in read] == [2, 5]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert len(_read(b"\xef\xbb\xbf" + BOX)) == 1
    assert _read(b"\xef\xbb\xbf\n") == []


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085"])
def test_line_separators_of_unicode_stay_in_texts(separator: str):
    (annotation,) = _read(_answer(f"one{separator}two"))
    assert isinstance(annotation, Annotation)
    assert annotation.value == FreeText(f"one{separator}two")


def test_an_empty_file_has_no_annotations():
    assert _read(b"") == []


def test_another_encoding_fails_the_file_and_names_the_line():
    latin = "{'name': 'Äpfel'}".encode("latin-1")
    with pytest.raises(SourceError, match=r"boxes.ndjson: line 2 is not UTF-8: byte 11 of the line is 0xc4"):
        _read(BOX + b"\n" + latin)
    with pytest.raises(SourceError, match=r"line 1 is not UTF-8: it begins with the mark of UTF-16"):
        _read(BOX.decode().encode("utf-16"))


def test_a_json_array_is_refused_with_the_way_to_lines():
    with pytest.raises(SourceError, match=r"a JSON array, not NDJSON.*jq -c"):
        _read(b"[" + BOX + b"]")


def test_an_endless_line_fails_the_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1 << 20)
    with pytest.raises(SourceError, match="line 2 is longer than 1 MB"):
        _read(BOX + b"\n" + _answer("x" * (1 << 20)))


def test_lines_are_given_while_the_file_is_read():
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return ((BOX + b"\n") * (size // len(BOX) + 1))[:size]

    reading = read_ndjson(Endless(), "pipe")  # type: ignore[arg-type]
    assert all(isinstance(next(reading), Annotation) for _ in range(10))
