"""Datasets: found before anything is read, with the delegated access the sync names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelbox_airflow.engine.rows.attach import mapping_spec
from labelbox_airflow.engine.rows.spec import RowsSpec
from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.runs import check_run_conf, is_dry_run


class LabelboxEnsureDatasetOperator(LabelboxOperator):
    """Make sure that the dataset, its delegated access, and what the rows refer to can be used.

    Finds the dataset by id or name; finds the IAM integration by name, has Labelbox validate it, and attaches it;
    checks that metadata fields and embeddings are there or may be added. A dataset that has to be made is made by
    :class:`~labelbox_airflow.operators.data_rows.LabelboxGateOperator`, once there are rows to send.

    :param dataset: ``{"id"}`` or ``{"name"}``, with ``create``, ``description`` and ``delegated_access``
    :param rows: how rows become data rows, as under ``rows:`` of a sync file
    :param attach: or what rows add to data rows that are there, as under ``attach:``; the dataset has to exist
    :return: ``{"organization", "dataset_id", "dataset"}``; ``dataset_id`` is None where it has to be made
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "dataset")

    def __init__(
        self,
        *,
        dataset: Mapping[str, Any],
        rows: Mapping[str, Any] | None = None,
        attach: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        mapping_spec(rows, attach)  # what is wrong with it is refused while the DAG is parsed
        self.dataset = dataset
        self.rows = rows
        self.attach = attach

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Find the dataset and check what the rows need of Labelbox."""
        from labelbox_airflow.engine.api.datasets import organization_id
        from labelbox_airflow.engine.api.embeddings import embedding_ids
        from labelbox_airflow.engine.ensure import DatasetWanted, ensure_dataset
        from labelbox_airflow.engine.metadata_schema import check_fields, read_metadata_schema

        transport = self._hook.transport()
        spec = mapping_spec(self.rows, self.attach)
        if isinstance(spec, RowsSpec) and spec.local_files is not None:
            self._deployment.require_shared_files(spec.local_files.upload or ())
        check_fields(read_metadata_schema(transport), spec.metadata, place=spec.place)
        embedding_ids(transport, spec.embeddings, create=False, missing_ok=True, place=spec.place)
        wanted = DatasetWanted(**{**self.dataset, **({} if spec.creates else {"create": False})})
        check_run_conf(context)
        dataset = ensure_dataset(transport, wanted, create=False, attach=not is_dry_run(context))
        name = dataset.name if dataset is not None else wanted.name
        self.log.info("Dataset '%s' (%s)", name, dataset.id if dataset is not None else "is not there yet")
        return {
            "organization": organization_id(transport),
            "dataset_id": dataset.id if dataset is not None else None,
            "dataset": name,
        }
