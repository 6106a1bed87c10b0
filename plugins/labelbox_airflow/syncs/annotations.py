"""What the annotations of a sync have to fit: their source, the project, the sources of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from labelbox_airflow.engine.errors import did_you_mean
from labelbox_airflow.sources.annotations import AnnotationFilesSpec
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.syncs.columns import Problem

if TYPE_CHECKING:
    from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
    from labelbox_airflow.syncs.spec import SyncSpec


def annotation_problems(spec: SyncSpec) -> Iterator[Problem]:
    """Yield what does not fit together about the annotations of a sync."""
    given = spec.annotations
    for name, source in spec.sources.items():
        if isinstance(source, AnnotationFilesSpec) and (given is None or given.source != name):
            yield Problem(f"sources.{name}", "has annotations that nobody asks for; name it in annotations.from")
    if given is None:
        return
    if spec.project is None:
        yield Problem("project", "is missing: annotations go into a project")
    if given.source not in spec.sources:
        yield Problem(
            "annotations.from", f"there is no source '{given.source}'. {did_you_mean(given.source, spec.sources)}"
        )
        return
    yield from _reading_problems(spec, given)
    if not spec.has_rows:
        for name in spec.row_sources:
            yield Problem(f"sources.{name}", "is of no use in a sync of annotations alone")


def _reading_problems(spec: SyncSpec, given: AnnotationsSpec) -> Iterator[Problem]:
    """Yield what does not fit between the source and how it is to be read."""
    source, path = spec.sources[given.source], f"sources.{given.source}"
    ways = [key for key in ("table", "wide") if getattr(given, key) is not None]
    if isinstance(source, AnnotationFilesSpec):
        for key in ways:
            yield Problem(f"annotations.{key}", f"is for tables, and '{given.source}' is of type annotations")
    elif isinstance(source, ObjectSourceSpec):
        yield Problem(f"{path}.type", "must be annotations, table or sql, as annotations are read from it")
    elif not ways:
        yield Problem(
            "annotations.table",
            f"is missing: '{given.source}' is a table; say how its rows become annotations, or give wide",
        )
    for key in ("join", "missing"):
        if key in source.model_fields_set:
            yield Problem(f"{path}.{key}", "annotations are joined by their global key; leave it out")
