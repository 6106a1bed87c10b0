"""Objects as rows: a listing with sidecars, waits for markers, and local files that are uploaded to Labelbox."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Deployment

SECOND_DAY = datetime(2026, 1, 2, tzinfo=UTC)


def source(deployment: Deployment, uri: str, **keys: Any) -> dict[str, Any]:
    return {"type": "objects", "connection": "aws_default", "uri": f"s3://{deployment.name}/{uri}", **keys}


def facts(**content: Any) -> str:
    return json.dumps({"camera": {"model": "X100", "iso": 400}, **content})


def held(deployment: Deployment) -> dict[str, dict[str, Any]]:
    rows = deployment.data_rows()
    assert rows is not None
    return rows


def metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    return {field["schema_name"]: field["value"] for field in row["metadata_fields"]}


@contextmanager
def later(seconds: float, deed: Any) -> Iterator[None]:
    """Do something while the block is at work."""
    timer = threading.Timer(seconds, deed)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def test_objects_with_sidecars_become_rows(deployment: Deployment) -> None:
    deployment.add_sync(
        sources={
            "photos": source(
                deployment,
                "photos/**",
                window={"by": "modified"},
                sidecar={"name": "facts", "path": "{stem}.json"},
            )
        },
        rows={
            "row_data": "uri",
            "s3_region": "us-east-1",
            "global_key": f"{deployment.name}/{{path}}",
            "metadata": {
                "captureDateTime": "facts.taken_at",
                "e2e camera": {"column": "facts.camera.model", "kind": "string", "new_field": "add"},
                "e2e iso": {"column": "facts.camera.iso", "kind": "number", "new_field": "add"},
            },
            "attachments": [{"type": "RAW_TEXT", "name": "note", "value": "facts.note"}],
        },
    )
    for number in (1, 2):
        deployment.put(f"photos/2026/{number}.jpg", b"jpg")
        deployment.put(f"photos/2026/{number}.json", facts(taken_at=f"2026-01-0{number}T12:00:00Z", note=f"n{number}"))
    deployment.put("photos/3.jpg", b"jpg")
    deployment.put("photos/3.json", '{"taken_at": "2026-01-03T12:00:00Z",\n "note" 3}')
    deployment.put("photos/4.jpg", b"jpg")
    deployment.put("photos/_SUCCESS", b"")
    now = datetime.now(UTC)
    window = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}

    ran = deployment.run_well("rows", SECOND_DAY, **window)

    assert ran.outcomes == {"created": 2, "rejected": 2}
    rows = held(deployment)
    assert sorted(rows) == ["photos/2026/1.jpg", "photos/2026/2.jpg"]
    one = rows["photos/2026/1.jpg"]
    assert one["data_row"]["row_data"] == f"https://{deployment.name}.s3.us-east-1.amazonaws.com/photos/2026/1.jpg"
    assert metadata(one)["e2e camera"] == "X100"
    assert metadata(one)["e2e iso"] == 400
    assert metadata(one)["captureDateTime"].startswith("2026-01-01T12:00:00")
    assert [attachment["value"] for attachment in one["attachments"]] == ["n1"]
    letters = {letter["origin"]: letter for letter in deployment.rejected("rows")}
    bad = letters[f"s3://{deployment.name}/photos/3.jpg"]
    assert bad["code"] == "bad_sidecar"
    assert f"s3://{deployment.name}/photos/3.json is no JSON" in bad["reason"]
    assert "line 2 column" in bad["reason"]
    assert letters[f"s3://{deployment.name}/photos/4.jpg"]["code"] == "no_sidecar"

    with deployment.changes() as changes:
        assert deployment.run_well("rows", SECOND_DAY, **window).outcomes == {"unchanged": 2, "rejected": 2}
    assert changes == {}

    deployment.put("photos/2026/2.json", facts(taken_at="2026-01-02T12:00:00Z", note="new"))
    deployment.put("photos/3.json", facts())
    since = {**window, "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert deployment.run_well("rows", SECOND_DAY, **since).outcomes == {
        "created": 1,
        "updated": 1,
        "unchanged": 1,
        "rejected": 1,
    }
    assert held(deployment)["photos/2026/2.jpg"]["attachments"][0]["value"] == "new"


def test_objects_are_joined_with_a_table_as_any_other_source(deployment: Deployment) -> None:
    table = {"type": "table", "connection": "aws_default", "uri": f"s3://{deployment.name}/rows.csv"}
    deployment.add_sync(
        sources={"rows": table, "photos": source(deployment, "photos/*.jpg", join={"stem": "rows.id"})},
        rows__row_data="photos.uri",
        rows__s3_region="us-east-1",
    )
    deployment.put_table([{"id": "a"}, {"id": "b"}])
    deployment.put("photos/a.jpg", b"jpg")

    ran = deployment.run_well("rows", SECOND_DAY)

    assert ran.outcomes == {"created": 1, "rejected": 1}
    assert held(deployment)["a"]["data_row"]["row_data"].endswith("/photos/a.jpg")
    assert [letter["code"] for letter in deployment.rejected("rows")] == ["no_match"]


def waiting_sync(deployment: Deployment, bucket: str | None = None, **keys: Any) -> None:
    photos = source(deployment, "{date:%Y-%m-%d}/*", window={"by": "path"}, poke_interval="1s", **keys)
    if bucket is not None:
        photos["uri"] = f"s3://{bucket}/{{date:%Y-%m-%d}}/*"
    deployment.add_sync(
        sources={"photos": photos},
        rows={"row_data": "uri", "s3_region": "us-east-1", "global_key": f"{deployment.name}/{{name}}"},
    )
    deployment.put("2026-01-01/a.jpg", b"jpg")


def test_a_run_waits_for_the_marker_of_its_own_day(deployment: Deployment) -> None:
    waiting_sync(deployment, wait_for="_SUCCESS")

    with later(1.5, lambda: deployment.put("2026-01-01/_SUCCESS", b"")):
        ran = deployment.run_well("rows", SECOND_DAY)

    assert ran.outcomes == {"created": 1}
    assert ran.states["wait_photos"] == ["success"]
    # Ready at the first look, it does not wait at all.
    assert deployment.run_well("rows", SECOND_DAY).outcomes == {"unchanged": 1}


def test_a_wait_that_is_in_vain_names_what_is_missing_and_reads_nothing(deployment: Deployment) -> None:
    waiting_sync(deployment, wait_for="_SUCCESS", wait_timeout="2s")

    ran = deployment.run("rows", SECOND_DAY, retries=2)

    assert ran.state == "failed"
    assert ran.states["wait_photos"] == ["failed"]
    assert ran.states["extract"] == ["upstream_failed"]
    assert [failure.task for failure in ran.failures] == ["wait_photos", "report"]
    assert f"s3://{deployment.name}/2026-01-01/_SUCCESS is not there" in ran.failure.message
    assert "sources.photos: not ready after 2 s" in ran.failure.message
    assert "The log of wait_photos says why" in ran.failures[1].message
    assert deployment.watermark("rows") is None
    assert deployment.data_rows() is None


def test_a_dry_run_does_not_wait(deployment: Deployment, capfd: pytest.CaptureFixture[str]) -> None:
    waiting_sync(deployment, wait_for="_SUCCESS")

    ran = deployment.run("rows", SECOND_DAY, dry_run=True)

    assert ran.failures == []
    assert ran.states["wait_photos"] == ["success"]
    said = capfd.readouterr()
    assert f"A dry run does not wait. Not ready in 'photos': s3://{deployment.name}/2026-01-01/_SUCCESS" in (
        said.out + said.err
    )


def test_a_run_waits_until_nothing_changes_any_more(deployment: Deployment) -> None:
    waiting_sync(deployment, settle="3s")
    assert deployment.run_well("rows", SECOND_DAY).outcomes == {"created": 1}


def test_a_wait_for_a_bucket_that_is_not_there_fails_at_once(deployment: Deployment) -> None:
    waiting_sync(deployment, "no-such-bucket", wait_for="_SUCCESS")

    ran = deployment.run("rows", SECOND_DAY)

    assert ran.failure.task == "wait_photos"
    assert ran.failure.final
    assert "there is no bucket 'no-such-bucket'" in ran.failure.message


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "2026").mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / "2026" / f"{number}.txt").write_bytes(f"photo {number}".encode() * 1000)
    return folder


def uploading_sync(deployment: Deployment, photos: Path, **rows: Any) -> None:
    deployment.add_sync(
        sources={"photos": {"type": "objects", "uri": f"{photos}/**/*.txt"}},
        rows={
            "row_data": "uri",
            "global_key": f"{deployment.name}/{{name}}",
            "local_files": "upload",
            **rows,
        },
    )


def content_of(row: Mapping[str, Any]) -> bytes:
    with urllib.request.urlopen(row["data_row"]["row_data"]) as answer:
        content: bytes = answer.read()
    return content


def uploads(deployment: Deployment) -> int:
    """Return how many files were uploaded since the calls were counted anew, chunks and manifests included."""
    return int(deployment.labelbox.admin("GET", "calls")["operations"].get("UploadFile", 0))


def test_local_files_are_uploaded_once_and_again_when_they_change(deployment: Deployment, photos: Path) -> None:
    uploading_sync(deployment, photos)

    assert deployment.run_well("rows", SECOND_DAY).outcomes == {"created": 3}
    first = held(deployment)
    assert {name: content_of(row) for name, row in first.items()} == {
        path.name: path.read_bytes() for path in photos.rglob("*.txt")
    }

    # Written again as it was, a file is looked at but not sent.
    os.utime(photos / "2026" / "1.txt")
    deployment.labelbox.admin("DELETE", "calls")
    assert deployment.run_well("rows", SECOND_DAY).outcomes == {"unchanged": 3}
    assert uploads(deployment) == 0

    (photos / "2026" / "2.txt").write_bytes(b"another photo")
    deployment.labelbox.admin("DELETE", "calls")
    assert deployment.run_well("rows", SECOND_DAY).outcomes == {"updated": 1, "unchanged": 2}
    assert uploads(deployment) == 3  # the file, a chunk, a manifest
    second = held(deployment)
    assert content_of(second["2.txt"]) == b"another photo"
    assert second["1.txt"]["data_row"]["row_data"] == first["1.txt"]["data_row"]["row_data"]


def test_a_value_leads_to_no_file_that_the_sync_does_not_name(
    deployment: Deployment, photos: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (photos / "link.txt").symlink_to(secret)
    (photos / "empty.txt").touch()
    paths = {
        "good": photos / "2026" / "1.txt",
        "outside": secret,
        "dots": f"{photos}/../secret.txt",
        "link": photos / "link.txt",
        "gone": photos / "gone.txt",
        "empty": photos / "empty.txt",
        "url": "https://images.example.com/1.jpg",
    }
    deployment.put_table([{"id": name, "file": path} for name, path in paths.items()])
    deployment.add_sync(rows__row_data="file", rows__local_files={"upload": str(photos)})

    ran = deployment.run_well("rows", SECOND_DAY)

    assert ran.outcomes == {"created": 2, "rejected": 5}
    rows = held(deployment)
    assert content_of(rows["good"]) == (photos / "2026" / "1.txt").read_bytes()
    assert rows["url"]["data_row"]["row_data"] == paths["url"]
    codes = {letter["row"]["id"]: letter["code"] for letter in deployment.rejected("rows")}
    assert codes == {
        "outside": "file_outside",
        "dots": "file_outside",
        "link": "file_outside",
        "gone": "no_file",
        "empty": "empty_file",
    }


def test_a_file_that_vanishes_or_changes_under_way_rejects_its_row_alone(
    deployment: Deployment, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploading_sync(deployment, photos, global_key={"derive": "row_data"})
    from labelbox_airflow.operators.data_rows import LabelboxGateOperator

    gate = LabelboxGateOperator.execute

    def meddle(self: Any, context: Any) -> Any:
        (photos / "2026" / "1.txt").unlink()
        (photos / "2026" / "2.txt").write_bytes(b"photo 9" * 1000)
        return gate(self, context)

    with monkeypatch.context() as patch:
        patch.setattr(LabelboxGateOperator, "execute", meddle)
        ran = deployment.run_well("rows", SECOND_DAY)

    assert ran.outcomes == {"created": 1, "rejected": 2}
    letters = {letter["global_key"]: letter for letter in deployment.rejected("rows")}
    assert {key.rpartition("/")[2]: letter["code"] for key, letter in letters.items()} == {
        "1.txt": "no_file",
        "2.txt": "file_changed",
    }
    assert list(held(deployment)) == [f"{photos}/2026/3.txt"]

    # The next run takes the file as it is now.
    assert deployment.run_well("rows", SECOND_DAY).outcomes == {"created": 1, "unchanged": 1}
    assert content_of(held(deployment)[f"{photos}/2026/2.txt"]) == b"photo 9" * 1000


def test_uploads_that_got_no_answer_leave_no_row_twice_and_none_that_points_nowhere(
    deployment: Deployment, photos: Path
) -> None:
    uploading_sync(deployment, photos)
    deployment.fault("upsertDataRows", effect="after")

    ran = deployment.run("rows", SECOND_DAY, retries=2)

    assert ran.state == "success"
    rows = held(deployment)
    assert sorted(rows) == ["1.txt", "2.txt", "3.txt"]
    assert {name: content_of(row) for name, row in rows.items()} == {
        path.name: path.read_bytes() for path in photos.rglob("*.txt")
    }
