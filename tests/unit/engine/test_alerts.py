"""What messages say, in each form, and what they never show."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from labelbox_airflow.engine.alerts import (
    FailedTask,
    Failure,
    RunFacts,
    failure_message,
    kind_of,
    late_message,
    recovery_message,
)
from labelbox_airflow.engine.alerts.facts import IN_WORDS
from labelbox_airflow.engine.alerts.render import SLACK_TEXT_CHARACTERS, as_html, as_slack, as_text
from labelbox_airflow.engine.errors import (
    ConfigurationError,
    CountMismatchError,
    DataIOError,
    LabelboxAuthenticationError,
    LabelboxError,
    LabelboxUnavailableError,
    SourceError,
    SourceUnavailableError,
    TooManyRejectedError,
)
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.engine.ledger import Incident, LedgerUnavailableError
from labelbox_airflow.engine.report import Reason, Report

NOW = datetime(2026, 1, 5, 2, 31, tzinfo=UTC)
RUN = RunFacts(
    sync="receipts",
    run_id="scheduled__2026-01-02T00:00:00+00:00",
    attempt=0,
    url="https://airflow.example.com/dags/receipts/runs/scheduled__2026-01-02T00%3A00%3A00%2B00%3A00",
    interval="[2026-01-01, 2026-01-02)",
    catches_up=True,
)
REPORT = Report(
    sync="receipts",
    run_id=RUN.run_id,
    dataset="Receipts",
    window="[2026-01-01, 2026-01-02)",
    read=2000,
    stages={"extract": Counter(unchanged=1000, rejected=12), "upload": Counter(created=600, rejected=300)},
    unsettled=88,
    reasons=[
        Reason("refused", 300, "rows.csv line 9: Labelbox refused it", ["r/1", "r/2", "r/3", "r/4", "r/5"]),
        Reason("no_match", 12, "rows.csv line 30: a null matches no row of 'facts'.", ["r/8", "r/9"]),
    ],
)
REPORT_URL = "s3://staging/labelbox/receipts/scheduled/report.json"
ENSURE = FailedTask("ensure", "labelbox_unavailable", "Labelbox did not answer", f"{RUN.url}/tasks/ensure")


def incident(**changes: Any) -> Incident:
    opened = Incident(7, datetime(2026, 1, 2, 2, 30, tzinfo=UTC), RUN.run_id, "labelbox_unavailable", 1, (), 0)
    return replace(opened, **changes)


def test_a_run_that_extracted_nothing_says_which_task_failed_and_why() -> None:
    message = failure_message(RUN, Failure("labelbox_unavailable", [ENSURE]), incident())
    assert message.subject == "Sync receipts failed: Labelbox did not answer"
    assert as_text(message) == (
        "A run of the sync receipts failed: Labelbox did not answer\n"
        "\n"
        "Sync                 receipts\n"
        "Run                  scheduled__2026-01-02T00:00:00+00:00\n"
        "Interval of the run  [2026-01-01, 2026-01-02)\n"
        "Rows                 not known: the run did not get as far as counting them\n"
        "\n"
        "Failed tasks\n"
        f"  ensure ({RUN.url}/tasks/ensure)\n"
        "\n"
        f"Run in Airflow: {RUN.url}\n"
        "\n"
        "Further runs that fail for the same kind of reason send none. The next run that is well sends a message."
    )


def test_a_run_with_rejected_rows_has_counts_reasons_and_five_examples() -> None:
    failure = Failure("rejected", [], "312 of 2,000 rows were rejected", REPORT, REPORT_URL)
    text = as_text(failure_message(RUN, failure, incident(kind="rejected")))
    assert "Sync    receipts → Receipts\n" in text
    assert "Window  [2026-01-01, 2026-01-02)\n" in text
    assert (
        "Rows    2,000 read: 600 created, 0 updated, 1,000 unchanged, 0 superseded, 312 rejected, "
        "88 not sent or not settled\n"
    ) in text
    assert "\n  300 with refused: rows.csv line 9: Labelbox refused it\n  12 with no_match: " in text
    assert "\nFor example\n  r/1\n  r/8\n  r/2\n  r/9\n  r/3\n\n" in text
    assert f"\nReport: {REPORT_URL}\n" in text


def test_the_most_frequent_reasons_are_shown_and_the_rest_counted() -> None:
    reasons = [Reason(f"code_{number}", 10 - number, "why", [f"k{number}"]) for number in range(8)]
    failure = Failure("rejected", [], "too many", replace(REPORT, reasons=reasons))
    text = as_text(failure_message(RUN, failure, incident()))
    assert "6 with code_4: why\n  12 for 3 more reasons\n" in text
    assert "k5" not in text


def test_a_task_that_left_no_error_is_named_all_the_same() -> None:
    tasks = [FailedTask("upload (3)", "failed", None, None), *([ENSURE] * 6)]
    message = failure_message(RUN, Failure("failed", tasks), incident())
    assert message.subject == "Sync receipts failed: Labelbox did not answer"
    text = as_text(message)
    assert "  upload (3): no error is known; its log says more\n" in text
    assert "  and 2 more\n" in text
    alone = failure_message(RUN, Failure("failed", tasks[:1]), incident())
    assert alone.subject == "Sync receipts failed: task upload (3) failed, and left no error: was it killed?"
    assert failure_message(RUN, Failure("failed", []), None).subject == "Sync receipts failed: a task failed"


def test_another_run_of_an_open_incident_says_since_when_it_is_broken() -> None:
    known = incident(run_id="an earlier run", failed_runs=3)
    text = as_text(failure_message(RUN, Failure("source", [], "no such bucket"), known))
    assert text.splitlines()[:2] == [
        "A run of the sync receipts failed: no such bucket",
        (
            "The sync has been broken since 2026-01-02 02:30 UTC, at first because Labelbox did not answer; "
            "3 runs failed so far."
        ),
    ]


def test_without_the_ledger_the_message_says_so() -> None:
    text = as_text(failure_message(RUN, Failure("ledger", [ENSURE]), None, ledger_problem="connection refused"))
    assert "The ledger does not answer, so nothing is known of other runs" in text
    assert text.endswith("connection refused")
    assert "connection refused" in as_text(late_message(RUN, None, ledger_problem="connection refused"))


def test_a_late_run_says_until_when_it_was_expected() -> None:
    message = late_message(RUN, "2026-01-02 06:00:00+00:00")
    assert message.subject == "Sync receipts is late"
    assert message.lead == ["A run of the sync receipts has not ended by 2026-01-02 06:00:00+00:00."]


def test_a_recovery_says_how_long_it_lasted_and_what_is_left_to_do() -> None:
    over = incident(failed_runs=30, not_loaded=("backfill 2", "backfill 3"), not_loaded_runs=29)
    message = recovery_message(RUN, over, REPORT, REPORT_URL, NOW)
    assert message.subject == "Sync receipts is well again"
    assert message.lead[1] == (
        "It was broken from 2026-01-02 02:30 UTC to 2026-01-05 02:31 UTC, at first because Labelbox did not answer; "
        "30 runs failed."
    )
    text = as_text(message)
    assert "clear them, or run the backfill again\n  backfill 2\n  backfill 3\n  and 27 more\n" in text
    assert "clear them" not in as_text(recovery_message(RUN, incident(), REPORT, REPORT_URL, NOW))


SIGNED = "https://images.example.com/1.jpg?X-Amz-Expires=60&X-Amz-Signature=a-secret"


def test_signatures_and_passwords_of_urls_never_show() -> None:
    reason = Reason("presigned_url", 1, f"rows.csv line 2: '{SIGNED}' expires", [SIGNED, "https://me:a-secret@host/1"])
    report = replace(REPORT, reasons=[reason])
    task = FailedTask("extract", "source", f"cannot read {SIGNED}", None)
    failure = Failure("source", [task], f"cannot read {SIGNED}", report, f"{REPORT_URL}?sig=a-secret")
    message = failure_message(RUN, failure, incident())
    for form in (as_text(message), as_html(message), str(as_slack(message)), message.subject):
        assert "a-secret" not in form
        assert "https://images.example.com/1.jpg" in form or form == message.subject


def test_text_of_others_neither_breaks_a_mail_nor_speaks_to_a_channel() -> None:
    error = "line one\r\nBcc: everybody@example.com\n<!channel> <script>alert(1)</script> & more " + "x" * 1000
    message = failure_message(RUN, Failure("failed", [], error), incident())
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert len(message.subject) == 150
    assert "<script>" not in as_html(message)
    assert "&lt;script&gt;" in as_html(message)
    posted = as_slack(message)
    assert "<!channel>" not in str(posted["blocks"][1:])  # the first is plain text to Slack
    assert "&lt;!channel&gt;" in posted["text"]


def test_a_message_keeps_to_the_limits_of_slack() -> None:
    keys = ["&" * 400 + str(number) for number in range(9)]
    reasons = [Reason("code", 1, "&" * 2000, keys)] * 9
    failure = Failure("rejected", [ENSURE] * 9, "&" * 2000, replace(REPORT, reasons=reasons), REPORT_URL)
    posted = as_slack(failure_message(RUN, failure, incident(run_id="other")))
    assert len(posted["blocks"]) <= 50
    texts = [block["text"]["text"] for block in posted["blocks"] if block["type"] == "section"]
    assert max(map(len, texts)) <= SLACK_TEXT_CHARACTERS
    assert all(text.replace("&amp;", "").count("&") == 0 for text in texts)
    header = posted["blocks"][0]
    assert header["type"] == "header"
    assert len(header["text"]["text"]) <= 150


def test_links_are_links_where_a_browser_opens_them() -> None:
    message = failure_message(RUN, Failure("failed", [ENSURE], None, REPORT, REPORT_URL), incident())
    html = as_html(message)
    assert f'<a href="{RUN.url}">' in html
    assert f'<a href="{RUN.url}/tasks/ensure">log</a>' in html
    assert f"Report: {REPORT_URL}" in html
    posted = str(as_slack(message))
    assert f"<{RUN.url}|Run in Airflow>" in posted
    assert f"Report: `{REPORT_URL}`" in posted


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LabelboxUnavailableError("x"), "labelbox_unavailable"),
        (LabelboxAuthenticationError("x"), "api_key"),
        (LabelboxError("x"), "labelbox"),
        (SourceUnavailableError("x"), "source_unavailable"),
        (SourceError("x"), "source"),
        (TooManyRejectedError("x"), "rejected"),
        (ConfigurationError("x"), "configuration"),
        (CountMismatchError("x"), "counts"),
        (LedgerUnavailableError("x"), "ledger"),
        (DataIOError("x"), "failed"),
        (ZeroDivisionError("x"), "failed"),
    ],
)
def test_failures_are_told_apart_by_what_there_is_to_do(error: Exception, kind: str) -> None:
    assert kind_of(error) == kind
    assert kind in IN_WORDS


def test_each_guard_is_a_kind_of_its_own() -> None:
    guard = GuardSpec(max_rejected=0, min_rows=2, max_new_rows=1)
    kinds = []
    for check in (lambda: guard.check_rejected(1, 2), lambda: guard.check_read(1, 0), lambda: guard.check_read(2, 2)):
        with pytest.raises(DataIOError) as raised:
            check()
        kinds.append(kind_of(raised.value))
    assert kinds == ["rejected", "min_rows", "max_new_rows"]


def test_a_report_survives_the_way_through_its_file() -> None:
    assert Report.from_dict(REPORT.as_dict()).as_dict() == REPORT.as_dict()
