"""The rows that are measured: a URL, a key, an external id, four metadata fields and two attachments, some 845 bytes
of JSON each, as a CSV file and as the items the SDK takes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

DATASET_ID = "cm0dataset0000000000000001"
MAPPING: dict[str, Any] = {
    "row_data": "url",
    "global_key": "receipt/{id}",
    "external_id": "name",
    "media_type": "IMAGE",
    "metadata": {
        "merchant": {"column": "merchant", "kind": "string"},
        "country": {"column": "country", "kind": "enum"},
        "taken at": {"column": "taken_at", "kind": "datetime"},
        "total": {"column": "total", "kind": "number"},
    },
    "attachments": [
        {"type": "IMAGE", "name": "thumbnail", "value": "thumbnail"},
        {"type": "RAW_TEXT", "name": "note", "value": "note"},
    ],
}
COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "ES", "FR", "GB", "IT", "NL", "PL", "SE")
_START = datetime(2024, 1, 1, tzinfo=UTC)


def schema_id(name: str) -> str:
    """Return an id of 25 characters, as Labelbox's are."""
    return f"cl{name.replace(' ', ''):0<23}"


ONTOLOGY: list[dict[str, Any]] = [
    {"id": schema_id(name), "name": name, "kind": kind, "reserved": False, "options": options}
    for name, kind, options in (
        ("merchant", "CustomMetadataString", []),
        (
            "country",
            "CustomMetadataEnum",
            [
                {"id": schema_id(f"option{c}"), "kind": "CustomMetadataEnumOption", "name": c, "reserved": False}
                for c in COUNTRIES
            ],
        ),
        ("taken at", "CustomMetadataDateTime", []),
        ("total", "CustomMetadataNumber", []),
    )
]


class Record(NamedTuple):
    """One row of the source, as text."""

    id: str
    url: str
    name: str
    merchant: str
    country: str
    taken_at: str
    total: str
    thumbnail: str
    note: str


def records(first: int, stop: int) -> Iterator[Record]:
    """Yield rows ``first`` to ``stop``; merchants and countries repeat, everything else hardly ever."""
    for number in range(first, stop):
        place = f"https://receipts.s3.eu-central-1.amazonaws.com/2026/{number % 365:03d}"
        yield Record(
            id=f"{number:09d}",
            url=f"{place}/{number:09d}.jpg",
            name=f"scan-{number:09d}.jpg",
            merchant=f"merchant {number % 997:03d}",
            country=COUNTRIES[number % len(COUNTRIES)],
            taken_at=f"{_START + timedelta(seconds=number * 61):%Y-%m-%dT%H:%M:%S+01:00}",
            total=f"{number % 99_991 / 100:.2f}",
            thumbnail=f"{place}/{number:09d}-thumbnail.jpg",
            note=f"note {number}: " + "paid in cash, the copy is hard to read; " * 3,
        )


def write_table(path: Path, rows: int) -> None:
    """Write ``rows`` rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Record._fields)
        writer.writerows(records(0, rows))


def sdk_items(first: int, stop: int) -> Iterator[dict[str, Any]]:
    """Yield rows as ``upsert_data_rows`` takes them."""
    for record in records(first, stop):
        yield {
            "row_data": record.url,
            "global_key": f"receipt/{record.id}",
            "external_id": record.name,
            "media_type": "IMAGE",
            "metadata_fields": [
                {"schema_id": schema_id("merchant"), "value": record.merchant},
                {"schema_id": schema_id("country"), "value": schema_id(f"option{record.country}")},
                {"schema_id": schema_id("taken at"), "value": datetime.fromisoformat(record.taken_at)},
                {"schema_id": schema_id("total"), "value": float(record.total)},
            ],
            "attachments": [
                {"type": "IMAGE", "name": "thumbnail", "value": record.thumbnail},
                {"type": "RAW_TEXT", "name": "note", "value": record.note},
            ],
        }


def wire_items(first: int, stop: int) -> Iterator[dict[str, Any]]:
    """Yield rows as Labelbox reads them: what is left to do is to write them as JSON."""
    for record, item in zip(records(first, stop), sdk_items(first, stop), strict=True):
        taken_at = f"{datetime.fromisoformat(record.taken_at).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        item["metadata_fields"] = [
            {"schemaId": schema_id("merchant"), "value": record.merchant},
            {"schemaId": schema_id("country"), "value": {}},
            {"schemaId": schema_id(f"option{record.country}"), "value": {}},
            {"schemaId": schema_id("taken at"), "value": taken_at},
            {"schemaId": schema_id("total"), "value": float(record.total)},
        ]
        yield {"id": {"type": "AUTO", "value": ""}, "payload": {**item, "dataset_id": DATASET_ID}}
