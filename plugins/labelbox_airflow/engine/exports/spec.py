"""What is exported, as people write it: of which thing, which rows, and what is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.rows.spec import Spec

Kind = Literal["project", "dataset", "slice", "catalog", "batch", "model_run"]
KINDS: tuple[Kind, ...] = ("project", "dataset", "slice", "catalog", "batch", "model_run")
Detail = Literal[
    "attachments",
    "metadata",
    "embeddings",
    "data_row_details",
    "project_details",
    "label_details",
    "performance",
    "interpolated_frames",
    "predictions",
    "model_run_details",
]
WorkflowStatus = Literal["ToLabel", "InReview", "InRework", "Done"]  # SDK schema/export_filters.py
MOST_OTHERS = 30  # projects or model runs whose labels an export may have; SDK schema/export_params.py
MOST_BATCHES = 2000  # SDK schema/export_filters.py

_OF_DATA_ROWS = frozenset({"attachments", "metadata", "embeddings", "data_row_details"})
_OF_LABELS = frozenset({"project_details", "label_details", "performance", "interpolated_frames"})
# What each kind can tell: SDK schema/export_params.py.
DETAILS: Mapping[Kind, frozenset[str]] = {
    **dict.fromkeys(("project", "batch"), _OF_DATA_ROWS | _OF_LABELS),
    **dict.fromkeys(("dataset", "slice", "catalog"), _OF_DATA_ROWS | _OF_LABELS | {"predictions"}),
    "model_run": _OF_DATA_ROWS | {"predictions", "model_run_details"},
}
_OF_ROWS = frozenset({"last_activity", "label_created", "global_keys", "data_row_ids"})
# Which rows may be asked for: SDK schema/export_filters.py; slices and model runs take no filters.
FILTERS: Mapping[Kind, frozenset[str]] = {
    "project": _OF_ROWS | {"workflow_status", "batches"},
    "batch": _OF_ROWS | {"workflow_status"},
    **dict.fromkeys(("dataset", "catalog"), _OF_ROWS),
    **dict.fromkeys(("slice", "model_run"), frozenset()),
}


def _moment(raw: object) -> object:
    """Dates and times as ISO 8601; those without a zone are UTC, whatever the user of the API key has set."""
    moment = raw
    if isinstance(raw, str):
        try:
            moment = datetime.fromisoformat(raw)
        except ValueError:
            raise ValueError(
                f"'{raw}' is no date or time; write it as 2026-01-31 or 2026-01-31T14:30:00+01:00"
            ) from None
    if not isinstance(moment, datetime):
        raise ValueError(f"'{raw}' is no date or time; write it as text")  # noqa: TRY004 - pydantic reads ValueError
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


Moment = Annotated[datetime, BeforeValidator(_moment)]


class Period(Spec):
    """A time between two moments, both included; one of them may be left out."""

    since: Moment | None = Field(None, description="ISO 8601; without a zone it is UTC.")
    until: Moment | None = Field(None, description="ISO 8601; without a zone it is UTC.")

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.since is None and self.until is None:
            raise ValueError("give since, until or both")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError(
                f"until ({self.until:%Y-%m-%d %H:%M:%S}Z) is before since ({self.since:%Y-%m-%d %H:%M:%S}Z)"
            )
        return self


class FilterSpec(Spec):
    """Which data rows are exported; all conditions must hold."""

    workflow_status: WorkflowStatus | None = None
    last_activity: Period | None = Field(
        None, description="Labels, metadata, workflow status, comments or reviews changed then."
    )
    label_created: Period | None = None
    batches: tuple[str, ...] | None = Field(None, min_length=1, max_length=MOST_BATCHES, description="Ids of batches.")
    global_keys: tuple[str, ...] | None = Field(None, description="Any number of them; none means no row.")
    data_row_ids: tuple[str, ...] | None = Field(None, description="Any number of them; none means no row.")

    @model_validator(mode="after")
    def _one_identity(self) -> FilterSpec:
        if self.global_keys is not None and self.data_row_ids is not None:
            raise ValueError("give global_keys or data_row_ids, not both")
        return self


class Named(Spec):
    """Something in Labelbox, by id or by name; an ambiguous name is an error."""

    id: str | None = Field(None, min_length=1)
    name: str | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, raw: object) -> object:
        return {"name": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _exactly_one(self) -> Named:
        if (self.id is None) == (self.name is None):
            raise ValueError(f"give exactly one of id or name (given: {'both' if self.id else 'none'})")
        return self

    def __str__(self) -> str:
        return f"of the id '{self.id}'" if self.id is not None else f"named '{self.name}'"


class NamedBatch(Named):
    """A batch of a project."""

    project: Named


class ModelRun(Spec):
    """A model run; names of model runs are not unique."""

    id: str = Field(min_length=1)


class ExportSpec(Spec):
    """An export: exactly one of the six things, by name, or by ``{"id": …}``."""

    project: Named | None = None
    dataset: Named | None = None
    slice: Named | None = None
    catalog: tuple[dict[str, Any], ...] | None = Field(
        None, description="Conditions as in the filter of a slice; an empty list is the whole catalog."
    )
    batch: NamedBatch | None = None
    model_run: ModelRun | None = None
    filters: FilterSpec = FilterSpec()
    include: frozenset[Detail] = Field(frozenset(), description="What is told beside data row, media and annotations.")
    projects: tuple[str, ...] | Literal["all"] | None = Field(
        None, description="Ids of projects whose labels come along, or `all`; for datasets, slices and the catalog."
    )
    model_runs: tuple[str, ...] | Literal["all"] | None = Field(None, description="The same of model runs.")
    media_type_override: str | None = Field(None, min_length=1, description="A media type, such as `IMAGE`.")

    @property
    def kind(self) -> Kind:
        """Which of the six things is exported."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _exactly_one(self) -> ExportSpec:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(KINDS)} (given: {', '.join(given) or 'none'})")
        return self

    @model_validator(mode="after")
    def _possible(self) -> ExportSpec:
        """Labelbox ignores what a kind of export does not have; we do not."""
        for what, given, possible in (
            ("filters", {name for name in FilterSpec.model_fields if getattr(self.filters, name) is not None}, FILTERS),
            ("include", self.include, DETAILS),
        ):
            if wrong := sorted(given - possible[self.kind]):
                raise ValueError(f"{what}: an export of a {self.kind} has no {', '.join(wrong)}")
        for name in ("projects", "model_runs"):
            others = getattr(self, name)
            if others is not None and self.kind not in {"dataset", "slice", "catalog"}:
                raise ValueError(f"{name}: an export of a {self.kind} has its own labels only")
            if isinstance(others, tuple) and not 1 <= len(others) <= MOST_OTHERS:
                raise ValueError(f"{name}: {len(others)} are named; Labelbox takes 1 to {MOST_OTHERS}, or all")
        return self


def read_spec(given: Mapping[str, Any], where: str) -> ExportSpec:
    """Return the export that is asked for.

    :param where: what messages call the place it is written at
    :raises ConfigurationError: names every key or value that is wrong
    """
    try:
        return ExportSpec.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(_problem(each) for each in error.errors(include_url=False))
        raise ConfigurationError(problems, where=where) from error


def _problem(error: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"there is no such key. {did_you_mean(str(error['loc'][-1]), _known(error['loc'][:-1]))}"
    elif error["type"] == "literal_error":
        message = f"'{error['input']}' is not known. {did_you_mean(str(error['input']), _options(error))}"
    return f"{path}: {message}" if path else message


def _options(error: Mapping[str, Any]) -> list[str]:
    return str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")


def _known(path: tuple[Any, ...]) -> list[str]:
    """Return the keys of the model at a path."""
    models: Mapping[tuple[Any, ...], type[Spec]] = {
        (): ExportSpec,
        ("filters",): FilterSpec,
        ("filters", "last_activity"): Period,
        ("filters", "label_created"): Period,
        ("batch",): NamedBatch,
        ("model_run",): ModelRun,
    }
    return list(models.get(path, Named).model_fields)
