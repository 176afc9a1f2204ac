"""``SharedLimiter``: the limits of one account, kept by several processes together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from vonage_messages.confirming import Confirming
from vonage_messages.limiter import Limiter
from vonage_messages.limits.learning import LONGEST_PAUSE
from vonage_messages.limits.shared import HORIZON
from vonage_messages.turns.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.confirming import Unreachable
    from vonage_messages.limits.levels import Limits
    from vonage_messages.limits.shared import SharedLimitStore
    from vonage_messages.values import Seconds


class SharedLimiter(Limiter):
    """
    A ``Limiter`` whose limits hold for all processes that use the same *store*.

    ::

        store = PostgresLimitStore("postgresql://user@host/database")
        async with SharedLimiter(Limits.published(), store) as limiter:
            async with Client(auth) as client, SendQueue(client, limits=limiter) as queue: ...

    Order and priorities stay with each process; every place is confirmed by the store, in one call for all messages
    that wait for it, before ``before_send`` and before the first byte. Give every process the same *limits*. Caps hold
    without a file: the store counts them. A 429 and what ``observe`` learns pause a limit for everybody.

    *store*: ``PostgresLimitStore``, ``RedisLimitStore``, or ``MemorySharedLimits`` for the threads of one process. It
    is opened at the first use, where it is not open, and then closed by ``close``, or by leaving ``async with``.
    *unreachable*: with ``"stop"``, what waits fails with ``StoreUnavailableError`` while the store cannot be reached,
    and the next message asks again. With a fraction, such as ``0.25`` for four processes, so much of each rate leaves
    meanwhile, without a burst, and nothing that falls under a cap; the store is looked for every second.
    *horizon*: how many seconds ahead a place is taken. *longest_pause* and *clock*: as for ``Limiter``.

    A message that is cancelled, or that is late by more than 20 ms because ``before_send`` or the machine is slow,
    loses its place, and takes another if it leaves. Its place of a cap is good for the slice (a minute of a day) in
    which it was to leave.

    Raises:
        ConfigurationError: *limits* are none, *store* is none, or another option cannot work.
    """

    def __init__(  # noqa: PLR0913  limits and a store; what follows them are options, by name
        self,
        limits: Limits | None,
        store: SharedLimitStore,
        *,
        unreachable: Unreachable = "stop",
        horizon: Seconds = HORIZON,
        longest_pause: Seconds = LONGEST_PAUSE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        confirming = Confirming(store, unreachable=unreachable, horizon=horizon)
        self._turns = Turns(limits, confirming=confirming, longest_pause=longest_pause, clock=clock)

    async def __aenter__(self) -> Self:
        await self.load()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """
        Let go of the store, which is closed if it was opened here. Closing twice does no harm, and neither does going
        on: the next message opens it again.

        Raises:
            RuntimeError: the limits are in use on another event loop.
        """
        await self._turns.close()
