"""
The state of a limit: when its next place is free. Pure arithmetic; ``now`` is handed in.

``Bucket`` keeps a ``Rate`` by the generic cell rate algorithm, ``Window`` keeps a ``Cap`` by counting. Both answer
one question with one number, ``ready``: before that instant no place is free. A send that falls under several
limits compares all their numbers first and spends only when none lies ahead, so that nothing is spent in vain.

Instants are seconds on one clock that never runs backwards; which one is the caller's business.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.values import Seconds

SLICES = 1440
"""Into how many parts the window of a cap is cut: a minute of a day."""

_NEVER = -math.inf


class Bucket:
    """
    What is left of a rate.

    With *T* the interval and *tolerance* how far ahead a message may leave, ``ready`` moves on by *T* with each place
    that is spent, and never lies further back than ``now - tolerance``: that is the whole of the algorithm. Its
    well-known theoretical arrival time is ``ready + tolerance``.

    A new bucket has spent its burst at *since*: what a process before this one did is not known, and might have been
    all that was allowed.
    """

    __slots__ = ("closed_until", "interval", "key", "queued", "rate", "ready", "tolerance")

    def __init__(self, key: str, rate: Rate, since: float) -> None:
        self.key = key
        self.rate = rate
        self.interval: Seconds = rate.interval
        self.tolerance: Seconds = rate.tolerance
        self.ready = since
        self.closed_until = _NEVER
        """Until when it is, or was last, paused."""
        self.queued: list[int] | None = None
        """How many wait for this limit, by priority; ``None`` where nobody does: there may be very many limits."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r}, ready={self.ready:.3f})"

    def spend(self, now: float) -> None:
        """Take the place that is free: ``ready`` must not lie ahead of *now*."""
        earliest = now - self.tolerance
        self.ready = (max(earliest, self.ready)) + self.interval

    def give_back(self, spent_at: float, now: float) -> None:
        """
        Give back a place that was taken at *spent_at* and not used.

        What has passed since is gone: returning a place that would be free again by now anyway would make two of it.
        So is what was spent before a pause: nothing is owed for it behind the pause, and the pause is not cut short.
        """
        if spent_at > self.closed_until:
            self.ready -= max(0.0, self.interval - max(0.0, now - spent_at))

    def pause(self, until: float) -> None:
        """Have no place before *until*, and no burst then."""
        self.closed_until = max(self.closed_until, until)
        self.ready = max(self.ready, until)

    def hold(self, until: float) -> None:
        """Have no place before *until*, because others have them: whoever had his turn is not held back."""
        self.ready = max(self.ready, until)

    def wait_behind(self, others: int, now: float) -> Seconds:
        """Give the time until it is the turn of somebody whom *others* precede, if nobody else comes."""
        return max(0.0, max(self.ready, now - self.tolerance) + others * self.interval - now)

    def is_idle(self, now: float) -> bool:
        """Tell whether a new bucket would say the same."""
        return self.ready <= now - self.tolerance and self.interval == self.rate.interval


