"""Annotations that are given directly, and not read from a place: SDK labels, objects of NDJSON, rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.sources.annotations import row_reader
from labelbox_airflow.sources.sdk_labels import annotation_lines

if TYPE_CHECKING:
    from labelbox_airflow.engine.annotations.readers import Read
    from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
    from labelbox_airflow.engine.ontology.tree import Ontology
    from labelbox_airflow.engine.window import Window
    from labelbox_airflow.sources.annotations import SizeOf


class AnnotationRecords:
    """Reads annotations that the author of a DAG hands over.

    :param records: an iterable of ``labelbox.types.Label``, or of dicts as in Labelbox's import NDJSON; with
        ``table`` or ``wide`` a pandas DataFrame or a list of dicts; or a function that returns one of these
    :param place: what reports call them
    :ivar skipped: annotations that the spec leaves out; known once all is read
    """

    def __init__(self, records: Any, spec: AnnotationsSpec, place: str, size_of: SizeOf | None = None) -> None:
        self._records, self._spec, self._place, self._size_of = records, spec, place, size_of
        self.skipped: Mapping[str, int] = {}

    def read(self, window: Window | None, ontology: Ontology | None = None) -> Iterator[Read]:  # noqa: ARG002
        """Yield the annotations, whatever the window.

        :raises ConfigurationError: the records are no collection, or a table and nothing says how it is read
        :raises SourceError: one is neither a label nor a dict, or the rows are no table
        """
        from labelbox_airflow.engine.annotations.readers.ndjson import read_objects

        records = self._records() if callable(self._records) else self._records
        if records is None or isinstance(records, str | bytes | Mapping) or not hasattr(records, "__iter__"):
            raise ConfigurationError(
                f"annotations cannot be read from a {type(records).__name__}",
                where="records",
                remedy="Give a list of labels or dicts, a DataFrame, or a function that returns one; files: source.",
            )
        if self._spec.table is not None or self._spec.wide is not None:
            yield from self._read_rows(records, ontology)
        elif hasattr(records, "to_dict"):
            raise ConfigurationError(
                "nothing says how the rows of the DataFrame become annotations",
                where="annotations",
                remedy="Give annotations.table (one annotation a row) or annotations.wide.",
            )
        else:
            yield from read_objects(annotation_lines(records), self._place)

    def _read_rows(self, records: Any, ontology: Ontology | None) -> Iterator[Read]:
        from labelbox_airflow.engine.records import batch_of

        rows = batch_of(records if hasattr(records, "to_dict") else list(records), place=self._place)
        reader = row_reader(self._spec, self._size_of, ontology)
        self.skipped = reader.skipped
        yield from reader.read(iter([rows]))
