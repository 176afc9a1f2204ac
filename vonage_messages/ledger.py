"""
The rows of an outbox: their states, what each event does to each state, and what a store of rows must promise.

The theory. A send costs money and reaches a person, and the API has no idempotency key: whatever might have been
sent is never sent again unless a person has said so. Hence three stations on the way out. *claimed* is a lease: the
row belongs to one owner, nothing has left, and a lease that ran out may be given to another owner. *sending* is
written to the store, durably, before the request leaves; from then on the row may have been sent. *in_doubt* is a row
of which nobody knows: it was found in *sending* when its owner was gone, or the answer was lost. It stays there until
proof comes (a status webhook with its ref, or the late outcome of its first owner), or until the user's policy says
to send it again.

The table ``TRANSITIONS`` is the whole truth about states: a store asks it and adds nothing to it. How rows are kept
stands in ``vonage_messages.stores``; who claims and sends them is ``vonage_messages.sending.outbox``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import attrs

from vonage_messages.errors import DeadlineExceededError, OutboxError, QueueError, VonageMessagesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

INTERRUPTED: Final = "its sender ended before the answer was recorded"
"""Why a row is in doubt that was found in ``sending`` after a crash: the ``error_title`` of such a row."""


class State(StrEnum):
    """Where a row stands."""

    PENDING = "pending"
    """It waits to be sent."""

    CLAIMED = "claimed"
    """An owner has taken it under a lease; nothing has left."""

    SENDING = "sending"
    """Its request leaves now, or has left: it may have been sent."""

    ACCEPTED = "accepted"
    """The platform has accepted it. The end: nothing leads out of it."""

    FAILED = "failed"
    """It was refused, and certainly not sent."""

    IN_DOUBT = "in_doubt"
    """Nobody knows whether it was sent."""

    CANCELLED = "cancelled"
    """The user no longer wants it sent; it was not."""


class Event(StrEnum):
    """What happens to a row."""

    CLAIM = "claim"
    """An owner takes it under a lease."""

    RELEASE = "release"
    """Its owner gives it back unsent."""

    MARK_SENDING = "mark_sending"
    """Its owner is about to let the request leave."""

    ACCEPT = "accept"
    """The platform answered that it accepts it. A fact about the row, whoever reports it, and however late."""

    REFUSE = "refuse"
    """It failed for good, and was not sent."""

    LOSE = "lose"
    """The attempt failed in a way that leaves open whether it was sent."""

    UNSEND = "unsend"
    """The request certainly never left, or was refused for now: it may be tried again."""

    KEEP = "keep"
    """As ``UNSEND``, and its owner keeps it for the next attempt."""

    RECOVER = "recover"
    """Its owner is gone, or let the lease run out."""

    SETTLE_ACCEPTED = "settle_accepted"
    """A status webhook carries its ref, which proves that it was accepted."""

    RESEND = "resend"
    """The user's policy: send it again, although it may have been sent."""

    CANCEL = "cancel"
    """The user no longer wants it sent."""

    RETRY = "retry"
    """The user wants a failed row tried again."""


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.PENDING, Event.CLAIM): State.CLAIMED,
        (State.PENDING, Event.CANCEL): State.CANCELLED,
        # The outcome of an earlier attempt, after the policy had it sent again: known in time, it saves the repetition.
        (State.PENDING, Event.ACCEPT): State.ACCEPTED,
        (State.PENDING, Event.SETTLE_ACCEPTED): State.ACCEPTED,
        (State.CLAIMED, Event.RELEASE): State.PENDING,
        (State.CLAIMED, Event.RECOVER): State.PENDING,
        (State.CLAIMED, Event.UNSEND): State.PENDING,
        (State.CLAIMED, Event.MARK_SENDING): State.SENDING,
        (State.CLAIMED, Event.REFUSE): State.FAILED,
        (State.CLAIMED, Event.CANCEL): State.CANCELLED,
        (State.CLAIMED, Event.ACCEPT): State.ACCEPTED,
        (State.CLAIMED, Event.SETTLE_ACCEPTED): State.ACCEPTED,
        (State.SENDING, Event.ACCEPT): State.ACCEPTED,
        (State.SENDING, Event.SETTLE_ACCEPTED): State.ACCEPTED,
        (State.SENDING, Event.REFUSE): State.FAILED,
        (State.SENDING, Event.UNSEND): State.PENDING,
        (State.SENDING, Event.KEEP): State.CLAIMED,
        (State.SENDING, Event.LOSE): State.IN_DOUBT,
        (State.SENDING, Event.RECOVER): State.IN_DOUBT,
        # A first owner that was only asleep reports what really became of its attempt.
        (State.IN_DOUBT, Event.ACCEPT): State.ACCEPTED,
        (State.IN_DOUBT, Event.SETTLE_ACCEPTED): State.ACCEPTED,
        (State.IN_DOUBT, Event.REFUSE): State.FAILED,
        (State.IN_DOUBT, Event.UNSEND): State.PENDING,
        (State.IN_DOUBT, Event.KEEP): State.PENDING,
        (State.IN_DOUBT, Event.LOSE): State.IN_DOUBT,
        (State.IN_DOUBT, Event.RESEND): State.PENDING,
        # A status may overtake the answer it belongs to; then the answer, or its loss, changes nothing any more.
        (State.ACCEPTED, Event.ACCEPT): State.ACCEPTED,
        (State.ACCEPTED, Event.SETTLE_ACCEPTED): State.ACCEPTED,
        (State.ACCEPTED, Event.REFUSE): State.ACCEPTED,
        (State.ACCEPTED, Event.UNSEND): State.ACCEPTED,
        (State.ACCEPTED, Event.KEEP): State.ACCEPTED,
        (State.ACCEPTED, Event.LOSE): State.ACCEPTED,
        (State.FAILED, Event.RETRY): State.PENDING,
        (State.FAILED, Event.ACCEPT): State.ACCEPTED,
        (State.FAILED, Event.SETTLE_ACCEPTED): State.ACCEPTED,
        (State.CANCELLED, Event.ACCEPT): State.ACCEPTED,
        (State.CANCELLED, Event.SETTLE_ACCEPTED): State.ACCEPTED,
    }
)
"""What each event makes of each state; a pair that is not listed is illegal."""

