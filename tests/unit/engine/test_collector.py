"""The collector of cycles is off inside, and afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from labelbox_airflow.engine.collector import collector_paused


def test_the_collector_rests_inside_and_works_again_afterwards_also_after_an_error() -> None:
    @collector_paused()
    def fail() -> None:
        assert not gc.isenabled()
        raise LookupError

    with collector_paused():
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(LookupError):
        fail()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
