"""
What one wait of a ``Tracker`` has heard, and what that means: which status is the last, and what is a reply.

Reference: Webhooks, sections 2 to 4; Messages API v1, section 11 (failover).
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import attrs

from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.webhooks.timeline import FAILURES, rank

if TYPE_CHECKING:
    from vonage_messages.receiving.tracker import Sent

MOST_STATUSES = 50
"""How many different statuses of one message are kept (the reference knows five), and of unknown ones in all."""

MOST_RECALLED = 1000
"""How many inbound messages out of a store one wait keeps: more than any store gives at a time."""

_DELIVERED_IS_LAST = frozenset({"sms", "mms"})
"""Channels that never tell ``read`` (Webhooks, section 3)."""

Key: TypeAlias = tuple[str, ...]
"""``("message", message_uuid)``, ``("workflow", workflow_id)`` or ``("pair", channel, theirs, ours)``."""


@attrs.frozen
class Leg:
    """A message that has gone out: between whom, since when, and how many events had arrived by then."""

    pair: Key
    since: datetime | None
    number: int

    def comes_before(self, inbound: InboundMessage, number: int, *, was_there: bool = False) -> bool:
        """
        Tell whether *inbound*, event *number*, is later; its timestamp may have whole seconds only.

        *was_there*: it stood in a store before the wait began, so that its number says nothing about when it came.
        """
        if self.since is None or inbound.timestamp is None:
            return number > self.number and not was_there
        since = self.since.replace(microsecond=0)
        written = inbound.timestamp.replace(microsecond=0)
        return written > since or (written == since and number > self.number)


@attrs.define
class Story:
    """The statuses of one message or of one chain, each once, in the order of arrival."""

    statuses: dict[tuple[str, str, int | None], MessageStatus] = attrs.field(factory=dict)
    legs: dict[str, Leg] = attrs.field(factory=dict)
    """By message uuid."""
    kept: Counter[str] = attrs.field(factory=Counter)
    """How many statuses: by message uuid for those that the reference knows, in all (``""``) for the others."""

    def add(self, status: MessageStatus, number: int) -> bool:
        """Take a status in; tell whether it is new."""
        leg = self.legs.get(status.message_uuid)
        if leg is None and len(self.legs) < MOST_STATUSES:
            pair = ("pair", status.channel, status.to, status.from_)
            self.legs[status.message_uuid] = Leg(pair, status.timestamp, number)
        elif leg is not None and _is_earlier(status.timestamp, leg.since):
            self.legs[status.message_uuid] = attrs.evolve(leg, since=status.timestamp)
        key = _identity(status)
        # Counted apart, so that neither a long chain nor words of tomorrow can crowd out what is waited for.
        account = status.message_uuid if rank(status.status) else ""
        if key in self.statuses or self.kept[account] >= MOST_STATUSES:
            return False
        self.kept[account] += 1
        self.statuses[key] = status
        return True


@attrs.frozen
class _Recalled:
    """An inbound message out of a store."""

    number: int
    inbound: InboundMessage
    was_there: bool = attrs.field(kw_only=True)
    """Whether it stood there before the wait began."""


class Watch:
    """One wait: what it has heard, and not yet looked at."""

    def __init__(self, sent: Sent | str) -> None:
        self.message_uuid = sent if isinstance(sent, str) else sent.message_uuid
        self.workflow_id = None if isinstance(sent, str) else sent.workflow_id
        self.keys: set[Key] = set()
        self.story = Story()
        self.heard: list[tuple[int, InboundMessage]] = []
        self.reading = asyncio.Lock()
        """Held by whoever reads for it what a store has."""
        self.was_read = False
        self.recalled: OrderedDict[bytes, _Recalled] = OrderedDict()
        """Inbound messages out of a store, by their bodies."""
        self._changed = asyncio.Event()
        self._unread: list[MessageStatus] = []

    def first_keys(self) -> Iterator[Key]:
        """Give what is known from the start."""
        yield ("message", self.message_uuid)
        if self.workflow_id is not None:
            yield ("workflow", self.workflow_id)

    def add(self, status: MessageStatus, number: int) -> None:
        """Take a status in; one that is known by now changes nothing."""
        if self.story.add(status, number):
            self._unread.append(status)
            self._changed.set()

    def hear(self, inbound: InboundMessage, number: int) -> None:
        """Keep the first reply, however much else arrives before it is looked at."""
        if not self.heard and self.is_answered_by(inbound, number):
            self.heard.append((number, inbound))
            self._changed.set()

    def recall(self, body: bytes, inbound: InboundMessage, number: int) -> None:
        """Keep an inbound message out of a store: when a status tells between whom it goes, it may be the reply."""
        self.recalled[body] = _Recalled(number, inbound, was_there=not self.was_read)
        if len(self.recalled) > MOST_RECALLED:
            self.recalled.popitem(last=False)
        self._changed.set()

    def reply_among(self, others: Iterable[tuple[int, InboundMessage]]) -> InboundMessage | None:
        """Find the reply in what a store had, in what was heard, and among *others*."""
        for each in self.recalled.values():
            if self.is_answered_by(each.inbound, each.number, was_there=each.was_there):
                return each.inbound
        for number, inbound in (*self.heard, *others):
            if self.is_answered_by(inbound, number):
                return inbound
        return None

    async def next_statuses(self) -> list[MessageStatus]:
        """Wait for statuses that were not given yet. A cancelled wait loses none."""
        while not self._unread:  # ends: with a status, or with the caller's time limit
            await self.next_change()
        return self.unread_statuses()

    def unread_statuses(self) -> list[MessageStatus]:
        """Give the statuses that were not given yet."""
        unread, self._unread = self._unread, []
        return unread

    def wake(self) -> None:
        """Let who waits for a change look again."""
        self._changed.set()

    async def next_change(self) -> None:
        """Wait until something has happened since the last time."""
        await self._changed.wait()
        self._changed.clear()

    def is_failure(self, status: MessageStatus) -> bool:
        """
        Tell whether *status* says that nothing will arrive any more.

        In a failover chain only the last message can say so: the platform sends the next one when one is rejected.
        Where a status of a chain does not tell its place, more may follow.
        """
        if status.status not in FAILURES:
            return False
        place = status.workflow
        if place is not None and place.items_number is not None and place.items_total is not None:
            return place.items_number >= place.items_total
        return self.workflow_id is None and (place is None or place.workflow_id is None)

    def is_last(self, status: MessageStatus) -> bool:
        """Tell whether no further status is to be expected after *status*."""
        if status.status == "delivered":
            return status.channel in _DELIVERED_IS_LAST
        return status.status == "read" or self.is_failure(status)

    def is_answered_by(self, inbound: InboundMessage, number: int, *, was_there: bool = False) -> bool:
        """Tell whether *inbound*, event *number*, is a reply; *was_there* as in ``Leg.comes_before``."""
        if inbound.message_type == "reaction":
            return False
        quoted = None if inbound.context is None else inbound.context.message_uuid
        if quoted:
            return quoted == self.message_uuid or quoted in self.story.legs
        pair = ("pair", inbound.channel, inbound.from_, inbound.to)
        legs = self.story.legs.values()
        return any(leg.pair == pair and leg.comes_before(inbound, number, was_there=was_there) for leg in legs)


def _identity(status: MessageStatus) -> tuple[str, str, int | None]:
    return status.message_uuid, status.status, None if status.error is None else status.error.code


def _is_earlier(moment: datetime | None, other: datetime | None) -> bool:
    return moment is not None and (other is None or moment < other)
