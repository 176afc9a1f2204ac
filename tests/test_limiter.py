"""A limiter by itself: bare sends that wait for their turn, and the store behind it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore

SMS = Sms(to="447700900000", from_="Acme", text="Hello")
SPAN = 0.05
"""From one turn to the next, in these tests."""
SLOW = Limits(account=Rate(1, per=SPAN, burst=1))
FAR = Limits(account=Rate(1, per=3600, burst=1))


def now() -> float:
    return asyncio.get_running_loop().time()


async def turns(limiter: Limiter, count: int) -> list[float]:
    instants = []
    for _ in range(count):
        await limiter.acquire(SMS)
        instants.append(now())
    return instants


def test_limiter_is_made_without_a_loop() -> None:
    limiter = Limiter()
    assert limiter.limits == Limits.published()
    assert repr(limiter).startswith("Limiter(Limits(account=Rate(")


@pytest.mark.parametrize("limits", [Limits.sandbox(), Limits(senders={"Acme": (Rate(1), Cap(5))})])
def test_cap_needs_a_store(limits: Limits) -> None:
    with pytest.raises(errors.ConfigurationError, match="store=FileLimitStore"):
        Limiter(limits)
    Limiter(limits, store=MemoryLimitStore())


async def test_turns_are_given_at_the_rate() -> None:
    instants = await turns(Limiter(SLOW), 5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert min(gaps) >= SPAN - 0.011


async def test_without_limits_turns_are_given_at_once() -> None:
    began = now()
    await turns(Limiter(Limits.unlimited()), 1000)
    assert now() - began < 2


async def test_those_who_wait_are_served_in_their_order() -> None:
    limiter = Limiter(Limits(account=Rate(1000)))
    served: list[int] = []

    async def wait(number: int) -> None:
        await limiter.acquire(SMS)
        served.append(number)

    await asyncio.gather(*(wait(number) for number in range(50)))
    assert served == list(range(50))


async def test_wait_that_would_be_too_long_fails_at_once_with_its_figures() -> None:
    limiter = Limiter(FAR)
    await limiter.acquire(SMS)
    began = now()
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await limiter.acquire(SMS, max_wait=5)
    assert now() - began < 1
    assert caught.value.wait == pytest.approx(3600, abs=5)
    assert (caught.value.max_wait, caught.value.key) == (5, "account")


async def test_wait_that_lasts_longer_than_foreseen_ends_in_time() -> None:
    limiter = Limiter(SLOW)
    await limiter.acquire(SMS)
    waiting = asyncio.create_task(limiter.acquire(SMS, max_wait=2 * SPAN))
    await asyncio.sleep(0)
    limiter.refused(errors.RateLimitedError(retry_after=3600), 0.0)
    began = now()
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await waiting
    assert now() - began < 2
    assert caught.value.max_wait == 2 * SPAN
    assert caught.value.wait > 3000


async def test_cancelled_wait_takes_no_place() -> None:
    limiter = Limiter(Limits(account=Rate(1, per=0.2, burst=1)))
    await limiter.acquire(SMS)
    began = now()
    waiting = [asyncio.create_task(limiter.acquire(SMS)) for _ in range(20)]
    await asyncio.sleep(0.01)
    for each in waiting[:-1]:
        each.cancel()
    await waiting[-1]
    assert now() - began < 0.4


async def test_turn_that_comes_together_with_the_cancelling_goes_to_the_next() -> None:
    limiter = Limiter(Limits(account=Rate(1, per=0.2, burst=1)))
    await limiter.acquire(SMS)
    began = now()
    first, second = (asyncio.create_task(limiter.acquire(SMS)) for _ in range(2))
    await asyncio.sleep(0)
    desk = limiter._desk
    assert desk is not None
    served = desk.take_turn

    def take_turn_and_cancel() -> bool:
        given = served()
        if given and not first.done():
            first.cancel()
        return given

    desk.take_turn = take_turn_and_cancel  # type: ignore[method-assign]  the moment is hard to meet otherwise
    await second
    assert first.cancelled()
    assert now() - began < 0.35


async def test_cancelling_together_with_the_end_of_a_wait_makes_no_place() -> None:
    """Whoever is told that it is too late, and is cancelled before it hears of it, has no place to give back."""
    limiter = Limiter(FAR)
    await limiter.acquire(SMS)
    limiter.state.account[0].ready = now() + 0.02
    waiting = asyncio.create_task(limiter.acquire(SMS, max_wait=0.05))
    await asyncio.sleep(0)
    limiter.refused(errors.RateLimitedError(retry_after=3600), 0.0)
    ready = limiter.state.account[0].ready
    desk = limiter._desk
    assert desk is not None
    served = desk.take_turn

    def take_turn_and_cancel() -> bool:
        given = served()
        if not desk.schedule.waiting:
            waiting.cancel()
        return given

    desk.take_turn = take_turn_and_cancel  # type: ignore[method-assign]  the moment is hard to meet otherwise
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert limiter.state.account[0].ready == ready


async def test_wait_for_one_sender_holds_up_no_other() -> None:
    limiter = Limiter(Limits(senders={"Slow": Rate(1, per=3600)}))
    slow = Sms(to="447700900000", from_="Slow", text="Hello")
    await limiter.acquire(slow)
    waiting = asyncio.create_task(limiter.acquire(slow))
    await asyncio.wait_for(turns(limiter, 20), 1)
    assert not waiting.done()
    waiting.cancel()


async def test_pairs_are_forgotten_when_they_are_quiet() -> None:
    limiter = Limiter(Limits(pairs={"whatsapp": Rate(1, per=0.001)}))
    for number in range(5000):
        await limiter.acquire(WhatsappText(to=str(447700000000 + number), from_="14155550100", text="x"))
    assert len(limiter.state) < 4000


async def test_limiter_serves_one_loop_after_another() -> None:
    limiter = Limiter(SLOW)

    def elsewhere() -> None:
        async def use() -> None:
            await turns(limiter, 2)
            left = asyncio.create_task(limiter.acquire(SMS))
            await asyncio.sleep(0)
            assert not left.done()

        asyncio.run(use())

    for _ in range(2):
        await asyncio.to_thread(elsewhere)
    began = now()
    await limiter.acquire(SMS, max_wait=1.0)
    assert now() - began < 0.5


class Broken(MemoryLimitStore):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error
        self.loads = 0

    async def load(self) -> Mapping[str, Any] | None:
        self.loads += 1
        if self.error is not None:
            raise self.error
        return await super().load()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.StoreUnavailableError("the disk is gone."), "the disk is gone"),
        (OSError("secret words"), "cannot be read: OSError"),
        (KeyError("secret words"), "cannot be read: KeyError"),
    ],
)
async def test_store_that_cannot_be_read_lets_nothing_leave(error: Exception, words: str) -> None:
    store = Broken(error)
    limiter = Limiter(Limits(account=Cap(5)), store=store)
    results = await asyncio.gather(*(limiter.acquire(SMS) for _ in range(3)), return_exceptions=True)
    assert {type(result) for result in results} == {errors.StoreUnavailableError}
    assert words in str(results[0])
    assert "secret" not in str(results[0])
    assert store.loads == 1
    store.error = None
    await limiter.acquire(SMS)


@pytest.mark.parametrize(
    "snapshot", [{}, {"version": 9}, {"version": 1, "saved_at": "x"}, {"version": 1, "saved_at": 0, "last": 1}]
)
async def test_store_that_holds_something_else_lets_nothing_leave(snapshot: dict[str, Any]) -> None:
    store = MemoryLimitStore()
    await store.save(snapshot)
    with pytest.raises(errors.StoreUnavailableError, match="no snapshot of limits"):
        await Limiter(Limits(account=Cap(5)), store=store).acquire(SMS)


async def test_store_that_hangs_ends_the_wait_in_time() -> None:
    class Hanging(MemoryLimitStore):
        async def load(self) -> Mapping[str, Any] | None:
            await asyncio.sleep(3600)
            return None

    limiter = Limiter(Limits(account=Cap(5)), store=Hanging())
    with pytest.raises(errors.StoreUnavailableError, match="not answered in time"):
        await limiter.acquire(SMS, max_wait=0.05)


async def test_cap_holds_over_limiters_with_one_store() -> None:
    store = MemoryLimitStore()
    given = 0
    for _ in range(4):
        limiter = Limiter(Limits(account=Cap(10)), store=store)
        for _ in range(4):
            try:
                await limiter.acquire(SMS, max_wait=0.05)
            except errors.LimitTimeoutError:
                continue
            given += 1
        await limiter.save()
    assert given == 10


async def test_cap_is_not_passed_where_limiters_end_without_a_last_save() -> None:
    store = MemoryLimitStore()
    given = 0
    for _ in range(8):
        limiter = Limiter(Limits(account=Cap(200)), store=store)
        for _ in range(40):
            try:
                await limiter.acquire(SMS, max_wait=0.05)
            except errors.LimitTimeoutError:
                continue
            given += 1
    assert 150 <= given <= 200


async def test_limiter_that_was_saved_can_go_on() -> None:
    store = MemoryLimitStore()
    limiter = Limiter(Limits(account=Cap(10)), store=store)
    for expected in (True, True):
        await limiter.acquire(SMS)
        snapshot = await store.load()
        assert snapshot is not None
        assert snapshot["last"] is False
        await limiter.save()
        snapshot = await store.load()
        assert snapshot is not None
        assert snapshot["last"] is expected


async def test_saving_what_was_never_used_changes_nothing() -> None:
    store = MemoryLimitStore()
    await Limiter(Limits(account=Cap(10)), store=store).save()
    await Limiter(SLOW).save()
    assert await store.load() is None


async def test_loading_can_be_done_before_anything_is_sent() -> None:
    store = MemoryLimitStore()
    limiter = Limiter(Limits(account=Cap(10)), store=store)
    await limiter.load()
    await limiter.load()
    snapshot = await store.load()
    assert snapshot is not None
    assert snapshot["last"] is False


async def test_limiter_that_is_in_use_on_a_loop_is_refused_to_another() -> None:
    limiter = Limiter(SLOW)
    await limiter.acquire(SMS)
    waiting = asyncio.create_task(limiter.acquire(SMS))
    await asyncio.sleep(0)

    def elsewhere() -> None:
        with pytest.raises(RuntimeError, match="make a Limiter for each thread"):
            asyncio.run(limiter.acquire(SMS))

    await asyncio.to_thread(elsewhere)
    assert not waiting.done()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
