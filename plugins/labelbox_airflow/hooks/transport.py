"""The way to Labelbox for bulk work: GraphQL, uploads, vectors and downloads."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit

import orjson
import requests

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.transport import Content
from labelbox_airflow.hooks.answers import Answer, AnswerReader
from labelbox_airflow.hooks.connection import LabelboxConnection
from labelbox_airflow.hooks.failures import root_cause
from labelbox_airflow.hooks.multipart import UPLOAD_FILE, MultipartRequest
from labelbox_airflow.hooks.sender import LOST, Sender

_DOWNLOAD_CHUNK = 1 << 20
_OPERATION = re.compile(r"\s*(query|mutation)\b\s*(\w*)")


class LabelboxTransport:
    """Talks to Labelbox as the SDK would, with retries that know which requests may be repeated.

    The SDK repeats every request, mutations included, for 120 s after a 5xx, and none after a 429; this one repeats
    what the rate limit held off or what never left, and everything else only when it is idempotent. It may be shared
    by threads.

    :param sender: sends and repeats the requests; by default over connections of its own
    """

    def __init__(self, connection: LabelboxConnection, *, sender: Sender | None = None) -> None:
        self._connection = connection
        self._read = AnswerReader(connection)
        self._sender = sender or Sender(connection)
        self._headers = connection.headers()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections; the next request opens new ones."""
        self._sender.close()

    @property
    def calls(self) -> int:
        """Requests sent so far, repeated ones and downloads included."""
        return self._sender.calls

    @property
    def write_calls(self) -> int:
        """Those of :attr:`calls` that write: mutations, uploads, vectors."""
        return self._sender.write_calls

    def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = True,
        experimental: bool = False,
    ) -> dict[str, Any] | None:
        """Send one GraphQL operation and return its ``data``; None when Labelbox says RESOURCE_NOT_FOUND.

        Times in ``variables`` (timezone-aware) are sent in UTC.

        :param idempotent: False for an operation that must not be sent twice when the first answer is lost
        :param experimental: send it to ``/_gql``
        """
        kind, operation = _describe(query)
        url = self._connection.experimental_endpoint if experimental else self._connection.endpoint
        body = orjson.dumps(
            {"query": query, "variables": variables or {}}, default=_encode, option=orjson.OPT_PASSTHROUGH_DATETIME
        )
        return self._graphql(url, "application/json", body, operation, idempotent=idempotent, writes=kind == "mutation")

    def execute_with_file(
        self,
        query: str,
        variables: Mapping[str, Any],
        content: bytes | Content,
        *,
        filename: str,
        content_type: str,
    ) -> dict[str, Any] | None:
        """Send one mutation with a file as its variables ``$file`` and ``$contentLength``, and return its ``data``.

        Not repeated when its answer is lost, as Labelbox may have carried it out.
        """
        _, operation = _describe(query)
        body = MultipartRequest(query, variables, content, filename=filename, content_type=content_type)
        url = self._connection.endpoint
        return self._graphql(url, body.content_type, body, operation, idempotent=False, writes=True)

    def upload(self, content: bytes | Content, *, filename: str, content_type: str) -> str:
        """Store ``content`` at Labelbox (GraphQL multipart ``uploadFile``) and return its URL.

        Safe to repeat: an upload nobody refers to has no effect.
        """
        body = MultipartRequest(UPLOAD_FILE, {"sign": False}, content, filename=filename, content_type=content_type)
        operation = f"the upload of {filename}"
        data = self._graphql(
            self._connection.endpoint, body.content_type, body, operation, idempotent=True, writes=True
        )
        stored = data.get("uploadFile") if data else None
        if not isinstance(stored, dict) or not stored.get("url"):
            raise LabelboxError(f"{operation} was answered without a URL", where=self._connection.where)
        return str(stored["url"])

    def put_vectors(self, embedding_id: str, ndjson: bytes, *, lines: int) -> None:
        """Store up to 1,000 vectors, one ``{"id": data row id, "vector": [...]}`` a line.

        A vector replaces the one its data row has, so a repeated request changes nothing.
        """
        url = f"{self._connection.vectors_endpoint}/embeddings/{quote(embedding_id, safe='')}/_import_ndjson"
        headers = {
            "Authorization": self._headers["Authorization"],
            "Content-Type": "application/x-ndjson",
            "X-Content-Lines": str(lines),
        }
        body = ndjson if ndjson.endswith(b"\n") else ndjson + b"\n"
        operation = f"storing {lines} vectors of embedding {embedding_id}"

        def attempt() -> None:
            response = self._sender.send("PUT", url, headers=headers, body=body, operation=operation, writes=True)
            self._read.check(_answer(response), operation)

        self._sender.persist(attempt, idempotent=True)

    def count_vectors(self, embedding_id: str) -> int:
        """Return how many vectors an embedding has, those of every dataset."""
        url = f"{self._connection.vectors_endpoint}/embeddings/{quote(embedding_id, safe='')}/vectors/_count"
        headers = {"Authorization": self._headers["Authorization"], "Content-Type": "application/json"}
        operation = f"counting the vectors of embedding {embedding_id}"

        def attempt() -> int:
            response = self._sender.send("GET", url, headers=headers, operation=operation)
            return self._read.count(_answer(response), operation)

        return self._sender.persist(attempt, idempotent=True)

    def download(self, url: str) -> Iterator[bytes]:
        """Stream the body of a signed URL that Labelbox handed out; no credentials are sent.

        Repeated until the first byte has come; a body that breaks off later, or is shorter than announced, raises
        ``LabelboxUnavailableError``.
        """
        operation = f"the download of {urlsplit(url).path.rsplit('/', 1)[-1] or 'a file'}"
        if urlsplit(url).scheme not in {"http", "https"}:
            raise LabelboxError(f"{operation} has no http(s) URL", where=self._connection.where)
        response, chunks = self._sender.persist(lambda: self._open_download(url, operation), idempotent=True)
        with response:
            yield from self._complete(response, chunks, operation)

    def _graphql(
        self,
        url: str,
        content_type: str,
        body: bytes | MultipartRequest,
        operation: str,
        *,
        idempotent: bool,
        writes: bool,
    ) -> dict[str, Any] | None:
        headers = {**self._headers, "Content-Type": content_type}

        def attempt() -> dict[str, Any] | None:
            response = self._sender.send("POST", url, headers=headers, body=body, operation=operation, writes=writes)
            return self._read.graphql(_answer(response), operation)

        return self._sender.persist(attempt, idempotent=idempotent)

    def _open_download(self, url: str, operation: str) -> tuple[requests.Response, Iterator[bytes]]:
        # A compressed body would not have the length that is announced.
        headers = {"Accept-Encoding": "identity"}
        response = self._sender.send("GET", url, headers=headers, operation=operation, stream=True)
        failure: Exception
        try:
            chunks = response.iter_content(_DOWNLOAD_CHUNK)
            first = next(chunks, b"")
        except LOST as error:
            response.close()
            failure = error
        else:
            self._check_download(response, operation)
            return response, itertools.chain((first,), chunks)
        raise self._sender.lost(failure, url, operation)

    def _check_download(self, response: requests.Response, operation: str) -> None:
        if response.status_code == 200:
            return
        response.close()
        answer = Answer(response.status_code, response.headers, b"")
        if answer.status in {408, 429} or answer.status >= 500:
            self._read.check(answer, operation)
        raise LabelboxError(
            f"{operation} was answered {answer.status}",
            where=self._connection.where,
            remedy="Links of Labelbox expire; ask for a new one and try again",
        )

    def _complete(self, response: requests.Response, chunks: Iterator[bytes], operation: str) -> Iterator[bytes]:
        received = 0
        failure: Exception | None = None
        try:
            for chunk in chunks:
                received += len(chunk)
                yield chunk
        except LOST as error:
            failure = error
        # urllib3 before 2.0 takes a body cut short for whole.
        announced = response.headers.get("Content-Length")
        if failure is None and announced in {None, str(received)}:
            return
        raise LabelboxUnavailableError(
            f"{operation} broke off after {received} of {announced or 'an unknown number of'} bytes",
            where=self._connection.where,
            remedy="Try again",
        ) from (root_cause(failure) if failure else None)


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _describe(query: str) -> tuple[str, str]:
    match = _OPERATION.match(query)
    if match is None:
        return "query", "the query"
    return match[1], match[2] or f"the {match[1]}"


def _encode(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} cannot be sent to Labelbox")
