"""A store on a real file, and programs that use the same file in processes of their own."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from vonage_messages.ledger import NewRow
from vonage_messages.stores.postgres import PostgresLedgerStore, PostgresLimitStore, PostgresWebhookStore
from vonage_messages.stores.redis import RedisLimitStore, RedisWebhookStore
from vonage_messages.stores.sqlite import SqliteLedgerStore

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
LONGEST_RUN = 60
PATIENCE = 60.0
"""Seconds for which a store waits for its server, where no test is about that: a busy machine may stop it for some."""

PROLOGUE = """
import asyncio, os, sys, time
from vonage_messages.errors import *
from vonage_messages.ledger import *
from vonage_messages.stores.postgres import PostgresLedgerStore
from vonage_messages.stores.sqlite import SqliteLedgerStore

PATH = sys.argv[1]
ARGUMENTS = sys.argv[2:]

def some(first, count):
    return [NewRow(key=f"k{n}", ref=f"r{n}", payload=b'{"n":%d}' % n) for n in range(first, first + count)]

def say(*words):
    print(*words, flush=True)
"""

Another = Callable[..., Any]
Program = Callable[..., "subprocess.Popen[str]"]
Rows = Callable[..., list[NewRow]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of a test is going to be."""
    return tmp_path / "campaign.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteLedgerStore]:
    """Open a store on a new file."""
    async with SqliteLedgerStore(path) as opened:
        yield opened


@pytest.fixture
def another_on_sqlite(path: Path) -> Another:
    """Make a store on the file of a test."""
    return functools.partial(SqliteLedgerStore, path)


@pytest.fixture
def own_schema(postgres: str, schema: str) -> Iterator[str]:
    """Name a schema that is gone after the test."""
    yield schema
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


@pytest.fixture
def another_on_postgres(postgres: str, own_schema: str) -> Another:
    """Make a store on the schema of a test."""
    return functools.partial(PostgresLedgerStore, postgres, schema=own_schema)


@pytest.fixture
def another_limits_on_postgres(postgres: str, own_schema: str) -> Another:
    """Make a store of shared limits on the schema of a test."""
    return functools.partial(PostgresLimitStore, postgres, schema=own_schema, patience=PATIENCE)


@pytest.fixture
def another_limits_on_redis(redis_url: str, schema: str) -> Another:
    """Make a store of shared limits under the name of a test."""
    return functools.partial(RedisLimitStore, redis_url, name=schema, patience=PATIENCE)


@pytest.fixture
def another_webhooks_on_postgres(postgres: str, own_schema: str) -> Another:
    """Make a memory of webhooks on the schema of a test."""
    return functools.partial(PostgresWebhookStore, postgres, schema=own_schema, patience=PATIENCE)


@pytest.fixture
def another_webhooks_on_redis(redis_url: str, schema: str) -> Another:
    """Make a memory of webhooks under the name of a test."""
    return functools.partial(RedisWebhookStore, redis_url, name=schema, patience=PATIENCE)


@pytest.fixture
def some() -> Rows:
    """Make *count* new rows from number *first* on: the same ones as the programs make."""

    def make(first: int, count: int) -> list[NewRow]:
        numbers = range(first, first + count)
        return [NewRow(key=f"k{number}", ref=f"r{number}", payload=b'{"n":%d}' % number) for number in numbers]

    return make


@pytest.fixture
def program(path: Path, forked: None) -> Iterator[Program]:  # noqa: ARG001  begins with everything imported
    """Run a program beside this one, on the same file; it is killed at the end of the test, if it still runs."""
    running: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: object, path: Path | str = path) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603  our own text, in our own interpreter
            [*PYTHON, "-c", PROLOGUE + source, str(path), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        with contextlib.suppress(OSError, ValueError):
            process.communicate(timeout=LONGEST_RUN)
