"""A window over very many slots lists the paths once and selects by their dates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources import location
from labelbox_airflow.sources.tables import TableSource, TableSourceSpec


@pytest.mark.parametrize("many", [0, 1000])
def test_many_slots_select_the_same_files_as_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(location, "MANY_SLOTS", many)
    for day in range(1, 6):
        (tmp_path / f"2026-03-0{day}.csv").write_text(f"id\n{day}\n")
    spec = TableSourceSpec.model_validate(
        {"type": "table", "uri": f"file://{tmp_path}/{{date:%Y-%m-%d}}.csv", "window": {"by": "path"}}
    )
    source = TableSource(spec)

    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))

    assert [file.item.place[-14:] for file in source.files(window)] == ["2026-03-02.csv", "2026-03-03.csv"]
    assert [file.time for file in source.files(window)] == [
        datetime(2026, 3, 3, tzinfo=UTC),
        datetime(2026, 3, 4, tzinfo=UTC),
    ]


def test_a_window_since_the_beginning_of_time_is_quick_and_whole(tmp_path: Path) -> None:
    (tmp_path / "2026-03-01-05.csv").write_text("id\n1\n")
    spec = TableSourceSpec.model_validate(
        {"type": "table", "uri": f"file://{tmp_path}/{{date:%Y-%m-%d-%H}}.csv", "window": {"by": "path", "every": "1h"}}
    )
    window = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))

    assert len(TableSource(spec).files(window)) == 1
