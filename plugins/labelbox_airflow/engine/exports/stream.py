"""The lines of an export that has ended, part by part: no more than one part is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.transport import Transport

Stream = Literal["RESULT", "ERRORS"]
_ATTEMPTS = 3  # at one part, each with a new link

_HEADER = """query GetExportMetadataHeaderPyApi($where: WhereUniqueIdInput, $streamType: TaskStreamType!) {
  task(where: $where) { exportMetadataHeader(streamType: $streamType) { totalSize totalLines } }
}"""
_FILE = """query GetExportFileFromOffsetPyApi(
  $where: WhereUniqueIdInput, $streamType: TaskStreamType!, $offset: UInt64!
) {
  task(where: $where) {
    exportFileFromOffset(streamType: $streamType, offset: $offset) {
      offsets { start end } lines { start end } file
    }
  }
}"""


class SpoiledExportError(LabelboxError):
    """What an export delivers is gone, or not what it announced; only a new export helps."""


def lines(transport: Transport, task_id: str, stream: Stream = "RESULT") -> Iterator[bytes]:
    """Yield the lines of a stream of an export, each a JSON object, without their ends; none where it is empty.

    :raises SpoiledExportError: a part, or all of it, is not as long as announced, or can be had no more
    """
    where = {"where": {"id": task_id}, "streamType": stream}
    header = _of_task(transport.execute(_HEADER, where), "exportMetadataHeader")
    if header is None:  # an empty export has no stream
        return
    size, announced = int(header["totalSize"]), int(header["totalLines"])
    offset, found, rest = 0, 0, b""
    while offset < size:
        content, end = _part(transport, where, offset, size)
        *whole, rest = (rest + content).split(b"\n")
        for line in whole:
            if line:
                found += 1
                yield line
        offset = end + 1
    if rest:
        found += 1
        yield rest
    if found != announced:
        raise _spoiled(task_id, f"delivered {found:,} lines and announced {announced:,}")


def _part(transport: Transport, where: Mapping[str, Any], offset: int, size: int) -> tuple[bytes, int]:
    """Return the bytes from an offset to the end of their part, and the offset of the last of them."""
    task_id = where["where"]["id"]
    for attempt in range(1, _ATTEMPTS + 1):
        part = _of_task(transport.execute(_FILE, {**where, "offset": str(offset)}), "exportFileFromOffset")
        if part is None:
            raise _spoiled(task_id, f"ends at byte {offset:,} of {size:,}")
        start, end = int(part["offsets"]["start"]), int(part["offsets"]["end"])
        try:
            content = b"".join(transport.download(part["file"]))
        except LabelboxUnavailableError:
            if attempt == _ATTEMPTS:
                raise
        except LabelboxError as error:
            if attempt == _ATTEMPTS:
                raise _spoiled(task_id, f"hands out its bytes from {start:,} no more ({error.message})") from error
        else:
            if len(content) == end - start + 1 and start <= offset <= end:
                return content[offset - start :], end
            if attempt == _ATTEMPTS:
                raise _spoiled(task_id, f"delivered {len(content):,} bytes as those from {start:,} to {end:,}")
    raise AssertionError("the last attempt returns or raises")


def _of_task(data: dict[str, Any] | None, field: str) -> dict[str, Any] | None:
    return ((data or {}).get("task") or {}).get(field)


def _spoiled(task_id: str, what: str) -> SpoiledExportError:
    return SpoiledExportError(f"the export {task_id} {what}", remedy="Export anew; nothing of it was kept.")
