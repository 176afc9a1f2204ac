"""What a run of an outbox tells: how far it has come, and where every row stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.ledger import State
from vonage_messages.values import Seconds

if TYPE_CHECKING:
    from vonage_messages.ledger import LedgerStore


@attrs.frozen(kw_only=True)
class Added:
    """What ``Outbox.add`` has done with a number of messages."""

    new: int = 0
    repeated: int = 0
    """Those that stood in the outbox already, with the same content under the same key."""

    def __str__(self) -> str:
        return f"{self.new} added, {self.repeated} there already"


@attrs.frozen(kw_only=True)
class _Counted:
    """How many rows stand where."""

    counts: Mapping[State, int]

    @property
    def total(self) -> int:
        """All rows of the outbox."""
        return sum(self.counts.values())

    @property
    def accepted(self) -> int:
        """The platform has accepted them."""
        return self.counts.get(State.ACCEPTED, 0)

    @property
    def failed(self) -> int:
        """They were refused, and certainly not sent."""
        return self.counts.get(State.FAILED, 0)

    @property
    def in_doubt(self) -> int:
        """Nobody knows whether they were sent."""
        return self.counts.get(State.IN_DOUBT, 0)

    @property
    def cancelled(self) -> int:
        """They were cancelled, and not sent."""
        return self.counts.get(State.CANCELLED, 0)

    @property
    def pending(self) -> int:
        """They wait for a run, or are in one: pending, claimed and sending."""
        return sum(self.counts.get(state, 0) for state in (State.PENDING, State.CLAIMED, State.SENDING))


@attrs.frozen(kw_only=True)
class Progress(_Counted):
    """How far a run has come."""

    elapsed: Seconds
    """Since the run began."""

    per_second: float
    """How many messages were finished lately, each second."""

    remaining: Seconds | None
    """How long it will take at this speed; ``None`` where that cannot be told."""

    def __str__(self) -> str:
        left = "" if self.remaining is None else f", {self.remaining:.0f} s left"
        return (
            f"{self.total - self.pending} of {self.total}: {self.accepted} accepted, {self.failed} failed, "
            f"{self.in_doubt} in doubt, {self.per_second:.1f}/s{left}"
        )


@attrs.frozen(kw_only=True)
class Report(_Counted):
    """Where every row of an outbox stands, at the end of a run."""

    duration: Seconds = 0.0
    """How long the run took."""

    attempts: int = 0
    """How many requests it made."""

    newly_in_doubt: int = 0
    """Rows that the run found on their way from an earlier one, which had ended before it had their answers."""

    shared_refs: int = 0
    """Rows in doubt that share their ``client_ref`` with others: no status can tell which of them was accepted."""

    stopped: str | None = None
    """Why the run ended with rows still waiting; ``None`` where none wait."""

    @property
    def complete(self) -> bool:
        """Tell whether nothing waits any more."""
        return self.pending == 0

    def __str__(self) -> str:
        text = (
            f"{self.total} rows: {self.accepted} accepted, {self.failed} failed, {self.in_doubt} in doubt, "
            f"{self.cancelled} cancelled, {self.pending} waiting"
        )
        if self.shared_refs:
            text += (
                f"; {self.shared_refs} in doubt share their client_ref with other rows, so that no status can settle "
                "them"
            )
        return text if self.stopped is None else f"{text}; stopped: {self.stopped}"


async def count_rows(store: LedgerStore, **further: Any) -> Report:
    """Make a report of the rows of *store*."""
    counts = await store.counts()
    shared = 0
    if counts.get(State.IN_DOUBT):
        async for row in store.rows(State.IN_DOUBT):
            shared += row.ref_shared
    return Report(counts=counts, shared_refs=shared, **further)
