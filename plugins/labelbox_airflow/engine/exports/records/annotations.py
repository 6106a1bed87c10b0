"""The long table: one row an annotation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from labelbox_airflow.engine.exports.records.annotation_rows import AnnotationRows
from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, TEXTS, WHOLE, Rows, column, struct
from labelbox_airflow.engine.exports.records.geometry import TYPES, GeometryForm
from labelbox_airflow.engine.exports.records.label_columns import DETAILS, KEYS, label_columns
from labelbox_airflow.engine.exports.records.line import ExportedRow
from labelbox_airflow.engine.exports.records.record_set import RecordSet

TOKEN_GROUPS = pa.list_(struct(id=TEXT, page_number=WHOLE, tokens=TEXTS, text=TEXT))
MESSAGES = pa.list_(struct(message_id=TEXT, model_config_name=TEXT, order=WHOLE))
METRICS = pa.list_(struct(name=TEXT, value=NUMBER))


def annotation_columns(form: GeometryForm) -> list[pa.Field]:
    """Return the columns of an annotation; each kind fills some."""
    kinds = {
        "annotation_id": TEXT,
        "parent_id": TEXT,
        "schema_id": TEXT,
        "class": TEXT,
        "class_path": TEXTS,
        "kind": TEXT,
        "geometry": TYPES[form],
        "mask_url": TEXT,
        "mask_color": TEXT,
        "answer": TEXTS,
        "answer_schema_ids": TEXTS,
        "answer_confidences": pa.list_(NUMBER),
        "text": TEXT,
        "entity_start": WHOLE,
        "entity_end": WHOLE,
        "token_groups": TOKEN_GROUPS,
        "messages": MESSAGES,
        "parent_message_id": TEXT,
        "source_id": TEXT,
        "target_id": TEXT,
        "relationship_type": TEXT,
        "readonly": FLAG,
        "frame": WHOLE,
        "is_keyframe": FLAG,
        "segment_start": WHOLE,
        "segment_end": WHOLE,
        "page": WHOLE,
        "unit": TEXT,
        "view": TEXT,
        "message_id": TEXT,
        "confidence": NUMBER,
        "custom_metrics": METRICS,
        "other": TEXT,
    }
    return [column(name, kind) for name, kind in kinds.items()]


class AnnotationRecords(RecordSet):
    """One row an annotation: which label, what it is (`AnnotationRows`), who made it and when.

    ``kind`` is bounding_box, polygon, line, point, mask, entity, radio, checklist, text, relationship,
    message_single_selection, message_multi_selection, message_ranking, or unknown. ``class_path`` is the class with all
    it is nested in: ``[car, colour]``, and through options ``[weather, rain, how much]``. ``frame`` counts from 1, and
    is milliseconds of an audio. ``entity_end`` is the last character. ``mask_color`` is ``#rrggbb`` in the picture at
    ``mask_url``, which needs the API key.

    :param geometry: ``struct`` (sides of a box, or points), ``wkt`` or ``geojson``
    :param projects: ids of the projects that were exported; None for all that the lines have
    """

    def __init__(self, geometry: GeometryForm = "struct", projects: Sequence[str] | None = None) -> None:
        self.projects = tuple(projects) if projects is not None else None
        self._annotations = AnnotationRows(geometry)
        self.schema = pa.schema([*KEYS, *annotation_columns(geometry), *DETAILS])

    def rows(self, exported: ExportedRow) -> Iterable[Rows]:
        """Yield the annotations of all labels of a data row."""
        for project in exported.projects(self.projects):
            for label in project.labels:
                found = list(self._annotations.of(label.get("annotations")))
                yield Rows(label_columns(exported, project, label), found)
