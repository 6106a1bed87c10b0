"""How a source row becomes a data row, as the sync file says it under ``rows:``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MediaType = Literal[
    "IMAGE", "VIDEO", "TEXT", "PDF", "AUDIO", "HTML", "CONVERSATIONAL", "TMS_GEO", "TMS_SIMPLE", "POINT_CLOUD", "LLM"
]
AttachmentType = Literal[
    "AUDIO", "VIDEO", "IMAGE", "IMAGE_OVERLAY", "HTML", "RAW_TEXT", "TEXT_URL", "PDF_URL", "CAMERA_IMAGE"
]
MetadataKind = Literal["string", "number", "datetime", "enum"]


class Spec(BaseModel):
    """Base of every model of the sync file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True
    )  # built with the whole that they are part of


class ValueSpec(Spec):
    """Where a value comes from: exactly one of a column, a template over columns, or a constant."""

    column: str | None = Field(None, description="A column of the main source, or `source.column` of a joined one.")
    template: str | None = Field(None, description="Text with columns in braces, such as `rcpt/{image_id}`.")
    value: str | int | float | bool | None = Field(None, description="The same constant for every row.")

    @model_validator(mode="after")
    def _exactly_one(self) -> ValueSpec:
        given = [name for name in ("column", "template", "value") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of column, template or value (given: {', '.join(given) or 'none'})")
        return self


def value_shorthand(raw: object) -> object:
    """A bare word is a column; text with braces is a template."""
    if isinstance(raw, str):
        return {"template": raw} if "{" in raw else {"column": raw}
    return raw


Value = Annotated[ValueSpec, BeforeValidator(value_shorthand)]


class KeySpec(ValueSpec):
    """The identity of a data row that is there: a column or a template."""

    ways: ClassVar[tuple[str, ...]] = ("column", "template")
    too_long: Literal["reject", "hash"] = Field(
        "reject", description="A key over Labelbox's 200 characters: reject the row, or end it in a hash of the whole."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> KeySpec:
        given = [name for name in self.ways if getattr(self, name) is not None]
        if len(given) != 1 or self.value is not None:
            *first, last = self.ways
            raise ValueError(
                f"give exactly one of {', '.join(first)} or {last} (given: {', '.join(given) or 'none'}); "
                "a constant cannot identify rows"
            )
        return self


class GlobalKeySpec(KeySpec):
    """The identity of a data row: a column, a template, or derived from the object's URI."""

    ways: ClassVar[tuple[str, ...]] = ("column", "template", "derive")
    derive: Literal["row_data"] | None = Field(
        None, description="Make the key from the object's URI (without query), the same on every run."
    )


class MetadataSpec(ValueSpec):
    """One metadata field of the data row, by its name in Labelbox."""

    kind: MetadataKind | None = Field(None, description="Needed only where the field does not exist in Labelbox yet.")
    new_field: Literal["add", "fail"] = Field("fail", description="What to do when Labelbox has no field of that name.")
    new_options: Literal["add", "reject"] = Field(
        "reject", description="What to do with a value that is no option of the enum: add it, or reject the row."
    )
    timezone: str = Field("UTC", description="Time zone of datetimes that carry none.")
    format: str | None = Field(None, description="strptime format of datetimes that are not ISO 8601.")

    @model_validator(mode="after")
    def _new_enum_gets_options(self) -> MetadataSpec:
        if self.kind == "enum" and self.new_field == "add" and self.new_options == "reject":
            raise ValueError(
                "a field that is added has no options, so every row would be rejected; set new_options: add"
            )
        return self


class AttachmentSpec(Spec):
    """One attachment of the data row; (type, name) is its identity."""

    type: AttachmentType
    value: Value
    name: str | None = Field(None, description="Shown beside the attachment; several of one type need names.")


class EmbeddingSpec(ValueSpec):
    """One custom embedding of the data row, by its name in Labelbox."""

    dimensions: int = Field(ge=1, le=2048, description="Labelbox takes up to 2,048.")
    new_embedding: Literal["add", "fail"] = Field("fail", description="What to do when Labelbox has none of that name.")


class ColumnGrammarSpec(Spec):
    """Read the columns of the former connectors: `metadata///type///name`, `attachment///type///name`."""

    divider: str = Field("///", min_length=1)
    new_fields: Literal["add", "fail"] = Field("fail", description="What to do with a metadata field Labelbox lacks.")
    new_options: Literal["add", "reject"] = Field("reject", description="What to do with an enum option it lacks.")


class PartsSpec(Spec):
    """The parts of a data row that every sync may write, and how its rows are told apart."""

    where: str | None = Field(
        None, min_length=1, description="SQL condition over the columns: which rows take part. Null counts as no."
    )
    version: str | None = Field(None, description="Column with the row's own time of change; the newest wins.")
    when_null: Literal["leave", "clear"] = Field(
        "leave", description="What a null does to a metadata field or attachment that is in Labelbox."
    )
    metadata: dict[str, Annotated[MetadataSpec, BeforeValidator(value_shorthand)]] = Field(default_factory=dict)
    attachments: list[AttachmentSpec] = Field(default_factory=list)
    embeddings: dict[str, Annotated[EmbeddingSpec, BeforeValidator(value_shorthand)]] = Field(default_factory=dict)
    s3_region: str | None = Field(None, description="Region of the buckets of `s3://` values; makes them https URLs.")
    presigned_urls: Literal["reject", "allow"] = Field(
        "reject", description="URLs with an expiring signature make rows that die; delegated access does not."
    )


class LocalFilesSpec(Spec):
    """Which local files, named by row_data, are uploaded to Labelbox; all others are refused."""

    upload: tuple[str, ...] | None = Field(
        None, description="Folders, files or globs; null = what the sync's own sources of type objects list."
    )


def _local_files_shorthand(raw: object) -> object:
    """The word ``upload`` alone stands for what the sync lists itself; one path is a list of one."""
    if raw == "upload":
        return {}
    if isinstance(raw, dict) and isinstance(raw.get("upload"), str):
        return {**raw, "upload": (raw["upload"],)}
    if isinstance(raw, str):
        raise ValueError(f"'{raw}' is neither upload nor a mapping such as {{upload: /data/photos}}")  # noqa: TRY004
    return raw


class RowsSpec(PartsSpec):
    """How each source row becomes a data row."""

    place: ClassVar[str] = "rows"
    creates: ClassVar[bool] = True

    row_data: Value | dict[str, Any] = Field(
        description="The asset: a URL, text, or for documents, tiles and conversations a mapping of their keys."
    )
    global_key: Annotated[GlobalKeySpec, BeforeValidator(value_shorthand)]
    external_id: Value | None = None
    media_type: MediaType | None = None
    lists: Literal["merge", "replace"] = Field(
        "merge", description="Merge metadata and attachments into what is there, or own the lists of this dataset."
    )
    column_grammar: ColumnGrammarSpec | None = Field(
        None, description="Also read columns named as the former tools did."
    )
    local_files: Annotated[LocalFilesSpec | None, BeforeValidator(_local_files_shorthand)] = Field(
        None, description="Upload the local files that row_data names: `upload`, or `{upload: /data/photos}`."
    )
