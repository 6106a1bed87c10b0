"""How a COCO file becomes annotations, as the sync file says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from labelbox_airflow.engine.annotations.readers.templates import names_in
from labelbox_airflow.engine.rows.spec import Spec

Shape = Literal["bounding_box", "polygon", "mask"]

LEFT_OUT = frozenset(("below_confidence", "crowd", "difficult", "no_keypoints"))
"""Codes of rejects that are nothing wrong: the spec asked to leave these annotations out."""


class ConfidenceSpec(Spec):
    """Where the confidence of a model is, and how much is enough."""

    field: str = Field("score", min_length=1, description="The key of each annotation that has it, from 0 to 1.")
    min: float | None = Field(None, ge=0, le=1, description="Leave out annotations below this; they need a value then.")


class AttributeSpec(Spec):
    """The nested question that an attribute of an annotation answers."""

    classification: str | None = Field(None, min_length=1, description="Its name; null = that of the attribute.")
    kind: Literal["radio", "text"] = "radio"


class CocoSpec(Spec):
    """Images, categories and annotations of COCO: instances, keypoints, panoptic segments, results of a model."""

    images_from: str | None = Field(
        None, description="The COCO file with the images and categories that a file of results lacks."
    )
    png_folder: str | None = Field(None, description="Where the PNGs of panoptic segments are.")
    global_key: str = Field(
        "{file_name}",
        description="The data row of an image: a template over its keys, such as `coco/{id:012d}`; further `{name}`, "
        "the file name without folders, and `{stem}`, that without its ending.",
    )
    shapes: Literal["auto", "bounding_box", "polygon", "mask", "none"] = Field(
        "auto",
        description="What instances become. auto: boxes where there is nothing but a box; else one shape for all of a "
        "class, as the ontology has it, or masks where any is run lengths or of several parts, or else polygons.",
    )
    parts: Literal["mask", "polygons"] = Field(
        "mask", description="What an instance of several polygons becomes: one mask, or a polygon for each."
    )
    iscrowd: Literal["keep", "skip"] = Field("keep", description="What happens to regions marked as a crowd.")
    classes: dict[str, str] | None = Field(
        None, description="Category names and the classes they become; null = classes are called as categories."
    )
    unmapped: Literal["reject", "keep"] = Field(
        "reject", description="Categories that are not in `classes`: reject their annotations, or keep the name."
    )
    confidence: ConfidenceSpec | None = Field(ConfidenceSpec(), description="null = do not read any.")
    keypoints: Literal["points", "skip"] = Field("points", description="Whether each keypoint becomes a point.")
    keypoint_class: str = Field("{category}/{keypoint}", description="The class of a keypoint's point.")
    occluded_keypoints: Literal["keep", "skip"] = Field(
        "keep", description="Keypoints that are placed but hidden; those that are not placed never make a point."
    )
    attributes: dict[str, AttributeSpec] = Field(
        default_factory=dict, description="Attributes of instances, and the nested questions that they answer."
    )

    @field_validator("global_key")
    @classmethod
    def _names_a_row(cls, template: str) -> str:
        if not names_in(template):
            raise ValueError(f"'{template}' has no key in braces, so all images would be one data row")
        return template

    @field_validator("keypoint_class")
    @classmethod
    def _names_a_keypoint(cls, template: str) -> str:
        names = names_in(template)
        if "keypoint" not in names or not names <= {"category", "keypoint"}:
            raise ValueError(f"'{template}' must have {{keypoint}} and can have {{category}}, nothing else in braces")
        return template
