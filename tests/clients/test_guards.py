"""A client asks its guards before each message, whichever way it is sent, and never for one that is not sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from vonage_messages import (
    BasicAuth,
    Client,
    ConfigurationError,
    ConnectError,
    InvalidMessageError,
    Limits,
    OptedOutError,
    OptOuts,
    PriceTable,
    Rate,
    RawMessage,
    RcsText,
    RetryPolicy,
    ServerError,
    Sms,
    ValidationError,
)
from vonage_messages.channels.base import Message
from vonage_messages.simulator import Simulator

ANNA, BOB = "447700900000", "447700900001"
AUTH = BasicAuth("abcd1234", "made-up")
PRICES = PriceTable(currency="EUR", prices={"sms": {"default": "0.05"}, "rcs": {"44": "0.02"}})


def sms(to: str = ANNA) -> Sms:
    return Sms(to=to, from_="Acme", text="a" * 161)


class Counting:
    def __init__(self) -> None:
        self.counted = 0

    def admit(self, _message: Message, /) -> Any:
        self.counted += 1
        return self.give_back

    def give_back(self) -> None:
        self.counted -= 1


async def test_who_opted_out_is_not_written_to_by_any_way() -> None:
    opt_outs = OptOuts()
    await opt_outs.opt_out(ANNA)
    async with Simulator() as simulator, simulator.client(guards=[opt_outs]) as client:
        chain = RcsText(to=BOB, from_="Acme", text="Hi")
        for call in (
            client.send(sms()),
            client.send(sms(), dry_run=True),
            client.attempt(sms()),
            client.send(chain, failover=[sms()]),
            client.failover([chain, sms()]),
            client.send(RawMessage({"channel": "sms", "to": "+44 7700 900000"})),
        ):
            with pytest.raises(OptedOutError):
                await call
        await client.send(sms(BOB))
        await client.attempt(sms(BOB))
        assert [message.to for message in simulator.messages] == [BOB, BOB]
        assert simulator.refusals == []


async def test_what_was_certainly_not_sent_is_given_back_once_for_all_its_attempts(tools: Any) -> None:
    guard = Counting()
    server = await tools.server(tools.answer(429), tools.accepted(), tools.answer(503), tools.answer(422))
    retry = RetryPolicy(attempts=3, base_delay=0.001)
    async with Client(AUTH, base_url=server.url, guards=[guard], retry=retry) as client:
        await client.send(sms())
        assert (guard.counted, len(server.requests)) == (1, 2)
        with pytest.raises(ServerError):
            await client.attempt(sms())
        assert guard.counted == 2
        with pytest.raises(ValidationError):
            await client.send(sms())
        with pytest.raises(InvalidMessageError):
            await client.attempt(RcsText(to=ANNA, from_="Acme", text="Hi"), api_version="v0.1")
        assert guard.counted == 2
    async with Client(AUTH, base_url="http://127.0.0.1:9", guards=[guard], retry=retry) as nowhere:
        for call in (nowhere.send(sms()), nowhere.attempt(sms())):
            with pytest.raises(ConnectError):
                await call
    assert guard.counted == 2


@pytest.mark.usefixtures("quiet_clock")
async def test_who_opts_out_while_his_message_waits_for_the_limits_gets_none() -> None:
    opt_outs, guard = OptOuts(), Counting()
    limits = Limits(account=Rate(1, per=10, burst=1))
    loop = asyncio.get_running_loop()
    async with Simulator(rate=None) as simulator, simulator.client(guards=[guard, opt_outs], limits=limits) as client:
        began = loop.time()
        await client.send(sms(BOB))
        waiting = asyncio.create_task(client.send(sms()))
        await asyncio.sleep(1)
        assert guard.counted == 2  # a place in a budget is kept for what waits
        await opt_outs.opt_out(ANNA)
        behind = asyncio.create_task(client.send(sms(BOB)))
        with pytest.raises(OptedOutError):
            await waiting
        await behind
        assert loop.time() - began == pytest.approx(10, rel=0.05)  # not 20: the place under the limits was not used
        assert [message.to for message in simulator.messages] == [BOB, BOB]
    assert guard.counted == 2


@pytest.mark.usefixtures("quiet_clock")
async def test_who_opts_out_before_a_repetition_gets_none(tools: Any) -> None:
    opt_outs, guard = OptOuts(), Counting()
    server = await tools.server(tools.answer(429, b"", {"Retry-After": "5"}), tools.accepted())
    async with Client(AUTH, base_url=server.url, guards=[guard, opt_outs]) as client:
        waiting = asyncio.create_task(client.send(sms()))
        await asyncio.sleep(1)
        await opt_outs.opt_out(ANNA)
        with pytest.raises(OptedOutError):
            await waiting
    assert (guard.counted, len(server.requests)) == (0, 1)


async def test_who_opts_out_while_the_credentials_are_fetched_gets_none() -> None:
    opt_outs = OptOuts()

    async def slow() -> BasicAuth:
        await opt_outs.opt_out(ANNA)
        return AUTH

    async with Client(slow, base_url="http://127.0.0.1:9", guards=[opt_outs]) as client:
        for call in (client.send(sms()), client.attempt(sms())):
            with pytest.raises(OptedOutError):
                await call
            await opt_outs.opt_in(ANNA)


async def test_each_request_that_may_have_been_accepted_counts(tools: Any) -> None:
    guard = Counting()
    server = await tools.server(tools.answer(503), tools.answer(503), tools.answer(422))
    retry = RetryPolicy(base_delay=0.001, repeat_ambiguous=lambda _: True)
    async with Client(AUTH, base_url=server.url, guards=[guard], retry=retry) as client:
        with pytest.raises(ServerError):
            await client.send(sms())
    assert guard.counted == 2


async def test_what_is_cancelled_while_it_waits_counts_nothing() -> None:
    guard = Counting()
    limits = Limits(account=Rate(1, per=20, burst=1))
    async with Simulator(rate=None) as simulator, simulator.client(guards=[guard], limits=limits) as client:
        await client.send(sms())
        waiting = asyncio.create_task(client.send(sms()))
        await asyncio.sleep(0)
        assert guard.counted == 2
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert guard.counted == 1


async def test_dry_run_is_priced_and_counts_nothing() -> None:
    guard = Counting()
    async with Client(AUTH, prices=PRICES, guards=[guard]) as client:
        dry = await client.send(RcsText(to=ANNA, from_="Acme", text="Hi"), failover=[sms()], dry_run=True)
        assert guard.counted == 0
    assert dry.estimate is not None
    assert (dry.estimate.total, dry.estimate.worst, dry.estimate.currency) == (Decimal("0.02"), Decimal("0.10"), "EUR")
    async with Client(AUTH) as client:
        assert (await client.send(sms(), dry_run=True)).estimate is None


@pytest.mark.parametrize("options", [{"guards": [5]}, {"prices": {"sms": "0.05"}}])
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Client(AUTH, **options)
