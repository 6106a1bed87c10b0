"""The tables that an export can become, as people write it, and where they are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.options import FileOptions
from labelbox_airflow.engine.exports.files.split import SplitSpec
from labelbox_airflow.engine.rows.spec import Spec

if TYPE_CHECKING:
    from labelbox_airflow.engine.exports.records.record_set import RecordSet
    from labelbox_airflow.engine.ontology.tree import Ontology
    from labelbox_airflow.engine.transport import Transport

TableT = TypeVar("TableT", bound="RecordsSpec")
Kind = Literal["raw", "rows", "annotations", "labels", "former"]


class RecordsSpec(Spec):
    """What the rows of a table of an export are."""

    records: Kind = Field(
        description="raw: the lines as they came; rows: one row a data row; annotations: one row an annotation; "
        "labels: one row a label, columns by ontology; former: the layout of the former connectors."
    )
    geometry: Literal["struct", "wkt", "geojson"] = Field("struct", description="Of annotations and labels.")
    objects: Literal["list", "json", "count"] = Field("list", description="Of labels: how objects of a class are told.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.records not in {"annotations", "labels"} and "geometry" in self.model_fields_set:
            raise ValueError(f"geometry is of annotations and labels; leave it out for records: {self.records}")
        if self.records != "labels" and "objects" in self.model_fields_set:
            raise ValueError(f"objects is of labels; leave it out for records: {self.records}")
        return self


class TableSpec(RecordsSpec):
    """One table of an export, and the folder or file that it is written to."""

    to: str = Field(
        min_length=1,
        description="A file, such as s3://ml/receipts.csv, which is replaced as a whole; or a folder, which gets a "
        "release with every run.",
    )
    connection: str | None = Field(None, description="Airflow connection of the storage; null = its own credentials.")
    format: Literal["parquet", "ndjson", "json", "csv", "excel"] | None = Field(
        None, description="Of a folder's files; that of a file is in its name."
    )
    partition_by: tuple[str, ...] = Field((), description="Columns whose values become folders.")
    split: SplitSpec | None = Field(None, description="Splits for training, in a column.")
    options: FileOptions = FileOptions()


def read_table_spec(model: type[TableT], given: Mapping[str, Any]) -> TableT:
    """Return a table as people write it.

    :raises ConfigurationError: names every key or value that is wrong
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(said, where="table") from error


def record_set(transport: Transport, spec: RecordsSpec, projects: Sequence[str] | None) -> RecordSet:
    """Return the kind of table that ``spec`` asks for, with columns as Labelbox has the fields and classes now.

    :param projects: ids of the projects that were exported; None: all that the lines have
    :raises ConfigurationError: a table by ontology, and no project that has one
    """
    from labelbox_airflow.engine.exports.records.annotations import AnnotationRecords
    from labelbox_airflow.engine.exports.records.former_layout import FormerLayout
    from labelbox_airflow.engine.exports.records.labels import LabelRecords
    from labelbox_airflow.engine.exports.records.raw import RawRecords
    from labelbox_airflow.engine.exports.records.rows import RowRecords
    from labelbox_airflow.engine.metadata_schema import read_metadata_schema

    if spec.records == "raw":
        return RawRecords(projects)
    if spec.records == "rows":
        return RowRecords(read_metadata_schema(transport), projects)
    if spec.records == "annotations":
        return AnnotationRecords(spec.geometry, projects)
    ontology = _ontology(transport, projects)
    if spec.records == "labels":
        return LabelRecords(ontology, spec.geometry, spec.objects, projects)
    return FormerLayout(ontology, read_metadata_schema(transport), projects=projects)


def _ontology(transport: Transport, projects: Sequence[str] | None) -> Ontology:
    from labelbox_airflow.engine.api.ontologies import ontology_of

    stored = ontology_of(transport, projects[0]) if projects is not None and len(projects) == 1 else None
    if stored is None:
        raise ConfigurationError(
            "columns by ontology need the export of one project, or one of its batches, that has an ontology",
            where="records",
            remedy="Export one project, or take records: annotations.",
        )
    return stored.tree
