"""Files of a local disk as rows, with what their sidecars say."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources import sidecar_reader
from labelbox_airflow.sources.inputs import Input, read_inputs
from labelbox_airflow.sources.objects import OBJECT_COLUMNS, ObjectSource, ObjectSourceSpec
from labelbox_airflow.sources.sidecars import SidecarSpec
from labelbox_airflow.sources.tables import TableSourceSpec

FACTS = {"name": "facts", "path": "{stem}.json"}


def utc(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def put(base: Path, name: str, content: str | bytes = b"jpg", modified: datetime | None = None) -> Path:
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if modified:
        os.utime(path, (modified.timestamp(), modified.timestamp()))
    return path


def source(base: Path, uri: str = "*", batch_rows: int = 10_000, **keys: Any) -> ObjectSource:
    spec = ObjectSourceSpec.model_validate({"type": "objects", "uri": uri, **keys})
    return ObjectSource(spec, base, batch_rows=batch_rows)


def rows(found: ObjectSource, window: Window | None = None, columns: list[str] | None = None) -> list[dict[str, Any]]:
    batches = list(found.read(window, columns))
    read = [row for batch in batches for row in batch.rows.to_pylist()]
    return sorted(read, key=lambda row: str(row["uri"]))


def names(found: ObjectSource, window: Window | None = None) -> list[str]:
    return [row["name"] for row in rows(found, window)]


def rejected(found: ObjectSource, columns: list[str] | None = None) -> Mapping[str, Rejected]:
    letters = [letter for batch in found.read(None, columns) for letter in batch.rejected]
    return {letter.origin.rpartition("/")[2]: letter for letter in letters}


def test_a_row_says_all_that_is_known_of_an_object(tmp_path: Path) -> None:
    path = put(tmp_path, "2026/photo.raw.jpg", b"12345", utc(1, 12))
    (row,) = rows(source(tmp_path, "**/*.jpg"))
    assert tuple(row) == OBJECT_COLUMNS
    assert row == {
        "uri": str(path),
        "path": str(path),
        "folder": str(tmp_path / "2026"),
        "name": "photo.raw.jpg",
        "stem": "photo.raw",
        "suffix": ".jpg",
        "size": 5,
        "modified_at": utc(1, 12),
        "etag": None,
        "time": utc(1, 12),
    }


def test_the_object_itself_is_the_origin_of_its_row_and_its_time_the_version(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jpg", modified=utc(1))
    (batch,) = source(tmp_path).read(None)
    assert batch.origin(0) == str(path)
    assert batch.origins().to_pylist() == [str(path)]
    assert batch.time_column == "time"


def test_markers_and_hidden_files_are_no_rows_but_names_that_cameras_give_are(tmp_path: Path) -> None:
    for name in ("_SUCCESS", "_committed_123", ".a.jpg", ".cache/b.jpg", "c_$folder$", "_DSC0001.JPG", "d", "e/f.jpg"):
        put(tmp_path, name)
    assert names(source(tmp_path, "**")) == ["_DSC0001.JPG", "d", "f.jpg"]


def test_a_folder_that_the_uri_names_may_be_hidden(tmp_path: Path) -> None:
    put(tmp_path, ".photos/a.jpg")
    assert names(source(tmp_path, ".photos/*")) == ["a.jpg"]


def test_the_marker_that_is_waited_for_is_no_row(tmp_path: Path) -> None:
    for name in ("a.jpg", "done.txt", "b.txt"):
        put(tmp_path, name)
    assert names(source(tmp_path, wait_for="done.txt")) == ["a.jpg", "b.txt"]


def test_links_to_files_are_rows_and_links_to_nothing_and_round_in_circles_are_none(tmp_path: Path) -> None:
    path = put(tmp_path, "store/a.jpg", b"123")
    (tmp_path / "b.jpg").symlink_to(path)
    (tmp_path / "c.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "store" / "up").symlink_to(tmp_path)
    assert [(row["name"], row["size"]) for row in rows(source(tmp_path, "**"))] == [("b.jpg", 3), ("a.jpg", 3)]


def test_nothing_there_gives_no_rows_and_one_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert rows(source(tmp_path, "*.jpg")) == []
    with pytest.raises(SourceError, match=r"a\.jpg: there is no such file"):
        rows(source(tmp_path, "a.jpg"))


def test_batches_have_a_bounded_size(tmp_path: Path) -> None:
    for number in range(7):
        put(tmp_path, f"{number}.jpg")
    found = source(tmp_path, batch_rows=3)
    assert [batch.rows.num_rows for batch in found.read(None)] == [3, 3, 1]
    with_sidecars = source(tmp_path, batch_rows=3, sidecar={**FACTS, "missing": "leave"})
    assert [batch.rows.num_rows for batch in with_sidecars.read(None)] == [3, 3, 1]


def test_a_window_by_modification_time(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        put(tmp_path, f"{day}.jpg", modified=utc(day))
    found = source(tmp_path, window={"by": "modified"})
    assert names(found, Window(utc(2), utc(3))) == ["2.jpg"]
    assert names(found) == ["1.jpg", "2.jpg", "3.jpg"]
    with_lookback = source(tmp_path, window={"by": "modified", "lookback": "1d"})
    assert names(with_lookback, Window(utc(2), utc(3))) == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize("window", [Window(utc(2), utc(4)), None, Window(datetime(1970, 1, 1, tzinfo=UTC), utc(9))])
def test_a_window_by_path_has_the_end_of_the_slot_as_time(tmp_path: Path, window: Window | None) -> None:
    for day in (1, 2, 3, 4):
        put(tmp_path, f"2026-03-0{day}/a.jpg", modified=utc(20))
        put(tmp_path, f"2026-03-0{day}/a.json", json.dumps({"day": day}), modified=utc(21))
    found = source(tmp_path, "{date:%Y-%m-%d}/*", window={"by": "path"}, sidecar=FACTS)
    expected = (
        {"2": utc(3), "3": utc(4)} if window == Window(utc(2), utc(4)) else {str(d): utc(d + 1) for d in range(1, 5)}
    )
    assert {row["facts.day"]: row["time"] for row in rows(found, window)} == expected


def test_keys_of_a_sidecar_become_columns(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    content = {
        "taken_at": "2026-01-01",
        "iso": 400,
        "place": {"lat": 1.5, "city": {"name": "Rom"}},
        "a.b": 1,
        "n": None,
    }
    put(tmp_path, "a.json", json.dumps(content))
    wanted = [
        "facts.taken_at",
        "facts.iso",
        "facts.place",
        "facts.place.city.name",
        "facts.a.b",
        "facts.n",
        "facts.no.x",
    ]
    (row,) = rows(source(tmp_path, sidecar=FACTS), columns=["uri", *wanted])
    assert {name: row[name] for name in wanted} == {
        "facts.taken_at": "2026-01-01",
        "facts.iso": "400",
        "facts.place": '{"lat":1.5,"city":{"name":"Rom"}}',
        "facts.place.city.name": "Rom",
        "facts.a.b": "1",
        "facts.n": None,
        "facts.no.x": None,
    }
    (row,) = rows(source(tmp_path, sidecar=FACTS))
    assert [name for name in row if name.startswith("facts.")] == [f"facts.{key}" for key in content]


def test_a_text_becomes_one_column(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    put(tmp_path, "a.jpg.txt", b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe\nfrom Rome")
    (row,) = rows(source(tmp_path, sidecar={"name": "note", "path": "{name}.txt"}))
    assert row["note.text"] == "Grüße\nfrom Rome"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("photos/*", "{stem}.json"),
        ("photos/**", "{name}.json"),
        ("photos/*.jpg", "meta/{stem}.json"),
        ("photos/*.jpg", "../meta/{stem}.json"),
        ("*/*.jpg", "../meta/{name}.facts.json"),
        ("photos/a.jpg", "{stem}/facts.json"),
    ],
)
def test_a_sidecar_is_found_beside_and_is_no_row(tmp_path: Path, uri: str, path: str) -> None:
    put(tmp_path, "photos/a.jpg")
    where = os.path.normpath(f"photos/{path}".replace("{stem}", "a").replace("{name}", "a.jpg"))
    put(tmp_path, where, '{"x": 1}')
    found = source(tmp_path, uri, sidecar={**FACTS, "path": path})
    assert [(row["name"], row["facts.x"]) for row in rows(found, columns=["facts.x"])] == [("a.jpg", "1")]
    assert rejected(found) == {}


def test_an_object_without_a_sidecar_is_rejected_or_left_without(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    put(tmp_path, "b.jpg")
    put(tmp_path, "b.json", '{"x": 1}')
    letter = rejected(source(tmp_path, sidecar=FACTS))["a.jpg"]
    assert (letter.stage, letter.code, letter.field) == ("read", "no_sidecar", "facts")
    assert letter.reason.startswith(f"There is no {tmp_path}/a.json;")
    left = source(tmp_path, sidecar={**FACTS, "missing": "leave"})
    assert [row["facts.x"] for row in rows(left, columns=["facts.x"])] == [None, "1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b'{"a": 1,\n  b}',
            "/a.json is no JSON: unexpected character, expected a string key: line 2 column 3 (char 11)",
        ),
        (b"", "/a.json is no JSON"),
        (b"[1]", "/a.json is a JSON array, not an object with keys"),
        (b"null", "/a.json is a JSON null, not an object with keys"),
        (b'{"a": "\xff"}', "/a.json is no JSON"),
        (b'{"a": "' + b"x" * 5_000_000 + b'"}', "/a.json has 5,000,009 bytes; a sidecar may have 5,000,000 at most"),
    ],
)
def test_a_sidecar_that_cannot_be_used_rejects_its_row_alone(tmp_path: Path, content: bytes, reason: str) -> None:
    put(tmp_path, "a.jpg")
    put(tmp_path, "a.json", content)
    put(tmp_path, "b.jpg")
    put(tmp_path, "b.json", '{"a": 1}')
    found = source(tmp_path, sidecar=FACTS)
    assert [row["name"] for row in rows(found, columns=["facts.a"])] == ["b.jpg"]
    letter = rejected(found, ["facts.a"])["a.jpg"]
    assert letter.code == "bad_sidecar"
    assert reason in letter.reason
    assert letter.row["name"] == "a.jpg"


def test_a_text_that_is_no_utf_8_rejects_its_row(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    put(tmp_path, "a.txt", b"caf\xe9")
    letter = rejected(source(tmp_path, sidecar={"path": "{stem}.txt"}))["a.jpg"]
    assert letter.reason == f"{tmp_path}/a.txt: byte 3 (0xe9) is no UTF-8."


def test_a_changed_sidecar_has_its_row_read_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path, f"{name}.jpg", modified=utc(1))
        put(tmp_path, f"{name}.json", "{}", modified=utc(1))
    found = source(tmp_path, window={"by": "modified"}, sidecar=FACTS)
    assert names(found, Window(utc(2), utc(3))) == []
    put(tmp_path, "b.json", '{"x": 2}', modified=utc(2, 6))
    (row,) = rows(found, Window(utc(2), utc(3)), ["facts.x"])
    assert (row["name"], row["facts.x"], row["modified_at"], row["time"]) == ("b.jpg", "2", utc(1), utc(2, 6))


def test_sidecars_are_read_in_parts_that_memory_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar_reader, "BYTES_AT_ONCE", 100)
    for number in range(10):
        put(tmp_path, f"{number}.jpg")
        put(tmp_path, f"{number}.json", json.dumps({"x": "y" * (200 if number == 5 else 20)}))
    batches = list(source(tmp_path, sidecar=FACTS).read(None, ["facts.x"]))
    assert sum(batch.rows.num_rows for batch in batches) == 10
    assert all(batch.rows.num_rows <= 4 for batch in batches)
    assert len(batches) > 3


def test_no_scratch_files_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    put(tmp_path / "photos", "a.jpg")
    put(tmp_path / "photos", "b.jpg")
    reading = source(tmp_path, "photos/*", batch_rows=1, sidecar=FACTS).read(None)
    next(reading)
    reading.close()
    assert list(scratch.iterdir()) == []


def test_objects_join_and_are_joined(tmp_path: Path) -> None:
    put(tmp_path, "photos/a.jpg")
    put(tmp_path, "photos/a.json", '{"x": 1}')
    put(tmp_path, "photos/b.jpg")
    put(tmp_path, "rows.csv", "id\na\nb\n")
    table = TableSourceSpec.model_validate({"type": "table", "uri": "rows.csv"})
    listing = ObjectSourceSpec.model_validate({"type": "objects", "uri": "photos/*", "sidecar": FACTS})

    batches = list(
        read_inputs(
            [Input("rows", table, ["id"]), Input("photos", listing, ["uri", "stem", "facts.x"], {"stem": "id"})],
            None,
            tmp_path,
        )
    )
    assert [row for batch in batches for row in batch.rows.to_pylist()] == [
        {"id": "a", "photos.uri": f"{tmp_path}/photos/a.jpg", "photos.facts.x": "1"}
    ]
    # b.jpg has no sidecar, so it is a rejected source row, and the row of the table matches none.
    assert sorted(letter.code for batch in batches for letter in batch.rejected) == ["no_match", "no_sidecar"]

    batches = list(
        read_inputs([Input("photos", listing, ["stem"]), Input("rows", table, ["id"], {"id": "stem"})], None, tmp_path)
    )
    assert [batch.rows.column("stem").to_pylist() for batch in batches] == [["a"]]


def test_a_side_row_of_objects_is_named_by_its_object(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        put(tmp_path, f"{folder}/a.jpg")
    put(tmp_path, "rows.csv", "id\na\n")
    table = TableSourceSpec.model_validate({"type": "table", "uri": "rows.csv"})
    listing = ObjectSourceSpec.model_validate({"type": "objects", "uri": "*/*.jpg"})
    inputs = [Input("rows", table, ["id"]), Input("photos", listing, ["uri", "stem"], {"stem": "id"})]
    (letter,) = [letter for batch in read_inputs(inputs, None, tmp_path) for letter in batch.rejected]
    assert letter.code == "ambiguous_join"
    assert f"{tmp_path}/x/a.jpg" in letter.reason
    assert f"{tmp_path}/y/a.jpg" in letter.reason


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"window": {"by": "column", "column": "x"}}, "an object has no columns to go by"),
        ({"sidecar": {"path": "facts.json"}}, r"needs \{stem\} or \{name\}"),
        ({"sidecar": {"path": "{key}.json"}}, r"\{key\} is neither \{name\} nor \{stem\}"),
        ({"sidecar": {"path": "/meta/{stem}.json"}}, "is to begin at the object's folder"),
        ({"sidecar": {"path": "meta/../{stem}.json"}}, "is to begin at the object's folder"),
        ({"sidecar": {"path": "s3://b/{stem}.json"}}, "is to begin at the object's folder"),
        ({"sidecar": {"path": "{stem}.xmp"}}, "say format: json or text"),
        (
            {"sidecar": {"path": "{stem}.json"}, "uri": "*.json"},
            r"every object that '\*\.json' matches would be a sidecar",
        ),
        ({"sidecar": {"path": "{name}", "format": "text"}}, "would be a sidecar"),
        ({"sidecar": {"path": "../{stem}.json"}, "uri": "a/**"}, r"'\.\.' cannot lead up from the '\*\*'"),
        ({"sidecar": {"path": "../{stem}.json"}, "uri": "a/**/*.jpg"}, r"'\.\.' cannot lead up from the '\*\*'"),
        ({"sidecar": {"name": "a.b", "path": "{stem}.json"}}, "should match pattern"),
    ],
)
def test_wrong_specs_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ObjectSourceSpec.model_validate({"type": "objects", "uri": "*", **keys})


def test_a_sidecar_above_the_bucket_is_none() -> None:
    assert SidecarSpec(path="../../{stem}.json").path_for("bucket/photos/a.jpg") is None
    assert SidecarSpec(path="../{stem}.json").path_for("bucket/photos/a.jpg") == "bucket/a.json"
    assert SidecarSpec(path="{name}.json").path_for("bucket/{stem}.jpg") == "bucket/{stem}.jpg.json"


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'ftp://' is no storage"):
        source(tmp_path, "ftp://b/*").check()


def test_importing_the_source_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, labelbox_airflow.sources.objects; "
        "print([name for name in ('airflow', 'pyarrow', 'numpy', 'fsspec', 'boto3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
