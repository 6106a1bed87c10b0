"""How Pascal VOC's files become annotations, as the sync file says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from labelbox_airflow.engine.annotations.readers.templates import names_in
from labelbox_airflow.engine.rows.spec import Spec

KEYS = frozenset(("filename", "stem", "folder"))


class VocSpec(Spec):
    """Files of XML, one an image, with its objects in boxes."""

    global_key: str = Field(
        "{filename}",
        description="The data row of a file: a template over `{filename}` and `{folder}` as the file has them, and "
        "`{stem}`, the file name without its ending.",
    )
    corners: Literal["edges", "pixels_from_1"] = Field(
        "edges",
        description="What bndbox has. edges: where the box begins and ends, from 0, as most tools write; "
        "pixels_from_1: its first and last pixel, counted from 1, as in the VOC challenge itself.",
    )
    difficult: Literal["keep", "skip"] = Field("keep", description="What happens to objects marked as difficult.")
    classes: dict[str, str] | None = Field(
        None, description="Names and the classes they become; null = classes are called as in the file."
    )
    unmapped: Literal["reject", "keep"] = Field(
        "reject", description="Names that are not in `classes`: reject their annotations, or keep the name."
    )

    @field_validator("global_key")
    @classmethod
    def _names_a_row(cls, template: str) -> str:
        names = names_in(template)
        if not names & {"filename", "stem"} or not names <= KEYS:
            raise ValueError(f"'{template}' must have {{filename}} or {{stem}}, and can have {{folder}}")
        return template
