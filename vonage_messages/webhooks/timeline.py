"""
The order of the statuses of one message: every order of arrival ends alike.

The platform guarantees no order and may repeat itself, so the last status to arrive says little. The result is the
maximum of all that arrived: by rank, then by time, then by what is written. Reference: webhooks, "Status values".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from vonage_messages.webhooks.status import MessageStatus

RANKS: Mapping[str, int] = {"submitted": 1, "rejected": 2, "undeliverable": 2, "delivered": 3, "read": 4}
"""How much each status tells; a status that is not listed ranks 0, below all of them."""

FAILURES = frozenset({"rejected", "undeliverable"})
"""Statuses that say that the message did not arrive."""

_Key: TypeAlias = tuple[int, datetime, str, str]
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def rank(status: str) -> int:
    """Give the rank of *status*: unknown 0 < submitted < rejected = undeliverable < delivered < read."""
    return RANKS.get(status, 0)


class StatusTimeline:
    """
    What is known of one message.

    ``current`` is the status that counts, ``history`` everything in the order of arrival, repeats included.
    Of two statuses of one rank the later one counts, by their own timestamps.
    """

    __slots__ = ("_current", "_history", "_key")

    def __init__(self, events: Iterable[MessageStatus] = ()) -> None:
        self._history: list[MessageStatus] = []
        self._current: MessageStatus | None = None
        self._key: _Key = (-1, _BEFORE_ALL, "", "")
        for event in events:
            self.add(event)

    def add(self, event: MessageStatus) -> bool:
        """
        Take in a status that has arrived; tell whether it is the one that counts now.

        Raises:
            ValueError: *event* belongs to another message than those before it.
        """
        if self._history and event.message_uuid != self._history[0].message_uuid:
            raise ValueError(
                f"this is the timeline of message {self._history[0].message_uuid}, and the status is of "
                f"message {event.message_uuid}"
            )
        self._history.append(event)
        key = _key(event)
        if key <= self._key:
            return False
        self._current, self._key = event, key
        return True

    @property
    def current(self) -> MessageStatus | None:
        """The status that counts; ``None`` before the first one."""
        return self._current

    @property
    def status(self) -> str:
        """The word of ``current``; empty before the first one."""
        return "" if self._current is None else self._current.status

    @property
    def history(self) -> tuple[MessageStatus, ...]:
        """Every status in the order of its arrival."""
        return tuple(self._history)

    @property
    def failed(self) -> bool:
        """The message was rejected or is undeliverable, and nothing better is known."""
        return self.status in FAILURES

    def reached(self, status: str) -> bool:
        """Tell whether *status*, or one that ranks above it, has arrived; for an unknown status: it itself."""
        wanted = rank(status)
        if wanted == 0:
            return any(event.status == status for event in self._history)
        return self._current is not None and rank(self._current.status) >= wanted

    def __repr__(self) -> str:
        return f"StatusTimeline(status={self.status!r}, history={[event.status for event in self._history]!r})"


def _key(event: MessageStatus) -> _Key:
    """Order events totally, so that no two different ones change places with the order of arrival."""
    return rank(event.status), event.timestamp or _BEFORE_ALL, event.status, _spelled(event)


def _spelled(event: MessageStatus) -> str:
    try:
        return json.dumps(event.raw, sort_keys=True, default=repr)
    except (TypeError, ValueError):  # a mapping that was never JSON: keys of several types, or a cycle
        return repr(sorted(event.raw.items(), key=repr))
