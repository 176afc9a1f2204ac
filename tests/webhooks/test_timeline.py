from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.webhooks import MessageStatus, StatusTimeline, parse_status
from vonage_messages.webhooks.timeline import rank


def status(word: str, second: int = 0, **more: Any) -> MessageStatus:
    stamp = f"2026-03-14T09:26:{second:02}Z"
    return parse_status({"message_uuid": "one", "channel": "sms", "status": word, "timestamp": stamp, **more})


WORDS = ("submitted", "delivered", "read", "rejected", "undeliverable", "accepted", "queued", "")
EVENTS = st.builds(
    status,
    st.sampled_from(WORDS),
    st.integers(0, 3),
    error=st.sampled_from([None, {"title": "1300"}, {"title": "1310"}]),
    timestamp=st.sampled_from([None, "2026-03-14T09:26:01Z", "2026-03-14T09:26:02Z", "yesterday"]),
)


@given(st.lists(EVENTS, max_size=8).flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_every_order_of_arrival_ends_alike(orders: tuple[list[MessageStatus], list[MessageStatus]]) -> None:
    first, second = (StatusTimeline(order) for order in orders)
    assert first.current == second.current
    assert first.status == second.status
    assert [first.reached(word) for word in WORDS] == [second.reached(word) for word in WORDS]


@given(st.lists(EVENTS, max_size=8))
def test_repeats_change_nothing_but_the_history(events: list[MessageStatus]) -> None:
    once, twice = StatusTimeline(events), StatusTimeline([*events, *events])
    assert twice.current == once.current
    assert len(twice.history) == 2 * len(events)


def test_ranks_rise_from_unknown_to_read() -> None:
    assert (
        rank("accepted")
        < rank("submitted")
        < rank("rejected")
        == rank("undeliverable")
        < rank("delivered")
        < rank("read")
    )


def test_status_is_the_one_of_the_highest_rank() -> None:
    for order in itertools.permutations(["accepted", "submitted", "rejected", "delivered"]):
        assert StatusTimeline(status(word) for word in order).status == "delivered"


def test_of_two_statuses_of_one_rank_the_later_one_counts() -> None:
    earlier, later = status("rejected", 1), status("undeliverable", 2)
    assert StatusTimeline([later, earlier]).current is later


def test_history_keeps_everything_in_the_order_of_arrival() -> None:
    events = [status("read", 3), status("submitted", 1), status("submitted", 1), status("delivered", 2)]
    assert StatusTimeline(events).history == tuple(events)


def test_add_tells_whether_the_status_counts_now() -> None:
    timeline = StatusTimeline()
    assert timeline.add(status("delivered"))
    assert not timeline.add(status("submitted"))
    assert not timeline.add(status("delivered"))
    assert timeline.add(status("read"))


def test_empty_timeline_has_no_status() -> None:
    timeline = StatusTimeline()
    assert (timeline.current, timeline.status, timeline.history, timeline.failed) == (None, "", (), False)
    assert not timeline.reached("submitted")


def test_read_answers_delivered() -> None:
    assert StatusTimeline([status("read")]).reached("delivered")


def test_rejected_does_not_answer_delivered() -> None:
    timeline = StatusTimeline([status("rejected")])
    assert not timeline.reached("delivered")
    assert timeline.failed


def test_delivered_after_all_is_no_failure() -> None:
    assert not StatusTimeline([status("rejected"), status("delivered")]).failed


def test_unknown_status_is_reached_only_by_itself() -> None:
    timeline = StatusTimeline([status("accepted"), status("read")])
    assert timeline.reached("accepted")
    assert not timeline.reached("queued")


def test_status_of_another_message_is_refused() -> None:
    timeline = StatusTimeline([status("submitted")])
    with pytest.raises(ValueError, match="of message two"):
        timeline.add(status("delivered", message_uuid="two"))
    assert timeline.status == "submitted"


def test_statuses_with_keys_that_are_no_json_are_ordered_too() -> None:
    strange = parse_status({"message_uuid": "one", "status": "read", 5: "x", "a": "b"})  # type: ignore[dict-item]
    plain = parse_status({"message_uuid": "one", "status": "read"})
    assert StatusTimeline([strange, plain]).current == StatusTimeline([plain, strange]).current


def test_repr_names_the_statuses() -> None:
    shown = repr(StatusTimeline([status("submitted"), status("read")]))
    assert shown == "StatusTimeline(status='read', history=['submitted', 'read'])"