FINISHED: frozenset[State] = frozenset({State.ACCEPTED, State.FAILED, State.CANCELLED})
"""States of rows that are done with: ``purge(before=)`` deletes no others, because that would lose a message."""

OUTCOMES: frozenset[Event] = frozenset({Event.ACCEPT, Event.REFUSE, Event.LOSE, Event.UNSEND, Event.KEEP})
"""Events that tell how an attempt ended."""


def next_state(state: State, event: Event) -> State:
    """
    Tell which state *event* makes of *state*.

    Raises:
        OutboxError: the event cannot happen to a row in that state.
    """
    after = TRANSITIONS.get((state, event))
    if after is None:
        raise OutboxError(f'A row that is "{state}" cannot take the event "{event}"; nothing was changed.')
    return after


def states_before(event: Event) -> Mapping[State, State]:
    """List the states in which *event* is legal, each with the state it leads to."""
    return {before: after for (before, each), after in TRANSITIONS.items() if each is event}


def event_of(error: VonageMessagesError) -> Event:
    """
    Tell what a failed attempt does to its row.

    ``LOSE`` where the message may have been sent; ``UNSEND`` where it was not and a later attempt may succeed, which
    also holds for a queue that closed or a budget that was reached; ``REFUSE`` for all that will not mend itself.
    """
    if error.maybe_sent:
        return Event.LOSE
    if error.retryable or (isinstance(error, QueueError) and not isinstance(error, DeadlineExceededError)):
        return Event.UNSEND
    return Event.REFUSE


@attrs.frozen(kw_only=True)
class NewRow:
    """A message on its way into the ledger."""

    key: str
    """What makes the row the same one when it is added again."""

    ref: str
    """What goes out as ``client_ref``, and comes back in every status webhook."""

    payload: bytes
    """The JSON of the message, with its channel, in the form that *version* of the API has."""

    client_ref: str | None = None
    """The user's own ``client_ref``, which *ref* stands in for on the wire."""

    version: str = "v1"
    recipient: str | None = None
    """The ``to`` of the message, by which ``purge`` finds the row."""

    trace: str | None = None
    """Where the caller was when it was added: ``traceparent`` of W3C Trace Context."""


