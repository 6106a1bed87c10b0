"""What is gathered of an annotation until it is decided on."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

Extent = tuple[float, float, float, float]
"""Left, top, right and bottom end of a shape."""

NO_EXTENT: tuple[()] = ()
"""Of what no asset is too small for."""


class Gathered(NamedTuple):
    """An annotation, or one that was rejected while it was read; all values are those that `marshal` takes.

    :param identity: the data row: its global key, or its id behind `BY_ID`
    :param line: NDJSON of an import, without a uuid and a line end; empty for a rejected one
    :param digest: of what the line says
    :param extent: as far as the shape reaches; `NO_EXTENT`; or None where only the annotation itself can tell
    :param related: whether it is a relationship, whose ends have to be named by uuids
    :param reject: code, field, reason and line (JSON) of a rejected one
    :param split: of the data row, where the source says
    """

    identity: str
    class_name: str
    source_id: str | None
    line: bytes
    digest: bytes
    place: int
    position: int
    extent: Extent | tuple[()] | None
    related: bool
    reject: tuple[str, str | None, str, bytes] | None = None
    split: str | None = None


def digest_of(line: bytes) -> bytes:
    """Return 64 bits that tell a line from others."""
    return blake2b(line, digest_size=8).digest()
