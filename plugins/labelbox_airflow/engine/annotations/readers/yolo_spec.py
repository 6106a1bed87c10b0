"""How YOLO's files of labels become annotations, as the sync file says it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.annotations.readers.templates import names_in
from labelbox_airflow.engine.rows.spec import Spec


class YoloSpec(Spec):
    """Files of labels, one an image and a line an object, in shares of the image's width and height."""

    names: tuple[str, ...] | None = Field(None, description="Names of the classes, from class 0 on.")
    names_from: str = Field(
        "data.yaml",
        min_length=1,
        description="The file with the names: data.yaml, or a text of a name a line; beside the labels unless it has "
        "a path from the root.",
    )
    task: Literal["detect", "segment"] = Field(
        "detect", description="detect: lines of boxes; segment: lines of polygons. Either may end with a confidence."
    )
    global_key: str = Field(
        "{stem}", description="The data row of a file: a template over `{stem}`, its name without the ending."
    )
    classes: dict[str, str] | None = Field(
        None, description="Names and the classes they become; null = classes are called as in the file."
    )
    unmapped: Literal["reject", "keep"] = Field(
        "reject", description="Names that are not in `classes`: reject their annotations, or keep the name."
    )
    min_confidence: float | None = Field(None, ge=0, le=1, description="Leave out lines below it, where they have one.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.names is not None and "names_from" in self.model_fields_set:
            raise ValueError("give names or names_from, not both")
        if names_in(self.global_key) != {"stem"}:
            raise ValueError(f"global_key: '{self.global_key}' must have {{stem}}, and nothing else in braces")
        return self
