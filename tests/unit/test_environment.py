"""`make setup` follows the user's pip settings, which uv itself does not read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "environment.py"


@pytest.fixture(scope="module")
def environment() -> ModuleType:
    specification = importlib.util.spec_from_file_location("environment", SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_variable_beats_the_install_section_and_that_the_global_one(environment: ModuleType) -> None:
    lines = [
        ":env:.index-url='https://variable/simple'",
        "global.index-url='https://global/simple'",
        "install.index-url='https://install/simple'",
        "global.cert='/global.pem'",
        "install.cert='/install.pem'",
        "freeze.timeout='10'",
    ]

    assert environment._strongest(lines) == {"index-url": "https://variable/simple", "cert": "/install.pem"}


def test_uv_is_told_pips_indexes(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example/simple\nhttps://two.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /more")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "mirror.example")
    monkeypatch.delenv("PIP_CERT", raising=False)
    monkeypatch.delenv("PIP_DEFAULT_TIMEOUT", raising=False)

    assert environment._pip_settings_for_uv() == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "mirror.example",
    }


def test_without_pip_settings_uv_is_told_nothing(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_pip_settings", dict)

    assert environment._pip_settings_for_uv() == {}


def test_the_stamp_changes_with_every_input_and_the_place(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checksums = set()
    for place in ("one", "two"):
        monkeypatch.setattr(environment, "ROOT", tmp_path / place)
        for name in environment.INPUTS:
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_text("same")
        checksums.add(environment._checksum())
    for name in environment.INPUTS:
        (tmp_path / "two" / name).write_text("changed")
        checksums.add(environment._checksum())

    assert len(checksums) == 2 + len(environment.INPUTS)
