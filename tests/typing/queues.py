"""What type checkers see of limits, queues and plans: read by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Literal, assert_type

from vonage_messages import (
    Cap,
    Client,
    Limiter,
    Limits,
    Load,
    Message,
    Outcome,
    Plan,
    Priority,
    QueueStats,
    Rate,
    SendFuture,
    SendQueue,
    SentMessage,
    Sms,
    plan,
)
from vonage_messages.webhooks import MessageStatus

sms = Sms(to="447700900000", from_="Acme", text="Hello")

assert_type(Rate(30).n, float)
assert_type(Rate(1, per=6.0, burst=45).burst, int | None)
assert_type(Cap(2_000).n, int)

# Limits in every accepted form.
by_sender = {"14155550100": Rate(1)}
limits = Limits(account=Rate(30), senders=by_sender, channels={"sms": [Rate(1), Cap(2_000)], "mms": (Rate(1),)})
Limits(account=[Rate(1), Cap(5)], pairs={"whatsapp": Rate(1)}, each_sender={"sms": Cap(1)}, prefixes={"44": Rate(1)})
Limits(senders=dict.fromkeys(["14155550100", "14155550101"], Rate(1)))
Limits(account=None)
assert_type(limits.account, Rate | Cap | tuple[Rate | Cap, ...] | None)
assert_type(limits.senders, Mapping[str, Rate | Cap | tuple[Rate | Cap, ...]])
assert_type(limits.caps, tuple[str, ...])
assert_type(Limits.published(), Limits)
assert_type(Limits.from_toml("account = { n = 30 }"), Limits)

changed = limits.replacing(account=None, senders={"14155550100": None, "Acme": [Rate(1)]}, pairs={"whatsapp": Rate(1)})
assert_type(changed, Limits)
limits.replacing(senders=by_sender)

# What mypy must refuse: an unused ignore would be an error of its own.
Rate("30")  # type: ignore[arg-type]  # a number
Rate(30, 1.0)  # type: ignore[call-arg]  # per is a keyword
Cap(1.5)  # type: ignore[arg-type]  # a whole number
Limits(Rate(30))  # type: ignore[call-arg]  # keywords alone
Limits(account="30")  # type: ignore[arg-type]  # a rate
Limits(account=30)  # type: ignore[arg-type]  # a rate
Limits(pairs=Rate(1))  # type: ignore[arg-type]  # by channel
Limits(senders={14155550100: Rate(1)})  # type: ignore[dict-item]  # a sender is text
Limits(senders={"Acme": 1})  # type: ignore[dict-item]  # a rate
Limits(senders={"Acme": None})  # type: ignore[dict-item]  # nothing to take away
Limits(sender={"Acme": Rate(1)})  # type: ignore[call-arg]  # no such level
limits.replacing(account="30")  # type: ignore[arg-type]  # a rate
limits.replacing(pairs=Rate(1))  # type: ignore[arg-type]  # by channel
limits.account = None  # type: ignore[misc]  # frozen
limits.senders["Acme"] = Rate(1)  # type: ignore[index]  # read-only
Limits.from_toml(b"")  # type: ignore[arg-type]  # text


def planned(messages: list[Sms]) -> None:
    """Plan before anything is sent."""
    estimate = plan(messages, limits, window=100)
    assert_type(estimate, Plan)
    assert_type(estimate.duration, float)
    assert_type(estimate.segments, int)
    assert_type(estimate.busiest, Mapping[str, tuple[Load, ...]])
    plan(sms)  # type: ignore[arg-type]  # a list of messages
    plan(messages, Rate(30))  # type: ignore[arg-type]  # limits


async def queued(client: Client, messages: list[Sms], endless: AsyncIterable[Message], status: MessageStatus) -> None:
    """Use every door of a queue."""
    async with SendQueue(client, limits=limits, maxsize=10, on_outcome=print) as queue:
        assert_type(queue, SendQueue)
        assert_type(queue.limiter, Limiter)

        future = queue.submit(sms, priority=Priority.HIGH, expires_in=60)
        assert_type(future, SendFuture)
        assert_type(future.state, Literal["queued", "sending", "done"])
        assert_type(future.maybe_sent, bool)
        assert_type(future.message, Message)
        assert_type(await future, SentMessage)

        await queue.put(sms, max_wait=5.0)
        assert_type(queue.map(messages), AsyncIterator[Outcome])
        async for outcome in queue.map(endless, ordered=True):
            assert_type(outcome.message, Message)
            assert_type(outcome.sent, SentMessage | None)
            assert_type(outcome.error, BaseException | None)
            assert_type(outcome.attempts, int)
            assert_type(outcome.waited, float)
        assert_type(await queue.send_all(messages), list[Outcome])
        assert_type(await queue.send_all(endless), list[Outcome])
        assert_type(queue.stats(), QueueStats)
        queue.observe(status)

        queue.submit("Hello")  # type: ignore[arg-type]  # a message
        queue.map(sms)  # type: ignore[arg-type]  # a list of messages
        queue.submit(sms, priority="high")  # type: ignore[arg-type]  # a Priority
    SendQueue(client, limits=Rate(30))  # type: ignore[arg-type]  # limits, or what keeps them
    SendQueue(client, limits=Limiter(limits))
