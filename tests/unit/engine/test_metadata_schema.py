"""The metadata schema: read, compared, completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError
from labelbox_airflow.engine.metadata_schema import (
    MetadataField,
    SchemaAddition,
    check_fields,
    complete_schema,
    missing_from_schema,
    read_metadata_schema,
)
from labelbox_airflow.engine.rows.spec import MetadataSpec

ONTOLOGY = [
    {
        "id": "E",
        "name": "country",
        "kind": "CustomMetadataEnum",
        "options": [{"id": "1", "name": "DE"}, {"id": "2", "name": "FR"}],
    },
    {"id": "N", "name": "total", "kind": "CustomMetadataNumber", "options": None},
    {"id": "D", "name": "taken", "kind": "CustomMetadataDateTime"},
    {"id": "X", "name": "vector", "kind": "CustomMetadataEmbedding", "options": []},
]


class Recorder:
    """Answers as Labelbox would and keeps what was written."""

    def __init__(self, answer: Mapping[str, Any] | None = None) -> None:
        self.written: list[Mapping[str, Any]] = []
        self._answer = {"upsertCustomMetadataSchema": {}} if answer is None else answer

    def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = True,
        experimental: bool = False,
    ) -> dict[str, Any] | None:
        if variables is None:
            return {"customMetadataOntology": ONTOLOGY}
        assert not idempotent
        self.written.append(variables["data"])
        return dict(self._answer) or None

    def upload(self, content: bytes, *, filename: str, content_type: str) -> str:
        raise AssertionError

    def put_vectors(self, embedding_id: str, ndjson: bytes, *, lines: int) -> None:
        raise AssertionError

    def download(self, url: str) -> Iterator[bytes]:
        raise AssertionError


SCHEMA = read_metadata_schema(Recorder())


def test_fields_come_by_name_and_unwritable_kinds_are_left_out() -> None:
    assert {
        "country": MetadataField("E", "country", "enum", {"DE": "1", "FR": "2"}),
        "total": MetadataField("N", "total", "number"),
        "taken": MetadataField("D", "taken", "datetime"),
    } == SCHEMA


def test_missing_fields_and_options() -> None:
    wanted = {
        "country": SchemaAddition("enum", frozenset({"DE", "IT", "ES"})),
        "total": SchemaAddition("number"),
        "new": SchemaAddition("string"),
        "new enum": SchemaAddition("enum", frozenset({"a"})),
    }
    assert missing_from_schema(SCHEMA, wanted) == {"country": ["ES", "IT"], "new": [], "new enum": ["a"]}
    assert missing_from_schema(SCHEMA, {}) == {}


def test_completing_sends_the_options_that_are_there_again_with_their_ids() -> None:
    transport = Recorder()
    complete_schema(
        transport, {"country": SchemaAddition("enum", frozenset({"IT"})), "new": SchemaAddition("datetime")}
    )
    option = {"kind": "CustomMetadataEnumOption"}
    assert transport.written == [
        {
            "name": "country",
            "kind": "CustomMetadataEnum",
            "id": "E",
            "options": [
                {"id": "1", "name": "DE", **option},
                {"id": "2", "name": "FR", **option},
                {"name": "IT", **option},
            ],
        },
        {"name": "new", "kind": "CustomMetadataDateTime"},
    ]


def test_a_complete_schema_costs_no_write() -> None:
    transport = Recorder()
    assert complete_schema(transport, {"country": SchemaAddition("enum", frozenset({"DE"}))}) == {}
    assert transport.written == []


def test_a_field_that_cannot_be_written_is_named() -> None:
    with pytest.raises(LabelboxError, match="'new' could not be written"):
        complete_schema(Recorder(answer={}), {"new": SchemaAddition("string")})


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("contry", {}, r"rows\.metadata\.contry: Labelbox has no metadata field 'contry'.*Did you mean 'country'"),
        ("new", {"new_field": "add"}, "of which kind"),
        ("total", {"kind": "string"}, "is of kind number in Labelbox, the sync says string"),
    ],
)
def test_fields_that_do_not_fit_are_refused(name: str, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_fields(SCHEMA, {name: MetadataSpec(column="c", **spec)})


def test_fields_that_fit_pass() -> None:
    add = MetadataSpec(column="c", kind="enum", new_field="add", new_options="add")
    check_fields(
        SCHEMA, {"country": MetadataSpec(column="c"), "total": MetadataSpec(column="c", kind="number"), "new": add}
    )
