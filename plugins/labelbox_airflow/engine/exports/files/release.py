"""Releases of a folder: written file by file, there when complete, never changed afterwards."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime

import orjson

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.exports.files.manifest import Manifest, read_document
from labelbox_airflow.engine.exports.files.output import replacing
from labelbox_airflow.engine.exports.files.target import Target

MANIFEST = "manifest.json"
LATEST = "latest.json"
_READ_BYTES = 8 << 20


def new_release(now: datetime) -> str:
    """Return a name for a release that no other has, and that sorts by time: ``20260301T023000Z-9f86d081``."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def begin_release(folder: Target, release: str) -> Target:
    """Return the folder of a new release, emptied of what a run that failed left in it.

    :raises ConfigurationError: the name is no folder's, or there is such a release already
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+=-]*", release):
        raise ConfigurationError(
            f"'{release}' cannot name a release", where=folder.place, remedy="Use letters, digits, '.', '-' and '_'."
        )
    place = folder.below(release)
    if MANIFEST in place.names():
        raise ConfigurationError(
            "this release is there, and releases do not change",
            where=place.place,
            remedy="Give the release another name, or none.",
        )
    place.remove()
    return place


def complete_release(folder: Target, manifest: Manifest) -> None:
    """Make a release whose files are all there the latest: its manifest is written, then ``latest.json``."""
    with replacing(folder.below(manifest.release).below(MANIFEST)) as file:
        file.write(manifest.to_json())
    pointer = {"release": manifest.release, "manifest": f"{manifest.release}/{MANIFEST}"}
    with replacing(folder.below(LATEST)) as file:
        file.write(orjson.dumps(pointer, option=orjson.OPT_INDENT_2))


def beside_file(target: Target) -> Target:
    """Return where the manifest of a single file is."""
    return target.beside(f"{target.name}.{MANIFEST}")


def read_manifest(target: Target, release: str | None = None) -> Manifest:
    """Return the manifest of a release of a folder, or of a single file.

    :param release: the latest when None
    :raises SourceError: there is none
    """
    manifest = read_document(target.below(release).below(MANIFEST)) if release else _latest(target)
    if manifest is None:
        what = f"there is no release '{release}'" if release else "there is no release, nor a file with a manifest"
        raise SourceError(what, where=target.place, remedy=_releases_remedy(target))
    return manifest


def _latest(target: Target) -> Manifest | None:
    pointer = target.below(LATEST).read()
    if pointer is None:
        return read_document(beside_file(target))
    return read_document(target.below(orjson.loads(pointer)["manifest"]))


def _releases_remedy(target: Target) -> str:
    known = release_names(target)
    return f"There are: {', '.join(known[-5:])}." if known else "Correct the place, or run the export first."


def release_names(folder: Target) -> list[str]:
    """Return the names of the complete releases of a folder, in order."""
    return [name for name in folder.names() if MANIFEST in folder.below(name).names()]


def folder_of(target: Target, manifest: Manifest) -> Target:
    """Return what the paths of a manifest's files start from."""
    is_single = len(manifest.files) == 1 and manifest.files[0].path == target.name == manifest.release
    return target.beside("") if is_single else target.below(manifest.release)


def verify(target: Target, manifest: Manifest) -> None:
    """Read every file of a release and compare it with the manifest.

    :raises SourceError: files are missing or are not what was written; names the first ten
    """
    folder = folder_of(target, manifest)
    wrong = [
        f"{file.path} {what}" for file in manifest.files if (what := _damage(folder.below(file.path), file.sha256))
    ]
    if wrong:
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise SourceError(
            f"the release is not as it was written: {', '.join(wrong[:10])}{more}",
            where=folder.place,
            remedy="Use another release, or export again.",
        )


def _damage(file: Target, sha256: str) -> str | None:
    digest = hashlib.sha256()
    with file.errors(file.place):
        try:
            with file.file_system.open(file.path, "rb", block_size=_READ_BYTES) as content:
                while block := content.read(_READ_BYTES):
                    digest.update(block)
        except FileNotFoundError:
            return "is missing"
    return None if digest.hexdigest() == sha256 else "has another checksum"
