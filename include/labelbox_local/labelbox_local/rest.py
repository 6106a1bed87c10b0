"""The REST calls of the SDK: /api/v1/ontologies and /api/v1/feature-schemas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response

from labelbox_local import feature_schemas, ontologies
from labelbox_local.errors import MalformedRequestError
from labelbox_local.faults import Operation

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

# Answers a request that may be made: `answer(request, operation, work, status)`.
Answerer = Callable[[Request, Operation, Callable[[], Any], int], Awaitable[Response]]
_READS = {"GET"}


def add_rest(app: FastAPI, platform: Platform, answer: Answerer) -> None:
    """The routes, each with what it does and the status the SDK expects of it (SDK client.py)."""

    def route(method: str, path: str, name: str, status: int, work: Callable[..., Any]) -> None:
        operation = Operation("query" if method in _READS else "mutation", name, name)

        async def respond(request: Request) -> Response:
            body = await request.body()
            return await answer(
                request, operation, lambda: work(platform, **request.path_params, **_body(body)), status
            )

        app.add_api_route(f"/api/v1{path}", respond, methods=[method])

    for each in _ROUTES:
        route(*each)


def _body(content: bytes) -> dict[str, Any]:
    """The JSON body as the argument `body`; the SDK sends one with GET too. Raises: MalformedRequestError."""
    if not content:
        return {}
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"The body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedRequestError("The body must be a JSON object")
    return {"body": body}


def _insert(platform: Platform, ontology: str, feature: str, body: dict[str, Any]) -> dict[str, bool]:
    position = body.get("position")
    if not isinstance(position, int):
        raise MalformedRequestError("position must be a number")
    ontologies.insert_feature(platform, ontology, feature, position)
    return {"inserted": True}


def _unused_ontologies(platform: Platform, body: dict[str, Any]) -> list[str]:
    return ontologies.unused_ontologies(platform, body.get("after"))


def _unused_features(platform: Platform, body: dict[str, Any]) -> list[str]:
    return feature_schemas.unused_features(platform, body.get("after"))


# Those with a fixed word come before those with an id in its place.
_ROUTES: tuple[tuple[str, str, str, int, Callable[..., Any]], ...] = (
    ("GET", "/ontologies/unused", "unusedOntologies", 200, _unused_ontologies),
    ("GET", "/ontologies/{ontology_id}", "ontologyNodes", 200, ontologies.feature_nodes),
    ("DELETE", "/ontologies/{ontology_id}", "deleteOntology", 204, ontologies.delete_ontology),
    ("POST", "/ontologies/{ontology}/feature-schemas/{feature}", "insertFeatureSchema", 201, _insert),
    ("DELETE", "/ontologies/{ontology_id}/feature-schemas/{feature_id}", "removeFeatureSchema", 200,
     ontologies.remove_feature),
    ("PATCH", "/ontologies/{ontology_id}/feature-schemas/{feature_id}/unarchive", "unarchiveFeatureSchema", 200,
     ontologies.unarchive_feature),
    ("GET", "/feature-schemas/unused", "unusedFeatureSchemas", 200, _unused_features),
    ("PATCH", "/feature-schemas/{feature_id}/definition", "renameFeatureSchema", 200, feature_schemas.rename_feature),
    ("PUT", "/feature-schemas/{feature_id}", "putFeatureSchema", 200, feature_schemas.put_feature),
    ("DELETE", "/feature-schemas/{feature_id}", "deleteFeatureSchema", 204, feature_schemas.delete_feature),
)  # fmt: skip
# As plans of faults name them.
OPERATIONS = tuple(route[2] for route in _ROUTES)
