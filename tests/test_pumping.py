"""The alarm of pumping: many messages to one range of numbers, on a clock that tests move."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import (
    ConfigurationError,
    MessengerText,
    PumpingAlarm,
    PumpingSuspected,
    RangePausedError,
    RcsText,
    SendQueue,
    Sms,
)
from vonage_messages.simulator import Simulator


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def sms(last: int, *, range: int = 44770090) -> Sms:  # noqa: A002  the word for it
    return Sms(to=f"{range}{last:04}", from_="Acme", text="Your code is 1234")


class Watch:
    """An alarm, its clock, and what it said."""

    def __init__(self, **options: Any) -> None:
        self.time = Time()
        self.heard: list[PumpingSuspected] = []
        self.alarm = PumpingAlarm(
            **{"most": 3, "within": 60, "on_alarm": self.heard.append, **options}, clock=self.time
        )

    def send(self, count: int, first: int = 0, **options: Any) -> int:
        """Send to so many numbers of a range, and count those that were let pass."""
        passed = 0
        for last in range(first, first + count):
            try:
                self.alarm.admit(sms(last, **options))
            except RangePausedError:
                continue
            passed += 1
        return passed


def test_alarm_is_raised_once_and_messages_go_on_without_a_pause() -> None:
    watch = Watch()
    assert watch.send(3) == 3
    assert watch.heard == []
    assert watch.send(10) == 10
    assert watch.heard == [PumpingSuspected(range="44770090", messages=4, within=60, paused_for=None)]
    watch.time.now = 61.0
    assert watch.send(3) == 3
    assert len(watch.heard) == 1
    watch.send(1)
    assert len(watch.heard) == 2


def test_range_is_paused_and_open_again_and_others_never_notice() -> None:
    watch = Watch(pause=600)
    assert watch.send(5) == 3
    assert watch.heard == [PumpingSuspected(range="44770090", messages=4, within=60, paused_for=600)]
    assert watch.alarm.paused == {"44770090": 600}
    assert watch.send(3, range=49151123) == 3
    watch.time.now = 599.0
    with pytest.raises(RangePausedError) as caught:
        watch.alarm.admit(sms(9))
    error = caught.value
    assert (error.range, error.retry_after, error.retryable, error.maybe_sent) == ("44770090", 1.0, True, False)
    assert "numbers that begin with 44770090: they are left alone for 1 s more" in str(error)
    watch.time.now = 600.0
    assert watch.alarm.paused == {}
    assert watch.send(5) == 3
    assert len(watch.heard) == 2


def test_pause_may_be_ended() -> None:
    watch = Watch(pause=600)
    watch.send(5)
    assert watch.alarm.resume("44770090")
    assert not watch.alarm.resume("44770090")
    assert not watch.alarm.resume("1")
    assert watch.send(3) == 3
    assert "44770090" not in repr(watch.alarm)


def test_what_was_not_sent_does_not_count() -> None:
    watch = Watch()
    for last in range(20):
        undo = watch.alarm.admit(sms(last))
        assert undo is not None
        undo()
    assert watch.heard == []


def test_what_was_not_sent_and_counts_no_more_is_not_taken_back_twice() -> None:
    watch = Watch()
    undo = watch.alarm.admit(sms(1))
    assert undo is not None
    watch.time.now = 61.0
    watch.send(3)
    undo()
    watch.send(1)
    assert len(watch.heard) == 1


def test_failover_to_the_same_range_counts_once() -> None:
    watch = Watch()
    for last in range(3):
        watch.alarm.admit(RcsText(to=sms(last).to, from_="Acme", text="Hi", failover=[sms(last)]))
    assert watch.heard == []
    watch.send(1)
    assert len(watch.heard) == 1


def test_failover_to_a_paused_range_is_refused_and_counts_nowhere() -> None:
    watch = Watch(pause=600)
    watch.send(4)
    for _ in range(5):
        with pytest.raises(RangePausedError):
            watch.alarm.admit(RcsText(to="4915112345678", from_="Acme", text="Hi", failover=[sms(1)]))
    assert watch.send(3, range=49151123) == 3


def test_what_is_exempt_or_no_number_is_not_watched() -> None:
    watch = Watch(exempt=["+44 77"], last_digits=2)
    assert watch.send(50) == 50
    page = MessengerText(to="7064", from_="1070", text="Hi")
    assert [watch.alarm.admit(page) for _ in range(50)] == [None] * 50
    assert watch.heard == []


def test_few_ranges_are_remembered() -> None:
    watch = Watch(maximum=2)
    for name in (44770090, 44770091, 44770092) * 5:
        watch.send(1, range=name)
    assert watch.heard == []
    assert repr(watch.alarm) == "PumpingAlarm(ranges=2, paused=[])"


def test_listener_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_suspected: PumpingSuspected) -> None:
        raise LookupError("the number of somebody")

    watch = Watch(on_alarm=fail)
    assert watch.send(5) == 5
    assert Watch(on_alarm=None).send(5) == 5
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "on_alarm raised LookupError"),
        (logging.WARNING, "4 messages in 60 s to numbers that begin with 44770090"),
    ]


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_in_no_window_do_more_than_most_pass_while_it_pauses(gaps: list[float], most: int) -> None:
    time, passed = Time(), []
    alarm = PumpingAlarm(most=most, within=20, pause=20, clock=time, on_alarm=lambda _: None)
    for gap in gaps:
        time.now += gap
        try:
            alarm.admit(sms(1))
        except RangePausedError:
            continue
        passed.append(time.now)
    for number, instant in enumerate(passed):
        assert sum(instant - 20 < each <= instant for each in passed[: number + 1]) <= most


async def test_queue_leaves_a_paused_range_alone_and_sends_the_others() -> None:
    heard: list[PumpingSuspected] = []
    alarm = PumpingAlarm(most=5, pause=600, on_alarm=heard.append, clock=Time())
    async with (
        Simulator(rate=None) as simulator,
        simulator.client(guards=[alarm]) as client,
        SendQueue(client) as queue,
    ):
        pumped = [sms(last) for last in range(40)]
        honest = [sms(1, range=49151100 + number) for number in range(20)]
        outcomes = await queue.send_all([*pumped, *honest])
    assert [outcome.error is None for outcome in outcomes] == [True] * 5 + [False] * 35 + [True] * 20
    assert {type(outcome.error) for outcome in outcomes[5:40]} == {RangePausedError}
    assert len(heard) == 1
    assert len(simulator.messages) == 25


@pytest.mark.parametrize(
    "options",
    [{"most": 0}, {"most": True}, {"within": 0}, {"pause": -1}, {"last_digits": 9}, {"maximum": 0}, {"on_alarm": 5}],
)
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        PumpingAlarm(**options)