class Window:
    """
    What is left of a cap: how many left in each slice of the window.

    A cap must not be forgotten when the process ends. Where it is kept in a store, at most ``reserve`` may leave
    between one save and the next, and each save counts that many in advance: a process that is killed loses places,
    and never makes any.
    """

    __slots__ = (
        "cap", "closed_until", "count", "held_until", "interval", "key", "queued", "ready", "reserve", "slices",
        "unsaved", "width",
    )  # fmt: skip

    def __init__(self, key: str, cap: Cap) -> None:
        self.key = key
        self.cap = cap
        self.width = cap.per / SLICES
        self.interval: Seconds = 0.0
        """A cap gives its places one after another: there is no interval between them."""
        self.slices: deque[list[float]] = deque()
        """``[end of the slice, how many left in it]``, oldest first."""
        self.count = 0
        self.closed_until = _NEVER
        self.held_until = _NEVER
        self.ready = _NEVER
        self.queued: list[int] | None = None
        """See ``Bucket``."""
        self.reserve = math.inf
        self.unsaved = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r}, count={self.count}, of={self.cap.n})"

    def keep_in_store(self) -> None:
        """Let no more leave than a hundredth of the cap, at least one, before ``saved`` is called."""
        self.reserve = reserve_of(self.cap)
        self._settle()

    @property
    def needs_save(self) -> bool:
        """Tell whether half of what may leave before the next save has left."""
        return 2 * self.unsaved >= self.reserve

    def saved(self, number: int) -> None:
        """Note that *number* of those that were not saved are in the store now."""
        self.unsaved -= number
        self._settle()

    def spend(self, now: float) -> None:
        """Take a place: ``ready`` must not lie ahead of *now*."""
        self._forget(now)
        self._add_to(self._end_of_slice(now))
        self._settle()

    def move(self, spent_at: float, now: float) -> None:
        """Count a place that was taken at *spent_at* as one of now: it is used no sooner."""
        end = self._end_of_slice(now)
        if self._end_of_slice(spent_at) == end:
            return
        self.give_back(spent_at, now)
        self._add_to(end)
        self._settle()

    def give_back(self, spent_at: float, now: float) -> None:
        """Give back a place that was taken at *spent_at* and not used, if it still counts."""
        self._forget(now)
        counted_until = self._end_of_slice(spent_at)  # rounded: it may be that very instant
        if counted_until + self.cap.per <= now:
            return  # it counts no more: any other that was given back in its stead would be one too many
        for each in self.slices:
            if each[0] >= counted_until and each[1]:
                each[1] -= 1
                self.count -= 1
                break
        self._settle()

    def pause(self, until: float) -> None:
        """Have no place before *until*."""
        self.closed_until = max(self.closed_until, until)
        self._settle()

    def hold(self, until: float) -> None:
        """Have no place before *until*, because others have them: whoever had his turn is not held back."""
        self.held_until = max(self.held_until, until)
        self._settle()

    def add(self, slices: Iterable[tuple[float, int]], now: float) -> None:
        """Count what was counted elsewhere: ``(end of the slice, number)`` pairs."""
        counted = [*((end, int(number)) for end, number in self.slices), *slices]
        self.slices = deque([end, number] for end, number in sorted(counted))
        self.count = sum(number for _, number in counted)
        self._forget(now)
        self._settle()

    def is_idle(self, now: float) -> bool:
        """Tell whether a new window would say the same."""
        self._forget(now)
        return not self.slices and self.ready <= now

    def wait_behind(self, others: int, now: float) -> Seconds:
        """
        Give the time until it is the turn of somebody whom *others* precede, if nobody else comes.

        A save that is due is no wait to speak of.
        """
        # Whoever goes before takes a place that counts for a whole window then.
        windows, others = divmod(others, self.cap.n)
        return max(0.0, self._free_at(others) - now) + windows * self.cap.per

    def _add_to(self, end: float) -> None:
        """Count one more in the slice with that end, or in a later one."""
        if self.slices and self.slices[-1][0] >= end:
            self.slices[-1][1] += 1
        else:
            self.slices.append([end, 1])
        self.count += 1
        self.unsaved += 1

    def _end_of_slice(self, instant: float) -> float:
        return (math.floor(instant / self.width) + 1) * self.width

    def _forget(self, now: float) -> None:
        """Drop the slices whose last instant has left the window, and those that hold nothing."""
        while self.slices and (self.slices[0][0] + self.cap.per <= now or not self.slices[0][1]):
            self.count -= int(self.slices.popleft()[1])

    def _settle(self) -> None:
        """Work out when the next place is free: when enough of the oldest slices have left the window."""
        if self.unsaved >= self.reserve:
            self.ready = math.inf  # until it is saved
            return
        self.ready = self._free_at(0)

    def _free_at(self, others: int) -> float:
        """Give the instant from which on a place is free for somebody whom *others*, fewer than the cap, precede."""
        surplus = self.count + others - self.cap.n
        opens_at = max(self.closed_until, self.held_until)
        for end, number in self.slices:
            if surplus < 0:
                break
            surplus -= int(number)
            opens_at = max(opens_at, end + self.cap.per)
        return opens_at


def reserve_of(cap: Cap) -> int:
    """Tell how many may leave under *cap* between one save and the next: a hundredth of it, at least one."""
    return max(1, cap.n // 100)


Gate: TypeAlias = Bucket | Window
"""What may have to be waited for."""
