"""Behaviours that can be chosen, each with the default we believe of the real platform."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

_CHOICES = {"upsert_unknown_key": ("fail", "create"), "global_key_blanks": ("fail", "allow")}


def _switch(default: Any, says: str) -> Any:
    return field(default=default, metadata={"says": says})


@dataclass
class Switches:
    """Set by `--switch name=value` and by `POST /admin/switches`."""

    task_seconds: float = _switch(0.0, "Seconds a task stays IN_PROGRESS before its work starts")
    job_seconds: float = _switch(0.0, "Seconds a global key look-up or assignment stays IN_PROGRESS")
    upsert_unknown_key: str = _switch("fail", "What an upsert by an unknown key does: fail or create")
    global_key_blanks: str = _switch(
        "fail", "Whether leading, trailing or double blanks in a new global key fail its row: fail or allow"
    )
    global_key_length: int = _switch(200, "Longest global key, in characters")
    rows_per_task: int = _switch(150_000, "Most data rows in one upsert; more is a malformed request")
    deletes_per_call: int = _switch(4_000, "Most data rows in one deleteDataRows")
    metadata_fields: int = _switch(500, "Most custom metadata fields of the organization")
    metadata_options: int = _switch(128, "Most options of an enum metadata field")
    metadata_characters: int = _switch(4_096, "Longest string metadata value")
    custom_embeddings: int = _switch(100, "Most custom embeddings of the organization")
    embedding_dimensions: int = _switch(2_048, "Most dimensions of an embedding")
    export_filter_ids: int = _switch(2_000, "Most ids or global keys in an export filter")
    export_chunk_bytes: int = _switch(5_000_000, "Size of the files an export is handed out in, at least one line")
    signed_url_seconds: int = _switch(86_400, "How long a signed download URL can be used")

    def set(self, name: str, value: str) -> None:
        """Set one switch from text.

        Raises:
            ValueError: unknown name, or a value of the wrong type.
        """
        known = {item.name: item for item in fields(self)}
        if name not in known:
            raise ValueError(f"unknown switch '{name}'; known are: {', '.join(sorted(known))}")
        choices = _CHOICES.get(name)
        if choices and value not in choices:
            raise ValueError(f"switch {name}: '{value}' is not one of {', '.join(choices)}")
        kind: type[str | int | float] = type(getattr(self, name))
        try:
            setattr(self, name, kind(value))
        except ValueError:
            raise ValueError(f"switch {name}: '{value}' is not a valid {kind.__name__}") from None
