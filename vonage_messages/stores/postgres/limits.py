"""Limits that several processes keep together, in a PostgreSQL database: one call for as many messages as there are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

from vonage_messages.limits.shared import HORIZON, SharedLimit, Verdict
from vonage_messages.stores.postgres.database import Database
from vonage_messages.values import hidden, shown_half_built

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonage_messages.stores.postgres.database import Connection
    from vonage_messages.values import Seconds

_SWEEP_EVERY: Final[Seconds] = 60.0


class PostgresLimitStore:
    """
    A ``SharedLimitStore`` in a PostgreSQL database (14 or newer).

    *conninfo*, *schema*, *connections* and *patience* as for ``PostgresLedgerStore``; one schema may hold both.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "vonage_messages",
        connections: int = 2,
        patience: Seconds = 2.0,
    ) -> None:
        conninfo = hidden(conninfo)  # see Database
        self._database = Database(conninfo, schema=schema, connections=connections, patience=patience)
        self._longest = 0.0
        self._swept_at = 0.0

    @shown_half_built
    def __repr__(self) -> str:
        return f"PostgresLimitStore(schema={self._database.schema!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed."""
        return self._database.is_open

    async def open(self) -> None:
        """
        Connect, and make the tables, or bring them up to date.

        Raises:
            OutboxError: it is open, or the schema belongs to something else or to a newer version.
            StoreUnavailableError: the server cannot be reached.
        """
        await self._database.open()

    async def close(self) -> None:
        """Let go of every connection. Closing twice does no harm."""
        await self._database.close()

    async def take(
        self, wanted: Sequence[Sequence[SharedLimit]], /, *, horizon: Seconds = HORIZON, now: float | None = None
    ) -> list[Verdict]:
        """
        Take a place under all limits of each message, in their order; give a verdict for each.

        *now* is for tests: by default time is the server's.
        """
        if not wanted:
            return []
        limits = {limit.key: limit for message in wanted for limit in message}
        ordered = [limits[key] for key in sorted(limits, key=str.encode)]
        self._note_longest(ordered)
        numbers = {limit.key: number for number, limit in enumerate(ordered, start=1)}
        places: list[int] = []
        bounds: list[int] = []
        for message in wanted:
            places.extend(numbers[limit.key] for limit in message)
            bounds.append(len(places))
        parameters = {
            "keys": [limit.key for limit in ordered],
            "intervals": [float(limit.interval) for limit in ordered],
            "tolerances": [float(limit.tolerance) for limit in ordered],
            "caps": [limit.cap for limit in ordered],
            "spans": [float(limit.per) for limit in ordered],
            "places": places,
            "bounds": bounds,
            "horizon": horizon,
            "now": now,
        }
        await self._sweep_now_and_then(now)  # before: behind it, places would get late, or be lost where it fails
        found = await self._fetch("take_places", parameters)
        return [Verdict(wait, obstacle, said_at) for wait, obstacle, said_at in found]

    async def pause(self, keys: Mapping[str, Seconds], /, *, now: float | None = None) -> None:
        """Have no place under these limits for so many seconds from now, and no burst then."""
        if keys:
            parameters = {"keys": list(keys), "pauses": [float(each) for each in keys.values()], "now": now}
            await self._execute("pause_limits", parameters)

    async def sweep(self, *, now: float | None = None) -> None:
        """Delete limits of which a new one would say the same. It happens by itself, once a minute."""
        await self._execute("sweep_limits", {"longest": self._longest, "now": now})

    def _note_longest(self, limits: Sequence[SharedLimit]) -> None:
        """Note the longest memory of any limit: what is older than that, says no more than a new one."""
        for limit in limits:
            self._longest = max(self._longest, limit.tolerance + limit.interval, 2 * limit.per)

    async def _sweep_now_and_then(self, now: float | None) -> None:
        if now is not None or asyncio.get_running_loop().time() < self._swept_at + _SWEEP_EVERY:
            return
        self._swept_at = asyncio.get_running_loop().time()
        await self.sweep()

    async def _fetch(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(self._database.statement(statement), parameters)).fetchall()

        return await self._database.run(work)

    async def _execute(self, statement: str, parameters: Mapping[str, Any]) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(self._database.statement(statement), parameters)

        await self._database.run(work)
