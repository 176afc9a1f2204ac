"""
A PostgreSQL database as the stores use it: connections, transactions that are done again, and a schema of its own.

Whatever the stores do is safe to be done twice: a transaction whose connection was lost, even in its commit, is done
once more on another one for as long as the patience lasts. So a restart of the server is a pause and no error.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from vonage_messages.errors import ConfigurationError, OutboxError, StoreUnavailableError
from vonage_messages.stores.postgres.failures import FAILURES, may_pass, translated
from vonage_messages.stores.statement_files import migrations, named_statements
from vonage_messages.values import HoldsSecret, hidden, is_finite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import TypeAlias

    from vonage_messages.values import Seconds

    Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

ResultT = TypeVar("ResultT")

_PACKAGE: Final = "vonage_messages.stores.postgres"
_VERSION: Final = "schema_version"
_MIGRATION_LOCK: Final = 0x766F6E616765
"""``vonage`` in ASCII: the advisory lock under which the schema is brought up to date."""

_LONGEST_NAME: Final = 56
"""PostgreSQL cuts names at 63 bytes, so that two schemas could be one; and a channel of ours has 7 more."""

_FIRST_PAUSE: Seconds = 0.05
_LONGEST_PAUSE: Seconds = 1.0

_TRIES = 4
"""How often a connection is asked for within the patience, at the least."""


class Database(HoldsSecret):
    """
    The tables of one *schema* in the database that *conninfo* names, by up to *connections* connections.

    *patience*: how many seconds to go on trying where the server cannot be reached, or transactions get in each
    other's way.

    Raises:
        ConfigurationError: *conninfo* cannot be read, *schema* is no name, or too long a one, or *patience* no span.
    """

    def __init__(self, conninfo: str, *, schema: str, connections: int, patience: Seconds) -> None:
        conninfo = hidden(conninfo)  # it may hold a password, and error reports show the local variables of frames
        if not _can_be_read(conninfo):
            raise ConfigurationError(
                "conninfo must be a connection string of PostgreSQL, such as postgresql://user@host/database."
            )
        if not schema.isidentifier() or len(schema.encode()) > _LONGEST_NAME or connections < 1:
            raise ConfigurationError(
                f"schema must be a plain name of {_LONGEST_NAME} bytes at most, and connections 1 or more."
            )
        if not is_finite(patience) or patience <= 0:
            raise ConfigurationError(f"patience must be a finite number of seconds above 0, not {patience!r}.")
        self.conninfo = conninfo
        self.schema = schema
        self._connections = connections
        self._patience = patience
        self._pool: AsyncConnectionPool[Connection] | None = None
        self.after_a_loss: Callable[[], Awaitable[None]] | None = None
        """What is to be done when connections were lost, before anything is done again."""

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed."""
        return self._pool is not None

    async def open(self) -> None:
        """
        Connect, and bring the schema up to date.

        Raises:
            OutboxError: it is open, or the schema belongs to something else or to a newer version.
            StoreUnavailableError: the server cannot be reached.
        """
        if self._pool is not None:
            raise OutboxError("The store is open already.")
        # Left to itself, the pool looks for a lost server after 1, 2, 4, … seconds: one that is back after five minutes
        # would be found two minutes later. So it gives up at once, and tries again whenever it is asked.
        wait = min(_LONGEST_PAUSE, self._patience / _TRIES)
        self._pool = pool = AsyncConnectionPool(
            self.conninfo,
            min_size=1,
            max_size=self._connections,
            open=False,
            timeout=wait,
            reconnect_timeout=wait / 2,
            kwargs={"autocommit": True},
        )
        await pool.open()
        try:
            await self.run(self._migrate)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every connection. Closing twice does no harm."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def statement(self, name: str) -> sql.Composed:
        """Give the statement of this name from the files of ``sql/``, for this schema."""
        return _statement(name, self.schema)

    def listen_statement(self, channel: str) -> sql.Composed:
        """Give the statement by which a connection hears of *channel*."""
        return sql.SQL("LISTEN {}").format(sql.Identifier(channel))

    async def run(self, work: Callable[[Connection], Awaitable[ResultT]], *, pipelined: bool = False) -> ResultT:
        """
        Do *work* in a transaction, and commit; again where that may help. *work* must be safe to be done twice.

        *pipelined*: a statement waits for no answer before the next one goes; ``changed`` tells how many rows one has
        changed.

        Raises:
            StoreUnavailableError: the server cannot be reached, or others are in the way, for too long.
            OutboxError: it is not open, or PostgreSQL refused what was asked.
            TypeError: a value is of a type that has no counterpart there.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience
        pause = _FIRST_PAUSE
        while True:  # ends: with the work, or with the patience
            try:
                async with self.transaction(pipelined=pipelined) as connection:
                    return await work(connection)
            except FAILURES as error:
                if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
                    raise TypeError("a value has a type that PostgreSQL cannot take.") from error
                if not may_pass(error) or loop.time() + pause > give_up:
                    raise translated(error) from error
            await asyncio.sleep(pause)
            await self._renew_connections()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def connect(self) -> Connection:
        """
        Open a connection of its own, in autocommit mode, that is not one of the pool.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        try:
            return await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
        except FAILURES as error:
            raise translated(error) from error

    @asynccontextmanager
    async def transaction(self, *, pipelined: bool = False) -> AsyncIterator[Connection]:
        """
        Give a connection in a transaction, which commits at the end. Errors of the driver come as they are.

        Raises:
            OutboxError: the store is not open.
        """
        if self._pool is None:
            raise OutboxError("The store is not open.")
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._pool.connection())
            if pipelined:
                await stack.enter_async_context(connection.pipeline())
            await stack.enter_async_context(connection.transaction())
            yield connection

    async def _renew_connections(self) -> None:
        """Replace connections that are gone: where one is, after a restart of the server, the others are, too."""
        if self._pool is not None:
            await self._pool.check()
        if self.after_a_loss is not None:
            with suppress(StoreUnavailableError):  # it still cannot be reached: so the work cannot be done either
                await self.after_a_loss()

    async def _migrate(self, connection: Connection) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        version = await self._version(connection)
        scripts = migrations(_PACKAGE)
        if version > len(scripts):
            raise OutboxError(
                f"The schema {self.schema} was written by a newer version of this package ({version}; this one knows "
                f"{len(scripts)}); it was left as it is. Update the package."
            )
        if version == len(scripts):
            return
        if not version:
            await connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.schema)))
        for script in scripts[version:]:
            await connection.execute(_composed(script, self.schema))
        version_now = {"name": _VERSION, "value": str(len(scripts)).encode()}
        await connection.execute(self.statement("write_setting"), version_now)

    async def _version(self, connection: Connection) -> int:
        """Tell which version the schema has; 0 where there is none, or an empty one."""
        cursor = await connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE tablename = 'setting') FROM pg_tables WHERE schemaname = %s",
            [self.schema],
        )
        tables, settings = await cursor.fetchone() or (0, 0)
        if not tables:
            return 0
        found = None
        if settings:
            cursor = await connection.execute(self.statement("setting"), {"name": _VERSION})
            found = await cursor.fetchone()
        if found is None:
            raise OutboxError(
                f"The schema {self.schema} holds tables of something else; it was left as it is. Give schema=."
            )
        return int(bytes(found[0]))


async def changed(connection: Connection, statement: sql.Composed, parameters: Mapping[str, object]) -> int:
    """Execute a statement, and tell how many rows it has changed: in a pipeline that is known when it is asked for."""
    async with connection.pipeline():
        cursor = await connection.execute(statement, parameters)
    return cursor.rowcount


@cache
def _statement(name: str, schema: str) -> sql.Composed:
    return _composed(named_statements(_PACKAGE)[name], schema)


def _composed(text: str, schema: str) -> sql.Composed:
    return sql.SQL(text).format(schema=sql.Identifier(schema))


def _can_be_read(conninfo: str) -> bool:
    """Tell whether a connection string can be read. The driver's own words quote it, and so are no cause of ours."""
    try:
        psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        return False
    return True
