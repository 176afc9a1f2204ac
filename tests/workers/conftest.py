"""A real engine on a real server, and workers in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import procrastinate
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from vonage_messages.simulator import Simulator

LONGEST_RUN = 60

WORKER = """
import asyncio, os, sys
import procrastinate
from vonage_messages import Client, Limits, Rate
from vonage_messages.stores.postgres import PostgresLedgerStore
from vonage_messages.workers import register

CONNINFO, CONNECTIONS, JOBS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=CONNINFO))
workers = register(
    app,
    PostgresLedgerStore(CONNINFO),
    limits=Limits.unlimited(),
    connections=CONNECTIONS,
    stalled_after=1.0,
    rescue_every="* * * * * *",
)

async def main():
    async with app.open_async():
        await app.run_worker_async(
            queues=["vonage_messages"],
            concurrency=JOBS,
            fetch_job_polling_interval=0.2,
            update_heartbeat_interval=0.2,
            stalled_worker_timeout=1.0,
        )
    await workers.close()

asyncio.run(main())
"""

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """Make a database for a test, with nothing in it."""
    name = f"test_{os.getpid()}_{os.urandom(4).hex()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield postgres.replace("/postgres?", f"/{name}?")
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
async def app(database: str) -> AsyncIterator[procrastinate.App]:
    """Open the engine of a test."""
    opened = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
    async with opened.open_async():
        await opened.schema_manager.apply_schema_async()
        yield opened


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as started:
        yield started


@pytest.fixture
async def start(
    forked: None,  # noqa: ARG001  for the programs
    database: str,
    simulator: Simulator,
) -> AsyncIterator[Start]:
    """Start a worker in a process of its own; it is killed at the end of the test, if it still runs."""
    started: list[asyncio.subprocess.Process] = []

    async def begin(*, connections: int = 8, jobs: int = 2) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            "-c",
            WORKER,
            database,
            str(connections),
            str(jobs),
            env={**os.environ, **simulator.environment()},
            stderr=asyncio.subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await asyncio.wait_for(process.wait(), LONGEST_RUN)
