"""How annotations go into Labelbox, as the sync file says it under ``annotations:``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labelbox_airflow.engine.rows.spec import Spec

ImportKind = Literal["prelabels", "labels", "predictions"]


class ImportSpec(Spec):
    """What annotations become in Labelbox, and what happens to those that are there already."""

    kind: ImportKind = Field(alias="as", description="prelabels, labels (submitted), or predictions of a model run.")
    whole_row: Literal["reject", "keep_valid"] = Field(
        "keep_valid", description="A wrong annotation takes the others of its data row with it, or goes alone."
    )
    if_labeled: Literal["skip", "send"] = Field(
        "skip", description="Data rows that a person has labeled: leave them alone, or send to them too."
    )
    changed: Literal["replace", "append", "leave"] = Field(
        "replace",
        description="Data rows whose annotations have changed since: replace what this sync made, add, leave.",
    )
    outside: Literal["reject", "clip", "keep"] = Field(
        "reject", description="Shapes that reach beyond the asset by more than a pixel: reject, clip or keep them."
    )
