"""How annotations go into Labelbox, as the sync file says it under ``annotations:``."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.rows.spec import Spec

ImportKind = Literal["prelabels", "labels", "predictions"]
SplitName = Literal["train", "validation", "test"]
# As Labelbox calls them (SDK schema/model_run.py DataSplit).
SPLITS: dict[str, Literal["TRAINING", "VALIDATION", "TEST"]] = {
    "train": "TRAINING",
    "validation": "VALIDATION",
    "test": "TEST",
}
Share = Annotated[float, Field(ge=0, le=1)]
_IN_BRACES = re.compile(r"\{(?!window\.end(?::[^{}]*)?\})[^{}]*\}?")


class SplitShares(Spec):
    """How the data rows of a model run are split, by a hash of the global key: always the same."""

    train: Share = 0
    validation: Share = 0
    test: Share = 0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(sum(self.shares().values()) - 1) > 1e-6:
            raise ValueError("train, validation and test must be 1 together")
        return self

    def shares(self) -> dict[str, float]:
        """Return the share of each split that has one."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: share for name, share in given.items() if share}


class SplitColumn(Spec):
    """A column of the annotations' table that says train, validation or test; null = unassigned."""

    column: str = Field(min_length=1)


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
    model: str | None = Field(None, min_length=1, description="Name of the model that predicts; made when missing.")
    run: str | None = Field(
        None, min_length=1, description="Name of its run, as `nightly {window.end:%Y-%m-%d}`; made when missing."
    )
    split: SplitName | SplitShares | SplitColumn | None = Field(
        None, description="Data split of the run's rows: train, validation or test; the share of each; or a column."
    )

    @model_validator(mode="after")
    def _of_predictions(self) -> Self:
        if self.kind != "predictions":
            for key in {"model", "run", "split"} & self.model_fields_set:
                raise ValueError(f"{key} goes with as: predictions; leave it out")
            return self
        if self.model is None or self.run is None:
            raise ValueError("as: predictions needs model and run: the names of the model and of its run")
        if "if_labeled" in self.model_fields_set:
            raise ValueError("if_labeled is of projects; predictions of a model run leave labels alone")
        if wrong := _IN_BRACES.search(self.run or ""):
            raise ValueError(f"run: {wrong[0]} is not known; write {{window.end:%Y-%m-%d}}")
        return self
