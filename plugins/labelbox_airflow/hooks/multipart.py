"""The body of a GraphQL request that carries a file."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from labelbox_airflow.engine.transport import Content

# As labelbox.Client.upload_data of SDK 7.17 sends it.
UPLOAD_FILE = (
    "mutation UploadFile($file: Upload!, $contentLength: Int!, $sign: Boolean) "
    "{ uploadFile(file: $file, contentLength: $contentLength, sign: $sign) {url filename} }"
)


class MultipartRequest:
    """A GraphQL operation with a file (GraphQL multipart request specification); copies no content.

    :param variables: those beside ``file``, which stands for the content, and ``contentLength``
    """

    def __init__(
        self,
        query: str,
        variables: Mapping[str, Any],
        content: bytes | Content,
        *,
        filename: str,
        content_type: str,
    ) -> None:
        boundary = secrets.token_hex(16)
        sent = {**variables, "file": None, "contentLength": len(content)}
        operations = orjson.dumps({"query": query, "variables": sent}).decode()
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"'
        head = (
            f"{field.format('operations')}\r\n\r\n{operations}\r\n"
            f'{field.format("map")}\r\n\r\n{{"1":["variables.file"]}}\r\n'
            f'{field.format("1")}; filename="{quote(filename)}"\r\nContent-Type: {content_type}\r\n\r\n'
        )
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head, self._content, self._tail = head.encode(), content, f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + len(self._content) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        if isinstance(self._content, bytes):
            yield self._content
        else:
            yield from self._content
        yield self._tail
