"""A limiter by itself: bare sends that wait for their turn, and the store behind it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.auth import BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clients.client import Client
from vonage_messages.limiter import Limiter, turns_of
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.stores.file import FileLimitStore
from vonage_messages.webhooks.parse import parse_status

from .sending.throttled import TOO_FAST

SMS = Sms(to="447700900000", from_="Acme", text="Hello")
SPAN = 0.05
"""From one turn to the next, in these tests."""
SLOW = Limits(account=Rate(1, per=SPAN, burst=1))
FAR = Limits(account=Rate(1, per=3600, burst=1))


LONG = 60.0
"""More seconds than anything here takes on the busiest machine."""


@pytest.fixture
def client() -> Client:
    """A client for queues that send nothing."""
    return Client(BasicAuth("abcd1234", "secret"), base_url="http://127.0.0.1:9")


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


@pytest.mark.parametrize("wrong", [30, "published", Rate(1), Cap(5), Limiter(SLOW), {"account": 30}])
def test_what_is_no_limits_is_refused(wrong: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match=f"limits must be Limits, .*, not {type(wrong).__name__}"):
        Limiter(wrong)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("caps.json", "str"),
        (Path("caps.json"), f"{type(Path()).__name__}"),
        (MemoryLimitStore, "the class MemoryLimitStore"),
        (SimpleNamespace(load=print), "SimpleNamespace"),
    ],
)
def test_what_keeps_no_limits_is_refused_early(wrong: Any, name: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"FileLimitStore\('caps.json'\)") as caught:
        Limiter(Limits(account=Cap(5)), store=wrong)
    assert f"and not be {name}." in str(caught.value)


@pytest.mark.usefixtures("quiet_clock")
async def test_turns_are_given_at_the_rate() -> None:
    instants = await turns(Limiter(SLOW), 5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert min(gaps) >= SPAN - 1e-6


@pytest.mark.usefixtures("quiet_clock")
async def test_without_limits_turns_are_given_at_once() -> None:
    began = now()
    await turns(Limiter(Limits.unlimited()), 1000)
    assert now() == began


async def test_those_who_wait_are_served_in_their_order() -> None:
    limiter = Limiter(Limits(account=Rate(1000)))
    served: list[int] = []

    async def wait(number: int) -> None:
        await limiter.acquire(SMS)
        served.append(number)

    await asyncio.gather(*(wait(number) for number in range(50)))
    assert served == list(range(50))


@pytest.mark.usefixtures("quiet_clock")
async def test_wait_that_would_be_too_long_fails_at_once_with_its_figures() -> None:
    limiter = Limiter(FAR)
    await limiter.acquire(SMS)
    began = now()
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await limiter.acquire(SMS, max_wait=5)
    assert now() - began < 1
    assert caught.value.wait == pytest.approx(3600, abs=5)
    assert (caught.value.max_wait, caught.value.key) == (5, "account")


@pytest.mark.usefixtures("quiet_clock")
async def test_wait_that_lasts_longer_than_foreseen_ends_in_time() -> None:
    limiter = Limiter(SLOW, longest_pause=7200)
    await limiter.acquire(SMS)
    waiting = asyncio.create_task(limiter.acquire(SMS, max_wait=2 * SPAN))
    await asyncio.sleep(0)
    turns_of(limiter).refused(errors.RateLimitedError(retry_after=3600), 0.0)
    began = now()
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await waiting
    assert now() - began < 2
    assert caught.value.max_wait == 2 * SPAN
    assert caught.value.wait > 3000


async def test_pause_is_believed_no_longer_than_the_limiter_was_told() -> None:
    for limiter, longest in ((Limiter(SLOW), 300), (Limiter(SLOW, longest_pause=20), 20)):
        assert turns_of(limiter).refused(errors.RateLimitedError(retry_after=7200), 0.0) == longest
        with pytest.raises(errors.LimitTimeoutError) as caught:
            await limiter.acquire(SMS, max_wait=0.01)
        assert caught.value.wait == pytest.approx(longest, abs=5)


@pytest.mark.parametrize("option", ["longest_pause", "clock"])
def test_option_of_a_limiter_that_cannot_work_is_named(option: str) -> None:
    for wrong in (0, -1, "x", [], float("inf"), True):
        with pytest.raises(errors.ConfigurationError, match=option):
            Limiter(SLOW, **{option: wrong})  # type: ignore[arg-type]  that it is refused is the point


async def test_acquire_refuses_what_cannot_be_waited_for() -> None:
    with pytest.raises(errors.ConfigurationError, match="max_wait must be"):
        await Limiter(SLOW).acquire(SMS, max_wait=float("nan"))
    with pytest.raises(TypeError, match="a message such as"):
        await Limiter(SLOW).acquire("Hello")  # type: ignore[arg-type]  see above


@pytest.mark.usefixtures("quiet_clock")
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


@pytest.mark.usefixtures("quiet_clock")
async def test_nobody_is_woken_for_when_the_last_has_given_up() -> None:
    """The timer would fire in every turn of the loop, because a turn could be given, and nobody is there to take it."""
    limiter = Limiter(FAR)
    await limiter.acquire(SMS)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(limiter.acquire(SMS), 0.001)
    desk = turns_of(limiter)._desk
    assert desk is not None
    assert desk.next_turn(now()) == math.inf
    assert not desk.take_turn()


@pytest.mark.usefixtures("quiet_clock")
async def test_turn_that_comes_together_with_the_cancelling_goes_to_the_next() -> None:
    limiter = Limiter(Limits(account=Rate(1, per=0.2, burst=1)))
    await limiter.acquire(SMS)
    began = now()
    first, second = (asyncio.create_task(limiter.acquire(SMS)) for _ in range(2))
    await asyncio.sleep(0)
    desk = turns_of(limiter)._desk
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


@pytest.mark.usefixtures("quiet_clock")
async def test_cancelling_together_with_the_end_of_a_wait_makes_no_place() -> None:
    """Whoever is told that it is too late, and is cancelled before it hears of it, has no place to give back."""
    limiter = Limiter(FAR)
    await limiter.acquire(SMS)
    turns_of(limiter).state.account[0].ready = now() + 0.02
    waiting = asyncio.create_task(limiter.acquire(SMS, max_wait=0.05))
    await asyncio.sleep(0)
    turns_of(limiter).refused(errors.RateLimitedError(retry_after=3600), 0.0)
    ready = turns_of(limiter).state.account[0].ready
    desk = turns_of(limiter)._desk
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
    assert turns_of(limiter).state.account[0].ready == ready


async def test_wait_for_one_sender_holds_up_no_other() -> None:
    limiter = Limiter(Limits(senders={"Slow": Rate(1, per=3600)}))
    slow = Sms(to="447700900000", from_="Slow", text="Hello")
    await asyncio.to_thread(asyncio.run, limiter.acquire(slow))
    waiting = asyncio.create_task(limiter.acquire(slow))
    await asyncio.wait_for(turns(limiter, 20), 60)
    assert not waiting.done()
    waiting.cancel()


async def test_pairs_are_forgotten_when_they_are_quiet() -> None:
    limiter = Limiter(Limits(pairs={"whatsapp": Rate(1, per=0.001)}))
    for number in range(5000):
        await limiter.acquire(WhatsappText(to=str(447700000000 + number), from_="14155550100", text="x"))
    assert len(turns_of(limiter).state) < 4000


async def test_limiter_serves_one_loop_after_another() -> None:
    slow = Sms(to="447700900000", from_="Slow", text="Hello")
    limiter = Limiter(Limits(account=Rate(1, per=SPAN, burst=1), senders={"Slow": Rate(1, per=3600)}))
    await asyncio.to_thread(asyncio.run, limiter.acquire(slow))

    def elsewhere() -> None:
        async def use() -> None:
            await turns(limiter, 2)
            left = asyncio.create_task(limiter.acquire(slow))
            await asyncio.sleep(0)
            assert not left.done()

        asyncio.run(use())

    for _ in range(2):
        await asyncio.to_thread(elsewhere)
    await limiter.acquire(SMS, max_wait=LONG)


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
                await limiter.acquire(SMS, max_wait=60)
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
    limiter = Limiter(FAR)
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


def test_threads_that_begin_at_once_get_the_limits_or_an_error() -> None:
    """None of them hangs, and none takes from another what waits there."""
    limiter = Limiter(Limits(account=Rate(1000)))
    together = threading.Barrier(8)
    answers: list[str] = []

    async def use() -> None:
        together.wait(timeout=LONG)
        try:
            await limiter.acquire(SMS, max_wait=LONG)
            answers.append("granted")
        except RuntimeError as error:
            answers.append(str(error))
        together.wait(timeout=LONG)

    threads = [threading.Thread(target=lambda: asyncio.run(use()), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=LONG)
    assert len(answers) == 8
    assert answers.count("granted") == 1
    asyncio.run(limiter.acquire(SMS, max_wait=LONG))


async def test_other_loop_may_neither_observe_nor_load_while_limits_are_in_use() -> None:
    limiter = Limiter(Limits(account=Cap(10)), store=MemoryLimitStore())
    await limiter.acquire(SMS)
    status = parse_status(TOO_FAST)

    async def observe() -> None:
        limiter.observe(status)

    for use in (observe, limiter.load, limiter.save):
        with pytest.raises(RuntimeError, match="in use on another event loop"):
            await asyncio.to_thread(asyncio.run, use())
    limiter.observe(status)
    assert turns_of(limiter).state.slowed == ("sender whatsapp/14155550100",)


async def test_limits_without_a_store_need_no_loop_to_be_saved() -> None:
    limiter = Limiter(SLOW)
    await limiter.acquire(SMS)
    await asyncio.to_thread(asyncio.run, limiter.save())
    await limiter.acquire(SMS)


def test_queue_that_was_not_closed_keeps_the_limits_until_its_loop_is(client: Client) -> None:
    limiter = Limiter(FAR)
    first = asyncio.new_event_loop()

    async def begin() -> SendQueue:
        queue = SendQueue(client, limits=limiter)
        queue.pause()
        queue.submit(SMS).cancel()
        return queue

    queue = first.run_until_complete(begin())
    with pytest.raises(RuntimeError, match="a queue has not been closed"):
        asyncio.run(limiter.acquire(SMS))
    first.run_until_complete(queue.cancel())
    turns_of(limiter).state.account[0].ready = 0.0
    asyncio.run(limiter.acquire(SMS, max_wait=LONG))
    first.close()


def test_what_waited_on_a_loop_that_has_ended_hears_that_it_was_not_sent(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(FAR)
    heard: list[object] = []

    futures: list[asyncio.Future[Any]] = []

    def begin() -> None:
        queue = SendQueue(client, limits=limiter)
        futures.extend(queue.submit(SMS) for _ in range(3))
        futures[0].add_done_callback(heard.append)
        loop.stop()

    loop = asyncio.new_event_loop()
    loop.call_soon(begin)
    loop.run_forever()
    loop.close()  # without a turn in which the queue could hear of it
    assert not any(future.done() for future in futures)
    turns_of(limiter).state.account[0].ready = 0.0
    with caplog.at_level(logging.WARNING, logger="vonage_messages"):
        asyncio.run(limiter.acquire(SMS, max_wait=LONG))
    assert [type(future.exception()) for future in futures] == [errors.QueueClosedError] * 3
    assert "3 messages waited under these limits and were not sent" in caplog.text
    assert heard == []


def test_limiters_one_after_another_keep_one_file(tmp_path: Path) -> None:
    given = 0

    async def use() -> int:
        limiter = Limiter(Limits(account=Cap(10)), store=FileLimitStore(tmp_path / "limits.json"))
        count = 0
        for _ in range(4):
            with contextlib.suppress(errors.LimitTimeoutError):
                await limiter.acquire(SMS, max_wait=60)
                count += 1
        await limiter.save()
        return count

    for _ in range(4):
        given += asyncio.run(use())
    assert given == 10


def test_limiter_that_was_dropped_without_a_last_save_leaves_its_file(tmp_path: Path) -> None:
    async def use() -> None:
        limiter = Limiter(Limits(account=Cap(1000)), store=FileLimitStore(tmp_path / "limits.json"))
        await limiter.acquire(SMS, max_wait=LONG)

    for _ in range(3):
        asyncio.run(use())


async def test_two_limiters_with_one_file_at_a_time_are_refused(tmp_path: Path) -> None:
    first, second = (Limiter(Limits(account=Cap(10)), store=FileLimitStore(tmp_path / "limits.json")) for _ in range(2))
    await first.acquire(SMS)
    if sys.platform != "win32":
        with pytest.raises(errors.StoreUnavailableError, match="another FileLimitStore of this process"):
            await second.acquire(SMS)
    await first.save()
    await second.acquire(SMS)
