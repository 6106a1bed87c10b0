"""Guards: what stops a run before it sends anything."""

from __future__ import annotations

import re
from fractions import Fraction

from pydantic import Field, field_validator

from labelbox_airflow.engine.errors import GuardError, TooFewRowsError, TooManyRejectedError
from labelbox_airflow.engine.rows.spec import Spec

_SHARE = re.compile(r"\d+(\.\d+)?%")


class GuardSpec(Spec):
    """What stops a run before it sends anything."""

    max_rejected: int | str | None = Field(
        None, description="Rejected rows at most: a number, or a share of the rows read such as 1%; null = no limit."
    )
    min_rows: int = Field(0, ge=0, description="Rows read at least.")
    max_new_rows: int | None = Field(None, ge=0, description="Data rows created by one run at most.")

    @field_validator("max_rejected", mode="before")
    @classmethod
    def _number_or_share(cls, raw: object) -> object:
        if raw is None or (isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0):
            return raw
        if isinstance(raw, str) and raw.isdecimal():
            return int(raw)
        if isinstance(raw, str) and _SHARE.fullmatch(raw) and float(raw[:-1]) <= 100:
            return raw
        raise ValueError(f"'{raw}' is neither a number of rows nor a share such as 1%")

    def allows_rejected(self, rejected: int, read: int) -> bool:
        """Return whether ``rejected`` of ``read`` rows stays within ``max_rejected``."""
        if self.max_rejected is None:
            return True
        if isinstance(self.max_rejected, str):
            return rejected * 100 <= Fraction(self.max_rejected[:-1]) * read
        return rejected <= self.max_rejected

    def check_rejected(self, rejected: int, read: int, what: str = "rows") -> None:
        """Raise when too many rows, or annotations, were rejected.

        :raises TooManyRejectedError: more than ``max_rejected``
        """
        if not self.allows_rejected(rejected, read):
            raise TooManyRejectedError(
                f"{rejected:,} of {read:,} {what} were rejected, more than guard.max_rejected: {self.max_rejected}",
                remedy="Their reasons are in the report; mend the source or the sync, or raise the limit.",
            )

    def check_read(self, read: int, new: int) -> None:
        """Raise when too few rows were read, or too many would be created.

        :raises TooFewRowsError: fewer than ``min_rows``
        :raises GuardError: more than ``max_new_rows``
        """
        if read < self.min_rows:
            raise TooFewRowsError(
                f"{read:,} rows were read, fewer than guard.min_rows: {self.min_rows:,}",
                remedy="Is the source complete, and the window the one you mean?",
            )
        if self.max_new_rows is not None and new > self.max_new_rows:
            raise GuardError(
                f"{new:,} data rows would be created, more than guard.max_new_rows: {self.max_new_rows:,}",
                remedy="If this is meant, raise the limit, or load in parts by the params since and until.",
            )
