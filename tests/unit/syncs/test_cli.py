"""The command line: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbox_airflow.syncs import check, cli


def test_good_files_are_ok_with_dag_id_and_schedule(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand = write()
    daily = write(
        {"name": "daily", "labelbox/dataset/name": "B", "schedule": {"every": "day", "timezone": "Europe/Berlin"}},
        "daily.yaml",
    )
    chained = write({"name": "chained", "labelbox/dataset/name": "C", "schedule": {"after": "daily"}}, "chained.yaml")
    assert cli.main(["check", str(by_hand), str(daily), str(chained)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{by_hand}: ok (dag id receipts, schedule by hand)",
        f"{daily}: ok (dag id daily, schedule 0 0 * * * Europe/Berlin)",
        f"{chained}: ok (dag id chained, schedule after asset daily)",
        "3 sync files ok, 0 problems",
    ]


def test_one_bad_file_does_not_hide_the_others(write: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good, bad = write(), write({"name": "bad", "colour": 1}, "bad.yaml")
    write("owner: team\n", "_defaults.yaml")
    assert cli.main(["check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{bad}:")
    assert "colour: unknown key" in lines[0]
    assert lines[1:] == [f"{good}: ok (dag id receipts, schedule by hand)", "1 sync file ok, 1 problem"]


def test_files_named_by_a_glob_may_hold_the_defaults(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(write()), str(write("owner: team\n", "_defaults.yaml"))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 sync file ok, 0 problems"


def test_conflicting_files_are_no_success(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(write()), str(write({"name": "b"}, "b.yaml"))]) == 1
    out = capsys.readouterr().out
    assert "both write rows.row_data of dataset 'Receipts'" in out
    assert out.splitlines()[-1].startswith("0 sync files ok, ")


def test_connect_asks_only_for_the_files_that_load(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(check, "connected_problems", lambda sync: asked.append(sync.name) or [f"{sync.path}: pool: no"])
    good, bad = write(), write({"name": "bad", "version": 2}, "bad.yaml")
    assert cli.main(["check", "--connect", str(good), str(bad)]) == 1
    assert asked == ["receipts"]
    assert f"{good}: pool: no" in capsys.readouterr().out.splitlines()


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Labelbox sync file"


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check"], ["check", "--conect", "x"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert "usage: labelbox-sync" in capsys.readouterr().err
