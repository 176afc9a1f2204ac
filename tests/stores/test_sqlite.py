"""The ledger in a SQLite file: what is its own, beside what every ledger does (every_ledger)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography.fernet import Fernet

from vonage_messages import errors
from vonage_messages.ledger import (
    Addition,
    LedgerStore,
    NewRow,
    Row,
    State,
)
from vonage_messages.stores.sqlite import SqliteLedgerStore

Rows = Callable[..., list[NewRow]]
NOW = 1_000.0
LEASE = 1_060.0
LATER = 1_100.0


def new(key: str, payload: bytes = b"{}", **more: Any) -> NewRow:
    return attrs.evolve(NewRow(key=key, ref=f"ref-{key}", payload=payload), **more)


async def rows_of(store: SqliteLedgerStore, *states: State) -> list[Row]:
    return [row async for row in store.rows(*states)]


def test_store_is_a_ledger_store(path: Path) -> None:
    store: LedgerStore = SqliteLedgerStore(path)
    assert repr(store) == f"SqliteLedgerStore('{path}', closed)"


def test_path_of_a_store_is_absolute() -> None:
    assert SqliteLedgerStore("campaign.db").path == Path.cwd() / "campaign.db"


async def test_closed_store_leaves_no_other_file(path: Path) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.enrol("a", lease_until=LEASE)
        await store.claim("a", count=1, lease_until=LEASE, now=NOW)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_purge_leaves_nothing_in_the_files(path: Path, store: SqliteLedgerStore) -> None:
    await store.add([new("a", b'{"text":"the secret of 447700900000"}', recipient="447700900000")], now=NOW)
    assert await store.purge(recipient="+44 7700 900000") == 1
    assert [file for file in path.parent.iterdir() if b"the secret" in file.read_bytes()] == []


# Encrypted --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fernet() -> Fernet:
    return Fernet(Fernet.generate_key())


async def test_cipher_hides_payload_recipient_and_limits(path: Path, fernet: Fernet) -> None:
    given = new("a", b'{"text":"the secret"}', recipient="447700900000")
    async with SqliteLedgerStore(path, cipher=fernet) as store:
        assert (await store.add([given], now=NOW)).new == 1
        await store.save_limit_states({"pair 447700900000": b"the secret"})
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert b"the secret" not in written
        assert b"447700900000" not in written


async def test_row_that_the_cipher_cannot_read_says_so(path: Path, fernet: Fernet) -> None:
    async with SqliteLedgerStore(path, cipher=fernet) as store:
        await store.add([new("a")], now=NOW)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE message SET payload = 'x'")
        with pytest.raises(errors.OutboxError, match="cannot read"):
            await store.claim("a", count=1, lease_until=LEASE, now=NOW)
        assert (await store.counts())[State.PENDING] == 1


# Opening and closing ----------------------------------------------------------------------------------------------


def test_store_works_on_one_event_loop_after_another_and_leaves_no_thread(path: Path) -> None:
    before = threading.active_count()
    store = SqliteLedgerStore(path)
    asyncio.run(store.open())
    for number in range(3):
        assert asyncio.run(store.add([new(str(number))], now=NOW)) == Addition(new=1)
    asyncio.run(store.close())
    assert threading.active_count() == before


def test_forgotten_store_warns_and_lets_its_thread_end(path: Path, some: Rows) -> None:
    before = set(threading.enumerate())
    store = SqliteLedgerStore(path)
    asyncio.run(store.open())
    (thread,) = set(threading.enumerate()) - before
    asyncio.run(store.add(some(0, 1), now=NOW))
    stores = [store]
    del store
    with pytest.warns(ResourceWarning, match="never closed"):
        stores.clear()
    thread.join(60)
    assert not thread.is_alive()


async def test_cancelled_opening_leaves_no_thread(path: Path) -> None:
    before = set(threading.enumerate())
    store = SqliteLedgerStore(path)
    opening = asyncio.create_task(store.open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert set(threading.enumerate()) <= before
    async with store:
        assert await rows_of(store) == []
