"""Custom embeddings: find or make them by name, write vectors of data rows that exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError, LabelboxUnavailableError, did_you_mean
from labelbox_airflow.engine.rows.spec import EmbeddingSpec
from labelbox_airflow.engine.transport import Transport

VECTOR_BATCH = 1000  # lines a request; SDK adv_client.py

_LIST = "query GetEmbeddingsPyApi { embeddings { id name dims custom } }"
_CREATE = """mutation CreateEmbeddingPyApi($data: CreateEmbeddingInput!) {
  createEmbedding(data: $data) { id name dims custom }
}"""


def embedding_ids(
    transport: Transport,
    wanted: Mapping[str, EmbeddingSpec],
    *,
    create: bool,
    missing_ok: bool = False,
    place: str = "rows",
) -> dict[str, str]:
    """Return the ids of custom embeddings by name.

    :param create: make those that are missing, where their spec says ``new_embedding: add``
    :param missing_ok: leave those out that would be made (a dry run)
    :param place: what the mapping is called in the sync file
    :raises ConfigurationError: when one is missing and may not be made, or has other dimensions
    """
    if not wanted:
        return {}
    held = {e["name"]: e for e in (transport.execute(_LIST) or {}).get("embeddings", ()) if e["custom"]}
    ids: dict[str, str] = {}
    for name, spec in wanted.items():
        found = held.get(name)
        if found is None:
            if spec.new_embedding != "add":
                raise ConfigurationError(
                    f"Labelbox has no custom embedding '{name}'",
                    where=f"{place}.embeddings.{name}",
                    remedy=f"{did_you_mean(name, held)} Or set new_embedding: add.",
                )
            if create:
                ids[name] = _create(transport, name, spec.dimensions)
            elif not missing_ok:
                raise ConfigurationError(f"Labelbox has no custom embedding '{name}' (yet)")
        elif found["dims"] != spec.dimensions:
            raise ConfigurationError(
                f"the embedding '{name}' has {found['dims']} dimensions in Labelbox, the sync says {spec.dimensions}",
                where=f"{place}.embeddings.{name}.dimensions",
                remedy="Dimensions cannot change; use another name, or the same number.",
            )
        else:
            ids[name] = found["id"]
    return ids


def _create(transport: Transport, name: str, dimensions: int) -> str:
    try:
        data = {"name": name, "dims": dimensions}
        created = transport.execute(_CREATE, {"data": data}, idempotent=False) or {}
        return str(created["createEmbedding"]["id"])
    except LabelboxUnavailableError:
        raise
    except LabelboxError:  # another run may have made it just now
        held = {e["name"]: e for e in (transport.execute(_LIST) or {}).get("embeddings", ()) if e["custom"]}
        if name not in held or held[name]["dims"] != dimensions:
            raise
        return str(held[name]["id"])


def put_vectors(transport: Transport, embedding_id: str, vectors: Iterable[tuple[str, str]]) -> None:
    """Write vectors of data rows that exist, replacing those of this embedding only.

    :param vectors: pairs of data row id and vector as JSON text
    """
    for batch in batched(vectors, VECTOR_BATCH):
        lines = "".join(f'{{"id":"{id_}","vector":{vector}}}\n' for id_, vector in batch)
        transport.put_vectors(embedding_id, lines.encode(), lines=len(batch))
