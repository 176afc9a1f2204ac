"""Limits behind a network, which other processes use too, and what holds for whoever shares them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence

from vonage_messages import MemorySharedLimits, SharedLimiter, Sms, errors
from vonage_messages.confirming import LATE
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.limits.shared import HORIZON, SharedLimit, Verdict

TEN = Limits(account=Rate(10))
FAR = Limits(account=Rate(100), senders={"slow": Rate(1, per=3600.0)})


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


def check_late(instants: Sequence[float], rate: Rate) -> None:
    """Check that no window has more than the rate allows, where each may leave later than its instant by ``LATE``."""
    row = sorted(instants)
    for begin, end in itertools.combinations(range(len(row)), 2):
        assert end - begin + 1 <= rate.most_in(row[end] - row[begin] + LATE) + 1e-6, (begin, end)
