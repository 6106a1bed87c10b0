"""Annotations as a source: files of annotations, or tables of them, become annotations of the one model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.annotations.readers.voc_spec import VocSpec
from labelbox_airflow.engine.annotations.readers.yolo_spec import YoloSpec
from labelbox_airflow.engine.annotations.spec import AnnotationsSpec
from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.tables.options import format_of
from labelbox_airflow.sources.inputs import SourceSpec
from labelbox_airflow.sources.location import Location, LocationSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from labelbox_airflow.engine.annotations.readers import Read
    from labelbox_airflow.engine.annotations.readers.blocks import BoxBlock
    from labelbox_airflow.engine.annotations.readers.table import TableReader
    from labelbox_airflow.engine.annotations.readers.wide import WideReader
    from labelbox_airflow.engine.ontology.tree import Ontology
    from labelbox_airflow.engine.window import Window
    from labelbox_airflow.sources.listing import StoredObject
    from labelbox_airflow.sources.transform import Source


class AnnotationFilesSpec(LocationSpec):
    """Files of annotations in object storage or on a local disk."""

    type: Literal["annotations"]
    format: Literal["ndjson", "export", "coco", "yolo", "voc"] = Field(
        description="ndjson: Labelbox's import format; export: lines of a Labelbox export; coco; yolo: files of "
        "labels, one an image; voc: Pascal VOC's XML, one file an image. Also packed (.gz)."
    )
    coco: CocoSpec = Field(default_factory=CocoSpec, description="How COCO is read.")
    yolo: YoloSpec = Field(default_factory=YoloSpec, description="How YOLO is read.")
    voc: VocSpec = Field(default_factory=VocSpec, description="How Pascal VOC is read.")
    project_id: str | None = Field(
        None,
        min_length=1,
        description="Whose labels of an export are read: a project or model run; null = the only one.",
    )

    @model_validator(mode="after")
    def _fits_format(self) -> Self:
        if self.window is not None and self.window.by == "column":
            raise ValueError("window: files of annotations have no columns to go by; use by: path or by: modified")
        for key, format_ in (("coco", "coco"), ("yolo", "yolo"), ("voc", "voc"), ("project_id", "export")):
            if key in self.model_fields_set and self.format != format_:
                raise ValueError(f"{key} goes with format: {format_}; leave it out")
        return self


_SPECS: TypeAdapter[AnnotationFilesSpec | SourceSpec] = TypeAdapter(
    Annotated[AnnotationFilesSpec | SourceSpec, Field(discriminator="type")]
)


@dataclass(frozen=True)
class AnnotationInput:
    """The source of a sync's annotations."""

    name: str
    spec: AnnotationFilesSpec | SourceSpec


def annotation_input(given: str | Mapping[str, Any]) -> AnnotationInput:
    """Return a source of annotations that is no part of a sync file.

    :param given: as under ``sources:`` of a sync file, of type annotations or table; or a URI alone, of NDJSON
    :raises ConfigurationError: it is wrong, a URI of other files, or says to wait
    """
    if isinstance(given, str):
        if format_of(given) != "ndjson":
            raise ConfigurationError(
                f"'{given}' does not say what kind of annotations it has",
                where="source",
                remedy='Give {"type": "annotations", "uri": …, "format": "coco"}, or {"type": "table", "uri": …}.',
            )
        given = {"type": "annotations", "uri": given, "format": "ndjson"}
    try:
        spec = _SPECS.validate_python(given)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(said, where="source") from None
    if spec.waits:
        raise ConfigurationError("wait_for and settle are for sync files", where="source", remedy="Use a sensor.")
    return AnnotationInput("source", spec)


