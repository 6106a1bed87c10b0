"""What became of every line of an import: the file of statuses, most of which are read without being looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from labelbox_airflow.engine.api.annotation_imports import ImportState
from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.transport import Transport

# A quote inside a value is escaped, so neither can be part of one.
_TAKEN = re.compile(rb'"status": ?"SUCCESS"')
_UUID = re.compile(rb'"uuid": ?"([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"')


class Statuses(NamedTuple):
    """What Labelbox says of the lines; uuids by their first 64 bits, as a signed number.

    :param taken: uuids of the lines that it took
    :param refused: uuid → message of those that it did not
    """

    taken: npt.NDArray[np.int64]
    refused: dict[int, str]


def read_statuses(transport: Transport, state: ImportState) -> Statuses:
    """Return what became of the lines of an import that has ended.

    :raises LabelboxError: a line of the file cannot be read, or the file is gone (it is kept for 24 hours)
    """
    taken: list[npt.NDArray[np.int64]] = []
    refused: dict[int, str] = {}
    for lines in _blocks(transport, state):
        uuids = _UUID.findall(lines)
        if len(uuids) == len(_TAKEN.findall(lines)) == _lines_in(lines):
            taken.append(_first_bits(uuids))
            continue
        said = [_status(line, state.name) for line in lines.split(b"\n") if line.strip()]
        taken.append(_first_bits([uuid for uuid, message in said if message is None]))
        refused.update((_bits(uuid), message) for uuid, message in said if message is not None)
    return Statuses(np.concatenate([np.empty(0, np.int64), *taken]), refused)


def _blocks(transport: Transport, state: ImportState) -> Iterator[bytes]:
    """Yield the file in parts of whole lines; split at line feeds alone, as U+2028 and the like may be in a value."""
    rest = b""
    for chunk in transport.download(state.statuses) if state.statuses else ():
        whole, feed, rest = (rest + chunk).rpartition(b"\n")
        if feed:
            yield whole
    if rest:
        yield rest


def _lines_in(block: bytes) -> int:
    return block.count(b"\n") + (not block.endswith(b"\n"))


def _first_bits(uuids: list[bytes]) -> npt.NDArray[np.int64]:
    octets = bytes.fromhex(b"".join(uuids).replace(b"-", b"").decode())
    return np.frombuffer(octets, ">i8")[::2].astype(np.int64)


def _bits(uuid: bytes) -> int:
    return int(_first_bits([uuid])[0])


def _status(line: bytes, name: str) -> tuple[bytes, str | None]:
    try:
        read = orjson.loads(line)
        return _plain(str(read["uuid"])), None if read["status"] == "SUCCESS" else _messages(read.get("errors"))
    except (TypeError, KeyError, ValueError) as error:
        shown = line[:200].decode(errors="replace")
        raise LabelboxError(f"the statuses of the import '{name}' have a line that cannot be read: {shown}") from error


def _plain(uuid: str) -> bytes:
    """Return the 32 digits of a uuid. Raises: ValueError where it is none."""
    digits = uuid.replace("-", "")
    if len(bytes.fromhex(digits)) != 16:
        raise ValueError(uuid)
    return digits.encode()


def _messages(errors: Any) -> str:
    said = [str(error.get("message") or error.get("name")) for error in errors or () if isinstance(error, dict)]
    return "; ".join(said) or "Labelbox refused it and gave no reason"
