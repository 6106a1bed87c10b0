"""What Airflow learns of the provider."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import jsonschema  # type: ignore[import-untyped]
import pytest
from airflow.sdk import BaseNotifier

from labelbox_airflow import get_provider_info
from labelbox_airflow.hooks.labelbox import LabelboxHook

INFO: dict[str, Any] = dict(get_provider_info())


def test_it_is_what_airflow_expects() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(INFO, schema)


def test_the_connection_type_is_the_hooks() -> None:
    (connection_type,) = INFO["connection-types"]
    module, _, name = connection_type["hook-class-name"].rpartition(".")
    assert getattr(importlib.import_module(module), name) is LabelboxHook
    assert connection_type["connection-type"] == LabelboxHook.conn_type
    assert connection_type["hook-name"] == LabelboxHook.hook_name


@pytest.mark.parametrize("field", ["rest_endpoint", "timeout", "patience"])
def test_every_field_of_the_form_is_read_by_the_hook(field: str) -> None:
    from labelbox_airflow.hooks.connection import LabelboxConnection

    assert field in INFO["connection-types"][0]["conn-fields"]
    assert field in LabelboxConnection.__dataclass_fields__


def test_every_module_named_exists() -> None:
    named = [
        module
        for kind in ("hooks", "triggers", "operators")
        for entry in INFO.get(kind, [])
        for module in entry["python-modules"]
    ]
    plugins = [entry["plugin-class"].rpartition(".")[0] for entry in INFO["plugins"]]
    assert all(importlib.import_module(module) for module in named + plugins)
    for path in INFO["notifications"]:
        module, _, name = path.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), name), BaseNotifier)


def test_nothing_heavy_comes_with_the_hook_and_the_trigger() -> None:
    heavy = {"labelbox", "lbox", "pandas", "pyarrow", "requests_toolbelt", "google.api_core"}
    program = (
        "import sys, labelbox_airflow.plugin, labelbox_airflow.triggers.tasks, labelbox_airflow.hooks.labelbox\n"
        f"print(sorted({heavy!r} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_the_transport_does_without_the_sdk() -> None:
    program = (
        "import sys, labelbox_airflow.hooks.transport, labelbox_airflow.hooks.polling; print('lbox' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
