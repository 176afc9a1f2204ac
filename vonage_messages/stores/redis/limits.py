"""Limits that several processes keep together, in Redis: one round trip for as many messages as there are."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Self

from redis import exceptions
from redis.asyncio import Redis

from vonage_messages.errors import ConfigurationError, OutboxError, StoreUnavailableError
from vonage_messages.limits.shared import HORIZON, SharedLimit, Verdict
from vonage_messages.values import HoldsSecret, hidden, is_finite, shown_half_built

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis.commands.core import AsyncScript

    from vonage_messages.values import Seconds

FAILURES: Final = (exceptions.RedisError, OSError)


class RedisLimitStore(HoldsSecret):
    """
    A ``SharedLimitStore`` in Redis (5 or newer), or something that speaks its language and its Lua.

    *url* is such as ``redis://host:6379/0``; *name* begins all keys and stands in braces, so that they stay together in
    a cluster: one for each account. *patience* is how many seconds an answer is waited for.

    What Redis forgets all at once, by a restart without persistence, say, counts as used up from then on for rates. Let
    it evict nothing (``maxmemory-policy noeviction``): a rate that is evicted alone has its whole burst again. A cap is
    only as durable as the server: let it write each change down (``appendonly yes``, ``appendfsync always``), or keep
    caps in PostgreSQL.

    Raises:
        ConfigurationError: *url* cannot be read, *name* holds a brace, or *patience* is no span.
    """

    def __init__(self, url: str, *, name: str = "vonage_messages", patience: Seconds = 2.0) -> None:
        url = hidden(url)  # it may hold a password, and error reports show the local variables of frames
        self._redis = redis_at(url, name, patience)
        self._name = name
        self._is_open = False
        self._take: AsyncScript = self._redis.register_script(script_text("take_places"))
        self._pause: AsyncScript = self._redis.register_script(script_text("pause_limits"))

    @shown_half_built
    def __repr__(self) -> str:
        return f"RedisLimitStore(name={self._name!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed."""
        return self._is_open

    async def open(self) -> None:
        """
        Connect.

        Raises:
            OutboxError: it is open already.
            StoreUnavailableError: the server cannot be reached.
        """
        if self._is_open:
            raise OutboxError("The store is open already.")
        try:
            await self._redis.ping()
        except FAILURES as error:
            raise unavailable(error) from error
        self._is_open = True

    async def close(self) -> None:
        """Let go of every connection. Closing twice does no harm."""
        self._is_open = False
        await self._redis.aclose()

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
        numbers = {key: number for number, key in enumerate(limits, start=1)}
        arguments: list[float | str] = ["" if now is None else repr(now), horizon, len(wanted)]
        for limit in limits.values():
            arguments += (repr(limit.interval), repr(limit.tolerance), limit.cap, repr(limit.per))
        for message in wanted:
            arguments.append(len(message))
            arguments.extend(numbers[limit.key] for limit in message)
        answers = await self._run(self._take, limits, arguments)
        said_at = float(answers[0])
        return [
            Verdict(float(wait), None if obstacle < 0 else obstacle, said_at)
            for wait, obstacle in zip(answers[1::2], answers[2::2], strict=True)
        ]

    async def pause(self, keys: Mapping[str, Seconds], /, *, now: float | None = None) -> None:
        """Have no place under these limits for so many seconds from now, and no burst then."""
        if keys:
            await self._run(self._pause, keys, ["" if now is None else repr(now), *map(repr, keys.values())])

    async def sweep(self, *, now: float | None = None) -> None:
        """Do nothing: Redis forgets limits by itself, when a new one would say the same."""

    async def _run(self, script: AsyncScript, keys: Mapping[str, object], arguments: list[float | str]) -> list[Any]:
        if not self._is_open:
            raise OutboxError("The store is not open.")
        prefix = f"{{{self._name}}}:"
        names = [f"{prefix}since", *(f"{prefix}limit:{key}" for key in keys)]
        try:
            return list(await script(keys=names, args=arguments) or ())
        except FAILURES as error:
            raise unavailable(error) from error


def redis_at(url: str, name: str, patience: Seconds | None) -> Redis:
    """
    Make a client for the server at *url*, which connects when it is first used.

    Raises:
        ConfigurationError: *url* cannot be read, *name* could not stand in the keys of a cluster, or *patience* is no
            span.
    """
    if not name or "{" in name or "}" in name:
        raise ConfigurationError("name must be a text without braces.")
    if patience is not None and (not is_finite(patience) or patience <= 0):
        raise ConfigurationError(f"patience must be a finite number of seconds above 0, not {patience!r}.")
    with suppress(ValueError):  # its words may quote the password: they are no cause of ours
        return Redis.from_url(url, socket_timeout=patience, socket_connect_timeout=patience)
    raise ConfigurationError("url must be an address of Redis, such as redis://127.0.0.1:6379/0.")


def unavailable(error: Exception) -> StoreUnavailableError:
    """Say that Redis failed; its own words are left out: they may hold what was asked."""
    return StoreUnavailableError(f"Redis cannot be read or written now ({type(error).__name__}).")


@cache
def script_text(name: str) -> str:
    """Give the script of ``<name>.lua``."""
    return resources.files("vonage_messages.stores.redis").joinpath(f"{name}.lua").read_text(encoding="utf-8")
