"""
``Outbox``: messages that survive a crash, a reboot and a second start.

What is promised:

- No row is lost.
- No row is sent twice, except by an in-doubt policy that says so.
- Limits hold over a resume.

The states of a row and what each event does to them stand in ``vonage_messages.ledger``, rows are kept by a store of
``vonage_messages.stores``, and a run stands in ``sending.outbox_run``. Here is what a program calls.
"""

from __future__ import annotations

import time
import uuid
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

from vonage_messages import observe
from vonage_messages.channels.base import Message
from vonage_messages.clients.checks import checked_message
from vonage_messages.errors import ConfigurationError, OutboxError
from vonage_messages.ledger import NewRow, Settlement, State
from vonage_messages.sending.options import check_in_doubt
from vonage_messages.sending.outbox_run import Run
from vonage_messages.sending.report import Added, Progress, Report, count_rows
from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore
from vonage_messages.values import masked, normalize_number
from vonage_messages.wire.payloads import check_api_version, to_json

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
    from types import TracebackType

    from vonage_messages.clients.client import Client
    from vonage_messages.guards import Guard
    from vonage_messages.ledger import Conflict, LedgerStore, Row
    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.levels import Limits
    from vonage_messages.spending import Budget
    from vonage_messages.stores.sealing import Cipher
    from vonage_messages.values import Seconds
    from vonage_messages.webhooks.status import MessageStatus
    from vonage_messages.wire.payloads import ApiVersion

InDoubt = Literal["leave", "resend"]
"""What a run does with rows of which nobody knows whether they were sent."""

_BATCH = 1000


class Outbox:
    """
    A file of messages, and what became of each.

    ::

        async with Outbox.open("campaign.db") as outbox:
            await outbox.add(messages, key=lambda message: message.to)
            report = await outbox.run(client)      # after any crash: call it again

    Adding and sending may happen in different programs, and at the same time. Two processes on one file never send the
    same row twice; each keeps its own limits, so that two that run at once may together pass them.

    ``Outbox.open`` gives one on SQLite; the constructor takes any ``LedgerStore``.

    Raises, from every method that asks for rows or changes them:
        StoreUnavailableError: the file cannot be read or written now.
        OutboxError: the outbox is not open.
    """

    def __init__(self, store: LedgerStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._run: Run | None = None
        self._left: set[str] = set()
        """Owners of runs that could not write down that they have ended."""

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, cipher: Cipher | None = None) -> Self:
        """
        Name the file of an outbox; it is opened, or made (mode 0600), by ``async with``.

        *cipher*, a ``cryptography.fernet.Fernet`` or ``MultiFernet``, encrypts what the file holds of messages.
        """
        return cls(SqliteLedgerStore(path, cipher=cipher))

    async def __aenter__(self) -> Self:
        """
        Open the file.

        Raises:
            OutboxError: it is no outbox, is damaged, belongs to a newer version, or has another cipher. It was left
                as it is.
            StoreUnavailableError: it cannot be made, read or written.
        """
        await self._store.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._store.close()

    @property
    def store(self) -> LedgerStore:
        """What keeps the rows."""
        return self._store

    async def add(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        *,
        key: Callable[[Message], str] | None = None,
        api_version: ApiVersion = "v1",
    ) -> Added:
        """
        Take messages in, durably; however many there are, a thousand of them are in memory.

        The key of a row tells whether it is the same one when it is added again: *key* of the message, or its
        ``client_ref``. The same key and the same message: nothing happens, and it is counted as ``repeated``. So a
        program that was killed here may add all of it once more. A message with neither gets a fresh ref at each call:
        adding it again sends it again.

        What goes out as ``client_ref`` is the ref of the row, on its failover items, too: the message's own where that
        is the key, and otherwise one that was made when the row was added; the message's own is kept in the row.

        Batches before one that is refused stay.

        Raises:
            OutboxError: a key stands for another message already. Of that batch nothing was added.
            InvalidMessageError, TypeError: one of *messages* cannot be sent. Nothing of its batch was added.
            StoreUnavailableError: the file cannot be written.
        """
        check_api_version(api_version)
        added = Added()
        batch: list[NewRow] = []
        async with aclosing(each_of(messages)) as each:
            async for message in each:
                batch.append(new_row(message, key, api_version))
                if len(batch) == _BATCH:
                    added = await self._add(batch, added)
                    batch = []
        return await self._add(batch, added) if batch else added

    async def run(  # noqa: PLR0913  one client; what follows it are options, by name
        self,
        client: Client,
        *,
        limits: Limits | Limiter | None = None,
        in_doubt: InDoubt = "leave",
        on_progress: Callable[[Progress], object] | None = None,
        connections: int = 64,
        budget: Budget | None = None,
        max_outage: Seconds = 300.0,
        max_wait: Seconds | None = None,
        lease: Seconds = 60.0,
        guards: Iterable[Guard] = (),
    ) -> Report:
        """
        Send what waits, and report where every row stands; after a crash, call it again.

        *limits* as in ``SendQueue``; they are kept in the file, and hold over a resume. *in_doubt*: rows found on
        their way from a run that ended suddenly are left as they are, or sent again (``"resend"``), at the risk of
        sending some twice; ``settle`` clears them up without a risk. *on_progress* is called a few times a second.
        *budget* ends the run before it is passed. *max_outage*: how many seconds to wait for a platform that cannot
        be reached, or answers nothing that is clear. *max_wait*: a row that must wait for longer under the limits is
        left to a later run. *lease*: a process that stands still for longer may lose what it had not begun to send to
        another run. *on_progress* may be async. *guards* as in ``SendQueue``: a row whose recipient has opted out has
        failed, one to a range of numbers that is paused waits for a later run, and a budget that is used up ends this
        one.

        The run ends early, with ``report.stopped``, when the credentials or the balance do not allow to go on, the
        platform cannot be reached, the budget is used up, or ``stop`` was called. Cancelling it stops as ``stop``
        does, and waits for the requests under way.

        Raises:
            OutboxError: a run is going on in this object, or the file is damaged, or was closed.
            ConfigurationError: an option cannot work.
            ValueError: the client has limits, and *limits* are others.
            StoreUnavailableError: the file cannot be written. Rows whose outcome could not be recorded will be found
                in doubt.
        """
        check_in_doubt(in_doubt)
        if self._run is not None:
            raise OutboxError("A run of this outbox is going on; wait for its end, or stop it.")
        self._run = Run(
            self._store,
            client,
            limits=limits,
            connections=connections,
            budget=budget,
            max_outage=max_outage,
            max_wait=max_wait,
            lease=lease,
            on_progress=on_progress,
            clock=self._clock,
            left=self._left,
            guards=guards,
        )
        try:
            return await self._run.execute(resend=in_doubt == "resend")
        finally:
            self._run = None

    def stop(self) -> None:
        """End the run that is going on: nothing more is begun, and what is under way is waited for and recorded."""
        if self._run is not None:
            self._run.stop("it was asked to stop")

    async def settle(self, status: MessageStatus) -> Settlement:
        """
        Take in a status webhook: one with the ref of a row proves that the row was accepted.

        Where several rows share that ref it proves nothing, and changes nothing (``Settlement.SHARED``).

        Raises:
            StoreUnavailableError: the file cannot be written: let the platform call again.
        """
        if not status.client_ref:
            return Settlement.UNKNOWN
        return await self._store.settle(status.client_ref, message_uuid=status.message_uuid or None, now=self._clock())

    async def report(self) -> Report:
        """Count where every row stands, without a run."""
        return await count_rows(self._store)

    def rows(self, *states: State) -> AsyncIterator[Row]:
        """Give the rows of *states*, or all, in the order in which they were added, with little memory."""
        return self._store.rows(*states)

    async def retry(self) -> int:
        """Let all failed rows wait for the next run again; give their number. They were certainly not sent."""
        return await self._store.retry(now=self._clock())

    async def resend(self) -> int:
        """Let all rows in doubt wait for the next run again; give their number. Some may be sent twice by it."""
        return await self._store.resend(now=self._clock())

    async def cancel(self) -> int:
        """Cancel all rows that have not left; give their number."""
        return await self._store.cancel(now=self._clock())

    async def purge(self, *, before: datetime | float | None = None, recipient: str | None = None) -> int:
        """
        Delete rows for good, and give their number: those that are done with and were last changed *before* (an aware
        ``datetime``, or unix seconds), or all of a *recipient*, whatever their state; with both, those that meet both.

        A recipient is found by the ``to`` of the message itself, not by that of a failover item.

        Raises:
            ConfigurationError: neither is given, or *before* has no zone.
        """
        if before is None and recipient is None:
            raise ConfigurationError("purge needs before= or recipient=: it does not empty an outbox by mistake.")
        if isinstance(before, datetime):
            if before.tzinfo is None:
                raise ConfigurationError("purge(before=) needs a time with a zone, such as datetime.now(UTC).")
            before = before.timestamp()
        who = None if recipient is None else normalize_number(recipient)
        return await self._store.purge(before=before, recipient=who)

    async def _add(self, batch: list[NewRow], added: Added) -> Added:
        addition = await self._store.add(batch, now=self._clock())
        if addition.conflicts:
            raise OutboxError(conflict_sentence(addition.conflicts[0], batch, added))
        return Added(new=added.new + addition.new, repeated=added.repeated + addition.repeated)


