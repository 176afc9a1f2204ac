"""What is told of a message: outcomes, the words of an error, and a future by itself."""

from __future__ import annotations

import asyncio
import math
import pickle
from typing import Any

import attrs
import pytest

from vonage_messages import errors
from vonage_messages.limits.places import Place, Priority
from vonage_messages.sending.outcome import Outcome, SendFuture, resolve, too_late
from vonage_messages.wire.rest import SentMessage

VIRTUAL_CLOCK = True

SENT = SentMessage(message_uuid="uuid")


def place(tools: Any, *, expires_in: float = math.inf, max_wait: float = math.inf) -> Place:
    made = Place(tools.sms(1), Priority.NORMAL, 100.0)
    made.expires_at = 100.0 + expires_in
    made.give_up_at = 100.0 + max_wait
    return made


@pytest.mark.parametrize(
    ("sent", "error", "maybe_sent"),
    [
        (SENT, None, True),
        (None, None, False),
        (None, errors.ValidationError(422), False),
        (None, errors.ResponseLostError("lost"), True),
        (None, KeyError("row"), False),
    ],
)
def test_outcome_tells_whether_the_message_may_be_on_its_way(
    tools: Any, sent: SentMessage | None, error: Exception | None, maybe_sent: bool
) -> None:
    assert Outcome(message=tools.sms(1), sent=sent, error=error).maybe_sent is maybe_sent


def test_outcome_is_a_value(tools: Any) -> None:
    outcome = Outcome(message=tools.sms(1), sent=SENT, attempts=2, waited=1.5)
    assert pickle.loads(pickle.dumps(outcome)) == outcome  # noqa: S301  made here
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        outcome.attempts = 3  # type: ignore[misc]  that it is refused is the point


def test_longest_wait_is_named_with_wait_and_key(tools: Any) -> None:
    error = too_late(place(tools, max_wait=5, expires_in=60), 112.0, "pair whatsapp/14*******00/44********00")
    assert isinstance(error, errors.LimitTimeoutError)
    assert (error.wait, error.max_wait) == (12.0, 5.0)
    assert error.key == "pair whatsapp/14*******00/44********00"


def test_wait_is_never_told_shorter_than_the_longest_that_was_allowed(tools: Any) -> None:
    error = too_late(place(tools, max_wait=5), 103.0, "queue")
    assert isinstance(error, errors.LimitTimeoutError)
    assert (error.wait, error.key) == (5.0, "queue")


def test_what_is_no_limit_is_named_in_words(tools: Any) -> None:
    said = {key: str(too_late(place(tools, max_wait=5), 103.0, key)) for key in errors.WHAT_HOLDS}
    assert said["circuit"] == (
        "the platform cannot be reached: the message did not leave within 5 s, and was not sent."
    )
    assert not any("the limit of" in sentence for sentence in said.values())
    error = too_late(place(tools, expires_in=5), 103.0, "connections")
    assert "it was not sent (every connection of the queue is in use)" in str(error)


def test_deadline_is_named_with_its_span(tools: Any) -> None:
    error = too_late(place(tools, max_wait=60, expires_in=5), 112.0, "account")
    assert isinstance(error, errors.DeadlineExceededError)
    assert str(error) == (
        "the message had to leave within 5 s, and could not: it was not sent (it would have waited 12 s for the limit "
        "of account)."
    )
    assert not error.maybe_sent


@pytest.mark.parametrize(
    ("outcome", "maybe_sent"),
    [
        ({"sent": SENT}, True),
        ({"error": errors.ValidationError(422)}, False),
        ({"error": errors.ServerError(500)}, True),
        ({}, False),
    ],
)
async def test_future_knows_what_became_of_its_message(tools: Any, outcome: dict[str, Any], maybe_sent: bool) -> None:
    future = SendFuture(tools.sms(1), lambda _future: None, asyncio.get_running_loop())
    assert (future.state, future.maybe_sent) == ("queued", False)
    resolve(future, Outcome(message=future.message, **outcome))
    await asyncio.wait([future])
    assert future.state == "done"
    assert future.maybe_sent is maybe_sent
    assert not future.cancelled()  # nobody has called its cancel()
    if "error" in outcome:
        assert future.exception() is outcome["error"]
    elif not outcome:
        assert isinstance(future.exception(), errors.QueueClosedError)


async def test_future_that_was_cancelled_still_learns_what_became_of_its_message(tools: Any) -> None:
    forgotten: list[SendFuture] = []
    future = SendFuture(tools.sms(1), forgotten.append, asyncio.get_running_loop())
    assert future.cancel()
    assert forgotten == [future]
    resolve(future, Outcome(message=future.message, sent=SENT))
    assert future.cancelled()
    assert future.maybe_sent


async def test_future_that_is_done_cannot_be_cancelled(tools: Any) -> None:
    future = SendFuture(tools.sms(1), lambda _future: pytest.fail("asked"), asyncio.get_running_loop())
    resolve(future, Outcome(message=future.message, sent=SENT))
    assert not future.cancel()
