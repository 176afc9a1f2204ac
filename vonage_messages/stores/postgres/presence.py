"""
Who is alive: an owner holds an advisory lock on a connection of its own, and PostgreSQL drops it when the owner dies.

So the end of a process is seen at once, by whoever asks, on whatever machine. The death of a whole machine, or of the
network between, is seen when the server notices that the connection is gone, at the latest when the lease ends.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from vonage_messages.stores.postgres.failures import FAILURES, translated

if TYPE_CHECKING:
    from vonage_messages.stores.postgres.database import Connection, Database


def lock_of(schema: str, owner: str) -> int:
    """Give the number of the advisory lock that *owner* of a ledger in *schema* holds while it lives."""
    name = f"{schema}\0{owner}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)


class Presence:
    """The owners that live here, and their locks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self.owners: set[str] = set()
        self._shown: set[str] = set()
        """Those whose locks are held by the connection that there is."""

    async def enrol(self, owner: str) -> None:
        """
        Hold the lock of *owner* from now on.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        async with self._lock:
            if owner in self.owners:
                return
            await self._hold(owner, *self.owners)
            self.owners.add(owner)

    async def leave(self, owner: str) -> None:
        """
        Let go of the lock of *owner*, whose life has ended.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        async with self._lock:
            if owner not in self.owners:
                return
            self.owners.discard(owner)
            connection = await self._hold(*self.owners)
            if owner not in self._shown:
                return
            self._shown.discard(owner)
            try:
                await connection.execute("SELECT pg_advisory_unlock(%s)", [self.key(owner)])
            except FAILURES as error:
                raise translated(error) from error

    async def refresh(self) -> None:
        """
        Take the locks again that are not held.

        The connection that held them may be gone, after a restart of the server, say; or the server noticed that late,
        and let go of them after we had come back.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        async with self._lock:
            if self.owners:
                await self._hold(*self.owners)

    async def close(self) -> None:
        """Let go of every lock."""
        connection, self._connection = self._connection, None
        self.owners.clear()
        self._shown.clear()
        if connection is not None:
            with suppress(*FAILURES):
                await connection.close()

    def key(self, owner: str) -> int:
        """Give the number of the lock of *owner*."""
        return lock_of(self._database.schema, owner)

    async def _hold(self, *owners: str) -> Connection:
        """Take the locks of *owners* that are not held, and give the connection that holds them."""
        try:
            connection = await self._connected()
            for owner in sorted({*owners} - self._shown):  # a lock that is taken twice must be let go of twice
                cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [self.key(owner)])
                if await cursor.fetchone() == (True,):
                    self._shown.add(owner)
        except FAILURES as error:
            raise translated(error) from error
        return connection

    async def _connected(self) -> Connection:
        """Give the connection for the locks, a new one, which holds none, where the old one is gone."""
        if self._connection is not None:
            try:
                await self._connection.execute("SELECT 1")
            except FAILURES:
                with suppress(*FAILURES):
                    await self._connection.close()
                self._connection = None
            else:
                return self._connection
        self._shown.clear()
        self._connection = await self._database.connect()
        return self._connection
