"""Translates `where` arguments as the SDK writes them (labelbox/orm/query.py) to SQL conditions."""

from __future__ import annotations

from typing import Any

_OPERATORS = {"_not": "IS NOT", "_lt": "<", "_lte": "<=", "_gt": ">", "_gte": ">="}


def condition(where: dict[str, Any] | None, columns: dict[str, str]) -> tuple[str, list[Any]]:
    """An SQL condition and its parameters. `columns` gives the SQL expression of each field that can be named."""
    parts: list[str] = []
    parameters: list[Any] = []
    for name, value in (where or {}).items():
        if name == "AND":
            for inner in value:
                text, values = condition(inner, columns)
                parts.append(text)
                parameters += values
            continue
        field, _, suffix = name.partition("_")
        parts.append(f"{columns[field]} {_OPERATORS.get('_' + suffix, 'IS')} ?")
        parameters.append(value)
    return (" AND ".join(parts) or "1"), parameters
