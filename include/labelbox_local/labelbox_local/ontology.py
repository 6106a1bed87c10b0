"""The metadata fields of the organization, and the check of a row's values against them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labelbox_local.errors import RowError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from labelbox_local.platform import Platform

STRING = "CustomMetadataString"
NUMBER = "CustomMetadataNumber"
DATETIME = "CustomMetadataDateTime"
ENUM = "CustomMetadataEnum"
OPTION = "CustomMetadataEnumOption"
EMBEDDING = "CustomMetadataEmbedding"

# The ids of tag, split, train, test and captureDateTime are those of the real platform
# (labelbox-python tests/data/test_data_row_metadata.py); the others are ours and stay the same.
RESERVED_FIELDS = [
    ("cko8s9r5v0001h2dk9elqdidh", "tag", STRING),
    ("cko8sbczn0002h2dkdaxb5kal", "split", ENUM),
    ("cko8sdzv70006h2dk8jg64zvb", "captureDateTime", DATETIME),
    ("clocal00000000skipnframes", "skipNFrames", NUMBER),
    ("clocal000turninstructions", "turnInstructions", STRING),
]
RESERVED_OPTIONS = [
    ("cko8sbscr0003h2dk04w86hof", "cko8sbczn0002h2dkdaxb5kal", "train", 0),
    ("cko8sc2yr0004h2dk69aj5x63", "cko8sbczn0002h2dkdaxb5kal", "valid", 1),
    ("cko8scbz70005h2dkastwhgqt", "cko8sbczn0002h2dkdaxb5kal", "test", 2),
]


@dataclass(slots=True)
class MetadataField:
    """One field; `options` gives names by option id, in order."""

    id: str
    name: str
    kind: str
    reserved: bool
    options: dict[str, str]


class Ontology:
    """All metadata fields at one moment."""

    def __init__(self, fields: list[MetadataField], *, longest_string: int) -> None:
        self.fields = {field.id: field for field in fields}
        self.by_name = {field.name: field for field in fields}
        self.by_option = {option: field for field in fields for option in field.options}
        self.longest_string = longest_string
        self._readers: dict[str, Callable[[Any], Any]] = {
            STRING: self._string,
            NUMBER: _number,
            DATETIME: _datetime,
            EMBEDDING: _embedding,
        }

    def read(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """The values of one row by field id, from entries `{schemaId | name, value}`.

        An enum comes as two entries, the field and then the option, each with value `{}`, or as one entry
        whose value is an option's id or name.

        Raises:
            RowError: unknown field, field given twice, null, or a value that is not of the field's kind.
        """
        values: dict[str, Any] = {}
        enums: set[str] = set()
        for entry in entries:
            field, option = self._find(entry)
            if field.kind == ENUM:
                self._add_option(values, enums, field, option, entry)
            elif field.id in values:
                raise RowError(f"A schemaId can only be specified once per DataRow : [{field.id}]")
            else:
                values[field.id] = self._value(field, entry.get("value"))
        for missing in enums - values.keys():
            raise RowError(f"Metadata field '{self.fields[missing].name}' ({missing}) has no option selected")
        return values

    def entries(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        """The flat form of the wire, with name and kind; fields deleted since are left out."""
        flat: list[dict[str, Any]] = []
        for field_id, value in values.items():
            field = self.fields.get(field_id)
            if field is None:
                continue
            if field.kind != ENUM:
                flat.append({"schemaId": field.id, "name": field.name, "value": value, "kind": field.kind})
                continue
            for option in value:
                if option in field.options:
                    flat += (
                        {"schemaId": field.id, "name": field.name, "value": {}, "kind": ENUM},
                        {"schemaId": option, "name": field.options[option], "value": {}, "kind": OPTION},
                    )
        return flat

    def _find(self, entry: dict[str, Any]) -> tuple[MetadataField, str | None]:
        """The field an entry is about, and the option when it names one by its id."""
        key = entry.get("schemaId")
        if key is None:
            field = self.by_name.get(entry.get("name") or "")
            if field is None:
                raise RowError(f"Metadata field '{entry.get('name')}' not found")
            return field, None
        field = self.fields.get(key)
        if field is not None:
            return field, None
        field = self.by_option.get(key)
        if field is None:
            raise RowError(f"Metadata schemaId not found: [{key}]")
        return field, key

    @staticmethod
    def _add_option(
        values: dict[str, Any], enums: set[str], field: MetadataField, option: str | None, entry: dict[str, Any]
    ) -> None:
        value = entry.get("value")
        if option is None and value == {}:
            enums.add(field.id)
            return
        if option is None:
            names = {name: key for key, name in field.options.items()}
            option = value if value in field.options else names.get(value) if isinstance(value, str) else None
            if option is None:
                raise RowError(f"Metadata field '{field.name}' has no option {value!r}")
        chosen = values.setdefault(field.id, [])
        if option in chosen:
            raise RowError(f"A schemaId can only be specified once per DataRow : [{option}]")
        chosen.append(option)

    def _value(self, field: MetadataField, value: Any) -> Any:
        try:
            return self._readers[field.kind](value)
        except ValueError as error:
            raise RowError(f"Invalid value for metadata field '{field.name}' ({field.id}): {error}") from None

    def _string(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected a string, got {value!r}")  # noqa: TRY004 - wrong input, not a wrong call
        if len(value) > self.longest_string:
            raise ValueError(f"{len(value)} characters, at most {self.longest_string} are allowed")
        return value


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value!r}")
    return value


def _datetime(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"expected an ISO 8601 time, got {value!r}") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat().removesuffix("+00:00") + "Z"


def _embedding(value: Any) -> list[float]:
    # 128 numbers: docs.labelbox.com/reference/metadata.
    if not isinstance(value, list) or len(value) != 128:
        raise ValueError("expected a list of 128 numbers")
    return [float(_number(number)) for number in value]


def load_ontology(platform: Platform, connection: sqlite3.Connection | None = None) -> Ontology:
    """The fields as they are now; `connection` reads them inside a transaction."""
    connection = connection or platform.store.reader
    fields = [
        MetadataField(row["id"], row["name"], row["kind"], bool(row["reserved"]), {})
        for row in connection.execute("SELECT * FROM metadata_field ORDER BY rowid")
    ]
    by_id = {field.id: field for field in fields}
    for row in connection.execute("SELECT * FROM metadata_option ORDER BY field, position"):
        by_id[row["field"]].options[row["id"]] = row["name"]
    return Ontology(fields, longest_string=platform.switches.metadata_characters)


def add_reserved_fields(platform: Platform) -> None:
    with platform.store.writing() as write:
        write.executemany("INSERT OR IGNORE INTO metadata_field VALUES (?, ?, ?, 1)", RESERVED_FIELDS)
        write.executemany("INSERT OR IGNORE INTO metadata_option VALUES (?, ?, ?, ?)", RESERVED_OPTIONS)
