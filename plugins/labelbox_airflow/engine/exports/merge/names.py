"""Names of tables and columns in a database, whatever is allowed there."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from hashlib import blake2b

from labelbox_airflow.engine.errors import ConfigurationError

_PART = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_NAME = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
_HASH = 9  # characters: an underscore, and 8 digits of the hash


def table_parts(text: str) -> tuple[str, ...]:
    """Return the parts of a table's name, as of ``ml.boxes``; letters outside of quotes are small ones.

    :raises ConfigurationError: it is no name of a table
    """
    if not _NAME.fullmatch(text):
        raise ConfigurationError(
            f"'{text}' is no name of a table",
            where="to",
            remedy='Write table or schema.table; other characters than letters, digits and _ need quotes: "my table".',
        )
    parts = re.findall(_PART, text)
    return tuple(each[1:-1].replace('""', '"') if each.startswith('"') else each.lower() for each in parts)


def column_names(wanted: Sequence[str], stored: Collection[str], *, longest: int, folds: bool) -> dict[str, str]:
    """Return what each column is called in a table; names that are too long or taken end in a hash of the whole.

    :param stored: columns the table has, which keep their names
    :param longest: bytes a name may have
    :param folds: capital and small letters are the same there
    """
    spelled = {_key(name, folds): name for name in stored}
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(wanted, key=lambda each: each not in stored):
        found = name if len(name.encode()) <= longest else _short(name, longest)
        if _key(found, folds) in taken:
            found = _short(name, longest)
        taken.add(_key(found, folds))
        given[name] = spelled.get(_key(found, folds), found)
    return {name: given[name] for name in wanted}


def cut(name: str, longest: int) -> str:
    """Return a name of at most so many bytes."""
    return name.encode()[:longest].decode(errors="ignore")


def _short(name: str, longest: int) -> str:
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{cut(name, longest - _HASH)}_{digest}"


def _key(name: str, folds: bool) -> str:
    return name.casefold() if folds else name
