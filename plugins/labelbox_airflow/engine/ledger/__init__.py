"""The ledger: what Labelbox holds, who is sending what, how every run ended. SQLite or Postgres."""

from labelbox_airflow.engine.ledger.database import LedgerUnavailableError
from labelbox_airflow.engine.ledger.ledger import Ledger, Transaction
from labelbox_airflow.engine.ledger.model import (
    Acquired,
    Claim,
    DeadLetter,
    Entry,
    JournalEntry,
    Owner,
    Run,
    RunState,
)

__all__ = [
    "Acquired",
    "Claim",
    "DeadLetter",
    "Entry",
    "JournalEntry",
    "Ledger",
    "LedgerUnavailableError",
    "Owner",
    "Run",
    "RunState",
    "Transaction",
]
