"""row_data: the asset of a data row, as JSON text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import json_texts
from labelbox_airflow.engine.rows.local_files import LocalFiles
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import RowsSpec, ValueSpec
from labelbox_airflow.engine.rows.urls import AssetUrlError, are_plain_urls, asset_url, looks_like_url
from labelbox_airflow.engine.rows.values import Values, columns_of, text_column, texts, values_of

MAX_TEXT = 64_000  # characters of raw text; docs.labelbox.com/docs/limits
FIELD = "row_data"
LOCAL_FILE = "local_file"  # column of mapped rows: what is to be uploaded, as JSON; null where row_data is the asset
_WATCHED = "\0watched"  # no column of a source is called so
# Keys of structured row_data that are numbers (docs.labelbox.com/reference/import-geospatial-data).
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBERS = {"min_zoom", "max_zoom", "max_native_zoom", "tile_size", "version"}


class AssetReader:
    """Reads row_data of each row as JSON text: a URL, a text, or an object for documents, tiles, conversations."""

    def __init__(self, spec: RowsSpec) -> None:
        self._raw_text = spec.media_type == "TEXT"
        self._tiles = spec.media_type in {"TMS_GEO", "TMS_SIMPLE"}
        self._url: Callable[[str], str] = lambda value: asset_url(
            value, s3_region=spec.s3_region, presigned=spec.presigned_urls == "allow"
        )
        self._files = LocalFiles(spec.local_files) if spec.local_files is not None else None
        self._row_data = spec.row_data
        self._read: Values
        if isinstance(spec.row_data, ValueSpec):
            self._read = values_of(spec.row_data)
        else:
            self._read = _structured(spec.row_data)

    def read(self, rows: pa.RecordBatch, problems: Problems) -> list[str | None]:
        """Return row_data as JSON text; None, with a problem noted, where it is unusable."""
        return [self._json(index, value, problems) for index, value in enumerate(self._read(rows))]

    def column(self, rows: pa.RecordBatch, problems: Problems) -> pa.Array:
        """Return what :meth:`read` does as a column; the usual one, of plain URLs, takes almost no time."""
        if isinstance(self._row_data, ValueSpec):
            values = text_column(self._row_data, rows)
            if values is not None and not values.null_count and are_plain_urls(values):
                return json_texts(values)
        return pa.array(self.read(rows, problems), pa.string())

    def watched(self, rows: pa.RecordBatch, columns: Sequence[str]) -> tuple[pa.RecordBatch, Sequence[str]]:
        """Return the rows, and the columns that tell whether a row has changed; of local files also when they have."""
        if self._files is None:
            return rows, columns
        return rows.append_column(_WATCHED, self._files.changes(self._read(rows))), [*columns, _WATCHED]

    def files(self, columns: Mapping[str, pa.Array], problems: Problems) -> dict[str, pa.Array]:
        """Return what the mapped ``columns`` have to have where local files are uploaded; nothing where they are not.

        That is a description of each file, and its content as the fingerprint of row_data.
        """
        if self._files is None:
            return {}
        descriptions, marks = self._files.describe(columns["row_data"], problems)
        fingerprints = pc.coalesce(marks, columns["fingerprint.row_data"])
        return {LOCAL_FILE: descriptions, "fingerprint.row_data": fingerprints}

    def _json(self, index: int, value: Any, problems: Problems) -> str | None:
        try:
            return self._checked(value)
        except AssetUrlError as error:
            problems.add(index, error.code, FIELD, value, str(error))
            return None

    def _checked(self, value: Any) -> str:
        if isinstance(value, str):
            return self._from_text(value)
        if isinstance(value, dict):
            return self._from_object(value)
        if value is None:
            raise AssetUrlError("null_row_data", "is empty; every data row needs an asset")
        raise AssetUrlError("bad_row_data", f"is {type(value).__name__}, not a URL, text or object")

    def _from_text(self, value: str) -> str:
        if self._files is not None and self._files.is_local(value):
            self._files.resolve(value)
            return orjson.dumps(value).decode()
        if looks_like_url(value):
            return orjson.dumps(self._url(value)).decode()
        if value.startswith("{") and not self._raw_text:
            return self._from_object(_object(value))
        if not self._raw_text:
            raise AssetUrlError(
                "bad_url",
                "is no https:// or gs:// URL (files are read only where rows.local_files says so; for raw text set "
                "media_type: TEXT)",
            )
        if len(value) > MAX_TEXT:
            raise AssetUrlError(
                "text_too_long", f"has {len(value):,} characters; Labelbox takes {MAX_TEXT:,} of raw text"
            )
        return orjson.dumps(value).decode()

    def _from_object(self, value: dict[str, Any]) -> str:
        """Return an object as text, its keys in one order: two orders are the same asset."""
        checked = self._with_urls(value)
        if not checked:
            raise AssetUrlError("null_row_data", "has no value in it; every data row needs an asset")
        try:
            return orjson.dumps(checked, default=_decimal, option=orjson.OPT_SORT_KEYS).decode()
        except TypeError as error:
            raise AssetUrlError("bad_row_data", f"holds a value that JSON has no form for ({error})") from None

    def _with_urls(self, value: dict[str, Any]) -> dict[str, Any]:
        """Check the URLs of a structured row_data; a tile URL keeps its braces and takes no delegated access."""
        return {
            key: self._url(item) if key.endswith("_url") and isinstance(item, str) and not self._tiles else item
            for key, item in value.items()
            if item is not None
        }


def structured_columns(template: dict[str, Any]) -> list[str]:
    """Return the columns a structured row_data reads."""
    return [column for leaf in _leaves(template) for column in columns_of(leaf)]


def _leaves(node: Any) -> Iterator[ValueSpec]:
    if isinstance(node, dict) and not _is_value(node):
        for child in node.values():
            yield from _leaves(child)
    elif isinstance(node, list):
        for child in node:
            yield from _leaves(child)
    else:
        yield _leaf(node)


def _is_value(node: dict[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)) in {"column", "template", "value"}


def _leaf(node: Any) -> ValueSpec:
    if isinstance(node, str):
        return ValueSpec(template=node) if "{" in node else ValueSpec(column=node)
    return ValueSpec.model_validate(node if isinstance(node, dict) else {"value": node})


def _structured(template: dict[str, Any]) -> Values:
    def read(rows: pa.RecordBatch) -> list[Any]:
        columns = {name: _read_node(name, node, rows) for name, node in template.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    return read


def _read_node(name: str, node: Any, rows: pa.RecordBatch) -> list[Any]:
    if isinstance(node, dict) and not _is_value(node):
        return _structured(node)(rows)
    if isinstance(node, list):
        return [list(items) for items in zip(*(_read_node(name, child, rows) for child in node), strict=True)]
    values = values_of(_leaf(node))(rows)
    if name in _NUMBERS:
        return [_number(value) for value in values]
    return [_nested(value) for value in values]


def _number(value: Any) -> Any:
    text = texts([value])[0]
    return int(text) if text is not None and _WHOLE.fullmatch(text) else value


def _nested(value: Any) -> Any:
    """Read JSON that a text format holds in one cell, such as the bounds of tiles."""
    if not isinstance(value, str) or value[:1] not in {"[", "{"}:
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:  # a text such as "[laughs] yes"
        return value


def _decimal(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"it is {type(value).__name__}")


def _object(text: str) -> dict[str, Any]:
    try:
        loaded = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AssetUrlError("bad_row_data", f"looks like JSON but is not ({error})") from None
    return dict(loaded)
