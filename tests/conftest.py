"""What all tests share: an Airflow home of their own, and the development services, started when first asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labelbox_local.stack import AzureStore, GoogleStore, LocalLabelbox, ObjectStore, Postgres

if TYPE_CHECKING:
    from labelbox import Client

ROOT = Path(__file__).resolve().parent.parent
_directories: list[Path] = []


def pytest_configure() -> None:
    """Give this process an Airflow home before anything imports Airflow, and keep the developer's settings out."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_", "LABELBOX_", "AWS_", "PG", "RECEIPTS_")) and name != "AWS_CA_BUNDLE":
            del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="labelbox-tests-"))
    _directories.append(home)
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AWS_EC2_METADATA_DISABLED": "true",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # it would ask Google itself about the buckets
    }


def pytest_unconfigure() -> None:
    """Remove what `pytest_configure` made."""
    while _directories:
        shutil.rmtree(_directories.pop(), ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Airflow's home with a migrated SQLite database, one for each test process."""
    from airflow.utils.db import initdb

    initdb()
    return Path(os.environ["AIRFLOW_HOME"])


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A running S3 server, one for each test process; tests make buckets of their own in it."""
    with ObjectStore(tmp_path_factory.mktemp("object-store")) as store:
        yield store


@pytest.fixture(scope="session")
def google_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleStore]:
    """A running Google Cloud Storage, one for each test process."""
    with GoogleStore(tmp_path_factory.mktemp("google-store")) as store:
        yield store


@pytest.fixture(scope="session")
def azure_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureStore]:
    """A running Azure Blob Storage, one for each test process."""
    with AzureStore(tmp_path_factory.mktemp("azure-store")) as store:
        yield store


@pytest.fixture(scope="session")
def local_labelbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLabelbox]:
    """A running local Labelbox, one for each test process; tests make datasets of their own in it."""
    with LocalLabelbox(tmp_path_factory.mktemp("labelbox")) as labelbox:
        yield labelbox


@pytest.fixture(scope="session")
def sdk(local_labelbox: LocalLabelbox) -> Client:
    """The SDK as it is, for looking at Labelbox, and changing it, as another user would."""
    from labelbox import Client

    return Client(
        api_key=local_labelbox.api_key, endpoint=local_labelbox.endpoint, rest_endpoint=local_labelbox.rest_endpoint
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running Postgres, one for each test process; tests make databases of their own in it."""
    # Not in pytest's directory, which is closed to the user that Postgres is when pytest is root.
    with tempfile.TemporaryDirectory(prefix="labelbox-postgres-") as directory, Postgres(Path(directory)) as server:
        yield server


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[str]:
    """Where to make a ledger of its own for a test, which is parametrized with `database`: sqlite or postgres."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path}/state/ledger.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"ledger_{uuid.uuid4().hex}"
    yield server.create_database(name)
    server.drop_database(name)
