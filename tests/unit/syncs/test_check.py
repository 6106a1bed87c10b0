"""What `check --connect` finds missing in Labelbox, in Airflow and in the object store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from labelbox_airflow.engine.errors import LabelboxAuthenticationError
from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.syncs.check import connected_problems
from labelbox_airflow.syncs.load import load_sync

DATASETS = [{"id": "d1", "name": "Receipts", "rowCount": 0, "signer": None}]
FIELDS = [{"id": "m1", "name": "country", "kind": "CustomMetadataEnum", "reserved": False, "options": []}]
EMBEDDINGS = [{"id": "e1", "name": "clip-v3", "dims": 768, "custom": True}]


class FakeLabelbox:
    """A transport that answers the read operations of the check from lists, and refuses all others."""

    def __init__(self) -> None:
        self.datasets, self.fields, self.embeddings = DATASETS, FIELDS, EMBEDDINGS
        self.integrations: list[dict[str, Any]] = []
        self.valid = True
        self.refused = False

    def execute(self, query: str, variables: Mapping[str, Any] | None = None, **_: Any) -> dict[str, Any] | None:
        variables = variables or {}
        if self.refused:
            raise LabelboxAuthenticationError("the API key was refused", where="connection 'labelbox_default'")
        answers = {
            "GetOrganizationPyApi": lambda: {"organization": {"id": "o1", "name": "Org"}},
            "GetDatasetsPyApi": lambda: {"datasets": [d for d in self.datasets if d["name"] == variables["name"]]},
            "GetDatasetPyApi": lambda: {
                "dataset": next((d for d in self.datasets if d["id"] == variables["id"]), None)
            },
            "getAllIntegrationsPyApi": lambda: {"iamIntegrations": self.integrations},
            "ValidateIamIntegrationPyApi": lambda: {"validateIamIntegration": {"valid": self.valid, "checks": []}},
            "GetMetadataOntologyBetaPyApi": lambda: {"customMetadataOntology": self.fields},
            "GetEmbeddingsPyApi": lambda: {"embeddings": self.embeddings},
        }
        return next(answer for name, answer in answers.items() if name in query)()


@pytest.fixture
def labelbox(monkeypatch: pytest.MonkeyPatch) -> FakeLabelbox:
    fake = FakeLabelbox()
    monkeypatch.setattr(LabelboxHook, "transport", lambda self: fake)
    return fake


@pytest.fixture
def found(write: Any, tmp_path: Any) -> Any:
    (tmp_path / "rows.csv").write_text("image_id\n1\n")
    (tmp_path / "facts.csv").write_text("image\n1\n")

    def find(changes: Mapping[str, Any] | None = None) -> list[str]:
        local = {"sources/rows/uri": "rows.csv", "sources/facts/uri": "facts.csv"}
        sync = load_sync(write({**local, **(changes or {})}))
        return [problem.removeprefix(f"{sync.path}: ") for problem in connected_problems(sync)]

    return find


def test_nothing_is_wrong_where_all_is_there(labelbox: FakeLabelbox, found: Any) -> None:
    assert found() == []


ADDED_ENUM = {"rows/metadata/country/new_field": "add", "rows/metadata/country/new_options": "add"}


def test_what_the_sync_may_create_is_no_problem(labelbox: FakeLabelbox, found: Any) -> None:
    labelbox.datasets, labelbox.fields, labelbox.embeddings = [], [], []
    changes = {**ADDED_ENUM, "rows/embeddings/clip-v3/new_embedding": "add"}
    assert found(changes) == []


def test_everything_missing_is_named_at_its_place(labelbox: FakeLabelbox, found: Any) -> None:
    labelbox.datasets, labelbox.embeddings = [], []
    labelbox.fields = [{**FIELDS[0], "name": "Country"}]
    changes = {"labelbox/dataset/create": False, "labelbox/dataset/delegated_access": "aws"}
    assert [problem.split(". ")[0] for problem in found(changes)] == [
        "labelbox.dataset.name: there is no dataset 'Receipts'",
        "labelbox.dataset.delegated_access: there is no integration 'aws'",
        "rows.embeddings.clip-v3: Labelbox has no custom embedding 'clip-v3'",
        "rows.metadata.country: Labelbox has no metadata field 'country'",
    ]


def test_a_dataset_id_that_is_none_is_named(labelbox: FakeLabelbox, found: Any) -> None:
    assert found({"labelbox/dataset": {"id": "d9"}}) == ["labelbox.dataset.id: there is no dataset with id 'd9'"]


def test_an_ambiguous_dataset_is_named(labelbox: FakeLabelbox, found: Any) -> None:
    labelbox.datasets = [*DATASETS, {**DATASETS[0], "id": "d2"}]
    assert found() == [
        "labelbox.dataset.name: 2 datasets are named 'Receipts' (d1, d2). Name the one that is meant by its id."
    ]


def test_an_invalid_integration_is_named(labelbox: FakeLabelbox, found: Any) -> None:
    labelbox.integrations = [{"id": "i1", "name": "aws", "provider": "AWS", "valid": False, "isOrgDefault": False}]
    labelbox.valid = False
    (problem,) = found({"labelbox/dataset/delegated_access": "aws"})
    assert problem.startswith("labelbox.dataset.delegated_access: the integration 'aws' is not valid")


def test_a_field_of_another_kind_is_named(labelbox: FakeLabelbox, found: Any) -> None:
    assert found({"rows/metadata/country/kind": "string"}) == [
        "rows.metadata.country.kind: 'string' is not what Labelbox has: 'country' is of kind enum."
    ]


def test_a_field_to_be_added_needs_its_kind(labelbox: FakeLabelbox, found: Any) -> None:
    assert found({"rows/metadata/store": {"column": "store", "new_field": "add"}}) == [
        "rows.metadata.store.kind: is missing: Labelbox has no field 'store' yet, and adding it needs its kind."
    ]


def test_an_embedding_of_other_dimensions_is_named(labelbox: FakeLabelbox, found: Any) -> None:
    (problem,) = found({"rows/embeddings/clip-v3/dimensions": 512})
    assert problem.startswith("rows.embeddings.clip-v3.dimensions: the embedding 'clip-v3' has 768 dimensions")


def test_a_refused_key_is_one_problem(labelbox: FakeLabelbox, found: Any) -> None:
    labelbox.refused = True
    assert found() == ["labelbox.connection: connection 'labelbox_default': the API key was refused"]


def test_an_unknown_labelbox_connection_is_one_problem(found: Any, airflow_home: Any) -> None:
    (problem,) = found({"labelbox/connection": "no_such"})
    assert problem.startswith("labelbox.connection: connection 'no_such': there is no such connection")


def test_a_missing_file_of_a_source_is_named(labelbox: FakeLabelbox, found: Any, tmp_path: Any) -> None:
    (problem,) = found({"sources/facts/uri": "nope.csv"})
    assert problem.startswith("sources.facts: ")
    assert str(tmp_path / "nope.csv") in problem


def test_a_missing_pool_and_connections_are_named(labelbox: FakeLabelbox, found: Any, airflow_home: Any) -> None:
    changes = {
        "pool": "labelbox_uploads",
        "ledger": {"connection": "no_ledger"},
        "staging": {"url": "s3://staging/x", "connection": "no_staging"},
    }
    assert found(changes) == [
        "ledger.connection: there is no Airflow connection 'no_ledger'. Create it, or name another.",
        "staging.connection: there is no Airflow connection 'no_staging'. Create it, or name another.",
        "pool: there is no Airflow pool 'labelbox_uploads'. Create it: airflow pools set labelbox_uploads 4 Labelbox",
    ]


def test_a_pool_and_connection_that_are_there_are_no_problem(
    labelbox: FakeLabelbox, found: Any, airflow_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", '{"conn_type": "sqlite"}')
    assert found({"pool": "default_pool", "ledger": {"connection": "ledger"}}) == []


def test_listed_objects_and_folders_to_upload_from_are_looked_for(
    labelbox: FakeLabelbox, found: Any, tmp_path: Any
) -> None:
    photos = {"type": "objects", "uri": "photos/*.jpg", "join": {"stem": "rows.image_id"}}
    changes = {"sources/photos": photos, "rows/row_data": "photos.uri", "rows/local_files": "upload"}
    assert found(changes) == [f"rows.local_files: there is no {tmp_path}/photos on this machine"]
    (tmp_path / "photos").mkdir()
    assert found(changes) == []
    (problem,) = found({**changes, "sources/photos": {**photos, "uri": "photos/1.jpg"}})
    assert problem.startswith(f"sources.photos: {tmp_path}/photos/1.jpg: there is no such file")
    (problem,) = found({**changes, "rows/local_files": {"upload": ["photos", "/no/such/folder"]}})
    assert problem == "rows.local_files: there is no /no/such/folder on this machine"
