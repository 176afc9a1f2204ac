"""
What a supervisor asks a worker over HTTP: ``/healthz``, and ``/metrics`` in the text format of Prometheus.

``/healthz`` answers 200 while the engine works and the database answers, and 503 otherwise. No credentials are asked
for, and nothing is told but numbers: so it listens on the loopback, unless it is given another address.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from vonage_messages.errors import OutboxError, StoreUnavailableError
from vonage_messages.workers.standing import Standing, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vonage_messages.values import Seconds
    from vonage_messages.workers.registering import Workers

FRESH: Seconds = 5.0
"""How old an answer may be: a count over millions of rows is not made for everybody who asks."""

_LONGEST_LOOK: Seconds = 10.0
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Answers while it is entered. *is_up* tells whether the engine works."""

    def __init__(self, workers: Workers, is_up: Callable[[], bool], *, host: str, port: int) -> None:
        self._workers = workers
        self._is_up = is_up
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._looking = asyncio.Lock()
        self._seen: Standing | None = None
        self._seen_at = 0.0

    @property
    def port(self) -> int:
        """The port it listens on, also where it was 0."""
        if self._runner is None:
            return self._port
        port: int = self._runner.addresses[0][1]
        return port

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/healthz", self._healthz), web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        standing = await self._look()
        healthy = self._is_up() and standing is not None
        document = {"status": "ok" if healthy else "unavailable", "engine": self._is_up(), "database": bool(standing)}
        return web.json_response(document, status=200 if healthy else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        standing = await self._look()
        lines = [*metrics(standing), *_gauge("up", "Whether the engine of this worker works.", [("", self._is_up())])]
        return web.Response(body="".join(f"{line}\n" for line in lines).encode(), headers={"Content-Type": _TEXT})

    async def _look(self) -> Standing | None:
        """Tell how everything stands, once for all who ask at the same time; ``None`` where that cannot be told."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if self._seen is not None and now - self._seen_at < FRESH:
                return self._seen
            try:
                async with asyncio.timeout(_LONGEST_LOOK):
                    self._seen = await look(self._workers)
            except (StoreUnavailableError, OutboxError, TimeoutError):
                self._seen = None
            self._seen_at = asyncio.get_running_loop().time()
            return self._seen


def metrics(standing: Standing | None) -> Iterable[str]:
    """Write down how everything stands, line by line, as Prometheus reads it. All workers tell the same of it."""
    yield from _gauge("database_up", "Whether the database answers.", [("", standing is not None)])
    if standing is None:
        return
    rows = [(f'{{state="{state}"}}', number) for state, number in sorted(standing.rows.items())]
    yield from _gauge("rows", "Messages in the ledger, by state.", rows)
    jobs = [(f'{{status="{status}"}}', number) for status, number in sorted(standing.jobs.items())]
    yield from _gauge("jobs", "Jobs of the engine that send a batch, by status.", jobs)
    yield from _gauge("waiting_batches", "Batches with rows that nobody has claimed.", [("", standing.waiting_batches)])
    yield from _gauge("workers_alive", "Workers that have shown a sign of life lately.", [("", standing.alive)])
    if standing.silent_for is not None:
        silence = [("", standing.silent_for)]
        yield from _gauge("last_heartbeat_seconds", "Since any worker has shown a sign of life.", silence)


def _gauge(name: str, meaning: str, samples: Iterable[tuple[str, float]]) -> Iterable[str]:
    yield f"# HELP vonage_messages_{name} {meaning}"
    yield f"# TYPE vonage_messages_{name} gauge"
    for labels, value in samples:
        yield f"vonage_messages_{name}{labels} {int(value) if isinstance(value, int) else round(value, 3)}"
