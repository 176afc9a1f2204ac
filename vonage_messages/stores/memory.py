"""``MemorySharedLimits``: limits for the threads of one process, and for tests."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from vonage_messages.limits.shared import HORIZON, SharedBook, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonage_messages.limits.shared import SharedLimit
    from vonage_messages.values import Seconds

_SWEEP_AT_LEAST = 1024


class MemorySharedLimits:
    """
    A ``SharedLimitStore`` in memory: for threads that each run an event loop and a ``SharedLimiter`` of their own.

    It lives as long as this object does: rates begin with their burst spent, and caps count from then on. *clock* gives
    seconds, and is never set back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._book: SharedBook | None = None
        self._locked = threading.Lock()
        self._longest = 0.0
        self._sweep_at = _SWEEP_AT_LEAST

    @property
    def is_open(self) -> bool:
        """Whether it is ready to work: always."""
        return True

    async def open(self) -> None:
        """Do nothing: there is nothing to be opened."""

    async def close(self) -> None:
        """Do nothing: what is known stays known, for the others."""

    async def take(self, wanted: Sequence[Sequence[SharedLimit]], /, *, horizon: Seconds = HORIZON) -> list[Verdict]:
        """Take a place under all limits of each message, in their order; give a verdict for each."""
        with self._locked:
            now = self._clock()
            book = self._book_from(now)
            for limits in wanted:
                for limit in limits:
                    self._longest = max(self._longest, limit.tolerance + limit.interval, 2 * limit.per)
            if len(book) >= self._sweep_at:
                book.sweep(now, self._longest)
                self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(book))
            return book.take(wanted, now, horizon)

    async def pause(self, keys: Mapping[str, Seconds], /) -> None:
        """Have no place under these limits for so many seconds from now, and no burst then."""
        with self._locked:
            now = self._clock()
            for key, span in keys.items():
                self._book_from(now).pause(key, now + span)

    def _book_from(self, now: float) -> SharedBook:
        """Give the book; it begins with its first use, because clocks may belong to an event loop."""
        if self._book is None:
            self._book = SharedBook(now)
        return self._book
