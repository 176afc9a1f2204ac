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
import json
import logging
import uuid
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import attrs

from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import (
    APIError,
    AuthenticationError,
    BudgetExceededError,
    CircuitOpenError,
    ConfigurationError,
    OutboxError,
    PaymentRequiredError,
    QueueClosedError,
    StoreUnavailableError,
    VonageMessagesError,
)
from vonage_messages.ledger import Claimed, Event, Outcome, Row, State, event_of
from vonage_messages.limiter import Limiter
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.batching import Batching
from vonage_messages.sending.options import check_span
from vonage_messages.sending.outbox_limits import LimitsInLedger
from vonage_messages.sending.report import Progress, Report
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.spending import Budget, Spending
from vonage_messages.values import Seconds
from vonage_messages.wire.payloads import WrittenMessage, from_payload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from vonage_messages.channels.base import Message
    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.guards import Guard
    from vonage_messages.ledger import LedgerStore
    from vonage_messages.limits.levels import Limits
    from vonage_messages.sending.outcome import Outcome as Sent
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage

    _Saved: TypeAlias = Mapping[str, bytes | None] | None
    """Limits that go with a commit, by name."""

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

_PATIENCE: Seconds = 0.002
"""How long a mark waits for company: less than a commit takes on most disks."""

_RETURNS = 3
"""How often one run takes a row up again that could not be sent just then."""

_UNCLEAR = 10
"""So many attempts in a row must leave open whether they were sent before that counts as an outage."""

_RECORD_AGAIN: tuple[Seconds, ...] = (0.0, 0.2, 1.0)
"""What could not be recorded is tried once more, at the end of the run, after these pauses."""

_ENDED = 0.0
"""When the lease of an owner ends that has ended itself: long ago."""


class RowMessage(WrittenMessage):
    """
    The message of a row, as it goes out: with the ref of the row, also on each failover item.

    It was checked when it was added, and is not checked again; what limits ask of it is looked up once, and it is
    written anew only where the ref cannot be put into the bytes of the row.
    """

    __slots__ = ("channel", "from_", "message_type", "row", "to")

    channel: str
    message_type: str
    to: str
    from_: str
    row: Row | Claimed

    def __init__(self, row: Row | Claimed) -> None:
        put = object.__setattr__  # messages are frozen
        payload = json.loads(row.payload)
        put(self, "row", row)
        put(self, "body", _body_with_ref(row, payload))
        payload["client_ref"] = row.ref
        items = payload.get("failover")
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                item["client_ref"] = row.ref
        put(self, "payload", payload)
        put(self, "channel", RawMessage.channel.__get__(self))
        put(self, "message_type", RawMessage.message_type.__get__(self))
        put(self, "to", RawMessage.to.__get__(self))
        put(self, "from_", RawMessage.from_.__get__(self))

    @property
    def trace(self) -> str | None:
        """Where the caller was when the row was added."""
        return self.row.trace


def _body_with_ref(row: Row | Claimed, payload: Mapping[str, Any]) -> bytes | None:
    """Put the ref into the bytes of a message; ``None`` where that takes more than adding it at their end."""
    if "failover" in payload:
        return None
    if payload.get("client_ref") == row.ref:
        return row.payload
    if "client_ref" in payload or not payload or row.payload[-1:] != b"}":
        return None
    return b'%b,"client_ref":%b}' % (row.payload[:-1], json.dumps(row.ref, ensure_ascii=False).encode())


class _LostRowError(OutboxError):
    """The row is not ours any more: it must not be sent."""


