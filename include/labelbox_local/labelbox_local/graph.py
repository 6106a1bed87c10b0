"""Binds the resolvers to schema.graphql and shapes errors as the SDK expects them."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ariadne import ObjectType, ScalarType, UnionType, graphql_sync, make_executable_schema
from graphql import GraphQLError, GraphQLSyntaxError

from labelbox_local.errors import MalformedRequestError, PlatformError
from labelbox_local.identifiers import timestamp, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLSchema

    from labelbox_local.platform import Platform

logger = logging.getLogger(__name__)
# The engine logs every error with its traceback; those of the client are not worth one.
_quiet = logging.getLogger(f"{__name__}.engine")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False

Resolver = TypeVar("Resolver", bound="Callable[..., Any]")


class Fields:
    """Collects the resolvers of one GraphQL type: `@query("dataset")`."""

    known: ClassVar[list[Fields]] = []

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name
        self.resolvers: dict[str, Callable[..., Any]] = {}
        self.known.append(self)

    def __call__(self, name: str) -> Callable[[Resolver], Resolver]:
        def register(resolver: Resolver) -> Resolver:
            self.resolvers[name] = resolver
            return resolver

        return register


query = Fields("Query")
mutation = Fields("Mutation")
dataset_fields = Fields("Dataset")
data_row_fields = Fields("DataRow")
task_fields = Fields("Task")
user_fields = Fields("User")
organization_fields = Fields("Organization")
project_fields = Fields("Project")
# The fields of a project in a mutation: the SDK changes much of a project through `mutation {project(where) {...}}`.
project_changes = Fields("ProjectChanges")


def _parse_datetime(text: str) -> int:
    return to_microseconds(datetime.fromisoformat(text))


def make_schema() -> GraphQLSchema:
    """The schema with every resolver of the package bound to it."""
    # Importing the modules registers their resolvers.
    from labelbox_local import (  # noqa: F401
        annotation_imports,
        attachments,
        batches,
        data_rows,
        datasets,
        embeddings,
        exports,
        feature_schemas,
        global_keys,
        integrations,
        invites,
        issue_categories,
        issue_comments,
        issues,
        label_versions,
        labels,
        members,
        metadata,
        model_runs,
        models,
        ontologies,
        organization,
        projects,
        reviews,
        slices,
        tags,
        tasks,
        uploads,
        webhooks,
        workflow,
        workflow_config,
    )

    types = []
    for fields in Fields.known:
        bound = ObjectType(fields.type_name)
        for name, resolver in fields.resolvers.items():
            bound.set_field(name, resolver)
        types.append(bound)
    moment = ScalarType("DateTime", serializer=timestamp, value_parser=_parse_datetime)
    settings = UnionType("IamIntegrationSettings", lambda value, *_: value["__typename"])
    schema: GraphQLSchema = make_executable_schema(
        (Path(__file__).parent / "schema.graphql").read_text(), *types, moment, settings
    )
    return schema


def execute(schema: GraphQLSchema, platform: Platform, request: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Answer one GraphQL request: whether it could be executed, and the body of the answer."""
    executed, answer = graphql_sync(
        schema, request, context_value=platform, error_formatter=_format_error, logger=_quiet
    )
    return executed, answer


def _format_error(error: GraphQLError, debug: bool = False) -> dict[str, Any]:  # noqa: ARG001 - the engine's signature
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, PlatformError):
        code, message = cause.code, str(cause)
    elif isinstance(error, GraphQLSyntaxError):
        code, message = "GRAPHQL_PARSE_FAILED", error.message
    elif isinstance(cause, GraphQLError):
        code, message = "GRAPHQL_VALIDATION_FAILED", error.message
    else:
        logger.error("Unexpected error in %s", error.path, exc_info=cause)
        code, message = "INTERNAL_SERVER_ERROR", "The server failed unexpectedly; see its log"
    shown: dict[str, Any] = {"message": message, "path": error.path, "extensions": {"code": code}}
    if isinstance(cause, MalformedRequestError):
        # The SDK reads `errors` of a malformed export.
        shown["errors"] = [message]
    return shown
