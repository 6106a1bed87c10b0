"""The NDJSON of Labelbox's annotation imports: one annotation a line, as files of models and of the SDK have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from labelbox_airflow.engine.annotations.model import Annotation, DataRow, Origin
from labelbox_airflow.engine.annotations.ndjson.line import LineReader
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.lines import parsed_lines


def read_ndjson(file: BinaryIO, place: str) -> Iterator[Read]:
    """Yield what each line is, in the order of the file; memory does not grow with it, blank lines are passed.

    Rejected, while the rest goes on: a line that is no JSON (``bad_json``, with the position in the line) and one that
    is no annotation.

    :param file: open for reading bytes, seekable or not, and unpacked
    :param place: what messages and origins call the file
    :raises SourceError: for bytes that are no UTF-8, a JSON array in place of lines, or a line over 256 MB
    """
    reader = LineReader(place)
    for origin, line in parsed_lines(file, place):
        yield line if isinstance(line, RejectedAnnotation) else _read(reader, line, origin)


def read_objects(objects: Iterable[Any], place: str) -> Iterator[Read]:
    """Yield what each object of that NDJSON is, where they are at hand and no file; what is none is rejected alone."""
    reader = LineReader()
    for position, line in enumerate(objects, 1):
        origin = Origin(place, position, "record")
        read = _read(reader, line, origin)
        if isinstance(read, Annotation):
            read.origin = origin  # type: ignore[misc]  # ours alone so far
        yield read


def _read(reader: LineReader, line: Any, origin: Origin) -> Read:
    try:
        return reader.read(line, origin.position)
    except AnnotationError as error:
        return _rejected(line, error, origin)


def _rejected(line: Any, error: AnnotationError, origin: Origin) -> RejectedAnnotation:
    """Return the reject of a parsed line, with what it says about itself as far as that can be read."""
    said: Mapping[str, Any] = line if type(line) is dict else {"line": line}
    return RejectedAnnotation(
        origin=origin,
        code=error.code,
        reason=str(error),
        field=error.field,
        data_row=_data_row(said.get("dataRow")),
        class_name=_text(said.get("name")) or _text(said.get("schemaId")) or _text(said.get("featureName")),
        source_id=_text(said.get("uuid")),
        line=said,
    )


def _data_row(named: Any) -> DataRow | None:
    if type(named) is not dict:
        return None
    key, row_id = _text(named.get("globalKey")), _text(named.get("id"))
    if key is not None:
        return DataRow(key)
    return DataRow(id=row_id) if row_id is not None else None


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None