def new_row(message: Message, key: Callable[[Message], str] | None, api_version: ApiVersion) -> NewRow:
    """
    Make the row of a message, as ``Outbox.add`` says.

    Raises:
        OutboxError: *key* gave no text.
        InvalidMessageError, TypeError: *message* cannot be sent.
    """
    checked_message(message)
    own = message.client_ref
    if key is None:
        row_key = ref = own or _fresh_ref()
    else:
        given: object = key(message)
        if not isinstance(given, str) or not given:
            raise OutboxError("key= must give a text for every message. Nothing of this batch was added.")
        row_key, ref = given, _fresh_ref()
    return NewRow(
        key=row_key,
        ref=ref,
        client_ref=own,
        version=api_version,
        payload=to_json(message, api_version),
        recipient=message.to or None,
        trace=observe.traceparent(),
    )


def _fresh_ref() -> str:
    return uuid.uuid4().hex  # 32 characters: v0.1 takes 40


def conflict_sentence(conflict: Conflict, batch: list[NewRow], added: Added) -> str:
    """Say which message of *batch*, before which *added* were taken in, has the key of another."""
    row = batch[conflict.position]
    number = added.new + added.repeated + conflict.position + 1
    if conflict.row_id is not None:
        other = f"row {conflict.row_id} of the outbox, which is {conflict.state}"
    else:
        other = f"message {number - conflict.position + (conflict.other_position or 0)}"
    return (
        f"the key {masked(row.key)!r} stands for two messages: message {number} of those added now, and {other}. "
        "Nothing of this batch was added. Where client_ref is a tag that messages share, give key=."
    )


async def each_of(messages: Iterable[Message] | AsyncIterable[Message]) -> AsyncGenerator[Message]:
    """Give each of *messages*, whether they are waited for or not."""
    if hasattr(messages, "__aiter__"):
        async for message in messages:
            yield message
        return
    for message in messages:
        yield message
