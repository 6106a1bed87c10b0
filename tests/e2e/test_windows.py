"""What a run reads: by path, by time of modification, by column, joined, from a local disk; and how far it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.e2e.conftest import Deployment, csv_text, row


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def content(deployment: Deployment, dataset: str) -> dict[str, Any]:
    """Return what a dataset holds of each row, by the last word of its key."""
    rows = deployment.data_rows(dataset) or {}
    return {key.rpartition("/")[2]: held["data_row"]["row_data"] for key, held in rows.items()}


def test_the_watermark_moves_with_runs_that_read_all_up_to_their_day(deployment: Deployment) -> None:
    deployment.add_sync(sources__rows__window={"by": "column", "column": "changed"})
    deployment.put_table([row(number, changed=f"2026-01-0{number}T12:00:00Z") for number in range(1, 6)])

    assert deployment.run_well("rows", day(2), row_limit=1).outcomes == {"created": 1}
    assert deployment.watermark("rows") is None

    past = deployment.run_well("rows", day(2), run_type="manual", since="2026-01-03T00:00Z", until="2026-01-04T00:00Z")
    assert past.outcomes == {"created": 1}
    assert deployment.watermark("rows") is None

    assert deployment.run_well("rows", day(3), run_type="backfill").outcomes == {"created": 1}
    assert deployment.watermark("rows") is None

    assert deployment.run_well("rows", day(2)).outcomes == {"unchanged": 1}
    assert deployment.watermark("rows") == "2026-01-02"

    # The runs of two days were missed, and nothing is lost.
    assert deployment.run_well("rows", day(5)).outcomes == {"created": 1, "unchanged": 2}
    assert deployment.watermark("rows") == "2026-01-05"

    assert deployment.run_well("rows", day(5), run_type="manual", full_refresh=True).counts["read"] == 5
    assert deployment.watermark("rows") == "2026-01-05"


def test_daily_runs_over_dated_paths_load_what_one_run_over_all_days_does(deployment: Deployment) -> None:
    source = {
        "type": "table",
        "connection": "aws_default",
        "uri": f"s3://{deployment.name}/{{date:%Y-%m-%d}}/*.csv",
        "window": {"by": "path"},
    }
    for sync in ("daily", "whole"):
        deployment.add_sync(
            sync,
            sources__rows=source,
            labelbox__dataset={"name": f"{deployment.name}-{sync}"},
            rows__global_key=f"{deployment.name}/{sync}/{{id}}",
        )
    deployment.put_table([row(1), row(2)], "2026-01-01/a.csv")
    deployment.put_table([row(3)], "2026-01-02/a.csv")
    deployment.put_table([row(4)], "2026-01-02/b.csv")
    deployment.put_table([row(2, url="https://images.example.com/two.jpg"), row(5)], "2026-01-03/a.csv")
    deployment.put_table([row(6)], "2026-01-04/a.csv")

    outcomes = [deployment.run_well("daily", day(number)).outcomes for number in (2, 3, 4)]
    whole = deployment.run_well("whole", day(9), since="2026-01-01T00:00Z", until="2026-01-04T00:00Z")

    assert outcomes == [{"created": 2}, {"created": 2}, {"created": 1, "updated": 1}]
    assert whole.outcomes == {"created": 5, "superseded": 1}
    daily = content(deployment, f"{deployment.name}-daily")
    assert daily == content(deployment, f"{deployment.name}-whole")
    assert sorted(daily) == ["0001", "0002", "0003", "0004", "0005"]
    assert daily["0002"] == "https://images.example.com/two.jpg"


def test_files_are_read_that_were_modified_in_the_window(deployment: Deployment) -> None:
    deployment.add_sync(sources__rows__window={"by": "modified"})
    deployment.put_table([row(1)])
    now = datetime.now(UTC)

    def moment(hours: int) -> str:
        return (now + timedelta(hours=hours)).isoformat()

    before = deployment.run_well("rows", day(2), since=moment(-2), until=moment(-1))
    assert before.counts["read"] == 0
    assert deployment.run_well("rows", day(2), since=moment(-1), until=moment(1)).outcomes == {"created": 1}


def test_a_lookback_reads_once_more_what_came_late(deployment: Deployment) -> None:
    deployment.add_sync(sources__rows__window={"by": "column", "column": "changed", "lookback": "1d"})
    rows = [row(number, changed=f"2026-01-0{number}") for number in range(1, 4)]
    deployment.put_table(rows)
    assert deployment.run_well("rows", day(3)).outcomes == {"created": 2}

    deployment.put_table([*rows, row(8, changed="2026-01-02"), row(9, changed="2026-01-01")])

    assert deployment.run_well("rows", day(4)).outcomes == {"created": 2, "unchanged": 1}
    assert sorted(deployment.data_rows() or ()) == ["0001", "0002", "0003", "0008"]


def test_a_table_beside_the_sync_file_with_parquet_joined_to_it(deployment: Deployment) -> None:
    tables = deployment.syncs / "tables"
    tables.mkdir()
    (tables / "rows.csv").write_text(csv_text([row(number) for number in range(3)]))
    facts = pa.table({"image": ["0000", "0001"], "store": ["north", "south"], "total": [1.5, 2.0]})
    pq.write_table(facts, tables / "facts.parquet")
    deployment.add_sync(
        sources={
            "rows": {"type": "table", "uri": "tables/rows.csv"},
            "facts": {"type": "table", "uri": f"file://{tables}/facts.parquet", "join": {"image": "rows.id"}},
        },
        rows__attachments=[{"type": "RAW_TEXT", "name": "store", "value": "{facts.store}: {facts.total}"}],
    )

    ran = deployment.run_well("rows", day(2))

    assert ran.outcomes == {"created": 2, "rejected": 1}
    rows = deployment.data_rows() or {}
    assert {key: held["attachments"][0]["value"] for key, held in rows.items()} == {
        "0000": "north: 1.5",
        "0001": "south: 2",
    }
    (letter,) = deployment.rejected("rows")
    assert letter["code"] == "no_match"
    assert letter["origin"] == f"{tables}/rows.csv line 4"
    assert "facts" in letter["reason"]
    assert "0002" in letter["reason"]
