"""
What the calls of a PostgreSQL ledger do inside a transaction, and the statements they are made of.

It is the lower of two floors of the ``PostgresLedgerStore``, which says what calls there are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from vonage_messages.errors import OutboxError
from vonage_messages.ledger import (
    STAYS_WITH_OWNER,
    Addition,
    Conflict,
    Event,
    Outcome,
    Row,
    State,
    state_after,
    states_before,
)
from vonage_messages.stores.postgres.database import Database, changed
from vonage_messages.stores.postgres.presence import Presence
from vonage_messages.stores.postgres.turns import Turns
from vonage_messages.stores.rows import row_of
from vonage_messages.stores.sealing import Sealing, sealing_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import TypeAlias

    from vonage_messages.ledger import NewRow
    from vonage_messages.stores.postgres.database import Connection
    from vonage_messages.stores.sealing import Cipher

    Cursor: TypeAlias = psycopg.AsyncCursor[tuple[Any, ...]]

_HASH_KEY: Final = "hash_key"
_INCOMING_TYPES: Final = ("int4", "text", "text", "text", "text", "text", "bytea", "bytea", "text")


@attrs.frozen
class Standing:
    """How a row stands."""

    state: State
    attempts: int
    owner: str | None


class Transactions:
    """The work of transactions on the rows of one schema, or of one batch in it."""

    def __init__(self, database: Database, cipher: Cipher | None) -> None:
        self._database = database
        self._presence = Presence(self._database)
        self._database.after_a_loss = self._presence.refresh
        self._cipher = cipher
        self._sealing = Sealing()
        self._batch: int | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._turns = Turns(self._database, self._under_way)

    async def _unlock(self, connection: Connection) -> Sealing:
        """Check that the cipher is the one of the schema, which keeps for good whether it has one."""
        cursor = await self._execute(connection, "setting", name=_HASH_KEY)
        stored = await cursor.fetchone()
        (rows,) = await self._one(connection, "last_id")
        sealing, fresh = sealing_of(
            self._cipher, None if stored is None else bytes(stored[0]), new=not rows, what="The ledger"
        )
        if fresh is not None:
            await self._execute(connection, "write_setting", name=_HASH_KEY, value=fresh)
        return sealing

    async def _add_batch(
        self, rows: Sequence[NewRow], now: float, connection: Connection
    ) -> tuple[Addition, int | None]:
        (batch,) = await self._one(connection, "new_batch", now=now)
        addition = await self._add(rows, batch, now, connection)
        if addition.new:
            return addition, batch
        await self._execute(connection, "drop_batch", batch=batch)
        return addition, None

    async def _add(self, rows: Sequence[NewRow], batch: int | None, now: float, connection: Connection) -> Addition:
        digests = [self._sealing.digest(row) for row in rows]
        await self._execute(connection, "incoming")
        conflicts = _conflicts_within(rows, digests)
        new = 0
        async with connection.transaction() as batch_alone:  # a savepoint: nothing stays of a batch with a conflict
            if not conflicts:
                await self._copy(connection, rows, digests)
                cursor = await self._execute(connection, "add", batch=batch, now=now, state=State.PENDING)
                new = cursor.rowcount
            if not conflicts and new < len(rows):
                conflicts = await self._conflicts(connection, rows)
            await self._execute(connection, "empty_incoming")
            if conflicts:
                raise psycopg.Rollback(batch_alone)
        if conflicts:
            return Addition(conflicts=tuple(conflicts))
        return Addition(new=new, repeated=len(rows) - new)

    async def _copy(self, connection: Connection, rows: Sequence[NewRow], digests: Sequence[bytes]) -> None:
        sealing = self._sealing
        for row in rows:
            _check_text(row)
        async with connection.cursor() as cursor, cursor.copy(self._database.statement("copy_incoming")) as copy:
            copy.set_types(_INCOMING_TYPES)
            for position, (row, digest) in enumerate(zip(rows, digests, strict=True)):
                await copy.write_row(
                    (
                        position,
                        row.key,
                        row.ref,
                        row.client_ref,
                        row.version,
                        sealing.recipient(row.recipient),
                        digest,
                        sealing.seal(row.payload),
                        row.trace,
                    )
                )

    async def _conflicts(self, connection: Connection, rows: Sequence[NewRow]) -> list[Conflict]:
        """Find rows whose key has another message in the ledger."""
        cursor = await self._execute(connection, "conflicts")
        return [
            Conflict(key=rows[position].key, position=position, row_id=row_id, state=State(state))
            for position, row_id, state in await cursor.fetchall()
        ]

    async def _rows(self, connection: Connection, statement: str, **parameters: object) -> list[Row]:
        unseal = self._sealing.unseal
        cursor = await self._execute(connection, statement, **parameters)
        return [row_of(columns, unseal) for columns in await cursor.fetchall()]

    async def _write(self, connection: Connection, changes: Changes, now: float) -> None:
        """Write down what outcomes change; nothing but a completion follows a row's being accepted."""
        if changes.others:
            await self._execute_many(connection, "record", changes.others)
        if changes.accepted:
            ids, message_uuids, request_ids = (list(column) for column in zip(*changes.accepted, strict=True))
            await self._execute(
                connection,
                "accept",
                ids=ids,
                message_uuids=message_uuids,
                request_ids=request_ids,
                state=State.ACCEPTED,
                now=now,
            )
        if changes.completed:
            names = ("message_uuid", "request_id", "id")
            completed = [dict(zip(names, each, strict=True)) for each in changes.completed]
            await self._execute_many(connection, "complete_accepted", completed)

    async def _save_limits(self, connection: Connection, states: Mapping[str, bytes | None]) -> None:
        sealing = self._sealing
        for name, value in sorted(states.items()):  # in one order: two that save at once then wait, and do not block
            if value is None:
                await self._execute(connection, "forget_limit_state", name=sealing.name(name))
            else:
                sealed = sealing.seal_named(name, value)
                await self._execute(connection, "save_limit_state", name=sealing.name(name), value=sealed)

    async def _is_gone(self, connection: Connection, owner: str) -> bool:
        """Tell whether an enrolled owner has let go of its lock."""
        cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [self._presence.key(owner)])
        (free,) = await cursor.fetchone() or (False,)
        return bool(free)

    async def _decide(self, event: Event, ids: Collection[int] | None, now: float) -> int:
        """Let a decision of the user change rows."""
        if ids is not None:
            return await self._move("change_some", event, ids=list(ids), now=now)
        return await self._move(self._scoped("change_all"), event, now=now)

    async def _move(self, statement: str, event: Event, **parameters: object) -> int:
        """Move rows along every transition of *event*; give their number."""

        async def work(connection: Connection) -> int:
            moved = 0
            for before, after in states_before(event).items():
                moved += await self._changed(connection, statement, before=before, after=after, **parameters)
            return moved

        return await self._turns.take(work)

    # Statements ---------------------------------------------------------------------------------------------------

    @property
    def _scope(self) -> dict[str, object]:
        return {} if self._batch is None else {"batch": self._batch}

    def _scoped(self, statement: str) -> str:
        return statement if self._batch is None else f"{statement}_of_batch"

    async def _execute(self, connection: Connection, statement: str, **parameters: object) -> Cursor:
        return await connection.execute(self._database.statement(statement), self._scope | parameters)

    async def _changed(self, connection: Connection, statement: str, **parameters: object) -> int:
        return await changed(connection, self._database.statement(statement), self._scope | parameters)

    async def _execute_many(
        self, connection: Connection, statement: str, parameters: Sequence[Mapping[str, object]]
    ) -> None:
        async with connection.cursor() as cursor:
            await cursor.executemany(self._database.statement(statement), parameters)

    async def _one(self, connection: Connection, statement: str, **parameters: object) -> tuple[Any, ...]:
        """Give the only row."""
        cursor = await self._execute(connection, statement, **parameters)
        found = await cursor.fetchone()
        if found is None:
            raise OutboxError("PostgreSQL gave no answer where there must be one.")
        return found

    async def _fetch(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await self._execute(connection, statement, **parameters)).fetchall()

        return await self._turns.take(work)

    async def _change(self, statement: str, **parameters: object) -> int:
        async def work(connection: Connection) -> int:
            return await self._changed(connection, statement, **parameters)

        return await self._turns.take(work)


