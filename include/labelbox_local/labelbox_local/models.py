"""Models, to which model runs belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.filters import condition
from labelbox_local.graph import mutation, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.ontologies import find_ontology
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = "SELECT id, name, ontology AS ontologyId, created_at AS createdAt, updated_at AS updatedAt FROM model"
_COLUMNS = {"id": "id", "name": "name", "ontologyId": "ontology", "deleted": "0"}


def find_model(platform: Platform, model_id: str) -> dict[str, Any]:
    """The model, in the shape of the GraphQL type. Raises: NotFoundError."""
    found = platform.store.row(f"{_SELECT} WHERE id = ?", model_id)
    if found is None:
        raise NotFoundError(f"Model {model_id} not found")
    return found


@query("model")
def get_model(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_model(info.context, where["id"])


@query("models")
def get_models(
    _: Any, info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    text, parameters = condition(where, _COLUMNS)
    return platform.store.rows(
        f"{_SELECT} WHERE {text} ORDER BY model.seq DESC LIMIT ? OFFSET ?", *parameters, first, skip
    )


@mutation("createModel")
def create_model(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    find_ontology(platform, data["ontologyId"])
    if not data["name"].strip():
        raise MalformedRequestError("A model needs a name")
    model_id, moment = new_id(), now()
    with platform.store.writing() as write:
        if write.execute("SELECT 1 FROM model WHERE name = ?", (data["name"],)).fetchone():
            raise ConflictError(f"There is a model named '{data['name']}' already")
        write.execute(
            "INSERT INTO model (id, name, ontology, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
            (model_id, data["name"], data["ontologyId"], moment, moment),
        )
    return find_model(platform, model_id)


@mutation("deleteModels")
def delete_models(_: Any, info: Any, where: dict[str, Any]) -> bool:
    """Delete models with their runs."""
    from labelbox_local.model_runs import delete_runs  # runs know their model

    platform: Platform = info.context
    for model_id in where["ids"]:
        find_model(platform, model_id)
    chosen = as_list(where["ids"])
    runs = platform.store.rows("SELECT id FROM model_run WHERE model IN (SELECT value FROM json_each(?))", chosen)
    with platform.store.writing() as write:
        delete_runs(write, [row["id"] for row in runs])
        write.execute("DELETE FROM model WHERE id IN (SELECT value FROM json_each(?))", (chosen,))
    return True
