"""Random histories of queues on one book: no limit is passed, and no message lost."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vonage_messages import SharedLimiter, errors
from vonage_messages.channels.base import Message
from vonage_messages.confirming import LATE
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import Cap, Rate

from .shared_server import Server, check_late

VIRTUAL_CLOCK = True
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


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    messages=st.lists(st.tuples(st.floats(0, 1.0), st.floats(0, 0.6)), min_size=12, max_size=12),
    latency=st.sampled_from([0.0, 0.002, 0.06]),
)
def test_messages_that_are_late_pass_no_cap(tools: Any, messages: list[tuple[float, float]], latency: float) -> None:
    cap = Cap(5, per=288.0)  # counted in slices of 0.2 s: some are held up into the next one, and some are not
    limits = Limits(account=(Rate(7, burst=2), cap))

    async def hook(message: Message) -> None:
        await asyncio.sleep(messages[int(tools.text_of(message))][1])

    async def history() -> None:
        platform, store = tools.Platform(latency=0.01), Server(latency)
        queues = [tools.queue(platform, SharedLimiter(limits, store), before_send=hook) for _ in range(2)]
        futures = []
        for number, (pause, _) in enumerate(messages):
            await asyncio.sleep(pause)
            futures.append(queues[number % 2].submit(tools.sms(number)))
        await asyncio.gather(*futures)
        for queue in queues:
            await queue.close()
        row = sorted(request.at for request in platform.requests)
        assert len(row) == len(messages)
        assert all(last - first > cap.per - LATE - 1e-6 for first, last in zip(row, row[cap.n :], strict=False))

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
