"""Datasets, attachments, users and the organization through the unmodified SDK."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from labelbox import Dataset
from lbox.exceptions import ResourceNotFoundError

if TYPE_CHECKING:
    from labelbox import Client


def test_a_dataset_is_created_changed_and_deleted(client: Client) -> None:
    made = client.create_dataset(name="first", description="words")
    assert (made.name, made.description, made.row_count) == ("first", "words", 0)
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    made.update(name="second")
    assert client.get_dataset(made.uid).name == "second"
    assert made.created_by().email == client.get_user().email
    assert made.organization().uid == client.get_organization().uid
    made.delete()
    with pytest.raises(ResourceNotFoundError):
        client.get_dataset(made.uid)


def test_deleting_a_dataset_frees_the_keys_of_its_rows(client: Client, dataset: Any) -> None:
    other = client.create_dataset(name="other")
    row = other.create_data_row(row_data="https://example.com/x", global_key="freed")
    other.delete()
    with pytest.raises(ResourceNotFoundError):
        client.get_data_row(row.uid)
    assert dataset.create_data_row(row_data="https://example.com/x", global_key="freed").uid != row.uid


def test_datasets_are_listed_by_condition_and_page(client: Client) -> None:
    made = [client.create_dataset(name="page", iam_integration=None) for _ in range(101)]
    client.create_dataset(name="not listed", iam_integration=None).delete()
    listed = list(client.get_datasets(where=Dataset.name == "page"))
    assert {each.uid for each in listed} == {each.uid for each in made}
    an_hour = timedelta(hours=1)
    for moment, count in ((made[0].created_at - an_hour, 101), (made[0].created_at + an_hour, 0)):
        newer = client.get_datasets(where=(Dataset.name == "page") & (Dataset.created_at > moment))
        assert len(list(newer)) == count
    assert list(client.get_datasets(where=Dataset.name == "not listed")) == []
    assert len(list(client.get_datasets())) >= 101
    for each in made:
        each.delete()


def test_attachments_are_created_changed_and_deleted(client: Client, dataset: Any) -> None:
    row = dataset.create_data_row(row_data="https://example.com/a")
    made = row.create_attachment("RAW_TEXT", "words", "note")
    other = row.create_attachment("IMAGE", "https://example.com/b.png")
    made.update(name="renamed", value="other words")
    assert {(each.attachment_name, each.attachment_value) for each in row.attachments()} == {
        ("renamed", "other words"),
        (None, "https://example.com/b.png"),
    }
    other.delete()
    assert [each.uid for each in row.attachments()] == [made.uid]


def test_the_user_belongs_to_the_organization(client: Client) -> None:
    user, organization = client.get_user(), client.get_organization()
    assert user.organization().uid == organization.uid
    assert user.uid in {each.uid for each in organization.users()}


def test_a_local_file_is_uploaded_and_can_be_downloaded(client: Client, tmp_path: Any) -> None:
    import requests

    path = tmp_path / "asset.txt"
    path.write_bytes(b"an asset" * 1000)
    url = client.upload_file(str(path))
    answer = requests.get(url)
    assert (answer.content, answer.headers["content-type"].split(";")[0]) == (path.read_bytes(), "text/plain")
    assert requests.get(url.replace("signature=", "signature=0")).status_code == 403
