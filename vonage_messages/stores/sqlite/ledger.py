"""The ledger of an outbox in a SQLite file: the calls, as a program awaits them."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from vonage_messages.errors import OutboxError
from vonage_messages.ledger import Event, State
from vonage_messages.stores.sqlite import asked, calls
from vonage_messages.stores.sqlite.file import LedgerFile
from vonage_messages.stores.sqlite.writer import Kind, Writer, closed

if TYPE_CHECKING:
    import asyncio
    import os
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
    from typing import TypeVar

    from vonage_messages.ledger import Addition, Claimed, NewRow, Outcome, Recovery, Row, Settlement
    from vonage_messages.stores.sealing import Cipher
    from vonage_messages.values import Seconds

    AskedT = TypeVar("AskedT")
    AnswerT = TypeVar("AnswerT")

_READ_AT_ONCE: Final = 1_000
_PURGED_AT_ONCE: Final = 10_000


class SqliteLedgerStore:
    """
    A ``LedgerStore`` in one SQLite file, for any number of processes of one machine.

    *path* is made, readable for its owner alone, where it does not exist. Beside it stand its log (``-wal``,
    ``-shm``) and, while they live, a file for each owner. *cipher* encrypts payloads at rest (a ``Fernet`` or
    ``MultiFernet``) and hides recipients and the names of limits; keys and refs stay readable. Whether a file has a
    cipher is decided when it is made. *busy_timeout* is how long to wait for another process's lock.

    All calls are done by one thread, in the order in which they were made; those that wait together are committed
    together. A call that was made is done, even when nobody awaits it any more.

    ``async with SqliteLedgerStore("campaign.db") as store: …``
    """

    def __init__(
        self, path: str | os.PathLike[str], *, cipher: Cipher | None = None, busy_timeout: Seconds = 10.0
    ) -> None:
        self._path = Path(path).absolute()
        self._open_file = partial(LedgerFile, self._path, cipher=cipher, busy_timeout=busy_timeout)
        self._writer: Writer | None = None

    @property
    def path(self) -> Path:
        """Where the file is, absolutely."""
        return self._path

    def __repr__(self) -> str:
        return f"SqliteLedgerStore({str(self._path)!r}, {'closed' if self._writer is None else 'open'})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        writer: Writer | None = getattr(self, "_writer", None)
        if writer is not None:
            warnings.warn(f"{self!r} was never closed", ResourceWarning, source=self, stacklevel=2)
            writer.abandon()

    async def open(self) -> None:
        """
        Open the file, or make it.

        Raises:
            OutboxError: it is not a ledger, was written by a newer version, is damaged, has another cipher, or is
                open here already. It was left as it is.
            StoreUnavailableError: it cannot be made, opened, read or written now.
            ConfigurationError: this Python's SQLite is too old.
        """
        if self._writer is not None:
            raise OutboxError(f"The store of {self._path} is open already.")
        self._writer = writer = Writer(self._path, self._open_file)
        try:
            await writer.start()
        except BaseException:
            self._writer = None
            raise

    async def close(self) -> None:
        """Finish all that was asked for, and close the file. Closing twice does no harm."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()

    async def enrol(self, owner: str, /, *, lease_until: float) -> None:
        """Tell that *owner* lives for as long as this store is open; its sudden death is seen at once."""
        await self._ask(calls.ENROL, asked.Enrolment(owner, lease_until))

    async def add(self, rows: Sequence[NewRow], /, *, now: float) -> Addition:
        """Add a batch, all of it or, where it holds a conflict, nothing. Batches of 1000 are a good size."""
        return await self._ask(calls.ADD, asked.Batch(rows, now))

    async def claim(self, owner: str, /, *, count: int, lease_until: float, now: float) -> list[Claimed]:
        """Give up to *count* pending rows, oldest first, to *owner*, whose lease then ends at *lease_until*."""
        return await self._ask(calls.CLAIM, asked.Claim(owner, count, lease_until, now))

    async def renew(self, owner: str, /, *, lease_until: float) -> None:
        """Let the lease of *owner* end at *lease_until*."""
        await self._ask(calls.RENEW, asked.Enrolment(owner, lease_until))

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
        return await self._ask(calls.MARK, asked.Mark(ids, owner, now, limits, outcomes))

    async def record(self, outcomes: Sequence[Outcome], /, *, now: float) -> frozenset[int]:
        """Take in how attempts ended; give the ids of the rows of which it was taken."""
        return await self._ask(calls.RECORD, asked.Record(outcomes, now))

    async def release(self, owner: str, /, ids: Collection[int] | None = None, *, now: float) -> int:
        """Make claimed rows of *owner* pending again, all or those of *ids*; give their number."""
        return await self._ask(calls.RELEASE, asked.Release(owner, ids, now))

    async def recover(self, owner: str, /, *, now: float) -> Recovery:
        """Take rows back from owners that are gone, or whose lease has ended: all but *owner*, which asks."""
        recovery, gone = await self._ask(calls.RECOVER, asked.Recover(owner, now))
        if gone:
            await self._ask(calls.FORGET_OWNERS, gone)
        return recovery

    async def settle(self, ref: str, /, *, message_uuid: str | None = None, now: float) -> Settlement:
        """Take in the proof that the row with *ref* was accepted."""
        return await self._ask(calls.SETTLE, asked.Proof(ref, message_uuid, now))

    async def resend(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Make rows in doubt pending again, all or those of *ids*; give their number."""
        return await self._ask(calls.CHANGE, asked.Change(Event.RESEND, ids, now))

    async def cancel(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Cancel rows that have not left, all or those of *ids*; give their number."""
        return await self._ask(calls.CHANGE, asked.Change(Event.CANCEL, ids, now))

    async def retry(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Make failed rows pending again, all or those of *ids*; give their number."""
        return await self._ask(calls.CHANGE, asked.Change(Event.RETRY, ids, now))

    async def counts(self) -> Mapping[State, int]:
        """Count the rows of every state: a look at each row's entry in an index, so not for every message sent."""
        return await self._ask(calls.COUNTS, None)

    async def rows(self, *states: State) -> AsyncIterator[Row]:
        """
        Give the rows of these states, or all, in the order of their ids, with little memory.

        Rows are read a thousand at a time: one whose state changes meanwhile is given as it was when its turn came.
        """
        for window in _windows(await self._ask(calls.LAST_ID, None), _READ_AT_ONCE):
            for row in await self._ask(calls.READ, asked.Reading(window, states or tuple(State))):
                yield row

    async def purge(self, *, before: float | None = None, recipient: str | None = None) -> int:
        """
        Delete rows for good, and overwrite the place where they stood; give their number.

        *before* deletes rows that are finished and were last changed before that time; *recipient* those to that
        number or address, whatever their state; with both, those that meet both. Where another process keeps reading,
        its log holds deleted rows until it has ended.

        Raises:
            OutboxError: neither is given.
        """
        if before is None and recipient is None:
            raise OutboxError("purge needs before=, recipient= or both; nothing was deleted.")
        deleted = 0
        for window in _windows(await self._ask(calls.LAST_ID, None), _PURGED_AT_ONCE):
            deleted += await self._ask(calls.PURGE, asked.Purge(window, before, recipient))
        await self._ask(calls.CHECKPOINT, None)
        return deleted

    async def limit_states(self) -> Mapping[str, bytes]:
        """Give all that was saved of limits, by name."""
        return await self._ask(calls.LIMIT_STATES, None)

    async def save_limit_states(self, states: Mapping[str, bytes | None], /) -> None:
        """Save the state of limits by name; ``None`` forgets one. Names that are not given keep theirs."""
        await self._ask(calls.SAVE_LIMIT_STATES, states)

    async def note(self, name: str, /) -> str | None:
        """Give what was written down under *name*, such as the tag of a campaign."""
        return await self._ask(calls.NOTE, name)

    async def write_note(self, name: str, value: str | None, /, *, once: bool = False) -> None:
        """Write down *value* under *name*; ``None`` forgets it. *once* leaves what stands there."""
        await self._ask(calls.WRITE_NOTE, asked.Note(name, value, once))

    def _ask(self, kind: Kind[AskedT, AnswerT], asked: AskedT) -> asyncio.Future[AnswerT]:
        if self._writer is None:
            raise closed(self._path)
        return self._writer.submit(kind, asked)


def _windows(last: int, size: int) -> Iterator[asked.Window]:
    """Cut the ids from 1 to *last* into parts."""
    return (asked.Window(after, min(after + size, last)) for after in range(0, last, size))
