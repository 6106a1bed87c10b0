"""Old releases go; the latest and what may still be written stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from labelbox_airflow.engine.exports.files.cleaning import keep_last
from labelbox_airflow.engine.exports.files.release import new_release, read_manifest, release_names, verify
from labelbox_airflow.engine.exports.files.target import local_target
from labelbox_airflow.engine.exports.files.write import write_files

SCHEMA = pa.schema([("n", pa.int64())])


def test_old_releases_and_what_killed_runs_left_go(tmp_path: Path) -> None:
    folder, now = local_target(tmp_path / "out"), datetime.now(UTC)
    assert keep_last(folder, 1) == []
    for name in ("zero", "one", "two"):
        write_files(folder, SCHEMA, [], format="csv", release=name)
    killed, running = new_release(now - timedelta(days=8)), new_release(now)
    for name in (killed, running, "mine"):
        (tmp_path / "out" / name).mkdir()
        (tmp_path / "out" / name / "part-00000.csv").touch()
    assert keep_last(folder, 2) == sorted([killed, "zero"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"one", "two", "latest.json", running, "mine"}
    assert release_names(folder) == ["one", "two"]
    assert keep_last(folder, 1) == ["one"]
    verify(folder, read_manifest(folder))
    with pytest.raises(ValueError, match="keep is 0"):
        keep_last(folder, 0)
