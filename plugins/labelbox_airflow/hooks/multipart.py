"""The body of an upload."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import quote

import orjson

# As labelbox.Client.upload_data of SDK 7.17 sends it.
_UPLOAD_FILE = (
    "mutation UploadFile($file: Upload!, $contentLength: Int!, $sign: Boolean) "
    "{ uploadFile(file: $file, contentLength: $contentLength, sign: $sign) {url filename} }"
)


class MultipartUpload:
    """The body of an ``uploadFile`` request (GraphQL multipart request specification), which copies no content."""

    def __init__(self, content: bytes, *, filename: str, content_type: str) -> None:
        boundary = secrets.token_hex(16)
        variables = {"file": None, "contentLength": len(content), "sign": False}
        operations = orjson.dumps({"query": _UPLOAD_FILE, "variables": variables}).decode()
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"'
        head = (
            f"{field.format('operations')}\r\n\r\n{operations}\r\n"
            f'{field.format("map")}\r\n\r\n{{"1":["variables.file"]}}\r\n'
            f'{field.format("1")}; filename="{quote(filename)}"\r\nContent-Type: {content_type}\r\n\r\n'
        )
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts = (head.encode(), content, f"\r\n--{boundary}--\r\n".encode())

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)
