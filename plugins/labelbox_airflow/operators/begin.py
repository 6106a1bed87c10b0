"""Begin: a run without rows is written down, with its window, before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.operators.base import LabelboxOperator, without_vain_retries
from labelbox_airflow.operators.data_rows import SUMMARY
from labelbox_airflow.operators.runs import check_run_conf, plan_run


class LabelboxBeginRunOperator(LabelboxOperator):
    """Begin a run that has no rows, only annotations: its window is what later tasks read.

    :param goal: what reports call the place the run writes to, such as ``project Receipts``
    :param spec_hash: hash of the sync file, recorded with the run
    :return: ``{"organization"}``
    """

    def __init__(self, *, goal: str, spec_hash: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.goal = goal
        self.spec_hash = spec_hash

    @without_vain_retries
    def execute(self, context: Mapping[str, Any]) -> dict[str, str]:
        """Write the run down, and nothing else in a dry run."""
        from labelbox_airflow.engine.api.datasets import organization_id
        from labelbox_airflow.engine.ledger import Run
        from labelbox_airflow.engine.summary import Summary

        check_run_conf(context)
        organization = organization_id(self._hook.transport())
        run = Run(organization, self.sync, context["run_id"])
        with self._deployment.open_ledger() as ledger:
            plan = plan_run(context, ledger.watermark(run.sync, organization), ledger.run_state(run))
            if plan.dry_run:
                return {"organization": organization}
            start, end = (plan.window.start, plan.window.end) if plan.window else (None, plan.end)
            ledger.begin_run(run, window_start=start, window_end=end, spec_hash=self.spec_hash)
        staging = self._deployment.staging_of(self.sync, run.run_id)
        staging.clear()
        window = str(plan.window) if plan.window is not None else "everything"
        summary = Summary.without_rows(organization, self.goal, window, plan.moves_watermark)
        staging.write_json(SUMMARY, summary.as_dict())
        return {"organization": organization}
