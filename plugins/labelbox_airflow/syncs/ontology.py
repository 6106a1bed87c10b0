"""``labelbox-sync ontology``: draft an ontology file from annotations that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError


def draft(origin: str, file: Path, *, column: str | None = None, kind: str = "bounding_box") -> str:
    """Return the YAML of an ontology.

    :param origin: ``from-coco``, ``from-ndjson`` or ``from-table``
    :param column: of the table, with the classes
    :param kind: of the tools for the classes of a table
    :raises ConfigurationError: the file cannot be read, or has no classes
    """
    from labelbox_airflow.engine.ontology.document import write_document
    from labelbox_airflow.engine.ontology.draft import from_classes, from_coco, from_ndjson

    try:
        if origin == "from-coco":
            return write_document(from_coco(_json(file), where=str(file)))
        if origin == "from-ndjson":
            with file.open("rb") as lines:
                return write_document(from_ndjson(lines, where=str(file)))
        return write_document(from_classes(_column(file, column or ""), kind, where=str(file)))
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _json(file: Path) -> Any:
    import orjson

    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"is no JSON ({error})", where=str(file)) from None


def _column(file: Path, column: str) -> list[Any]:
    import pyarrow.csv
    import pyarrow.parquet

    from labelbox_airflow.engine.errors import did_you_mean

    try:
        table = pyarrow.parquet.read_table(file) if file.suffix == ".parquet" else pyarrow.csv.read_csv(file)
    except pyarrow.ArrowException as error:
        raise ConfigurationError(f"is no CSV or Parquet table ({error})", where=str(file)) from None
    if column not in table.column_names:
        raise DataIOError(
            f"there is no column '{column}'", where=str(file), remedy=did_you_mean(column, table.column_names)
        )
    return list(table.column(column).unique().to_pylist())
