"""Ensure: the project of a sync and its ontology, as the sync and the ontology file describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from labelbox_airflow.engine.api.ontologies import StoredOntology, create_ontology, find_ontology, ontology_of
from labelbox_airflow.engine.api.projects import Project, connect_ontology, create_project, find_project
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.ontology.difference import Difference, differences
from labelbox_airflow.engine.ontology.document import read_document
from labelbox_airflow.engine.ontology.tree import Classification, Ontology, Option, Tool
from labelbox_airflow.engine.project.spec import ProjectSpec
from labelbox_airflow.engine.transport import Transport

Node = Tool | Classification | Option
Kind = TypeVar("Kind", bound=Node)


@dataclass(frozen=True, slots=True)
class Ensured:
    """A project that is ready, and what was done for it.

    :param project: None where it would have to be made (a dry run)
    :param drift: how the file differs from the project's ontology, a sentence each
    :param done: what was made or changed, a sentence each
    """

    project: Project | None
    drift: Sequence[str]
    done: Sequence[str]


def read_ontology(name: str, base: Path) -> Ontology:
    """Return the ontology of a file, relative to the sync file or to the folder ``ontologies`` beside its directory.

    :raises ConfigurationError: there is no such file, or it is wrong
    """
    places = [base / name, base.parent / name, base.parent / "ontologies" / name]
    for place in places:
        if place.is_file():
            try:
                return read_document(place.read_text(encoding="utf-8"), where=str(place))
            except UnicodeDecodeError as error:
                raise ConfigurationError(f"cannot be read as UTF-8 text: {error}", where=str(place)) from error
    raise ConfigurationError(
        f"there is no ontology file '{name}'",
        where="project.ontology",
        remedy=f"Looked for {', '.join(str(place) for place in places)}.",
    )


def ensure_project(
    transport: Transport, spec: ProjectSpec, ontology: Ontology | None, *, media_type: str | None, write: bool
) -> Ensured:
    """Find the project or make it, and see to its ontology.

    :param ontology: that of the file, None where the sync names none
    :param media_type: of the rows; the project's own counts where the sync gives one
    :param write: False to change nothing and say what would be done (a dry run)
    :raises ConfigurationError: the project is missing, ambiguous or of another media type, or has drifted
    """
    project = find_project(transport, id=spec.id, name=spec.name)
    wanted = spec.media_type or media_type
    done: list[str] = []
    if project is None:
        if spec.name is None:
            raise ConfigurationError(f"there is no project of the id '{spec.id}'", where="project.id")
        if wanted is None:
            raise ConfigurationError(
                f"the project '{spec.name}' has to be made, and nobody says for which media", where="project.media_type"
            )
        done.append(f"project '{spec.name}' for {wanted} made")
        if write:
            project = create_project(transport, spec.name, wanted, spec.description or "")
    elif wanted is not None and project.media_type not in {None, wanted}:
        raise ConfigurationError(
            f"the project '{project.name}' is for {project.media_type}, not for {wanted}",
            where="project.media_type",
            remedy="Name another project, or let the sync make one.",
        )
    drift = _see_to_ontology(transport, spec, project, ontology, wanted, done, write)
    return Ensured(project, drift, done)


def _see_to_ontology(
    transport: Transport,
    spec: ProjectSpec,
    project: Project | None,
    ontology: Ontology | None,
    media_type: str | None,
    done: list[str],
    write: bool,
) -> list[str]:
    if ontology is None:
        return []
    stored = ontology_of(transport, project.id) if project is not None else None
    if stored is None:
        done.append("ontology connected")
        if project is not None and write:
            _connect_new(transport, project, ontology, project.media_type or media_type or "")
        return []
    drift = differences(stored.tree, ontology)
    if drift and spec.drift == "fail":
        raise _drifted(project, drift)
    if spec.drift == "add" and any(each.change == "added" for each in drift):
        done.append("ontology: " + "; ".join(str(each) for each in drift if each.change == "added"))
        if project is not None and write:
            _add(transport, project, stored, ontology)
    return [str(each) for each in drift]


def _drifted(project: Project | None, drift: Sequence[Difference]) -> ConfigurationError:
    said = "; ".join(str(each) for each in drift)
    return ConfigurationError(
        f"the ontology of the project '{project.name if project else ''}' is not as the file: {said}",
        where="project.ontology",
        remedy="Change one of them, or set project.drift to warn, or to add what only the file has.",
    )


def _connect_new(transport: Transport, project: Project, ontology: Ontology, media_type: str) -> None:
    """Connect an ontology of the project's name that an earlier attempt has made, else a new one."""
    stored = find_ontology(transport, project.name, media_type)
    if stored is None or differences(stored.tree, ontology):
        stored = create_ontology(transport, project.name, media_type, ontology)
    connect_ontology(transport, project.id, stored.id)


def _add(transport: Transport, project: Project, stored: StoredOntology, ontology: Ontology) -> None:
    """Connect an ontology with the features that are there, by their ids, and those that only the file has."""
    tree = Ontology(
        _united(stored.tree.tools, ontology.tools), _united(stored.tree.classifications, ontology.classifications)
    )
    made = create_ontology(transport, stored.name, stored.media_type or project.media_type or "", tree)
    connect_ontology(transport, project.id, made.id)


def _united(held: Sequence[Kind], wanted: Sequence[Kind]) -> tuple[Kind, ...]:
    by_name = {node.name: node for node in wanted}
    names = {node.name for node in held}
    kept = [_with_inner(node, by_name[node.name]) if node.name in by_name else node for node in held]
    return (*kept, *(node for node in wanted if node.name not in names))


def _with_inner(held: Kind, wanted: Kind) -> Kind:
    if isinstance(held, Classification) and isinstance(wanted, Classification):
        return replace(held, options=_united(held.options, wanted.options))
    if isinstance(held, Tool | Option) and isinstance(wanted, Tool | Option):
        return replace(held, classifications=_united(held.classifications, wanted.classifications))
    return held
