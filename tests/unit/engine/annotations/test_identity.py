"""The uuids of annotations: the same in every run, and apart where annotations are."""

from __future__ import annotations

from uuid import UUID

from labelbox_airflow.engine.annotations.identity import Identity

BOX, OTHER = b"\x01" * 8, b"\x02" * 8


def texts(*annotations: tuple[str, str | None, bytes], sync: str = "s", target: str = "p", key: str = "k") -> list[str]:
    return [uuid.text for uuid in Identity(sync, target).of_row(key, annotations)]


def test_equal_annotations_are_told_apart_by_their_order_and_a_further_one_shifts_none() -> None:
    before = texts(("Car", None, BOX), ("Car", None, BOX), ("Car", None, OTHER))
    assert len(set(before)) == 3
    after = texts(("Car", None, b"\x00" * 8), ("Car", None, OTHER), ("Car", None, BOX), ("Car", None, BOX))
    assert after[1:] == [before[2], before[0], before[1]]


def test_the_sources_own_id_outlives_a_change_of_the_content() -> None:
    assert texts(("Car", "7", BOX)) == texts(("Car", "7", OTHER)) != texts(("Car", "8", BOX))


def test_sync_target_row_and_class_each_make_another_uuid() -> None:
    given = ("Car", "7", BOX)
    others = [texts(given, sync="t"), texts(given, target="q"), texts(given, key="l"), texts(("Bus", "7", BOX))]
    assert len({each[0] for each in [texts(given), *others]}) == 5


def test_uuids_are_of_version_5_and_marked_by_their_first_half() -> None:
    (made,) = Identity("s", "p").of_row("k", [("Car", None, BOX)])
    uuid = UUID(made.text)
    assert (uuid.version, uuid.variant) == (5, "specified in RFC 4122")
    assert made.mark == int.from_bytes(uuid.bytes[:8], "big", signed=True)
    # Once made, it may never change: Labelbox knows annotations by it.
    assert made.text == "af638877-171d-562f-9384-4b0fa22701eb"