@attrs.define(eq=False)
class Changes:
    """What outcomes change."""

    accepted: list[tuple[int, str | None, str | None]] = attrs.field(factory=list)
    completed: list[tuple[str | None, str | None, int]] = attrs.field(factory=list)
    others: list[dict[str, object]] = attrs.field(factory=list)


def take(rows: dict[int, Standing], outcome: Outcome, now: float, changes: Changes) -> bool:
    """Move a row by an outcome; ``False`` where it is not taken: of another attempt, or illegal by now."""
    row = rows[outcome.id]
    after = state_after(outcome, row.state, row.attempts, row.owner)
    if after is None:
        return False
    rows[outcome.id] = Standing(after, row.attempts, row.owner if after in STAYS_WITH_OWNER else None)
    if after is not State.ACCEPTED:
        changes.others.append(_failure(outcome, after, now))
    elif row.state is not State.ACCEPTED:
        changes.accepted.append((outcome.id, outcome.message_uuid, outcome.request_id))
    elif outcome.event is Event.ACCEPT:
        changes.completed.append((outcome.message_uuid, outcome.request_id, outcome.id))
    return True


def _failure(outcome: Outcome, after: State, now: float) -> dict[str, object]:
    return {
        "state": after,
        "stays_with_owner": after in STAYS_WITH_OWNER,
        "now": now,
        "request_id": outcome.request_id,
        "error_class": outcome.error_class,
        "error_code": outcome.error_code,
        "error_title": outcome.error_title,
        "error_detail": outcome.error_detail,
        "id": outcome.id,
    }


def _check_text(row: NewRow) -> None:
    """
    Raise UnicodeEncodeError for what cannot be written, before anything is: where COPY is broken off, a psycopg before
    3.3 may lose its connection, and the error would be that.
    """
    for text in (row.key, row.ref, row.client_ref, row.recipient, row.trace):
        if text is not None:
            text.encode()


def _conflicts_within(rows: Sequence[NewRow], digests: Sequence[bytes]) -> list[Conflict]:
    """Find rows whose key has another message earlier in the batch."""
    first: dict[str, int] = {}
    conflicts = []
    for position, row in enumerate(rows):
        other = first.setdefault(row.key, position)
        if digests[other] != digests[position]:
            conflicts.append(Conflict(key=row.key, position=position, other_position=other))
    return conflicts