class _RowClient:
    """The client, as the queue needs it: each row goes out by its own version of the API."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.limiter: Limiter | None = client.limiter
        self.retry: RetryPolicy = client.retry

    def attempt(self, message: Message, *, api_version: ApiVersion | None = None) -> Awaitable[SentMessage]:
        if isinstance(message, RowMessage):
            api_version = cast("ApiVersion", message.row.version)
        return self._client.attempt(message, api_version=api_version)


class Run:
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
        check_span("lease", lease)
        self._store = store
        self._clock = clock
        self._lease = lease
        self._max_outage = max_outage
        self._on_progress = on_progress
        self._left = left
        self._owner = uuid.uuid4().hex
        self._limits = LimitsInLedger(store, self._owner)
        self._queue = SendQueue(
            _RowClient(client),  # type: ignore[arg-type]  # it has what a queue uses of a client
            limits=_limiter_of(client, limits, self._limits),
            connections=connections,
            max_outage=max_outage,
            max_wait=max_wait,
            before_send=self._mark,
            on_outcome=self._note,
            on_return=self._keep,
            guards=guards,
        )
        self._spending = None if budget is None else _RowSpending(budget)
        self._writing: Batching[int | Outcome, Mapping[int, int]] = Batching(
            self._write, wanted=connections // 2, patience=_PATIENCE
        )
        """Rows to be marked, by their ids, and outcomes to be recorded."""
        self._unrecorded: list[Outcome] = []
        self._attempts: dict[int, int] = {}
        """The number of the attempt of each row that is marked as sending, by this run."""
        self._doubtful: set[int] = set()
        """Rows of which an attempt is repeated, by the policy of the client, that may have been accepted."""
        self._unsent: Counter[int] = Counter()
        self._unpriced = 0
        self._unclear = 0
        self._unclear_since = 0.0
        self._leased_until = 0.0
        self._ours = 0
        self._stopped: str | None = None
        self._stopping = asyncio.Event()
        self._few_left = asyncio.Event()
        self._low_mark = 0
        self._newly_in_doubt = 0
        self._broken: StoreUnavailableError | None = None
        self._pace = _Pace()

    def stop(self, why: str) -> None:
        """Begin nothing more."""
        if self._stopped is None:
            self._stopped = why
        self._stopping.set()
        self._few_left.set()

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

    async def _mark(self, message: Message) -> None:
        """Mark the row of a message as sending; the queue calls it before the first byte."""
        if not isinstance(message, RowMessage):
            return
        if self._stopping.is_set():
            raise _LostRowError("the run has been stopped; the row was not sent.")
        row_id = message.row.id
        self._limits.leaves(row_id, message)
        if row_id in self._doubtful:
            return  # it is marked still
        marked = await self._writing.ask(row_id)
        if row_id not in marked:
            raise _LostRowError("the row has gone to another run, was cancelled, or was deleted; it was not sent.")
        self._attempts[row_id] = marked[row_id]

    def _keep(self, message: Message, error: VonageMessagesError) -> None:
        """
        Note that an attempt did not get through, and that the row waits for its next one.

        What may have been accepted stays marked meanwhile: should the process die, it is in doubt.
        """
        if not isinstance(message, RowMessage):
            return
        self._limits.ended(message.row.id)
        if error.maybe_sent:
            self._doubtful.add(message.row.id)
        if message.row.id not in self._doubtful:
            self._writing.add(self._outcome(message.row, Event.KEEP, error=error))

    def _note(self, sent: Sent) -> None:
        """Note what became of a row: it is recorded before the connection's next one is marked, or with it."""
        if not isinstance(sent.message, RowMessage):
            return
        row = sent.message.row
        self._limits.ended(row.id)
        self._doubtful.discard(row.id)
        self._draw_conclusions(sent)
        event = self._event_of(row, sent)
        if self._spending is not None:
            self._spending.settle(row.id, sent=event in _SPENDING)
        if event is None:
            self._count_off(1)
            return
        if event is Event.UNSEND:
            self._unsent[row.id] += 1
        self._writing.add(self._outcome(row, event, sent=sent.sent, error=sent.error))

    async def _write(self, items: Sequence[int | Outcome]) -> Mapping[int, int]:
        """Record outcomes, and mark rows; gives the attempts of those that were marked, and may be sent."""
        outcomes = [item for item in items if isinstance(item, Outcome)]
        ids = [item for item in items if isinstance(item, int)]
        limits = self._limits.changes()
        if not outcomes:
            return await self._mark_all(ids, limits)
        if not ids:
            await self._record_all(outcomes, limits)
            return {}
        # Both at once, so that one commit does for both, and in this order: a row may be among both.
        _, marked = await asyncio.gather(
            self._record_all(outcomes, None), self._mark_all(ids, limits), return_exceptions=True
        )
        if isinstance(marked, BaseException):
            raise marked
        return marked

    async def _mark_all(self, ids: Sequence[int], limits: _Saved) -> Mapping[int, int]:
        if self._clock() >= self._leased_until:
            # The machine has slept, and the lease ended meanwhile: what nobody else has taken is still ours.
            await self._renew()
        return await self._store.mark_sending(ids, owner=self._owner, now=self._clock(), limits=limits)

    async def _record_all(self, outcomes: Sequence[Outcome], limits: _Saved) -> None:
        try:
            # Not as a task of its own where marks go along: it would come to the store behind them.
            recording = self._store.record(outcomes, now=self._clock())
            if limits is None:
                await recording
            else:
                await asyncio.gather(recording, self._store.save_limit_states(limits))
        except StoreUnavailableError as error:
            self._unrecorded.extend(outcomes)
            self._break(error)
        finally:
            ended = sum(outcome.event is not Event.KEEP for outcome in outcomes)
            self._pace.count(ended)
            self._count_off(ended)

    def _count_off(self, number: int) -> None:
        """Note that so many rows are no longer in the queue."""
        self._ours -= number
        if self._ours < self._low_mark:
            self._few_left.set()

    def _event_of(self, row: Row | Claimed, sent: Sent) -> Event | None:
        """Say what an outcome means for a row; ``None`` for one that did not leave, and is still only claimed."""
        error = sent.error
        if row.id not in self._attempts:
            return None
        if sent.sent is not None:
            return Event.ACCEPT
        if error is None or isinstance(error, _OF_THE_ACCOUNT):  # the run was stopped before it left, or all fare alike
            return Event.UNSEND
        return event_of(error) if isinstance(error, VonageMessagesError) else Event.LOSE

    def _draw_conclusions(self, sent: Sent) -> None:
        """Stop where an outcome says that others would fare alike."""
        error = sent.error
        if error is None or isinstance(error, _LostRowError):
            if sent.sent is not None:
                self._unclear = 0
            return
        if isinstance(error, StoreUnavailableError):
            self._break(error)
        elif isinstance(error, CircuitOpenError):
            # The queue gives up those who wait, and hears of no answer: what was answered is known here.
            self.stop(self._no_clear_answer() if self._unclear else "the platform cannot be reached")
        elif isinstance(error, _OF_THE_ACCOUNT):
            self.stop(f"nothing can be sent: {error}")
        elif not isinstance(error, VonageMessagesError):
            self.stop(f"a request could not be made ({type(error).__name__})")
        elif error.maybe_sent:
            self._count_unclear()
        else:
            self._unclear = 0

    def _count_unclear(self) -> None:
        """Stop where no attempt has had a clear answer for too long: each of them leaves a row in doubt."""
        now = asyncio.get_running_loop().time()
        if not self._unclear:
            self._unclear_since = now
        self._unclear += 1
        if self._unclear >= _UNCLEAR and now - self._unclear_since >= self._max_outage:
            self.stop(self._no_clear_answer())

    def _no_clear_answer(self) -> str:
        return f"the platform has given no clear answer for {self._max_outage:g} s"

    def _break(self, error: StoreUnavailableError) -> None:
        """Stop, because what happens can no longer be written down, or the limits no longer be kept."""
        if self._broken is None:
            self._broken = error
        self.stop(str(error))

    def _outcome(
        self, row: Row | Claimed, event: Event, *, sent: SentMessage | None = None, error: BaseException | None = None
    ) -> Outcome:
        api_error = error if isinstance(error, APIError) else None
        return Outcome(
            id=row.id,
            owner=self._owner,
            attempt=self._attempts.pop(row.id, row.attempts),
            event=event,
            message_uuid=None if sent is None else sent.message_uuid,
            request_id=sent.request_id if sent is not None else getattr(error, "request_id", None),
            error_class=None if error is None else type(error).__name__,
            error_code=None if api_error is None else (api_error.code or None),
            error_title=None if api_error is None else (api_error.title or None),
            error_detail=_detail(error),
        )

    async def _keep_lease(self) -> None:
        while True:  # ends: with the run, which cancels it
            await asyncio.sleep(self._lease / 3)
            try:
                await self._renew()
                recovery = await self._store.recover(self._owner, now=self._clock())
            except (StoreUnavailableError, OutboxError) as error:
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

    async def _record_again(self) -> None:
        """Try to record what could not be recorded: a disk may have space again by now."""
        for pause in _RECORD_AGAIN:
            if not self._unrecorded:
                return
            await asyncio.sleep(pause)
            with contextlib.suppress(StoreUnavailableError):
                await self._store.record(self._unrecorded, now=self._clock())
                self._unrecorded.clear()

    async def _let_go(self) -> None:
        """Give back what was not begun, and end the lease: what is left on its way is in doubt from now on."""
        try:
            await self._store.release(self._owner, now=self._clock())
            await self._store.renew(self._owner, lease_until=_ENDED)
            await self._limits.close()
        except StoreUnavailableError as error:
            self._left.add(self._owner)
            self._break(error)

    async def _report(self, duration: Seconds) -> Report:
        from vonage_messages.sending.outbox import count_rows  # noqa: PLC0415  it is built on this module

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

    async def _renew(self) -> None:
        until = self._lease_end()
        await self._store.renew(self._owner, lease_until=until)
        self._leased_until = until

    def _lease_end(self) -> float:
        return self._clock() + self._lease


