"""Buckets for the tests of sources and sinks."""

from __future__ import annotations

import pytest
from tests.integration.buckets import ALL, REMOTE, Bucket, make_bucket


@pytest.fixture(params=ALL)
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket of each kind of store, the local disk among them."""
    return make_bucket(request, monkeypatch)


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket of each kind of store that is reached through a connection."""
    return make_bucket(request, monkeypatch)
