"""What several receivers of callbacks know together, in a PostgreSQL database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

from vonage_messages.errors import StoreUnavailableError, VonageMessagesError
from vonage_messages.stores.keeping import KEEP, LEASE, check_keeping
from vonage_messages.stores.listening import Listening
from vonage_messages.stores.postgres.database import Database
from vonage_messages.stores.postgres.failures import FAILURES, translated
from vonage_messages.values import hidden, shown_half_built
from vonage_messages.webhooks.stores import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vonage_messages.receiving.memory import Topic
    from vonage_messages.stores.postgres.database import Connection
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.stores import SeenKey

_MOST_RECALLED: Final = 500
_SWEEP_EVERY: Final[Seconds] = 60.0


class PostgresWebhookStore:
    """
    A ``SeenStore``, ``TokenStore`` and ``EventStore`` in one PostgreSQL database (14 or newer).

    ::

        async with PostgresWebhookStore("postgresql://…") as memory:
            tracker = Tracker(router, store=memory)
            receiver = Receiver(router, verifier=verifier, seen=memory, tokens=memory)

    *conninfo*, *schema*, *connections* and *patience* as for ``PostgresLedgerStore``; one schema may hold all. What was
    handled, tokens and events are kept for *keep* seconds; events as they came, with numbers and texts. A callback
    whose handler has run for *lease* seconds is given to whoever is asked next: its process is taken to be dead.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(  # noqa: PLR0913  one address; what follows are options, by name
        self,
        conninfo: str,
        *,
        schema: str = "vonage_messages",
        connections: int = 4,
        patience: Seconds = 5.0,
        keep: Seconds = KEEP,
        lease: Seconds = LEASE,
    ) -> None:
        check_keeping(keep, lease)
        conninfo = hidden(conninfo)  # see Database
        self._database = Database(conninfo, schema=schema, connections=connections, patience=patience)
        self._channel = f"{schema}_events"
        self._keep = keep
        self._lease = lease
        self._listening = Listening(self._hear, (StoreUnavailableError, *FAILURES), _as_it_is)
        self._swept_at = 0.0

    @shown_half_built
    def __repr__(self) -> str:
        return f"PostgresWebhookStore(schema={self._database.schema!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """
        Connect, make the tables, or bring them up to date, and listen for events of other processes.

        Raises:
            OutboxError: it is open, or the schema belongs to something else or to a newer version.
            StoreUnavailableError: the server cannot be reached.
        """
        await self._database.open()
        try:
            await self._listening.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of every connection. Closing twice does no harm."""
        await self._listening.stop()
        await self._database.close()

    async def begin(self, key: SeenKey, /) -> Standing:
        """Tell how *key* stands; where it was new, it is running from now on."""
        await self._sweep_now_and_then()

        async def work(connection: Connection) -> Standing:
            named = {"key": _key(key), "lease": self._lease}
            cursor = await connection.execute(self._database.statement("seen_begin"), named)
            if await cursor.fetchone() is not None:
                return Standing.NEW
            cursor = await connection.execute(self._database.statement("seen_standing"), named)
            found = await cursor.fetchone()
            return Standing.DONE if found is not None and found[0] else Standing.RUNNING

        return await self._database.run(work)

    async def commit(self, key: SeenKey, /) -> None:
        """Make *key* done: its handling succeeded."""
        await self._execute("seen_commit", key=_key(key))

    async def abort(self, key: SeenKey, /) -> None:
        """Make *key* new again: its handling failed. A key that is done stays so."""
        await self._execute("seen_abort", key=_key(key))

    async def note_token(self, api_key: str, token_id: str, payload_hash: str, /) -> bool:
        """Remember a token; false where its id came with another body before."""
        key = _key((api_key, token_id))
        ((known,),) = await self._fetch("token_note", key=key, payload_hash=payload_hash)
        return bool(known == payload_hash)

    async def add_event(self, topics: Collection[Topic], body: bytes, /) -> None:
        """Keep the body of a callback, and tell whoever listens, in every process, of its topics."""

        async def work(connection: Connection) -> None:
            await connection.execute(self._database.statement("event_add"), {"topics": sorted(topics), "body": body})
            await connection.execute("SELECT pg_notify(%s, %s)", [self._channel, " ".join(sorted(topics))])

        await self._database.run(work)

    async def recall(self, topics: Collection[Topic], /) -> list[bytes]:
        """Give the bodies of what is kept about any of *topics*, oldest first: of more than 500 the latest."""
        found = await self._fetch("event_recall", topics=sorted(topics), most=_MOST_RECALLED)
        return [bytes(body) for (body,) in found]

    def listen(self, listener: Callable[[Collection[Topic]], None], /) -> None:
        """Call *listener* with the topics of each new event of any process; with none after a lost connection."""
        self._listening.add(listener)

    async def sweep(self) -> None:
        """Delete what is older than it is kept. It happens by itself, once a minute."""
        await self._execute("webhooks_sweep", keep=self._keep)

    async def _hear(self) -> None:
        """Hear of events on a connection of its own, until it is lost."""
        connection = await self._database.connect()
        try:
            await connection.execute(self._database.listen_statement(self._channel))
            self._listening.begun()
            async for notification in connection.notifies():
                self._listening.tell(notification.payload.split())
        finally:
            await connection.close()

    async def _sweep_now_and_then(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._swept_at + _SWEEP_EVERY:
            return
        self._swept_at = now
        await self.sweep()

    async def _fetch(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(self._database.statement(statement), parameters)).fetchall()

        return await self._database.run(work)

    async def _execute(self, statement: str, **parameters: object) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(self._database.statement(statement), parameters)

        await self._database.run(work)


def _as_it_is(error: Exception) -> VonageMessagesError:
    return error if isinstance(error, VonageMessagesError) else translated(error)


def _key(parts: tuple[str, ...]) -> str:
    """Write a key as one text; its parts are short and hold nothing unprintable."""
    return "\x1f".join(parts)
