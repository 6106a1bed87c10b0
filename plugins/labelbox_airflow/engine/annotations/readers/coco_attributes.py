"""Attributes of COCO annotations, as several labeling tools write them, answer nested questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbox_airflow.engine.annotations.model import Choice, Classification, Feature, FreeText, Radio
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.coco_spec import AttributeSpec
from labelbox_airflow.engine.rows.values import as_text


class Question:
    """A nested question that an attribute answers."""

    def __init__(self, attribute: str, spec: AttributeSpec) -> None:
        self._attribute = attribute
        self._feature = Feature(spec.classification or attribute)
        self._is_radio = spec.kind == "radio"
        self._answers: dict[str, Classification] = {}

    def read(self, entry: Mapping[str, Any]) -> Classification | None:
        """Return the answer, from ``attributes`` or else from the annotation itself; None where it is empty.

        :raises AnnotationError: it is no single value
        """
        attributes = entry.get("attributes")
        given = (attributes if type(attributes) is dict else entry).get(self._attribute)
        if given is None or given == "":
            return None
        if isinstance(given, dict | list):
            field = f"attributes.{self._attribute}"
            raise AnnotationError("bad_attribute", field, given, "must be a text, a number, true or false")
        answer = as_text(given) or ""
        if answer not in self._answers:
            value = Radio(Choice(Feature(answer))) if self._is_radio else FreeText(answer)
            self._answers[answer] = Classification(self._feature, value)
        return self._answers[answer]
