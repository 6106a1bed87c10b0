"""Releases of many small files, such as one an image, and of lists that grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from labelbox_airflow.engine.exports.files.manifest import Manifest, Provenance, ReleasedFile
from labelbox_airflow.engine.exports.files.output import OutputFile, replacing
from labelbox_airflow.engine.exports.files.release import begin_release, complete_release, new_release
from labelbox_airflow.engine.exports.files.target import Target
from labelbox_airflow.engine.parallel import map_in_order

_THREADS = 16  # a request each, and hardly a byte


@dataclass(frozen=True, slots=True)
class Piece:
    """A whole file.

    :param rows: how many objects it has
    """

    path: str
    content: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Addition:
    """More of a file that has grown before, or begins with this."""

    path: str
    content: bytes


def write_pieces(
    folder: Target,
    pieces: Iterable[Piece | Addition],
    *,
    format: str,  # noqa: A002
    release: str | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008
) -> Manifest:
    """Write a release of all pieces and return its manifest, whose ``files`` grow with their number.

    :param format: what the manifest calls it
    :param release: its name; one with the time in it when None
    :raises ConfigurationError: nothing can be written there, or there is such a release
    """
    created = datetime.now(UTC)
    name = release or new_release(created)
    place = begin_release(folder, name)
    lists: dict[str, OutputFile] = {}
    with ExitStack() as stack:
        whole = _appended(pieces, place, lists, stack)
        files = list(map_in_order(lambda piece: _write(place, piece), whole, threads=_THREADS))
    files += [ReleasedFile(path, 0, file.size, file.sha256) for path, file in lists.items()]
    ordered = tuple(sorted(files, key=lambda file: file.path))
    manifest = Manifest(name, format, pa.schema([]), ordered, (), created, provenance)
    complete_release(folder, manifest)
    return manifest


def _appended(
    pieces: Iterable[Piece | Addition], place: Target, lists: dict[str, OutputFile], stack: ExitStack
) -> Iterator[Piece]:
    """Yield the whole files; what is added to lists is written on the way."""
    for piece in pieces:
        if isinstance(piece, Piece):
            yield piece
            continue
        if piece.path not in lists:
            lists[piece.path] = stack.enter_context(replacing(place.below(piece.path)))
        lists[piece.path].write(piece.content)


def _write(place: Target, piece: Piece) -> ReleasedFile:
    with replacing(place.below(piece.path)) as file:
        file.write(piece.content)
    return ReleasedFile(piece.path, piece.rows, file.size, file.sha256)


def quoted(cells: Iterable[object]) -> bytes:
    """Return a line of CSV."""
    texts = ("" if cell is None else str(cell).replace('"', '""') for cell in cells)
    return (",".join(f'"{text}"' for text in texts) + "\n").encode()
