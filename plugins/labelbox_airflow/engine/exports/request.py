"""An export as Labelbox is asked for it: ids in place of names, and as many requests as its limits make necessary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.exports.spec import Detail, FilterSpec, Kind, Period

KEYS_PER_EXPORT = 2000  # docs.labelbox.com/docs/limits; SDK schema/export_filters.py

_MUTATIONS: Mapping[Kind, str] = {
    "project": "exportDataRowsInProject",
    "batch": "exportDataRowsInProject",
    "dataset": "exportDataRowsInCatalog",
    "catalog": "exportDataRowsInCatalog",
    "slice": "exportDataRowsInSlice",
    "model_run": "exportDataRowsInModelRun",
}
# The parameters of each mutation, every one of which has to be there: the SDK's project.py, catalog.py, model_run.py.
_OF_DATA_ROWS: tuple[tuple[str, Detail], ...] = (
    ("includeAttachments", "attachments"),
    ("includeEmbeddings", "embeddings"),
    ("includeMetadata", "metadata"),
    ("includeDataRowDetails", "data_row_details"),
)
_OF_LABELS: tuple[tuple[str, Detail], ...] = (
    ("includeProjectDetails", "project_details"),
    ("includePerformanceDetails", "performance"),
    ("includeLabelDetails", "label_details"),
    ("includeInterpolatedFrames", "interpolated_frames"),
)
_OF_PREDICTIONS: tuple[tuple[str, Detail], ...] = (("includePredictions", "predictions"),)
_OF_MODEL_RUNS: tuple[tuple[str, Detail], ...] = (("includeModelRunDetails", "model_run_details"),)


@dataclass(frozen=True, slots=True)
class WireExport:
    """One export task to be: the name of the mutation, and its input without the name of the task."""

    mutation: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export with ids.

    :param kind: what is exported
    :param id: its id; for a batch that of its project, whose filters name the batch; empty for the catalog
    :param filters: which data rows
    :param include: what is told of each
    :param conditions: further conditions of an export of the catalog, as Labelbox writes them in slices
    :param projects: ids of projects whose labels come along, or ``all``
    :param model_runs: ids of model runs whose labels and predictions come along, or ``all``
    """

    kind: Kind
    id: str = ""
    filters: FilterSpec = field(default_factory=FilterSpec)
    include: frozenset[Detail] = frozenset()
    conditions: Sequence[Mapping[str, Any]] = ()
    projects: Sequence[str] | Literal["all"] | None = None
    model_runs: Sequence[str] | Literal["all"] | None = None
    media_type_override: str | None = None

    def wire(self) -> Iterator[WireExport]:
        """Yield the exports that give all rows: one, or one for every 2,000 keys or ids; none where none is named."""
        for condition in self._identities():
            query = [*self._query(), *condition]
            yield WireExport(
                _MUTATIONS[self.kind],
                {
                    "isStreamableReady": True,
                    "filters": self._filters(query),
                    "params": self._parameters(),
                    "streamable": True,
                },
            )

    def _identities(self) -> Iterator[list[dict[str, Any]]]:
        for kind, ids in (("global_key", self.filters.global_keys), ("data_row_id", self.filters.data_row_ids)):
            if ids is not None:
                for some in batched(list(dict.fromkeys(ids)), KEYS_PER_EXPORT):
                    yield [_one_of(kind, some)]
                return
        yield []

    def _query(self) -> Iterator[Mapping[str, Any]]:
        yield from self.conditions
        if self.kind == "dataset":
            yield _one_of("dataset", [self.id])
        if self.filters.last_activity is not None:
            yield {"type": "data_row_last_activity_at", "value": _between(self.filters.last_activity)}
        if self.filters.label_created is not None:
            yield {"type": "labeled_at", "value": _between(self.filters.label_created)}
        if self.filters.batches is not None:
            yield _one_of("batch", self.filters.batches)
        if self.filters.workflow_status == "ToLabel":
            yield {"type": "task_queue_not_exist"}
        elif self.filters.workflow_status is not None:
            yield {"type": "task_queue_status", "status": self.filters.workflow_status}

    def _filters(self, query: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        if self.kind == "slice":
            return {"sliceId": self.id}
        if self.kind == "model_run":
            return {"modelRunId": self.id}
        searched = {"searchQuery": {"scope": None, "query": query}}
        return {"projectId": self.id, **searched} if self.kind in {"project", "batch"} else searched

    def _parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {"mediaTypeOverride": self.media_type_override}
        details = _OF_DATA_ROWS
        if self.kind == "model_run":
            details += _OF_PREDICTIONS + _OF_MODEL_RUNS
        elif self.kind in {"project", "batch"}:
            details += _OF_LABELS
        else:
            details += _OF_LABELS + _OF_PREDICTIONS
            parameters["projectIds"], parameters["allProjects"] = _others(self.projects)
            parameters["modelRunIds"], parameters["allModelRuns"] = _others(self.model_runs)
        return parameters | {name: detail in self.include for name, detail in details}


def _one_of(kind: str, ids: Sequence[str]) -> dict[str, Any]:
    return {"ids": list(ids), "operator": "is", "type": kind}


def _others(named: Sequence[str] | Literal["all"] | None) -> tuple[list[str] | None, bool]:
    return (None, True) if named == "all" else (list(named) if named else None, False)


def _between(period: Period) -> dict[str, Any]:
    """Both ends are included; Labelbox knows whole seconds only, so they are widened to those."""
    since = None if period.since is None else _text(period.since)
    until = None if period.until is None else _text(period.until + timedelta(microseconds=999_999))
    if since is not None and until is not None:
        return {"operator": "BETWEEN", "timezone": "UTC", "value": {"min": since, "max": until}}
    operator = "LESS_THAN_OR_EQUAL" if since is None else "GREATER_THAN_OR_EQUAL"
    return {"operator": operator, "timezone": "UTC", "value": since or until}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S%z")
