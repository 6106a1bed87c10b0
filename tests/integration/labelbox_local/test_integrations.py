"""Delegated access and media attributes, with a real private S3 bucket."""

from __future__ import annotations

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from labelbox.schema.iam_integration import (
    AwsIamIntegrationSettings,
    AzureIamIntegrationSettings,
    GcpIamIntegrationSettings,
)
from PIL import Image
from tests.unit.labelbox_local.test_media_headers import film

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labelbox import Client

BUCKET = "delegated-access"


def picture(kind: str, size: tuple[int, int] = (37, 21)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size).save(content, kind)
    return content.getvalue()


def attributes(client: Client, row_id: str, *, seconds: float = 10) -> dict[str, Any]:
    """Media attributes, waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = client.get_data_row(row_id).media_attributes
        if found:
            return dict(found)
        time.sleep(0.05)
    return {}


@pytest.fixture(scope="module")
def bucket(object_store: Any) -> Any:
    object_store.create_bucket(BUCKET)
    for kind in ("png", "jpeg"):
        object_store.put(BUCKET, f"images/a b+ü.{kind}", picture(kind))
    return object_store


def registered(server: Any, store: Any, **changes: Any) -> dict[str, Any]:
    body = {
        "name": "private",
        "provider": "AWS",
        "endpoint_url": store.endpoint_url,
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "bucket": BUCKET,
        "region": store.region,
    }
    return dict(server.admin("POST", "integrations", **body | changes))


@pytest.fixture
def integration(server: Any, client: Client, bucket: Any) -> Iterator[Any]:
    made = registered(server, bucket)
    yield next(each for each in client.get_organization().get_iam_integrations() if each.uid == made["id"])
    remove(client, made["id"])


def remove(client: Client, integration_id: str) -> None:
    mutation = "mutation DeleteIamIntegrationPyApi($id: ID!){deleteIamIntegration(where: {id: $id}){id}}"
    client.execute(mutation, {"id": integration_id}, experimental=True)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_images_in_a_private_bucket_are_read_with_the_integration(
    client: Client, bucket: Any, integration: Any, kind: str
) -> None:
    assert integration.valid
    dataset = client.create_dataset(name="delegated", iam_integration=integration)
    assert dataset.iam_integration().uid == integration.uid
    urls = [
        f"{bucket.endpoint_url}/{BUCKET}/images/a%20b%2B%C3%BC.{kind}",
        f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/images/a%20b%2B%C3%BC.{kind}",
    ]
    for url in urls:
        row = dataset.create_data_row(row_data=url)
        assert attributes(client, row.uid) == {"width": 37, "height": 21, "mimeType": f"image/{kind}"}
    dataset.delete()


def test_films_and_documents_are_read_by_ranges(client: Client, bucket: Any, integration: Any) -> None:
    document = io.BytesIO()
    Image.new("RGB", (300, 7)).save(document, "PDF")
    bucket.put(BUCKET, "late.mp4", film(between=1_000_000))
    bucket.put(BUCKET, "one.pdf", document.getvalue())
    place = f"{bucket.endpoint_url}/{BUCKET}"
    dataset = client.create_dataset(name="ranges", iam_integration=integration)
    video = dataset.create_data_row(row_data=f"{place}/late.mp4", media_type="VIDEO", global_key=f"{uuid4()}")
    pdf = dataset.create_data_row(row_data={"pdf_url": f"{place}/one.pdf"}, media_type="PDF")
    assert attributes(client, pdf.uid)["pageCount"] == 1
    assert attributes(client, video.uid)["frameCount"] == 75
    task = dataset.export(filters={"global_keys": [video.global_key]})
    task.wait_till_done()
    [line] = task.get_buffered_stream()
    assert line.json["media_attributes"] == {
        "width": 640, "height": 360, "duration": 3.0, "frame_count": 75, "frame_rate": 25.0, "mime_type": "video/mp4",
    }  # fmt: skip
    dataset.delete()


def test_an_image_becomes_readable_when_the_integration_is_set(client: Client, bucket: Any, integration: Any) -> None:
    dataset = client.create_dataset(name="later", iam_integration=None)
    row = dataset.create_data_row(row_data=f"{bucket.endpoint_url}/{BUCKET}/images/a%20b%2B%C3%BC.png")
    assert attributes(client, row.uid, seconds=0.5) == {}
    dataset.add_iam_integration(integration)
    assert attributes(client, row.uid)["width"] == 37
    dataset.remove_iam_integration()
    assert dataset.iam_integration() is None
    dataset.delete()


def test_an_integration_is_given_another_endpoint_and_keeps_its_id(
    server: Any, client: Client, bucket: Any, integration: Any
) -> None:
    body = {"name": "private", "endpoint_url": bucket.endpoint_url, "bucket": BUCKET, "region": bucket.region}
    wrong = server.admin("PUT", "integrations", **body, access_key=bucket.access_key, secret_key="wrong")
    assert (wrong["id"], wrong["valid"]) == (integration.uid, False)
    mended = server.admin("PUT", "integrations", **body, access_key=bucket.access_key, secret_key=bucket.secret_key)
    assert (mended["id"], mended["valid"]) == (integration.uid, True)
    assert len(client.get_organization().get_iam_integrations()) == 1


@pytest.mark.parametrize("change", [{"secret_key": "wrong"}, {"bucket": "missing-bucket"}])
def test_an_integration_that_cannot_read_its_bucket_is_not_valid(
    server: Any, client: Client, bucket: Any, change: dict[str, str]
) -> None:
    made = registered(server, bucket, **change)
    assert made["valid"] is False
    integration = next(each for each in client.get_organization().get_iam_integrations() if each.uid == made["id"])
    answer = integration.validate()
    assert answer["valid"] is False
    with pytest.raises(ValueError, match="not valid"):
        client.create_dataset(name="refused", iam_integration=integration)
    remove(client, made["id"])


def test_an_integration_whose_keys_are_revoked_is_found_out_when_a_dataset_is_made(
    server: Any, client: Client, bucket: Any
) -> None:
    from labelbox import Dataset
    from lbox.exceptions import LabelboxError

    made = registered(server, bucket, secret_key="revoked", valid=True)
    integration = next(each for each in client.get_organization().get_iam_integrations() if each.uid == made["id"])
    with pytest.raises(LabelboxError, match="not successfully added"):
        client.create_dataset(name="revoked", iam_integration=integration)
    assert list(client.get_datasets(where=Dataset.name == "revoked")) == []
    remove(client, made["id"])


def test_the_default_integration_is_attached_without_being_named(client: Client, integration: Any) -> None:
    integration.set_as_default()
    default = client.get_organization().get_default_iam_integration()
    assert default is not None
    assert default.uid == integration.uid
    dataset = client.create_dataset(name="default")
    assert dataset.iam_integration().uid == integration.uid
    dataset.delete()


def test_integrations_of_every_provider_are_created_and_changed(client: Client) -> None:
    organization = client.get_organization()
    role = "arn:aws:iam::123456789012:role/reader"
    aws = organization.create_iam_integration("aws", AwsIamIntegrationSettings(role_arn="", read_bucket="b"))
    assert aws.valid is False
    assert aws.validate()["valid"] is False
    aws.update(name="aws 2", settings=AwsIamIntegrationSettings(role_arn=role, read_bucket="b"))
    assert aws.validate()["valid"] is True
    gcp = organization.create_iam_integration("gcp", GcpIamIntegrationSettings(read_bucket="b"))
    assert gcp.settings.service_account_email_id
    azure_settings = AzureIamIntegrationSettings(read_container_url="https://x/c", tenant_id="t")
    azure = organization.create_iam_integration("azure", azure_settings)
    found = {each.name: each for each in organization.get_iam_integrations()}
    assert {"aws 2", "gcp", "azure"} <= set(found)
    assert found["aws 2"].settings.role_arn == role
    for each in (aws, gcp, azure):
        remove(client, each.uid)


def test_keys_of_an_endpoint_are_not_shown(server: Any, client: Client, bucket: Any, integration: Any) -> None:
    answer = server.graphql(
        "{iamIntegrations{id name settings{__typename ... on AwsIamIntegrationSettings{roleArn readBucket}}}}"
    )
    assert integration.uid in answer.text
    assert bucket.secret_key not in answer.text
    assert bucket.access_key not in answer.text


def test_only_allowed_hosts_are_asked_for_assets(client: Client, dataset: Any) -> None:
    asked: list[str] = []

    class Assets(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host'].partition(':')[0]} {self.path}")
            if self.path == "/moved.png":
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{self.server.server_port}/a.png")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "image/gif")
            self.end_headers()
            self.wfile.write(picture("gif"))

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Assets) as assets:
        threading.Thread(target=assets.serve_forever, daemon=True).start()
        port = assets.server_port
        urls = [
            f"http://localhost:{port}/a.png",
            f"http://127.0.0.1:{port}/moved.png",
            f"http://127.0.0.1:{port}/b.gif",
        ]
        rows = [dataset.create_data_row(row_data=url).uid for url in urls]
        assert attributes(client, rows[2]) == {"width": 37, "height": 21, "mimeType": "image/gif"}
        assert client.get_data_row(rows[0]).media_attributes == {}
        assert client.get_data_row(rows[1]).media_attributes == {}
        assets.shutdown()
    assert sorted(asked) == ["127.0.0.1 /b.gif", "127.0.0.1 /moved.png"]
