"""
Whose turn it is: calls of a store are done in the order in which they were made, and those that wait share a commit.

A commit waits for the disk, and that is most of what a small call costs. Whoever calls while a transaction is under way
goes with the next one, together with all others who wait; each is told when it is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from vonage_messages.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from vonage_messages.stores.postgres.database import Connection, Database

ResultT = TypeVar("ResultT")

_MOST_AT_ONCE: Final = 50
"""Calls in one transaction: it holds the locks of them all until it ends."""


@attrs.frozen(eq=False)
class _Call:
    work: Callable[[Connection], Awaitable[Any]]
    copies: bool
    answer: asyncio.Future[Any]


class Turns:
    """The calls of one store, or of one view of it. *busy* is where whoever closes the store finds what is going on."""

    def __init__(self, database: Database, busy: set[asyncio.Task[None]]) -> None:
        self._database = database
        self._busy = busy
        self._calls: deque[_Call] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(self, work: Callable[[Connection], Awaitable[ResultT]], *, copies: bool = False) -> ResultT:
        """
        Do *work* in a transaction, behind what was asked for before, and whether or not it is waited for.

        *work* must be safe to be done twice. Its statements go in pipeline mode, unless it *copies*: COPY cannot.

        Raises:
            StoreUnavailableError, OutboxError, TypeError: as ``Database.run`` does.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ResultT] = loop.create_future()
        self._calls.append(_Call(work, copies, answer))
        if self._task is None:
            self._task = task = loop.create_task(self._work_off())
            self._busy.add(task)
            task.add_done_callback(self._ended)
        return await answer

    async def _work_off(self) -> None:
        try:
            while self._calls:  # ends: when nobody has called meanwhile
                calls = self._next()
                try:
                    await self._do(calls)
                finally:
                    _let_go(calls)
        finally:
            self._end()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if task is self._task:  # it was cancelled before it began
            self._end()

    def _end(self) -> None:
        self._task = None
        _let_go(self._calls)
        self._calls.clear()

    def _next(self) -> list[_Call]:
        calls = [self._calls.popleft()]
        while self._calls and len(calls) < _MOST_AT_ONCE and not (calls[-1].copies or self._calls[0].copies):
            calls.append(self._calls.popleft())
        return calls

    async def _do(self, calls: Sequence[_Call]) -> None:
        try:
            answers = await self._database.run(partial(_each, calls), pipelined=not calls[0].copies)
        except Exception as error:  # noqa: BLE001  it goes to whoever called
            if len(calls) == 1 or isinstance(error, StoreUnavailableError):
                for call in calls:
                    if not call.answer.done():
                        call.answer.set_exception(error)
                return
            # Nothing of it was done. What is wrong with one call is no fault of the others: each on its own.
            for call in calls:
                await self._do([call])
        else:
            for call, answer in zip(calls, answers, strict=True):
                if not call.answer.done():
                    call.answer.set_result(answer)


async def _each(calls: Sequence[_Call], connection: Connection) -> list[Any]:
    return [await call.work(connection) for call in calls]


def _let_go(calls: Iterable[_Call]) -> None:
    """Let nobody wait for ever: where the loop shuts down, what was not done is cancelled."""
    for call in calls:
        call.answer.cancel()
