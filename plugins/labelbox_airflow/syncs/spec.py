"""The sync file as pydantic models: what a data engineer may write, and what it means.

Light on purpose: pydantic and the standard library alone, because Airflow imports this while it parses DAG files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.engine.project.spec import ProjectSpec
from labelbox_airflow.engine.rows.attach import AttachSpec, MappingSpec
from labelbox_airflow.engine.rows.spec import RowsSpec, Spec
from labelbox_airflow.engine.window import Duration, TimezoneName, parse_duration
from labelbox_airflow.notifications.spec import MAIL_ADDRESS, AlertSpec
from labelbox_airflow.sources.annotations import AnnotationFilesSpec
from labelbox_airflow.sources.iceberg import IcebergSourceSpec
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.sources.plugin import PluginSourceSpec
from labelbox_airflow.sources.sql import SqlSourceSpec
from labelbox_airflow.sources.tables import TableSourceSpec
from labelbox_airflow.syncs.columns import required_columns
from labelbox_airflow.syncs.consistency import problems_of
from labelbox_airflow.syncs.cron import checked_cron, cron_of

TIME_OF_DAY = r"^([01]?\d|2[0-3]):[0-5]\d$"
DAG_ID = r"^[A-Za-z0-9_.-]+$"
SOURCE_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
LOCATION = r"^[a-z][a-z0-9+.-]*://"
PATTERNS_IN_WORDS = {
    TIME_OF_DAY: "a time of day such as 02:30",
    DAG_ID: "made of letters, digits, '_', '-' and '.' alone",
    SOURCE_NAME: "a name of letters, digits and '_' that begins with a letter or '_'",
    LOCATION: "a location such as s3://bucket/prefix or file:///path",
    MAIL_ADDRESS: "a mail address such as data-team@example.com",
}
# Any date in the past will do without catchup; Airflow advises a fixed one, as a moving one makes new DAG versions.
START_DATE = date(2020, 1, 1)

Name = Annotated[str, Field(min_length=1)]


class ScheduleSpec(Spec):
    """When a sync runs: exactly one of ``every``, ``cron`` or ``after``."""

    every: str | None = Field(
        None, description="hour, day, week, month, or a duration that divides a day evenly: 15m, 2h."
    )
    at: str | None = Field(None, pattern=TIME_OF_DAY, description="Time of day HH:MM, for every day, week or month.")
    cron_expression: str | None = Field(None, alias="cron", description="Five cron fields, such as `30 2 * * *`.")
    timezone: TimezoneName = Field("UTC", description="IANA time zone of `at` and `cron`.")
    after: Name | None = Field(None, description="Name of the Airflow asset whose update starts the sync.")

    @model_validator(mode="after")
    def _makes_sense(self) -> ScheduleSpec:
        given = [
            name
            for name, value in (("every", self.every), ("cron", self.cron_expression), ("after", self.after))
            if value
        ]
        if len(given) != 1:
            raise ValueError(f"give exactly one of every, cron or after (given: {', '.join(given) or 'none'})")
        if self.at and not self.every:
            raise ValueError("'at' goes with 'every' only; write the time of day into 'cron'")
        if self.cron_expression:
            checked_cron(self.cron_expression)
        self.cron()
        return self

    def cron(self) -> str | None:
        """Return the schedule as five cron fields (in ``timezone``); None when an asset starts the sync.

        :raises ValueError: ``every`` is no duration, or one that cron cannot say
        """
        return self.cron_expression if self.every is None else cron_of(self.every, self.at)


class DatasetSpec(Spec):
    """The Labelbox dataset that receives the data rows, by id or by name."""

    id: Name | None = Field(None, description="The dataset's id in Labelbox.")
    name: Name | None = Field(None, description="The dataset's name; an ambiguous name is an error.")
    create: bool = Field(True, description="Create the dataset when there is none of that name.")
    description: str | None = Field(None, description="Description of a dataset that the sync creates.")
    delegated_access: Name | None = Field(
        None, description="Name of the IAM integration through which Labelbox reads the objects; null = none."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> DatasetSpec:
        if (self.id is None) == (self.name is None):
            raise ValueError(f"give exactly one of id or name (given: {'both' if self.id else 'none'})")
        return self


class LabelboxSpec(Spec):
    """Which Labelbox, and what in it."""

    connection: Name = Field("labelbox_default", description="Airflow connection of type labelbox.")
    dataset: DatasetSpec | None = Field(None, description="The dataset of the data rows; none for annotations alone.")


class LedgerSpec(Spec):
    """Where the ledger of this sync lives, when not where the deployment keeps it: exactly one of the two."""

    connection: Name | None = Field(None, description="Airflow connection of a Postgres or SQLite database.")
    url: Name | None = Field(None, description="SQLAlchemy URL without a password; with one, use a connection.")

    @model_validator(mode="after")
    def _exactly_one(self) -> LedgerSpec:
        if (self.connection is None) == (self.url is None):
            raise ValueError(f"give exactly one of connection or url (given: {'both' if self.url else 'none'})")
        return self


class StagingSpec(Spec):
    """Where the runs of this sync keep their intermediate files, when not where the deployment does."""

    url: str = Field(pattern=LOCATION, description="Such as s3://bucket/prefix or file:///path.")
    connection: Name | None = Field(None, description="Airflow connection that opens the location.")


class JoinSpec(Spec):
    """How a source is joined to the first one of a sync."""

    join: dict[Name, Name] | None = Field(
        None, min_length=1, description="Columns of this source to columns of the first: `{image_id: rows.image_id}`."
    )
    missing: Literal["reject", "leave"] = Field(
        "reject", description="A row without a match here: reject it, or leave the joined columns null."
    )


class TableInputSpec(JoinSpec, TableSourceSpec):
    """A table in object storage as a source of a sync; every source but the first is joined to the first."""


class ObjectInputSpec(JoinSpec, ObjectSourceSpec):
    """The objects that a URI matches as a source of a sync; every source but the first is joined to the first."""


class SqlInputSpec(JoinSpec, SqlSourceSpec):
    """A query or table of a database as a source of a sync; every source but the first is joined to the first."""


class IcebergInputSpec(JoinSpec, IcebergSourceSpec):
    """A table of an Iceberg catalog as a source of a sync; every source but the first is joined to the first."""


class PluginInputSpec(JoinSpec, PluginSourceSpec):
    """What another package reads, as a source of a sync; every source but the first is joined to the first."""


class AnnotationInputSpec(AnnotationFilesSpec):
    """Files of annotations as a source of a sync; `annotations.from` names it."""

    join: None = None
    missing: None = None


InputSpec = Annotated[
    TableInputSpec | ObjectInputSpec | SqlInputSpec | IcebergInputSpec | PluginInputSpec | AnnotationInputSpec,
    Field(discriminator="type"),
]
RowInputSpec = TableInputSpec | ObjectInputSpec | SqlInputSpec | IcebergInputSpec | PluginInputSpec


class UnitsSpec(Spec):
    """How the rows of a run are cut into units of work, each uploaded and retried alone."""

    # Labelbox takes up to 150,000 data rows in one upload task (docs.labelbox.com/docs/limits).
    rows: int = Field(50_000, ge=1, le=150_000, description="Rows of one unit.")


class OnMissingSpec(Spec):
    """What happens to data rows whose source row is gone."""

    action: Literal["keep"] = "keep"


class SyncSpec(Spec):
    """One sync: from where, into what, how and when."""

    version: Literal[1] = Field(description="Version of the format of sync files.")
    name: str = Field(pattern=DAG_ID, max_length=250, description="The file's name without suffix; the id of the DAG.")
    direction: Literal["import"] = "import"
    description: str | None = None
    owner: str = Field("airflow", description="Owner of the DAG as Airflow shows it.")
    tags: list[str] = Field(default_factory=list, description="Tags of the DAG.")
    schedule: ScheduleSpec | None = Field(None, description="null = by hand.")
    start_date: date = Field(START_DATE, description="First day with runs, in the schedule's time zone.")
    catchup: bool = Field(False, description="Make up for every interval since start_date, each in a run of its own.")
    labelbox: LabelboxSpec
    ledger: LedgerSpec | None = None
    staging: StagingSpec | None = None
    sources: dict[Annotated[str, Field(pattern=SOURCE_NAME)], InputSpec] = Field(
        min_length=1,
        description="Named sources; that of the annotations apart, the others are joined to the first, the main one.",
    )
    rows: RowsSpec | None = Field(None, description="How each source row becomes a data row; this or attach.")
    attach: AttachSpec | None = Field(
        None, description="What each source row adds to a data row that is there; this or rows."
    )
    project: ProjectSpec | None = Field(None, description="The labeling project that selected rows are sent to.")
    annotations: AnnotationsSpec | None = Field(None, description="Annotations that are imported into the project.")
    guard: GuardSpec = GuardSpec()
    units: UnitsSpec = UnitsSpec()
    pool: Name | None = Field(None, description="Airflow pool of the uploads; null = default_pool.")
    timeout: Duration = Field("6h", description="How long one try of a task may take before Airflow ends it.")
    on_missing: OnMissingSpec = OnMissingSpec()
    alerts: list[AlertSpec] = Field(
        default_factory=list, description="Who is told of a run that failed, and that the sync is well again."
    )

    @field_validator("timeout")
    @classmethod
    def _some_time(cls, timeout: str) -> str:
        if not parse_duration(timeout):
            raise ValueError("must be longer than zero")
        return timeout

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> SyncSpec:
        if problems := problems_of(self, conditions=bool(info.context and info.context.get("conditions"))):
            text = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
            raise PydanticCustomError("inconsistent", "{text}", {"text": text, "problems": problems})
        return self

    @property
    def has_rows(self) -> bool:
        """Whether the sync makes data rows, or adds to some; otherwise it has annotations alone."""
        return self.rows is not None or self.attach is not None

    @property
    def mapping(self) -> MappingSpec:
        """What becomes of the rows: ``rows`` or ``attach``, whichever the file has."""
        mapping = self.rows or self.attach
        assert mapping is not None  # as checked above
        return mapping

    @property
    def dataset(self) -> DatasetSpec:
        """The dataset of a sync that has rows."""
        assert self.labelbox.dataset is not None  # as checked above
        return self.labelbox.dataset

    @property
    def row_sources(self) -> Mapping[str, RowInputSpec]:
        """The sources of rows, by name, in the order of the file: all but that of the annotations."""
        of_annotations = self.annotations.source if self.annotations is not None else None
        return {
            name: source
            for name, source in self.sources.items()
            if name != of_annotations and not isinstance(source, AnnotationInputSpec)
        }

    @property
    def main(self) -> str:
        """The name of the main source: the first of rows."""
        return next(iter(self.row_sources))

    @property
    def joined(self) -> Mapping[str, RowInputSpec]:
        """The sources joined to the main one, by name, in the order of the file."""
        return {name: source for name, source in self.row_sources.items() if name != self.main}

    def join_on(self, name: str) -> dict[str, str]:
        """Return the columns of the joined source ``name`` → the columns of the main source they must equal."""
        prefix = f"{self.main}."
        return {side: column.removeprefix(prefix) for side, column in (self.row_sources[name].join or {}).items()}

    def columns(self) -> dict[str, Sequence[str] | None]:
        """Return the columns needed of each source beside those in SQL; None = all (``column_grammar``)."""
        return required_columns(self)
