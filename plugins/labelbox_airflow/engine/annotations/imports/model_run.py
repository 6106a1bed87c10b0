"""The model run that predictions go into: made where it is missing, its data rows attached and split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from labelbox_airflow.engine.annotations.imports.spec import SPLITS, ImportSpec, SplitColumn
from labelbox_airflow.engine.annotations.targets import BY_ID
from labelbox_airflow.engine.api.models import (
    ModelRun,
    Split,
    add_rows,
    assign_splits,
    create_model,
    create_model_run,
    find_model,
    find_model_run,
    remove_rows,
)
from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError
from labelbox_airflow.engine.transport import Transport

if TYPE_CHECKING:
    from labelbox_airflow.engine.annotations.imports.job_lines import PlannedRow

_MOMENT = re.compile(r"\{window\.end(?::([^{}]*))?\}")
GIVEN_UP = "Labelbox has given up importing predictions into model runs"


class PredictionsRefusedError(ConfigurationError):
    """Labelbox takes no predictions into model runs."""


def run_name(template: str, end: datetime) -> str:
    """Return a name with ``{window.end:%Y-%m-%d}`` filled in."""
    return _MOMENT.sub(lambda found: end.strftime(found[1] or "%Y-%m-%d"), template)


def ensure_model_run(transport: Transport, spec: ImportSpec, ontology_id: str, end: datetime) -> ModelRun:
    """Find the model and its run by their names, or make them.

    :param ontology_id: of the project, for a model that is made
    :param end: of the run's window
    :raises ConfigurationError: the model has another ontology than the project
    """
    assert spec.model is not None  # as checked by the spec
    assert spec.run is not None
    model = find_model(transport, spec.model) or create_model(transport, spec.model, ontology_id)
    if model.ontology_id != ontology_id:
        raise ConfigurationError(
            f"the model '{model.name}' has another ontology ({model.ontology_id}) than the project ({ontology_id})",
            where="annotations.model",
            remedy="Name another model, or a project with that ontology.",
        )
    name = run_name(spec.run, end)
    return find_model_run(transport, model.id, name) or create_model_run(transport, model.id, name)


def split_of(spec: ImportSpec, key: str, said: str | None) -> str | None:
    """Return the split of a data row: what the source said, or by a hash of its key, the same in every run."""
    if spec.split is None or isinstance(spec.split, SplitColumn):
        return said
    if isinstance(spec.split, str):
        return SPLITS[spec.split]
    drawn = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") / 2**64
    reached, last = 0.0, "UNASSIGNED"
    for name, share in spec.split.shares().items():
        reached, last = reached + share, SPLITS[name]
        if drawn < reached:
            break
    return last


def prepare_rows(transport: Transport, run_id: str, rows: Sequence[PlannedRow]) -> None:
    """See to it that data rows are in the run, with no former predictions, and in their splits."""
    splits: dict[str, str | None] = {row.key: row.split for row in rows}
    remove_rows(transport, run_id, ids_that_go_first(rows))
    keys, ids = _named(splits)
    add_rows(transport, run_id, keys=keys, ids=ids)
    chosen = {split: _named([key for key in splits if splits[key] == split]) for split in SPLITS.values()}
    assigned: dict[Split, tuple[list[str], list[str]]] = {split: named for split, named in chosen.items() if any(named)}
    if assigned:
        assign_splits(transport, run_id, assigned)


def ids_that_go_first(rows: Sequence[PlannedRow]) -> list[str]:
    """Return the ids of the labels, or data rows of a model run, that are replaced."""
    return list(dict.fromkeys(each for row in rows for each in (row.goes_first or "").split()))


def _named(keys: Sequence[str] | dict[str, str | None]) -> tuple[list[str], list[str]]:
    """Return the global keys, and the ids, of data rows."""
    ids = [key.removeprefix(BY_ID) for key in keys if key.startswith(BY_ID)]
    return [key for key in keys if not key.startswith(BY_ID)], ids


def refusal(error: LabelboxError) -> PredictionsRefusedError | None:
    """Return what a refused import of predictions is, None for errors that pass or are of the key."""
    if type(error) is not LabelboxError:
        return None
    return PredictionsRefusedError(
        f"Labelbox refuses the predictions: {error.message}",
        where="annotations.as: predictions",
        remedy=f"{GIVEN_UP}; the run and its data rows are there. Import them as: prelabels, or ask Labelbox to allow "
        "it.",
    )
