"""
One run of an outbox: claim, mark as sending, send, record; until nothing waits, or something stops it.

A row is claimed under a lease, a few thousand at a time, and waits in a ``SendQueue``. When its turn has come under
every limit and it has a connection, it is marked as sending, durably, and only then its request leaves. Its outcome is
recorded no later than the next row of its connection is marked: so no more rows are on their way, should the process
die, than there are connections. Marks and records of many connections go to the store together.

What is not the fault of a row, such as wrong credentials, an empty balance or a platform that cannot be reached, ends
the run and leaves the row waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import uuid
from typing import TYPE_CHECKING

import attrs

from vonage_messages.errors import OutboxError, QueueClosedError, StoreUnavailableError
from vonage_messages.ledger import Claimed
from vonage_messages.limiter import Limiter
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.outbox_limits import LimitsInLedger
from vonage_messages.sending.outbox_records import OF_THE_STORE, Records
from vonage_messages.sending.outbox_rows import RowClient, RowMessage
from vonage_messages.sending.report import Progress, Report, count_rows
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.spending import Budget
from vonage_messages.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vonage_messages.clients.client import Client
    from vonage_messages.guards import Guard
    from vonage_messages.ledger import LedgerStore
    from vonage_messages.limits.levels import Limits

logger = logging.getLogger("vonage_messages")

WINDOW = 5000
"""
How many rows are claimed at a time. As many of one slow sender in a row may wait without holding up those of others.
"""

_REFILL = 1000
_LOOK_AGAIN: Seconds = 0.5
_PROGRESS_EVERY: Seconds = 0.2
_PROGRESS_SHARE = 20
"""Counting the rows may take one part in so many of the time: a million take a while."""

_RETURNS = 3
"""How often one run takes a row up again that could not be sent just then."""

_ENDED = 0.0
"""When the lease of an owner ends that has ended itself: long ago."""


class Run(Records):
    """
    One run; see ``Outbox.run`` for its options.

    *left* holds owners of earlier runs that could not write down that they have ended; this one does, or joins them.
    """

    def __init__(  # noqa: PLR0913  what Outbox.run takes
        self,
        store: LedgerStore,
        client: Client,
        *,
        limits: Limits | Limiter | None,
        connections: int,
        budget: Budget | None,
        max_outage: Seconds,
        max_wait: Seconds | None,
        lease: Seconds,
        on_progress: Callable[[Progress], object] | None,
        clock: Callable[[], float],
        left: set[str],
        guards: Iterable[Guard],
    ) -> None:
        owner = uuid.uuid4().hex
        super().__init__(
            store,
            LimitsInLedger(store, owner),
            owner=owner,
            connections=connections,
            budget=budget,
            max_outage=max_outage,
            lease=lease,
            clock=clock,
        )
        self._on_progress = on_progress
        self._left = left
        self._queue = SendQueue(
            RowClient(client),  # type: ignore[arg-type]  # it has what a queue uses of a client
            limits=_limiter_of(client, limits, self._limits),
            connections=connections,
            max_outage=max_outage,
            max_wait=max_wait,
            before_send=self._mark,
            on_outcome=self._note,
            on_return=self._keep,
            guards=guards,
        )
        self._unpriced = 0
        self._newly_in_doubt = 0

    async def execute(self, *, resend: bool) -> Report:
        """Send what waits, and report."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._begin(resend=resend)
        keepers = [loop.create_task(self._keep_lease()), loop.create_task(self._show_progress(began))]
        cancelled = False
        try:
            await self._feed_until_done()
        except asyncio.CancelledError:
            cancelled = True
            self.stop("it was cancelled")
        except BaseException as error:
            self.stop(f"it failed: {error}")
            raise
        finally:
            await self._wind_up(keepers, cancelled=cancelled)
        if self._broken is not None:
            raise self._broken
        report = await self._report(loop.time() - began)
        await self._tell_progress(began)
        return report

    async def _begin(self, *, resend: bool) -> None:
        self._leased_until = self._lease_end()
        await self._store.enrol(self._owner, lease_until=self._leased_until)
        for owner in tuple(self._left):
            await self._store.renew(owner, lease_until=_ENDED)
            self._left.discard(owner)
        recovery = await self._store.recover(self._owner, now=self._clock())
        self._newly_in_doubt = recovery.in_doubt
        if resend:
            await self._store.resend(now=self._clock())
        if self._spending is not None:
            await self._spending.count(self._store)

    async def _feed_until_done(self) -> None:
        """Claim rows and hand them to the queue, until none waits, or the run is stopped."""
        while not self._stopping.is_set():  # ends: with the rows, or with the run
            under_way = self._ours  # before the look: what ends during it may be waiting again
            lease_end = self._lease_end()
            rows = await self._store.claim(self._owner, count=_REFILL, lease_until=lease_end, now=self._clock())
            self._leased_until = lease_end
            if not rows and not under_way:
                return
            fresh = [row for row in rows if self._unsent[row.id] < _RETURNS]
            for row in fresh:
                if not await self._submit(row):
                    return
            if not fresh:  # what is added, or given back by others, while the last are on their way goes with them
                await self._wait_for_fewer_than(1, at_most=_LOOK_AGAIN)
            elif self._ours > WINDOW - _REFILL:
                await self._wait_for_fewer_than(WINDOW - _REFILL)

    async def _wait_for_fewer_than(self, number: int, *, at_most: Seconds | None = None) -> None:
        """Wait until fewer than *number* rows are in the queue, or the run is stopped."""
        if self._ours < number or self._stopping.is_set():
            return
        self._low_mark = number
        self._few_left.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._few_left.wait()

    async def _submit(self, row: Claimed) -> bool:
        """Hand a row to the queue; false where the run is to end."""
        message = RowMessage(row)
        if self._spending is not None:
            if not self._spending.has_price(message):
                self._unpriced += 1
                self._unsent[row.id] = _RETURNS
                return True
            while (over := self._spending.take(message)) is not None:
                if not self._ours:
                    self.stop(over)
                    return False
                # One that is under way may be refused, and leave its part of the budget to this one.
                await self._wait_for_fewer_than(self._ours)
                if self._stopping.is_set():
                    return False
        self._ours += 1
        await self._queue.put(message)
        return not self._stopping.is_set()

    async def _keep_lease(self) -> None:
        while True:  # ends: with the run, which cancels it
            await asyncio.sleep(self._lease / 3)
            try:
                await self._renew()
                recovery = await self._store.recover(self._owner, now=self._clock())
            except OF_THE_STORE as error:
                logger.warning(
                    "the lease of a run could not be renewed: %s", error, extra=about(LogEvent.OUTBOX_LEASE_NOT_RENEWED)
                )
                continue
            self._newly_in_doubt += recovery.in_doubt

    async def _show_progress(self, began: float) -> None:
        loop = asyncio.get_running_loop()
        while self._on_progress is not None:  # ends: with the run, which cancels it
            asked = loop.time()
            await self._tell_progress(began)
            await asyncio.sleep(max(_PROGRESS_EVERY, _PROGRESS_SHARE * (loop.time() - asked)))

    async def _tell_progress(self, began: float) -> None:
        if self._on_progress is None:
            return
        try:
            counts = await self._store.counts()
        except (StoreUnavailableError, OutboxError):  # whoever writes to the file hears of it
            return
        now = asyncio.get_running_loop().time()
        per_second = self._pace.per_second(now)
        progress = Progress(counts=counts, elapsed=now - began, per_second=per_second, remaining=None)
        if per_second:
            progress = attrs.evolve(progress, remaining=progress.pending / per_second)
        try:
            told = self._on_progress(progress)
            if inspect.isawaitable(told):
                await told
        except Exception as error:  # noqa: BLE001  whatever a listener does, the run goes on
            logger.warning(
                "on_progress raised %s; it is not called again",
                type(error).__name__,
                extra=about(LogEvent.LISTENER_FAILED),
            )
            self._on_progress = None

    async def _wind_up(self, keepers: Sequence[asyncio.Task[None]], *, cancelled: bool) -> None:
        """Let what is under way finish, give the rest back, and end the tasks; then be cancelled, if that was asked."""
        winding = asyncio.get_running_loop().create_task(self._finish(keepers))
        while not winding.done():  # ends: with the requests under way, each of which has a deadline
            try:
                await asyncio.shield(winding)
            except asyncio.CancelledError:  # the requests under way are waited for, whoever gives up
                cancelled = True
                self.stop("it was cancelled")
            except Exception:  # noqa: BLE001, S110  it is looked at below
                pass
        if cancelled:
            if not winding.cancelled() and winding.exception() is not None:
                logger.warning(
                    "a cancelled run could not end as it should: %s",
                    winding.exception(),
                    extra=about(LogEvent.OUTBOX_NOT_WOUND_UP),
                )
            raise asyncio.CancelledError
        winding.result()

    async def _finish(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        try:
            await self._empty_queue()
            await self._writing.finish()
            await self._record_again()
            await self._let_go()
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def _empty_queue(self) -> None:
        """Wait for all that is in the queue; for what is under way only, from the moment on that the run is stopped."""
        loop = asyncio.get_running_loop()
        closing = loop.create_task(self._queue.close())
        stopping = loop.create_task(self._stopping.wait())
        try:
            if self._stopped is None:
                await asyncio.wait([closing, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not closing.done():
                await self._queue.cancel()
            await closing
        except QueueClosedError:  # somebody has cancelled its tasks: what it left behind is given back
            self.stop("its tasks were cancelled")
            await self._queue.cancel()
        except StoreUnavailableError as error:  # the limits could not be kept; nothing is under way
            self._break(error)
        finally:
            stopping.cancel()
            closing.cancel()
            await asyncio.gather(stopping, closing, return_exceptions=True)

    async def _let_go(self) -> None:
        """Give back what was not begun, and end the lease: what is left on its way is in doubt from now on."""
        try:
            await self._store.release(self._owner, now=self._clock())
            await self._store.renew(self._owner, lease_until=_ENDED)
            await self._limits.close()
        except OF_THE_STORE as error:
            self._left.add(self._owner)
            self._break(error)

    async def _report(self, duration: Seconds) -> Report:
        report = await count_rows(
            self._store,
            duration=duration,
            attempts=self._queue.stats().attempts,
            newly_in_doubt=self._newly_in_doubt,
        )
        return report if report.complete else attrs.evolve(report, stopped=self._why_rows_wait())

    def _why_rows_wait(self) -> str:
        if self._stopped is not None:
            return self._stopped
        if self._unpriced:
            return f"{self._unpriced} rows have no price in the price table, and there is a budget of cost"
        return "some could not be sent now, or are in the hands of another run"


def _limiter_of(client: Client, limits: Limits | Limiter | None, kept: LimitsInLedger) -> Limits | Limiter | None:
    """Keep the limits in the file of the outbox, unless they belong to somebody who keeps them elsewhere."""
    if isinstance(limits, Limiter) or client.limiter is not None:
        return limits
    return kept.limiter(limits)
