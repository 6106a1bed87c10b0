"""What has to fit together in a sync file and no single key can tell: sources, joins, columns, schedule."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labelbox_airflow.engine.errors import did_you_mean
from labelbox_airflow.engine.rows.attach import AttachSpec
from labelbox_airflow.engine.rows.spec import ValueSpec
from labelbox_airflow.syncs.annotations import annotation_problems
from labelbox_airflow.syncs.columns import VALUE_KEYS, Problem, references_of, row_references
from labelbox_airflow.syncs.local_files import local_file_problems
from labelbox_airflow.syncs.object_columns import object_column_problems, sidecar_name

if TYPE_CHECKING:
    from labelbox_airflow.syncs.spec import RowInputSpec, SyncSpec

# The forms of row_data that Labelbox can read in a cloud; s3:// becomes https once the region is known.
CLOUD_SCHEMES = ("https", "gs", "s3")


def problems_of(spec: SyncSpec, *, conditions: bool = False) -> list[Problem]:
    """Return everything in ``spec`` that does not fit together; empty when all is well."""
    if problem := _mapping_problem(spec):
        return [problem]
    return [
        *_schedule_problems(spec),
        *_ledger_problems(spec),
        *(_row_problems(spec, conditions) if spec.has_rows else ()),
        *_project_problems(spec),
        *annotation_problems(spec),
    ]


def _row_problems(spec: SyncSpec, conditions: bool) -> list[Problem]:
    return [
        *_source_problems(spec),
        *_column_problems(spec, conditions),
        *object_column_problems(spec, conditions),
        *_global_key_problems(spec),
        *_row_data_problems(spec),
        *local_file_problems(spec),
        *_attachment_problems(spec),
        *_attach_problems(spec),
    ]


def _mapping_problem(spec: SyncSpec) -> Problem | None:
    """Return what is wrong at the root of all: nothing to do, or no source or dataset to do it with."""
    if spec.rows is not None and spec.attach is not None:
        return Problem(
            "attach", "does not go with rows: a sync either makes data rows, or adds to those that are there"
        )
    if not spec.has_rows and spec.annotations is None:
        return Problem("rows", "is missing: say how rows become data rows, or under attach what they add to others")
    if spec.has_rows and not spec.row_sources:
        return Problem("sources", "there is none for the rows; that of the annotations is another one")
    if spec.has_rows and spec.labelbox.dataset is None:
        return Problem("labelbox.dataset", "is missing: name the dataset of the data rows")
    if not spec.has_rows and spec.labelbox.dataset is not None:
        return Problem("labelbox.dataset", "a sync of annotations alone goes by the project; leave it out")
    return None


def _schedule_problems(spec: SyncSpec) -> Iterator[Problem]:
    if not spec.catchup:
        return
    if spec.schedule is None or spec.schedule.after is not None:
        yield Problem("catchup", "there are no intervals to make up for without 'every' or 'cron' in the schedule")
    elif "start_date" not in spec.model_fields_set:
        yield Problem("catchup", "needs a start_date: the first day to make up for")


def _ledger_problems(spec: SyncSpec) -> Iterator[Problem]:
    if spec.ledger is not None and spec.ledger.url is not None and urlsplit(spec.ledger.url).password:
        yield Problem("ledger.url", "has a password in it; make an Airflow connection and name it in ledger.connection")


def _source_problems(spec: SyncSpec) -> Iterator[Problem]:
    for name, source in spec.row_sources.items():
        path = f"sources.{name}"
        if name == spec.main:
            for key in {"join", "missing"} & source.model_fields_set:
                yield Problem(f"{path}.{key}", f"'{name}' is the first source, to which the others are joined")
        else:
            yield from _join_problems(spec, path, source)


def _join_problems(spec: SyncSpec, path: str, source: RowInputSpec) -> Iterator[Problem]:
    if source.join is None:
        yield Problem(f"{path}.join", f"is missing: say which columns match, such as {{id: {spec.main}.id}}")
        return
    for side, target in source.join.items():
        main, dot, column = target.partition(".")
        if not dot or not column:
            yield Problem(
                f"{path}.join.{side}", f"'{target}' names no column of '{spec.main}'; write {spec.main}.<column>"
            )
        elif main not in spec.row_sources:
            yield Problem(
                f"{path}.join.{side}", f"'{target}': there is no source '{main}'. {did_you_mean(main, [spec.main])}"
            )
        elif main != spec.main:
            yield Problem(
                f"{path}.join.{side}", f"'{target}': sources are joined to the first one; write {spec.main}.{column}"
            )


def _column_problems(spec: SyncSpec, conditions: bool) -> Iterator[Problem]:
    for reference in references_of(spec, conditions=conditions):
        if isinstance(reference, Problem):
            yield reference
            continue
        source, dot, column = reference.column.partition(".")
        if not dot:
            continue
        if source == spec.main:
            yield Problem(
                reference.path, f"'{reference.column}': a column of the first source is named alone: {column}"
            )
        elif source not in spec.row_sources and source != sidecar_name(spec.row_sources[spec.main]):
            hint = did_you_mean(source, spec.joined) if spec.joined else "A second source has to be joined first."
            yield Problem(reference.path, f"'{reference.column}': there is no source '{source}'. {hint}")
        elif not column:
            yield Problem(reference.path, f"'{reference.column}' names no column of '{source}'")


def _global_key_problems(spec: SyncSpec) -> Iterator[Problem]:
    template, place = spec.mapping.global_key.template, f"{spec.mapping.place}.global_key"
    if template is not None and not any(r.path == place for r in row_references(spec.mapping)):
        yield Problem(place, f"template '{template}' has no column in it: every row would have the same key")


def _row_data_problems(spec: SyncSpec) -> Iterator[Problem]:
    if spec.rows is None:
        return
    row_data = spec.rows.row_data
    if row_data == {}:
        yield Problem("rows.row_data", "is empty; name a column or template, or the keys of a structured asset")
    for key in () if isinstance(row_data, ValueSpec) else row_data:
        # A misspelt {colum: uri} would pass for the structured asset of a document or conversation.
        if near := difflib.get_close_matches(key, VALUE_KEYS, cutoff=0.8):
            yield Problem(f"rows.row_data.{key}", f"unknown key. Did you mean '{near[0]}'?")
    text = (row_data.template or row_data.value) if isinstance(row_data, ValueSpec) else None
    if not isinstance(text, str) or text.startswith("{"):
        return
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    scheme = found.group(1).lower() if found else None
    if spec.rows.local_files is not None and (scheme == "file" or text.startswith("/")):
        return
    if scheme == "file":
        yield Problem(
            "rows.row_data",
            f"'{text}' is a local file, which Labelbox cannot read; give a URL, or set rows.local_files to upload it",
        )
    elif scheme == "s3" and spec.rows.s3_region is None:
        yield Problem(
            "rows.row_data", f"Labelbox does not read '{text}'; set rows.s3_region, which makes it an https URL"
        )
    elif spec.dataset.delegated_access and scheme not in CLOUD_SCHEMES:
        yield Problem(
            "rows.row_data",
            f"'{text}' is no URL of an object; delegated access reads https://, gs://, and s3:// with rows.s3_region",
        )


def _attachment_problems(spec: SyncSpec) -> Iterator[Problem]:
    first: dict[tuple[str, str | None], int] = {}
    place = f"{spec.mapping.place}.attachments"
    for index, attachment in enumerate(spec.mapping.attachments):
        same = first.setdefault((attachment.type, attachment.name), index)
        if same != index:
            named = f"named '{attachment.name}'" if attachment.name else "without a name"
            yield Problem(
                f"{place}.{index}",
                f"{place}.{same} is {attachment.type} {named} too; give each a name of its own",
            )


def _attach_problems(spec: SyncSpec) -> Iterator[Problem]:
    """Yield what only a sync that may make its dataset can say of it."""
    if spec.attach is None:
        return
    dataset = spec.dataset
    if "create" in dataset.model_fields_set and dataset.create:
        yield Problem("labelbox.dataset.create", "a sync that attaches makes no dataset; leave it out")
    if dataset.description is not None:
        yield Problem("labelbox.dataset.description", "a sync that attaches makes no dataset to describe; leave it out")


def _project_problems(spec: SyncSpec) -> Iterator[Problem]:
    """Yield what a project cannot be combined with."""
    project = spec.project
    if project is None:
        return
    rows = spec.mapping.media_type if spec.has_rows else None
    creates = spec.has_rows and spec.mapping.creates
    if project.name is not None and project.media_type is None and rows is None and creates:
        yield Problem("project.media_type", "is missing: rows.media_type does not say either for which media it is")
    if project.media_type is not None and rows is not None and project.media_type != rows:
        yield Problem("project.media_type", f"'{project.media_type}' is not that of the rows: {rows}")
    if not spec.has_rows:
        for key in {"select", "batch"} & project.model_fields_set:
            yield Problem(f"project.{key}", "a sync of annotations alone sends no rows to the project; leave it out")
    select = project.select
    if isinstance(spec.attach, AttachSpec) and spec.attach.missing == "later" and (select.where or select.order_by):
        yield Problem(
            "project.select",
            "where and order_by do not go with attach.missing: later, whose rows keep only the columns they attach",
        )
