"""Load sync files: YAML becomes a :class:`~labelbox_airflow.syncs.spec.SyncSpec`; all problems are named at once."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.syncs.columns import Problem
from labelbox_airflow.syncs.documents import (
    Document,
    dotted,
    for_environment,
    interpolated,
    merged,
    read_document,
)
from labelbox_airflow.syncs.explain import checked
from labelbox_airflow.syncs.spec import SyncSpec

DEFAULTS_FILE = "_defaults.yaml"
SUFFIXES = (".yaml", ".yml")


class SyncFileError(ConfigurationError):
    """A sync file is wrong; the message has one line per problem, each with file, line, place and remedy."""

    @property
    def problems(self) -> list[str]:
        """The problems, one sentence each."""
        return self.message.splitlines()


@dataclass(frozen=True)
class Sync:
    """A loaded sync: its model, the file it came from, and the environment whose overrides are in it."""

    spec: SyncSpec
    path: Path
    environment: str | None = None

    @property
    def name(self) -> str:
        """The name of the sync, which is the id of its DAG."""
        return self.spec.name

    @cached_property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 over the resolved model: equal means the same sync."""
        content = self.spec.model_dump(mode="json", by_alias=True)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def sync_directory(default: Path) -> Path:
    """Return the directory of the sync files: ``LABELBOX_SYNCS_DIR``, else ``default``.

    :param default: where the deployment keeps them, given by the DAG file; a relative setting counts from the
        working directory
    """
    return Path(os.environ.get("LABELBOX_SYNCS_DIR") or default)


def find_syncs(directory: Path) -> list[Path]:
    """Return the sync files of ``directory`` by name; files that begin with ``_`` or ``.`` are none.

    :raises ConfigurationError: there is no such directory
    """
    if not directory.is_dir():
        raise ConfigurationError(
            "there is no such directory of sync files", where=str(directory), remedy="Set LABELBOX_SYNCS_DIR."
        )
    return sorted(path for path in directory.iterdir() if path.suffix in SUFFIXES and path.name[0] not in "_.")


def load_sync(path: Path | str, *, variables: Mapping[str, str] | None = None, conditions: bool = False) -> Sync:
    """Load the sync file at ``path``, with the ``_defaults.yaml`` beside it under it.

    The environment whose overrides count is named by the variable ``LABELBOX_ENVIRONMENT``.

    :param variables: environment variables, ``os.environ`` by default
    :param conditions: read the SQL in it as well, for which DuckDB is imported; a run reads it before any row
    :raises SyncFileError: anything is wrong with the file; every problem is named in one go
    """
    path = Path(path)
    variables = os.environ if variables is None else variables
    environment = variables.get("LABELBOX_ENVIRONMENT") or None
    try:
        documents = _documents(path)
        content = documents[0].content
        for defaults in documents[1:]:
            content = merged(content, defaults.content, second_wins=False)
        content = for_environment(content, environment)
    except ConfigurationError as error:
        raise SyncFileError(_placed(path, error)) from error
    problems: list[Problem] = []
    content = interpolated(content, variables, problems)
    spec = _model(content, path, problems, conditions)
    if spec is None or problems:
        raise SyncFileError("\n".join(_lines(problems, documents, environment)))
    return Sync(spec, path, environment)


def _documents(path: Path) -> list[Document]:
    defaults = path.parent / DEFAULTS_FILE
    return [read_document(path), *([read_document(defaults)] if defaults.is_file() else [])]


def _placed(path: Path, error: ConfigurationError) -> str:
    known = (str(path), str(path.with_name(DEFAULTS_FILE)))
    return str(error) if (error.where or "").startswith(known) else f"{path}: {error}"


def _model(content: Mapping[str, Any], path: Path, problems: list[Problem], conditions: bool) -> SyncSpec | None:
    unset = [problem.path for problem in problems]
    spec, found = checked(content, conditions=conditions)
    # A value that lacks its variable fails its own check too, which would only confuse.
    problems += [problem for problem in found if not any(_related(problem.path, place) for place in unset)]
    name = content.get("name")
    if isinstance(name, str) and name != path.stem:
        problems.append(
            Problem("name", f"'{name}' is not the name of the file. Write '{path.stem}', or rename the file")
        )
    if len(twins := [twin for twin in (path.with_suffix(suffix) for suffix in SUFFIXES) if twin.is_file()]) > 1:
        problems.append(Problem("name", f"{_names(twins)} are two syncs of one name. Rename or remove one"))
    return spec


