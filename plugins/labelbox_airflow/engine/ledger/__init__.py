"""The ledger: what Labelbox holds, who is sending what, how every run ended. SQLite or Postgres."""

from labelbox_airflow.engine.ledger.database import LedgerUnavailableError
from labelbox_airflow.engine.ledger.incidents import Attempt, Incident
from labelbox_airflow.engine.ledger.ledger import Ledger, Transaction
from labelbox_airflow.engine.ledger.model import (
    Acquired,
    AnnotatedRow,
    Claim,
    ClaimedRows,
    DeadLetter,
    Entry,
    EntryRows,
    JournalEntry,
    Owner,
    Run,
    RunState,
    WaitingRow,
)

__all__ = [
    "Acquired",
    "AnnotatedRow",
    "Attempt",
    "Claim",
    "ClaimedRows",
    "DeadLetter",
    "Entry",
    "EntryRows",
    "Incident",
    "JournalEntry",
    "Ledger",
    "LedgerUnavailableError",
    "Owner",
    "Run",
    "RunState",
    "Transaction",
    "WaitingRow",
]
