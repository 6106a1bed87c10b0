"""What is wrong with one line of an annotation import, as its status file shows it."""

from __future__ import annotations

from typing import Any


class AnnotationError(Exception):
    """Fails one line; the others of the import go on.

    `name` is the kind of error a status line shows, `additional_info` what else a reader may want to know.
    """

    def __init__(self, message: str, *, name: str = "InvalidAnnotation", **additional_info: Any) -> None:
        super().__init__(message)
        self.name = name
        self.additional_info = additional_info

    def status(self) -> dict[str, Any]:
        """The error as an entry of the `errors` of a status line."""
        shown: dict[str, Any] = {"name": self.name, "message": str(self)}
        if self.additional_info:
            shown["additional_info"] = self.additional_info
        return shown


class FeatureError(AnnotationError):
    """A feature the ontology does not have, or not in that place."""

    def __init__(self, message: str, **additional_info: Any) -> None:
        super().__init__(message, name="FeatureSchemaNotFound", **additional_info)
