"""The lines of Labelbox exports: the annotations of labels and predictions, to be imported again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from labelbox_airflow.engine.annotations.exported.by_name import by_name
from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import Annotation, DataRow, Origin
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.lines import parsed_lines
from labelbox_airflow.engine.errors import SourceError, did_you_mean

By = Literal["global_key", "id"]
Classes = Literal["name", "schema_id"]


@dataclass(frozen=True, slots=True)
class _Home:
    """A project or model run, and what a row has there.

    :param labels: the labels of a project, or the predictions of a model run
    :param selected: the label that counts among several, if the export says
    """

    id: str
    labels: Sequence[Mapping[str, Any]]
    selected: str | None = None


def read_export(
    file: BinaryIO, place: str, *, project_id: str | None = None, by: By = "global_key", classes: Classes = "name"
) -> Iterator[Read]:
    """Yield the annotations of an export's lines, in their order; memory does not grow with the file.

    Of several labels of a row (consensus) the selected one is read, or the first where the export has no project
    details; each of the others is rejected (``other_label``). Rejected too: a line that is no JSON (``bad_json``) or
    no exported row (``not_exported``), a row without a global key when rows are named by it (``no_global_key``), and
    single annotations as in `exported.label.annotations_of`. Rows without labels are passed.

    :param file: open for reading bytes, seekable or not, and unpacked
    :param place: what messages and origins call the file
    :param project_id: whose labels to read; also a model run, whose predictions are read. None takes the only one that
        has any
    :param by: how the annotations name their data row
    :param classes: how they name classes and options: by name alone, for any project whose ontology has these, or by
        schema id too, which stays right when one is renamed, for projects with the same ontology only
    :raises SourceError: as for NDJSON; with labels of several projects and no ``project_id``; with a ``project_id`` of
        which no line says anything
    """
    only, met = project_id, dict[str, None]()
    for origin, line in parsed_lines(file, place):
        if isinstance(line, RejectedAnnotation):
            yield line
            continue
        try:
            homes = _homes(line)
        except AnnotationError as error:
            yield _not_exported(line, error, origin)
            continue
        met.update(dict.fromkeys(home.id for home in homes))
        homes = [each for each in homes if each.labels]
        if only is None and homes:
            only = homes[0].id
        for home in homes:
            if home.id == only:
                for read in _annotations(home, line["data_row"], by, origin):
                    yield by_name(read) if classes == "name" and isinstance(read, Annotation) else read
            elif project_id is None:
                raise SourceError(
                    f"line {origin.position} has labels of project {home.id}, earlier ones are of {only}",
                    where=place,
                    remedy="Give the project_id of those to read.",
                )
    if project_id is not None and met and project_id not in met:
        raise SourceError(f"no line is of project {project_id}", where=place, remedy=did_you_mean(project_id, met))


def _homes(line: Any) -> list[_Home]:
    """Return the projects and model runs of a line.

    :raises AnnotationError: it is no line of an export
    """
    if type(line) is not dict or type(line.get("data_row")) is not dict:
        reason = "is missing; a line of an export has data_row and projects or experiments"
        raise AnnotationError("not_exported", "data_row", None, reason)
    homes = []
    for project, block in _items(line.get("projects"), "projects"):
        details = dict(_items(block.get("project_details"), "project_details", values=object))
        homes.append(_Home(project, _labels(block, "labels"), details.get("selected_label_id")))
    for _, model in _items(line.get("experiments"), "experiments"):
        for run, block in _items(model.get("runs"), "runs"):
            homes.append(_Home(run, _labels(block, "predictions")))
    return homes


def _items(value: Any, field: str, values: type = dict) -> Iterable[tuple[str, Any]]:
    if value is None:
        return ()
    if type(value) is not dict or not all(isinstance(each, values) for each in value.values()):
        raise AnnotationError("not_exported", field, value, "must be an object, as in exports")
    return value.items()


def _labels(block: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    found = block.get(field) or ()
    if type(found) not in {list, tuple} or not all(type(each) is dict for each in found):
        raise AnnotationError("not_exported", field, found, "must be a list of labels, as in exports")
    return found


def _annotations(home: _Home, named: Mapping[str, Any], by: By, origin: Origin) -> Iterator[Read]:
    row_id = named.get(by)
    if type(row_id) is not str or not row_id:
        known = DataRow(id=named["id"]) if type(named.get("id")) is str else None
        reason = f"data_row.{by}: is missing, so that the labels of the row cannot be told apart from others"
        remedy = " Give the row a global key, or read by id." if by == "global_key" else ""
        yield RejectedAnnotation(origin, f"no_{by}", f"{reason}.{remedy}", f"data_row.{by}", known)
        return
    data_row = DataRow(row_id) if by == "global_key" else DataRow(id=row_id)
    chosen = next((each for each in home.labels if each.get("id") == home.selected), home.labels[0])
    for label in home.labels:
        if label is chosen:
            yield from annotations_of(label, data_row, origin=origin)
        else:
            reason = (
                f"the row has {len(home.labels)} labels; label {chosen.get('id')} is read, label {label.get('id')} is"
                " not, as one row can have one label of an import"
            )
            yield RejectedAnnotation(origin, "other_label", reason, "labels", data_row, line=label)


def _not_exported(line: Any, error: AnnotationError, origin: Origin) -> RejectedAnnotation:
    said = line if type(line) is dict else {"line": line}
    return RejectedAnnotation(origin, error.code, str(error), error.field, line=said)
