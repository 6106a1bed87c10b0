"""How the local Airflow is set up: its secrets, its port, its environment."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from include.local.directory import ROOT, LocalDirectory

from labelbox_local.loopback import HOST, is_free
from labelbox_local.service import write_private

USER = "admin"
POOL = "labelbox"
POOL_SLOTS = 4
SAMPLE_BUCKET = "receipts"
SAMPLE_INTEGRATION = "receipts-bucket"
STAGING_BUCKET = "airflow-staging"
FIRST_PORT, LAST_PORT = 8080, 8179
# What a shell may carry for another Airflow or another account would be stronger than what is set up here.
_FOREIGN = ("AIRFLOW_", "AWS_", "LABELBOX_", "RECEIPTS_")
_WELCOME = {"AWS_CA_BUNDLE", "LABELBOX_ENVIRONMENT", "LABELBOX_SYNCS_DIR"}


@dataclass(frozen=True)
class Settings:
    """What is made once and kept, so that logins and stored connections stay valid."""

    port: int
    password: str
    fernet_key: str
    jwt_secret: str
    secret_key: str

    @property
    def url(self) -> str:
        """Where Airflow's pages and its API are."""
        return f"http://{HOST}:{self.port}"


def keep_settings(directory: LocalDirectory) -> Settings:
    """Return the settings of a directory, made when missing; the port is another one when it is taken."""
    path = settings_file(directory)
    settings = read_settings(directory) if path.exists() else _new_settings()
    if not (settings.port and is_free(settings.port)):
        settings = replace(settings, port=_free_port())
    write_private(path, json.dumps(asdict(settings)))
    write_private(_password_file(directory), json.dumps({USER: settings.password}))
    return settings


def read_settings(directory: LocalDirectory) -> Settings:
    """Return the settings that a start has kept."""
    return Settings(**json.loads(settings_file(directory).read_text()))


def _new_settings() -> Settings:
    return Settings(
        port=0,
        password=secrets.token_urlsafe(12),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        jwt_secret=secrets.token_hex(32),
        secret_key=secrets.token_hex(32),
    )


def airflow_environment(directory: LocalDirectory, settings: Settings, database: str) -> dict[str, str]:
    """Return the environment of Airflow's processes: the caller's, with our settings in place of any others."""
    inherited = {name: value for name, value in os.environ.items() if name in _WELCOME or not name.startswith(_FOREIGN)}
    return {"LABELBOX_SYNCS_DIR": str(ROOT / "include" / "syncs")} | inherited | _own(directory, settings, database)


def _own(directory: LocalDirectory, settings: Settings, database: str) -> dict[str, str]:
    sections: dict[str, dict[str, object]] = {
        "API": {"HOST": HOST, "PORT": settings.port, "BASE_URL": settings.url, "SECRET_KEY": settings.secret_key},
        "API_AUTH": {"JWT_SECRET": settings.jwt_secret},
        "CORE": {
            "DAGS_FOLDER": ROOT / "dags",
            "EXECUTION_API_SERVER_URL": f"{settings.url}/execution/",
            "EXECUTOR": "LocalExecutor",
            "FERNET_KEY": settings.fernet_key,
            "LOAD_EXAMPLES": False,
            "PARALLELISM": 8,
            "PLUGINS_FOLDER": ROOT / "plugins",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": _password_file(directory),
            "SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "TEST_CONNECTION": "Enabled",
        },
        # Changed sync files show up soon.
        "DAG_PROCESSOR": {"MIN_FILE_PROCESS_INTERVAL": 10, "REFRESH_INTERVAL": 10},
        "DATABASE": {"SQL_ALCHEMY_CONN": database},
        "LABELBOX": {"LEDGER_CONN_ID": "labelbox_ledger", "STAGING": f"s3://aws_default@{STAGING_BUCKET}/labelbox"},
        # Task logs are read from disk; nothing listens on this port.
        "LOGGING": {
            "BASE_LOG_FOLDER": directory.logs / "tasks",
            "WORKER_LOG_SERVER_PORT": 9,
            "TRIGGER_LOG_SERVER_PORT": 9,
        },
    }
    options = {
        f"AIRFLOW__{section}__{option}": str(value)
        for section, values in sections.items()
        for option, value in values.items()
    }
    return options | {
        "AIRFLOW_HOME": str(directory.airflow_home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "RECEIPTS_BUCKET": SAMPLE_BUCKET,
        "RECEIPTS_INTEGRATION": SAMPLE_INTEGRATION,
        "RECEIPTS_REGION": "us-east-1",
    }


def settings_file(directory: LocalDirectory) -> Path:
    """Return where the settings are kept."""
    return directory.path / "settings.json"


def _password_file(directory: LocalDirectory) -> Path:
    return directory.airflow_home / "passwords.json"


def _free_port() -> int:
    return next(port for port in range(FIRST_PORT, LAST_PORT + 1) if is_free(port))
