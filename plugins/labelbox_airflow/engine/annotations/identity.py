"""The uuid of each annotation: the same for the same annotation in every run, and unmoved by its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha1
from typing import NamedTuple
from uuid import UUID

# Any uuid will do, as long as it never changes: it is the root of all those that are made here.
_ROOT = UUID("2f7f5d0e-8a0b-5f0c-9b7e-6a54d1c3e901")
_SEPARATOR = "\x1f"


class Uuid(NamedTuple):
    """A uuid as text, and its first 64 bits as a signed number, which is enough to tell it from those of its row."""

    text: str
    mark: int


class Identity:
    """Makes uuids (version 5, RFC 9562) for the annotations that a sync puts into a project or model run.

    They are made of the sync, the target, the data row, the class, and the source's own id of the annotation. One
    without an id goes by what it says, and by how many equal ones of the row came before it: a further box shifts none
    of the others.

    :param target: id of the project or model run
    """

    def __init__(self, sync: str, target: str) -> None:
        self._base = sha1(_ROOT.bytes + f"{sync}{_SEPARATOR}{target}".encode(), usedforsecurity=False)

    def of_row(self, key: str, annotations: Iterable[tuple[str, str | None, bytes]]) -> list[Uuid]:
        """Return the uuids of all annotations of one data row.

        :param key: the global key, or id, of the data row
        :param annotations: class, the source's own id, and a digest of what the annotation says
        """
        row = self._base.copy()
        row.update(f"{_SEPARATOR}{key}{_SEPARATOR}".encode())
        seen: Counter[tuple[str, bytes]] = Counter()
        found = []
        for class_name, source_id, content in annotations:
            one = row.copy()
            if source_id is not None:
                one.update(f"{class_name}{_SEPARATOR}id{_SEPARATOR}{source_id}".encode())
            else:
                ordinal = seen[class_name, content]
                seen[class_name, content] = ordinal + 1
                one.update(f"{class_name}{_SEPARATOR}value{_SEPARATOR}{ordinal}{_SEPARATOR}".encode() + content)
            found.append(_uuid(one.digest()))
        return found


def _uuid(digest: bytes) -> Uuid:
    """Return the uuid of version 5, variant 1, that the first 16 bytes make."""
    text = digest.hex()
    variant = _VARIANT[text[16]]
    whole = f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
    return Uuid(whole, int.from_bytes(digest[:8], signed=True) & ~0xF000 | 0x5000)


_VARIANT = {f"{digit:x}": f"{digit & 0b11 | 0b1000:x}" for digit in range(16)}
