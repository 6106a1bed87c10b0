"""Records by slot: in the order in which they came, from memory and from disk."""

from __future__ import annotations

from pathlib import Path

from labelbox_airflow.engine.annotations.slots import SLOTS, Slots, slot_of


def test_records_come_back_whole_and_in_order_also_once_they_were_put_aside() -> None:
    given = [(f"key {number % 7}", number, b"\x00\n", None, (1.5, "ü\ud800")) for number in range(100)]
    with Slots(most_in_memory=9) as slots:
        for record in given:
            slots.add(slot_of(record[0]), record)
        found = [record for slot in range(SLOTS) for record in slots.read(slot)]
        again = [record for slot in range(SLOTS) for record in slots.read(slot)]
        assert slots.records == 100
        directory = slots._directory
        assert directory is not None
    assert found == again
    assert sorted(found, key=lambda record: record[1]) == given
    for key in {record[0] for record in given}:
        numbers = [record[1] for record in found if record[0] == key]
        assert numbers == sorted(numbers)
    assert not Path(directory.name).exists()
