"""What the bare server knows of imports of annotations: the data rows of a project, and jobs that take every line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.bench import labels
from tests.bench.boxes import SIZE

PART_BYTES = 5_000_000
_UUID = re.compile(rb'"uuid": ?"([^"]+)"')
_KIND = "odelAssistedLabelingPredictionImport"


class Imports:
    """Jobs by name, and the files that are downloaded."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, Any]] = {}
        self._files: dict[str, bytes] = {}
        self._exported: dict[str, tuple[str, int, int]] = {}  # task → project, first row, and after the last
        self._host = ""
        self.operations: dict[str, Callable[[dict[str, Any]], Any]] = {
            "exportDataRowsInProjectPyApi": self._export,
            "GetExportMetadataHeaderPyApi": self._header,
            "GetExportFileFromOffsetPyApi": self._part,
            f"getM{_KIND}PyApi": lambda v: {f"m{_KIND}": self._jobs.get(v["name"])},
        }

    def listen(self, port: int) -> None:
        """Learn under which port the files are downloaded."""
        self._host = f"http://127.0.0.1:{port}"

    def file(self, path: str) -> bytes:
        """Return a file that was announced, once."""
        return self._files.pop(path)

    def create(self, body: bytes, file_of: Callable[[bytes], bytes]) -> Any:
        """Take an import that comes as multipart; return None for another operation."""
        operations = json.loads(body[body.index(b"{") : body.index(b"\r\n", body.index(b"{"))])
        if f"createM{_KIND}" not in operations["query"]:
            return None
        name = operations["variables"]["name"]
        statuses = (
            b'{"status":"SUCCESS","uuid":"'
            + b'"}\n{"status":"SUCCESS","uuid":"'.join(_UUID.findall(file_of(body)))
            + b'"}\n'
        )
        url = self._keep(f"/files/statuses-{len(self._jobs)}", statuses)
        self._jobs[name] = {
            "id": f"import-{len(self._jobs)}",
            "name": name,
            "state": "FINISHED",
            "progress": "100%",
            "statusFileUrl": url,
            "errorFileUrl": None,
        }
        return {f"createM{_KIND}": self._jobs[name]}

    def _export(self, variables: dict[str, Any]) -> Any:
        filters = variables["input"]["filters"]
        query = filters.get("searchQuery", {}).get("query", [])
        keys = [key for each in query if each["type"] == "global_key" for key in each["ids"]]
        numbers = [int(key[-9:]) for key in keys] or [
            0,
            _number_of(filters["projectId"]) - 1,
        ]  # they follow one another
        task = f"export-{len(self._exported)}"
        self._exported[task] = filters["projectId"], min(numbers), max(numbers) + 1
        return {"exportDataRowsInProject": {"taskId": task, "isStreamable": True}}

    def _header(self, variables: dict[str, Any]) -> Any:
        project, first, stop = self._exported[variables["where"]["id"]]
        header = {"totalSize": (stop - first) * len(_lines(project, 0, 1)), "totalLines": stop - first}
        return {"task": {"exportMetadataHeader": header}}

    def _part(self, variables: dict[str, Any]) -> Any:
        project, first, stop = self._exported[variables["where"]["id"]]
        length = len(_lines(project, 0, 1))
        begin = int(variables["offset"]) // length
        end = min(begin + PART_BYTES // length, stop - first)
        part = {
            "offsets": {"start": str(begin * length), "end": str(end * length - 1)},
            "lines": {"start": str(begin), "end": str(end - 1)},
            "file": self._keep("/files/export", _lines(project, first + begin, first + end)),
        }
        return {"task": {"exportFileFromOffset": part}}

    def _keep(self, path: str, content: bytes) -> str:
        self._files[path] = content
        return f"{self._host}{path}"


def _number_of(project: str) -> int:
    """Return how many data rows a project has, whose id ends in their number."""
    return int(project[-15:])


def _lines(project: str, first: int, stop: int) -> bytes:
    """Return lines of the export of a project, all of one length."""
    if labels.is_labeled(project):
        return labels.exported(project, first, stop)
    width, height = SIZE
    asset = f'"media_attributes":{{"width":{width},"height":{height}}}'
    return b"".join(
        f'{{"data_row":{{"id":"cm0row{number:019d}","global_key":"receipt/{number:09d}"}},{asset},'
        f'"projects":{{"{project}":{{"labels":[]}}}}}}\n'.encode()
        for number in range(first, stop)
    )
