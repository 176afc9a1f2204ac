"""Budgets: counted before a message leaves, never passed, given back where nothing left, new in each span."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import (
    Budget,
    BudgetExceededError,
    BudgetGuard,
    ConfigurationError,
    PriceTable,
    RcsText,
    SendQueue,
    Sms,
    Spent,
)
from vonage_messages.clock import ManualClock
from vonage_messages.simulator import Simulator

PRICES = PriceTable(currency="EUR", prices={"sms": {"44": "0.05"}, "rcs": {"44": "0.01", "49": "0.02"}})


def sms(parts: int = 1, *, to: str = "447700900000") -> Sms:
    return Sms(to=to, from_="Acme", text="a" * (160 if parts == 1 else 153 * parts))


def test_messages_are_counted() -> None:
    guard = BudgetGuard(Budget(messages=2))
    guard.admit(sms())
    give_back = guard.admit(sms())
    with pytest.raises(
        BudgetExceededError, match=r"^the budget of 2 messages is used up\. The message was not sent\.$"
    ):
        guard.admit(sms())
    give_back()
    guard.admit(sms())
    assert guard.spent == Spent(messages=2, cost=Decimal(0))


def test_cost_is_never_passed_by_a_cent() -> None:
    guard = BudgetGuard(Budget(cost=Decimal("0.20"), prices=PRICES))
    guard.admit(sms(3))
    with pytest.raises(BudgetExceededError, match=r"would be passed by the next message \(0\.15 are used\)"):
        guard.admit(sms(2))
    guard.admit(sms())
    assert guard.spent == Spent(messages=2, cost=Decimal("0.20"))
    assert "0.20" in repr(guard)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=40))
def test_whatever_is_given_back_the_budget_holds(sends: list[tuple[int, bool]]) -> None:
    guard = BudgetGuard(Budget(cost=Decimal("1.00"), messages=12, prices=PRICES))
    spent, count = Decimal(0), 0
    for parts, is_sent in sends:
        price = parts * Decimal("0.05")
        fits = spent + price <= Decimal("1.00") and count < 12
        try:
            undo = guard.admit(sms(parts))
        except BudgetExceededError:
            assert not fits
            continue
        assert fits
        if is_sent:
            spent, count = spent + price, count + 1
        else:
            undo()
        assert guard.spent == Spent(messages=count, cost=spent)


def test_chain_counts_as_its_dearest_message() -> None:
    budget = Budget(cost=Decimal(1), prices=PRICES)
    assert budget.price(RcsText(to="447700900000", from_="Acme", text="Hi", failover=[sms(2)])) == Decimal("0.10")
    unpriced = RcsText(to="4915112345678", from_="Acme", text="Hi", failover=[sms(to="4915112345678")])
    assert budget.price(unpriced) is None
    with pytest.raises(BudgetExceededError, match="has no price in the price table"):
        BudgetGuard(budget).admit(unpriced)
    BudgetGuard(Budget(messages=1)).admit(unpriced)


async def test_budget_of_a_day_is_new_at_midnight_in_utc() -> None:
    clock = ManualClock(start=1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 86_399)
    guard = BudgetGuard(Budget(messages=1), per=86_400, clock=clock)
    give_back = guard.admit(sms())
    with pytest.raises(BudgetExceededError):
        guard.admit(sms())
    await clock.advance(1)
    assert guard.spent.messages == 0
    give_back()  # of yesterday: it leaves nothing more for today
    guard.admit(sms())
    with pytest.raises(BudgetExceededError):
        guard.admit(sms())


async def test_queue_and_client_that_share_a_budget_stop_together() -> None:
    guard = BudgetGuard(Budget(cost=Decimal("0.52"), prices=PRICES))
    async with Simulator(rate=None) as simulator, simulator.client(guards=[guard]) as client:
        await client.send(sms())
        async with SendQueue(client) as queue:
            outcomes = await queue.send_all([sms() for _ in range(30)])
        refused = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert {type(error) for error in refused} == {BudgetExceededError}
        assert len(simulator.messages) == 10
        assert guard.spent == Spent(messages=10, cost=Decimal("0.50"))


@pytest.mark.parametrize("options", [{"budget": 5}, {"per": 0}, {"per": float("inf")}, {"per": True}])
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        BudgetGuard(**{"budget": Budget(messages=1), **options})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cost": Decimal(1)}, "needs prices="),
        ({"messages": -1}, "0 or more"),
        ({"cost": Decimal(-1), "prices": PRICES}, "0 or more"),
        ({"cost": Decimal("NaN"), "prices": PRICES}, "0 or more"),
    ],
)
def test_budget_that_cannot_work_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        Budget(**options)
