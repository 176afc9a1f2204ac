"""Observers see every attempt as a pair, and never stop a send."""

from __future__ import annotations

import logging

import pytest

from vonage_messages import errors
from vonage_messages.observe import AttemptFinished, AttemptStarted, Observers, status_of

STARTED = AttemptStarted(
    operation="send",
    method="POST",
    url="https://api.nexmo.com/v1/messages",
    attempt=1,
    channel="sms",
    message_type="text",
    to="44********00",
)
FINISHED = AttemptFinished(started=STARTED, duration=0.012, status=202, request_id="r1", message_uuid="u1")


class Recorder:
    def __init__(self) -> None:
        self.events: list[object] = []

    def before_attempt(self, event: AttemptStarted) -> None:
        self.events.append(event)

    def after_attempt(self, event: AttemptFinished) -> None:
        self.events.append(event)


class Broken:
    def before_attempt(self, event: AttemptStarted) -> None:
        raise RuntimeError(f"no place for {event.url}")

    def after_attempt(self, event: AttemptFinished) -> None:
        raise RuntimeError(f"no place for {event.status}")


def test_every_observer_sees_both_events() -> None:
    first, second = Recorder(), Recorder()
    observers = Observers([first, second])
    observers.before_attempt(STARTED)
    observers.after_attempt(FINISHED)
    assert first.events == second.events == [STARTED, FINISHED]


def test_observer_that_raises_hides_nothing_from_the_next() -> None:
    recorder = Recorder()
    observers = Observers([Broken(), recorder])
    observers.before_attempt(STARTED)
    observers.after_attempt(FINISHED)
    assert recorder.events == [STARTED, FINISHED]


def test_observer_that_raises_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    observers = Observers([Broken()])
    with caplog.at_level(logging.INFO, "vonage_messages"):
        for _ in range(3):
            observers.before_attempt(STARTED)
            observers.after_attempt(FINISHED)
    assert [record.getMessage() for record in caplog.records] == [
        "observer Broken raised RuntimeError; it is called again, but further failures are not logged"
    ]


def test_attempts_are_logged_at_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    observers = Observers()
    with caplog.at_level(logging.DEBUG, "vonage_messages"):
        observers.before_attempt(STARTED)
        observers.after_attempt(FINISHED)
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert "(sms text to 44********00)" in caplog.messages[0]
    assert "HTTP 202 in 12.0 ms, request id r1" in caplog.messages[1]


@pytest.mark.parametrize(
    ("observers", "level", "watching"),
    [([], logging.INFO, False), ([], logging.DEBUG, True), ([Recorder()], logging.INFO, True)],
)
def test_somebody_watches_where_an_observer_or_the_log_would_see(
    observers: list[Recorder], level: int, watching: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(level, "vonage_messages"):
        assert Observers(observers).watching is watching


def test_failure_is_logged_by_its_class(caplog: pytest.LogCaptureFixture) -> None:
    finished = AttemptFinished(started=STARTED, duration=1, error=errors.ResponseLostError("secret words"))
    with caplog.at_level(logging.DEBUG, "vonage_messages"):
        Observers().after_attempt(finished)
    assert "no answer, ResponseLostError" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ServerError(503), 503),
        (errors.UnexpectedResponseError("odd", status=202), 202),
        (errors.UnexpectedResponseError("odd"), None),
        (errors.ConnectError("no"), None),
        (None, None),
    ],
)
def test_status_is_taken_from_the_error(error: BaseException | None, status: int | None) -> None:
    assert status_of(error) == status
