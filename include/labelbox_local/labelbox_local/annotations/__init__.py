"""Reads annotations as they are imported (one JSON object a line) and checks them against an ontology.

Pure: nothing in here knows of the database, of HTTP or of the SDK. `AnnotationReader` is the way in.
"""

from labelbox_local.annotations.errors import AnnotationError
from labelbox_local.annotations.features import Features
from labelbox_local.annotations.line import Annotation, AnnotationReader, ReaderRules

__all__ = ["Annotation", "AnnotationError", "AnnotationReader", "Features", "ReaderRules"]
