"""The limits of providers: pure arithmetic first, then as the platform reports them and as clients understand it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberText
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError, PaymentRequiredError
from vonage_messages.limits.learning import lesson_of
from vonage_messages.simulator import Delivery, ProviderLimit, Simulator
from vonage_messages.simulator.provider_limits import PUBLISHED, ProviderLimits
from vonage_messages.simulator.statuses import Happened, Outbound, status_v0_1, status_v1
from vonage_messages.webhooks.parse import parse_status

PERSON = "447700900000"
COMPANY = "447700900001"
FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)


def test_pair_has_its_burst_and_then_one_in_six_seconds() -> None:
    limits = ProviderLimits(PUBLISHED, 100)
    now = 1_800_000_000.0
    codes = [limits.refused("whatsapp", "text", COMPANY, PERSON, now) for _ in range(47)]
    assert codes == [None] * 45 + [131056] * 2
    assert limits.refused("whatsapp", "text", COMPANY, "447700900005", now) is None
    assert [limits.refused("whatsapp", "text", COMPANY, PERSON, now + 6) for _ in range(2)] == [None, 131056]


def test_number_has_80_a_second() -> None:
    limits = ProviderLimits(PUBLISHED, 1000)
    codes = [limits.refused("whatsapp", "text", COMPANY, f"4477009{n:05}", 100.0) for n in range(90)]
    assert codes == [None] * 80 + [130429] * 10
    assert limits.refused("whatsapp", "text", "447700900002", PERSON, 100.0) is None


def test_calls_of_messenger_count_twice() -> None:
    limits = ProviderLimits(PUBLISHED, 1000)
    assert [limits.refused("messenger", "audio", "1", "2", 5.0) for _ in range(11)] == [None] * 10 + [1070]
    assert [limits.refused("messenger", "text", "1", "2", 5.0) for _ in range(291)] == [None] * 290 + [1070]


def test_carriers_queue_and_refuse_nothing() -> None:
    limits = ProviderLimits(PUBLISHED, 10)
    assert {limits.refused("sms", "text", "1", "2", 5.0) for _ in range(500)} == {None}


@given(
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=80),
    interval=st.floats(0.01, 10),
    burst=st.integers(1, 20),
)
def test_no_span_holds_more_than_its_burst_and_what_flows_in(gaps: list[float], interval: float, burst: int) -> None:
    limits = ProviderLimits([ProviderLimit(channel="rcs", scope="pair", interval=interval, burst=burst, code=1)], 10)
    now, admitted = 1000.0, []
    for gap in gaps:
        now += gap
        if limits.refused("rcs", "text", "a", "b", now) is None:
            admitted.append(now)
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            span = admitted[last] - begin
            assert last - first + 1 <= burst + span / interval + 1e-3


def test_memory_is_bounded_and_can_be_cleared() -> None:
    limits = ProviderLimits([ProviderLimit(channel="rcs", scope="pair", interval=10, burst=1, code=7)], 2)
    for to in "abc":
        assert limits.refused("rcs", "text", "x", to, 5.0) is None
    assert [limits.refused("rcs", "text", "x", to, 5.0) for to in "cb"] == [7, 7]
    limits.clear()
    assert limits.refused("rcs", "text", "x", "c", 5.0) is None


@pytest.mark.parametrize(
    "changed", [{"scope": "country"}, {"interval": 0}, {"interval": math.inf}, {"burst": 0}], ids=str
)
def test_limit_that_cannot_be_is_refused(changed: dict[str, Any]) -> None:
    options = {"channel": "rcs", "scope": "pair", "interval": 1.0, "burst": 1, "code": 1, **changed}
    with pytest.raises(ConfigurationError):
        ProviderLimit(**options)


async def test_message_beyond_the_pair_is_accepted_and_then_rejected() -> None:
    async with Simulator(rate=None, clock=ManualClock(), delivery=FAST) as simulator, simulator.client() as client:
        for _ in range(46):
            await client.send(WhatsappText(to=PERSON, from_=COMPANY, text="Hello"))
        await simulator.settle()
        last = [simulator.state.statuses(message.message_uuid)[-1] for message in simulator.messages]
        assert [note.status for note in last] == ["read"] * 45 + ["rejected"]
        assert last[-1].code == 131056


async def test_limits_of_providers_may_be_off() -> None:
    simulator = Simulator(rate=None, clock=ManualClock(), delivery=FAST, provider_limits=())
    async with simulator, simulator.client() as client:
        for _ in range(50):
            await client.send(WhatsappText(to=PERSON, from_=COMPANY, text="Hello"))
        await simulator.settle()
        assert {simulator.state.statuses(each.message_uuid)[-1].status for each in simulator.messages} == {"read"}


@pytest.mark.parametrize("write", [status_v1, status_v0_1])
@pytest.mark.parametrize("code", [131056, 130429])
def test_clients_learn_from_the_status_that_reports_it(write: Any, code: int) -> None:
    outbound = Outbound(
        message_uuid="aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        channel="whatsapp",
        message_type="text",
        to=PERSON,
        from_=COMPANY,
        client_ref=None,
        parts=1,
        chain=None,
    )
    body = write(outbound, Happened(status="rejected", at=1.8e9, code=code, price=Decimal(1), instance="x"))
    lesson = lesson_of(parse_status(body))
    assert lesson is not None
    assert lesson.code == code
    assert f"#{code}" in str(body["error"])


async def test_ttl_runs_out_and_the_next_message_of_the_chain_goes_out() -> None:
    clock = ManualClock()
    begun = clock()
    slow = Delivery(submitted_after=1, delivered_after=3600, spread=0)
    async with Simulator(clock=clock, delivery=slow) as simulator, simulator.client() as client:
        await client.send(
            RcsText(to=PERSON, from_="Acme", text="Hello", ttl=600),
            failover=[Sms(to=PERSON, from_="Acme", text="Hello")],
        )
        await simulator.advance(5000)
        first, second = simulator.messages
        notes = simulator.state.statuses(first.message_uuid)
        assert [(each.status, round(each.at.timestamp() - begun), each.code) for each in notes] == [
            ("submitted", 1, None),
            ("rejected", 600, 1360),
        ]
        assert [each.status for each in simulator.state.statuses(second.message_uuid)] == ["submitted", "delivered"]


@pytest.mark.parametrize("api_version", ["v1", "v0.1"])
async def test_ttl_of_viber_stands_among_its_options(api_version: Literal["v1", "v0.1"]) -> None:
    clock = ManualClock()
    slow = Delivery(submitted_after=0, delivered_after=3600, spread=0)
    async with Simulator(clock=clock, delivery=slow) as simulator, simulator.client() as client:
        message = ViberText(to=PERSON, from_="22353", text="Hello", viber_service={"ttl": 60})
        await client.send(message, api_version=api_version)
        await simulator.advance(7200)
        notes = simulator.state.statuses(simulator.messages[0].message_uuid)
        assert [(each.status, each.code) for each in notes] == [("submitted", None), ("rejected", 1360)]


async def test_every_part_of_an_sms_is_paid_for() -> None:
    simulator = Simulator(balance=Decimal("0.05"), price=Decimal("0.01"), delivery=FAST)
    async with simulator, simulator.client() as client:
        await client.send(Sms(to=PERSON, from_="Acme", text="ç" * 80))
        assert simulator.balance.amount == Decimal("0.03")
        with pytest.raises(PaymentRequiredError):
            await client.send(Sms(to=PERSON, from_="Acme", text="a" * 500))
        assert simulator.balance.amount == Decimal("0.03")


async def test_later_message_of_a_chain_is_paid_for_when_it_is_sent() -> None:
    sms = Sms(to=PERSON, from_="Acme", text="Hello")
    simulator = Simulator(balance=Decimal("0.02"), price=Decimal("0.01"), delivery=FAST)
    async with simulator, simulator.client() as client:
        simulator.fail(1300, channel="rcs")
        rcs = RcsText(to=PERSON, from_="Acme", text="Hello")
        await client.send(rcs, failover=[sms])
        await simulator.settle()
        assert simulator.balance.amount == 0
        simulator.balance.amount = Decimal("0.01")
        await client.send(rcs, failover=[sms])
        await simulator.settle()
        note = simulator.state.statuses(simulator.messages[-1].message_uuid)[-1]
        assert (note.status, note.code) == ("rejected", 1070)
