"""Everything that can be wrong with a sync file, and the sentence that its author gets to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from labelbox_airflow.syncs.load import SyncFileError, load_sync

from .conftest import GOOD

PHOTOS: Mapping[str, Any] = {"type": "objects", "uri": "s3://photos/*.jpg", "join": {"stem": "rows.image_id"}}
SIDECAR: Mapping[str, Any] = {"path": "{stem}.json"}
FACTS: Mapping[str, Any] = {"facts": {"type": "table", "uri": "s3://facts/*.parquet", "join": {"id": "photos.stem"}}}

SQL = {"type": "sql", "connection": "warehouse", "table": "facts", "join": {"a": "rows.a"}}

ONE_PROBLEM: dict[str, tuple[Mapping[str, Any], str]] = {
    "typo in a nested key": (
        {"rows/metadata/country/knd": "enum"},
        "rows.metadata.country.knd: unknown key. Did you mean 'kind'?",
    ),
    "typo at the top": ({"schedul": None}, "schedul: unknown key. Did you mean 'schedule'?"),
    "typo in a list item": (
        {"rows/attachments/0/nam": "x"},
        "rows.attachments.0.nam: unknown key. Did you mean 'name'?",
    ),
    "typo in row_data": (
        {"rows/row_data": {"colum": "uri"}},
        "rows.row_data.colum: unknown key. Did you mean 'column'?",
    ),
    "empty row_data": (
        {"rows/row_data": {}},
        "rows.row_data: is empty; name a column or template, or the keys of a structured asset",
    ),
    "typo in the only key of a value": (
        {"rows/metadata/country": {"colum": "cc"}},
        "rows.metadata.country.colum: unknown key. Did you mean 'column'?",
    ),
    "version from the future": ({"version": 2}, "version: 2 is not 1, the only one there is"),
    "missing key": ({"rows/global_key": ...}, "rows.global_key: is missing"),
    "missing block": ({"labelbox": ...}, "labelbox: is missing"),
    "enum value": (
        {"rows/metadata/country/kind": "enumm"},
        "rows.metadata.country.kind: 'enumm' is not known here (string, number, datetime, enum). Did you mean 'enum'?",
    ),
    "too many dimensions": (
        {"rows/embeddings/clip-v3/dimensions": 3000},
        "rows.embeddings.clip-v3.dimensions: 3000 is not at most 2048",
    ),
    "not a number": ({"guard": {"min_rows": "lots"}}, "guard.min_rows: 'lots' is not a whole number"),
    "a share that is none": (
        {"guard": {"max_rejected": "1 %"}},
        "guard.max_rejected: '1 %' is neither a number of rows nor a share such as 1%",
    ),
    "more than all": (
        {"guard": {"max_rejected": "101%"}},
        "guard.max_rejected: '101%' is neither a number of rows nor a share such as 1%",
    ),
    "a unit over Labelbox's limit": ({"units": {"rows": 200_000}}, "units.rows: 200000 is not at most 150000"),
    "null block": ({"units": None}, "units: null is not a mapping of keys"),
    "id and name": (
        {"labelbox/dataset/id": "x"},
        "labelbox.dataset: give exactly one of id or name (given: both)",
    ),
    "two ways to say a value": (
        {"rows/metadata/country": {"column": "cc", "value": 1}},
        "rows.metadata.country: give exactly one of column, template or value (given: column, value)",
    ),
    "no such day": ({"start_date": "soon"}, "start_date: 'soon' is not a date such as 2026-01-31"),
    "catchup without schedule": (
        {"catchup": True},
        "catchup: there are no intervals to make up for without 'every' or 'cron' in the schedule",
    ),
    "catchup without start": (
        {"catchup": True, "schedule": {"every": "day"}},
        "catchup: needs a start_date: the first day to make up for",
    ),
    "name of another file": (
        {"name": "receipt"},
        "name: 'receipt' is not the name of the file. Write 'receipts', or rename the file",
    ),
    "source name": (
        {"sources/2x": {"type": "table", "uri": "x", "join": {"a": "rows.a"}}},
        "sources.2x: '2x' is not a name of letters, digits and '_' that begins with a letter or '_'",
    ),
    "join on the first source": (
        {"sources/rows/missing": "leave"},
        "sources.rows.missing: 'rows' is the first source, to which the others are joined",
    ),
    "second source without a join": (
        {"sources/facts/join": ...},
        "sources.facts.join: is missing: say which columns match, such as {id: rows.id}",
    ),
    "join to no source": (
        {"sources/facts/join": {"image": "row.image_id"}},
        "sources.facts.join.image: 'row.image_id': there is no source 'row'. Did you mean 'rows'?",
    ),
    "join to a bare column": (
        {"sources/facts/join": {"image": "image_id"}},
        "sources.facts.join.image: 'image_id' names no column of 'rows'; write rows.<column>",
    ),
    "join to itself": (
        {"sources/facts/join": {"image": "facts.image"}},
        "sources.facts.join.image: 'facts.image': sources are joined to the first one; write rows.image",
    ),
    "column of an unknown source": (
        {"rows/metadata/country": "fact.cc"},
        "rows.metadata.country: 'fact.cc': there is no source 'fact'. Did you mean 'facts'?",
    ),
    "column of the first source by its name": (
        {"rows/version": "rows.updated_at"},
        "rows.version: 'rows.updated_at': a column of the first source is named alone: updated_at",
    ),
    "unclosed template": (
        {"rows/external_id": "{x"},
        "rows.external_id: template '{x': expected '}' before end of string; write {{ and }} for braces as such",
    ),
    "empty template": (
        {"rows/external_id": "a{}"},
        "rows.external_id: template 'a{}' has empty braces; write a column's name into them",
    ),
    "formatted template": (
        {"rows/external_id": "{x:05d}"},
        "rows.external_id: template '{x:05d}': {x} takes a column's name alone, no format",
    ),
    "key without a column": (
        {"rows/global_key": "{{x}}"},
        "rows.global_key: template '{{x}}' has no column in it: every row would have the same key",
    ),
    "local file": (
        {"rows/row_data": "file:///data/{x}.png"},
        (
            "rows.row_data: 'file:///data/{x}.png' is a local file, which Labelbox cannot read; give a URL, "
            "or set rows.local_files to upload it"
        ),
    ),
    "s3 without region": (
        {"rows/row_data": "s3://b/{x}.png"},
        "rows.row_data: Labelbox does not read 's3://b/{x}.png'; set rows.s3_region, which makes it an https URL",
    ),
    "relative path with delegated access": (
        {"rows/row_data": "images/{x}.png", "labelbox/dataset/delegated_access": "aws"},
        (
            "rows.row_data: 'images/{x}.png' is no URL of an object; "
            "delegated access reads https://, gs://, and s3:// with rows.s3_region"
        ),
    ),
    "two attachments of one identity": (
        {"rows/attachments": [{"type": "IMAGE", "value": "a"}, {"type": "IMAGE", "value": "b"}]},
        "rows.attachments.1: rows.attachments.0 is IMAGE without a name too; give each a name of its own",
    ),
    "password in the file": (
        {"ledger": {"url": "postgresql://me:hush@db/ledger"}},
        "ledger.url: has a password in it; make an Airflow connection and name it in ledger.connection",
    ),
    "staging without scheme": (
        {"staging": {"url": "/tmp"}},
        "staging.url: '/tmp' is not a location such as s3://bucket/prefix or file:///path",
    ),
    "export": ({"direction": "export"}, "direction: 'export' is not built yet in this version. There is: import"),
    "source of a type to come": (
        {"sources/facts": {"type": "snowflake", "query": "select 1", "join": {"a": "rows.a"}}},
        (
            "sources.facts.type: 'snowflake' is not built yet in this version. "
            "There is: table, objects, sql, iceberg, plugin, annotations"
        ),
    ),
    "query and table": (
        {"sources/facts": {**SQL, "query": "select 1"}},
        "sources.facts: give exactly one of query or table (given: both)",
    ),
    "no table": (
        {"sources/facts": {**SQL, "table": "facts; drop table facts"}},
        (
            "sources.facts: table: 'facts; drop table facts' is no name of a table; quote other characters, or give a "
            "query"
        ),
    ),
    "database by modified": (
        {"sources/facts": {**SQL, "window": {"by": "modified"}}},
        "sources.facts: window: a database has no modified to go by; use by: column, or by: query",
    ),
    "files by query": (
        {"sources/facts/window": {"by": "query"}},
        "sources.facts: window: {by: query} is for the query of a source of type sql",
    ),
    "misspelt key of a database": (
        {"sources/facts": {**SQL, "conection": "warehouse"}},
        "sources.facts.conection: unknown key. Did you mean 'connection'?",
    ),
    "misspelt type": (
        {"sources/facts/type": "tabel"},
        (
            "sources.facts.type: 'tabel' is not known here (table, objects, sql, iceberg, plugin, annotations). "
            "Did you mean 'table'?"
        ),
    ),
    "a key of tables on objects": (
        {"sources/photos": {**PHOTOS, "csv": {}}},
        (
            "sources.photos.csv: unknown key. Known: uri, connection, window, wait_for, settle, wait_timeout, "
            "poke_interval, transform, type, sidecar, join, missing."
        ),
    ),
    "a key of objects on a table": (
        {"sources/rows/sidecar": {"path": "{stem}.json"}},
        (
            "sources.rows.sidecar: unknown key. Known: uri, connection, window, wait_for, settle, wait_timeout, "
            "poke_interval, transform, type, format, csv, excel, delta, join, missing."
        ),
    ),
    "typo in a sidecar": (
        {"sources/photos": {**PHOTOS, "sidecar": {**SIDECAR, "mising": "leave"}}},
        "sources.photos.sidecar.mising: unknown key. Did you mean 'missing'?",
    ),
    "source without a type": (
        {"sources/facts/type": ...},
        "sources.facts.type: is missing",
    ),
    "column that objects do not have": (
        {"sources/photos": PHOTOS, "rows/external_id": "photos.nam"},
        "rows.external_id: 'photos.nam': objects have no column 'nam'. Did you mean 'name'?",
    ),
    "join on a column that objects do not have": (
        {"sources/photos": {**PHOTOS, "join": {"stm": "rows.image_id"}}},
        "sources.photos.join.stm: 'photos.stm': objects have no column 'stm'. Did you mean 'stem'?",
    ),
    "column of a sidecar that is a text": (
        {"sources/photos": {**PHOTOS, "sidecar": {"path": "{stem}.txt"}}, "rows/external_id": "photos.sidecar.title"},
        "rows.external_id: 'photos.sidecar.title': a sidecar that is a text has one column, sidecar.text",
    ),
    "sidecar of a joined source without its source": (
        {"sources/photos": {**PHOTOS, "sidecar": {"path": "{stem}.json"}}, "rows/external_id": "sidecar.title"},
        "rows.external_id: 'sidecar.title': there is no source 'sidecar'. Known: facts, photos.",
    ),
    "sidecar called as a source": (
        {
            "sources": {
                "photos": {"type": "objects", "uri": "s3://b/*", "sidecar": {**SIDECAR, "name": "facts"}},
                **FACTS,
            },
            "rows": {"row_data": "uri", "global_key": "path"},
        },
        "sources.photos.sidecar.name: 'facts' is a source too, so facts.<key> would be either's",
    ),
    "wait without what for": (
        {"sources/rows/wait_timeout": "1h"},
        "sources.rows: wait_timeout says nothing without wait_for or settle",
    ),
    "local files that nobody lists": (
        {"rows/local_files": "upload"},
        (
            "rows.local_files: no source of type objects lists local files; name a folder: "
            "local_files: {upload: /data/photos}"
        ),
    ),
    "local files in a bucket": (
        {"rows/local_files": {"upload": "s3://b/photos"}},
        "rows.local_files.upload: 's3://b/photos' is no path on a local disk",
    ),
    "local files of a structured asset": (
        {"rows/local_files": {"upload": "/data"}, "rows/row_data": {"pdf_url": "uri"}},
        "rows.local_files: goes with a row_data that is a single value: the path of the file",
    ),
    "local files of nowhere": (
        {"rows/local_files": {"upload": []}},
        "rows.local_files.upload: is empty; name a folder, or leave local_files out",
    ),
    "misspelt local files": (
        {"rows/local_files": "uplaod"},
        "rows.local_files: 'uplaod' is neither upload nor a mapping such as {upload: /data/photos}",
    ),
    "a project by name and id": (
        {"project": {"name": "p", "id": "q"}},
        "project: give exactly one of id or name (given: both)",
    ),
    "a misspelt key of a project": (
        {"project": {"name": "p", "media_type": "IMAGE", "select": {"were": "x < 1"}}},
        "project.select.were: unknown key. Did you mean 'where'?",
    ),
    "a selection on an unknown source": (
        {"project": {"name": "p", "media_type": "IMAGE", "select": {"order_by": "fact.n desc"}}},
        "project.select.order_by: 'fact.n': there is no source 'fact'. Did you mean 'facts'?",
    ),
    "drift without a file": (
        {"project": {"name": "p", "drift": "add"}},
        "project: drift compares with an ontology file; name it under ontology, or leave drift out",
    ),
    "a condition that is no SQL": (
        {"rows/where": "country = "},
        "rows.where: 'country = ': no SQL (syntax error at or near \")\")",
    ),
    "a condition on an unknown source": (
        {"rows/where": "fact.n > 1"},
        "rows.where: 'fact.n': there is no source 'fact'. Did you mean 'facts'?",
    ),
    "missing: later": (
        {"sources/facts/missing": "later"},
        "sources.facts.missing: 'later' is not built yet in this version. There is: reject, leave",
    ),
    "on_missing: delete": (
        {"on_missing": {"action": "delete"}},
        "on_missing.action: 'delete' is not built yet in this version. There is: keep",
    ),
    "unset variable": (
        {"labelbox/connection": "${env.NO_SUCH_VARIABLE}"},
        (
            "labelbox.connection: the environment variable NO_SUCH_VARIABLE is not set. "
            "Set it, or write ${env.NO_SUCH_VARIABLE:-default}"
        ),
    ),
    "malformed variable": (
        {"labelbox/connection": "${CONNECTION}"},
        "labelbox.connection: '${CONNECTION}' is no reference to a variable; write ${env.NAME}",
    ),
    "environments of another shape": (
        {"environments": ["dev"]},
        (
            "environments: is not a mapping of environments to overrides. "
            "Write {dev: {labelbox: {connection: labelbox_dev}}}."
        ),
    ),
}


@pytest.mark.parametrize(("changes", "message"), ONE_PROBLEM.values(), ids=ONE_PROBLEM.keys())
def test_one_fault_is_one_problem_with_its_place_and_remedy(
    problems: Any, changes: Mapping[str, Any], message: str
) -> None:
    assert problems(changes) == [message]


FUTURE_KEYS = [
    "tables", "files", "sink", "export", "transform", "labelbox/project",
    "rows/transform",
]  # fmt: skip


@pytest.mark.parametrize("key", FUTURE_KEYS)
def test_a_key_to_come_is_refused_as_not_built_and_never_as_unknown(problems: Any, key: str) -> None:
    place = key.replace("/", ".")
    assert problems({key: "x"}) == [f"{place}: is not built yet in this version. Leave it out"]


SCHEDULES = {
    "nothing": ({"timezone": "UTC"}, "give exactly one of every, cron or after (given: none)"),
    "two at once": (
        {"every": "day", "cron": "0 0 * * *"},
        "give exactly one of every, cron or after (given: every, cron)",
    ),
    "at with cron": (
        {"cron": "0 0 * * *", "at": "02:30"},
        "'at' goes with 'every' only; write the time of day into 'cron'",
    ),
    "at with hours": ({"every": "2h", "at": "02:30"}, "'at' goes with every day, week or month, not with every 2h"),
    "six fields": (
        {"cron": "0 0 0 * * *"},
        "cron '0 0 0 * * *' has 6 fields; write five: minute hour day-of-month month day-of-week, such as '30 2 * * *'",
    ),
    "a preset": (
        {"cron": "@daily"},
        ("cron '@daily' has 1 field; write five: minute hour day-of-month month day-of-week, such as '30 2 * * *'"),
    ),
    "no such hour": ({"cron": "0 24 * * *"}, "cron '0 24 * * *': '24' is no hour; numbers go from 0 to 23"),
    "no such weekday": (
        {"cron": "0 0 * * mon,fry"},
        "cron '0 0 * * mon,fry': 'fry' is no day of week; numbers go from 0 to 7",
    ),
    "no duration": ({"every": "often"}, "every: 'often' is not hour, day, week, month or a duration such as 15m or 2h"),
    "seconds": ({"every": "90s"}, "every 90s is not a whole number of minutes"),
    "not dividing a day": (
        {"every": "7h"},
        (
            "every 7h does not divide an hour or a day evenly; "
            "choose 1m, 2m, 5m, 10m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h or 12h, or write a cron expression"
        ),
    ),
}


@pytest.mark.parametrize(("schedule", "message"), SCHEDULES.values(), ids=SCHEDULES.keys())
def test_an_impossible_schedule_is_refused(problems: Any, schedule: Mapping[str, Any], message: str) -> None:
    assert problems({"schedule": schedule}) == [f"schedule: {message}"]


def test_a_time_of_day_that_is_none_is_refused(problems: Any) -> None:
    found = problems({"schedule": {"every": "day", "at": "25:00"}})
    assert found == ["schedule.at: '25:00' is not a time of day such as 02:30"]


def test_an_unknown_time_zone_is_refused(problems: Any) -> None:
    (found,) = problems({"schedule": {"every": "day", "timezone": "Berlin"}})
    assert found.startswith("schedule.timezone: 'Berlin' is no time zone")


def test_every_problem_is_named_in_one_go_in_the_order_of_the_file(problems: Any) -> None:
    changes = {"version": 3, "project": {}, "labelbox/dataset": {}, "rows/media_type": "IMAG", "rows/metdata": {}}
    assert [problem.split(":")[0] for problem in problems(changes)] == [
        "version",
        "labelbox.dataset",
        "rows.media_type",
        "rows.metdata",
        "project",
    ]


def test_an_unknown_key_does_not_hide_what_does_not_fit_together(problems: Any) -> None:
    assert problems({"colour": "red", "rows/version": "fact.x"}) == [
        "rows.version: 'fact.x': there is no source 'fact'. Did you mean 'facts'?",
        problems({"colour": "red"})[0],
    ]


def test_a_problem_carries_file_and_line(write: Any) -> None:
    path: Path = write({"rows/metadata/country/knd": "enum"})
    line = path.read_text().splitlines().index("      knd: enum") + 1
    with pytest.raises(SyncFileError) as caught:
        load_sync(path)
    assert str(caught.value) == f"{path}:{line}: rows.metadata.country.knd: unknown key. Did you mean 'kind'?"


def test_a_value_with_a_secret_is_shown_without_it(problems: Any) -> None:
    (found,) = problems({"rows/media_type": "https://me:hush@host/path?X-Amz-Signature=abc"})
    assert "'https://host/path'" in found
    assert "hush" not in found
    assert "abc" not in found


SYNTAX = {
    "key twice": (
        "version: 1\nname: a\nname: b\n",
        ":3: name: the key is given twice, first in line 2. Keep one of them.",
    ),
    "nested key twice": (
        "rows:\n  version: a\n  version: b\n",
        ":3: rows.version: the key is given twice, first in line 2. Keep one of them.",
    ),
    "open bracket": (
        "version: 1\nname: [a\nrows: 1\n",
        ":3:5: YAML syntax error: while parsing a flow sequence, did not find expected ',' or ']'",
    ),
    "tab": (
        "version: 1\n\tname: a\n",
        ":2:1: YAML syntax error: while scanning a plain scalar, found a tab character that violates indentation",
    ),
    "list": ("- 1\n", ": holds a list, not a mapping. Write keys such as 'version: 1'."),
    "code": (
        "name: !!python/object/apply:os.getcwd []\n",
        (
            ":1:7: YAML syntax error: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.getcwd'"
        ),
    ),
    "endless alias": ("a: &a [*a]\n", ": an alias contains itself"),
}


@pytest.mark.parametrize(("text", "message"), SYNTAX.values(), ids=SYNTAX.keys())
def test_broken_yaml_is_located(write: Any, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(SyncFileError) as caught:
        load_sync(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SyncFileError, match=r"nope\.yaml: there is no such file"):
        load_sync(tmp_path / "nope.yaml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "receipts.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(SyncFileError, match="cannot be read as UTF-8 text"):
        load_sync(path)


def _places(content: Any, at: tuple[str, ...] = ()) -> list[str]:
    items = content.items() if isinstance(content, Mapping) else enumerate(content) if isinstance(content, list) else ()
    below = [place for key, value in items for place in _places(value, (*at, str(key)))]
    return [*(["/".join(at)] if at else []), *below]


ODD_VALUES = [None, 3, 1.5, True, "x", "{", "${env.", "a.b", "", [], [1], {}, {"x": None}, [[{}]]]


@pytest.mark.parametrize("place", _places(GOOD))
def test_an_odd_value_anywhere_is_explained_or_taken_but_never_a_crash(problems: Any, place: str) -> None:
    for odd in ODD_VALUES:
        for problem in problems({place: odd}):
            assert ": " in problem
            assert "Input should" not in problem
