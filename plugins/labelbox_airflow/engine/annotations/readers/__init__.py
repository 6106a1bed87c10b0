"""Readers: files and tables of annotations become annotations of the one model.

Each reader is a generator of `Read`: in the order of the source, an `Annotation` with its origin, or a
`RejectedAnnotation` for what cannot be one. What is wrong with a whole file is a `SourceError`, raised where it is met.
A reader checks what it reads, not whether Labelbox will take it: that is for `checks`.
"""

from __future__ import annotations

from labelbox_airflow.engine.annotations.model import Annotation
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation

Read = Annotation | RejectedAnnotation
