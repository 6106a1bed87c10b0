"""What the engine needs of a connection to Labelbox. The hook gives one; a test may give another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class Content(Protocol):
    """Bytes to upload that are not all in memory: of a known length, and read anew at every attempt."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


class Transport(Protocol):
    """An authenticated way to Labelbox that honours rate limits and tells passing errors from final ones.

    Every method raises :class:`~labelbox_airflow.engine.errors.LabelboxUnavailableError` when the service does
    not answer or the rate limit outlasts the patience of the connection, ``LabelboxAuthenticationError`` when the
    key is refused, and ``LabelboxError`` for any other refusal.
    """

    def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = True,
        experimental: bool = False,
    ) -> dict[str, Any] | None:
        """Send one GraphQL operation and return its ``data``; None when Labelbox says RESOURCE_NOT_FOUND.

        :param idempotent: False for an operation that must not be sent twice when the first answer is lost
        :param experimental: send it to ``/_gql``
        """

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

    def upload(self, content: bytes | Content, *, filename: str, content_type: str) -> str:
        """Store ``content`` at Labelbox (GraphQL multipart ``uploadFile``) and return its URL."""

    def put_vectors(self, embedding_id: str, ndjson: bytes, *, lines: int) -> None:
        """Store up to 1,000 vectors, one ``{"id": data row id, "vector": [...]}`` a line."""

    def count_vectors(self, embedding_id: str) -> int:
        """Return how many vectors an embedding has, those of every dataset."""

    def download(self, url: str) -> Iterator[bytes]:
        """Stream the body of a signed URL that Labelbox handed out; no credentials are sent."""
