"""
What a run of an outbox writes down: which rows are on their way, and how they ended; and when that is reason to stop.

It is the lower of two floors of a ``Run``, which claims rows and lets them be sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from vonage_messages.clients.credentials import is_unsent
from vonage_messages.errors import (
    APIError,
    AuthenticationError,
    BudgetExceededError,
    CircuitOpenError,
    ConfigurationError,
    OutboxError,
    PaymentRequiredError,
    StoreUnavailableError,
    VonageMessagesError,
)
from vonage_messages.ledger import Claimed, Event, Outcome, Row, event_of
from vonage_messages.sending.batching import Batching
from vonage_messages.sending.options import check_span
from vonage_messages.sending.outbox_limits import LimitsInLedger
from vonage_messages.sending.outbox_rows import LostRowError, RowMessage
from vonage_messages.sending.outbox_spending import RowSpending
from vonage_messages.spending import Budget
from vonage_messages.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vonage_messages.channels.base import Message
    from vonage_messages.ledger import LedgerStore
    from vonage_messages.sending.outcome import Outcome as Sent
    from vonage_messages.wire.rest import SentMessage

    _Saved: TypeAlias = Mapping[str, bytes | None] | None
    """Limits that go with a commit, by name."""

_PATIENCE: Seconds = 0.002
"""How long a mark waits for company: less than a commit takes on most disks."""

_UNCLEAR = 10
"""So many attempts in a row must leave open whether they were sent before that counts as an outage."""

_RECORD_AGAIN: tuple[Seconds, ...] = (0.0, 0.2, 1.0)
"""What could not be recorded is tried once more, at the end of the run, after these pauses."""

_SPENDING = frozenset({Event.ACCEPT, Event.LOSE})
"""What makes a row cost something, or leaves that open."""

_OF_THE_ACCOUNT = (AuthenticationError, PaymentRequiredError, ConfigurationError, BudgetExceededError)
"""Not the fault of the row: every other would be refused like it."""

OF_THE_STORE = (StoreUnavailableError, OutboxError)
"""What happens can no longer be written down: the store cannot be reached, or refuses it."""

_PACE_SECONDS = 10


class Records:
    """Marks the rows of one owner before they leave, and records their outcomes; each pair goes into one commit."""

    def __init__(  # noqa: PLR0913  what of a run's options it needs, by name
        self,
        store: LedgerStore,
        limits: LimitsInLedger,
        *,
        owner: str,
        connections: int,
        budget: Budget | None,
        max_outage: Seconds,
        lease: Seconds,
        clock: Callable[[], float],
    ) -> None:
        check_span("lease", lease)
        self._store = store
        self._clock = clock
        self._lease = lease
        self._max_outage = max_outage
        self._owner = owner
        self._limits = limits
        self._spending = None if budget is None else RowSpending(budget)
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
        self._unclear = 0
        self._unclear_since = 0.0
        self._leased_until = 0.0
        self._ours = 0
        self._stopped: str | None = None
        self._stopping = asyncio.Event()
        self._few_left = asyncio.Event()
        self._low_mark = 0
        self._broken: VonageMessagesError | None = None
        self._pace = Pace()

    def stop(self, why: str) -> None:
        """Begin nothing more."""
        if self._stopped is None:
            self._stopped = why
        self._stopping.set()
        self._few_left.set()

    async def _mark(self, message: Message) -> None:
        """Mark the row of a message as sending; the queue calls it before the first byte."""
        if not isinstance(message, RowMessage):
            return
        if self._stopping.is_set():
            raise LostRowError("the run has been stopped; the row was not sent.")
        row_id = message.row.id
        self._limits.leaves(row_id, message)
        if row_id in self._doubtful:
            return  # it is marked still
        marked = await self._writing.ask(row_id)
        if row_id not in marked:
            raise LostRowError("the row has gone to another run, was cancelled, or was deleted; it was not sent.")
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
        if ids and self._broken is None:
            return await self._mark_all(ids, limits, outcomes)
        if outcomes:
            await self._record_all(outcomes, limits)
        if ids:
            raise LostRowError("what became of the rows before it could not be written down; the row was not sent.")
        return {}

    async def _mark_all(self, ids: Sequence[int], limits: _Saved, outcomes: Sequence[Outcome]) -> Mapping[int, int]:
        """Record and mark, or neither: no row leaves behind one of its connection that is not written down."""
        with self._recording(outcomes):
            if self._clock() >= self._leased_until:
                # The machine has slept, and the lease ended meanwhile: what nobody else has taken is still ours.
                await self._renew()
            return await self._store.mark_sending(
                ids, owner=self._owner, now=self._clock(), limits=limits, outcomes=outcomes
            )

    async def _record_all(self, outcomes: Sequence[Outcome], limits: _Saved) -> None:
        with contextlib.suppress(*OF_THE_STORE), self._recording(outcomes):
            recording = self._store.record(outcomes, now=self._clock())
            if limits is None:
                await recording
            else:
                await asyncio.gather(recording, self._store.save_limit_states(limits))

    @contextlib.contextmanager
    def _recording(self, outcomes: Sequence[Outcome]) -> Iterator[None]:
        """Count off what is recorded; keep for later what could not be, and end the run."""
        try:
            yield
        except OF_THE_STORE as error:
            self._unrecorded.extend(outcomes)
            self._break(error)
            raise
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
        if isinstance(error, VonageMessagesError):
            return event_of(error)
        return Event.UNSEND if is_unsent(error) else Event.LOSE

    def _draw_conclusions(self, sent: Sent) -> None:
        """Stop where an outcome says that others would fare alike."""
        error = sent.error
        if error is None or isinstance(error, LostRowError):
            if sent.sent is not None:
                self._unclear = 0
            return
        if isinstance(error, OF_THE_STORE):
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

    def _break(self, error: VonageMessagesError) -> None:
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

    async def _record_again(self) -> None:
        """Try to record what could not be recorded: a disk may have space again by now."""
        for pause in _RECORD_AGAIN:
            if not self._unrecorded:
                return
            await asyncio.sleep(pause)
            with contextlib.suppress(*OF_THE_STORE):
                await self._store.record(self._unrecorded, now=self._clock())
                self._unrecorded.clear()

    async def _renew(self) -> None:
        until = self._lease_end()
        await self._store.renew(self._owner, lease_until=until)
        self._leased_until = until

    def _lease_end(self) -> float:
        return self._clock() + self._lease


class Pace:
    """How many rows were finished in each of the last seconds."""

    def __init__(self) -> None:
        self._seconds: dict[int, int] = {}

    def count(self, number: int) -> None:
        """Note that so many were finished just now."""
        second = int(asyncio.get_running_loop().time())
        self._seconds[second] = self._seconds.get(second, 0) + number
        if len(self._seconds) > _PACE_SECONDS + 1:
            self._seconds.pop(min(self._seconds))

    def per_second(self, now: float) -> float:
        """Give the mean of the last whole seconds."""
        last = int(now)
        counted = [number for second, number in self._seconds.items() if last - _PACE_SECONDS <= second < last]
        return sum(counted) / len(counted) if counted else 0.0


def _detail(error: BaseException | None) -> str | None:
    """Say what happened in words that may be kept: those of other people's errors may hold anything."""
    if isinstance(error, VonageMessagesError):
        return str(error)
    return None
