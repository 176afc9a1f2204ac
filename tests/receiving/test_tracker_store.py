"""The tracker over a store that takes its time, or fails: what is heard here is not held up by it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from vonage_messages.errors import NotDeliveredError, StoreUnavailableError, WaitTimeoutError
from vonage_messages.receiving.tracker import Tracker

from .tracked import LONG, SENT, inbound, observe, status, waiting


class SlowStore:
    """An event store whose first looks take until ``answers`` is set, and then give *bodies*, or fail."""

    def __init__(self, *bodies: bytes, error: Exception | None = None) -> None:
        self.answers = asyncio.Event()
        self.bodies = list(bodies)
        self.error = error

    async def add_event(self, _topics: Any, _body: bytes, /) -> None:
        """Take long in looking alone."""

    async def recall(self, _topics: Any, /) -> list[bytes]:
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.bodies

    def listen(self, _listener: Any, /) -> None:
        """Have nothing to tell."""


async def test_what_is_heard_here_is_not_held_up_by_a_slow_store() -> None:
    tracker = Tracker(store=SlowStore())
    tasks = await waiting(tracker, tracker.wait_for(SENT), tracker.wait_for_reply(SENT))
    await observe(tracker, status("submitted"), status("delivered"), inbound())
    async with asyncio.timeout(LONG):
        told, reply = await asyncio.gather(*tasks)
    assert (told.status, reply.message_type) == ("delivered", "text")


@pytest.mark.usefixtures("quiet_clock")
async def test_what_is_heard_here_is_told_when_the_time_is_over_and_the_store_has_not_answered() -> None:
    tracker = Tracker(store=SlowStore())
    (task,) = await waiting(tracker, tracker.wait_for(SENT, timeout=10))
    stream = tracker.statuses(SENT, timeout=10)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(1)
    await observe(tracker, status("submitted"), status("rejected", code=1300))
    with pytest.raises(NotDeliveredError):
        await task
    assert [(await first).status] + [each.status async for each in stream] == ["submitted", "rejected"]


@pytest.mark.usefixtures("quiet_clock")
async def test_statuses_that_a_slow_store_has_cut_short_end_with_the_time() -> None:
    tracker = Tracker(store=SlowStore())
    stream = tracker.statuses(SENT, timeout=10)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(1)
    await observe(tracker, status("submitted"))
    assert (await first).status == "submitted"
    with pytest.raises(WaitTimeoutError):
        await anext(stream)


async def test_failure_that_is_heard_here_may_be_corrected_by_what_a_slow_store_has() -> None:
    store = SlowStore(json.dumps(status("delivered", at=1).raw).encode())
    tracker = Tracker(store=store)
    (task,) = await waiting(tracker, tracker.wait_for(SENT, timeout=LONG))
    await observe(tracker, status("rejected", code=1300))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()
    store.answers.set()
    assert (await task).status == "delivered"


async def test_store_that_cannot_be_read_ends_the_waits_that_need_it() -> None:
    store = SlowStore(error=StoreUnavailableError("it is away"))
    tracker = Tracker(store=store)
    tasks = await waiting(tracker, tracker.wait_for(SENT), tracker.wait_for_reply(SENT))
    store.answers.set()
    for task in tasks:
        with pytest.raises(StoreUnavailableError, match="it is away"):
            await task
    await observe(tracker, status("delivered"))
    assert (await tracker.wait_for(SENT, timeout=LONG)).status == "delivered"
