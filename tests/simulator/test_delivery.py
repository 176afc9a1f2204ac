"""What becomes of a message: which statuses, in which order, and how often a callback comes again."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.delivery import Delivery, Failure, retry_delays, timeline

CHANNELS = ["sms", "mms", "rcs", "whatsapp", "messenger", "viber_service", "email"]


def names(delivery: Delivery, number: int = 0, **options: Any) -> list[str]:
    return [step.status for step in timeline(delivery, number, **options)]


@pytest.mark.parametrize("channel", CHANNELS)
def test_read_is_told_by_every_channel_but_sms_and_mms(channel: str) -> None:
    expected = ["submitted", "delivered"] + ([] if channel in {"sms", "mms"} else ["read"])
    assert names(Delivery(), channel=channel) == expected


def test_rejected_message_has_no_other_status() -> None:
    (step,) = timeline(Delivery(), 0, channel="sms", failure=Failure(code=1300))
    assert (step.status, step.code) == ("rejected", 1300)


def test_undeliverable_message_was_submitted_before() -> None:
    steps = timeline(Delivery(), 0, channel="sms", failure=Failure(code=1180, status="undeliverable"))
    assert [(step.status, step.code) for step in steps] == [("submitted", None), ("undeliverable", 1180)]


def test_same_seed_gives_the_same_timeline() -> None:
    delivery = Delivery(seed=7, read_share=0.5, repeated_share=0.5, overtaken_share=0.5)
    first, second = ([timeline(delivery, number, channel="rcs") for number in range(50)] for _ in range(2))
    assert first == second


def test_other_seeds_give_other_timelines() -> None:
    assert len({timeline(Delivery(seed=seed), 0, channel="rcs") for seed in range(20)}) == 20


def test_times_vary_within_the_spread() -> None:
    delivery = Delivery(submitted_after=10, spread=0.2)
    times = [timeline(delivery, number, channel="sms")[0].happens_after for number in range(200)]
    assert 8 <= min(times) < 8.5
    assert 11.5 < max(times) <= 12


def test_share_of_read_messages_is_kept() -> None:
    delivery = Delivery(read_share=0.3)
    read = sum("read" in names(delivery, number, channel="whatsapp") for number in range(2000))
    assert 500 < read < 700


def test_repeated_callback_is_the_same_status_again() -> None:
    assert sorted(names(Delivery(repeated_share=1.0), channel="sms")) == sorted(["submitted", "delivered"] * 2)


def test_overtaken_status_leaves_later_than_it_happened() -> None:
    steps = timeline(Delivery(overtaken_share=1.0), 0, channel="sms")
    assert [step.status for step in steps] == ["delivered", "submitted"]
    assert steps[1].happens_after < steps[0].happens_after
    assert steps[1].leaves_after > steps[0].leaves_after


def test_steps_come_in_the_order_in_which_they_leave() -> None:
    delivery = Delivery(repeated_share=0.5, overtaken_share=0.5)
    for number in range(100):
        leaves = [step.leaves_after for step in timeline(delivery, number, channel="rcs")]
        assert leaves == sorted(leaves)


def test_repetitions_begin_at_five_seconds_and_double_to_fifteen_minutes() -> None:
    assert list(itertools.islice(retry_delays(), 10)) == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_repetitions_end_within_a_day() -> None:
    delays = list(retry_delays())
    assert 24 * 3600 - 900 < sum(delays) <= 24 * 3600


@pytest.mark.parametrize(
    "options",
    [
        {"submitted_after": -1},
        {"read_after": float("inf")},
        {"delivered_after": "1"},
        {"read_share": 1.1},
        {"repeated_share": -0.1},
        {"spread": float("nan")},
    ],
)
def test_option_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Delivery(**options)


def test_failure_is_rejected_or_undeliverable() -> None:
    with pytest.raises(ConfigurationError, match="not as 'read'"):
        Failure(code=1000, status="read")
