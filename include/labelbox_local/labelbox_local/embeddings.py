"""Custom embeddings, and the import of their vectors (ADV)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError, RowError
from labelbox_local.graph import mutation, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.rows import pack_vector
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

# An embedding the real platform computes by itself (docs.labelbox.com/reference/export-quick-reference).
_PRECOMPUTED = ("c200000000000000000000000", "Image Embedding V2 (CLIP ViT-B/32)", 512)


def add_precomputed_embedding(platform: Platform) -> None:
    with platform.store.writing() as write:
        write.execute("INSERT OR IGNORE INTO embedding VALUES (?, ?, ?, 0)", _PRECOMPUTED)


def _custom(platform: Platform, embedding_id: str) -> dict[str, Any]:
    found = platform.store.row("SELECT * FROM embedding WHERE id = ? AND custom", embedding_id)
    if found is None:
        raise NotFoundError(f"Custom embedding {embedding_id} not found")
    return found


@query("embeddings")
def get_embeddings(_: Any, info: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return platform.store.rows("SELECT * FROM embedding ORDER BY rowid")


@mutation("createEmbedding")
def create_embedding(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    name, dimensions = data["name"].strip(), data["dims"]
    switches = platform.switches
    if not name:
        raise MalformedRequestError("An embedding must have a name")
    fewest, most = switches.embedding_dimensions_least, switches.embedding_dimensions
    if not fewest <= dimensions <= most:
        raise MalformedRequestError(f"dims must be from {fewest} to {most}, got {dimensions}")
    embedding_id = new_id()
    with platform.store.writing() as write:
        if write.execute("SELECT 1 FROM embedding WHERE name = ?", (name,)).fetchone():
            raise ConflictError(f"An embedding with the name '{name}' exists already")
        count = write.execute("SELECT count(*) AS count FROM embedding WHERE custom").fetchone()["count"]
        if count >= switches.custom_embeddings:
            raise MalformedRequestError(f"At most {switches.custom_embeddings} custom embeddings are allowed")
        write.execute("INSERT INTO embedding VALUES (?, ?, ?, 1)", (embedding_id, name, dimensions))
    return _custom(platform, embedding_id)


@mutation("deleteEmbedding")
def delete_embedding(_: Any, info: Any, data: dict[str, Any]) -> bool:
    platform: Platform = info.context
    found = _custom(platform, data["id"])
    with platform.store.writing() as write:
        write.execute("DELETE FROM vector WHERE embedding = ?", (found["id"],))
        write.execute("DELETE FROM embedding WHERE id = ?", (found["id"],))
    return True


def count_vectors(platform: Platform, embedding_id: str) -> int:
    """Raises: NotFoundError."""
    _custom(platform, embedding_id)
    found = platform.store.row("SELECT count(*) AS count FROM vector WHERE embedding = ?", embedding_id)
    return int(found["count"]) if found else 0


def import_vectors(platform: Platform, embedding_id: str, content: bytes) -> int:
    """Store vectors from NDJSON lines `{"id": data row id, "vector": [numbers]}`; how many. All or none.

    A vector the row already has is replaced.

    Raises:
        NotFoundError: no such custom embedding.
        MalformedRequestError: a line that is no such object, an unknown data row or a wrong vector.
    """
    dimensions = _custom(platform, embedding_id)["dims"]
    vectors: dict[str, bytes] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
            packed = pack_vector(entry["vector"], dimensions, platform.switches.embedding_dimensions)
            vectors[str(entry["id"])] = packed
        except (orjson.JSONDecodeError, KeyError, TypeError, RowError) as error:
            raise MalformedRequestError(f"line {number}: {error}") from None
    moment = now()
    with platform.store.writing() as write:
        sql = "SELECT id, seq FROM data_row WHERE id IN (SELECT value FROM json_each(?))"
        rows = {row["id"]: row["seq"] for row in write.execute(sql, (as_list(vectors),))}
        unknown = vectors.keys() - rows.keys()
        if unknown:
            raise MalformedRequestError(f"Data row not found: [{min(unknown)}]")
        write.executemany(
            "INSERT OR REPLACE INTO vector VALUES (?, ?, ?, NULL)",
            [(rows[key], embedding_id, packed) for key, packed in vectors.items()],
        )
        write.executemany(
            "UPDATE data_row SET updated_at = ?, last_activity_at = ? WHERE seq = ?",
            [(moment, moment, seq) for seq in rows.values()],
        )
    return len(vectors)
