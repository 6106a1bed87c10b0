"""The annotations of a sync, as the sync file says it under ``annotations:``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from labelbox_airflow.engine.annotations.imports.spec import ImportSpec, SplitColumn
from labelbox_airflow.engine.annotations.readers.table_spec import TableSpec
from labelbox_airflow.engine.annotations.readers.wide_spec import WideSpec


class AnnotationsSpec(ImportSpec):
    """From where annotations come, how they are read, and what they become in Labelbox."""

    source: Annotated[str, Field(min_length=1)] = Field(
        alias="from", description="Name of the source: of type annotations, or a table with `table` or `wide`."
    )
    table: TableSpec | None = Field(None, description="How each row of a table becomes an annotation.")
    wide: WideSpec | None = Field(None, description="How the cells of annotation///type///class columns are read.")

    @model_validator(mode="after")
    def _one_way(self) -> AnnotationsSpec:
        if self.table is not None and self.wide is not None:
            raise ValueError("give table (one annotation a row) or wide (annotation///type///class), not both")
        if self.split_column is not None and self.table is None and self.wide is None:
            raise ValueError("split.column is of a table; give the share of each split instead")
        if self.kind == "labels" and self.changed == "append":
            raise ValueError("changed: append does not go with labels: an import of labels replaces those of its rows")
        return self

    @property
    def split_column(self) -> str | None:
        """The column that says the split of each data row, None where none does."""
        return self.split.column if isinstance(self.split, SplitColumn) else None

    def columns(self) -> list[str] | None:
        """Return the columns of the table that are read; None for all."""
        if self.table is None:
            return None
        split = [self.split_column] if self.split_column is not None else []
        return list(dict.fromkeys([*self.table.columns(), *split]))
