"""The ledger of an outbox in a PostgreSQL database, for any number of processes on any number of machines."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from vonage_messages.errors import OutboxError
from vonage_messages.ledger import (
    FINISHED,
    INTERRUPTED,
    Addition,
    Claimed,
    Event,
    Outcome,
    Recovery,
    Row,
    Settlement,
    State,
    next_state,
    states_before,
)
from vonage_messages.stores.postgres.database import Database
from vonage_messages.stores.postgres.failures import FAILURES, translated
from vonage_messages.stores.postgres.transactions import Changes, Standing, Transactions, take
from vonage_messages.stores.postgres.turns import Turns
from vonage_messages.values import hidden, shown_half_built

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from vonage_messages.ledger import NewRow
    from vonage_messages.stores.postgres.database import Connection
    from vonage_messages.stores.sealing import Cipher
    from vonage_messages.values import Seconds

_READ_AT_ONCE: Final = 1_000
_PURGED_AT_ONCE: Final = 10_000


class PostgresLedgerStore(Transactions):
    """
    A ``LedgerStore`` in a PostgreSQL database (14 or newer), for any number of processes.

    *conninfo* is a connection string, such as ``postgresql://user@host/database``; the tables stand in a *schema* of
    their own, which is made where it does not exist. *cipher* encrypts payloads at rest (a ``Fernet`` or
    ``MultiFernet``) and hides recipients and the names of limits; keys and refs stay readable. Whether a schema has a
    cipher is decided when it is made. *connections* is the size of the pool, beside one that tells that this process
    lives. *patience* is how many seconds a server that cannot be reached is waited for.

    Calls of one store, or of one view of it, are done one after another in the order in which they were made: whoever
    has many to make puts many rows into each.

    A lease is measured by the clocks of whoever holds it and whoever looks at it: let the clocks of all machines agree
    to within a few seconds, and make leases a minute or longer.

    ``async with PostgresLedgerStore("postgresql://…") as store: …``

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "vonage_messages",
        cipher: Cipher | None = None,
        connections: int = 4,
        patience: Seconds = 10.0,
    ) -> None:
        conninfo = hidden(conninfo)  # see Database
        database = Database(conninfo, schema=schema, connections=connections, patience=patience)
        super().__init__(database, cipher)

    @shown_half_built
    def __repr__(self) -> str:
        of_batch = "" if self._batch is None else f", batch {self._batch}"
        return f"PostgresLedgerStore(schema={self._database.schema!r}{of_batch})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """
        Connect, and make the tables, or bring them up to date.

        Raises:
            OutboxError: it is open; the schema belongs to something else, was written by a newer version, or has
                another cipher. It was left as it is.
            StoreUnavailableError: the server cannot be reached.
        """
        await self._database.open()
        self._turns = Turns(self._database, self._under_way)
        try:
            self._sealing = await self._database.run(self._unlock)
        except BaseException:
            await self._database.close()
            raise

    async def close(self) -> None:
        """
        Do what was asked for, and let go of every connection; owners that were enrolled here count as gone.

        Closing twice does no harm.
        """
        while self._under_way:  # ends: with what was asked for before
            await asyncio.wait(self._under_way)
        owners = sorted(self._presence.owners)
        try:
            if owners:
                await self._change("forget_enrolment", owners=owners)
        finally:
            await self._presence.close()
            await self._database.close()

    def of_batch(self, batch: int) -> Self:
        """
        Give a view of one batch: it claims, counts, reads and changes (all at once) rows of that batch only.

        It lives as long as this store is open, and needs no opening or closing of its own.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _batch=batch, _turns=Turns(self._database, self._under_way))
        return view

    async def enrol(self, owner: str, /, *, lease_until: float) -> None:
        """Tell that *owner* lives for as long as this store is open; the death of its process is seen at once."""
        await self._presence.enrol(owner)
        await self._change("enrol", name=owner, lease_until=lease_until)

    async def add(self, rows: Sequence[NewRow], /, *, now: float) -> Addition:
        """Add rows, all of them or, where they hold a conflict, nothing. A thousand at a time are a good number."""
        return await self._turns.take(partial(self._add, rows, None, now), copies=True)

    async def add_batch(
        self, rows: Sequence[NewRow], /, *, now: float, connection: Connection | None = None
    ) -> tuple[Addition, int | None]:
        """
        Add rows as a batch of their own, to be claimed by ``of_batch``; ``None`` for its id where nothing is new.

        *connection* is one of the caller's own, in a transaction: the rows are there when it commits. An error of
        PostgreSQL then ends that transaction, as always.

        Raises:
            StoreUnavailableError, OutboxError: as for every method.
        """
        if connection is not None:
            return await self._add_batch(rows, now, connection)
        return await self._turns.take(partial(self._add_batch, rows, now), copies=True)

    async def waiting_batches(self) -> list[int]:
        """
        Give the ids of batches with rows that wait to be claimed.

        Raises:
            StoreUnavailableError, OutboxError: as for every method.
        """
        return [batch for (batch,) in await self._fetch("waiting_batches")]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """
        Give a connection in a transaction that commits at the end: for ``add_batch``, together with other work.

        Raises:
            StoreUnavailableError: the server cannot be reached; what was done in it is undone, unless it was lost in
                its commit.
            OutboxError: the store is not open.
        """
        try:
            async with self._database.transaction() as connection:
                yield connection
        except FAILURES as error:
            raise translated(error) from error

    async def claim(self, owner: str, /, *, count: int, lease_until: float, now: float) -> list[Claimed]:
        """Give up to *count* pending rows, oldest first, to *owner*, whose lease then ends at *lease_until*."""

        async def work(connection: Connection) -> list[Claimed]:
            (number,) = await self._one(connection, "lease", name=owner, lease_until=lease_until)
            cursor = await self._execute(
                connection,
                self._scoped("claim"),
                count=max(count, 0),
                owner=number,
                before=State.PENDING,
                after=next_state(State.PENDING, Event.CLAIM),
                now=now,
            )
            ids = [row_id for (row_id,) in await cursor.fetchall()]
            rows = await self._rows(connection, "rows_by_id", ids=ids)
            return [
                Claimed(row.id, row.key, row.ref, row.version, row.payload, row.attempts, row.trace) for row in rows
            ]

        return await self._turns.take(work)

    async def renew(self, owner: str, /, *, lease_until: float) -> None:
        """Let the lease of *owner* end at *lease_until*; 0 says that its life has ended."""
        if lease_until > 0:
            await self._presence.refresh()
            await self._change("lease", name=owner, lease_until=lease_until)
            return
        await self._change("forget_owner", name=owner)
        await self._change("forget_enrolment", owners=[owner])
        await self._presence.leave(owner)

    async def mark_sending(
        self,
        ids: Collection[int],
        /,
        *,
        owner: str,
        now: float,
        limits: Mapping[str, bytes | None] | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> Mapping[int, int]:
        """
        Mark rows as sending; give the number of the attempt for each row that was marked, and may be sent.

        *outcomes* are taken in before, and *limits* saved, in the same transaction.
        """
        told: dict[int, int] = {}

        async def work(connection: Connection) -> Mapping[int, int]:
            if outcomes:
                await self._take_in(connection, outcomes, now)
            await self._save_limits(connection, limits or {})
            cursor = await self._execute(connection, "standing_lease", name=owner)
            number, lease_until = await cursor.fetchone() or (None, 0.0)
            if now >= lease_until:
                return {}
            cursor = await self._execute(
                connection,
                "mark_sending",
                ids=list(ids),
                owner=number,
                before=State.CLAIMED,
                after=next_state(State.CLAIMED, Event.MARK_SENDING),
                now=now,
            )
            marked: dict[int, int] = dict(await cursor.fetchall())
            if told:  # it is done again: where only the answer to the commit was lost, they are marked, and not sent
                cursor = await self._execute(connection, "marked", ids=list(told), owner=number, state=State.SENDING)
                marked |= {row_id: attempt for row_id, attempt in await cursor.fetchall() if told[row_id] == attempt}
            told.update(marked)
            return marked

        return await self._turns.take(work)

    async def record(self, outcomes: Sequence[Outcome], /, *, now: float) -> frozenset[int]:
        """Take in how attempts ended; give the ids of the rows of which it was taken."""
        return await self._turns.take(partial(self._take_in, outcomes=outcomes, now=now))

    async def _take_in(self, connection: Connection, outcomes: Sequence[Outcome], now: float) -> frozenset[int]:
        cursor = await self._execute(connection, "standing", ids=sorted({outcome.id for outcome in outcomes}))
        rows = {
            row_id: Standing(State(state), attempts, owner)
            for row_id, state, attempts, owner in await cursor.fetchall()
        }
        changes = Changes()
        taken = frozenset(each.id for each in outcomes if each.id in rows and take(rows, each, now, changes))
        await self._write(connection, changes, now)
        return taken

    async def release(self, owner: str, /, ids: Collection[int] | None = None, *, now: float) -> int:
        """Make claimed rows of *owner* pending again, all or those of *ids*; give their number."""
        some = {} if ids is None else {"ids": list(ids)}
        return await self._move("release_some" if some else "release_all", Event.RELEASE, owner=owner, now=now, **some)

    async def recover(self, owner: str, /, *, now: float) -> Recovery:
        """Take rows back from owners that are gone, or whose lease has ended: all but *owner*, which asks."""

        async def work(connection: Connection) -> Recovery:
            cursor = await self._execute(connection, "owners_with_rows_out")
            counts = dict.fromkeys(State, 0)
            for number, name, lease_until, enrolled in await cursor.fetchall():
                if name == owner or not (lease_until <= now or (enrolled and await self._is_gone(connection, name))):
                    continue
                for before, after in states_before(Event.RECOVER).items():
                    why = {"why": INTERRUPTED} if after is State.IN_DOUBT else {}
                    statement = "recover_sending" if why else "recover_unsent"
                    counts[after] += await self._changed(
                        connection, statement, before=before, after=after, owner=number, now=now, **why
                    )
            return Recovery(released=counts[State.PENDING], in_doubt=counts[State.IN_DOUBT])

        return await self._turns.take(work)

    async def forget_owners(self, *, before: float) -> int:
        """
        Forget owners whose lease ended before that time, and who have no row any more; give their number.

        Whoever is killed cannot do so itself.

        Raises:
            StoreUnavailableError, OutboxError: as for every method.
        """
        return await self._change("forget_dead_owners", before=before)

    async def settle(self, ref: str, /, *, message_uuid: str | None = None, now: float) -> Settlement:
        """Take in the proof that the row with *ref* was accepted."""

        async def work(connection: Connection) -> Settlement:
            cursor = await self._execute(connection, "messages_by_ref", ref=ref)
            found = await cursor.fetchall()
            if len(found) != 1:
                return Settlement.SHARED if found else Settlement.UNKNOWN
            ((row_id, state, attempts),) = found
            if not attempts:  # it never left: the status is of another message, under a client_ref that was used before
                return Settlement.UNKNOWN
            changes = Changes()
            if next_state(State(state), Event.SETTLE_ACCEPTED) is State(state):
                changes.completed.append((message_uuid, None, row_id))
                await self._write(connection, changes, now)
                return Settlement.KNOWN
            changes.accepted.append((row_id, message_uuid, None))
            await self._write(connection, changes, now)
            return Settlement.SETTLED

        return await self._turns.take(work)

    async def resend(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Make rows in doubt pending again, all or those of *ids*; give their number."""
        return await self._decide(Event.RESEND, ids, now)

    async def cancel(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Cancel rows that have not left, all or those of *ids*; give their number."""
        return await self._decide(Event.CANCEL, ids, now)

    async def retry(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Make failed rows pending again, all or those of *ids*; give their number."""
        return await self._decide(Event.RETRY, ids, now)

    async def counts(self) -> Mapping[State, int]:
        """Count the rows of every state: a look at all of them, so not for every message sent."""
        counts = dict.fromkeys(State, 0)
        found = await self._fetch(self._scoped("counts"))
        counts.update((State(state), count) for state, count in found)
        return counts

    async def rows(self, *states: State) -> AsyncIterator[Row]:
        """
        Give the rows of these states, or all, in the order of their ids, with little memory.

        Rows are read a thousand at a time: one whose state changes meanwhile is given as it was when its turn came.
        """
        wanted = [str(state) for state in states or tuple(State)]
        after = 0
        while True:  # ends: with the rows
            rows = await self._turns.take(
                partial(
                    self._rows, statement=self._scoped("rows_after"), after=after, states=wanted, count=_READ_AT_ONCE
                )
            )
            for row in rows:
                yield row
            if len(rows) < _READ_AT_ONCE:
                return
            after = rows[-1].id

    async def purge(self, *, before: float | None = None, recipient: str | None = None) -> int:
        """
        Delete rows for good; give their number.

        *before* deletes rows that are finished and were last changed before that time; *recipient* those to that
        number or address, whatever their state; with both, those that meet both. PostgreSQL gives their place free at
        the next VACUUM.

        Raises:
            OutboxError: neither is given.
        """
        if before is None and recipient is None:
            raise OutboxError("purge needs before=, recipient= or both; nothing was deleted.")
        ((last,),) = await self._fetch("last_id")
        deleted = 0
        for after in range(0, last, _PURGED_AT_ONCE):
            deleted += await self._change(
                "purge",
                after=after,
                until=min(after + _PURGED_AT_ONCE, last),
                before=before,
                recipient=self._sealing.recipient(recipient),
                states=sorted(str(state) for state in FINISHED),
            )
        return deleted

    async def limit_states(self) -> Mapping[str, bytes]:
        """Give all that was saved of limits, by name."""
        found = await self._fetch("limit_states")
        return dict(self._sealing.unseal_named(name, bytes(value)) for name, value in found)

    async def save_limit_states(self, states: Mapping[str, bytes | None], /) -> None:
        """Save the state of limits by name; ``None`` forgets one. Names that are not given keep theirs."""
        await self._turns.take(partial(self._save_limits, states=states))

    async def note(self, name: str, /) -> str | None:
        """Give what was written down under *name*, such as the tag of a campaign."""
        found = await self._fetch("note", name=name)
        return found[0][0] if found else None

    async def write_note(self, name: str, value: str | None, /, *, once: bool = False) -> None:
        """Write down *value* under *name*; ``None`` forgets it. *once* leaves what stands there."""
        if value is None:
            await self._change("forget_note", name=name)
        else:
            await self._change("write_note_once" if once else "write_note", name=name, value=value)
