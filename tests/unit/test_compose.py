"""`make lint` finds what would break a deployment with Docker Compose."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import textwrap
from base64 import urlsafe_b64decode
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deployment.md").read_text()
FILES = (
    "docker-compose.yml",
    "Dockerfile",
    ".dockerignore",
    ".env.example",
    "requirements.txt",
    "requirements-dev.txt",
)


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    specification = importlib.util.spec_from_file_location("compose_checks", ROOT / ".ci" / "compose.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the files of the deployment."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    for name in ("README.md", "pyproject.toml", "dags", "include", "plugins"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_files_of_the_repository_are_right(checks: ModuleType) -> None:
    assert checks.problems(ROOT) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (".env.example", "\nREDIS_PASSWORD=\n", "\n",
         "docker-compose.yml uses REDIS_PASSWORD, which .env.example lacks"),
        (".env.example", "\n#AIRFLOW_PORT", "\n#AIRFLOW_GATE=1\n#AIRFLOW_PORT",
         ".env.example has AIRFLOW_GATE, which docker-compose.yml does not use"),
        (".env.example", "\nREDIS_PASSWORD=\n", "\nREDIS_PASSWORD=redis\n",
         ".env.example gives REDIS_PASSWORD a value"),
        ("docker-compose.yml", "${LABELBOX_STAGING:?", "${LABELBOX_STAGING} #",
         "docker-compose.yml uses LABELBOX_STAGING without ':?' and what to do, or ':-' and a default"),
        ("docker-compose.yml", "${AIRFLOW_JWT_SECRET:?", "${AIRFLOW_JWT_SECRET:-",
         "docker-compose.yml gives the secret AIRFLOW_JWT_SECRET a default"),
        ("docker-compose.yml", 'POSTGRES_PASSWORD: "${POSTGRES_PASSWORD:?', 'POSTGRES_PASSWORD: postgres # "${',
         "postgres: POSTGRES_PASSWORD has a literal value"),
        ("docker-compose.yml", "redis://:${REDIS_PASSWORD}@", "redis://:redis@",
         "a password stands in redis://:redis@redis:6379/0"),
        ("docker-compose.yml", "labelbox-airflow:3.3.2", "labelbox-airflow:3.3.1",
         "worker: the image labelbox-airflow:3.3.1 should have the version 3.3.2"),
        ("docker-compose.yml", "postgres:18-bookworm", "postgres:16",
         "postgres: the image postgres:16 should have the version 18"),
        ("docker-compose.yml", "redis:7.2-bookworm", "redis",
         "redis: the image redis should have the version that is meant"),
        ("Dockerfile", "python:3.11-slim", "python:3.13-slim",
         "Dockerfile: the locks are for Python 3.11, not 3.13-slim-bookworm"),
        ("docker-compose.yml", "    init:\n      condition", "    setup:\n      condition",
         "scheduler waits for setup, which is no service"),
        ("docker-compose.yml", "service_completed_successfully", "service_healthy",
         "scheduler waits for init by service_healthy, which does not fit"),
        ("docker-compose.yml", "  restart: unless-stopped\n  environment: &airflow-environment",
         "  environment: &airflow-environment", "scheduler has no restart policy"),
        ("docker-compose.yml", "    command: [airflow, scheduler]\n    healthcheck:",
         "    command: [airflow, scheduler]\n    x-healthcheck:", "scheduler has no health check"),
        ("docker-compose.yml", "      local-s3:\n        condition", "      local-s4:\n        condition",
         "local-samples waits for local-s4, which is no service"),
        ("docker-compose.yml", "      postgres:\n        condition: service_healthy\n\n  api-server:",
         "      local-s3:\n        condition: service_healthy\n\n  api-server:",
         "init waits for local-s3, which only a profile starts"),
        ("docker-compose.yml", "- logs:/opt", "- log:/opt", "worker: there is no volume log"),
        ("docker-compose.yml", "source: ledger-database", "source: ledger", "postgres: there is no config ledger"),
        ("docker-compose.yml", "target: airflow", "target: deployment",
         "worker: Dockerfile has no target deployment"),
        ("docker-compose.yml", "AIRFLOW__LABELBOX__STAGING", "AIRFLOW__LABELBOX__STAGE",
         "Airflow and its providers have no setting AIRFLOW__LABELBOX__STAGE"),
        ("docker-compose.yml", "AIRFLOW__CELERY__WORKER_CONCURRENCY", "AIRFLOW__CELERY__CONCURRENCY",
         "Airflow and its providers have no setting AIRFLOW__CELERY__CONCURRENCY"),
        ("Dockerfile", "COPY dags/ ", "COPY dag/ ", "Dockerfile copies dag/, which is not there"),
        (".dockerignore", "!dags\n", "", "Dockerfile copies dags/, which .dockerignore leaves out"),
        (".dockerignore", "include/demo", "include/syncs",
         "Dockerfile copies include/syncs/, which .dockerignore leaves out"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(checks: ModuleType, files: Path, file: str, old: str, new: str, problem: str) -> None:
    change(files / file, old, new)

    assert problem in checks.problems(files)


def test_the_schema_of_compose_finds_a_mistyped_key(files: Path) -> None:
    change(files / "docker-compose.yml", "    healthcheck:", "    healtcheck:")
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]

    checked = subprocess.run([*command, files / "docker-compose.yml"], capture_output=True, text=True, check=False)

    assert checked.returncode == 1
    assert "healtcheck" in checked.stdout


def test_what_is_missing_is_asked_for_with_the_command_that_makes_it(checks: ModuleType) -> None:
    text = "${KEY:?is needed in .env. Make one: openssl rand -hex 32}"

    with pytest.raises(checks.MissingVariableError, match=r"KEY is missing a value: is needed in \.env\. Make"):
        checks.substitute({"environment": [text]}, {"KEY": ""})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}:${B:-2}:${C:-3}:$$HOME", "1:2:4:$HOME"),
        ("${NONE}", ""),
        ("tr /+ _-", "tr /+ _-"),
    ],
)
def test_variables_are_filled_in_as_compose_does(checks: ModuleType, text: str, filled: str) -> None:
    assert checks.substitute(text, {"A": "1", "C": "4"}) == filled


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, with which the page makes secrets")
def test_the_commands_of_the_page_make_every_secret(files: Path) -> None:
    subprocess.run(["bash", "-euc", blocks("bash")[0]], cwd=files, check=True)

    lines = re.findall(r"^([A-Z_]+)=(.*)$", (files / ".env").read_text(), re.MULTILINE)
    assert {name for name, value in lines if not value} == {"LABELBOX_STAGING", "AIRFLOW_CONN_LABELBOX_DEFAULT"}
    assert len(urlsafe_b64decode(dict(lines)["AIRFLOW_FERNET_KEY"])) == 32
    assert len({value for _, value in lines}) == len(lines) - 1  # each its own, but for the two that are left


def test_the_settings_of_the_page_exist(checks: ModuleType) -> None:
    assert "AIRFLOW__LABELBOX__STAGING" in PAGE
    assert checks.unknown_settings(PAGE) == []


def test_the_values_of_the_chart_name_keys_of_the_secret(checks: ModuleType) -> None:
    (values,) = (yaml.safe_load(block) for block in blocks("yaml"))
    made = set(re.findall(r"--from-literal=([a-z-]+)=", PAGE))

    assert {item["secretKey"] for item in values["secret"]} <= made
    assert {"connection", "fernet-key", "api-secret-key", "jwt-secret"} <= made
    options = [f"AIRFLOW__{section}__{key}".upper() for section, keys in values["config"].items() for key in keys]
    assert checks.unknown_settings(" ".join(options)) == []
    assert values["airflowVersion"] == checks.locked_versions(ROOT / "requirements.txt")["apache-airflow"]