class _Pace:
    """How many rows were finished in each of the last seconds."""

    def __init__(self) -> None:
        self._seconds: dict[int, int] = {}

    def count(self, number: int) -> None:
        second = int(asyncio.get_running_loop().time())
        self._seconds[second] = self._seconds.get(second, 0) + number
        if len(self._seconds) > _PACE_SECONDS + 1:
            self._seconds.pop(min(self._seconds))

    def per_second(self, now: float) -> float:
        """Give the mean of the last whole seconds."""
        last = int(now)
        counted = [number for second, number in self._seconds.items() if last - _PACE_SECONDS <= second < last]
        return sum(counted) / len(counted) if counted else 0.0


_PACE_SECONDS = 10


class _RowSpending:
    """What a budget has left for the rows of an outbox."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spending = Spending(budget)
        self._taken: dict[int, Decimal] = {}

    async def count(self, store: LedgerStore) -> None:
        """Count what earlier runs have used up."""
        counts = await store.counts()
        self._spending.add(sum(counts.get(state, 0) for state in _SPENT), Decimal(0))
        if self._budget.cost is None:
            return
        async for row in store.rows(*_SPENT):
            self._spending.add(0, self._price(RowMessage(row)) or Decimal(0))

    def has_price(self, message: RowMessage) -> bool:
        """Tell whether it is known what a message costs, where that matters."""
        return self._price(message) is not None

    def take(self, message: RowMessage) -> str | None:
        """Take a message out of the budget; say why, if that cannot be."""
        cost = self._price(message) or Decimal(0)
        why_not = self._spending.take(cost)
        if why_not is None:
            self._taken[message.row.id] = cost
        return why_not

    def settle(self, row_id: int, *, sent: bool) -> None:
        """Note whether the message of a row was sent, or may have been; if not, its part goes to others."""
        cost = self._taken.pop(row_id)
        if not sent:
            self._spending.give_back(cost)

    def _price(self, message: RowMessage) -> Decimal | None:
        if self._budget.cost is None:
            return Decimal(0)
        version = cast("ApiVersion", message.row.version)
        return self._budget.price(from_payload(dict(message.payload), version, lenient=True))


_SPENT = (State.ACCEPTED, State.SENDING, State.IN_DOUBT)
"""Rows that cost something, or may have."""

_SPENDING = frozenset({Event.ACCEPT, Event.LOSE})
"""What makes a row cost something, or leaves that open."""

_OF_THE_ACCOUNT = (AuthenticationError, PaymentRequiredError, ConfigurationError, BudgetExceededError)
"""Not the fault of the row: every other would be refused like it."""


def _limiter_of(client: Client, limits: Limits | Limiter | None, kept: LimitsInLedger) -> Limits | Limiter | None:
    """Keep the limits in the file of the outbox, unless they belong to somebody who keeps them elsewhere."""
    if isinstance(limits, Limiter) or client.limiter is not None:
        return limits
    return kept.limiter(limits)


def _detail(error: BaseException | None) -> str | None:
    """Say what happened in words that may be kept: those of other people's errors may hold anything."""
    if isinstance(error, VonageMessagesError):
        return str(error)
    return None
