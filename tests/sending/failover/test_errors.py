"""Which errors end a chain, and whether they are raised or told in its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vonage_messages import errors
from vonage_messages.auth import ApplicationAuth
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover
from vonage_messages.simulator import Simulator
from vonage_messages.webhooks.status import MessageStatus

from .chains import LONG, RCS, REFUSED, SMS, WHATSAPP, WINDOW, arrival, channels, errors_of, within

pytestmark = pytest.mark.usefixtures("quiet_clock")


@asynccontextmanager
async def hopeless(kind: str, port: int) -> AsyncIterator[tuple[Simulator, Client]]:
    """Give a simulator and a client that meets an error with everything it sends."""
    throttled = kind == "RateLimitedError"
    simulator = Simulator(port=port, rate=0.001 if throttled else None, burst=1 if throttled else None)
    async with simulator:
        other = "00000000-0000-4000-8000-000000000000"
        application_id = other if kind == "AuthenticationError" else simulator.application_id
        if kind == "PaymentRequiredError":
            simulator.balance.amount = simulator.balance.price * 0
        auth = ApplicationAuth(application_id=application_id, private_key=simulator.private_key)
        async with Client(auth, base_url=simulator.url, retry=RetryPolicy(attempts=1)) as client:
            if throttled:
                await client.send(SMS)
                simulator.state.clear()
            if kind == "ConnectError":
                await simulator.stop()
            yield simulator, client


@pytest.mark.parametrize("kind", ["AuthenticationError", "PaymentRequiredError", "RateLimitedError", "ConnectError"])
async def test_error_that_the_next_message_would_meet_too_is_raised(kind: str, unused_tcp_port: int) -> None:
    async with hopeless(kind, unused_tcp_port) as (simulator, client):
        with pytest.raises(getattr(errors, kind)):
            await Failover([WHATSAPP, SMS], after=LONG).send(client, Tracker())
        assert simulator.messages == []
        assert len(simulator.refusals) == (0 if kind == "ConnectError" else 1)


async def test_error_after_a_refusal_is_raised_because_nothing_went_out(simulator: Simulator, client: Client) -> None:
    simulator.balance.amount = simulator.balance.price * 0
    with pytest.raises(errors.PaymentRequiredError):
        await Failover([REFUSED, SMS], after=LONG).send(client, Tracker())


async def test_fault_of_the_caller_after_a_message_that_went_out_is_told_in_the_result(simulator: Simulator) -> None:
    async def auth() -> ApplicationAuth:
        if simulator.messages:
            raise LookupError("no key today")
        return ApplicationAuth(application_id=simulator.application_id, private_key=simulator.private_key)

    async with Client(auth, base_url=simulator.url) as client:
        result = await Failover([WHATSAPP, SMS], after=WINDOW).send(client, Tracker())
        assert isinstance(result.error, errors.ConfigurationError)
        assert not result.error.maybe_sent
        assert isinstance(result.error.__cause__, LookupError)
        assert [leg.sent is None for leg in result.legs] == [False, True]
        with pytest.raises(LookupError):
            await Failover([WHATSAPP, SMS], after=WINDOW).send(client, Tracker())
    assert channels(simulator) == ["whatsapp"]


async def test_error_after_a_message_that_went_out_is_told_in_the_result(simulator: Simulator, client: Client) -> None:
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, Tracker()))
    await arrival(simulator, 1)
    simulator.balance.amount = simulator.balance.price * 0
    result = await within(chain)
    assert not result.delivered
    assert isinstance(result.error, errors.PaymentRequiredError)
    assert errors_of(result) == [None, errors.PaymentRequiredError]
    assert result.legs[0].sent is not None


async def test_programming_error_of_the_sender_is_raised_as_it_is(simulator: Simulator, client: Client) -> None:
    with pytest.raises(TypeError, match="priority"):
        await Failover([WHATSAPP, SMS], after=LONG).send(client, Tracker(), priority=1)
    assert simulator.messages == []


async def test_broken_tracker_is_no_reason_to_send_the_next_message(simulator: Simulator, client: Client) -> None:
    class Broken(Tracker):
        async def wait_for(self, *_: object, **__: object) -> MessageStatus:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        await Failover([WHATSAPP, SMS], after=LONG).send(client, Broken())
    assert channels(simulator) == ["whatsapp"]
