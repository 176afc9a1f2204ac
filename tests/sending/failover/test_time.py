"""How long a chain waits for each message, and what a late delivery changes."""

from __future__ import annotations

import asyncio

import pytest

from vonage_messages import errors
from vonage_messages.clients.client import Client
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover
from vonage_messages.simulator import Simulator

from .between import between
from .chains import LONG, POLL, RCS, SMS, SOON, WHATSAPP, WINDOW, arrival, channels, errors_of, told, within

pytestmark = pytest.mark.usefixtures("quiet_clock")


# Time ----------------------------------------------------------------------------------------------------------------


async def test_next_message_follows_one_that_did_not_arrive_in_time(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(client, tracker))
    first = await arrival(simulator, 1)
    await tracker.observe(told("submitted", first))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert result.message is SMS
    assert result.legs[0].sent is not None
    assert (result.legs[0].status, result.legs[0].error) == (None, None)


async def test_next_message_waits_until_the_time_of_the_one_before_is_up(simulator: Simulator, client: Client) -> None:
    loop = asyncio.get_running_loop()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=0.3).send(client, Tracker()))
    await arrival(simulator, 1)
    begun = loop.time()
    await arrival(simulator, 2)
    # The first was accepted a little before.
    assert loop.time() - begun >= 0.3 - POLL
    await within(chain)


async def test_time_of_the_last_message_ends_the_chain(simulator: Simulator, client: Client) -> None:
    result = await Failover([WHATSAPP, SMS], after=SOON).send(client, Tracker())
    assert not result.delivered
    assert errors_of(result) == [None, None]
    assert [leg.sent is not None for leg in result.legs] == [True, True]
    assert channels(simulator) == ["whatsapp", "sms"]


async def test_time_is_measured_from_the_acceptance(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.held["rcs"] = asyncio.Event()
        chain = asyncio.create_task(Failover([RCS, SMS], after=0.2).send(client, tracker := Tracker()))
        await asyncio.wait_for(middle.arrived["rcs"].wait(), 60)
        await asyncio.sleep(0.3)
        assert not chain.done()
        middle.held["rcs"].set()
        await tracker.observe(told("delivered", await arrival(simulator, 1)))
        assert (await within(chain)).message is RCS
    assert channels(simulator) == ["rcs"]


async def test_status_that_came_before_the_answer_counts(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.unanswered["rcs"] = asyncio.Event()
        tracker = Tracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=LONG).send(client, tracker))
        await tracker.observe(told("delivered", await arrival(simulator, 1)))
        middle.unanswered["rcs"].set()
        assert (await within(chain)).message is RCS
    assert channels(simulator) == ["rcs"]


# A late delivery -----------------------------------------------------------------------------------------------------


async def test_late_delivery_ends_the_wait_for_the_next_message(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    first = await arrival(simulator, 1)
    await arrival(simulator, 2)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert result.status is not None
    assert result.status.message_uuid == first.message_uuid
    assert channels(simulator) == ["whatsapp", "rcs"]
    assert result.legs[1].sent is not None
    assert tracker.waiting == 0


async def test_delivery_of_the_first_of_three_ends_the_wait_for_the_last(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    await arrival(simulator, 3)
    await tracker.observe(told("rejected", simulator.messages[1], code=1300))
    await tracker.observe(told("delivered", simulator.messages[0]))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert errors_of(result) == [None, errors.NotDeliveredError, None]


async def test_delivery_together_with_the_failure_of_the_next_sends_nothing_more(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    second = await arrival(simulator, 2)
    await tracker.observe(told("rejected", second, code=1300))
    await tracker.observe(told("delivered", simulator.messages[0]))
    assert (await within(chain)).message is WHATSAPP
    assert channels(simulator) == ["whatsapp", "rcs"]


async def test_message_that_failed_and_was_delivered_after_all_sends_nothing_more(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    first = await arrival(simulator, 1)
    await tracker.observe(told("undeliverable", first, code=1180))
    await arrival(simulator, 2)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert result.legs[0].error is None
    assert channels(simulator) == ["whatsapp", "rcs"]


async def test_delivery_while_the_next_message_is_being_sent_is_the_result_and_both_are_named(
    simulator: Simulator,
) -> None:
    async with between(simulator) as (middle, client):
        middle.held["sms"] = asyncio.Event()
        tracker = Tracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=SOON).send(client, tracker))
        await asyncio.wait_for(middle.arrived["sms"].wait(), 60)
        await tracker.observe(told("delivered", simulator.messages[0]))
        await asyncio.sleep(SOON)
        assert not chain.done()
        middle.held["sms"].set()
        result = await within(chain)
    assert result.message is RCS
    assert [leg.message for leg in result.legs] == [RCS, SMS]
    assert result.legs[1].sent is not None
    assert result.legs[1].sent.message_uuid == simulator.messages[1].message_uuid


async def test_delivery_while_the_next_message_meets_an_error_is_no_error(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.held["sms"] = asyncio.Event()
        middle.swallowed.add("sms")
        tracker = Tracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=SOON).send(client, tracker))
        await asyncio.wait_for(middle.arrived["sms"].wait(), 60)
        await tracker.observe(told("delivered", simulator.messages[0]))
        middle.held["sms"].set()
        result = await within(chain)
    assert (result.message, result.error) == (RCS, None)
    assert errors_of(result) == [None, errors.ServerError]
