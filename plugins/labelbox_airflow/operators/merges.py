"""Data out: a table of the run's export is merged into a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries

if TYPE_CHECKING:
    from labelbox_airflow.engine.exports.merge.load import Load
    from labelbox_airflow.engine.exports.merge.spec import MergeSpec


class LabelboxMergeTableOperator(LabelboxOperator):
    """Merge a table of the run's export into a table of Postgres, DuckDB or SQLite.

    The rows of a data row are replaced as a whole, all in one transaction. A retry of a load that was committed does
    nothing, and one that comes late never overwrites what a later export has brought.

    :param table: which records, and where to: see :class:`~labelbox_airflow.engine.exports.merge.spec.MergeSpec`
    :param exported: what :class:`LabelboxExportOperator` returned. ``scope: changed`` leaves data rows that are not in
        the export, ``swept`` removes those that are not among the keys on staging, and ``as_of`` is when the export
        began (by default when the run did)
    :param base: directory that the relative path of a file is relative to
    :return: ``{"table", "outcome", "data_rows", "changed", "vanished", "rows"}``: see
        :class:`~labelbox_airflow.engine.exports.merge.load.Merged`
    """

    template_fields: Sequence[str] = (*LabelboxOperator.template_fields, "table", "exported")

    def __init__(
        self, *, table: Mapping[str, Any], exported: Mapping[str, Any] | Any, base: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.exported = exported
        self.base = base

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Make the records of the lines on staging, and merge them."""
        from dataclasses import asdict

        from labelbox_airflow.engine.exports.merge.spec import MergeSpec
        from labelbox_airflow.engine.exports.tables import read_table_spec
        from labelbox_airflow.sinks.database import open_merge_target

        spec = read_table_spec(MergeSpec, self.table)
        if spec.database is not None:
            self._deployment.require_shared_disk(f"the database {spec.database}", "table.database")
        with open_merge_target(spec, Path(self.base) if self.base else None) as target:
            merged = target.merge(self._load(context, spec))
        self.log.info(
            "%s: %s; %s data rows, of which %s were written (%s rows), and %s that have vanished",
            spec.to,
            merged.outcome,
            *(f"{each:,}" for each in (merged.data_rows, merged.changed, merged.rows, merged.vanished)),
        )
        return {"table": spec.to, **asdict(merged)}

    def _load(self, context: Mapping[str, Any], spec: MergeSpec) -> Load:
        from labelbox_airflow.engine.exports.merge.load import Load
        from labelbox_airflow.engine.exports.staged import collected_lines
        from labelbox_airflow.engine.exports.tables import record_set

        staging = self._deployment.staging_of(self.sync, context["run_id"])
        made = record_set(self._hook.transport(), spec, self.exported["projects"])
        return Load(
            sync=self.sync,
            load_id=context["run_id"],
            table=spec.to,
            records=spec.records,
            schema=made.schema,
            batches=made.batches(collected_lines(staging)),
            projects=made.projects,
            as_of=self._as_of(context),
            whole=self.exported.get("scope", "whole") == "whole",
            keys=staging.read_table("keys.arrow") if self.exported.get("swept") else None,
            deleted=spec.deleted,
            history=spec.history,
            contract=spec.contract,
            watermark=self.exported.get("watermark"),
        )

    def _as_of(self, context: Mapping[str, Any]) -> datetime:
        said = self.exported.get("as_of")
        if said is not None:
            return datetime.fromisoformat(said).astimezone(UTC)
        began: datetime = context["dag_run"].start_date
        return began
