"""What each call of the store asks of the file; what is done then stands in ``calls``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vonage_messages.ledger import Event, NewRow, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class Enrolment(NamedTuple):
    """An owner that begins, or renews its lease."""

    owner: str
    lease_until: float


class Batch(NamedTuple):
    """Rows to be added."""

    rows: Sequence[NewRow]
    now: float


class Claim(NamedTuple):
    """Pending rows that an owner wants."""

    owner: str
    most: int
    lease_until: float
    now: float


class Mark(NamedTuple):
    """Rows that are about to leave, and how those before them have ended."""

    ids: Collection[int]
    owner: str
    now: float
    limits: Mapping[str, bytes | None] | None
    outcomes: Sequence[Outcome]


class Record(NamedTuple):
    """Outcomes of attempts."""

    outcomes: Sequence[Outcome]
    now: float


class Release(NamedTuple):
    """Claimed rows that go back."""

    owner: str
    ids: Collection[int] | None
    now: float


class Recover(NamedTuple):
    """Owners that are gone are to be found; *owner* asks."""

    owner: str
    now: float


class Proof(NamedTuple):
    """A status webhook that carries a ref."""

    ref: str
    message_uuid: str | None
    now: float


class Change(NamedTuple):
    """A decision of the user about rows."""

    event: Event
    ids: Collection[int] | None
    now: float


class Note(NamedTuple):
    """Something to be written down, or with ``None`` forgotten; *once*, unless something stands there."""

    name: str
    value: str | None
    once: bool


class Window(NamedTuple):
    """A part of the ledger: ids above *after*, up to *until*."""

    after: int
    until: int


class Reading(NamedTuple):
    """Rows of a part of the ledger, in some states."""

    window: Window
    states: Collection[State]


class Purge(NamedTuple):
    """What is to be deleted in a part of the ledger."""

    window: Window
    before: float | None
    recipient: str | None
