"""What a user gets wrong: one clear message that says where and what to do, nothing lost, nothing half done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.e2e.conftest import Deployment, row

DAY = datetime(2026, 1, 2, tzinfo=UTC)
NEXT_DAY = datetime(2026, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Stopped:
    """A mistake that stops the run.

    :param task: the task that says so
    :param says: what the message has to hold; {name} is the test's bucket and dataset
    :param body: content of rows.csv; None for no such file
    """

    task: str
    says: Sequence[str]
    sync: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = b"id,url\n1,https://images.example.com/1.jpg\n"
    environment: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


STOPPED = {
    "unknown Labelbox connection": Stopped(
        "ensure",
        ["connection 'labelbox_prod': there is no such connection. Create it under", "AIRFLOW_CONN_LABELBOX_PROD="],
        sync={"labelbox__connection": "labelbox_prod"},
    ),
    "unknown source connection": Stopped(
        "extract",
        ["s3://{name}/rows.csv: there is no Airflow connection 'aws_prod'", "AIRFLOW_CONN_AWS_PROD"],
        sync={"sources__rows__connection": "aws_prod"},
    ),
    "refused storage key": Stopped(
        "extract",
        ["s3://{name}/rows.csv: access denied (connection 'aws_default'). Correct its credentials"],
        environment={"AIRFLOW_CONN_AWS_DEFAULT": "login=nobody"},
    ),
    "unknown integration": Stopped(
        "ensure",
        ["labelbox.dataset.delegated_access: there is no integration '{name}-typo'", "set up in Labelbox under"],
        sync={"labelbox__dataset__delegated_access": "{name}-typo"},
    ),
    "unknown metadata field": Stopped(
        "ensure",
        ["rows.metadata.captureDateTme: Labelbox has no metadata field", "Did you mean 'captureDateTime'?"],
        sync={"rows__metadata": {"captureDateTme": "taken"}},
    ),
    "metadata of another kind": Stopped(
        "ensure",
        ["rows.metadata.captureDateTime", "is of kind datetime in Labelbox, the sync says number"],
        sync={"rows__metadata": {"captureDateTime": {"column": "taken", "kind": "number"}}},
    ),
    "missing dataset": Stopped(
        "ensure",
        ["labelbox.dataset: Labelbox has no dataset named '{name}'", "create: true"],
        sync={"labelbox__dataset__create": False},
    ),
    "missing bucket": Stopped(
        "extract",
        ["s3://{name}-typo/rows.csv: there is no bucket '{name}-typo' (connection 'aws_default')", "create the bucket"],
        sync={"sources__rows__uri": "s3://{name}-typo/rows.csv"},
    ),
    "missing file": Stopped(
        "extract", ["s3://{name}/rows.csv: there is no such file (connection 'aws_default')", "Correct uri"], body=None
    ),
    "empty file": Stopped(
        "extract", ["s3://{name}/rows.csv: the file is empty: not even a header", "header line"], body=b""
    ),
    "wrong encoding": Stopped(
        "extract",
        ["s3://{name}/rows.csv: byte 39 (0xe9) cannot be read as utf-8", "Set csv.encoding", "cp1252"],
        body=b"id,url\n1,https://images.example.com/caf\xe9.jpg\n",
    ),
    "column that is not there": Stopped(
        "extract",
        ["s3://{name}/rows.csv: there is no column 'imageid'. Did you mean 'image_id'?"],
        sync={"rows__global_key": "imageid"},
        body=b"image_id,url\n1,https://images.example.com/1.jpg\n",
    ),
    "quote that never closes": Stopped(
        "extract",
        ["s3://{name}/rows.csv: a quote opened in the record that begins at line 3 is never closed"],
        body=b'id,url\n1,https://images.example.com/1.jpg\n2,"https://images.example.com/2.jpg\n',
    ),
    "no date in the form": Stopped(
        "extract", ["trigger form: since = 'yesterday' is no date or time in ISO 8601"], params={"since": "yesterday"}
    ),
    "empty window in the form": Stopped(
        "extract",
        ["trigger form: the window from since=2026-01-02 to until=2026-01-01 is empty"],
        params={"since": "2026-01-02", "until": "2026-01-01"},
    ),
}


@pytest.mark.parametrize("mistake", STOPPED.values(), ids=STOPPED)
def test_a_mistake_that_concerns_all_rows_stops_the_run_at_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, mistake: Stopped
) -> None:
    def named(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("{name}", deployment.name))

    deployment.add_sync(**named(dict(mistake.sync)))
    if mistake.body is not None:
        deployment.put("rows.csv", mistake.body)
    for name, change in mistake.environment.items():
        changed = json.loads(deployment.store.airflow_connection()) | dict([change.split("=")])
        monkeypatch.setenv(name, json.dumps(changed))

    with deployment.changes() as changes:
        ran = deployment.run("rows", DAY, retries=2, **mistake.params)

    assert ran.state == "failed"
    assert [(failure.task, failure.final) for failure in ran.failures] == [(mistake.task, True), ("report", True)]
    for words in mistake.says:
        assert named(words) in ran.failure.message
    assert "\n" not in ran.failure.message
    assert f"The log of {mistake.task} says why" in ran.failures[-1].message
    assert set(changes) == set()
    assert deployment.data_rows() is None
    assert deployment.watermark("rows") is None


@dataclass(frozen=True)
class Rejected:
    """A mistake in single rows: they are rejected, and the rest is loaded.

    :param rows: of rows.csv, or its text
    :param letters: code, origin, and words of the reason; {name} is the test's bucket and beginning of keys
    """

    rows: Sequence[Mapping[str, Any]] | str
    created: int
    letters: Sequence[tuple[str, str, str]]
    sync: Mapping[str, Any] = field(default_factory=dict)


GOOD = row(1)
LINE = "s3://{name}/rows.csv line"
VECTOR = {"rows__embeddings": {"e2e-vector": {"column": "vector", "dimensions": 4, "new_embedding": "add"}}}
SPLIT = {"column": "colour", "kind": "enum"}
REJECTED = {
    "ragged line": Rejected(
        "id,url\n1,https://images.example.com/1.jpg\n2,https://images.example.com/2,5.jpg\n3\n",
        1,
        [
            ("ragged_line", f"{LINE} 3", "too many cells: 3 where the table has 2 columns"),
            ("ragged_line", f"{LINE} 4", "too few cells: 1 where the table has 2 columns"),
        ],
    ),
    "null key": Rejected(
        [GOOD, {**row(2), "id": ""}],
        1,
        [("null_key", f"{LINE} 3", "global_key: is empty; every row needs a global key")],
    ),
    "key too long": Rejected(
        [GOOD, {**row(2), "id": "k" * 200}],
        1,
        [("key_too_long", f"{LINE} 3", "Labelbox takes 200. Set global_key.too_long: hash to shorten")],
    ),
    "duplicate key in one file": Rejected(
        [GOOD, row(2), {**row(3), "id": "0001"}, GOOD],
        2,
        [
            (
                "duplicate_key",
                f"{LINE} 4",
                f"global_key = '{{name}}/0001': {LINE} 2 has the same key and version, and other content",
            )
        ],
    ),
    "s3 URL without a region": Rejected(
        [GOOD, row(2, url="s3://bucket/2.jpg")],
        1,
        [
            (
                "s3_url",
                f"{LINE} 3",
                "row_data: 's3://bucket/2.jpg': Labelbox takes https URLs of S3 objects; set rows.s3_region",
            )
        ],
    ),
    "local file": Rejected(
        [GOOD, row(2, url="file:///etc/passwd"), row(3, url="/etc/passwd")],
        1,
        [("bad_url", f"{LINE} 3", "/etc/passwd"), ("bad_url", f"{LINE} 4", "/etc/passwd")],
    ),
    "signed URL": Rejected(
        [GOOD, row(2, url="https://b.s3.amazonaws.com/2.jpg?X-Amz-Signature=s3cret&X-Amz-Expires=60")],
        1,
        [("presigned_url", f"{LINE} 3", "use delegated access, or set presigned_urls: allow")],
    ),
    "unknown enum option": Rejected(
        [row(1, colour="train"), row(2, colour="rde")],
        1,
        [("bad_enum", f"{LINE} 3", "metadata.split = 'rde'")],
        sync={"rows__metadata": {"split": SPLIT}},
    ),
    "embedding of 3,000 dimensions": Rejected(
        [row(1, vector="[1, 2, 3, 4]"), row(2, vector=json.dumps([0] * 3000))],
        1,
        [("bad_embedding", f"{LINE} 3", "3,000")],
        sync=VECTOR,
    ),
}


@pytest.mark.parametrize("mistake", REJECTED.values(), ids=REJECTED)
def test_a_mistake_in_single_rows_rejects_those_and_loads_the_rest(deployment: Deployment, mistake: Rejected) -> None:
    def named(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("{name}", deployment.name))

    deployment.add_sync(**named(dict(mistake.sync)))
    if isinstance(mistake.rows, str):
        deployment.put("rows.csv", mistake.rows)
    else:
        deployment.put_table(mistake.rows)

    ran = deployment.run_well("rows", DAY)

    assert ran.outcomes["rejected"] == len(mistake.letters)
    assert ran.outcomes.get("created", 0) == len(deployment.data_rows() or ()) == mistake.created
    letters = deployment.rejected("rows")
    expected = [(code, named(origin)) for code, origin, _ in mistake.letters]
    assert [(letter["code"], letter["origin"]) for letter in letters] == expected
    for letter, (_, _, words) in zip(letters, mistake.letters, strict=True):
        assert named(words) in letter["reason"]
        assert "s3cret" not in json.dumps(letter)
    first = deployment.report("rows")["reasons"][0]
    assert first["reason"] == f"{letters[0]['origin']}: {letters[0]['reason']}"


def test_a_key_in_two_files_is_rejected_with_the_place_of_the_first(deployment: Deployment) -> None:
    deployment.add_sync(sources__rows__uri=f"s3://{deployment.name}/*.csv", rows__version="version")
    deployment.put_table([row(1, version=1), row(2, version=1)], "a.csv")
    other = {**row(1, version=1), "url": "https://images.example.com/other.jpg"}
    deployment.put_table([other, row(3, version=1)], "b.csv")

    assert deployment.run_well("rows", DAY).outcomes == {"created": 3, "rejected": 1}

    (letter,) = deployment.rejected("rows")
    assert (letter["code"], letter["origin"]) == ("duplicate_key", f"s3://{deployment.name}/b.csv line 2")
    assert f"s3://{deployment.name}/a.csv line 2 has the same key and version, and other content" in letter["reason"]


def test_a_key_of_another_dataset_is_rejected_and_stays_there(deployment: Deployment) -> None:
    other = f"{deployment.name}-other"
    deployment.add_sync("first", labelbox__dataset={"name": other})
    deployment.put_table([row(1)])
    deployment.run_well("first", DAY)
    deployment.add_sync("second")
    deployment.put_table([row(1), row(2)])

    assert deployment.run_well("second", DAY).outcomes == {"created": 1, "rejected": 1}

    (letter,) = deployment.rejected("second")
    assert (letter["code"], letter["origin"]) == ("key_in_other_dataset", f"s3://{deployment.name}/rows.csv line 2")
    assert f"global_key = '{deployment.name}/0001': is taken by a data row in the dataset '{other}'" in letter["reason"]
    assert sorted(deployment.data_rows() or ()) == ["0002"]
    assert sorted(deployment.data_rows(other) or ()) == ["0001"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rows__metdata": {}}, "rows.metdata: unknown key. Did you mean 'metadata'?"),
        (
            {"rows__embeddings": {"clip": {"column": "vector", "dimensions": 3000}}},
            "rows.embeddings.clip.dimensions: 3000 is not at most 2048",
        ),
        ({"rows__row_data": "s3://bucket/{id}.jpg"}, "rows.row_data: Labelbox does not read 's3://bucket/{id}.jpg'"),
    ],
    ids=["typo", "dimensions", "s3"],
)
def test_a_broken_sync_file_says_so_in_its_own_dag_and_the_others_run(
    deployment: Deployment, change: dict[str, Any], problem: str
) -> None:
    file = deployment.add_sync("broken", **change)
    deployment.add_sync()
    deployment.put_table([row(1)])

    broken = deployment.run("broken", DAY, run_type="manual", retries=2)

    assert (broken.state, broken.failure.final, len(broken.failures)) == ("failed", True, 1)
    assert broken.failure.message.startswith(f"{file}:")
    assert problem in broken.failure.message
    assert deployment.run_well("rows", DAY).outcomes == {"created": 1}
