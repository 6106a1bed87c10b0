"""Operations on delegated access."""

from __future__ import annotations

from typing import Any

import pytest
from labelbox import Client
from labelbox.schema.iam_integration import (
    AwsIamIntegrationSettings,
    AzureIamIntegrationSettings,
    GcpIamIntegrationSettings,
    IAMIntegration,
)
from tests.integration.labelbox_local.operations.conftest import Line

ROLE = "arn:aws:iam::123456789012:role"
CONTAINER = "https://account.blob.core.windows.net/container"


@pytest.fixture
def server(start: Any) -> Any:
    """A server of its own: the default integration is one of the whole organization."""
    return start()


# The SDK lists integrations with less than their settings.
SETTINGS = """query settingsPyApi { iamIntegrations { id settings {
    ... on AwsIamIntegrationSettings { roleArn readBucket }
    ... on GcpIamIntegrationSettings { serviceAccountEmailId readBucket }
    ... on AzureIamIntegrationSettings { readContainerUrl tenantId }
}}}"""


def settings(client: Client) -> dict[str, dict[str, str]]:
    """The settings of every integration, by its id."""
    return {each["id"]: each["settings"] for each in client.execute(SETTINGS)["iamIntegrations"]}


def integrations(client: Client) -> dict[str, IAMIntegration]:
    return {each.name: each for each in client.get_organization().get_iam_integrations()}


def test_integrations_are_created_and_changed(client: Client, fresh: Client, line: Line) -> None:
    organization = client.get_organization()
    aws = organization.create_iam_integration("aws", AwsIamIntegrationSettings(f"{ROLE}/r", "b"))
    assert (aws.name, aws.provider, aws.valid, aws.is_org_default) == ("aws", "AWS", False, False)
    gcp = organization.create_iam_integration("gcp", GcpIamIntegrationSettings(read_bucket="bucket"))
    azure_settings = AzureIamIntegrationSettings(CONTAINER, "tenant", "client", "secret")
    azure = organization.create_iam_integration("azure", azure_settings)
    assert aws.settings == AwsIamIntegrationSettings(f"{ROLE}/r", "b")
    assert azure.settings == AzureIamIntegrationSettings(CONTAINER, "tenant")
    kept = integrations(fresh)
    assert {name: each.provider for name, each in kept.items()} == {"aws": "AWS", "gcp": "GCP", "azure": "Azure"}
    account = gcp.settings.service_account_email_id
    assert account.endswith(".iam.gserviceaccount.com")
    assert kept["gcp"].settings == gcp.settings == GcpIamIntegrationSettings(account, "bucket")
    assert settings(fresh) == {
        aws.uid: {"roleArn": f"{ROLE}/r", "readBucket": "b"},
        gcp.uid: {"serviceAccountEmailId": account, "readBucket": "bucket"},
        azure.uid: {"readContainerUrl": CONTAINER, "tenantId": "tenant"},
    }
    line.check(
        "CreateAwsIamIntegrationPyApi", "CreateGcpIamIntegrationPyApi", "CreateAzureIamIntegrationPyApi",
        "getAllIntegrationsPyApi",
    )  # fmt: skip


