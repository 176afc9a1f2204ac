"""
Many small calls of a store, made as one: whoever asks while a call is under way goes with the next.

A group commit lives on company. Sixty connections that each mark one row make one call of sixty rows, not sixty calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from vonage_messages.values import Seconds

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


class Batching(Generic[ItemT, AnswerT]):
    """
    Collects items, and hands them to *do* together: ``await do(items)`` gives one answer for all who asked.

    One call is under way at a time, and items go in the order in which they came. What fails, fails for everyone who
    went with it. Fewer than *wanted* items wait *patience* seconds for company: without that, the first who is ready
    goes alone, and all others wait for a call that was made for one.
    """

    def __init__(
        self, do: Callable[[Sequence[ItemT]], Awaitable[AnswerT]], *, wanted: int = 0, patience: Seconds = 0.0
    ) -> None:
        self._do = do
        self._wanted = wanted
        self._patience = patience
        self._items: list[ItemT] = []
        self._asking: list[asyncio.Future[AnswerT]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, item: ItemT) -> None:
        """Hand *item* in; nobody waits for the answer."""
        self._items.append(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._note_end)

    def ask(self, item: ItemT) -> asyncio.Future[AnswerT]:
        """Hand *item* in; the future gives the answer of the call it goes with. Cancelling it cancels no call."""
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._asking.append(answer)
        self.add(item)
        return answer

    async def finish(self) -> None:
        """Wait for the calls that are under way."""
        while self._task is not None:  # ends: with the last item
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._items:  # ends: when nobody has come meanwhile
                # At least once round the loop, so that all who are ready now go together.
                await asyncio.sleep(self._patience if len(self._items) < self._wanted else 0)
                await self._do_next()
        finally:
            self._let_go()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Let go of those who asked a task that was cancelled before it began."""
        if task is self._task:
            self._let_go()

    def _let_go(self) -> None:
        self._task = None
        for answer in self._asking:  # the loop shuts down: nothing of theirs was begun
            answer.cancel()
        self._items, self._asking = [], []

    async def _do_next(self) -> None:
        items, self._items = self._items, []
        asking, self._asking = self._asking, []
        try:
            result = await self._do(items)
        except Exception as error:  # noqa: BLE001  it goes to those who asked
            for answer in asking:
                if not answer.done():
                    answer.set_exception(error)
        except BaseException:
            for answer in asking:
                answer.cancel()
            raise
        else:
            for answer in asking:
                if not answer.done():
                    answer.set_result(result)