@attrs.frozen(kw_only=True)
class Row:
    """A message in the ledger, as it stood when it was read. Times are Unix times in seconds."""

    id: int
    """The number of the row: later rows have higher ones, and a number is never given twice."""

    key: str
    ref: str
    client_ref: str | None
    version: str
    payload: bytes
    state: State
    attempts: int
    """How often it was marked as sending."""

    owner: str | None
    """Who has claimed it, or was the last to send it."""

    lease_until: float | None
    """When the lease of *owner* ends."""

    message_uuid: str | None
    request_id: str | None
    error_class: str | None
    error_code: str | None
    error_title: str | None
    error_detail: str | None
    created: float
    updated: float
    ref_shared: bool
    """Another row has the same ref, so that a status webhook proves nothing about either."""

    trace: str | None = None
    """Where the caller was when it was added: ``traceparent`` of W3C Trace Context."""


class Claimed(NamedTuple):
    """
    A row that an owner has claimed, as far as a sender needs it.

    A tuple, because one is made for every message that is sent: an attrs class of as many fields takes five times as
    long to make.
    """

    id: int
    key: str
    ref: str
    version: str
    payload: bytes
    attempts: int
    """How often it was marked as sending before."""

    trace: str | None = None
    """As in ``Row``."""


def _storable(text: str | None) -> str | None:
    """Spell out what no database takes: what a platform answers may hold half a surrogate pair, or a zero."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _is_outcome(_outcome: object, _field: object, event: Event) -> None:
    if event not in OUTCOMES:
        raise OutboxError(f'"{event}" does not tell how an attempt ended.')


@attrs.frozen(kw_only=True)
class Outcome:
    """
    How an attempt on a row ended.

    *owner* and *attempt* say which attempt: the one whose number ``mark_sending`` gave, or ``Row.attempts`` for a row
    that never came so far. An outcome of another attempt than the row's last is not taken, except that it was accepted.

    Raises:
        OutboxError: *event* does not tell how an attempt ended.
    """

    id: int
    owner: str
    attempt: int
    event: Event = attrs.field(validator=_is_outcome)
    """``ACCEPT``, ``REFUSE``, ``LOSE``, ``UNSEND`` or ``KEEP``."""

    message_uuid: str | None = attrs.field(default=None, converter=_storable)
    request_id: str | None = attrs.field(default=None, converter=_storable)
    error_class: str | None = attrs.field(default=None, converter=_storable)
    """The name of the exception's class, such as ``ValidationError``."""

    error_code: str | None = attrs.field(default=None, converter=_storable)
    error_title: str | None = attrs.field(default=None, converter=_storable)
    error_detail: str | None = attrs.field(default=None, converter=_storable)


STAYS_WITH_OWNER: frozenset[State] = frozenset({State.CLAIMED, State.IN_DOUBT})
"""Where an attempt leaves its row with its owner: to make the next one, or to bring a late outcome, which is taken."""


def state_after(outcome: Outcome, before: State, attempts: int, owner: str | None) -> State | None:
    """
    Tell which state *outcome* makes of a row that is *before*, was marked *attempts* times, and belongs to *owner*.

    ``None`` where it is not taken: it is illegal by now, or of another attempt. Whose attempt it was does not matter to
    what is accepted, or to what is found to be.
    """
    of_this_attempt = attempts == outcome.attempt and owner == outcome.owner
    if not (of_this_attempt or outcome.event is Event.ACCEPT or before is State.ACCEPTED):
        return None
    return TRANSITIONS.get((before, outcome.event))


@attrs.frozen(kw_only=True)
class Conflict:
    """Two different messages under one key."""

    key: str
    position: int
    """Which row of the batch, from 0."""

    other_position: int | None = None
    """The earlier row of the same batch with that key, where it is one of them; *row_id* is then ``None``."""

    row_id: int | None = None
    """The row of the ledger that has that key."""

    state: State | None = None
    """The state of that row."""


@attrs.frozen(kw_only=True)
class Addition:
    """What became of a batch: with a conflict in it, nothing of it was added."""

    new: int = 0
    repeated: int = 0
    """Rows that stood in the ledger already, or earlier in the batch, with the same message."""

    conflicts: tuple[Conflict, ...] = ()


@attrs.frozen(kw_only=True)
class Recovery:
    """What was found of owners that are gone."""

    released: int = 0
    """Rows that had been claimed, and are pending again."""

    in_doubt: int = 0
    """Rows that had been on their way."""


