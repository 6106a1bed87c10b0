"""The parts of the profile `local` say what is wrong with the connections they take their addresses from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelbox_local import containers

STORE = {"login": "local", "password": "secret", "extra": {"endpoint_url": "http://local-s3:8333"}}
LABELBOX = {"host": "http://local-labelbox:8080/graphql", "password": "any"}


@pytest.fixture(autouse=True)
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(STORE))
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_DEFAULT", json.dumps(LABELBOX))
    monkeypatch.setenv("LABELBOX_STAGING", "s3://aws_default@airflow/labelbox")


def test_the_store_has_the_address_and_keys_of_the_connection(tmp_path: Path) -> None:
    store = containers._store(tmp_path)

    assert (store.endpoint_url, store.access_key, store.secret_key) == ("http://local-s3:8333", "local", "secret")
    assert "-ip.bind=local-s3" in store._command()


@pytest.mark.parametrize(
    ("part", "name", "value", "says"),
    [
        ("s3", "AIRFLOW_CONN_AWS_DEFAULT", "", "must be JSON with a password"),
        ("s3", "AIRFLOW_CONN_AWS_DEFAULT", "aws://local:secret@", "must be JSON with a password"),
        ("s3", "AIRFLOW_CONN_AWS_DEFAULT", '{"login": "a", "password": "b"}', "must say host and port"),
        ("labelbox", "AIRFLOW_CONN_LABELBOX_DEFAULT", '{"password": "a"}', "must be the address of the local Labelbox"),
        ("labelbox", "AIRFLOW_CONN_LABELBOX_DEFAULT", '{"host": "http://local-labelbox:8080"}', "with a password"),
        ("samples", "LABELBOX_STAGING", "gs://bucket/labelbox", "must be in the local S3 server"),
    ],
)
def test_a_wrong_connection_is_named(
    part: str, name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv(name, value)
    option = "--directory" if part == "samples" else "--data"

    assert containers.main([part, option, str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert name in message
    assert says in message
