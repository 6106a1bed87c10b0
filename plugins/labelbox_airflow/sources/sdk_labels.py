"""Labels of the Labelbox SDK: what a DAG's author has as ``labelbox.types.Label`` becomes objects of NDJSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import SourceError

if TYPE_CHECKING:
    from labelbox.types import Label

_ENDS = ("source", "target")


def annotation_lines(annotations: Iterable[Label | Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield annotations as objects of Labelbox's import NDJSON, for tasks that hand them to the next one.

    Labels are written by the SDK's own ``NDJsonConverter``. A uuid that the author has set (``extra={"uuid": …}``)
    stays: it tells the annotation from others in every run. Those that the SDK makes up are new each time; they go, and
    the ends of relationships get names by what they say instead. The SDK drops a confidence of 0.

    :param annotations: ``labelbox.types.Label`` objects; objects of NDJSON pass as they are
    :raises SourceError: one is something else, or the SDK cannot write it
    """
    for position, given in enumerate(annotations, 1):
        if isinstance(given, Mapping):
            yield dict(given)
        else:
            yield from _lines_of(given, position)


def _lines_of(label: Any, position: int) -> list[dict[str, Any]]:
    from labelbox.types import Label

    where = f"annotation {position} of those given"
    if not isinstance(label, Label):
        raise SourceError(
            f"is a {type(label).__name__}",
            where=where,
            remedy="Give labelbox.types.Label objects, or dicts as in Labelbox's import NDJSON.",
        )
    from labelbox.data.serialization import NDJsonConverter

    try:
        lines = list(NDJsonConverter.serialize([label]))
    except Exception as error:  # whatever a validator of the SDK raises
        raise SourceError(
            f"the SDK cannot write the label of {_row_name(label)}: {error}", where=where, remedy="Correct the label."
        ) from error
    return _with_lasting_uuids(lines, _own_uuids(label))


def _row_name(label: Label) -> str:
    return f"the data row '{label.data.global_key or label.data.uid}'"


def _own_uuids(label: Label) -> set[str]:
    """Return the uuids that the author has given."""
    given = (each.extra.get("uuid") for each in label.annotations)
    return {str(uuid) for uuid in given if uuid is not None}


def _with_lasting_uuids(lines: list[dict[str, Any]], own: set[str]) -> list[dict[str, Any]]:
    """Return the lines without the uuids that the SDK has made up, the ends of relationships renamed."""
    ends = {line["relationship"].get(end) for line in lines if "relationship" in line for end in _ENDS} - own
    names: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for line in lines:
        uuid = line.get("uuid")
        if uuid in own:
            continue
        line.pop("uuid", None)
        if uuid is not None and uuid in ends:
            content = sha256(repr(line).encode()).hexdigest()[:20]
            seen[content] += 1
            names[uuid] = line["uuid"] = f"{content}-{seen[content]}"
    for line in lines:
        for end in _ENDS if "relationship" in line else ():
            named = line["relationship"].get(end)
            if named in names:
                line["relationship"][end] = names[named]
    return lines
