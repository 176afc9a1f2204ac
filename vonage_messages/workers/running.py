"""
A worker as a service runs it: until a signal comes, over every restart of the database, with its health to be asked.

The first SIGTERM or SIGINT lets the requests under way be answered, gives everything else back, and ends; a second one
ends the process at once, and what it had under way is then in doubt.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final, Literal

import attrs

from vonage_messages.errors import ConfigurationError, StoreUnavailableError
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.options import check_count
from vonage_messages.shutdown import first_signal_heard
from vonage_messages.workers.engine import UNAVAILABLE, prepare
from vonage_messages.workers.health import Health

if TYPE_CHECKING:
    import procrastinate

    from vonage_messages.values import Seconds
    from vonage_messages.workers.registering import Workers

logger = logging.getLogger("vonage_messages")

_FIRST_PAUSE: Seconds = 0.5
_LONGEST_PAUSE: Seconds = 10.0
_LAST_PORT: Final = 65535
_HEARTBEATS: Final = 3
"""Signs of life that a worker gives in the time after which it counts as dead."""


@attrs.frozen
class HealthAddress:
    """Where to answer ``/healthz`` and ``/metrics``."""

    port: int
    host: str = "127.0.0.1"


async def run_worker(
    workers: Workers,
    *,
    concurrency: int = 4,
    health: HealthAddress | None = None,
    keep_jobs: bool = False,
    stopping: asyncio.Event | None = None,
) -> None:
    """
    Work off batches until SIGTERM or SIGINT comes, or *stopping* is set; then end in good order.

    The tables of the engine are made where they are not there. A database that is gone is waited for, however long:
    the engine ends when it loses its connections, and is started again. *concurrency* is how many batches are sent at
    a time, each over as many connections as ``register`` was told. Jobs that are done are deleted, unless *keep_jobs*.

    In a thread that is not the main one no signal is heard: set *stopping*.

    Raises:
        ConfigurationError: an option cannot work.
        OSError: nothing can listen at *health*.
    """
    check_count("concurrency", concurrency)
    if health is not None and not 0 <= health.port <= _LAST_PORT:
        raise ConfigurationError(f"the port of health must be 0 to {_LAST_PORT}, not {health.port!r}.")
    stop = asyncio.Event() if stopping is None else stopping
    engine = _Engine(workers, concurrency, keep_jobs=keep_jobs)
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        stack.enter_context(first_signal_heard(lambda _number: loop.call_soon_threadsafe(stop.set)))
        stack.push_async_callback(workers.close)
        if health is not None:
            await stack.enter_async_context(Health(workers, engine.is_up, host=health.host, port=health.port))
        await engine.run_until(stop)


class _Engine:
    """The engine's worker, again and again."""

    def __init__(self, workers: Workers, concurrency: int, *, keep_jobs: bool) -> None:
        self._workers = workers
        self._options: dict[str, object] = {
            "queues": [workers.queue],
            "concurrency": concurrency,
            "install_signal_handlers": False,
            "delete_jobs": "never" if keep_jobs else "successful",
            "update_heartbeat_interval": workers.stalled_after / _HEARTBEATS,
            "stalled_worker_timeout": workers.stalled_after,
        }
        self._up = False

    def is_up(self) -> bool:
        return self._up

    async def run_until(self, stop: asyncio.Event) -> None:
        stopped: asyncio.Task[Literal[True]] = asyncio.get_running_loop().create_task(stop.wait())
        pause = _FIRST_PAUSE
        try:
            while not stop.is_set():
                begun = asyncio.get_running_loop().time()
                await self._live(stopped)
                if asyncio.get_running_loop().time() - begun > _LONGEST_PAUSE:
                    pause = _FIRST_PAUSE
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(stopped), pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            stopped.cancel()

    async def _live(self, stopped: asyncio.Task[Literal[True]]) -> None:
        """Run the engine until it ends, or the end is asked for; say why it ended, if that was not asked for."""
        life = asyncio.get_running_loop().create_task(self._open_and_work(self._workers.app))
        try:
            await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                self._workers.stop()
            life.cancel()  # it lets its jobs end before it does
            await asyncio.wait([life])
        finally:
            self._up = False
            life.cancel()
        if life.cancelled() or stopped.done():
            return
        error = life.exception()
        why = "it has lost its connection" if error is None else f"{type(error).__name__}: {error}"
        logger.warning("the engine has ended, and is started again: %s", why, extra=about(LogEvent.WORKERS_RESTARTED))

    async def _open_and_work(self, app: procrastinate.App) -> None:
        try:
            await app.open_async()
            await prepare(app)
            self._up = True
            await app.run_worker_async(**self._options)  # type: ignore[arg-type]
        except UNAVAILABLE as error:
            raise StoreUnavailableError("the database cannot be reached") from error
        finally:
            await app.close_async()  # also of a pool that could not be opened, which would go on trying
