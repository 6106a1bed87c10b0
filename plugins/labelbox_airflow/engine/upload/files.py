"""Local files of a unit's rows: uploaded to Labelbox, so that the rows can name the URLs that it gives them."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import LabelboxAuthenticationError, LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.parallel import map_in_order
from labelbox_airflow.engine.rows.assets import LOCAL_FILE
from labelbox_airflow.engine.rows.local_files import LocalFile, LocalFileError, LocalFiles
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.units import UnitRows

THREADS = 4  # parallel uploads; Labelbox's community advises no more

_log = logging.getLogger(__name__)
_TOLD_EACH = 1000


class Refusal(NamedTuple):
    """Why a row cannot be sent: a stable code and a sentence."""

    code: str
    reason: str


class _Content:
    """The bytes of a file, for an upload that may be repeated."""

    def __init__(self, files: LocalFiles, file: LocalFile) -> None:
        self._files, self._file = files, file

    def __len__(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[bytes]:
        return self._files.pieces(self._file)


class FileUploads:
    """Uploads the local files of one unit, each once, and remembers the outcome by row.

    :param files: what may be uploaded
    :ivar urls: URL of the uploaded file by the row's sequence
    :ivar refused: by sequence, rows whose file cannot be sent
    """

    def __init__(self, transport: Transport, files: LocalFiles) -> None:
        self._transport = transport
        self._files = files
        self.urls: dict[int, str] = {}
        self.refused: dict[int, Refusal] = {}

    def as_dict(self) -> dict[str, Any]:
        """Return what was uploaded as plain values, for JSON."""
        return {"urls": list(self.urls.items()), "refused": [[row, *why] for row, why in self.refused.items()]}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over what :meth:`as_dict` gave, in another task."""
        self.urls = dict(saved["urls"])
        self.refused = {row: Refusal(code, reason) for row, code, reason in saved["refused"]}

    def upload(self, unit: UnitRows, indices: Sequence[int]) -> None:
        """Upload the files of some rows, but for those that are uploaded or refused already.

        :raises LabelboxUnavailableError: Labelbox does not answer; what was uploaded so far is remembered
        """
        texts = unit.take(indices).column(LOCAL_FILE).to_pylist()
        done = self.urls.keys() | self.refused.keys()
        wanted = [
            (unit.sequences[index], LocalFile(**orjson.loads(text)))
            for index, text in zip(indices, texts, strict=True)
            if text is not None and unit.sequences[index] not in done
        ]
        for number, (row, outcome) in enumerate(map_in_order(self._upload_one, wanted, threads=THREADS), 1):
            if isinstance(outcome, Refusal):
                self.refused[row] = outcome
            else:
                self.urls[row] = outcome
            if number % _TOLD_EACH == 0 or number == len(wanted):
                counts = (number, len(wanted), len(self.urls), len(self.refused))
                _log.info("%s of %s files done: %s uploaded, %s refused", *(f"{count:,}" for count in counts))

    def with_urls(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return ``rows`` with the URLs of their uploaded files as row_data."""
        assets = rows.column("row_data").to_pylist()
        for index, row in enumerate(rows.column("sequence").to_pylist()):
            if row in self.urls:
                assets[index] = orjson.dumps(self.urls[row]).decode()
        place = rows.schema.get_field_index("row_data")
        return rows.set_column(place, "row_data", pa.array(assets, pa.string()))

    def _upload_one(self, wanted: tuple[int, LocalFile]) -> tuple[int, str | Refusal]:
        row, file = wanted
        name = file.path.rpartition("/")[2]
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        try:
            return row, self._transport.upload(_Content(self._files, file), filename=name, content_type=kind)
        except LocalFileError as error:
            return row, Refusal(error.code, error.message)
        except (LabelboxUnavailableError, LabelboxAuthenticationError):
            raise
        except LabelboxError as error:
            return row, Refusal("refused", f"Labelbox refused the file '{file.path}': {error}")
