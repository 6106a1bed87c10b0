"""``labelbox-sync adopt``: take over a dataset that was loaded before the sync came."""

from __future__ import annotations

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.rows.attach import MappingSpec
from labelbox_airflow.syncs.dag import inputs_of
from labelbox_airflow.syncs.load import Sync


def adopt(sync: Sync) -> str:
    """Fill the ledger of ``sync`` from its dataset, and say in one line what was adopted.

    :raises ConfigurationError: the dataset is not there
    """
    from labelbox_airflow.engine.adopt import adopt_dataset
    from labelbox_airflow.engine.api.datasets import find_dataset, organization_id
    from labelbox_airflow.engine.ledger import Owner
    from labelbox_airflow.hooks.deployment import Deployment
    from labelbox_airflow.hooks.labelbox import LabelboxHook

    spec = sync.spec
    transport = LabelboxHook(spec.labelbox.connection).transport()
    wanted = spec.dataset
    dataset = find_dataset(transport, id=wanted.id, name=wanted.name)
    if dataset is None:
        raise ConfigurationError(
            f"Labelbox has no dataset '{wanted.name or wanted.id}'",
            where=f"{sync.path}: labelbox.dataset",
            remedy="There is nothing to adopt."
            + (" The first run of the sync creates it." if spec.mapping.creates else ""),
        )
    deployment = Deployment(spec.ledger.model_dump(exclude_none=True) if spec.ledger else {}, {})
    with deployment.open_ledger() as ledger:
        adopted = adopt_dataset(
            transport,
            ledger,
            _spelled_out(sync),
            owner=Owner(organization_id(transport), spec.name),
            dataset_id=dataset.id,
        )
    rest = max(0, dataset.row_count - adopted)
    without_key = f"; {rest:,} have no global key, so no sync can own them" if rest else ""
    return (
        f"{adopted:,} data rows of '{dataset.name}' adopted{without_key}; nothing was written to Labelbox. "
        "What versions they have is not known, so the first run's rows win"
    )


def _spelled_out(sync: Sync) -> MappingSpec:
    """Return the mapping with the columns of the former connectors, which only the source knows."""
    from labelbox_airflow.engine.rows.mapping import expand_column_grammar
    from labelbox_airflow.sources.inputs import read_inputs

    mapping = sync.spec.mapping
    if mapping.column_grammar is None:
        return mapping
    for batch in read_inputs(inputs_of(sync.spec), None, sync.path.parent):
        return expand_column_grammar(mapping, batch.rows.schema.names)
    return mapping
