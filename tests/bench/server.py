"""A bare server that takes uploads and mutations at almost no cost, so that the client is measured and not the server.

It keeps nothing of a data row but its global key, and answers the few operations that a first load, the SDK's
``upsert_data_rows`` and the merging of metadata send. Every other operation is answered 400.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from tests.bench.imports import Imports
from tests.bench.sample import DATASET_ID, ONTOLOGY

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_GLOBAL_KEY = re.compile(rb'"global_key": ?"([^"]+)"')
_OPERATION = re.compile(r"\s*(?:query|mutation)\s+(\w+)")
_MADE = dict.fromkeys(("createdAt", "updatedAt"), "2026-01-01T00:00:00.000Z")
_USER = {
    "email": "bench@example.com",
    **dict.fromkeys(("name", "nickname", "picture", "isViewer", "isExternalUser", "lastLoginAt")),
    **_MADE,
    "id": "cm0user",
}
_DATASET = {**_MADE, "id": DATASET_ID, "name": "Bench", "description": "", "rowCount": 0}


class Labelbox:
    """What the server remembers: uploads by URL, the keys of each task."""

    def __init__(self) -> None:
        self._uploads: dict[str, bytes] = {}
        self._tasks: dict[str, list[str]] = {}
        self.imports = Imports()
        self._operations: dict[str, Callable[[dict[str, Any]], Any]] = {
            "GetMetadataOntologyBetaPyApi": lambda _: {"customMetadataOntology": ONTOLOGY},
            "GetDatasetPyApi": lambda _: {"dataset": _DATASET},
            "GetUserPyApi": lambda _: {"user": _USER},
            "GetUserCreatedTasksPyApi": lambda v: {"user": {"createdTasks": [_task(v["taskId"], "COMPLETE")]}},
            "UpsertDataRowsPyApi": self._submit,
            "SuccessesfulDataRowImportsPyApi": self._successes,
            "FailedDataRowImportsPyApi": lambda _: {"failedDataRowImports": {"after": None, "total": 0, "results": []}},
            "UpsertDataRowMetadataBetaPyApi": lambda _: {"upsertDataRowCustomMetadata": []},
            **self.imports.operations,
        }

    def upload(self, content: bytes) -> str:
        """Keep a chunk or manifest and return its URL."""
        url = f"upload-{len(self._uploads)}"
        self._uploads[url] = b"\n".join(_GLOBAL_KEY.findall(content)) or content
        return url

    def execute(self, body: bytes) -> Any:
        """Return the data of a GraphQL operation, None for one that is not known."""
        request = json.loads(body)
        operation = _OPERATION.match(request["query"])
        answer = self._operations.get(operation[1]) if operation else None
        return answer(request["variables"] or {}) if answer else None

    def _submit(self, variables: dict[str, Any]) -> Any:
        manifest = json.loads(self._uploads.pop(variables["manifestUri"]))
        keys = b"\n".join(self._uploads.pop(url) for url in manifest["chunk_uris"]).decode().split("\n")
        if len(keys) != manifest["item_count"]:
            raise ValueError(f"{len(keys)} keys, {manifest['item_count']} items")
        task_id = f"task-{len(self._tasks)}"
        self._tasks[task_id] = keys
        return {"upsertDataRows": _task(task_id, "IN_PROGRESS")}

    def _successes(self, variables: dict[str, Any]) -> Any:
        keys, first = self._tasks[variables["taskId"]], int(variables["from"] or 0)
        page = keys[first : first + variables["first"]]
        nodes = [{"id": f"cm0datarow{key[-15:]:0>15}", "globalKey": key} for key in page]
        after = str(first + len(page))
        return {"successesfulDataRowImports": {"nodes": nodes, "after": after, "total": len(keys)}}


def _task(task_id: str, status: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("name", "type", "result", "errors", "metadata")),
        **_MADE,
        "id": task_id,
        "status": status,
        "completionPercentage": 100,
    }


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that stays open; every request has a Content-Length."""

    def __init__(self, labelbox: Labelbox) -> None:
        self._labelbox = labelbox
        self._received = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= max(self._needed, 4):
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._received, 0, end)
            self._needed = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < self._needed:
                return
            head, body = bytes(self._received[:end]), bytes(memoryview(self._received)[end + 4 : self._needed])
            del self._received[: self._needed]
            self._needed = 0
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /files/"):
            self._send("200 OK", self._labelbox.imports.file(head.split(b" ", 2)[1].decode()))
            return
        if head.startswith(b"POST /floor"):
            data: Any = {}
        elif b"multipart/form-data" in head and (created := self._labelbox.imports.create(body, _file)):
            data = created
        elif b"multipart/form-data" in head:
            data = {"uploadFile": {"url": self._labelbox.upload(_file(body)), "filename": "file"}}
        else:
            data = self._labelbox.execute(body)
        self._send("400 Bad Request" if data is None else "200 OK", json.dumps({"data": data}).encode())

    def _send(self, status: str, content: bytes) -> None:
        start = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self._transport.write(start.encode() + content)


def _file(body: bytes) -> bytes:
    """Return the last part of a multipart body, which is the file."""
    boundary = body[: body.index(b"\r\n")]
    start = body.index(b"\r\n\r\n", body.index(b'name="1"')) + 4
    return body[start : body.rindex(b"\r\n" + boundary)]


async def serve() -> None:
    """Listen on a free port of 127.0.0.1, print it, and answer until stdin closes."""
    labelbox = Labelbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(labelbox), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    labelbox.imports.listen(port)
    print(port, flush=True)
    reader = asyncio.StreamReader()
    import sys

    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
