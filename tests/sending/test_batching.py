"""Small calls that go together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from vonage_messages.sending.batching import Batching

VIRTUAL_CLOCK = True


class Store:
    """Answers each call with its items, after it was let go."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.most_at_once = 0
        self._at_once = 0
        self.failing = False

    async def do(self, items: Sequence[int]) -> frozenset[int]:
        self.calls.append(list(items))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if self.failing:
                raise OSError("the disk is gone")
            return frozenset(items)
        finally:
            self._at_once -= 1


async def ticks(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_all_who_ask_in_one_turn_go_together() -> None:
    store = Store()
    batching = Batching(store.do)
    answers = await asyncio.gather(*(batching.ask(number) for number in range(5)))
    assert store.calls == [[0, 1, 2, 3, 4]]
    assert answers == [frozenset(range(5))] * 5


async def test_who_asks_during_a_call_goes_with_the_next() -> None:
    store = Store()
    store.gate.clear()
    batching = Batching(store.do)
    first = batching.ask(1)
    await ticks()
    others = [batching.ask(number) for number in (2, 3)]
    await ticks()
    assert store.calls == [[1]]
    store.gate.set()
    assert await first == {1}
    assert [await other for other in others] == [{2, 3}] * 2
    assert store.most_at_once == 1


async def test_failure_is_that_of_all_who_went_together_and_of_nobody_else() -> None:
    store = Store()
    store.failing = True
    batching = Batching(store.do)
    failed = [batching.ask(number) for number in (1, 2)]
    for future in failed:
        with pytest.raises(OSError, match="the disk is gone"):
            await future
    store.failing = False
    assert await batching.ask(3) == {3}


async def test_who_leaves_hinders_nobody_and_his_item_goes_all_the_same() -> None:
    store = Store()
    store.gate.clear()
    batching = Batching(store.do)
    leaving, staying = batching.ask(1), batching.ask(2)
    await ticks()
    leaving.cancel()
    store.gate.set()
    assert await staying == {1, 2}
    assert store.calls == [[1, 2]]


async def test_what_is_added_keeps_its_place_among_those_who_ask() -> None:
    store = Store()
    batching = Batching(store.do)
    batching.add(1)
    answer = batching.ask(2)
    batching.add(3)
    assert await answer == {1, 2, 3}
    assert store.calls == [[1, 2, 3]]


async def test_few_wait_a_moment_for_company_and_many_do_not() -> None:
    store = Store()
    batching = Batching(store.do, wanted=3, patience=0.05)
    few = batching.ask(1)
    await ticks()
    assert store.calls == []
    late = batching.ask(2)
    await asyncio.gather(few, late)
    assert store.calls == [[1, 2]]
    many = [batching.ask(number) for number in range(3)]
    await ticks(3)
    assert store.calls == [[1, 2], [0, 1, 2]]
    await asyncio.gather(*many)


async def test_finish_waits_for_all_that_was_added_also_while_it_waits() -> None:
    store = Store()
    store.gate.clear()
    batching = Batching(store.do)
    batching.add(1)
    await ticks()
    batching.add(2)
    finishing = asyncio.create_task(batching.finish())
    await ticks()
    assert not finishing.done()
    store.gate.set()
    await finishing
    assert store.calls == [[1], [2]]


async def test_finish_without_anything_returns_at_once() -> None:
    await asyncio.wait_for(Batching(Store().do).finish(), 1)


async def test_task_that_is_cancelled_before_it_began_leaves_nobody_waiting() -> None:
    batching = Batching(Store().do)
    answer = batching.ask(1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    async with asyncio.timeout(5):
        await batching.finish()
        await asyncio.wait([answer])
        assert answer.cancelled()
        assert await batching.ask(2) == {2}


def test_nobody_is_left_waiting_when_the_loop_shuts_down() -> None:
    waiting: list[asyncio.Future[frozenset[int]]] = []

    async def main() -> None:
        store = Store()
        store.gate.clear()
        batching = Batching(store.do)
        waiting.append(batching.ask(1))
        await ticks()
        waiting.append(batching.ask(2))

    asyncio.run(main())
    assert [future.cancelled() for future in waiting] == [True, True]
