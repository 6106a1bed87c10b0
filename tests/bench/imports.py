"""What the bare server knows of imports of annotations: the data rows of a project, and jobs that take every line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.bench.boxes import SIZE

_UUID = re.compile(rb'"uuid": ?"([^"]+)"')
_KIND = "odelAssistedLabelingPredictionImport"


class Imports:
    """Jobs by name, and the files that are downloaded."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, Any]] = {}
        self._files: dict[str, bytes] = {}
        self._exported: dict[str, list[bytes]] = {}
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
        keys = next((frozenset(each["ids"]) for each in query if each["type"] == "global_key"), None)
        task = f"export-{len(self._exported)}"
        self._exported[task] = _rows(filters["projectId"], keys)
        return {"exportDataRowsInProject": {"taskId": task, "isStreamable": True}}

    def _header(self, variables: dict[str, Any]) -> Any:
        lines = self._exported[variables["where"]["id"]]
        header = {"totalSize": sum(map(len, lines)), "totalLines": len(lines)}
        return {"task": {"exportMetadataHeader": header}}

    def _part(self, variables: dict[str, Any]) -> Any:
        lines = self._exported[variables["where"]["id"]]
        content = b"".join(lines)
        part = {
            "offsets": {"start": "0", "end": str(len(content) - 1)},
            "lines": {"start": "0", "end": str(len(lines) - 1)},
            "file": self._keep("/files/export", content),
        }
        return {"task": {"exportFileFromOffset": part}}

    def _keep(self, path: str, content: bytes) -> str:
        self._files[path] = content
        return f"{self._host}{path}"


def _rows(project: str, keys: frozenset[str] | None) -> list[bytes]:
    """Return the export of the data rows of a project, whose id ends in their number; of all, or of some keys."""
    width, height = SIZE
    asset = f'"media_attributes":{{"width":{width},"height":{height}}}'
    numbered = ((number, f"receipt/{number:09d}") for number in range(int(project[-15:])))
    return [
        f'{{"data_row":{{"id":"cm0row{number:019d}","global_key":"{key}"}},{asset},'
        f'"projects":{{"{project}":{{"labels":[]}}}}}}\n'.encode()
        for number, key in numbered
        if keys is None or key in keys
    ]
