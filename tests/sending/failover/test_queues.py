"""A chain through a queue, and a chain that is cancelled: what still waits is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.channels.base import Message
from vonage_messages.clients.client import Client
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover, ReferenceTracker
from vonage_messages.sending.outcome import SendFuture
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator
from vonage_messages.wire.rest import SentMessage

from .between import between
from .chains import LONG, RCS, SMS, SOON, WHATSAPP, WINDOW, Service, arrival, channels, errors_of, told, until, within

pytestmark = pytest.mark.usefixtures("quiet_clock")


# Queues --------------------------------------------------------------------------------------------------------------


async def test_queue_sends_every_message_in_its_turn(service: Service) -> None:
    service.simulator.fail(1300, channel="whatsapp")
    policy = Failover([WHATSAPP, SMS], after=LONG)
    async with SendQueue(service.client, limits=Limits.unlimited()) as queue:
        result = await policy.send(queue, service.tracker, priority=Priority.HIGH)
        assert queue.stats().accepted == 2
    assert result.message is SMS
    assert channels(service.simulator) == ["whatsapp", "sms"]


async def test_queue_is_given_the_options(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    with pytest.raises(errors.DeadlineExceededError):
        await asyncio.wait_for(Failover([WHATSAPP, SMS], after=LONG).send(queue, Tracker(), expires_in=0.05), 60)
    assert simulator.messages == []


async def test_time_in_a_queue_is_no_time_of_the_message(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW).send(queue, tracker))
    await asyncio.sleep(WINDOW + 0.05)
    assert len(queue) == 1
    queue.resume()
    await tracker.observe(told("delivered", await arrival(simulator, 1)))
    assert (await within(chain)).message is RCS


async def test_message_that_waits_in_a_queue_is_taken_back_when_an_earlier_one_arrives(
    simulator: Simulator, queue: SendQueue
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(queue, tracker))
    first = await arrival(simulator, 1)
    queue.pause()
    await until(lambda: len(queue) == 1)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert [leg.message for leg in result.legs] == [WHATSAPP]
    assert len(queue) == 0
    queue.resume()
    await queue.drain()
    assert channels(simulator) == ["whatsapp"]


async def test_message_that_goes_back_into_its_queue_is_taken_back_there() -> None:
    async with Simulator(rate=0.001, burst=1) as simulator, between(simulator) as (middle, client):
        middle.held["sms"] = asyncio.Event()
        tracker = Tracker()
        async with SendQueue(client, limits=Limits.unlimited()) as queue:
            chain = asyncio.create_task(Failover([RCS, SMS], after=SOON).send(queue, tracker))
            await asyncio.wait_for(middle.arrived["sms"].wait(), 60)
            await tracker.observe(told("delivered", simulator.messages[0]))
            middle.held["sms"].set()
            result = await within(chain)
            assert len(queue) == 0
        assert result.message is RCS
        assert [leg.message for leg in result.legs] == [RCS]
        assert channels(simulator) == ["rcs"]
        assert simulator.throttled == 1


async def test_queue_that_is_full_ends_the_chain(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    others = [queue.submit(SMS), queue.submit(SMS)]
    with pytest.raises(errors.QueueFullError):
        await Failover([WHATSAPP, SMS], after=LONG).send(queue, Tracker())
    assert [other.cancel() for other in others] == [True, True]
    assert simulator.messages == []


async def test_queue_that_is_cancelled_ends_the_chain(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=LONG).send(queue, Tracker()))
    await until(lambda: len(queue) == 1)
    assert await queue.cancel() == 1
    with pytest.raises(errors.QueueClosedError):
        await within(chain)
    assert simulator.messages == []


class Awaited:
    """What a queue of somebody else may give: awaitable, and no future."""

    def __init__(self, future: SendFuture, *, maybe_sent: bool) -> None:
        self.future = future
        self.maybe_sent = maybe_sent

    @property
    def state(self) -> str:
        return self.future.state

    def cancel(self) -> bool:
        return self.future.cancel()

    def __await__(self) -> Generator[Any, Any, SentMessage]:
        return asyncio.shield(self.future).__await__()


class OtherQueue:
    def __init__(self, queue: SendQueue, *, maybe_sent: bool = False) -> None:
        self.queue = queue
        self.maybe_sent = maybe_sent

        self.given: list[Awaited] = []

    def submit(self, message: Message) -> Awaited:
        self.given.append(Awaited(self.queue.submit(message), maybe_sent=self.maybe_sent))
        return self.given[-1]

    def cancel(self) -> None:
        for given in self.given:
            given.cancel()


@pytest.mark.parametrize("kind", [lambda queue: queue, OtherQueue])
async def test_cancelled_chain_takes_back_what_waits_in_a_queue(
    simulator: Simulator, queue: SendQueue, kind: Callable[[SendQueue], Any]
) -> None:
    queue.pause()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=LONG).send(kind(queue), Tracker()))
    await until(lambda: len(queue) == 1)
    chain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await chain
    assert len(queue) == 0
    queue.resume()
    await queue.drain()
    assert simulator.messages == []


async def test_message_that_is_taken_back_after_an_open_attempt_is_named_with_the_doubt(
    simulator: Simulator, queue: SendQueue
) -> None:
    tracker = Tracker()
    sender = OtherQueue(queue, maybe_sent=True)
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(sender, tracker))
    first = await arrival(simulator, 1)
    queue.pause()
    await until(lambda: len(queue) == 1)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert errors_of(result) == [None, errors.ResponseLostError]
    assert len(queue) == 0


@pytest.mark.parametrize(("maybe_sent", "error"), [(False, errors.QueueClosedError), (True, errors.ResponseLostError)])
async def test_queue_that_cancels_a_message_after_another_went_out_does_not_hide_that_one(
    simulator: Simulator, queue: SendQueue, maybe_sent: bool, error: type[Exception]
) -> None:
    sender = OtherQueue(queue, maybe_sent=maybe_sent)
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(sender, Tracker()))
    await arrival(simulator, 1)
    queue.pause()
    await until(lambda: len(queue) == 1)
    sender.cancel()
    result = await within(chain)
    assert isinstance(result.error, error)
    assert errors_of(result) == [None, error]
    assert result.legs[0].sent is not None
    assert channels(simulator) == ["whatsapp"]


async def test_queue_that_is_cancelled_after_another_message_went_out_does_not_hide_that_one(
    simulator: Simulator, queue: SendQueue
) -> None:
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(queue, Tracker()))
    await arrival(simulator, 1)
    queue.pause()
    await until(lambda: len(queue) == 1)
    assert await queue.cancel() == 1
    result = await within(chain)
    assert errors_of(result) == [None, errors.QueueClosedError]
    assert result.legs[0].sent is not None


@pytest.mark.parametrize(("maybe_sent", "error"), [(False, errors.QueueClosedError), (True, errors.ResponseLostError)])
async def test_queue_that_cancels_the_first_message_is_told_in_an_error(
    queue: SendQueue, maybe_sent: bool, error: type[Exception]
) -> None:
    queue.pause()
    sender = OtherQueue(queue, maybe_sent=maybe_sent)
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(sender, Tracker()))
    await until(lambda: len(queue) == 1)
    sender.cancel()
    with pytest.raises(error):
        await within(chain)
    assert len(queue) == 0


# Cancellation --------------------------------------------------------------------------------------------------------


async def test_cancelled_chain_sends_nothing_more_and_waits_for_nothing(simulator: Simulator, client: Client) -> None:
    tracker = ReferenceTracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    await arrival(simulator, 2)
    before = asyncio.all_tasks()
    chain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await chain
    assert asyncio.all_tasks() < before
    assert tracker.waiting == 0
    assert tracker._references == {}
    await asyncio.sleep(WINDOW + 0.05)
    assert channels(simulator) == ["whatsapp", "rcs"]


async def test_timeout_of_the_caller_ends_a_chain_that_is_being_sent(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.held["rcs"] = asyncio.Event()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await Failover([RCS, SMS], after=LONG).send(client, Tracker())
        middle.held["rcs"].set()
    assert "sms" not in channels(simulator)
