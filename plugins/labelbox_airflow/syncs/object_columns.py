"""The columns of sources that list objects are known beforehand, so that a misspelt one is found before a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import did_you_mean
from labelbox_airflow.sources.objects import OBJECT_COLUMNS, ObjectSourceSpec
from labelbox_airflow.sources.sidecars import TEXT_COLUMN
from labelbox_airflow.syncs.columns import Problem, Reference, row_references, split_column

if TYPE_CHECKING:
    from labelbox_airflow.syncs.spec import SyncSpec


def sidecar_name(source: Any) -> str | None:
    """Return the name under which the columns of a source's sidecars are used; None where it has none."""
    sidecar = source.sidecar if isinstance(source, ObjectSourceSpec) else None
    return sidecar.name if sidecar is not None else None


def object_column_problems(spec: SyncSpec, conditions: bool) -> Iterator[Problem]:
    """Yield the columns of listed objects and their sidecars that there cannot be."""
    sidecar = sidecar_name(spec.row_sources[spec.main])
    if sidecar in spec.row_sources:
        yield Problem(
            f"sources.{spec.main}.sidecar.name", f"'{sidecar}' is a source too, so {sidecar}.<key> would be either's"
        )
        return
    for reference in [*row_references(spec.mapping, conditions=conditions), *_join_references(spec)]:
        if isinstance(reference, Problem):
            continue
        name, column = split_column(reference.column, spec)
        source = spec.row_sources[name]
        if isinstance(source, ObjectSourceSpec) and not source.transform and (wrong := _wrong_column(source, column)):
            yield Problem(reference.path, f"'{reference.column}': {wrong}")


def _join_references(spec: SyncSpec) -> Iterator[Reference]:
    """Yield both columns of each join; those of the main source as the mapping would name them."""
    for name, source in spec.joined.items():
        for side, target in (source.join or {}).items():
            path = f"sources.{name}.join.{side}"
            yield Reference(path, f"{name}.{side}")
            yield Reference(path, target.removeprefix(f"{spec.main}."))


def _wrong_column(source: ObjectSourceSpec, column: str) -> str | None:
    """Return why a listing of objects has no such column; None when it has."""
    if column in OBJECT_COLUMNS:
        return None
    head, dot, key = column.partition(".")
    sidecar = source.sidecar
    if not dot or sidecar is None or head != sidecar.name:
        known = [*OBJECT_COLUMNS, *([f"{sidecar.name}.<key>"] if sidecar is not None else [])]
        return f"objects have no column '{column}'. {did_you_mean(column, known)}"
    if sidecar.kind == "text" and key != TEXT_COLUMN:
        return f"a sidecar that is a text has one column, {sidecar.name}.{TEXT_COLUMN}"
    return None if key else f"names no key of the sidecar '{sidecar.name}'"
