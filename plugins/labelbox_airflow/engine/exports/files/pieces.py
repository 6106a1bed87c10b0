"""Releases of many small files, such as one an image, and of lists that grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from labelbox_airflow.engine.exports.files.manifest import Manifest, Provenance, ReleasedFile
from labelbox_airflow.engine.exports.files.output import OutputFile, replacing
from labelbox_airflow.engine.exports.files.release import begin_release, beside_file, complete_release, new_release
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
    """More of a file that has grown before, or begins with this.

    :param rows: how many objects it adds
    """

    path: str
    content: bytes
    rows: int = 0


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
    with ExitStack() as stack:
        lists = _Lists(place, stack)
        whole = lists.filled(pieces)
        files = list(map_in_order(lambda piece: _write(place, piece), whole, threads=_THREADS))
    files += lists.files()
    ordered = tuple(sorted(files, key=lambda file: file.path))
    manifest = Manifest(name, format, pa.schema([]), ordered, (), created, provenance)
    complete_release(folder, manifest)
    return manifest


def write_single(
    target: Target,
    pieces: Iterable[Addition],
    *,
    format: str,  # noqa: A002
    provenance: Provenance = Provenance(),  # noqa: B008
) -> Manifest:
    """Write additions to one file, which is replaced as a whole, and a manifest beside it; return that.

    :raises ConfigurationError: nothing can be written there
    """
    created, rows = datetime.now(UTC), 0
    with replacing(target) as file:
        for piece in pieces:
            file.write(piece.content)
            rows += piece.rows
    released = ReleasedFile(target.name, rows, file.size, file.sha256)
    manifest = Manifest(target.name, format, pa.schema([]), (released,), (), created, provenance)
    with replacing(beside_file(target)) as beside:
        beside.write(manifest.to_json())
    return manifest


class _Lists:
    """The files of a release that grow; they are there when ``stack`` ends well."""

    def __init__(self, place: Target, stack: ExitStack) -> None:
        self._place, self._stack = place, stack
        self._open: dict[str, OutputFile] = {}
        self._rows: Counter[str] = Counter()

    def filled(self, pieces: Iterable[Piece | Addition]) -> Iterator[Piece]:
        """Yield the whole files; what is added to lists is written on the way."""
        for piece in pieces:
            if isinstance(piece, Piece):
                yield piece
                continue
            if piece.path not in self._open:
                self._open[piece.path] = self._stack.enter_context(replacing(self._place.below(piece.path)))
            self._open[piece.path].write(piece.content)
            self._rows[piece.path] += piece.rows

    def files(self) -> list[ReleasedFile]:
        return [ReleasedFile(path, self._rows[path], file.size, file.sha256) for path, file in self._open.items()]


def _write(place: Target, piece: Piece) -> ReleasedFile:
    with replacing(place.below(piece.path), is_new=True) as file:  # to look takes longer the more there are
        file.write(piece.content)
    return ReleasedFile(piece.path, piece.rows, file.size, file.sha256)


def quoted(cells: Iterable[object]) -> bytes:
    """Return a line of CSV."""
    texts = ("" if cell is None else str(cell).replace('"', '""') for cell in cells)
    return (",".join(f'"{text}"' for text in texts) + "\n").encode()
