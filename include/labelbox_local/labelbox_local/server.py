"""The HTTP surface: GraphQL, vectors, downloads and administration."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from labelbox_local import embeddings
from labelbox_local.carrying_out import carry_out, json_answer, with_faults
from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError, PlatformError
from labelbox_local.fault_plans import parse_fault
from labelbox_local.faults import Operation
from labelbox_local.graph import execute, make_schema
from labelbox_local.integrations import register_integration, replace_integration
from labelbox_local.invites import add_user
from labelbox_local.issues import exported_issues
from labelbox_local.labeler import play
from labelbox_local.mask_pixels import paint
from labelbox_local.pages.site import add_pages
from labelbox_local.rest import add_rest
from labelbox_local.webhooks import deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labelbox_local.platform import Platform

_PIECE = 1024 * 1024
_STATUSES: dict[type[PlatformError], int] = {NotFoundError: 404, ConflictError: 409, MalformedRequestError: 400}


def make_app(platform: Platform) -> FastAPI:
    """The server's application."""
    app = FastAPI(openapi_url=None)
    _add_graphql(app, platform)
    _add_vectors(app, platform)
    _add_files(app, platform)
    _add_masks(app, platform)
    _add_admin(app, platform)
    add_rest(app, platform, lambda *call: _answer(platform, *call))
    add_pages(app, platform)

    @app.api_route("/api/v1/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def rest(path: str) -> Response:
        return json_answer({"message": f"The local server does not answer /api/v1/{path}"}, 404)

    return app


def _authorized(platform: Platform, request: Request) -> bool:
    """Any key will do unless the server was started with one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return scheme == "Bearer" and bool(key) and platform.api_key in {None, key}


def _add_graphql(app: FastAPI, platform: Platform) -> None:
    schema = make_schema()

    @app.post("/graphql")
    @app.post("/_gql")
    async def graphql(request: Request) -> Response:
        if not _authorized(platform, request):
            return _graphql_error("AUTHENTICATION_ERROR", "Invalid API key", 401)
        try:
            asked = await _read_request(request)
        except ValueError as error:
            return _graphql_error("GRAPHQL_PARSE_FAILED", str(error), 400)

        def work() -> Response:
            executed, answer = execute(schema, platform, asked)
            return json_answer(answer, 200 if executed else 400)

        return await carry_out(platform, request, Operation.of(str(asked.get("query", ""))), work)


def _graphql_error(code: str, message: str, status: int) -> Response:
    return json_answer({"errors": [{"message": message, "extensions": {"code": code}}]}, status)


async def _read_request(request: Request) -> dict[str, Any]:
    """The GraphQL request of a JSON or multipart body (graphql-multipart-request-spec).

    Raises:
        ValueError: neither.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form()
        asked = orjson.loads(str(form.get("operations", "")))
        for part, paths in orjson.loads(str(form.get("map", ""))).items():
            for path in paths:
                _put(asked, path.split("."), form[part])
    else:
        asked = orjson.loads(await request.body())
    if not isinstance(asked, dict):
        raise ValueError("the request must be a JSON object")  # noqa: TRY004 - the content is wrong
    return asked


def _put(target: Any, path: list[str], value: Any) -> None:
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value


def _add_vectors(app: FastAPI, platform: Platform) -> None:
    """The SDK's own path has `/adv` twice (SDK adv_client.py)."""

    @app.put("/adv/adv/v1/embeddings/{embedding}/_import_ndjson")
    @app.put("/adv/v1/embeddings/{embedding}/_import_ndjson")
    async def import_ndjson(embedding: str, request: Request) -> Response:
        operation = Operation("mutation", "importVectors", "importVectors")
        content = await request.body()
        return await _vectors(
            request, operation, lambda: {"count": embeddings.import_vectors(platform, embedding, content)}
        )

    @app.get("/adv/adv/v1/embeddings/{embedding}/vectors/_count")
    @app.get("/adv/v1/embeddings/{embedding}/vectors/_count")
    async def count(embedding: str, request: Request) -> Response:
        operation = Operation("query", "countVectors", "countVectors")
        return await _vectors(request, operation, lambda: {"count": embeddings.count_vectors(platform, embedding)})

    async def _vectors(request: Request, operation: Operation, answer: Callable[[], Any]) -> Response:
        return await _answer(platform, request, operation, answer)


async def _answer(
    platform: Platform, request: Request, operation: Operation, work: Callable[[], Any], status: int = 200
) -> Response:
    """Do the work of a call that is not GraphQL, if it may be made and no fault is planned for it."""
    if not _authorized(platform, request):
        return json_answer({"message": "Invalid API key"}, 401)

    def respond() -> Response:
        try:
            body = work()
        except PlatformError as error:
            return json_answer({"message": str(error)}, _STATUSES.get(type(error), 500))
        return Response(status_code=status) if status == 204 else json_answer(body, status)

    return await carry_out(platform, request, operation, respond)


def _add_files(app: FastAPI, platform: Platform) -> None:
    """Downloads carry their permission in the URL: the SDK sends no key with them."""

    # The SDK asks for the head of an address it hands over.
    @app.api_route("/files/{path:path}", methods=["GET", "HEAD"])
    async def download(path: str, request: Request, expires: str = "", signature: str = "") -> Response:
        if not platform.url_is_valid(path, expires, signature):
            return json_answer({"message": "The link has expired or is not valid"}, 403)
        kind, _, rest = path.partition("/")
        name, answer = _DOWNLOADS.get(kind, _DOWNLOADS["tasks"])
        return await with_faults(platform, request, Operation("query", name, name), lambda: answer(platform, rest))


def _import_file(platform: Platform, place: str) -> Response:
    import_id, _, what = place.partition("/")
    path = platform.import_files / import_id / what
    if not path.exists():
        # An import that failed as a whole has nothing to say of single annotations.
        return Response(b"", media_type="application/x-ndjson")
    size = path.stat().st_size
    return StreamingResponse(_pieces(path, 0, size), 200, {"content-length": str(size)}, "application/x-ndjson")


def _add_masks(app: FastAPI, platform: Platform) -> None:
    """Composite masks, whose addresses exports carry. They need the API key."""

    @app.get("/api/v1/tasks/{task}/masks/{owner}/index/{frame}")
    def mask(task: str, owner: str, frame: int, request: Request) -> Response:  # noqa: ARG001 - part of the address
        if not _authorized(platform, request):
            return json_answer({"message": "Invalid API key"}, 401)
        try:
            return Response(paint(platform, owner, frame), media_type="image/png")
        except NotFoundError as error:
            return json_answer({"message": str(error)}, 404)


def _upload(platform: Platform, upload_id: str) -> Response:
    found = platform.store.row("SELECT * FROM upload WHERE id = ?", upload_id)
    if found is None:
        return json_answer({"message": "The file does not exist any more"}, 404)
    size = (platform.uploads / upload_id).stat().st_size
    # A file name is no content type, but the SDK sends one as the other.
    content_type = found["content_type"] if "/" in found["content_type"] else "application/octet-stream"
    headers = {"content-length": str(size), "x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
    pieces = _pieces(platform.uploads / upload_id, 0, size)
    return StreamingResponse(pieces, headers=headers, media_type=content_type)


def _export_chunk(platform: Platform, place: str) -> Response:
    task, _, first_byte = place.partition("/")
    chunk = platform.store.row("SELECT * FROM export_chunk WHERE task = ? AND first_byte = ?", task, int(first_byte))
    if chunk is None:
        return json_answer({"message": "The export does not exist any more"}, 404)
    size = chunk["last_byte"] - chunk["first_byte"] + 1
    pieces = _pieces(platform.exports / task, chunk["first_byte"], size)
    return StreamingResponse(pieces, headers={"content-length": str(size)}, media_type="application/x-ndjson")


def _pieces(path: Any, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size:
            piece = file.read(min(_PIECE, size))
            size -= len(piece)
            yield piece


def _task_result(platform: Platform, task_id: str) -> Response:
    return StreamingResponse(_import_result(platform, task_id), media_type="application/json")


def _import_result(platform: Platform, task_id: str) -> Iterator[bytes]:
    """The result of an import as one JSON object (SDK schema/task.py reads `createdDataRows` and `errors`)."""
    created = (
        "SELECT data_row AS id, external_id AS externalId, global_key AS globalKey, row_data AS rowData"
        " FROM import_success LEFT JOIN data_row ON data_row.id = import_success.data_row"
        " WHERE task = (SELECT seq FROM task WHERE id = ?) ORDER BY position"
    )
    failed = "SELECT * FROM import_failure WHERE task = (SELECT seq FROM task WHERE id = ?) ORDER BY position"
    # The pieces of a stream are made in different threads, so it has a connection of its own.
    connection = platform.store.connect()
    try:
        yield b'{"createdDataRows":['
        for number, row in enumerate(connection.execute(created, (task_id,))):
            yield (b"," if number else b"") + orjson.dumps(row)
        yield b'],"errors":['
        for number, row in enumerate(connection.execute(failed, (task_id,))):
            error = {"message": row["message"], "failedDataRows": [orjson.loads(row["spec"])]}
            yield (b"," if number else b"") + orjson.dumps(error)
        yield b"]}"
    finally:
        connection.close()


def _issues(platform: Platform, place: str) -> Response:
    project, _, status = place.partition("/")
    return json_answer(list(exported_issues(platform, project, status)))


# What a signed address begins with: the name of the download in plans of faults, and what answers it.
_DOWNLOADS: dict[str, tuple[str, Callable[[Platform, str], Response]]] = {
    "uploads": ("downloadUpload", _upload),
    "exports": ("downloadExport", _export_chunk),
    "imports": ("downloadImportFile", _import_file),
    "tasks": ("downloadTaskResult", _task_result),
    "issues": ("downloadIssues", _issues),
}


def _add_admin(app: FastAPI, platform: Platform) -> None:
    """Not part of Labelbox: planned faults, calls, switches, integrations with endpoints, users, deliveries."""

    @app.api_route("/admin/{what}", methods=["GET", "POST", "PUT", "DELETE"])
    async def admin(what: str, request: Request) -> Response:
        if platform.api_key is not None and not _authorized(platform, request):
            return json_answer({"message": "Invalid API key"}, 401)
        try:
            body = orjson.loads(await request.body()) if request.method in {"POST", "PUT"} else {}
            answer = await run_in_threadpool(_administer, platform, f"{request.method} {what}", body)
        except (ValueError, TypeError, PlatformError) as error:
            return json_answer({"message": str(error)}, 400)
        if answer is None:
            return json_answer({"message": f"{request.method} /admin/{what} does not exist"}, 404)
        return json_answer(answer)


def _administer(platform: Platform, action: str, body: dict[str, Any]) -> Any:
    faults = platform.faults
    if action == "POST faults":
        faults.plan(parse_fault(body))
    elif action == "DELETE faults":
        faults.clear()
    elif action == "DELETE calls":
        faults.forget_calls()
    elif action == "POST switches":
        for name, value in body.items():
            platform.switches.set(name, str(value))
    elif action == "POST integrations":
        return register_integration(platform, body)
    elif action == "POST labeler":
        return play(platform, body)
    elif action == "PUT integrations":
        return replace_integration(platform, body)
    elif action == "POST users":
        return add_user(platform, body)
    answers: dict[str, Callable[[], Any]] = {
        "faults": faults.planned,
        "calls": faults.calls,
        "switches": lambda: asdict(platform.switches),
        "deliveries": lambda: deliveries(platform),
    }
    answer = answers.get(action.partition(" ")[2])
    return answer() if answer else None
