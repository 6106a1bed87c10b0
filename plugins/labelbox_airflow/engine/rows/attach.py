"""What is attached to data rows that are there already, as the sync file says it under ``attach:``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.rows.spec import KeySpec, PartsSpec, RowsSpec, value_shorthand
from labelbox_airflow.engine.window import Duration, parse_duration

DEFAULT_WAIT = "30d"

Missing = Literal["reject", "leave", "later"]


class AttachSpec(PartsSpec):
    """What each source row adds to the data row of its key; the asset and everything else is left alone."""

    place: ClassVar[str] = "attach"
    creates: ClassVar[bool] = False
    # What only a sync that makes data rows can say.
    row_data: ClassVar[None] = None
    external_id: ClassVar[None] = None
    media_type: ClassVar[None] = None
    local_files: ClassVar[None] = None
    column_grammar: ClassVar[None] = None
    lists: ClassVar[Literal["merge", "replace"]] = "merge"

    global_key: Annotated[KeySpec, BeforeValidator(value_shorthand)]
    missing: Missing = Field(
        "reject",
        description="A row without a data row: reject it, leave it alone, or keep it and try again in later runs.",
    )
    later_for: Duration = Field(
        DEFAULT_WAIT, description="missing: later only. A row that has waited longer is rejected."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> AttachSpec:
        if not (self.metadata or self.attachments or self.embeddings):
            raise ValueError("there is nothing to attach; give metadata, attachments or embeddings")
        if self.missing != "later" and "later_for" in self.model_fields_set:
            raise ValueError("later_for goes with missing: later")
        if not parse_duration(self.later_for):
            raise ValueError("later_for must be longer than zero")
        return self

    @property
    def longest_wait(self) -> timedelta:
        """How long a row may wait for its data row."""
        return parse_duration(self.later_for)


MappingSpec = RowsSpec | AttachSpec
"""What a sync does with its rows: make and update data rows, or add to those that are there."""


def mapping_spec(rows: Mapping[str, Any] | None = None, attach: Mapping[str, Any] | None = None) -> MappingSpec:
    """Return the model of ``rows:`` or of ``attach:``, whichever is given.

    :raises ConfigurationError: both are given, or neither
    """
    if (rows is None) == (attach is None):
        raise ConfigurationError(
            f"give exactly one of rows and attach (given: {'none' if rows is None else 'both'})",
            remedy="rows makes data rows, attach adds to those that are there.",
        )
    return RowsSpec.model_validate(rows) if attach is None else AttachSpec.model_validate(attach)
