"""Operations on delegated access."""

from __future__ import annotations

from typing import Any

from labelbox import Client
from labelbox.schema.iam_integration import (
    AwsIamIntegrationSettings,
    AzureIamIntegrationSettings,
    GcpIamIntegrationSettings,
)
from tests.integration.labelbox_local.operations.conftest import Line


def test_integrations(client: Client, line: Line, start: Any) -> None:
    server = start()
    client = server.client()
    line.listen(client)
    organization = client.get_organization()
    aws = organization.create_iam_integration("aws", AwsIamIntegrationSettings("arn:aws:iam::123456789012:role/r", "b"))
    organization.create_iam_integration("gcp", GcpIamIntegrationSettings(read_bucket="bucket"))
    azure = AzureIamIntegrationSettings("https://account.blob.core.windows.net/container", "tenant", "client", "secret")
    organization.create_iam_integration("azure", azure)
    assert {each.name for each in organization.get_iam_integrations()} == {"aws", "gcp", "azure"}
    aws.update("z", AwsIamIntegrationSettings("arn:aws:iam::123456789012:role/other", "b"))
    aws.validate()
    aws.set_as_default()
    dataset = client.create_dataset(name="signed", iam_integration=None)
    dataset.add_iam_integration(aws)
    assert dataset.iam_integration().uid == aws.uid
    dataset.remove_iam_integration()
    assert dataset.iam_integration() is None
    line.check(
        "CreateAwsIamIntegrationPyApi", "CreateGcpIamIntegrationPyApi", "CreateAzureIamIntegrationPyApi",
        "UpdateAwsIamIntegrationPyApi", "ValidateIamIntegrationPyApi", "SetDefaultIamIntegrationPyApi",
        "getAllIntegrationsPyApi", "SetSignerForDatasetPyApi", "GetDatasetSignerPyApi", "DetachSignerPyApi",
    )  # fmt: skip
