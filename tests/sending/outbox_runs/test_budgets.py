"""A budget is never passed, neither in messages nor in money, also over a resume."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from vonage_messages import Client, errors
from vonage_messages.pricing import PriceTable
from vonage_messages.sending.outbox import Outbox
from vonage_messages.spending import Budget

from .scripted_platform import UNLIMITED, Platform, accepted, problem, sms, some


async def test_budget_of_messages_is_never_passed_also_over_a_resume(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(50))
    for _ in range(3):
        report = await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))
        assert (report.accepted, report.pending) == (20, 30)
        assert report.stopped == "the budget of 20 messages is used up"
    assert (await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=25))).accepted == 25
    assert len(platform.came) == 25


async def test_refused_rows_leave_their_part_of_the_budget_to_others(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    platform.answer = lambda came, n: problem(422) if int(came.ref[4:]) < 10 else accepted(n)
    await outbox.add(some(50))
    report = await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))
    assert (report.accepted, report.failed) == (20, 10)


async def test_rows_in_doubt_count_for_the_budget(outbox: Outbox, platform: Platform, client: Client) -> None:
    platform.answer = lambda came, n: problem(503) if int(came.ref[4:]) < 3 else accepted(n)
    await outbox.add(some(50))
    report = await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))
    assert (report.accepted, report.in_doubt) == (17, 3)


async def test_budget_that_suffices_changes_nothing(outbox: Outbox, client: Client) -> None:
    await outbox.add(some(20))
    assert (await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))).stopped is None


async def test_cost_is_never_passed_also_over_a_resume(outbox: Outbox, platform: Platform, client: Client) -> None:
    prices = PriceTable(prices={"sms": {"44": Decimal("0.05")}}, currency="EUR")
    await outbox.add(some(50))
    for cost, count in ((Decimal("0.52"), 10), (Decimal("0.52"), 10), (Decimal("0.55"), 11)):
        report = await outbox.run(client, limits=UNLIMITED, budget=Budget(cost=cost, prices=prices))
        assert report.accepted == count
        assert report.stopped is not None
        assert "would be passed by the next message" in report.stopped
    assert len(platform.came) == 11


async def test_message_without_a_price_is_not_sent_under_a_cost_and_the_others_are(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    prices = PriceTable(prices={"sms": {"44": Decimal("0.05")}}, currency="EUR")
    await outbox.add([sms(1, to="4915112345678"), *some(5, 10)])
    report = await outbox.run(client, limits=UNLIMITED, budget=Budget(cost=Decimal(10), prices=prices))
    assert (report.accepted, report.pending) == (5, 1)
    assert report.stopped == "1 rows have no price in the price table, and there is a budget of cost"
    assert "row-1" not in platform.refs


@pytest.mark.parametrize("budget", [{"messages": -1}, {"cost": Decimal(1)}, {"cost": Decimal(-1), "prices": "some"}])
def test_budget_that_cannot_work_is_refused(budget: dict[str, Any]) -> None:
    if budget.get("prices"):
        budget = {**budget, "prices": PriceTable(prices={"sms": {"44": Decimal("0.05")}}, currency="EUR")}
    with pytest.raises(errors.ConfigurationError):
        Budget(**budget)
