"""Guards of queues and outboxes: what one refuses was not sent, uses up no place, and stops nothing else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from vonage_messages import (
    Budget,
    BudgetExceededError,
    Limits,
    OptedOutError,
    OptOuts,
    Outbox,
    PriceTable,
    Rate,
    RcsText,
    SendQueue,
    Sms,
    State,
    VonageMessagesError,
)
from vonage_messages.channels.base import Message
from vonage_messages.simulator import Simulator

ANNA, BOB = "447700900000", "447700900001"


class Allowing:
    """Lets so many pass."""

    def __init__(self, count: int) -> None:
        self.left = count

    def admit(self, _message: Message, /) -> None:
        if not self.left:
            raise BudgetExceededError("no more")
        self.left -= 1


def sms(to: str = ANNA, number: int = 0) -> Sms:
    return Sms(to=to, from_="Acme", text=str(number), client_ref=str(number))


async def without(*people: str) -> OptOuts:
    opt_outs = OptOuts()
    for person in people:
        await opt_outs.opt_out(person)
    return opt_outs


async def test_queue_asks_its_guards_and_those_of_its_client() -> None:
    of_client, of_queue = await without(ANNA), await without(BOB)
    async with (
        Simulator() as simulator,
        simulator.client(guards=[of_client]) as client,
        SendQueue(client, guards=[of_queue]) as queue,
    ):
        outcomes = await queue.send_all([sms(ANNA), sms(BOB), sms("447700900002")])
        stats = queue.stats()
    assert [type(outcome.error) for outcome in outcomes] == [OptedOutError, OptedOutError, type(None)]
    assert [outcome.attempts for outcome in outcomes] == [0, 0, 1]
    assert (stats.attempts, stats.failed, stats.accepted) == (1, 2, 1)
    assert len(simulator.messages) == 1


def test_what_is_refused_leaves_its_place_to_others(tools: Any) -> None:
    async def main() -> None:
        platform = tools.Platform()
        limits = Limits.unlimited().replacing(account=Rate(1, per=10.0))
        async with tools.queue(platform, limits, guards=[await without(ANNA)], connections=1) as queue:
            outcomes = await queue.send_all([*(tools.sms(to=ANNA) for _ in range(5)), tools.sms(to=BOB)])
        assert [outcome.error is None for outcome in outcomes] == [False] * 5 + [True]
        assert outcomes[-1].waited < 10

    tools.run_virtually(main())


def test_refusal_in_somebody_s_own_words_leaves_its_place_to_others(tools: Any) -> None:
    class AsleepError(VonageMessagesError):
        retryable = True

    class Nights:
        def admit(self, message: Message, /) -> None:
            if message.to == ANNA:
                raise AsleepError("not at night")

    async def main() -> None:
        limits = Limits.unlimited().replacing(account=Rate(1, per=10.0))
        async with tools.queue(tools.Platform(), limits, guards=[Nights()], connections=1) as queue:
            outcomes = await queue.send_all([*(tools.sms(to=ANNA) for _ in range(5)), tools.sms(to=BOB)])
            stats = queue.stats()
        assert [(type(outcome.error), outcome.attempts) for outcome in outcomes[:-1]] == [(AsleepError, 0)] * 5
        assert (outcomes[-1].error, stats.attempts) == (None, 1)
        assert outcomes[-1].waited < 10

    tools.run_virtually(main())


async def test_refusal_does_not_open_the_circuit(tools: Any) -> None:
    platform = tools.Platform()
    async with tools.queue(platform, guards=[Allowing(3)]) as queue:
        outcomes = await queue.send_all([tools.sms(number) for number in range(50)])
        assert queue.stats().circuit == "closed"
    assert sum(outcome.error is None for outcome in outcomes) == len(platform.accepted) == 3


async def test_rows_of_those_who_opted_out_have_failed_and_the_others_go(tmp_path: Path) -> None:
    opt_outs = await without(ANNA)
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        async with Outbox.open(tmp_path / "a.outbox") as outbox:
            chain = RcsText(to=BOB, from_="Acme", text="Hi", client_ref="chain", failover=[sms()])
            await outbox.add([sms(ANNA, 1), sms(BOB, 2), chain])
            report = await outbox.run(client, guards=[opt_outs])
            assert (report.accepted, report.failed, report.stopped) == (1, 2, None)
            rows = [row async for row in outbox.rows(State.FAILED)]
            assert [row.error_class for row in rows] == ["OptedOutError"] * 2
            await opt_outs.opt_in(ANNA)
            await outbox.retry()
            assert (await outbox.run(client, guards=[opt_outs])).accepted == 3
        assert len(simulator.messages) == 3


async def test_budget_guard_ends_a_run_and_its_rows_wait(tmp_path: Path) -> None:
    async with Simulator(rate=None) as simulator, simulator.client(guards=[Allowing(5)]) as client:
        async with Outbox.open(tmp_path / "a.outbox") as outbox:
            await outbox.add([sms(ANNA, number) for number in range(12)])
            report = await outbox.run(client)
            assert (report.accepted, report.pending, report.failed) == (5, 7, 0)
            assert report.stopped == "nothing can be sent: no more"
        assert len(simulator.messages) == 5


async def test_budget_of_an_outbox_counts_the_dearest_of_a_chain(tmp_path: Path) -> None:
    prices = PriceTable(currency="EUR", prices={"sms": {"44": "0.05"}, "rcs": {"44": "0.01"}})
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        async with Outbox.open(tmp_path / "a.outbox") as outbox:
            for number in range(5):
                chain = RcsText(to=BOB, from_="Acme", text="Hi", client_ref=f"c{number}", failover=[sms()])
                await outbox.add([chain])
            report = await outbox.run(client, budget=Budget(cost=Decimal("0.12"), prices=prices))
        assert report.accepted == len(simulator.messages) == 2
