"""Several queues on limits that they share: what is confirmed leaves, and the rest waits in its place."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vonage_messages import MemorySharedLimits, SharedLimiter, Sms, errors
from vonage_messages.channels.base import Message
from vonage_messages.confirming import LATE
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.shared import HORIZON, SharedLimit, Verdict
from vonage_messages.webhooks.parse import parse_status

VIRTUAL_CLOCK = True

TEN = Limits(account=Rate(10))
FAR = Limits(account=Rate(100), senders={"slow": Rate(1, per=3600.0)})

TOO_FAST = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900000",
    "from": "14155550100",
    "timestamp": "2026-01-01T14:00:00.000Z",
    "status": "rejected",
    "channel": "whatsapp",
    "error": {"type": "https://developer.vonage.com/api-errors/messages#1241", "title": 1241, "detail": "Throttled"},
}


def now() -> float:
    return asyncio.get_running_loop().time()


class Server(MemorySharedLimits):
    """Limits behind a network: an answer takes *latency* seconds, unless nobody can be reached."""

    def __init__(self, latency: float = 0.002) -> None:
        super().__init__(clock=now)
        self.latency = latency
        self.is_down = False
        self.calls: list[int] = []
        self.opened = 0

    async def open(self) -> None:
        self.opened += 1

    async def take(self, wanted: Sequence[Sequence[SharedLimit]], /, *, horizon: float = HORIZON) -> list[Verdict]:
        self.calls.append(len(wanted))
        await self._travel()
        verdicts = await super().take(wanted, horizon=horizon)
        await self._travel()
        return verdicts

    async def pause(self, keys: Mapping[str, float], /) -> None:
        await self._travel()
        await super().pause(keys)

    async def _travel(self) -> None:
        await asyncio.sleep(self.latency / 2)
        if self.is_down:
            raise errors.StoreUnavailableError("the server is down")


async def use_up(store: MemorySharedLimits, limits: Limits, *senders: str) -> None:
    """Have another process take what there is."""
    other = SharedLimiter(limits, store)
    for sender in senders:
        await other.acquire(Sms(to="447700900000", from_=sender, text="Hello"))


# Sharing ----------------------------------------------------------------------------------------------------------


async def test_two_processes_together_send_what_the_account_allows_and_no_more(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    async with (
        tools.queue(platform, SharedLimiter(TEN, store)) as one,
        tools.queue(platform, SharedLimiter(TEN, store)) as other,
    ):
        await asyncio.gather(*(queue.send_all([tools.sms(n) for n in range(50)]) for queue in (one, other)))
    tools.check_window(platform.instants, Rate(10))
    assert len(platform.accepted) == 100
    assert platform.instants[-1] <= 9.9 * 1.05  # what is free is used


async def test_limit_of_a_sender_binds_two_processes(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    limits = Limits(account=Rate(100), senders={"Acme": Rate(20)})
    async with (
        tools.queue(platform, SharedLimiter(limits, store)) as one,
        tools.queue(platform, SharedLimiter(limits, store)) as other,
    ):
        mixed = [tools.sms(n, from_="Acme" if n % 2 else "Other") for n in range(100)]
        await asyncio.gather(*(queue.send_all(mixed) for queue in (one, other)))
    acme = [request.at for request in platform.requests if request.message.from_ == "Acme"]
    tools.check_window(acme, Rate(20))
    tools.check_window(platform.instants, Rate(100))
    assert max(acme) - min(acme) <= 99 / 20 * 1.05


async def test_those_who_wait_together_ask_in_one_call(tools: Any) -> None:
    store = Server()
    limiter = SharedLimiter(Limits(account=Rate(1000, burst=1000)), store)
    async with tools.queue(tools.Platform(latency=0.5), limiter, connections=200) as queue:
        await asyncio.sleep(5)  # the store is new: it takes its first second to fill
        await limiter.acquire(tools.sms())
        await asyncio.sleep(5)
        store.calls.clear()
        await queue.send_all([tools.sms(n) for n in range(200)])
    assert sum(store.calls) == 200
    assert len(store.calls) <= 3


async def test_message_that_finds_no_place_holds_no_connection(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    await use_up(store, FAR, "slow")
    async with tools.queue(platform, SharedLimiter(FAR, store), connections=1) as queue:
        slow = [queue.submit(tools.sms(n, from_="slow")) for n in (1, 2, 3)]
        began = now()
        await queue.send_all([tools.sms(n) for n in range(50)])
        assert now() - began < 1
        assert {future.state for future in slow} == {"queued"}
        assert await queue.cancel() == 3
    assert {type(future.exception()) for future in slow} == {errors.QueueClosedError}
    assert len(platform.requests) == 50


async def test_what_was_sent_back_keeps_its_place(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    await use_up(store, Limits(account=Rate(1)), "Acme")
    async with tools.queue(platform, SharedLimiter(Limits(account=Rate(1)), store)) as queue:
        bulk = [queue.submit(tools.sms(n), priority=Priority.BULK) for n in range(3)]
        await asyncio.sleep(0.2)  # the first of them has asked, and was refused
        high = [queue.submit(tools.sms(n), priority=Priority.HIGH) for n in range(3, 6)]
        await asyncio.gather(*bulk, *high)
    assert platform.texts == ["3", "4", "5", "0", "1", "2"]


async def test_pair_keeps_its_order_while_others_take_places(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.05), Server()
    limits = Limits(account=Rate(50), each_sender={"whatsapp": Rate(10)})
    async with (
        tools.queue(platform, SharedLimiter(limits, store)) as one,
        tools.queue(platform, SharedLimiter(limits, store)) as other,
    ):
        await asyncio.gather(
            one.send_all([tools.whatsapp(n, to=f"44770090000{n % 3}") for n in range(30)]),
            other.send_all([tools.whatsapp(n, to=f"44770090011{n % 3}") for n in range(30)]),
        )
    order = defaultdict(list)
    for request in platform.requests:
        order[request.message.to].append(int(tools.text_of(request.message)))
    assert len(order) == 6
    assert all(numbers == sorted(numbers) for numbers in order.values())


async def test_max_wait_sees_what_others_have_taken(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    await use_up(store, FAR, "slow")
    limiter = SharedLimiter(FAR, store)
    await limiter.load()
    async with tools.queue(platform, limiter) as queue:
        began = now()
        futures = [queue.submit(tools.sms(n, from_="slow"), max_wait=30) for n in (1, 2)]
        await asyncio.wait(futures)
        assert now() - began < 1
        for future in futures:
            error = future.exception()
            assert isinstance(error, errors.LimitTimeoutError)
            assert (error.key, error.max_wait) == ("sender ****", 30)
            assert error.wait == pytest.approx(3600, abs=5)
        with pytest.raises(errors.LimitTimeoutError):
            await queue.submit(tools.sms(3, from_="slow"), max_wait=30)
        assert queue.stats().pauses == ()
    assert platform.requests == []


async def test_before_send_is_called_with_a_place_alone(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    await use_up(store, FAR, "slow")
    asked: list[str] = []

    async def hook(message: Message) -> None:
        asked.append(tools.text_of(message))

    async with tools.queue(platform, SharedLimiter(FAR, store), before_send=hook) as queue:
        queue.submit(tools.sms(1, from_="slow"))
        await queue.submit(tools.sms(2))
        assert asked == ["2"]
        await queue.cancel()


@pytest.mark.parametrize(("held", "waited"), [(0.5, 0.5), (1.5, 1441.0)])
async def test_place_of_a_cap_is_good_for_the_slice_in_which_it_counts(tools: Any, held: float, waited: float) -> None:
    """A moment of delay costs no place of a day; what leaves in the next slice is counted there."""
    platform, store = tools.Platform(latency=0.01), Server()

    async def hook(_message: Message) -> None:
        await asyncio.sleep(held)

    began = now()
    async with tools.queue(platform, SharedLimiter(Limits(account=Cap(4, per=1440.0)), store), before_send=hook) as q:
        await q.send_all([tools.sms(n) for n in range(4)])
    assert began % 1 < 0.1
    left = [request.at - began for request in platform.requests]
    assert left == [pytest.approx(waited, abs=0.2)] * 4


@pytest.mark.parametrize("held", [0.01, 0.1, 0.7])
async def test_what_a_hook_holds_up_takes_another_place(tools: Any, held: float) -> None:
    """Every other commit takes long, in two processes: what leaves behind it was counted again."""
    platform, store = tools.Platform(latency=0.01), Server()
    limits = Limits(account=Rate(100))

    async def hook(_message: Message) -> None:
        period = 2 * held
        if now() % period < held:
            await asyncio.sleep(held - now() % period)

    async with (
        tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as one,
        tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as other,
    ):
        await asyncio.gather(*(queue.send_all([tools.sms(n) for n in range(100)]) for queue in (one, other)))
    assert len(platform.accepted) == 200
    check_late(platform.instants, Rate(100))


def check_late(instants: Sequence[float], rate: Rate) -> None:
    """Check that no window has more than the rate allows, where each may leave later than its instant by ``LATE``."""
    row = sorted(instants)
    for begin, end in itertools.combinations(range(len(row)), 2):
        assert end - begin + 1 <= rate.most_in(row[end] - row[begin] + LATE) + 1e-6, (begin, end)


async def test_message_whose_time_is_up_behind_its_hook_is_not_sent(tools: Any) -> None:
    async def hook(_message: Message) -> None:
        await asyncio.sleep(30)

    platform = tools.Platform()
    async with tools.queue(platform, SharedLimiter(TEN, Server()), before_send=hook) as queue:
        with pytest.raises(errors.DeadlineExceededError, match="before_send took too long"):
            await queue.submit(tools.sms(0), expires_in=10)
    assert platform.requests == []


async def test_message_that_is_held_up_and_finds_no_place_in_time_is_not_sent(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    limits = Limits(account=Rate(1, per=100.0))

    async def hook(_message: Message) -> None:
        await asyncio.sleep(5)

    async with tools.queue(platform, SharedLimiter(limits, store), before_send=hook) as queue:
        with pytest.raises(errors.DeadlineExceededError, match="the limit of account"):
            await queue.submit(tools.sms(0), expires_in=50)
        assert now() < 1000 + 20
    assert platform.requests == []


# Bare sends -------------------------------------------------------------------------------------------------------


async def test_bare_sends_of_two_processes_share_the_limit(tools: Any) -> None:
    store = Server()
    instants: list[float] = []

    async def send(limiter: SharedLimiter) -> None:
        await limiter.acquire(tools.sms())
        instants.append(now())

    limiters = [SharedLimiter(TEN, store) for _ in range(3)]
    await asyncio.gather(*(send(limiter) for limiter in limiters for _ in range(20)))
    tools.check_window(instants, Rate(10))
    assert max(instants) - min(instants) <= 5.9 * 1.05


async def test_bare_send_that_cannot_leave_in_time_fails_at_once(tools: Any) -> None:
    store = Server()
    await use_up(store, FAR, "slow")
    limiter = SharedLimiter(FAR, store)
    began = now()
    with pytest.raises(errors.LimitTimeoutError) as caught:
        await limiter.acquire(tools.sms(from_="slow"), max_wait=5)
    assert now() - began < 1
    assert (caught.value.key, caught.value.max_wait) == ("sender ****", 5)
    assert caught.value.wait == pytest.approx(3600, abs=5)
    await limiter.acquire(tools.sms(), max_wait=5)


@pytest.mark.parametrize("after", [0.0, 0.001, 0.03, 5.0])
async def test_bare_send_that_is_cancelled_leaves_the_rest_to_others(tools: Any, after: float) -> None:
    limiter = SharedLimiter(Limits(account=Rate(1)), Server())
    await limiter.acquire(tools.sms())
    cancelled = asyncio.create_task(limiter.acquire(tools.sms()))
    waiting = asyncio.create_task(limiter.acquire(tools.sms()))
    await asyncio.sleep(0.97 + after)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    began = now()
    await waiting
    assert now() - began < 2.1


# Pauses -----------------------------------------------------------------------------------------------------------


async def test_refusal_pauses_every_process(tools: Any) -> None:
    platform, store = tools.Platform(tools.first(1, lambda: tools.refused(60)), latency=0.0), Server()
    async with (
        tools.queue(platform, SharedLimiter(TEN, store)) as one,
        tools.queue(platform, SharedLimiter(TEN, store)) as other,
    ):
        first = one.submit(tools.sms(0))
        await asyncio.sleep(1)
        second = other.submit(tools.sms(1))
        await asyncio.sleep(1)
        with pytest.raises(errors.LimitTimeoutError):
            await other.submit(tools.sms(2), max_wait=30)
        second.cancel()
        await first
    assert platform.instants[0] == 0
    assert platform.instants[1] == pytest.approx(60, abs=0.1)


async def test_lesson_of_a_status_is_heard_by_every_process(tools: Any) -> None:
    store = Server()
    limits = Limits(account=Rate(100), senders={"14155550100": Rate(50)})
    one, other = SharedLimiter(limits, store), SharedLimiter(limits, store)
    await other.acquire(tools.whatsapp())
    one.observe(parse_status(TOO_FAST))
    await asyncio.sleep(0.1)
    began = now()
    await other.acquire(tools.sms())
    assert now() - began < 0.1
    await other.acquire(tools.whatsapp())
    assert now() - began == pytest.approx(0.9, abs=0.05)


async def test_pause_that_cannot_be_shared_is_kept_by_this_process(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    platform, store = tools.Platform(latency=0.0), Server()
    async with tools.queue(platform, SharedLimiter(TEN, store)) as queue:
        await queue.submit(tools.sms(0))
        platform.script = tools.first(1, lambda: tools.refused(60))
        refused = queue.submit(tools.sms(1))
        while len(platform.requests) < 2:  # noqa: ASYNC110  as long as the queue takes for it
            await asyncio.sleep(0.001)
        store.is_down = True
        await asyncio.sleep(1)
        store.is_down = False
        await refused
    assert "a pause could not be shared with other processes: the server is down" in caplog.text
    assert platform.instants[2] - platform.instants[1] == pytest.approx(60, abs=0.1)


async def test_pause_that_begins_while_a_place_is_waited_for_holds_the_message_back(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.0), Server()
    limiter = SharedLimiter(TEN, store)

    async def hook(message: Message) -> None:
        if tools.text_of(message) == "1":
            await asyncio.sleep(1)

    async with tools.queue(platform, limiter, before_send=hook) as queue:
        held = queue.submit(tools.sms(1))
        await asyncio.sleep(0.5)
        platform.script = lambda message, number: (
            tools.refused(60) if tools.text_of(message) == "2" and not number else None
        )
        await queue.submit(tools.sms(2))
        await held
    assert platform.texts[0] == "2"
    assert all(at >= 60 for at in platform.instants[1:])


# A store that cannot be reached -----------------------------------------------------------------------------------


async def test_everybody_fails_while_the_store_cannot_be_reached_and_the_next_asks_again(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    async with tools.queue(platform, SharedLimiter(TEN, store)) as queue:
        await queue.submit(tools.sms(0))
        store.is_down = True
        futures = [queue.submit(tools.sms(n)) for n in range(1, 30)]
        await asyncio.wait(futures)
        assert {type(future.exception()) for future in futures} == {errors.StoreUnavailableError}
        assert not any(future.maybe_sent for future in futures)
        with pytest.raises(errors.StoreUnavailableError, match="the server is down"):
            await queue.submit(tools.sms(30))
        with pytest.raises(errors.StoreUnavailableError, match="the server is down"):
            await queue.limiter.acquire(tools.sms(30))
        store.is_down = False
        await queue.submit(tools.sms(31))
        await queue.limiter.acquire(tools.sms(32))
    assert platform.texts == ["0", "31"]


@pytest.mark.parametrize(
    ("unreachable", "error"),
    [
        ("stop", errors.OutboxError("of a newer version")),
        ("stop", ValueError("secret")),
        (0.5, errors.OutboxError("of a newer version")),
    ],
)
async def test_store_that_cannot_be_used_lets_nobody_wait_for_ever(
    tools: Any, unreachable: Any, error: Exception
) -> None:
    class Unusable(Server):
        async def take(self, wanted: Any, /, *, horizon: float = HORIZON) -> list[Verdict]:
            del wanted, horizon
            raise error

    limiter = SharedLimiter(TEN, Unusable(), unreachable=unreachable)
    async with tools.queue(tools.Platform(), limiter) as queue:
        with pytest.raises((errors.StoreUnavailableError, errors.OutboxError)) as caught:
            await queue.submit(tools.sms(0))
        assert "secret" not in str(caught.value)


async def test_fraction_of_each_rate_leaves_while_the_store_cannot_be_reached(
    tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    limiter = SharedLimiter(TEN, store, unreachable=0.25)
    async with tools.queue(platform, limiter) as queue:
        sending = asyncio.create_task(queue.send_all([tools.sms(n) for n in range(200)]))
        await asyncio.sleep(5)
        store.is_down, left = True, len(platform.requests)
        await asyncio.sleep(20)
        alone = platform.instants[left:]
        tools.check_window(alone[1:], Rate(2.5))
        assert 48 <= len(alone) <= 52
        store.is_down = False
        await sending
        assert all(outcome.sent for outcome in sending.result())
    tools.check_window(platform.instants, Rate(10))
    assert platform.instants[-1] <= 5 + 20 + 1.2 + 10.1
    assert caplog.text.count("0.25 of each rate leaves until it can (the server is down)") == 1
    assert caplog.text.count("answers again") == 1


async def test_fraction_leaves_also_where_the_store_was_never_reached(tools: Any) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    store.is_down = True
    async with tools.queue(platform, SharedLimiter(TEN, store, unreachable=0.5)) as queue:
        await queue.send_all([tools.sms(n) for n in range(20)])
        tools.check_window(platform.instants, Rate(5))
        store.is_down = False
        await queue.send_all([tools.sms(n) for n in range(20)])
    tools.check_window(platform.instants, Rate(10))


async def test_cap_is_never_kept_by_a_fraction(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    limits = Limits(account=Rate(10), senders={"Acme": Cap(100)})
    async with tools.queue(platform, SharedLimiter(limits, store, unreachable=1.0)) as queue:
        await queue.submit(tools.sms(0))
        store.is_down = True
        with pytest.raises(errors.StoreUnavailableError, match="the store of a cap cannot be reached"):
            await queue.submit(tools.sms(1))
        await queue.submit(tools.sms(2, from_="Other"))
    assert platform.texts == ["0", "2"]


async def test_pause_holds_for_the_fraction_too(tools: Any) -> None:
    platform, store = tools.Platform(tools.first(1, lambda: tools.refused(60)), latency=0.0), Server()
    store.is_down = True
    async with tools.queue(platform, SharedLimiter(TEN, store, unreachable=0.5)) as queue:
        await queue.submit(tools.sms(0))
    assert platform.instants == [0, pytest.approx(60, abs=0.5)]


# Caps -------------------------------------------------------------------------------------------------------------


async def test_cap_holds_for_all_processes_and_needs_no_file(tools: Any) -> None:
    platform, store = tools.Platform(), Server()
    limits = Limits(account=(Rate(100), Cap(10)))
    async with (
        tools.queue(platform, SharedLimiter(limits, store)) as one,
        tools.queue(platform, SharedLimiter(limits, store)) as other,
    ):
        outcomes = await asyncio.gather(
            *(queue.send_all([tools.sms(n) for n in range(10)], max_wait=60) for queue in (one, other))
        )
    failed = [outcome.error for outcome in itertools.chain(*outcomes) if outcome.error is not None]
    assert len(platform.accepted) == len(failed) == 10
    assert all(isinstance(error, errors.LimitTimeoutError) and error.key == "account #2" for error in failed)


# The end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.0, 0.001, 0.0015, 0.01, 0.06])
async def test_cancelled_queue_loses_nothing(tools: Any, after: float) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    limiter = SharedLimiter(Limits(account=Rate(50)), store)
    await limiter.acquire(tools.sms())
    queue = tools.queue(platform, limiter)
    futures = [queue.submit(tools.sms(n)) for n in range(20)]
    await asyncio.sleep(after)
    await queue.cancel()
    done = [future for future in futures if future.exception() is None]
    assert len(done) == len(platform.accepted)
    assert {type(future.exception()) for future in futures if future not in done} == {errors.QueueClosedError}


@pytest.mark.parametrize("after", [0.0, 0.0005, 0.0015, 0.01])
async def test_tasks_that_are_cancelled_in_the_middle_of_a_call_leave_nobody_waiting(tools: Any, after: float) -> None:
    platform, store = tools.Platform(latency=0.01), Server()
    queue = tools.queue(platform, SharedLimiter(Limits(account=Rate(50)), store))
    futures = [queue.submit(tools.sms(n)) for n in range(20)]
    await asyncio.sleep(after)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.wait(futures, timeout=5)
    assert all(future.done() for future in futures)
    assert all(
        isinstance(future.exception(), (errors.QueueClosedError, errors.ResponseLostError))
        for future in futures
        if future.exception()
    )
    await queue.cancel()


async def test_future_that_is_cancelled_while_it_is_confirmed_is_not_put_back(tools: Any) -> None:
    platform, store = tools.Platform(), Server(latency=1.0)
    await use_up(store, FAR, "slow")
    limiter = SharedLimiter(FAR, store)
    await limiter.load()
    async with tools.queue(platform, limiter) as queue:
        future = queue.submit(tools.sms(1, from_="slow"))
        await asyncio.sleep(0.5)
        assert future.state == "sending"
        future.cancel()
        await queue.drain()
        assert queue.stats().cancelled == 1


async def test_store_is_opened_and_closed_by_whoever_needs_it(tools: Any) -> None:
    class Closed(Server):
        opened_now = False

        @property
        def is_open(self) -> bool:
            return self.opened_now

        async def open(self) -> None:
            await super().open()
            self.opened_now = True

        async def close(self) -> None:
            self.opened_now = False

    store = Closed()
    async with SharedLimiter(TEN, store) as limiter:
        assert store.is_open
        await limiter.acquire(tools.sms())
    assert not store.is_open
    await limiter.acquire(tools.sms())
    assert (store.is_open, store.opened) == (True, 2)
    await limiter.close()
    await limiter.close()
    await store.open()
    async with SharedLimiter(TEN, store) as limiter:
        await limiter.acquire(tools.sms())
    assert store.is_open  # it was open before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"store": "redis://127.0.0.1"}, "and not be str"),
        ({"store": MemorySharedLimits}, "not be the class MemorySharedLimits"),
        ({"unreachable": "go on"}, "unreachable must be"),
        ({"unreachable": 0.0}, "unreachable must be"),
        ({"unreachable": 1.5}, "unreachable must be"),
        ({"unreachable": True}, "unreachable must be"),
        ({"horizon": -1.0}, "horizon must be"),
        ({"limits": 30}, "limits must be"),
        ({"longest_pause": 0}, "longest_pause must be"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"limits": TEN, "store": MemorySharedLimits(), **options}
    with pytest.raises(errors.ConfigurationError, match=sentence):
        SharedLimiter(arguments.pop("limits"), arguments.pop("store"), **arguments)


# Properties -------------------------------------------------------------------------------------------------------

ACCOUNT, SENDER, PAIR = Rate(20), Rate(8), Rate(1, per=2.0, burst=3)
LIMITS = Limits(account=ACCOUNT, each_sender={"whatsapp": SENDER}, pairs={"whatsapp": PAIR})
GIVEN = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.01, 0.3, 2.0]),
        st.integers(0, 2),
        st.integers(0, 3),
        st.sampled_from(Priority),
        st.sampled_from([None, None, None, 0.1, 5.0]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    messages=GIVEN,
    latency=st.sampled_from([0.0, 0.003, 0.04]),
    hold=st.sampled_from([None, 0.0, 0.015, 0.2]),
    failing=st.lists(st.sampled_from([0.3, 1.0, 4.0]), max_size=3),
    queues=st.integers(1, 3),
)
def test_queues_on_one_book_pass_no_limit_and_lose_nothing(  # noqa: PLR0913, PLR0917  one history
    tools: Any, messages: list[tuple[Any, ...]], latency: float, hold: float | None, failing: list[float], queues: int
) -> None:
    async def history() -> None:
        platform, store = tools.Platform(latency=0.02), Server(latency)

        async def hook(message: Message) -> None:
            if int(tools.text_of(message)) % 3 == 0:
                await asyncio.sleep(hold or 0.0)

        before_send = None if hold is None else hook
        running = [
            tools.queue(platform, SharedLimiter(LIMITS, store), before_send=before_send, connections=1 + 15 * number)
            for number in range(queues)
        ]
        breaking = asyncio.create_task(break_now_and_then(store, failing))
        futures = []
        for number, (pause, queue, pair, priority, end) in enumerate(messages):
            await asyncio.sleep(pause)
            message = tools.whatsapp(number, to=f"44770090000{pair % 2}", from_=f"1415555010{pair // 2}")
            futures.append(running[queue % queues].submit(message, priority=priority, expires_in=end))
        await asyncio.wait(futures)
        await breaking
        for queue in running:
            await queue.close()
        check(tools, platform, futures)

    tools.run_virtually(history())


async def break_now_and_then(store: Server, spans: list[float]) -> None:
    for span in spans:
        await asyncio.sleep(span)
        store.is_down = True
        await asyncio.sleep(span / 4)
        store.is_down = False


def check(tools: Any, platform: Any, futures: list[Any]) -> None:
    assert sorted(tools.text_of(message) for message in platform.accepted) == sorted(
        str(number) for number, future in enumerate(futures) if future.exception() is None
    )
    assert len(platform.requests) == len(platform.accepted)
    assert all(
        isinstance(future.exception(), (errors.StoreUnavailableError, errors.DeadlineExceededError))
        for future in futures
        if future.exception() is not None
    )
    by_gate: dict[tuple[str, ...], tuple[Rate, list[float]]] = {(): (ACCOUNT, [])}
    for request in platform.requests:
        message = request.message
        by_gate[()][1].append(request.at)
        by_gate.setdefault((message.from_,), (SENDER, []))[1].append(request.at)
        by_gate.setdefault((message.from_, message.to), (PAIR, []))[1].append(request.at)
    for rate, instants in by_gate.values():
        check_late(instants, rate)