def test_integrations_are_changed(client: Client, fresh: Client, line: Line) -> None:
    organization = client.get_organization()
    aws = organization.create_iam_integration("aws", AwsIamIntegrationSettings(f"{ROLE}/r", "b"))
    gcp = organization.create_iam_integration("gcp", GcpIamIntegrationSettings(read_bucket="bucket"))
    azure = organization.create_iam_integration("azure", AzureIamIntegrationSettings(CONTAINER, "tenant"))
    before = settings(fresh)
    aws.update("z", AwsIamIntegrationSettings(f"{ROLE}/other", "c"))
    changed = integrations(fresh)
    assert {name: each.uid for name, each in changed.items()} == {"z": aws.uid, "gcp": gcp.uid, "azure": azure.uid}
    assert changed["z"].updated_at > changed["z"].created_at == aws.created_at
    after = before | {aws.uid: {"roleArn": f"{ROLE}/other", "readBucket": "c"}}
    assert settings(fresh) == after
    gcp.update(settings=GcpIamIntegrationSettings(read_bucket="other"))
    azure.update(name="azure b", settings=AzureIamIntegrationSettings(f"{CONTAINER}-b", "tenant b"))
    assert settings(fresh) == after | {
        gcp.uid: before[gcp.uid] | {"readBucket": "other"},
        azure.uid: {"readContainerUrl": f"{CONTAINER}-b", "tenantId": "tenant b"},
    }
    assert set(integrations(fresh)) == {"z", "gcp", "azure b"}
    line.check("UpdateAwsIamIntegrationPyApi", "UpdateGcpIamIntegrationPyApi", "UpdateAzureIamIntegrationPyApi")


def test_integrations_are_validated(client: Client, fresh: Client, line: Line) -> None:
    organization = client.get_organization()
    aws = organization.create_iam_integration("aws", AwsIamIntegrationSettings("", "b"))
    answer = aws.validate()
    assert {each["name"]: each["success"] for each in answer["checks"]} == {
        "AWSAssumeRole": False, "AWSExternalID": True,
    }  # fmt: skip
    assert [bool(each["message"]) for each in answer["checks"]] == [True, False]
    assert answer["valid"] is False
    kept = integrations(fresh)["aws"]
    assert (kept.valid, kept.last_valid_at) == (False, None)
    aws.update(settings=AwsIamIntegrationSettings(f"{ROLE}/r", "b"))
    answer = aws.validate()
    assert (answer["valid"], {each["success"] for each in answer["checks"]}) == (True, {True})
    valid = integrations(fresh)["aws"]
    assert valid.valid is True
    assert valid.last_valid_at >= valid.created_at
    aws.update(settings=AwsIamIntegrationSettings("no role", "b"))
    assert aws.validate()["valid"] is False
    kept = integrations(fresh)["aws"]
    assert (kept.valid, kept.last_valid_at) == (False, valid.last_valid_at)
    line.check("ValidateIamIntegrationPyApi")


def test_the_default_integration(client: Client, fresh: Client, line: Line) -> None:
    organization = client.get_organization()
    assert fresh.get_organization().get_default_iam_integration() is None
    first, second = (
        organization.create_iam_integration(name, GcpIamIntegrationSettings(read_bucket="b")) for name in "ab"
    )
    for each in (first, second):
        assert each.validate()["valid"] is True
        each.set_as_default()
        assert fresh.get_organization().get_default_iam_integration().uid == each.uid
    assert {name: each.is_org_default for name, each in integrations(fresh).items()} == {"a": False, "b": True}
    made = client.create_dataset(name="signed by default")
    assert fresh.get_dataset(made.uid).iam_integration().uid == second.uid
    line.check(
        "SetDefaultIamIntegrationPyApi", "setSignerForDatasetPyApi", "validateDatasetPyApi", "GetDatasetSignerPyApi"
    )


def test_the_integration_of_a_dataset(client: Client, fresh: Client, line: Line) -> None:
    integration = client.get_organization().create_iam_integration("gcp", GcpIamIntegrationSettings(read_bucket="b"))
    integration.validate()
    dataset = client.create_dataset(name="signed", iam_integration=None)
    assert fresh.get_dataset(dataset.uid).iam_integration() is None
    dataset.add_iam_integration(integration)
    signer = fresh.get_dataset(dataset.uid).iam_integration()
    assert (signer.uid, signer.name, signer.provider) == (integration.uid, "gcp", "GCP")
    dataset.remove_iam_integration()
    assert fresh.get_dataset(dataset.uid).iam_integration() is None
    assert integrations(fresh)["gcp"].uid == integration.uid
    line.check("SetSignerForDatasetPyApi", "GetDatasetSignerPyApi", "DetachSignerPyApi")
