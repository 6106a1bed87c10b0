"""A table of a database that exports are merged into, as people write it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.exports.tables import RecordsSpec
from labelbox_airflow.engine.rows.spec import Spec

Rule = Literal["evolve", "freeze", "discard"]


class ContractSpec(Spec):
    """What may happen to the columns of a table when those of the export have changed; none is ever dropped."""

    columns: Rule = Field(
        "evolve",
        description="A column the table does not have, also within structs: evolve adds it, freeze fails the load, "
        "discard loads the others.",
    )
    types: Rule = Field(
        "evolve",
        description="A type the column cannot hold: evolve widens the column (to a number or text) or fails, freeze "
        "fails the load, discard loads null there.",
    )


class MergeSpec(RecordsSpec):
    """One table of an export, and the table of a database that it is merged into."""

    to: str = Field(min_length=1, description="The table, such as `ml.receipt_boxes`; it is made when missing.")
    connection: str | None = Field(None, description="Airflow connection of the database: Postgres, DuckDB or SQLite.")
    database: str | None = Field(
        None, min_length=1, description="Or a file: `duckdb:///path`, `sqlite:///path`, or a path ending in .duckdb."
    )
    deleted: Literal["soft", "hard"] = Field(
        "hard", description="What has vanished: soft keeps its rows, with the time in `_deleted_at`."
    )
    history: bool = Field(False, description="Keep former versions of rows, with `_valid_from` and `_valid_to`.")
    contract: ContractSpec = ContractSpec()

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.connection is None) == (self.database is None):
            given = "none" if self.connection is None else "both"
            raise ValueError(f"give exactly one of connection or database (given: {given})")
        return self
