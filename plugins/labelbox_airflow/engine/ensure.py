"""Ensure: the dataset a sync writes to, as the sync describes it."""

from __future__ import annotations

from dataclasses import dataclass

from labelbox_airflow.engine.api.datasets import (
    Dataset,
    attach_integration,
    create_dataset,
    find_dataset,
    find_integration,
)
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.transport import Transport


@dataclass(frozen=True, slots=True)
class DatasetWanted:
    """The dataset of a sync: by id or name, with the integration that signs for its assets."""

    id: str | None = None
    name: str | None = None
    create: bool = True
    description: str | None = None
    delegated_access: str | None = None


def ensure_dataset(transport: Transport, wanted: DatasetWanted, *, create: bool, attach: bool = True) -> Dataset | None:
    """Find the dataset, or make it where that is allowed, and attach its integration.

    The integration is found and validated first, so that a wrong one leaves no dataset behind.

    :param create: False to return None where the dataset would have to be made
    :param attach: False to leave the dataset's integration as it is (a dry run)
    :raises ConfigurationError: when the dataset or integration is missing, ambiguous or not valid
    """
    access = wanted.delegated_access
    integration = find_integration(transport, access) if access is not None else None
    dataset = find_dataset(transport, id=wanted.id, name=wanted.name)
    if dataset is None:
        if wanted.id is not None or not wanted.create or wanted.name is None:
            raise ConfigurationError(
                f"Labelbox has no dataset {'of the id' if wanted.id else 'named'} '{wanted.id or wanted.name}'",
                where="labelbox.dataset",
                remedy="Correct it. A sync that loads rows may make a dataset: name it, and set create: true.",
            )
        if not create:
            return None
        dataset = create_dataset(transport, wanted.name, wanted.description or "")
    if integration is not None and attach:
        attach_integration(transport, dataset, integration)
    return dataset
