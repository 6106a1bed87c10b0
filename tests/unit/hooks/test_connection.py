"""What a connection says, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.hooks.connection import LabelboxConnection, without_secrets

API_KEY = "key-that-must-never-show"


@dataclass
class Stored:
    """An Airflow connection as far as it is read."""

    password: str | None = API_KEY
    host: str | None = None
    extra_dejson: dict[str, Any] = field(default_factory=dict)
    conn_id: str = "labelbox_test"


def test_a_key_alone_is_enough() -> None:
    connection = LabelboxConnection.of(Stored())
    assert connection == LabelboxConnection(conn_id="labelbox_test", api_key=API_KEY)
    assert connection.endpoint == "https://api.labelbox.com/graphql"
    assert connection.rest_endpoint == "https://api.labelbox.com/api/v1"
    assert (connection.timeout, connection.patience) == (60, 120)


def test_the_other_endpoints_follow_the_graphql_endpoint() -> None:
    connection = LabelboxConnection.of(Stored(host=" http://127.0.0.1:8080/graphql/ "))
    assert connection.endpoint == "http://127.0.0.1:8080/graphql"
    assert connection.experimental_endpoint == "http://127.0.0.1:8080/_gql"
    assert connection.rest_endpoint == "http://127.0.0.1:8080/api/v1"
    assert connection.vectors_endpoint == "http://127.0.0.1:8080/adv/adv/v1"


def test_a_rest_endpoint_of_its_own_also_moves_the_vectors() -> None:
    extra = {"rest_endpoint": "https://rest.test/base/"}
    connection = LabelboxConnection.of(Stored(extra_dejson=extra))
    assert connection.rest_endpoint == "https://rest.test/base"
    assert connection.vectors_endpoint == "https://rest.test/adv/adv/v1"


@pytest.mark.parametrize(("given", "expected"), [(5, 5.0), ("7.5", 7.5), (None, 60.0), ("", 60.0)])
def test_seconds_are_read_as_the_form_stores_them(given: object, expected: float) -> None:
    assert LabelboxConnection.of(Stored(extra_dejson={"timeout": given})).timeout == expected


def test_blanks_around_the_key_are_dropped() -> None:
    assert LabelboxConnection.of(Stored(password=f" {API_KEY}\n")).api_key == API_KEY


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (Stored(password=None), r"API key is missing \(field password\).*Admin > Connections"),
        (Stored(password="  "), "API key is missing"),
        (Stored(password=f"{API_KEY}\nX-Other: 1"), "contains blanks, line breaks"),
        (Stored(password="schlüssel"), "letters outside ASCII"),
        (Stored(host="https://api.labelbox.com"), "'https://api.labelbox.com' has no /graphql in its path"),
        (Stored(host="https://graphql.test/api"), "no /graphql in its path"),
        (Stored(host="api.labelbox.com/graphql"), "field host is not a full http"),
        (Stored(host="ftp://x.test/graphql"), "field host is not a full http"),
        (Stored(host="http://x.test:99999/graphql"), "field host is not a full http"),
        (Stored(host=f"https://user:{API_KEY}@x.test/graphql"), "'https://x.test/graphql'"),
        (Stored(host=f"https://x.test/graphql?key={API_KEY}"), "'https://x.test/graphql'"),
        (Stored(extra_dejson={"rest_endpoint": "rest.test"}), "field rest_endpoint is not a full http"),
        (Stored(extra_dejson={"timeout": "soon"}), "field timeout is not a number of seconds of at least 1: 'soon'"),
        (Stored(extra_dejson={"timeout": 0}), "field timeout"),
        (Stored(extra_dejson={"patience": -1}), "field patience is not a number of seconds of at least 0: -1"),
        (Stored(extra_dejson={"patience": "nan"}), "field patience"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(stored: Stored, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        LabelboxConnection.of(stored)
    assert caught.value.where == "connection 'labelbox_test'"
    assert caught.value.remedy
    assert API_KEY not in str(caught.value)


def test_the_key_is_not_part_of_what_is_printed() -> None:
    assert API_KEY not in repr(LabelboxConnection.of(Stored()))


def test_secrets_of_a_url_are_cut() -> None:
    assert without_secrets("https://u:p@x.test/a/b?sig=1#part") == "https://x.test/a/b"
