"""Task groups for DAGs in Python: what the DAG of a sync file does, with rows that another task gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import TaskGroup, chain

from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.operators.annotations import annotation_stages
from labelbox_airflow.operators.begin import LabelboxBeginRunOperator
from labelbox_airflow.operators.data_rows import (
    LabelboxExtractDataRowsOperator,
    LabelboxGateOperator,
    LabelboxUploadDataRowsOperator,
)
from labelbox_airflow.operators.datasets import LabelboxEnsureDatasetOperator
from labelbox_airflow.operators.exports import LabelboxExportOperator, LabelboxWriteTableOperator
from labelbox_airflow.operators.merges import LabelboxMergeTableOperator
from labelbox_airflow.operators.projects import project_stages
from labelbox_airflow.operators.report import LabelboxReportOperator
from labelbox_airflow.sources.annotations import annotation_input


def records_task_group(
    sync: str,
    *,
    dataset: Mapping[str, Any],
    records: Any,
    rows: Mapping[str, Any] | None = None,
    attach: Mapping[str, Any] | None = None,
    project: Mapping[str, Any] | None = None,
    guard: Mapping[str, Any] | None = None,
    alerts: Sequence[Mapping[str, Any]] = (),
    unit_rows: int = 50_000,
    pool: str | None = None,
    group_id: str | None = None,
    labelbox_conn_id: str = LabelboxHook.default_conn_name,
    ledger: dict[str, str] | None = None,
    staging: dict[str, str] | None = None,
) -> TaskGroup:
    """Add a task group that loads records into a dataset, or attaches them to data rows that are there; return it.

    Its tasks are those of a sync file, ``ensure → extract → gate → upload → report`` (with a project ``ensure_project →
    send_to_project`` before the report), and behave the same.

    :param sync: what the ledger knows the records by; no other sync may have the name
    :param dataset: ``{"id"}`` or ``{"name"}``, as under ``labelbox.dataset:`` of a sync file
    :param records: a list of dicts or a pandas DataFrame, or the output of the task that returns one
    :param rows: how records become data rows, as under ``rows:``
    :param attach: or what they add to data rows, as under ``attach:``
    :param project: as under ``project:``; selected records go to people
    :param guard: as under ``guard:``
    :param alerts: as under ``alerts:``
    :param unit_rows: records sent as one task of Labelbox, at most 150,000
    :param pool: Airflow pool of the uploads
    :param group_id: ``sync`` unless given
    :param ledger: ``{"connection"}`` or ``{"url"}``, when not where the deployment keeps it
    :param staging: ``{"url", "connection"}``, when not where the deployment keeps it
    """
    common: dict[str, Any] = {
        "sync": sync,
        "labelbox_conn_id": labelbox_conn_id,
        "ledger": ledger,
        "staging": staging,
    }
    mapped: dict[str, Any] = {"rows": rows, "attach": attach}
    with TaskGroup(group_id or sync) as group:
        ensure = LabelboxEnsureDatasetOperator(task_id="ensure", dataset=dataset, **mapped, **common)
        extract = LabelboxExtractDataRowsOperator(
            task_id="extract",
            target=ensure.output,
            records=records,
            unit_rows=unit_rows,
            project=project,
            **mapped,
            **common,
        )
        gate = LabelboxGateOperator(task_id="gate", dataset=dataset, guard=guard, **common)
        upload = LabelboxUploadDataRowsOperator.partial(
            task_id="upload", map_index_template="{{ task.unit }}", **({"pool": pool} if pool else {}), **common
        ).expand(unit=gate.output)
        report = LabelboxReportOperator(
            task_id="report", ensure_task_id=ensure.task_id, guard=guard, alerts=alerts, **common
        )
        stages = [upload, *project_stages(project, (rows or {}).get("media_type"), None, common)]
        chain(ensure, extract, gate, *stages, report)
        [ensure, extract, gate, *stages] >> report
    return group


def annotations_task_group(
    sync: str,
    *,
    project: Mapping[str, Any],
    annotations: Mapping[str, Any],
    records: Any = None,
    source: str | Mapping[str, Any] | None = None,
    guard: Mapping[str, Any] | None = None,
    alerts: Sequence[Mapping[str, Any]] = (),
    pool: str | None = None,
    group_id: str | None = None,
    labelbox_conn_id: str = LabelboxHook.default_conn_name,
    ledger: dict[str, str] | None = None,
    staging: dict[str, str] | None = None,
) -> TaskGroup:
    """Add a task group that imports annotations into a project whose data rows are there; return it.

    Its tasks are those of a sync file of annotations alone, ``begin → ensure_project → prepare_annotations →
    import_annotations → report``, and behave the same.

    :param sync: what the ledger knows the annotations by; no other sync may have the name
    :param project: ``{"id"}`` or ``{"name"}``, as under ``project:`` of a sync file
    :param annotations: ``{"as": "prelabels"}`` or labels, and all else that goes under ``annotations:``
    :param records: ``labelbox.types.Label`` objects or dicts as in Labelbox's NDJSON, in a list or another iterable;
        with ``table`` or ``wide`` in ``annotations`` a list of dicts or a pandas DataFrame; a function that returns one
        of these when the task runs; or the output of a task. Airflow does not hand labels from task to task: return
        ``list(annotation_lines(labels))`` there (:func:`~labelbox_airflow.sources.sdk_labels.annotation_lines`)
    :param source: or the URI of NDJSON files, or what goes under ``sources:`` for other files and tables
    :param guard: ``max_rejected``, as under ``guard:``
    :param alerts: as under ``alerts:``
    :param pool: Airflow pool of the imports
    :param group_id: ``sync`` unless given
    :param ledger: ``{"connection"}`` or ``{"url"}``, when not where the deployment keeps it
    :param staging: ``{"url", "connection"}``, when not where the deployment keeps it
    """
    common: dict[str, Any] = {
        "sync": sync,
        "labelbox_conn_id": labelbox_conn_id,
        "ledger": ledger,
        "staging": staging,
    }
    given = annotation_input(source) if source is not None else None
    with TaskGroup(group_id or sync) as group:
        goal = f"project {project.get('name') or project.get('id')}"
        begin = LabelboxBeginRunOperator(task_id="begin", goal=goal, **common)
        (ensure,) = project_stages(project, None, None, common, sends=False)
        pools = {"pool": pool} if pool else {}
        stages = annotation_stages(annotations, given, ensure.output, guard or {}, None, common, pools, records=records)
        report = LabelboxReportOperator(
            task_id="report", ensure_task_id=begin.task_id, guard=guard, alerts=alerts, **common
        )
        chain(begin, ensure, *stages, report)
        [begin, ensure, *stages] >> report
    return group


def export_task_group(
    sync: str,
    *,
    export: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    merges: Mapping[str, Mapping[str, Any]] | None = None,
    pool: str | None = None,
    base: str | None = None,
    group_id: str | None = None,
    labelbox_conn_id: str = LabelboxHook.default_conn_name,
    ledger: dict[str, str] | None = None,
    staging: dict[str, str] | None = None,
) -> TaskGroup:
    """Add a task group that exports from Labelbox once, and writes tables of it; return it.

    Its tasks are ``export``, ``write_<name>`` for each table of files, and ``merge_<name>`` for each of a database.

    :param sync: what the ledger knows the export by
    :param export: what is exported: :class:`~labelbox_airflow.engine.exports.spec.ExportSpec`
    :param tables: name → what is written where: :class:`~labelbox_airflow.engine.exports.tables.TableSpec`
    :param merges: name → what is merged into which database:
        :class:`~labelbox_airflow.engine.exports.merge.spec.MergeSpec`
    :param pool: Airflow pool of the export; Labelbox runs 10 of a project at a time
    :param base: directory that relative paths are relative to
    :param group_id: ``sync`` unless given
    :param ledger: ``{"connection"}`` or ``{"url"}``, when not where the deployment keeps it
    :param staging: ``{"url", "connection"}``, when not where the deployment keeps it
    """
    common: dict[str, Any] = {
        "sync": sync,
        "labelbox_conn_id": labelbox_conn_id,
        "ledger": ledger,
        "staging": staging,
    }
    with TaskGroup(group_id or sync) as group:
        pooled: dict[str, Any] = {"pool": pool} if pool else {}
        exporting = LabelboxExportOperator(task_id="export", export=export, **pooled, **common)
        for name, table in (tables or {}).items():
            LabelboxWriteTableOperator(
                task_id=f"write_{name}", table=table, exported=exporting.output, base=base, **common
            )
        for name, table in (merges or {}).items():
            LabelboxMergeTableOperator(
                task_id=f"merge_{name}", table=table, exported=exporting.output, base=base, **common
            )
    return group