class AnnotationFiles:
    """Reads the annotation files of one source.

    :param base: what a relative ``uri`` is relative to; the working directory when None
    :param size_of: tells the size of an asset, for formats that measure in shares of it
    :ivar skipped: annotations that the spec leaves out; known once all is read
    """

    def __init__(self, spec: AnnotationFilesSpec, base: Path | None = None, size_of: SizeOf | None = None) -> None:
        self.spec = spec
        self._size_of = size_of or (lambda _: None)
        self._base = base
        self._location = Location(spec, base)
        self.skipped: Counter[str] = Counter()

    def check(self) -> None:
        """Raise unless the source can be read; see :meth:`Location.check`."""
        self._location.check()

    def read(self, window: Window | None, ontology: Ontology | None = None) -> Iterator[Read]:
        """Yield the annotations of the files that ``window`` selects, file by file, those modified earlier first.

        :param ontology: decides on kinds where a file leaves it open
        :raises SourceError: a file cannot be read
        """
        for item in self._files(window):
            storage = self._location.storage
            with storage.reading(item.place), storage.open(item, sought=False) as file:
                yield from self._read(item, file, ontology)

    def _files(self, window: Window | None) -> list[StoredObject]:
        how = self.spec.window
        reach = how.reach(window) if how is not None and how.by == "modified" and window is not None else None
        found = {}
        for selection in self._location.selections(window):
            for item in self._location.each(selection.uri):
                time = selection.time_of(item)
                if time is not None and (reach is None or reach.contains(time)):
                    found[item.place] = (time, item)
        return [item for _, item in sorted(found.values(), key=lambda timed: (timed[0], timed[1].place))]

    def _read(self, item: StoredObject, file: BinaryIO, ontology: Ontology | None) -> Iterator[Read]:
        from labelbox_airflow.engine.annotations.readers.export import read_export
        from labelbox_airflow.engine.annotations.readers.ndjson import read_ndjson
        from labelbox_airflow.engine.annotations.readers.voc import read_voc
        from labelbox_airflow.engine.annotations.readers.yolo import read_yolo
        from labelbox_airflow.engine.tables.streams import packing_errors, unpacked

        with packing_errors(item.place):
            lines = unpacked(file, item.place)
            if self.spec.format == "ndjson":
                yield from read_ndjson(lines, item.place)
            elif self.spec.format == "export":
                yield from read_export(lines, item.place, project_id=self.spec.project_id)
            elif self.spec.format == "yolo":
                yield from read_yolo(lines, self.spec.yolo, item.place, self._names, self._size_of)
            elif self.spec.format == "voc":
                yield from read_voc(lines.read(), self.spec.voc, item.place)
            else:
                yield from self._read_coco(lines.read(), item.place, ontology)

    def _read_coco(self, content: bytes, place: str, ontology: Ontology | None) -> Iterator[Read]:
        from labelbox_airflow.engine.annotations.readers.coco import read_coco

        kinds = {tool.name: tool.kind for tool in ontology.tools} if ontology is not None else None
        yield from read_coco(content, self.spec.coco, place, images=self._images(), kinds=kinds, open_png=self._png)

    @cached_property
    def _names(self) -> Sequence[str]:
        """The names of YOLO's classes."""
        from labelbox_airflow.engine.annotations.readers.yolo import read_names

        spec = self.spec.yolo
        if spec.names is not None:
            return spec.names
        try:
            return read_names(self._beside(spec.names_from), spec.names_from)
        except FileNotFoundError as error:
            remedy = "Correct yolo.names_from, or give yolo.names."
            raise SourceError("there is no such file", where=str(error), remedy=remedy) from None

    def _images(self) -> bytes | None:
        name = self.spec.coco.images_from
        try:
            return None if name is None else self._beside(name)
        except FileNotFoundError as error:
            raise SourceError("there is no such file", where=str(error), remedy="Correct coco.images_from.") from None

    def _png(self, name: str) -> bytes:
        folder = self.spec.coco.png_folder
        return self._beside(f"{folder.rstrip('/')}/{name}" if folder else name)

    def _beside(self, name: str) -> bytes:
        """Return the content of a file that is named from the source's own place.

        :raises FileNotFoundError: there is none
        """
        uri = name if "://" in name or name.startswith("/") else f"{fixed_part(self._location.uri)}{name}"
        storage = self._location.storage
        path = storage.path_of(uri)
        with storage.reading(uri):
            there = storage.info(path) is not None
            content = storage.read_whole(path) if there else b""
        if not there:
            raise FileNotFoundError(uri)
        return content


def fixed_part(uri: str) -> str:
    """Return the folders of a URI before its first glob or date, with the slash."""
    from labelbox_airflow.engine.globs import is_glob

    folders: list[str] = []
    for part in uri.split("/")[:-1]:
        if is_glob(part) or "{" in part:
            break
        folders.append(part)
    return "".join(f"{part}/" for part in folders)


class AnnotationTable:
    """Reads annotations from a table, one a row or many a cell.

    :ivar skipped: annotations that the spec leaves out; known once all is read
    """

    def __init__(self, table: Source, spec: AnnotationsSpec, size_of: SizeOf | None = None) -> None:
        self._table, self._spec, self._size_of = table, spec, size_of
        self.skipped: Mapping[str, int] = {}

    def check(self) -> None:
        """Raise unless the source can be read."""
        self._table.check()

    def read(self, window: Window | None, ontology: Ontology | None = None) -> Iterator[Read | BoxBlock]:
        """Yield the annotations of the rows that ``window`` selects; plain boxes in blocks.

        :raises SourceError: a file cannot be read, or lacks a column
        """
        reader = row_reader(self._spec, self._size_of, ontology)
        self.skipped = reader.skipped
        yield from reader.read_blocks(self._table.read(window, self._spec.columns()))


def row_reader(spec: AnnotationsSpec, size_of: SizeOf | None, ontology: Ontology | None) -> TableReader | WideReader:
    """Return what makes annotations of the rows of a table.

    :raises SourceError: nothing says how
    """
    from labelbox_airflow.engine.annotations.readers.table import TableReader
    from labelbox_airflow.engine.annotations.readers.wide import WideReader

    if spec.table is not None:
        return TableReader(spec.table, size_of, split_column=spec.split_column)
    if spec.wide is not None:
        return WideReader(spec.wide, ontology, split_column=spec.split_column)
    raise SourceError("nothing says how its rows become annotations", remedy="Give annotations.table or .wide.")


if TYPE_CHECKING:
    SizeOf = Callable[[str], tuple[int, int] | None]
    AnnotationSource = AnnotationFiles | AnnotationTable
