"""One file of an export while its rows come."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO, cast

import pyarrow as pa

from labelbox_airflow.engine.exports.files.formats import FileFormat, open_writer
from labelbox_airflow.engine.exports.files.manifest import ReleasedFile
from labelbox_airflow.engine.exports.files.options import FileOptions
from labelbox_airflow.engine.exports.files.output import OutputFile
from labelbox_airflow.engine.exports.files.target import Target


class Part:
    """Writes rows to one file.

    :param path: what the manifest calls it
    """

    def __init__(
        self,
        target: Target,
        path: str,
        schema: pa.Schema,
        format_: FileFormat,
        options: FileOptions,
        partition: Mapping[str, str | None],
    ) -> None:
        self._path, self._partition = path, partition
        self._rows = 0
        self._file = OutputFile(target)
        try:
            self._writer = open_writer(format_, cast("BinaryIO", self._file), schema, options)
        except BaseException:
            self._file.discard()
            raise

    @property
    def size(self) -> int:
        """Bytes that have gone to the file; what is gathered in memory comes on top."""
        return self._file.size

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._writer.write(batch)
        self._rows += batch.num_rows

    def finish(self) -> ReleasedFile:
        """Complete the file; on an error call `discard`."""
        self._writer.close()
        self._file.commit()
        return ReleasedFile(self._path, self._rows, self._file.size, self._file.sha256, self._partition)

    def discard(self) -> None:
        """Call the file off."""
        self._file.discard()
        with suppress(Exception):
            self._writer.close()  # what it keeps elsewhere goes, and it writes nothing later