class Settlement(StrEnum):
    """What a status webhook did to the row with its ref."""

    SETTLED = "settled"
    """It proved that the row was accepted, which was not known."""

    KNOWN = "known"
    """The row was known to be accepted."""

    SHARED = "shared"
    """Several rows have that ref: it proves nothing about any of them."""

    UNKNOWN = "unknown"
    """No row that has ever left has that ref."""


class LedgerStore(Protocol):
    """
    Keeps the rows of an outbox through a crash.

    What returns is durable. Calls are done in the order in which they were made. Every call is atomic, also between
    processes, and is done as a whole even when its caller stops waiting for it. *owner* names one life of one sender
    (a fresh UUID for each run); *now* and *lease_until* are Unix times in seconds. An owner has one lease, which covers
    all its rows.

    Raises, from every method:
        StoreUnavailableError: the store cannot be read or written now; nothing was changed.
        OutboxError: it is not open, or holds what cannot be used.
    """

    async def open(self) -> None:
        """Make ready to work; the store may be used from several event loops, one after another."""

    async def close(self) -> None:
        """Finish what was begun and let go of everything; owners that were enrolled here count as gone."""

    async def enrol(self, owner: str, /, *, lease_until: float) -> None:
        """
        Tell that *owner* lives for as long as this store is open.

        Its sudden death is then seen at once, where the platform allows that; otherwise when its lease ends.
        """

    async def add(self, rows: Sequence[NewRow], /, *, now: float) -> Addition:
        """Add a batch, all of it or, where it holds a conflict, nothing."""

    async def claim(self, owner: str, /, *, count: int, lease_until: float, now: float) -> list[Claimed]:
        """Give up to *count* pending rows, oldest first, to *owner*, whose lease then ends at *lease_until*."""

    async def renew(self, owner: str, /, *, lease_until: float) -> None:
        """Let the lease of *owner* end at *lease_until*."""

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
        Mark rows as sending, and count the attempt; give the number of the attempt for each row that was marked.

        A row that is missing from the answer must not be sent: *owner* has lost it, or the lease has run out. *limits*
        is saved in the same moment, as by ``save_limit_states``. *outcomes* are taken in just before, as by ``record``:
        where they cannot be written down, nothing is marked.
        """

    async def record(self, outcomes: Sequence[Outcome], /, *, now: float) -> frozenset[int]:
        """Take in how attempts ended; give the ids of the rows of which it was taken."""

    async def release(self, owner: str, /, ids: Collection[int] | None = None, *, now: float) -> int:
        """Make claimed rows of *owner* pending again, all or those of *ids*; give their number."""

    async def recover(self, owner: str, /, *, now: float) -> Recovery:
        """
        Take rows back from owners that are gone, or whose lease has ended: all but *owner*, which asks.

        What was claimed becomes pending, what was sending becomes in doubt.
        """

    async def settle(self, ref: str, /, *, message_uuid: str | None = None, now: float) -> Settlement:
        """Take in the proof that the row with *ref* was accepted."""

    async def resend(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Make rows in doubt pending again, all or those of *ids*; give their number."""

    async def cancel(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Cancel rows that have not left, all or those of *ids*; give their number."""

    async def retry(self, ids: Collection[int] | None = None, /, *, now: float) -> int:
        """Make failed rows pending again, all or those of *ids*; give their number."""

    async def counts(self) -> Mapping[State, int]:
        """Count the rows of every state."""

    def rows(self, *states: State) -> AsyncIterator[Row]:
        """Give the rows of these states, or all, in the order of their ids, with little memory."""

    async def purge(self, *, before: float | None = None, recipient: str | None = None) -> int:
        """
        Delete rows for good; give their number.

        *before* deletes rows that are finished and were last changed before that time. *recipient* deletes rows to
        that number or address whatever their state. With both, rows must meet both.
        """

    async def limit_states(self) -> Mapping[str, bytes]:
        """Give all that was saved of limits, by name."""

    async def save_limit_states(self, states: Mapping[str, bytes | None], /) -> None:
        """Save the state of limits by name; ``None`` forgets one. Names that are not given keep theirs."""

    async def note(self, name: str, /) -> str | None:
        """Give what was written down under *name*, such as the tag of a campaign."""

    async def write_note(self, name: str, value: str | None, /, *, once: bool = False) -> None:
        """
        Write down *value* under *name*; ``None`` forgets it.

        *once* leaves what stands there: of several processes that write at one moment the first one counts.
        """
