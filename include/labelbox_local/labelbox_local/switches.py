"""Behaviours that can be chosen, each with the default we believe of the real platform."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

_CHOICES = {
    "retry_after_header": ("send", "omit"),
    "attachment_repeat": ("append", "ignore"),
    "upsert_unknown_key": ("fail", "create"),
    "global_key_blanks": ("fail", "allow"),
    "model_run_config_keys": ("camel", "keep"),
    "import_name_reuse": ("conflict", "allow"),
    "label_import_repeat": ("replace", "append", "reject"),
    "prelabel_repeat": ("append", "replace"),
    "label_import_relationships": ("documents", "allow", "refuse"),
    "mea_prediction_imports": ("refuse", "allow"),
    "row_outside_project": ("fail", "accept"),
    "annotation_uuid": ("strict", "any"),
    "classification_scope": ("check", "ignore"),
    "mask_pixels": ("when_readable", "always", "never"),
    "export_key_frames": ("map", "list"),
}

# What is not confirmed of the platform, by the switch that lets it be either way.
DOUBTS = {
    "task_seconds": "How long tasks take",
    "job_seconds": "How long look-ups and assignments of global keys take",
    "retry_after_header": "Whether 429 carries Retry-After",
    "upsert_unknown_key": "Whether an upsert by a global key that no row has makes one",
    "global_key_blanks": "Whether blanks that an assignment refuses are refused on create too",
    "row_data_characters": "How long a text may be: the docs say 64,000 characters, and 16 MB",
    "attachments_per_row": "Whether attachments of a row are limited",
    "attachment_repeat": "Whether an attachment that the row has is made again",
    "global_key_free_seconds": "How long the global key of a deleted row is not free: the SDK's tests wait up to 180 s",
    "metadata_characters": "The longest string: the docs have said 500, 1,024 and 4,096",
    "embedding_dimensions_least": "The fewest dimensions of an embedding",
    "model_run_config_keys": "What becomes of the keys of a config",
    "webhook_attempts": "How often a delivery is tried",
    "webhook_retry_seconds": "How long after a failed delivery it is tried again",
    "import_annotations": "What the limit of an import counts",
    "import_name_reuse": "What a second import of one name does",
    "label_import_repeat": "What a second label import for a row does",
    "prelabel_repeat": "What a second pre-label import for a row does",
    "label_import_relationships": "Which label imports take relationships",
    "row_outside_project": "What a line for a row outside the project does",
    "annotation_uuid": "Which uuids are refused",
    "classification_scope": "Whether the scope of a classification binds its answers",
    "mask_pixels": "Whether a mask that can not be read fails",
    "export_key_frames": "The form of key_frame_feature_map",
    "export_index_seconds": "How late exports have what is new: the SDK's tests wait 7 s",
    "signed_url_seconds": "How long the files of an export can be read",
}


def _switch(default: Any, says: str) -> Any:
    return field(default=default, metadata={"says": says})


@dataclass
class Switches:
    """Set by `--switch name=value` and by `POST /admin/switches`."""

    task_seconds: float = _switch(0.0, "Seconds a task stays IN_PROGRESS before its work starts")
    job_seconds: float = _switch(0.0, "Seconds a global key look-up or assignment stays IN_PROGRESS")
    requests_per_minute: int = _switch(0, "Most requests in a minute, before they get 429; 0 for no limit")
    retry_after_header: str = _switch("send", "Whether such a 429 carries Retry-After: send or omit")
    upsert_unknown_key: str = _switch("fail", "What an upsert by an unknown key does: fail or create")
    global_key_blanks: str = _switch(
        "fail", "Whether leading, trailing or double blanks in a new global key fail its row: fail or allow"
    )
    global_key_length: int = _switch(200, "Longest global key, in characters")
    total_data_rows: int = _switch(0, "Most data rows of the organization; 0 for no limit")
    rows_per_task: int = _switch(150_000, "Most data rows in one upsert; more is a malformed request")
    row_data_characters: int = _switch(
        16_000_000, "Longest row_data, which may be a text itself; the docs say both 64,000 and 16 MB"
    )
    attachments_per_row: int = _switch(0, "Most attachments of a data row; 0 for no limit")
    attachment_repeat: str = _switch(
        "append", "A further attachment equal to one the row has, made by itself: append, or ignore"
    )
    global_key_free_seconds: float = _switch(0.0, "Seconds until the global key of a deleted row is free again")
    deletes_per_call: int = _switch(4_000, "Most data rows in one deleteDataRows")
    metadata_fields: int = _switch(500, "Most custom metadata fields of the organization")
    metadata_options: int = _switch(128, "Most options of an enum metadata field")
    metadata_characters: int = _switch(4_096, "Longest string metadata value")
    custom_embeddings: int = _switch(100, "Most custom embeddings of the organization")
    embedding_dimensions_least: int = _switch(1, "Fewest dimensions of an embedding")
    embedding_dimensions: int = _switch(2_048, "Most dimensions of an embedding")
    batch_rows: int = _switch(100_000, "Most data rows in one batch; more makes several batches or is refused")
    projects: int = _switch(0, "Most projects of the organization; 0 for no limit")
    ontologies: int = _switch(0, "Most ontologies of the organization; 0 for no limit")
    features_per_ontology: int = _switch(4_000, "Most tools, classifications and options of an ontology")
    invites: int = _switch(100, "Most users and open invites of the organization together")
    model_runs: int = _switch(1_000, "Most model runs of the organization")
    model_run_rows: int = _switch(1_000_000, "Most data rows of a model run")
    model_run_config_keys: str = _switch(
        "camel", "What becomes of the keys of the config a model run is made with: camel or keep"
    )
    webhook_attempts: int = _switch(4, "How often the delivery of a webhook is tried before it fails")
    webhook_retry_seconds: float = _switch(
        1.0, "Seconds before a delivery is tried again; each wait is twice the one before"
    )
    import_annotations: int = _switch(10_000_000, "Most annotations in one annotation import; more fails the import")
    import_file_seconds: int = _switch(
        86_400, "How long the input, status and error files of an annotation import can be read after its end"
    )
    import_name_reuse: str = _switch(
        "conflict", "A second annotation import of one name: conflict (refused), or allow (polls find the newest)"
    )
    label_import_repeat: str = _switch(
        "replace", "A label import for a row that has a label of the same user: replace, append, or reject its lines"
    )
    prelabel_repeat: str = _switch("append", "A second pre-label import for a row: append or replace")
    label_import_relationships: str = _switch(
        "documents", "Whether label imports take relationships: documents (only of PDF), allow or refuse"
    )
    mea_prediction_imports: str = _switch(
        "refuse", "Prediction imports into model runs: refuse, as the platform does since it deprecated them, or allow"
    )
    row_outside_project: str = _switch(
        "fail", "An annotation for a row that is in no batch of the project: fail or accept"
    )
    annotation_uuid: str = _switch("strict", "What an annotation's uuid may be: strict (a UUID) or any text")
    classification_scope: str = _switch(
        "check", "Whether frames and message ids are for classifications of scope index only: check or ignore"
    )
    mask_pixels: str = _switch(
        "when_readable", "Masks by address are looked into: when_readable, always (or they fail), never"
    )
    export_key_frames: str = _switch(
        "map", "key_frame_feature_map of a video in an export: map (frame to flag) or list"
    )
    export_index_seconds: float = _switch(
        0.0, "Seconds until exports have a new row or label, and filters by time find what was changed"
    )
    export_filter_ids: int = _switch(2_000, "Most ids or global keys in an export filter")
    exports_at_once: int = _switch(20, "Most exports that run at one time")
    exports_per_project: int = _switch(10, "Most exports of one project that run at one time")
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


def switch_table() -> str:
    """Every switch, as a table in Markdown."""
    rows = [f"| `{item.name}` | `{item.default}` | {item.metadata['says']} |" for item in fields(Switches)]
    return "\n".join(["| switch | default | what it does |", "|---|---|---|", *rows])


def doubt_table() -> str:
    """What is not confirmed of the platform, with the default we believe, as a table in Markdown."""
    defaults = {item.name: item.default for item in fields(Switches)}
    rows = [
        f"| {doubt} | `{name}` | `{defaults[name]}` | {', '.join(_others(name, defaults[name])) or 'any number'} |"
        for name, doubt in DOUBTS.items()
    ]
    return "\n".join(["| not confirmed | switch | believed | others |", "|---|---|---|---|", *rows])


def _others(name: str, default: Any) -> list[str]:
    return [f"`{choice}`" for choice in _CHOICES.get(name, ()) if choice != default]
