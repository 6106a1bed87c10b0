"""Datasets and their delegated access, found by name or id and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.transport import Transport

_PAGE = 100
_FIELDS = "id name rowCount signer { id }"
_ORGANIZATION = "query GetOrganizationPyApi { organization { id name } }"
_BY_ID = f"query GetDatasetPyApi($id: ID!) {{ dataset(where: {{id: $id}}) {{ {_FIELDS} }} }}"
_BY_NAME = f"""query GetDatasetsPyApi($name: String!, $deleted: Boolean!) {{
  datasets(where: {{AND: [{{name: $name}}, {{deleted: $deleted}}]}} skip: 0 first: {_PAGE}) {{ {_FIELDS} }}
}}"""
_CREATE = """mutation CreateDatasetPyApi($name: String!, $description: String!) {
  createDataset(data: {name: $name description: $description}) { id name }
}"""
_INTEGRATIONS = "query getAllIntegrationsPyApi { iamIntegrations { id name provider valid isOrgDefault } }"
_VALIDATE = """mutation ValidateIamIntegrationPyApi($where: WhereUniqueIdInput!) {
  validateIamIntegration(where: $where) { valid checks { name success message } }
}"""
_SET_SIGNER = """mutation SetSignerForDatasetPyApi($signerId: ID!, $datasetId: ID!) {
  setSignerForDataset(data: { signerId: $signerId } where: { id: $datasetId }) { id signer { id } }
}"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset of Labelbox and the integration that signs for it, if any."""

    id: str
    name: str
    row_count: int = 0
    signer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Integration:
    """An IAM integration: delegated access to a bucket or container."""

    id: str
    name: str
    provider: str


def organization_id(transport: Transport) -> str:
    """Return the id of the organization that the API key belongs to."""
    data = transport.execute(_ORGANIZATION) or {}
    return str(data["organization"]["id"])


def find_dataset(transport: Transport, *, id: str | None = None, name: str | None = None) -> Dataset | None:  # noqa: A002
    """Return the dataset of that id or that very name, None when there is none.

    :raises ConfigurationError: when several datasets have the name
    """
    if id is not None:
        data = transport.execute(_BY_ID, {"id": id}) or {}
        return _dataset(data["dataset"]) if data.get("dataset") else None
    data = transport.execute(_BY_NAME, {"name": name, "deleted": False}) or {}
    found = [_dataset(raw) for raw in data.get("datasets", ()) if raw["name"] == name]
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} datasets are named '{name}' ({', '.join(d.id for d in found)})",
            where="labelbox.dataset.name",
            remedy="Name the one that is meant by its id.",
        )
    return found[0] if found else None


def create_dataset(transport: Transport, name: str, description: str = "") -> Dataset:
    """Create a dataset. Names are not unique in Labelbox: look for it first."""
    data = transport.execute(_CREATE, {"name": name, "description": description}, idempotent=False) or {}
    return Dataset(data["createDataset"]["id"], name)


def find_integration(transport: Transport, name: str) -> Integration:
    """Return the IAM integration of that name, after Labelbox has validated it.

    :raises ConfigurationError: when there is none, several, or it is not valid
    """
    where = "labelbox.dataset.delegated_access"
    data = transport.execute(_INTEGRATIONS) or {}
    integrations: Sequence[dict[str, Any]] = data.get("iamIntegrations") or ()
    found = [raw for raw in integrations if raw["name"] == name]
    if len(found) != 1:
        problem = f"{len(found)} integrations are named '{name}'" if found else f"there is no integration '{name}'"
        near = did_you_mean(name, [raw["name"] for raw in integrations])
        remedy = "Give them names of their own." if found else f"{near} They are set up in Labelbox under Integrations."
        raise ConfigurationError(problem, where=where, remedy=remedy)
    validated = (transport.execute(_VALIDATE, {"where": {"id": found[0]["id"]}}) or {})["validateIamIntegration"]
    if not validated["valid"]:
        failed = [f"{c['name']}: {c['message'] or 'failed'}" for c in validated["checks"] if not c["success"]]
        raise ConfigurationError(
            f"the integration '{name}' is not valid ({'; '.join(failed) or 'no reason given'})",
            where=where,
            remedy="Mend the role or bucket policy and validate it in Labelbox under Settings > Integrations.",
        )
    return Integration(found[0]["id"], name, found[0]["provider"])


def attach_integration(transport: Transport, dataset: Dataset, integration: Integration) -> None:
    """Have ``integration`` sign for the assets of ``dataset``."""
    if dataset.signer_id != integration.id:
        transport.execute(_SET_SIGNER, {"signerId": integration.id, "datasetId": dataset.id})


def _dataset(raw: dict[str, Any]) -> Dataset:
    signer = raw.get("signer") or {}
    return Dataset(raw["id"], raw["name"], raw["rowCount"] or 0, signer.get("id"))
