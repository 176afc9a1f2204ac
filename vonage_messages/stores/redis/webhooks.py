"""What several receivers of callbacks know together, in Redis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from vonage_messages.errors import OutboxError
from vonage_messages.stores.keeping import KEEP, LEASE, check_keeping
from vonage_messages.stores.listening import Listening
from vonage_messages.stores.redis.limits import FAILURES, redis_at, script_text, unavailable
from vonage_messages.values import HoldsSecret, hidden, shown_half_built
from vonage_messages.webhooks.stores import Standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from vonage_messages.receiving.memory import Topic
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.stores import SeenKey

_MOST_RECALLED: Final = 100
_RUNNING, _DONE = b"running", b"done"


class RedisWebhookStore(HoldsSecret):
    """
    A ``SeenStore``, ``TokenStore`` and ``EventStore`` in Redis (5 or newer).

    *url*, *name* and *patience* as for ``RedisLimitStore``; *keep* and *lease* as for ``PostgresWebhookStore``. Of each
    topic the last 100 events are kept. What Redis forgets, by an eviction or a restart without persistence, was never
    seen: a callback that is repeated after that is handled again.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "vonage_messages",
        patience: Seconds = 5.0,
        keep: Seconds = KEEP,
        lease: Seconds = LEASE,
    ) -> None:
        check_keeping(keep, lease)
        url = hidden(url)  # it may hold a password, and error reports show the local variables of frames
        self._redis = redis_at(url, name, patience)
        self._subscriber = redis_at(url, name, None)
        self._name = name
        self._keep = max(1, round(keep * 1000))
        self._lease = max(1, round(lease * 1000))
        self._begin = self._redis.register_script(script_text("seen_begin"))
        self._abort = self._redis.register_script(script_text("seen_abort"))
        self._listening = Listening(self._hear, FAILURES, unavailable)
        self._is_open = False

    @shown_half_built
    def __repr__(self) -> str:
        return f"RedisWebhookStore(name={self._name!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """
        Connect, and listen for events of other processes.

        Raises:
            OutboxError: it is open.
            StoreUnavailableError: the server cannot be reached.
        """
        if self._is_open:
            raise OutboxError("The store is open already.")
        try:
            await self._listening.start()
        except BaseException:
            await self.close()
            raise
        self._is_open = True

    async def close(self) -> None:
        """Let go of every connection. Closing twice does no harm."""
        self._is_open = False
        await self._listening.stop()
        await self._redis.aclose()
        await self._subscriber.aclose()

    async def begin(self, key: SeenKey, /) -> Standing:
        """Tell how *key* stands; where it was new, it is running from now on."""
        found = await self._ask(lambda: self._begin(keys=[self._key("seen", *key)], args=[self._lease]))
        return {None: Standing.NEW, _RUNNING: Standing.RUNNING, _DONE: Standing.DONE}[found]

    async def commit(self, key: SeenKey, /) -> None:
        """Make *key* done: its handling succeeded."""
        await self._ask(lambda: self._redis.set(self._key("seen", *key), _DONE, px=self._keep))

    async def abort(self, key: SeenKey, /) -> None:
        """Make *key* new again: its handling failed. A key that is done stays so."""
        await self._ask(lambda: self._abort(keys=[self._key("seen", *key)]))

    async def note_token(self, api_key: str, token_id: str, payload_hash: str, /) -> bool:
        """Remember a token; false where its id came with another body before."""
        key = self._key("token", api_key, token_id)
        if await self._ask(lambda: self._redis.set(key, payload_hash, px=self._keep, nx=True)):
            return True
        known = await self._ask(lambda: self._redis.get(key))
        return known is None or bool(known == payload_hash.encode())

    async def add_event(self, topics: Collection[Topic], body: bytes, /) -> None:
        """Keep the body of a callback, and tell whoever listens, in every process, of its topics."""
        if not topics:
            return
        async with self._redis.pipeline(transaction=True) as together:
            for topic in sorted(topics):
                key = self._key("event", topic)
                together.rpush(key, body)
                together.ltrim(key, -_MOST_RECALLED, -1)
                together.pexpire(key, self._keep)
            together.publish(self._key("events"), " ".join(sorted(topics)))
            await self._ask(together.execute)

    async def recall(self, topics: Collection[Topic], /) -> list[bytes]:
        """Give the bodies of what is kept about any of *topics*, oldest first within each topic."""
        bodies: dict[bytes, None] = {}
        for topic in sorted(topics):
            key = self._key("event", topic)
            bodies.update(dict.fromkeys(await self._ask(partial(self._redis.lrange, key, 0, -1))))
        return list(bodies)

    def listen(self, listener: Callable[[Collection[Topic]], None], /) -> None:
        """Call *listener* with the topics of each new event of any process; with none after a lost connection."""
        self._listening.add(listener)

    async def sweep(self) -> None:
        """Do nothing: Redis forgets by itself what is older than it is kept."""

    async def _hear(self) -> None:
        """Hear of events on a connection of its own, until it is lost."""
        async with self._subscriber.pubsub() as channel:
            await channel.subscribe(self._key("events"))
            async for message in channel.listen():
                if message["type"] == "message":
                    self._listening.tell(message["data"].decode().split())
                elif message["type"] == "subscribe":
                    self._listening.begun()

    def _key(self, *parts: str) -> str:
        return f"{{{self._name}}}:" + "\x1f".join(parts)

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        if not self._is_open:
            raise OutboxError("The store is not open.")
        try:
            return await ask()
        except FAILURES as error:
            raise unavailable(error) from error
