"""Failover policies, from the first message to the one that arrives, with real callbacks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection

import pytest

from vonage_messages import errors
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.clients.client import Client
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover
from vonage_messages.simulator import Simulator
from vonage_messages.webhooks.parse import parse_status
from vonage_messages.wire.rest import SentMessage

from .chains import (
    LONG,
    RCS,
    REFUSED,
    SMS,
    TO,
    WHATSAPP,
    WINDOW,
    Service,
    arrival,
    channels,
    errors_of,
    told,
    until,
    within,
)

pytestmark = pytest.mark.usefixtures("quiet_clock")


# The whole way, with real callbacks ----------------------------------------------------------------------------------


async def test_first_message_that_arrives_is_the_only_one(service: Service) -> None:
    policy = Failover([WHATSAPP, SMS], after=LONG)
    result = await policy.send(service.client, service.tracker)
    assert result.delivered
    assert result.message is WHATSAPP
    assert result.sent is not None
    assert result.status is not None
    assert result.status.message_uuid == result.sent.message_uuid == service.simulator.messages[0].message_uuid
    assert len(result.legs) == 1
    await service.simulator.settle()
    assert channels(service.simulator) == ["whatsapp"]


@pytest.mark.parametrize("failure", ["rejected", "undeliverable"])
async def test_next_message_follows_a_status_that_says_no(service: Service, failure: str) -> None:
    service.simulator.fail(1300, channel="whatsapp", status=failure)
    service.simulator.fail(1300, channel="rcs", status=failure)
    result = await Failover([WHATSAPP, RCS, SMS], after=LONG).send(service.client, service.tracker)
    assert result.message is SMS
    assert channels(service.simulator) == ["whatsapp", "rcs", "sms"]
    assert errors_of(result) == [errors.NotDeliveredError, errors.NotDeliveredError, None]
    error = result.legs[0].error
    assert isinstance(error, errors.NotDeliveredError)
    assert (error.status, error.code) == (failure, 1300)


async def test_next_message_follows_a_refusal(service: Service) -> None:
    result = await Failover([REFUSED, SMS], after=LONG).send(service.client, service.tracker)
    assert result.message is SMS
    assert errors_of(result) == [errors.ValidationError, None]
    assert channels(service.simulator) == ["sms"]


async def test_next_message_follows_one_that_this_version_of_the_api_does_not_know(service: Service) -> None:
    policy = Failover([RCS, SMS], after=LONG)
    result = await policy.send(service.client, service.tracker, api_version="v0.1")
    assert result.message is SMS
    assert errors_of(result) == [errors.InvalidMessageError, None]
    assert service.simulator.refusals == []


async def test_chain_in_which_nothing_arrives_is_a_result_with_every_error(service: Service) -> None:
    service.simulator.fail(1180)
    result = await Failover([WHATSAPP, REFUSED, SMS], after=LONG).send(service.client, service.tracker)
    assert not result.delivered
    assert (result.message, result.sent, result.status, result.error) == (None, None, None, None)
    assert errors_of(result) == [errors.NotDeliveredError, errors.ValidationError, errors.NotDeliveredError]


class DownStore:
    """Keeps nothing, and cannot be read."""

    def __init__(self, error: errors.VonageMessagesError) -> None:
        self.error = error
        self.asked = 0

    async def add_event(self, _topics: Collection[str], _body: bytes, /) -> None:
        return

    async def recall(self, _topics: Collection[str], /) -> list[bytes]:
        self.asked += 1
        raise self.error

    def listen(self, _listener: Callable[[Collection[str]], None], /) -> None:
        return


@pytest.mark.parametrize("kind", [errors.StoreUnavailableError, errors.OutboxError])
async def test_store_that_fails_ends_no_chain_whose_message_is_on_its_way(
    simulator: Simulator, client: Client, caplog: pytest.LogCaptureFixture, kind: type[errors.VonageMessagesError]
) -> None:
    store = DownStore(kind("the database is down"))
    tracker = Tracker(store=store)
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=LONG).send(client, tracker))
    message = await arrival(simulator, 1)
    await until(lambda: store.asked)
    await tracker.observe(told("delivered", message))
    result = await within(chain)
    assert (result.message, channels(simulator)) == (WHATSAPP, ["whatsapp"])
    assert "what other processes hear of a message cannot be read for now: the database is down" in caplog.messages


async def test_failure_that_comes_to_this_process_is_heard_of_while_the_store_fails(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker(store=DownStore(errors.StoreUnavailableError("the database is down")))
    began = asyncio.get_running_loop().time()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=LONG).send(client, tracker))
    await tracker.observe(told("undeliverable", await arrival(simulator, 1), code=1320))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert (result.message, errors_of(result)) == (SMS, [errors.NotDeliveredError, None])
    assert asyncio.get_running_loop().time() - began < LONG


async def test_sms_that_is_delivered_is_as_good_as_read(service: Service) -> None:
    result = await Failover([SMS, RCS], after=LONG, until="read").send(service.client, service.tracker)
    assert result.message is SMS
    assert result.status is not None
    assert result.status.status == "delivered"


async def test_goal_of_reading_is_met_by_reading(service: Service) -> None:
    result = await Failover([RCS, SMS], after=LONG, until="read").send(service.client, service.tracker)
    assert result.message is RCS
    assert result.status is not None
    assert result.status.status == "read"


async def test_message_that_is_delivered_and_not_read_is_followed_where_reading_counts(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, until="read").send(client, tracker))
    await tracker.observe(told("delivered", await arrival(simulator, 1)))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    assert (await within(chain)).message is SMS


async def test_many_chains_run_at_the_same_time(service: Service) -> None:
    service.simulator.fail(1300, channel="whatsapp")
    policy = Failover([WHATSAPP, SMS], after=LONG)
    results = await asyncio.gather(*(policy.send(service.client, service.tracker) for _ in range(20)))
    assert {result.message for result in results} == {SMS}
    assert sorted(channels(service.simulator)) == ["sms"] * 20 + ["whatsapp"] * 20
    assert service.tracker.waiting == 0


class Answered:
    """A client whose messages have met their fate before ``send`` returns, so that no clock decides."""

    def __init__(self, client: Client, tracker: Tracker, fates: dict[str, str]) -> None:
        self.client = client
        self.tracker = tracker
        self.fates = fates

    async def send(self, message: Message) -> SentMessage:
        sent = await self.client.send(message)
        fate = self.fates[message.channel]
        if fate != "silent":
            body = {"message_uuid": sent.message_uuid, "channel": message.channel, "status": fate}
            await self.tracker.observe(parse_status(body))
        return sent


# Every fate of three messages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fates", list(itertools.product(["refused", "rejected", "silent", "delivered"], repeat=3)))
async def test_chain_ends_with_the_first_message_that_arrives_and_sends_none_after_it(
    simulator: Simulator, client: Client, fates: tuple[str, ...]
) -> None:
    tracker = Tracker()
    kinds = {"rcs": RCS, "whatsapp": WHATSAPP, "sms": SMS}
    messages: list[Message] = [
        RawMessage({"channel": name, "message_type": "text", "to": TO, "from": "Acme"})
        if fate == "refused"
        else message
        for (name, message), fate in zip(kinds.items(), fates, strict=True)
    ]
    sender = Answered(client, tracker, dict(zip(kinds, fates, strict=True)))
    result = await asyncio.wait_for(Failover(messages, after=0.01).send(sender, tracker), 60)
    expected = next((place for place, fate in enumerate(fates) if fate == "delivered"), None)
    tried = fates if expected is None else fates[: expected + 1]
    assert result.message is (None if expected is None else messages[expected])
    assert len(result.legs) == len(tried)
    assert channels(simulator) == [name for name, fate in zip(kinds, tried, strict=False) if fate != "refused"]
