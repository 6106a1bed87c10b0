"""Which local files may be sent, and what tells that one has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows import local_files
from labelbox_airflow.engine.rows.local_files import LocalFile, LocalFileError, LocalFiles
from labelbox_airflow.engine.rows.mapping import KeyedBatch, RowMapping
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import LocalFilesSpec, RowsSpec
from labelbox_airflow.engine.rows.urls import AssetUrlError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026" / "a.jpg").write_bytes(b"photo a")
    (folder / "b.jpg").write_bytes(b"photo b")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def files(*paths: Any) -> LocalFiles:
    return LocalFiles(LocalFilesSpec(upload=tuple(map(str, paths))))


def refusal(allowed: LocalFiles, value: Any) -> str | None:
    try:
        allowed.resolve(str(value))
    except AssetUrlError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("named", "value", "code"),
    [
        ("photos", "photos/b.jpg", None),
        ("photos", "photos/2026/a.jpg", None),
        ("photos", "photos/2026/../b.jpg", None),
        ("photos", "photos/../secret.txt", "file_outside"),
        ("photos", "photos/2026/../../secret.txt", "file_outside"),
        ("photos", "secret.txt", "file_outside"),
        ("photo", "photos/b.jpg", "file_outside"),
        ("photos/*.jpg", "photos/b.jpg", None),
        ("photos/*.jpg", "photos/2026/a.jpg", "file_outside"),
        ("photos/**/*.jpg", "photos/2026/a.jpg", None),
        ("photos/**/*.png", "photos/2026/a.jpg", "file_outside"),
        ("photos/b.jpg", "photos/b.jpg", None),
        ("photos/b.jpg", "photos/2026/a.jpg", "file_outside"),
        ("photos", "photos/c.jpg", "no_file"),
        ("photos", "photos/2026", "no_file"),
        ("photos", "photos", "no_file"),
    ],
)
def test_a_file_counts_where_the_sync_names_it(
    tmp_path: Path, photos: Path, named: str, value: str, code: str | None
) -> None:
    assert refusal(files(tmp_path / named), f"{tmp_path}/{value}") == code
    assert refusal(files(tmp_path / named), f"file://{tmp_path}/{value}") == code


def test_links_must_not_lead_out(tmp_path: Path, photos: Path) -> None:
    (photos / "inside.jpg").symlink_to(photos / "2026" / "a.jpg")
    (photos / "outside.jpg").symlink_to(tmp_path / "secret.txt")
    (photos / "up").symlink_to(tmp_path)
    (photos / "nothing.jpg").symlink_to(tmp_path / "nothing")
    allowed = files(photos)
    assert allowed.resolve(f"{photos}/inside.jpg") == f"{photos}/2026/a.jpg"
    for value in ("outside.jpg", "up/secret.txt", "up/photos/../secret.txt", "nothing.jpg"):
        assert refusal(allowed, f"{photos}/{value}") == "file_outside", value
    # A link back in is no way out, and a store of links may be named too.
    assert refusal(allowed, f"{photos}/up/photos/b.jpg") is None
    assert refusal(files(photos, tmp_path), f"{photos}/outside.jpg") is None


def test_the_named_folder_may_be_a_link_itself(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    assert files(tmp_path / "link").resolve(f"{tmp_path}/link/b.jpg") == f"{photos}/b.jpg"
    assert refusal(files(tmp_path / "link" / "*.jpg"), f"{tmp_path}/link/../secret.txt") == "file_outside"


def test_a_file_that_is_none_or_empty_or_too_large_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "empty.jpg").touch()
    os.mkfifo(photos / "pipe.jpg")
    (photos / "large.jpg").write_bytes(b"x" * 101)
    (photos / "most.jpg").write_bytes(b"x" * 100)
    monkeypatch.setattr(local_files, "MAX_BYTES", 100)
    allowed = files(photos)
    assert refusal(allowed, photos / "empty.jpg") == "empty_file"
    assert refusal(allowed, photos / "pipe.jpg") == "no_file"
    assert refusal(allowed, photos / "most.jpg") is None
    with pytest.raises(AssetUrlError, match="has 101 bytes; Labelbox takes 100 of an uploaded file"):
        allowed.resolve(str(photos / "large.jpg"))


def test_the_files_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match=r"rows\.local_files: names no folder"):
        LocalFiles(LocalFilesSpec())
    with pytest.raises(ConfigurationError, match="'photos' is no absolute path"):
        files("photos")


def described(photos: Path, name: str) -> LocalFile:
    import orjson

    texts, _ = files(photos).describe(pa.array([orjson.dumps(f"{photos}/{name}").decode()]), Problems())
    return LocalFile(**orjson.loads(texts[0].as_py()))


def test_the_content_comes_in_pieces_and_only_as_it_was(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_files, "_PIECE", 3)
    file = described(photos, "b.jpg")
    assert (file.path, file.size) == (f"{photos}/b.jpg", 7)
    assert list(files(photos).pieces(file)) == [b"pho", b"to ", b"b"]

    for content in (b"photo c", b"photo", b"photo b and more", b""):
        (photos / "b.jpg").write_bytes(content)
        got: list[bytes] = []
        with pytest.raises(LocalFileError) as caught:
            got.extend(files(photos).pieces(file))
        assert caught.value.code == ("file_changed" if content else "empty_file")
        assert len(b"".join(got)) < file.size

    (photos / "b.jpg").unlink()
    with pytest.raises(LocalFileError, match="No such file"):
        list(files(photos).pieces(file))


def test_a_file_that_became_a_link_leading_out_is_not_sent(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"photo b")
    file = described(photos, "b.jpg")
    (photos / "b.jpg").unlink()
    (photos / "b.jpg").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(LocalFileError) as caught:
        list(files(photos).pieces(file))
    assert caught.value.code == "file_outside"


def mapping(photos: Path, **more: Any) -> RowMapping:
    spec = {"row_data": "file", "global_key": {"derive": "row_data"}, "local_files": {"upload": str(photos)}, **more}
    return RowMapping(RowsSpec.model_validate(spec), {})


def keyed(mapped: RowMapping, *values: Any) -> KeyedBatch:
    rows = pa.RecordBatch.from_pydict({"file": pa.array([None if v is None else str(v) for v in values], pa.string())})
    return mapped.key(Batch(rows, "rows.csv", range(2, 2 + len(values))), default_version=1)


def test_the_path_is_the_derived_key_and_the_content_the_fingerprint(photos: Path) -> None:
    mapped = mapping(photos)
    found = keyed(mapped, photos / "b.jpg", "https://images.example.com/1.jpg")
    rows = mapped.map(found, [0, 1]).rows
    assert rows.column("global_key").to_pylist() == [f"{photos}/b.jpg", "https://images.example.com/1.jpg"]
    assert rows.column("local_file").null_count == 1
    before = rows.column("fingerprint.row_data").to_pylist()

    (photos / "moved.jpg").write_bytes(b"photo b")
    (photos / "other.jpg").write_bytes(b"photo c")
    found = keyed(mapped, photos / "moved.jpg", photos / "other.jpg")
    moved, other = mapped.map(found, [0, 1]).rows.column("fingerprint.row_data").to_pylist()
    assert moved == before[0]
    assert other not in before


def test_a_file_that_is_written_again_makes_its_row_be_looked_at(photos: Path) -> None:
    mapped = mapping(photos)
    paths = (photos / "b.jpg", photos / "2026" / "a.jpg", photos / "gone.jpg", "https://images.example.com/1.jpg", None)
    before = keyed(mapped, *paths).sources
    assert keyed(mapped, *paths).sources == before
    os.utime(photos / "b.jpg", ns=(1, 1))
    after = keyed(mapped, *paths).sources
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True, True]


def test_wrong_files_reject_their_rows_alone(tmp_path: Path, photos: Path) -> None:
    mapped = mapping(photos, media_type="TEXT")
    found = keyed(mapped, photos / "b.jpg", tmp_path / "secret.txt", photos / "gone.jpg", "a plain text")
    result = mapped.map(found, range(4))
    assert result.rows.num_rows == 2
    assert [letter.code for letter in result.rejected] == ["file_outside", "no_file"]
    assert result.rejected[0].reason == (
        f"row_data = '{tmp_path}/secret.txt': is outside of what may be uploaded ({photos}); see rows.local_files"
    )


def test_without_local_files_no_value_is_a_file(photos: Path) -> None:
    mapped = RowMapping(RowsSpec.model_validate({"row_data": "file", "global_key": "file"}), {})
    result = mapped.map(keyed(mapped, photos / "b.jpg", f"file://{photos}/b.jpg"), [0, 1])
    assert [letter.code for letter in result.rejected] == ["bad_url", "bad_url"]
    assert "local_file" not in result.rows.schema.names


def test_a_value_cannot_pass_for_a_description_of_a_file(tmp_path: Path, photos: Path) -> None:
    forged = f'{{"path": "{tmp_path}/secret.txt", "size": 6, "content": "x"}}'
    rows = pa.RecordBatch.from_pydict({"file": [forged], "local_file": [forged]})
    spec = {"row_data": "file", "global_key": "file", "local_files": {"upload": str(photos)}}
    mapped = RowMapping(RowsSpec.model_validate(spec), {})
    found = mapped.key(Batch(rows, "rows.csv", [2]), default_version=1)
    assert mapped.map(found, [0]).rows.column("local_file").to_pylist() == [None]
