"""
``Limiter``: the limits of one account, shared by everything in this process that sends for it.

How turns are given stands in ``vonage_messages.turns``; what sends gets there by ``turns_of``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vonage_messages.limits.learning import LONGEST_PAUSE
from vonage_messages.turns.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.channels.base import Message
    from vonage_messages.limits.levels import Limits
    from vonage_messages.limits.store import LimitStore
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.status import MessageStatus


class Limiter:
    """
    Keeps *limits* for whoever sends through it.

    ::

        limiter = Limiter(Limits.sandbox(), store=FileLimitStore("limits.json"))
        async with Client(auth, sandbox=True, limits=limiter) as client: ...

    Hand one limiter to everything that sends for an account: several clients, several queues. It may be built outside
    an event loop, and used from several loops one after another. While it is in use on one, every other (that of
    another thread, say) is refused with a ``RuntimeError``.

    *limits*: by default what is published. *store*: where they survive the process; limits that hold a ``Cap`` need
    one. *longest_pause*: for how many seconds a 429 may pause the account, whatever its ``Retry-After`` says; after
    that one message asks again. *clock* gives unix seconds, for the store.

    Raises:
        ConfigurationError: *limits* are none, *store* is none, there is a cap and no store, or another option cannot
            work.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        store: LimitStore | None = None,
        longest_pause: Seconds = LONGEST_PAUSE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._turns = Turns(limits, store=store, longest_pause=longest_pause, clock=clock)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.limits!r})"

    @property
    def limits(self) -> Limits:
        """What is kept."""
        return self._turns.limits

    async def acquire(self, message: Message, *, max_wait: Seconds | None = None) -> None:
        """
        Wait until *message* may leave, and take its places.

        Raises:
            LimitTimeoutError: it cannot, or did not, leave within *max_wait* seconds. No place was taken.
            StoreUnavailableError: what was used before is not known, because the store cannot be read or written, or
                has not answered within *max_wait*: ``load`` waits for it beforehand.
            RuntimeError: the limits are in use on another event loop.
            TypeError: that is no message.
            ConfigurationError: *max_wait* is no number of seconds of 0 or more.
        """
        await self._turns.acquire(message, max_wait=max_wait)

    async def load(self) -> None:
        """
        Read the store, once; everything that sends does it by itself.

        Raises:
            StoreUnavailableError: it cannot be read or written, or holds no limits.
            RuntimeError: the limits are in use on another event loop.
        """
        await self._turns.load()

    async def save(self) -> None:
        """
        Write what is left to the store, if there is one. Do so when nothing is sent any more, and restarts lose
        nothing: ``Client.close`` and ``SendQueue.close`` do.

        Raises:
            StoreUnavailableError: it cannot be written.
            RuntimeError: there is a store, and the limits are in use on another event loop.
        """
        await self._turns.save()

    def observe(self, status: MessageStatus) -> None:
        """
        Learn from a status webhook: one that says "too fast" slows its sender, or the pair; most change nothing.

        Raises:
            RuntimeError: the limits are in use on another event loop, and this one has something to teach.
            TypeError: that is no status.
        """
        self._turns.observe(status)


def turns_of(limiter: Limiter) -> Turns:
    """Give what stands behind *limiter*, to what sends under it."""
    return limiter._turns  # noqa: SLF001  it is of this module
