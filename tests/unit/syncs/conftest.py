"""A sync file that is right, for the tests to spoil one key at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelbox_airflow.syncs.load import SyncFileError, load_sync

GOOD: Mapping[str, Any] = {
    "version": 1,
    "name": "receipts",
    "labelbox": {"dataset": {"name": "Receipts"}},
    "sources": {
        "rows": {"type": "table", "uri": "s3://receipts/*.csv"},
        "facts": {"type": "table", "uri": "s3://facts/*.parquet", "join": {"image": "rows.image_id"}},
    },
    "rows": {
        "row_data": "uri",
        "global_key": "rcpt/{image_id}",
        "metadata": {"country": {"column": "cc", "kind": "enum"}},
        "attachments": [{"type": "IMAGE", "name": "thumbnail", "value": "thumb"}],
        "embeddings": {"clip-v3": {"column": "facts.vector", "dimensions": 768}},
    },
}

Write = Callable[..., Path]
Problems = Callable[..., list[str]]


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the good content with values put at paths such as ``rows/attachments/0``; ``...`` removes the key."""
    content: dict[str, Any] = copy.deepcopy(dict(GOOD))
    for path, value in changes.items():
        *holders, last = path.split("/")
        holder: Any = content
        for key in holders:
            holder = holder[int(key)] if isinstance(holder, list) else holder.setdefault(key, {})
        if value is ...:
            del holder[last]
        else:
            holder[int(last) if isinstance(holder, list) else last] = value
    return content


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELBOX_ENVIRONMENT", raising=False)
    monkeypatch.delenv("LABELBOX_SYNCS_DIR", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the good sync file with changes, or a text as it is."""

    def write_file(changes: Mapping[str, Any] | str | None = None, name: str = "receipts.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = changes if isinstance(changes, str) else yaml.safe_dump(changed(changes or {}), sort_keys=False)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def problems(write: Write) -> Problems:
    """Load the good sync file with changes and return its problems, without file and line."""

    def find_problems(changes: Mapping[str, Any] | str) -> list[str]:
        path = write(changes)
        try:
            load_sync(path, conditions=True)
        except SyncFileError as error:
            return [problem.removeprefix(str(path)).split(": ", 1)[1] for problem in error.problems]
        return []

    return find_problems
