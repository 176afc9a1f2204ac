"""Totals of usage: each message counts once, whatever comes twice or in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import Client, ConfigurationError, Sms, UsageKey, UsageTotal, UsageTotals
from vonage_messages.simulator import Simulator
from vonage_messages.testing import inbound_event, status_event
from vonage_messages.webhooks import MessageStatus, Router, parse_status

FIRST, SECOND = date(2026, 11, 23), date(2026, 11, 24)


def status(  # noqa: PLR0913, PLR0917  what a status says
    uuid: str,
    word: str = "submitted",
    price: Any = "0.05",
    channel: str = "sms",
    sender: str = "Acme",
    day: date = FIRST,
    currency: str = "EUR",
) -> MessageStatus:
    body = {"message_uuid": uuid, "status": word, "channel": channel, "from": sender, "to": "447700900000"}
    usage = {"currency": currency, "price": price}
    return parse_status({**body, "timestamp": f"{day.isoformat()}T12:00:00Z", "usage": usage})


def test_messages_are_added_up_by_channel_currency_sender_and_day() -> None:
    usage = UsageTotals()
    for each in (
        status("a"),
        status("b", price="0.10"),
        status("c", channel="whatsapp", price="0"),
        status("d", sender="Other", day=SECOND),
        status("e", currency="USD", price="0.01"),
    ):
        assert usage.add(each)
    assert usage.cost() == {"EUR": Decimal("0.20"), "USD": Decimal("0.01")}
    assert usage.cost(channel="sms", day=FIRST) == {"EUR": Decimal("0.15"), "USD": Decimal("0.01")}
    assert usage.cost(sender="Other") == {"EUR": Decimal("0.05")}
    assert usage.cost(channel="whatsapp") == {"EUR": Decimal(0)}
    assert usage.cost(channel="rcs") == {}
    assert (usage.messages(), usage.messages(day=SECOND)) == (5, 1)
    totals = usage.totals()
    assert list(totals) == sorted(totals)
    key = UsageKey(channel="sms", currency="EUR", sender="Acme", day=FIRST)
    assert totals[key] == UsageTotal(messages=2, cost=Decimal("0.15"))
    assert repr(usage) == "UsageTotals(0.20 EUR, 0.01 USD)"


STORY = [
    status("a", "submitted", "0.04", day=FIRST),
    status("a", "delivered", "0.05", day=SECOND),
    status("a", "read", "0.05", day=SECOND),
    status("b", "submitted", "0.02", day=SECOND),
    status("b", "rejected", "0.00", day=SECOND),
]
TOTALS = {
    UsageKey(channel="sms", currency="EUR", sender="Acme", day=FIRST): UsageTotal(messages=1, cost=Decimal("0.05")),
    UsageKey(channel="sms", currency="EUR", sender="Acme", day=SECOND): UsageTotal(messages=1, cost=Decimal("0.00")),
}


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=8))
def test_order_and_repetitions_change_nothing(story: Sequence[MessageStatus], again: list[MessageStatus]) -> None:
    usage = UsageTotals()
    for each in (*story, *again):
        usage.add(each)
    assert usage.totals() == TOTALS


def test_what_has_no_price_does_not_count() -> None:
    usage = UsageTotals()
    for changed in ({"usage": None}, {"usage": {"price": "much"}}, {"usage": {"price": "1"}}, {"message_uuid": ""}):
        assert not usage.add(parse_status({**status("a").raw, **changed}))
    assert usage.add(parse_status({**status("a").raw, "timestamp": "tomorrow"}))
    assert [key.day for key in usage.totals()] == [None]
    assert usage.add(status("a"))
    assert [key.day for key in usage.totals()] == [FIRST]


def test_only_the_last_messages_are_remembered() -> None:
    usage = UsageTotals(maximum=2)
    for uuid in ("a", "b", "a", "c"):
        usage.add(status(uuid))
    assert usage.messages() == 3
    assert not usage.add(status("a"))
    assert usage.add(status("b"))
    with pytest.raises(ConfigurationError):
        UsageTotals(maximum=0)


async def test_it_hears_statuses_on_a_router_beside_other_handlers() -> None:
    router = Router()
    usage = UsageTotals(router)
    heard = []

    @router.otherwise()
    async def rest(event: object) -> None:
        heard.append(event)

    for event in (inbound_event(), status_event("submitted", channel="sms"), status("a")):
        for handler in router.match(event):
            await handler(event)
    assert len(heard) == 3
    assert usage.messages() == 2


async def test_what_the_simulator_charges_is_what_is_added_up(
    vonage_client: Client, vonage_webhooks: Any, vonage_simulator: Simulator
) -> None:
    usage = UsageTotals(vonage_webhooks.router)
    for number in range(5):
        sent = await vonage_client.send(Sms(to=str(447700900000 + number), from_="Acme", text="a" * 161))
        await vonage_webhooks.wait_for(sent, "delivered")
    charged = {
        (each.message_uuid, each.usage.price)
        for each in vonage_webhooks.statuses
        if each.usage is not None and each.usage.price is not None
    }
    assert (usage.messages(channel="sms", sender="Acme"), len(vonage_simulator.messages)) == (5, 5)
    assert usage.cost() == {"EUR": sum(price for _, price in charged)}
