"""What drivers of databases say went wrong, in any dialect: by SQLSTATE where there is one, else by their words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from labelbox_airflow.engine.errors import ConfigurationError, SourceUnavailableError

if TYPE_CHECKING:
    from labelbox_airflow.engine.errors import DataIOError

Nature = Literal["forbidden", "missing", "passing", "refused"]

_LOGIN = re.compile(
    r"password|authenti|login|credential|access token|access denied|(role|user) \S+ (does not|is not)|no pg_hba", re.I
)
_FORBIDDEN = re.compile(r"permission denied|access denied|denied for|not authorized|insufficient priv|forbidden", re.I)
_MISSING = re.compile(r"does not exist|doesn't exist|no such (table|column)|not found|cannot be found|unknown", re.I)
# Classes of SQLSTATE (appendix A of the PostgreSQL manual; the first two characters are of the SQL standard).
_PASSING_STATES = ("08", "40", "53", "57")


def nature(error: Exception) -> Nature:
    """Tell what kind of error it is: rights or names that are missing, one that passes, or a statement refused."""
    state, text = _state(error), plain(error)
    if state == "42501" or (not state and _FORBIDDEN.search(text)):
        return "forbidden"
    if state.startswith("42") or _MISSING.search(text):
        return "missing"
    if state.startswith(_PASSING_STATES) or (not state and _kind(error) in {"OperationalError", "InterfaceError"}):
        return "passing"
    return "refused"


def not_opened(error: Exception, connection: str, place: str) -> DataIOError:
    """Return the error of a database that cannot be opened."""
    text = plain(error)
    if _LOGIN.search(text) or _state(error).startswith("28"):
        return ConfigurationError(
            f"the database refuses the credentials: {text} (connection '{connection}')",
            where=place,
            remedy="Correct login and password of the connection.",
        )
    if _state(error).startswith("3D") or _MISSING.search(text):
        return ConfigurationError(
            f"the database cannot be opened: {text} (connection '{connection}')",
            where=place,
            remedy="Correct host, port and schema of the connection.",
        )
    return SourceUnavailableError(
        f"the database does not answer: {text} (connection '{connection}')",
        where=place,
        remedy="Check host and port of the connection, and that the database is up.",
    )


def is_of_driver(error: Exception) -> bool:
    """Tell whether an error comes from a driver: DB-API has them all below a class called Error."""
    return isinstance(error, OSError) or any(base.__name__ == "Error" for base in type(error).__mro__)


def _kind(error: Exception) -> str:
    names = [base.__name__ for base in type(error).__mro__]
    return next((name for name in names if name in {"OperationalError", "InterfaceError"}), names[0])


def _state(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def plain(error: Exception) -> str:
    """Return the first line of what the database says, without passwords of URLs."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return re.sub(r"(\w+://[^\s:@/]*):[^\s@]*@", r"\1:***@", line).rstrip(".")
