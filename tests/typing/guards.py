"""What type checkers see of guards, prices and totals: read by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_type

from vonage_messages import (
    BasicAuth,
    Budget,
    BudgetGuard,
    Client,
    CostEstimate,
    Guard,
    Message,
    OptOutFile,
    OptOuts,
    OptOutStore,
    Outbox,
    PriceTable,
    PumpingAlarm,
    SendQueue,
    Sms,
    Spent,
    UsageKey,
    UsageTotal,
    UsageTotals,
    Wish,
)
from vonage_messages.webhooks import InboundMessage, Router

sms = Sms(to="447700900000", from_="Acme", text="Hello")


class OnlyMyself:
    def admit(self, message: Message, /) -> None: ...


async def guards(router: Router, prices: PriceTable, outbox: Outbox, event: InboundMessage) -> None:
    store: OptOutStore = OptOutFile("opt-outs.txt")
    opt_outs, budget = OptOuts(router, store=store), BudgetGuard(Budget(cost=Decimal(1), prices=prices), per=60)
    all_of_them: list[Guard] = [opt_outs, budget, PumpingAlarm(), OnlyMyself()]
    client = Client(BasicAuth("a", "b"), guards=all_of_them, prices=prices)
    SendQueue(client, guards=[OnlyMyself()])
    await outbox.run(client, guards=all_of_them)
    assert_type((await client.send(sms, dry_run=True)).estimate, CostEstimate | None)
    assert_type(await opt_outs.observe(event), Wish | None)
    assert_type("447700900000" in opt_outs, bool)
    assert_type(budget.spent, Spent)

    Client(BasicAuth("a", "b"), guards=[sms])  # type: ignore[list-item]  # something that admits


def totals(usage: UsageTotals) -> None:
    assert_type(usage.cost(channel="sms"), Mapping[str, Decimal])
    assert_type(usage.totals(), Mapping[UsageKey, UsageTotal])
