"""
What has happened at the simulator, in order: a numbered entry for everything that somebody who watches wants to hear.

An entry says what kind of thing happened and to which message; the thing itself stands in ``state.py``. Whoever watches
names the last number that was seen and gets what came since; one who comes back after too long is told so, and starts
over. The journal is bounded: the oldest entries go first. It belongs to one event loop while somebody waits on it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE: Final = "message"
"""A message was accepted (a later one of a failover chain: was sent)."""
STATUS: Final = "status"
"""Something became of a message: it was submitted, delivered, read, rejected …"""
WRITTEN: Final = "written"
"""A person wrote."""
UPDATE: Final = "update"
"""A message was updated with ``PATCH``: marked as read, revoked."""
REFUSAL: Final = "refusal"
"""A request was answered with an error document; the id is that of the request."""
CALLBACK: Final = "callback"
"""A callback was tried."""
RELEASE: Final = "release"
"""A captured message was sent for real."""
FAULTS: Final = "faults"
"""The faults, or how messages fail, were changed."""
SETTINGS: Final = "settings"
"""Webhooks, rate, balance, people or the clock were changed."""
CLEARED: Final = "cleared"
"""Everything was forgotten: whoever watches starts over."""


@attrs.frozen(kw_only=True)
class Entry:
    """One thing that happened."""

    number: int
    """Counts from 1, without gaps, for as long as the simulator lives."""
    kind: str
    subject: str
    """The id of the message (of the request, for a refusal); empty where there is none."""


class Journal:
    """The last *maximum* entries. ``note`` adds one; ``since`` and ``wait`` serve whoever watches."""

    def __init__(self, maximum: int) -> None:
        # Texts, and no object for each entry: a hundred thousand of those make the garbage collector slower.
        self._kinds: deque[str] = deque(maxlen=maximum)
        self._subjects: deque[str] = deque(maxlen=maximum)
        self._last = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._listeners: list[Callable[[Entry], object]] = []

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 before the first."""
        return self._last

    def note(self, kind: str, subject: str = "") -> None:
        """Add an entry, and wake whoever waits."""
        self._last += 1
        self._kinds.append(kind)
        self._subjects.append(subject)
        if self._listeners:
            entry = Entry(number=self._last, kind=kind, subject=subject)
            for listener in self._listeners:
                listener(entry)
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def listen(self, listener: Callable[[Entry], object]) -> None:
        """Call *listener* with every entry from now on, at once: for an index that must never be behind."""
        self._listeners.append(listener)

    def since(self, number: int) -> list[Entry] | None:
        """
        Give the entries after *number*, oldest first.

        ``None`` where some of them are not held any more, or *number* is one that has not been given out: whoever
        asks has missed something, and starts over.
        """
        missed = self._last - number
        held = len(self._kinds)
        if not 0 <= missed <= held:
            return None
        kinds = islice(self._kinds, held - missed, None)
        subjects = islice(self._subjects, held - missed, None)
        numbers = range(number + 1, self._last + 1)
        return [
            Entry(number=each[0], kind=each[1], subject=each[2]) for each in zip(numbers, kinds, subjects, strict=True)
        ]

    async def wait(self, number: int) -> None:
        """Wait until there is an entry after *number*; return at once where there is one."""
        while self._last == number:  # ends: every note makes the last number a greater one
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)
