"""Sync files with ``attach`` in place of ``rows``: what they may say, and with which others they can live."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from labelbox_airflow.syncs.dag import build_dag
from labelbox_airflow.syncs.load import Sync, SyncFileError, claimed_fields, conflicts, load_sync
from labelbox_airflow.syncs.schema import json_schema, known_keys

from .conftest import changed

ATTACH: Mapping[str, Any] = {
    "rows": ...,
    "attach": {
        "global_key": "rcpt/{image_id}",
        "version": "updated_at",
        "metadata": {"score": "score"},
        "attachments": [{"type": "RAW_TEXT", "name": "caption", "value": "caption"}],
        "embeddings": {"clip-v4": {"column": "facts.vector", "dimensions": 768}},
    },
}


def test_a_sync_may_attach(write: Any) -> None:
    spec = load_sync(write(ATTACH)).spec
    assert (spec.rows, spec.mapping) == (None, spec.attach)
    assert spec.columns() == {
        "rows": ("image_id", "score", "caption", "updated_at"),
        "facts": ("vector", "image"),
    }
    assert claimed_fields(spec) == ["metadata.score", "attachments (RAW_TEXT caption)", "embeddings.clip-v4"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attach": ...}, "rows: is missing: say how rows become data rows, or under attach what they add to others"),
        (
            {"rows": {"row_data": "u", "global_key": "id"}},
            "attach: does not go with rows: a sync either makes data rows, or adds to those that are there",
        ),
        ({"attach/metadata/score": "fcts.score"}, "attach.metadata.score: 'fcts.score': there is no source 'fcts'. "),
        ({"attach/global_key": "rcpt"}, None),
        ({"attach/global_key": "{{x}}"}, "attach.global_key: template '{{x}}' has no column in it"),
        ({"attach/global_key": {"derive": "row_data"}}, "attach.global_key.derive: unknown key."),
        ({"attach/row_data": "uri"}, "attach.row_data: unknown key."),
        ({"attach/missing": "skip"}, "attach.missing: 'skip' is not known here. Known: reject, leave, later."),
        ({"attach/later_for": "5d"}, "attach: later_for goes with missing: later"),
        ({"attach/missing": "later", "attach/later_for": "month"}, "attach.later_for: 'month' is no duration."),
        ({"attach/transform": "x"}, "attach.transform: is not built yet in this version. Leave it out"),
        ({"labelbox/dataset/create": True}, "labelbox.dataset.create: a sync that attaches makes no dataset"),
        ({"labelbox/dataset/create": False}, None),
        ({"labelbox/dataset/description": "x"}, "labelbox.dataset.description: a sync that attaches makes no dataset"),
        (
            {"attach/attachments/1": {"type": "RAW_TEXT", "name": "caption", "value": "b"}},
            "attach.attachments.1: attach.attachments.0 is RAW_TEXT named 'caption' too; give each a name of its own",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(write: Any, changes: dict[str, Any], said: str | None) -> None:
    content = copy.deepcopy(changed(ATTACH))
    for path, value in changes.items():
        *holders, last = path.split("/")
        holder: Any = content
        for key in holders:
            holder = holder[key]
        if value is ...:
            del holder[last]
        elif isinstance(holder, list):
            holder.append(value)
        else:
            holder[last] = value
    path = write(yaml.safe_dump(content, sort_keys=False))
    if said is None:
        load_sync(path)
        return
    with pytest.raises(SyncFileError) as error:
        load_sync(path)
    (problem,) = error.value.problems
    assert problem.removeprefix(str(path)).split(": ", 1)[1].startswith(said)


def test_attaching_takes_the_place_of_rows_in_the_defaults(write: Any) -> None:
    write("rows: {row_data: uri, global_key: image_id}\n", "_defaults.yaml")
    assert load_sync(write(ATTACH)).spec.rows is None


def test_the_json_schema_knows_attach() -> None:
    validator = Draft202012Validator(json_schema())
    assert list(validator.iter_errors(changed(ATTACH))) == []
    wrong = changed({**ATTACH, "attach": {"global_key": {"derive": "row_data"}, "row_data": "uri"}})
    assert list(validator.iter_errors(wrong)) != []
    assert {"missing", "later_for", "global_key"} <= set(known_keys(("attach",)))
    assert "row_data" not in known_keys(("attach",))


@pytest.fixture
def loaded(write: Any) -> Callable[..., Sync]:
    """Write and load a sync of a name; ``changes`` go to the good file, or to that which attaches."""

    def load(name: str, base: Mapping[str, Any], **changes: Any) -> Sync:
        spelled = {key.replace("__", "/"): value for key, value in changes.items()}
        return load_sync(write({**base, "name": name, **spelled}, f"{name}.yaml"))

    return load


def found(syncs: list[Sync], tmp_path: Path) -> list[str]:
    return [problem.replace(f"{tmp_path}/", "") for problem in conflicts(syncs)]


def test_syncs_that_attach_other_fields_go_together(loaded: Any, tmp_path: Path) -> None:
    other = {"global_key": "image_id", "metadata": {"other": "x"}}
    syncs = [loaded("rows", {}), loaded("one", ATTACH), loaded("two", {"rows": ..., "attach": other})]
    assert found(syncs, tmp_path) == []


def test_the_same_field_may_be_attached_by_one_only(loaded: Any, tmp_path: Path) -> None:
    where = "of dataset 'Receipts' (connection labelbox_default). Leave the field to one of them."
    both = [loaded("one", ATTACH), loaded("two", ATTACH)]
    assert found(both, tmp_path) == [
        f"one.yaml and two.yaml both write attach.{field} {where}"
        for field in ("metadata.score", "attachments (RAW_TEXT caption)", "embeddings.clip-v4")
    ]
    country = {"global_key": "image_id", "metadata": {"country": "cc"}}
    mixed = [loaded("rows", {}), loaded("one", {"rows": ..., "attach": country})]
    assert found(mixed, tmp_path) == [f"rows.yaml and one.yaml both write metadata.country {where}"]


def test_a_sync_that_replaces_lists_leaves_no_room_in_them(loaded: Any, tmp_path: Path) -> None:
    syncs = [loaded("rows", {}, rows__lists="replace"), loaded("one", ATTACH)]
    (problem,) = found(syncs, tmp_path)
    assert problem == (
        "one.yaml writes attach.attachments (RAW_TEXT caption) of dataset 'Receipts' (connection labelbox_default), "
        "but rows.yaml replaces all attachments (rows.lists: replace). Let one sync write the whole, or name the "
        "fields and merge."
    ) or problem.startswith("one.yaml writes attach.metadata.score of dataset")
    vectors = {"global_key": "image_id", "embeddings": {"e": {"column": "v", "dimensions": 2}}}
    assert found([syncs[0], loaded("two", {"rows": ..., "attach": vectors})], tmp_path) == []
    empty = loaded("rows", {}, rows__lists="replace", rows__metadata={}, rows__attachments=[])
    assert found([empty, loaded("one", ATTACH)], tmp_path) == []


def test_a_sync_that_reads_whatever_columns_there_are_leaves_no_room(loaded: Any, tmp_path: Path) -> None:
    (problem,) = found([loaded("rows", {}, rows__column_grammar={}), loaded("one", ATTACH)], tmp_path)
    assert problem.startswith("one.yaml writes attach.")
    assert "rows.yaml reads whatever fields its columns name (rows.column_grammar)" in problem


def test_the_dag_of_a_sync_that_attaches_passes_it_on(write: Any) -> None:
    dag = build_dag(load_sync(write(ATTACH)))
    for name in ("ensure", "extract"):
        task = dag.get_task(name)
        assert task.rows is None
        assert task.attach["global_key"] == {"template": "rcpt/{image_id}"}