def _related(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _lines(problems: Iterable[Problem], documents: Iterable[Document], environment: str | None) -> list[str]:
    """Write each problem as ``file:line: place: message``, with the line of the place or of what holds it."""
    lines = [(document, _places(document, environment)) for document in documents]
    found = []
    for problem in problems:
        index, number = _found(problem.path, [places for _, places in lines])
        at = f"{lines[index][0].path}:{number}" if number else str(lines[index][0].path)
        found.append((index, number, f"{at}: {problem.path + ': ' if problem.path else ''}{problem.message}"))
    return [line for _, _, line in sorted(found, key=lambda entry: entry[:2])]


def _places(document: Document, environment: str | None) -> dict[str, int]:
    """Return the line of every place in ``document``; what an environment overrides is where the override is."""
    prefix = ("environments", environment)
    overrides = {dotted(path[2:]): line for path, line in document.lines.items() if path[:2] == prefix and path[2:]}
    return {dotted(path): line for path, line in document.lines.items()} | overrides


def _found(path: str, places: list[dict[str, int]]) -> tuple[int, int]:
    """Return (index of the document, line) of ``path``, else of what holds it; (0, 0) when neither is anywhere."""
    while path:
        for index, lines in enumerate(places):
            if path in lines:
                return index, lines[path]
        path = path.rpartition(".")[0]
    return 0, 0


def conflicts(syncs: Iterable[Sync]) -> list[str]:
    """Return what keeps ``syncs`` from living side by side, one sentence each: a name or a field claimed twice.

    A sync changes only the fields that it names, so two syncs must not name the same field of the same dataset.
    """
    by_name: defaultdict[str, list[Sync]] = defaultdict(list)
    by_claim: defaultdict[tuple[str, str], defaultdict[str, list[Sync]]] = defaultdict(lambda: defaultdict(list))
    for sync in syncs:
        by_name[sync.name].append(sync)
        if not sync.spec.has_rows:
            continue
        for claimed in claimed_fields(sync.spec):
            by_claim[_dataset(sync.spec)][claimed].append(sync)
    found = [
        f"{_names(s.path for s in same)} are syncs of one name, '{name}'. Rename one."
        for name, same in by_name.items()
        if len(same) > 1
    ]
    for (connection, dataset), claims in by_claim.items():
        for field, claimants in claims.items():
            if len({sync.name for sync in claimants}) > 1:
                found.append(
                    f"{_names(s.path for s in claimants)} both write {_place(field, claimants)} of dataset {dataset} "
                    f"(connection {connection}). Leave the field to one of them."
                )
        found += _list_conflicts(claims, f"dataset {dataset} (connection {connection})")
    return found


def _place(field: str, claimants: Iterable[Sync]) -> str:
    places = {sync.spec.mapping.place for sync in claimants}
    return f"{places.pop()}.{field}" if len(places) == 1 else field


def _list_conflicts(claims: Mapping[str, Iterable[Sync]], where: str) -> list[str]:
    """Return where a sync owns a whole list of the data rows, to which another adds."""
    found = []
    owners = {sync.name: sync for claimants in claims.values() for sync in claimants if _owned_lists(sync.spec)}
    for owner in owners.values():
        lists = _owned_lists(owner.spec)
        others = {
            sync.path: (field, lists[part])
            for field, claimants in claims.items()
            if (part := re.split(r"[. ]", field)[0]) in lists
            for sync in claimants
            if sync.name != owner.name and not sync.spec.mapping.creates
        }
        for path, (field, why) in others.items():
            found.append(
                f"{path} writes attach.{field} of {where}, but {owner.path} {why}. "
                "Let one sync write the whole, or name the fields and merge."
            )
    return found


def _owned_lists(spec: SyncSpec) -> dict[str, str]:
    """Return the lists of a data row that the sync owns as a whole, and why."""
    mapping = spec.mapping
    if mapping.column_grammar is not None:
        why = "reads whatever fields its columns name (rows.column_grammar)"
        return {"metadata": why, "attachments": why}
    if mapping.lists == "merge":
        return {}
    parts = {"metadata": mapping.metadata, "attachments": mapping.attachments}
    return {part: f"replaces all {part} (rows.lists: replace)" for part, named in parts.items() if named}


def claimed_fields(spec: SyncSpec) -> list[str]:
    """Return the fields of a data row that the sync writes, as the file names them under ``rows`` or ``attach``."""
    mapping = spec.mapping
    fields = ["row_data"] if mapping.creates else []
    if mapping.external_id is not None:
        fields.append("external_id")
    fields += [f"metadata.{name}" for name in mapping.metadata]
    fields += [f"attachments ({a.type} {a.name})" if a.name else f"attachments ({a.type})" for a in mapping.attachments]
    fields += [f"embeddings.{name}" for name in mapping.embeddings]
    return list(dict.fromkeys(fields))


def _dataset(spec: SyncSpec) -> tuple[str, str]:
    dataset = spec.dataset
    return spec.labelbox.connection, f"'{dataset.name}'" if dataset.name is not None else f"with id {dataset.id}"


def _names(paths: Iterable[Path]) -> str:
    return " and ".join(str(path) for path in paths)
