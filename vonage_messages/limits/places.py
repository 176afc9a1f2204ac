"""Those who wait, and where they stand: a ``Place``, the lanes of the priorities, and the lines of limits and pairs."""

from __future__ import annotations

import enum
import heapq
import math
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from vonage_messages.channels.base import Message
from vonage_messages.limits.buckets import Gate
from vonage_messages.values import Seconds


class Priority(enum.IntEnum):
    """How urgent a message is: a lower number leaves first."""

    HIGH = 0
    """A person is waiting: one-time codes, alarms."""

    NORMAL = 1
    BULK = 2
    """Nobody is waiting: newsletters, campaigns."""


PATIENCE: Final = (math.inf, 10, 20)
"""How many of higher priorities may leave in a row while a lane has somebody who might; by priority of the lane."""

Pair: TypeAlias = tuple[str, str, str]
"""Channel, sender and recipient: messages between the same two keep their order."""

Item: TypeAlias = Any
"""A ``Place``, or what ``Schedule(wrap=…)`` makes one of."""

_RUN: Seconds = 0.010


class Place:
    """
    Somebody who waits: a message, and what is to be known until it has been answered.

    ``owner``, ``options`` and ``doubt`` are for whoever made it, and nothing to the schedule.
    """

    __slots__ = (
        "attempts",
        "counted",
        "delayed",
        "doubt",
        "expires_at",
        "gates",
        "generation",
        "give_up_at",
        "granted_at",
        "keeps_order",
        "line",
        "message",
        "options",
        "owner",
        "pair",
        "parked",
        "priority",
        "refusals",
        "renewals",
        "seq",
        "since",
        "waiting",
    )

    def __init__(self, message: Message, priority: Priority, since: float, owner: Any = None) -> None:
        self.message = message
        self.priority = priority
        self.since = since
        """When it was added."""
        self.owner = owner
        self.options: Any = None
        self.doubt: Any = None
        """The error of an attempt that is repeated, although the message may have been accepted."""
        self.seq = 0
        """Its number: of two with the same priority the lower one goes first."""
        self.gates: tuple[Gate, ...] = ()
        self.generation = -1
        self.pair: Pair | None = None
        self.line: Gate | Pair | None = None
        """The line it stands in, or stepped out of to be asked."""
        self.parked = False
        self.delayed = False
        self.counted = False
        self.keeps_order = True
        """Whether the order of its pair matters."""
        self.attempts = 0
        self.refusals = 0
        self.renewals = 0
        self.granted_at = 0.0
        self.expires_at = math.inf
        """From when on it is not worth sending."""
        self.give_up_at = math.inf
        """Until when it is willing to wait."""
        self.waiting = True


class Lane:
    """Those of one priority who may be asked: the fresh ones in order, and those who stepped back, by number."""

    __slots__ = ("back", "fresh", "passed", "patience", "priority", "runs")

    def __init__(self, priority: Priority) -> None:
        self.priority = priority
        self.patience = PATIENCE[priority]
        self.fresh: deque[Item] = deque()
        self.runs: deque[list[Any]] = deque()
        """``[number of the first, how many, since when]`` of the fresh: most come one after another."""
        self.back: list[tuple[int, Place]] = []
        self.passed = 0

    def __len__(self) -> int:
        return len(self.fresh) + len(self.back)

    def append(self, item: Item, seq: int, now: float) -> None:
        """Add somebody fresh, with a number above all others."""
        self.fresh.append(item)
        if self.runs:
            run = self.runs[-1]
            if run[0] + run[1] == seq and now - run[2] < _RUN:
                run[1] += 1
                return
        self.runs.append([seq, 1, now])

    def pop(self) -> tuple[Item, int, float]:
        """Take whoever has the lowest number: the item, its number, and since when it waits."""
        back = self.back
        if back and (not self.runs or back[0][0] < self.runs[0][0]):
            seq, place = heapq.heappop(back)
            return place, seq, place.since
        run = self.runs[0]
        seq, since = run[0], run[2]
        run[0] += 1
        run[1] -= 1
        if not run[1]:
            self.runs.popleft()
        return self.fresh.popleft(), seq, since

    def numbers(self) -> Iterator[tuple[int, float]]:
        """Give number and age of each who is fresh."""
        for first, count, since in self.runs:
            for number in range(first, first + count):
                yield number, since


class Line:
    """Those who wait for one limit, by priority and number; at most one of each priority is out to be asked."""

    __slots__ = ("armed", "heaps", "out")

    def __init__(self) -> None:
        self.heaps: tuple[list[tuple[int, Place]], ...] = ([], [], [])
        self.out = [False, False, False]
        self.armed = False

    def is_over(self) -> bool:
        """Whether nobody stands in it, and nobody of it is out."""
        return not any(self.heaps) and not any(self.out)
