"""Settling: what became of every row of a unit, from what Labelbox says and, where it leaves doubt, by looking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.api.data_rows import Home, look_up
from labelbox_airflow.engine.errors import CountMismatchError
from labelbox_airflow.engine.existing import GONE, NOTHING_TO_ATTACH_TO
from labelbox_airflow.engine.ledger import JournalEntry
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.rows.attach import Missing
from labelbox_airflow.engine.rows.decide import CREATE, UNCHANGED, Decision
from labelbox_airflow.engine.rows.mapping import PARTS
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.units import Marks, UnitRows
from labelbox_airflow.engine.upload.sender import Decisions, Sender
from labelbox_airflow.engine.waiting import NO_DATA_ROW

# A row made this long before the intent to send it was noted may still be ours: clocks differ.
CLOCK_SKEW = timedelta(minutes=5)
ROUNDS = 2  # times that rows in doubt are sent once more before they are rejected
DUPLICATE = "Duplicate global key"  # LP tests/integration/test_data_rows_upsert.py
DROPPED = "Failed to create data rows after"  # whole chunks may be left out of a COMPLETE task: LP pull request 715
OUTCOMES = {"create": "created", "update": "updated", "unchanged": "unchanged", "superseded": "superseded"}

Held = Callable[[Sequence[str]], Mapping[str, Marks]]
"""Reads from Labelbox what it holds of some global keys, as fingerprints."""


class Resent(NamedTuple):
    """Rows that are sent once more, since the first task left doubt, and those of them that this unit created."""

    decisions: Decisions
    made_by_us: frozenset[int]


class Settlement:
    """Follows the rows of one unit until each has its outcome.

    :param decisions: what was decided on every row before sending
    :param ids: data row ids known before, by row index
    :param held: reads what Labelbox holds of keys that turn out to exist
    :param missing: what becomes of rows whose data row is gone; None makes it again
    :param noted: what the journal says of this unit: when it was first about to be sent, and how often since
    :param resent: rows that an earlier attempt was about to send once more
    :param before_sending: called before rows are sent once more
    """

    def __init__(
        self,
        transport: Transport,
        sender: Sender,
        unit: UnitRows,
        decisions: Sequence[Decision],
        *,
        dataset_id: str,
        ids: Mapping[int, str],
        held: Held,
        missing: Missing | None,
        noted: JournalEntry | None,
        resent: Resent,
        before_sending: Callable[[Resent], None],
    ) -> None:
        self.outcomes: dict[int, str] = {}
        self.rejected: list[Rejected] = []
        self.ids = dict(ids)
        self._transport, self._sender, self._unit = transport, sender, unit
        self._decisions = decisions
        self._dataset_id = dataset_id
        self._held = held
        self._missing = missing
        self._noted = noted
        self._before_sending = before_sending
        self._resent = resent.decisions
        self._made_by_us = set(resent.made_by_us)

    def settle(self, task_id: str | None) -> Counter[str]:
        """Give every row its outcome and return the counts.

        :param task_id: the ended task of the unit, None where none was needed
        :raises CountMismatchError: when a row is left without an outcome
        """
        sent: dict[int, Decision] = {}
        for index, decision in enumerate(self._decisions):
            if decision.action in {"create", "update"}:
                sent[index] = decision
            else:
                self.outcomes[index] = OUTCOMES[decision.action]
        doubtful = self._judge(task_id, {index: d for index, d in sent.items() if index not in self._resent})
        doubtful.update(dict.fromkeys(self._resent))
        for _ in range(ROUNDS):
            again = self._resolve(doubtful)
            doubtful = self._send_again(again) if again else {}
        for index, message in doubtful.items():
            self._reject(index, "refused", f"Labelbox did not take the row: {message or 'it says nothing about it'}")
        if len(self.outcomes) != len(self._unit):
            missing = len(self._unit) - len(self.outcomes)
            raise CountMismatchError(f"{missing:,} rows of {self._unit.name} have no outcome")
        return Counter(self.outcomes.values())

    def _judge(self, task_id: str | None, sent: Decisions) -> dict[int, str | None]:
        """Settle the rows Labelbox is clear about; return the others with its message, if there is one."""
        sent = self._without_refused(sent)
        written = tasks.created_rows(self._transport, task_id) if task_id else {}
        failures = tasks.failed_rows(self._transport, task_id) if task_id else {}
        if not failures and self._are_all_created(sent, written):
            return {}
        keys = self._unit.keys
        updates = {index: d for index, d in sent.items() if d.action == "update" and keys[index] not in failures}
        failures.update(self._sender.merge(self._unit, updates, self.ids))
        doubtful: dict[int, str | None] = {}
        for index, decision in sent.items():
            key = keys[index]
            message = failures.get(key)
            if message is None and self._is_done(index, decision, written):
                self._done(index, decision, written.get(key))
            elif message is not None and decision.action == "create" and not _in_doubt(message):
                self._reject(index, "refused", f"Labelbox refused the row: {message}")
            else:
                doubtful[index] = message
        return doubtful

    def _are_all_created(self, sent: Decisions, written: Mapping[str, str]) -> bool:
        """Settle the rows where all were to be created and were, the rule on a first load; tell whether it was so."""
        if any(decision.action != "create" for decision in sent.values()):
            return False
        ids = [written.get(self._unit.keys[index]) for index in sent]
        if None in ids:
            return False
        self.ids.update({index: id_ for index, id_ in zip(sent, ids, strict=True) if id_ is not None})
        self.outcomes.update(dict.fromkeys(sent, OUTCOMES["create"]))
        return True

    def _without_refused(self, sent: Decisions) -> Decisions:
        """Reject the rows whose local file could not be sent, and return the others."""
        if self._sender.files is None:
            return sent
        for index in sent:
            if (refusal := self._sender.refusal(self._unit, index)) is not None:
                self._reject(index, *refusal)
        return {index: decision for index, decision in sent.items() if index not in self.outcomes}

    def _is_done(self, index: int, decision: Decision, written: Mapping[str, str]) -> bool:
        """Tell whether a row that was not refused is as it should be.

        An update that met another data row than the one known left that one without its other parts.
        """
        if not self._sender.in_task(decision):
            return True
        id_ = written.get(self._unit.keys[index])
        return id_ is not None and (decision.action == "create" or self.ids.get(index, id_) == id_)

    def _resolve(self, doubtful: Mapping[int, str | None]) -> dict[int, Decision]:
        """Look where the keys live; return the rows that have to be sent once more, and how."""
        if not doubtful:
            return {}
        lookup = look_up(self._transport, [self._unit.keys[index] for index in doubtful])
        again: dict[int, Decision] = {}
        ours: dict[int, Home] = {}  # made by somebody since, or by us without an answer
        for index, message in doubtful.items():
            key = self._unit.keys[index]
            home = lookup.found.get(key)
            if key in lookup.denied or (home is not None and home.dataset_id != self._dataset_id):
                self._reject_elsewhere(index, home)
            elif home is None and self._missing is not None:  # deleted in Labelbox
                self._lack(index, self._missing)
            elif home is None:  # never arrived, or deleted in Labelbox
                again[index] = CREATE
            elif self._decisions[index].action == "create" or home.data_row_id != self.ids.get(index):
                ours[index] = home
                if self._missing is None and index not in self._resent and self._is_made_by_us(home, message):
                    self._made_by_us.add(index)
            elif message is not None and not _in_doubt(message):
                self._reject(index, "refused", f"Labelbox refused the change: {message}")
            else:
                again[index] = self._decisions[index]
        again.update(self._adopt(ours))
        return again

    def _adopt(self, homes: Mapping[int, Home]) -> dict[int, Decision]:
        """Take over rows that our dataset has already; return those that differ, with the parts to write."""
        if not homes:
            return {}
        held = self._held([self._unit.keys[index] for index in homes])
        different: dict[int, Decision] = {}
        for index, home in homes.items():
            self.ids[index] = home.data_row_id
            marks = self._unit.marks[index]
            known = held.get(self._unit.keys[index], (None,) * len(PARTS))
            changed = tuple(
                part
                for part, mark, other in zip(PARTS, marks, known, strict=True)
                if mark is not None and mark != other
            )
            if changed:
                different[index] = Decision("update", changed)
            else:
                self._done(index, self._resent.get(index, UNCHANGED), None)
        return different

    def _is_made_by_us(self, home: Home, message: str | None) -> bool:
        """Tell whether a data row comes from this unit: from its task, or from an attempt that got no answer."""
        if self._noted is None or home.created_at < self._noted.first_intent_at - CLOCK_SKEW:
            return False
        return self._noted.attempts > 1 or message is None or DUPLICATE not in message

    def _send_again(self, decisions: Decisions) -> dict[int, str | None]:
        """Send rows once more and wait; return those that are still in doubt, with the message of Labelbox."""
        made_by_us = self._made_by_us | {index for index, d in decisions.items() if d.action == "create"}
        self._before_sending(Resent({**self._resent, **decisions}, frozenset(made_by_us)))
        task_id = self._sender.send(self._unit, decisions, self.ids)
        if task_id is not None:
            tasks.wait(self._transport, task_id).require_complete()
        return self._judge(task_id, decisions)

    def _done(self, index: int, decision: Decision, data_row_id: str | None) -> None:
        if data_row_id is not None:
            self.ids[index] = data_row_id
        self.outcomes[index] = "created" if index in self._made_by_us else OUTCOMES[decision.action]

    def _lack(self, index: int, missing: Missing) -> None:
        """Do with a row whose data row is gone what the sync says."""
        if missing == "reject":
            self._reject(index, NO_DATA_ROW, f"global_key = '{self._unit.keys[index]}': {NOTHING_TO_ATTACH_TO}")
        else:
            self.outcomes[index] = GONE[missing]

    def _reject_elsewhere(self, index: int, home: Home | None) -> None:
        place = f"the dataset '{home.dataset_name}' ({home.dataset_id})" if home else "a place this API key cannot see"
        self._reject(
            index,
            "key_in_other_dataset",
            f"global_key = '{self._unit.keys[index]}': is taken by a data row in {place}; keys are unique in an "
            "organization, so change the key, or delete that row",
        )

    def _reject(self, index: int, code: str, reason: str) -> None:
        self.outcomes[index] = "rejected"
        unit = self._unit
        self.rejected.append(
            Rejected(
                origin=unit.origins[index],
                stage="send",
                code=code,
                reason=reason,
                global_key=unit.keys[index],
                row=unit.payload(index),
            )
        )


def _in_doubt(message: str) -> bool:
    """Tell whether a message leaves open what became of the row: a look, or another attempt, tells."""
    return DUPLICATE in message or DROPPED in message
