"""What a run tells, in figures and in words."""

from __future__ import annotations

import pytest

from vonage_messages.ledger import State
from vonage_messages.sending.report import Added, Progress, Report

COUNTS = {
    State.PENDING: 1,
    State.CLAIMED: 2,
    State.SENDING: 3,
    State.ACCEPTED: 4,
    State.FAILED: 5,
    State.IN_DOUBT: 6,
    State.CANCELLED: 7,
}


def test_every_row_is_counted_once() -> None:
    report = Report(counts=COUNTS)
    named = report.pending + report.accepted + report.failed + report.in_doubt + report.cancelled
    assert (report.total, named) == (28, 28)
    assert (report.pending, report.accepted, report.failed, report.in_doubt, report.cancelled) == (6, 4, 5, 6, 7)


def test_states_that_no_row_has_need_not_be_counted() -> None:
    report = Report(counts={})
    assert (report.total, report.pending, report.complete) == (0, 0, True)


@pytest.mark.parametrize("state", [State.PENDING, State.CLAIMED, State.SENDING])
def test_report_with_rows_before_their_end_is_not_complete(state: State) -> None:
    assert not Report(counts={state: 1}).complete


@pytest.mark.parametrize("state", [State.ACCEPTED, State.FAILED, State.IN_DOUBT, State.CANCELLED])
def test_report_without_rows_that_wait_is_complete(state: State) -> None:
    assert Report(counts={state: 1}).complete


def test_report_says_why_it_was_stopped() -> None:
    assert str(Report(counts=COUNTS, stopped="it was asked to stop")) == (
        "28 rows: 4 accepted, 5 failed, 6 in doubt, 7 cancelled, 6 waiting; stopped: it was asked to stop"
    )


def test_report_says_why_shared_refs_cannot_be_settled() -> None:
    assert "2 in doubt share their client_ref with other rows, so that no status can settle them" in str(
        Report(counts=COUNTS, shared_refs=2)
    )


def test_progress_reads_as_one_line() -> None:
    progress = Progress(counts=COUNTS, elapsed=2.0, per_second=3.0, remaining=2.0)
    assert str(progress) == "22 of 28: 4 accepted, 5 failed, 6 in doubt, 3.0/s, 2 s left"


def test_progress_without_a_speed_promises_nothing() -> None:
    assert "left" not in str(Progress(counts=COUNTS, elapsed=0.0, per_second=0.0, remaining=None))


def test_addition_reads_as_a_sentence() -> None:
    assert str(Added(new=2, repeated=1)) == "2 added, 1 there already"
