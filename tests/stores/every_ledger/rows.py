"""Rows as the tests of every ledger add, claim and read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from vonage_messages.ledger import Claimed, Event, LedgerStore, NewRow, Outcome, Row, State

Rows = Callable[..., list[NewRow]]
Another = Callable[..., Any]
"""Makes a store on the same database, closed."""

NOW = 1_000.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LEASE = 1_060.0
LATER = 1_100.0


def new(key: str, payload: bytes = b"{}", **more: Any) -> NewRow:
    return attrs.evolve(NewRow(key=key, ref=f"ref-{key}", payload=payload), **more)


async def rows_of(store: LedgerStore, *states: State) -> list[Row]:
    return [row async for row in store.rows(*states)]


async def only(store: LedgerStore) -> Row:
    (row,) = await rows_of(store)
    return row


async def claimed(store: LedgerStore, *rows: NewRow, owner: str = "a") -> list[Claimed]:
    await store.add(rows or [new("k")], now=NOW)
    return await store.claim(owner, count=100, lease_until=LEASE, now=NOW)


async def sending(store: LedgerStore, *rows: NewRow, owner: str = "a") -> list[Claimed]:
    taken = await claimed(store, *rows, owner=owner)
    await store.mark_sending([row.id for row in taken], owner=owner, now=NOW)
    return taken


def outcome(row: Row | Claimed, event: Event, *, owner: str = "a", attempt: int = 1, **more: Any) -> Outcome:
    return Outcome(id=row.id, owner=owner, attempt=attempt, event=event, **more)
