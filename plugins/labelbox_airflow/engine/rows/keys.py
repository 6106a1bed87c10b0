"""Global keys: the identity of a data row, the same on every run."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from labelbox_airflow.engine.columns import text_buffers, text_bytes
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import GlobalKeySpec, KeySpec, ValueSpec
from labelbox_airflow.engine.rows.values import text_column, texts, values_of

MAX_LENGTH = 200  # characters; docs.labelbox.com/docs/limits
_HASH_LENGTH = 16
FIELD = "global_key"
_USUAL = re.compile(r"[^\s\x00]*").fullmatch


class KeyReader:
    """Reads the global key of each row.

    :param spec: column, template, or derived from the object's URI
    :param row_data: where the URI is; needed to derive keys, so row_data must be a single value then
    """

    def __init__(self, spec: KeySpec, row_data: ValueSpec | dict[str, Any] | None) -> None:
        self._derived = isinstance(spec, GlobalKeySpec) and spec.derive is not None
        self._too_long = spec.too_long
        source = row_data if self._derived else spec
        if not isinstance(source, ValueSpec):
            raise ValueError("global_key.derive needs a row_data that is a single URI")  # noqa: TRY004
        self._source, self._values = source, values_of(source)

    def read(self, rows: pa.RecordBatch, problems: Problems) -> list[str | None]:
        """Return the key of each row; None, with a problem noted, where there is no usable one."""
        column = None if self._derived else text_column(self._source, rows)
        if column is not None and _are_usual(column):
            usual: list[str | None] = column.to_pylist()
            return usual
        keys = texts(self._values(rows))
        if self._derived:
            keys = [key if key is None else _without_query(key) for key in keys]
        return [
            key if key and len(key) <= MAX_LENGTH and _USUAL(key) else self._unusual(index, key, problems)
            for index, key in enumerate(keys)
        ]

    def _unusual(self, index: int, key: str | None, problems: Problems) -> str | None:
        if not key:
            problems.add(index, "null_key", FIELD, key, "is empty; every row needs a global key")
            return None
        if key != key.strip() or "  " in key:
            # LP tests/integration/test_global_keys.py: such keys are refused on assignment.
            problems.add(
                index, "bad_key", FIELD, key, "has a leading, trailing or double blank, which Labelbox refuses"
            )
            return None
        if "\x00" in key:
            problems.add(index, "bad_key", FIELD, key, "has a NUL character, which no database keeps")
            return None
        if len(key) > MAX_LENGTH:
            return self._shortened(index, key, problems)
        return key

    def _shortened(self, index: int, key: str, problems: Problems) -> str | None:
        if self._too_long == "reject":
            reason = f"has {len(key)} characters; Labelbox takes {MAX_LENGTH}. Set global_key.too_long: hash to shorten"
            problems.add(index, "key_too_long", FIELD, key, reason)
            return None
        digest = blake2b(key.encode(), digest_size=_HASH_LENGTH // 2).hexdigest()
        return f"{key[: MAX_LENGTH - _HASH_LENGTH - 1]}~{digest}"


def _are_usual(keys: pa.Array) -> bool:
    """Tell whether all keys are ASCII without blanks and of a fitting length: what most are."""
    offsets, _ = text_buffers(keys)
    lengths, characters = np.diff(offsets), text_bytes(keys)
    fitting = ((lengths > 0) & (lengths <= MAX_LENGTH)).all()
    return bool(not keys.null_count and fitting and ((characters > ord(" ")) & (characters < 127)).all())


def _without_query(uri: str) -> str:
    """Return an https URL without query and fragment; in the names of objects at s3:// and gs://, ? and # are text."""
    if not uri[:8].lower().startswith(("http://", "https://")):
        return uri
    return uri.partition("?")[0].partition("#")[0]
