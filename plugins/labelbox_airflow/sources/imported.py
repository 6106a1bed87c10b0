"""Functions of others that a sync file names: by import path, or by an entry point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean

IMPORT_PATH = r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$"


def imported(path: str, where: str) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` names.

    :raises ConfigurationError: when it cannot be imported, or is no function
    """
    from importlib import import_module

    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"'{path}' cannot be imported ({error})",
            where=where,
            remedy="Install its package where tasks run, or correct package.module:function.",
        ) from error
    return _function(found, path, where)


def plugged_in(name: str, group: str, where: str) -> Callable[..., Any]:
    """Return the function that an installed package offers under ``name`` among the entry points of ``group``.

    :raises ConfigurationError: when there is none, it cannot be imported, or is no function
    """
    from importlib.metadata import entry_points

    offered = {entry.name: entry for entry in entry_points(group=group)}
    if name not in offered:
        raise ConfigurationError(
            f"no installed package offers '{name}' under {group}", where=where, remedy=did_you_mean(name, offered)
        )
    return imported(offered[name].value.partition(" ")[0], where)


def _function(found: Any, path: str, where: str) -> Callable[..., Any]:
    if not callable(found):
        raise ConfigurationError(f"'{path}' is no function", where=where)
    function: Callable[..., Any] = found
    return function
