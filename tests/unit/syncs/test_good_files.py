"""What a right sync file means: defaults, environments, variables, schedules, columns."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.syncs.columns import template_columns
from labelbox_airflow.syncs.load import SyncFileError, find_syncs, load_sync, sync_directory
from labelbox_airflow.syncs.local_files import upload_paths
from labelbox_airflow.syncs.spec import ScheduleSpec


def test_a_small_file_gets_sane_defaults(write: Any) -> None:
    sync = load_sync(write())
    spec = sync.spec
    assert (sync.name, sync.environment, spec.schedule, spec.catchup, spec.pool) == (
        "receipts",
        None,
        None,
        False,
        None,
    )
    assert (spec.labelbox.connection, spec.labelbox.dataset.create) == ("labelbox_default", True)
    assert (spec.labelbox.dataset.delegated_access, spec.units.rows, spec.start_date) == (
        None,
        50_000,
        date(2020, 1, 1),
    )
    assert (spec.main, list(spec.joined), spec.join_on("facts")) == ("rows", ["facts"], {"image": "image_id"})
    assert spec.sources["facts"].missing == "reject"


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ({"every": "15m"}, "*/15 * * * *"),
        ({"every": "hour"}, "0 * * * *"),
        ({"every": "60m"}, "0 * * * *"),
        ({"every": "6h"}, "0 */6 * * *"),
        ({"every": "day"}, "0 0 * * *"),
        ({"every": "24h", "at": "2:05"}, "5 2 * * *"),
        ({"every": "day", "at": "02:30"}, "30 2 * * *"),
        ({"every": "week", "at": "23:59"}, "59 23 * * 1"),
        ({"every": "month"}, "0 0 1 * *"),
        ({"cron": "1 2 3 4 5"}, "1 2 3 4 5"),
        ({"cron": "*/15 08-18 L JAN,6-8 mon-fri"}, "*/15 08-18 L JAN,6-8 mon-fri"),
        ({"cron": "0 0 * * 5#2"}, "0 0 * * 5#2"),
        ({"after": "receipts"}, None),
    ],
)
def test_a_schedule_becomes_five_cron_fields(schedule: dict[str, str], cron: str | None) -> None:
    assert ScheduleSpec.model_validate(schedule).cron() == cron


def test_scalars_are_those_of_yaml_1_2(write: Any) -> None:
    text = write({"schedule": {"every": "day", "at": "AT"}, "rows/metadata": {"x": {"value": "VALUE"}}}).read_text()
    spec = load_sync(write(text.replace("AT", "12:30", 1).replace("VALUE", "NO"))).spec
    assert spec.schedule is not None
    assert (spec.schedule.at, spec.rows.metadata["x"].value) == ("12:30", "NO")


def test_a_key_that_looks_like_a_number_is_text(write: Any) -> None:
    text = write({"rows/metadata": {"KEY": "cc"}}).read_text().replace("KEY", "2024")
    assert list(load_sync(write(text)).spec.rows.metadata) == ["2024"]


def test_columns_are_found_wherever_the_file_names_them(write: Any) -> None:
    changes = {
        "rows/version": "updated_at",
        "rows/external_id": "facts.name",
        "rows/metadata": {"a": "cc", "b": {"template": "{cc}-{facts.city}"}, "c": {"value": 1}},
        "sources/rows/window": {"by": "column", "column": "changed_at"},
    }
    assert load_sync(write(changes)).spec.columns() == {
        "rows": ("uri", "image_id", "cc", "thumb", "updated_at", "changed_at"),
        "facts": ("name", "city", "vector", "image"),
    }


def test_columns_of_a_structured_row_data_are_found(write: Any) -> None:
    row_data = {
        "tile_layer_url": "https://t/{layer}/{{z}}/{{x}}/{{y}}.png",
        "bounds": [["south", {"column": "facts.west"}]],
        "epsg": {"value": "EPSG4326"},
        "min_zoom": 3,
    }
    columns = load_sync(write({"rows/row_data": row_data})).spec.columns()
    assert columns == {"rows": ("layer", "south", "image_id", "cc", "thumb"), "facts": ("west", "vector", "image")}


def test_the_column_grammar_needs_every_column_of_the_main_source(write: Any) -> None:
    columns = load_sync(write({"rows/column_grammar": {}})).spec.columns()
    assert columns == {"rows": None, "facts": ("vector", "image")}


def test_template_columns_pass_over_doubled_braces() -> None:
    assert template_columns("{{a}}/{b}/{image id}/{f.c}") == ("b", "image id", "f.c")


def test_variables_are_replaced_with_their_value_or_default(write: Any) -> None:
    path = write(
        {"labelbox/connection": "${env.CONN}", "sources/rows/uri": "s3://${env.BUCKET:-receipts}-${env.X:-}/*"}
    )
    spec = load_sync(path, variables={"CONN": "labelbox_dev"}).spec
    assert (spec.labelbox.connection, spec.sources["rows"].uri) == ("labelbox_dev", "s3://receipts-/*")


def test_a_number_may_come_from_a_variable(write: Any) -> None:
    path = write({"units": {"rows": "${env.UNIT_ROWS}"}, "guard": {"max_rejected": "${env.UNIT_ROWS}"}})
    spec = load_sync(path, variables={"UNIT_ROWS": "500"}).spec
    assert (spec.units.rows, spec.guard.max_rejected) == (500, 500)


def test_defaults_lie_under_the_file_and_keep_its_first_source_first(write: Any) -> None:
    write(
        "owner: data-team\nsources: {facts: {type: table, uri: 's3://else/*.csv', connection: aws_facts}}\n"
        "labelbox: {connection: team, dataset: {delegated_access: aws}}\n",
        "_defaults.yaml",
    )
    spec = load_sync(write()).spec
    assert (spec.owner, spec.labelbox.connection, spec.labelbox.dataset.delegated_access) == (
        "data-team",
        "team",
        "aws",
    )
    assert (spec.main, spec.sources["facts"].uri) == ("rows", "s3://facts/*.parquet")
    assert spec.sources["facts"].connection == "aws_facts"


def test_another_kind_of_schedule_or_dataset_takes_the_place_of_the_default(write: Any) -> None:
    write("schedule: {every: day, at: '02:30', timezone: Asia/Tokyo}\nlabelbox: {dataset: {id: x}}\n", "_defaults.yaml")
    spec = load_sync(write({"schedule": {"cron": "1 2 * * *"}})).spec
    assert spec.schedule == ScheduleSpec(cron="1 2 * * *", timezone="Asia/Tokyo")
    assert (spec.labelbox.dataset.id, spec.labelbox.dataset.name) == (None, "Receipts")


def test_a_problem_of_the_defaults_is_located_there(write: Any, tmp_path: Path) -> None:
    write("owner: data-team\nguard: {min_row: 1}\n", "_defaults.yaml")
    with pytest.raises(SyncFileError) as caught:
        load_sync(write())
    assert str(caught.value) == (
        f"{tmp_path / '_defaults.yaml'}:2: guard.min_row: unknown key. Did you mean 'min_rows'?"
    )


def test_an_environment_overrides_the_file(write: Any) -> None:
    path = write({"environments": {"dev": {"labelbox": {"connection": "labelbox_dev"}}, "prod": {}}})
    loaded = {name: load_sync(path, variables={"LABELBOX_ENVIRONMENT": name}) for name in ("dev", "prod", "")}
    assert [sync.spec.labelbox.connection for sync in loaded.values()] == [
        "labelbox_dev",
        "labelbox_default",
        "labelbox_default",
    ]
    assert [sync.environment for sync in loaded.values()] == ["dev", "prod", None]


def test_a_problem_of_an_environment_is_located_there(write: Any) -> None:
    path = write({"environments": {"dev": {"units": {"rows": 0}}}})
    line = len(path.read_text().splitlines())
    with pytest.raises(SyncFileError) as caught:
        load_sync(path, variables={"LABELBOX_ENVIRONMENT": "dev"})
    assert str(caught.value) == f"{path}:{line}: units.rows: 0 is not at least 1"


def test_an_unknown_environment_is_refused(write: Any) -> None:
    path = write({"environments": {"dev": {}, "prod": {}}})
    with pytest.raises(SyncFileError) as caught:
        load_sync(path, variables={"LABELBOX_ENVIRONMENT": "prd"})
    assert str(caught.value) == (
        f"{path}: environments: there is no environment 'prd', which LABELBOX_ENVIRONMENT names. Did you mean 'prod'?"
    )


def test_the_hash_is_that_of_the_meaning_not_of_the_text(write: Any) -> None:
    plain = load_sync(write()).hash
    assert load_sync(write("# a comment\n" + write().read_text() + "catchup: false\n")).hash == plain
    forth, back = ({"rows/metadata": dict(order)} for order in ([("a", "a"), ("b", "b")], [("b", "b"), ("a", "a")]))
    assert load_sync(write(forth)).hash == load_sync(write(back)).hash
    assert load_sync(write({"rows/metadata/country": "land"})).hash != plain
    assert len(plain) == 16
    assert set(plain) <= set("0123456789abcdef")


def test_a_guard_counts_rows_or_shares() -> None:
    assert [GuardSpec(max_rejected="1%").allows_rejected(n, 200) for n in (2, 3)] == [True, False]
    assert [GuardSpec(max_rejected=2).allows_rejected(n, 200) for n in (2, 3)] == [True, False]
    assert GuardSpec().allows_rejected(200, 200)
    assert GuardSpec(max_rejected="0%").allows_rejected(0, 0)


def test_sync_files_are_found_by_name_without_defaults_and_hidden_files(write: Any, tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "_defaults.yaml", ".hidden.yaml", "notes.txt", "sub/c.yaml"):
        write("x: 1\n", name)
    assert [path.name for path in find_syncs(tmp_path)] == ["a.yml", "b.yaml"]


def test_a_missing_directory_of_sync_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no such directory of sync files\. Set LABELBOX_SYNCS_DIR"):
        find_syncs(tmp_path / "nope")


def test_the_directory_of_sync_files_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sync_directory(Path("/repo/include/syncs")) == Path("/repo/include/syncs")
    monkeypatch.setenv("LABELBOX_SYNCS_DIR", "/bundle/syncs")
    assert sync_directory(Path("/repo/include/syncs")) == Path("/bundle/syncs")


def test_two_suffixes_of_one_name_are_refused(write: Any, tmp_path: Path) -> None:
    path = write()
    write({}, "receipts.yml")
    with pytest.raises(SyncFileError) as caught:
        load_sync(path)
    assert str(caught.value).endswith(
        f"name: {tmp_path / 'receipts.yaml'} and {tmp_path / 'receipts.yml'} are two syncs of one name. "
        "Rename or remove one"
    )


def test_an_error_survives_the_way_between_processes(write: Any) -> None:
    with pytest.raises(SyncFileError) as caught:
        load_sync(write({"version": 2, "colour": 1}))
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_the_sample_sync_loads() -> None:
    samples = Path(__file__).resolve().parents[3] / "include" / "syncs"
    assert [load_sync(path, variables={}).name for path in find_syncs(samples)] == [p.stem for p in find_syncs(samples)]


def test_columns_of_sidecars_belong_to_the_source_of_their_objects(write: Any) -> None:
    sidecar = {"name": "about", "path": "{stem}.json"}
    photos = {"type": "objects", "uri": "s3://photos/*", "sidecar": sidecar}
    main = load_sync(
        write(
            {
                "sources": {
                    "photos": photos,
                    "facts": {"type": "table", "uri": "f.csv", "join": {"id": "photos.about.id"}},
                },
                "rows": {"row_data": "uri", "global_key": "{about.place.city}/{stem}", "external_id": "facts.name"},
            }
        )
    ).spec
    assert main.columns() == {"photos": ("uri", "about.place.city", "stem", "about.id"), "facts": ("name", "id")}
    joined = load_sync(
        write({"sources/photos": {**photos, "join": {"about.id": "rows.id"}}, "rows/external_id": "photos.about.title"})
    ).spec
    assert joined.columns()["photos"] == ("about.title", "about.id")


def test_local_files_are_uploaded_from_what_is_listed_or_named(write: Any, tmp_path: Path) -> None:
    listing = {"photos": {"type": "objects", "uri": "photos/{date:%Y}/*.jpg", "window": {"by": "path"}}}
    for given, expected in {
        "upload": [f"{tmp_path}/photos/*/*.jpg"],
        "{upload: /data}": ["/data"],
        "{upload: [scans, 'file:///data/*.png']}": [f"{tmp_path}/scans", "/data/*.png"],
    }.items():
        changes = {"sources": listing, "rows": {"row_data": "uri", "global_key": "path"}}
        changes["rows"]["local_files"] = yaml.safe_load(given)
        spec = load_sync(write(changes)).spec
        assert spec.rows is not None
        assert spec.rows.local_files is not None
        assert upload_paths(spec.rows.local_files, spec, tmp_path) == expected


def test_loading_a_sync_imports_nothing_heavy(write: Any) -> None:
    heavy = {"airflow", "boto3", "fsspec", "labelbox", "lbox", "numpy", "orjson", "pandas", "pyarrow", "sqlalchemy"}
    code = (
        "import sys; from labelbox_airflow.syncs.load import load_sync; load_sync(sys.argv[1]).spec.columns(); "
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(write())], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
