"""Carries out a call, unless the rate of calls or a planned fault says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from labelbox_local.faults import Fault, Operation

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from labelbox_local.platform import Platform

# The SDK knows an exceeded rate by how the message begins (lbox/request_client.py).
_TOO_MANY = "You have exceeded the rate limit of this server"
_LOOK_SECONDS = 0.1


class _CutConnection(Response):
    """Promises a body and closes the connection instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")


async def carry_out(
    platform: Platform, request: Request, operation: Operation, work: Callable[[], Response]
) -> Response:
    """Count the call and answer it with what `work` gives, or as the limit of requests or a planned fault says."""
    platform.faults.count(operation)
    operation.becomes_current()
    wait = platform.request_rate.wait_of_one_more(platform.switches.requests_per_minute)
    if wait is not None:
        sent = platform.switches.retry_after_header == "send"
        return _refused(429, wait if sent else None)
    return await with_faults(platform, request, operation, work)


async def with_faults(
    platform: Platform, request: Request, operation: Operation, work: Callable[[], Response]
) -> Response:
    """The answer of `work`, or what a planned fault makes of it."""
    fault = platform.faults.take(operation)
    if fault is None:
        return await run_in_threadpool(work)
    answer = await run_in_threadpool(work) if fault.effect == "after" and not fault.expired else None
    await _delay(platform, request, fault)
    if fault.expired:
        return json_answer({"message": "The link has expired or is not valid"}, 403)
    if fault.status is not None:
        return _refused(fault.status, fault.retry_after)
    if fault.cuts or fault.delay_seconds == "never":
        return _CutConnection()
    if answer is None:
        answer = await run_in_threadpool(work)
    return _slowed(answer, fault.bytes_per_second) if fault.bytes_per_second else answer


def _refused(status: int, retry_after: int | None) -> Response:
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    return json_answer({"message": _TOO_MANY if status == 429 else f"planned fault {status}"}, status, headers)


async def _delay(platform: Platform, request: Request, fault: Fault) -> None:
    """Wait as planned; for ever means until the client has gone or the server stops."""
    if fault.delay_seconds != "never":
        await asyncio.sleep(fault.delay_seconds or 0)
        return
    while not platform.stopping.is_set() and not await request.is_disconnected():
        await asyncio.sleep(_LOOK_SECONDS)


def _slowed(answer: Response, bytes_per_second: int) -> Response:
    """The same answer in drops, ten a second."""
    size = max(1, bytes_per_second // 10)

    async def drops() -> AsyncIterator[bytes]:
        whole = answer.body_iterator if isinstance(answer, StreamingResponse) else _once(answer.body)
        async for piece in whole:
            content = piece.encode() if isinstance(piece, str) else bytes(piece)
            for start in range(0, len(content), size):
                await asyncio.sleep(0.1)
                yield content[start : start + size]

    return StreamingResponse(drops(), answer.status_code, dict(answer.headers))


async def _once(body: bytes | memoryview) -> AsyncIterator[bytes]:
    yield bytes(body)
