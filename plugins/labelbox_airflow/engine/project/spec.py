"""The labeling project of a sync, as the sync file says it under ``project:``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from labelbox_airflow.engine.rows.spec import MediaType, Spec

Drift = Literal["fail", "warn", "add"]


class SelectSpec(Spec):
    """Which rows of a run go to the project, and in what order."""

    where: str | None = Field(
        None, min_length=1, description="SQL condition over the columns; null counts as no. Absent = every row."
    )
    order_by: str | None = Field(
        None, min_length=1, description="SQL expressions, such as `score, taken_at desc`; nulls come last."
    )
    max_per_run: int | None = Field(None, ge=1, description="So many new rows a run at most; people's time.")
    sample: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Share of the rows that meet the condition, by a hash of the global key: always the same."
    )


class ConsensusSpec(Spec):
    """Labelbox's consensus settings of a batch (SDK schema/project.py ``create_batch``)."""

    number_of_labels: int = Field(ge=2, description="Labels of each row that takes part.")
    coverage_percentage: float = Field(gt=0, le=1, description="Share of the rows that are labeled several times.")


class BatchSpec(Spec):
    """How the batches are called and treated."""

    name: str | None = Field(None, min_length=1, max_length=150, description="Begins their names; null = the sync's.")
    priority: int = Field(5, ge=1, le=5, description="1 comes first, 5 last.")
    consensus_settings: ConsensusSpec | None = None


class ProjectSpec(Spec):
    """The labeling project: found, or made where there is none of the name."""

    id: str | None = Field(None, min_length=1, description="The project's id in Labelbox.")
    name: str | None = Field(None, min_length=1, description="The project's name; an ambiguous name is an error.")
    description: str | None = Field(None, description="Description of a project that the sync creates.")
    media_type: MediaType | None = Field(None, description="null = that of the rows.")
    ontology: str | None = Field(None, min_length=1, description="Ontology file, relative to the sync file.")
    drift: Drift = Field("fail", description="When the project's ontology is not as the file: fail, warn, or add.")
    select: SelectSpec = SelectSpec()
    batch: BatchSpec = BatchSpec()

    @model_validator(mode="after")
    def _exactly_one(self) -> ProjectSpec:
        if (self.id is None) == (self.name is None):
            raise ValueError(f"give exactly one of id or name (given: {'both' if self.id else 'none'})")
        if self.ontology is None and "drift" in self.model_fields_set:
            raise ValueError("drift compares with an ontology file; name it under ontology, or leave drift out")
        return self
