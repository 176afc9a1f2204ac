"""
Where those who wait stand: in the lanes of their priorities, in the lines of what holds them up, or aside for a time.

It is the lower of two floors of a ``Schedule``, which says who leaves.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

from vonage_messages.limits.buckets import Bucket, Gate, Window
from vonage_messages.limits.levels import typed_channels
from vonage_messages.limits.places import Item, Lane, Line, Pair, Place, Priority
from vonage_messages.limits.state import LimitState

_Entry = TypeVar("_Entry", bound=tuple[Any, ...])

_PRIORITIES: Final = tuple(Priority)
_FEW = 1024
_NOBODY = [0, 0, 0]


class Rows:
    """The lanes and lines of those who wait under *state*; see ``Schedule`` for *wrap* and *wanted*."""

    def __init__(
        self,
        state: LimitState,
        wrap: Callable[[Item, Priority, float], Place],
        wanted: Callable[[Item], bool],
    ) -> None:
        self.state = state
        self._wrap = wrap
        self._wanted = wanted
        self._lanes = tuple(Lane(priority) for priority in _PRIORITIES)
        self._below = tuple(self._lanes[priority + 1 :] for priority in _PRIORITIES)
        self._lines: dict[Gate | Pair, Line] = {}
        self._timed: list[tuple[float, int, Gate]] = []
        self._delayed: list[tuple[float, int, Place]] = []
        self._ends: list[tuple[float, int, Place]] = []
        self._late: list[Place] = []
        """Who was asked too late; they stand nowhere else."""
        self._hopeless: list[Place] = []
        """Who stands in a line that was closed for longer than they can wait."""
        self._busy: dict[Pair, Place] = {}
        self._held: dict[tuple[Pair, Priority], Place] = {}
        self._typed = typed_channels(state.limits)
        self._seq = 0
        self._ticket = 0
        self._dropped = 0
        self.waiting = 0
        """How many wait."""

    def settle(self, place: Place) -> None:
        """Note that *place* has been answered: the next of its pair may go."""
        pair = place.pair
        if pair is not None and self._busy.get(pair) is place:
            del self._busy[pair]
            if self._lines and pair in self._lines:
                self._offer(pair)

    def _pop(self) -> Place | None:
        """Take the next who may be asked out of the lanes."""
        while (lane := self._choose()) is not None:  # ends: each pass takes one out of a lane
            item, seq, since = lane.pop()
            if item.__class__ is not Place:
                if self._wanted(item):
                    return self._place(item, lane.priority, seq, since)
                self._dropped -= 1
            elif item.waiting:
                place: Place = item
                return place
            else:
                self._dropped -= 1
                self._leave_line(item)
        return None

    def _choose(self) -> Lane | None:
        """Choose the lane: the highest that is not empty, or one that has been patient long enough."""
        chosen = None
        for lane in self._lanes:
            if lane.fresh or lane.back:
                if chosen is None:
                    chosen = lane
                elif lane.passed >= lane.patience:
                    return lane
        return chosen

    def _is_wanted(self, item: Item) -> bool:
        if item.__class__ is Place:
            return bool(item.waiting)
        return self._wanted(item)

    def _place(self, item: Item, priority: Priority, seq: int, since: float) -> Place:
        place: Place = item if item.__class__ is Place else self._wrap(item, priority, since)
        place.seq = seq
        return place

    def _park(self, place: Place, key: Gate | Pair) -> None:
        """Let *place* step aside to the line of what holds it up."""
        self._leave_line(place)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line()
        self._count(place, -1)
        heapq.heappush(line.heaps[place.priority], (place.seq, place))
        place.line = key
        place.parked = True
        self._count_at(place, 1)
        if not isinstance(key, tuple):
            self._arm(key, line)
        elif self._held.get((key, place.priority)) is place:
            del self._held[key, place.priority]  # the pair is busy; afterwards this one is offered first

    def _leave_line(self, place: Place) -> None:
        """Let the line that *place* came out of send its next."""
        key, place.line = place.line, None
        line = None if key is None else self._lines.get(key)
        if line is None or key is None:
            return
        line.out[place.priority] = False
        if line.is_over():
            del self._lines[key]
        elif not isinstance(key, tuple):
            self._arm(key, line)
        elif key not in self._busy:
            self._offer(key)

    def _arm(self, gate: Gate, line: Line) -> None:
        """Have the line of *gate* looked at when it opens."""
        if line.armed:
            return
        line.armed = True
        self._ticket += 1
        heapq.heappush(self._timed, (gate.ready, self._ticket, gate))

    def _wake(self, now: float) -> None:
        """Let those whose time has come step back into their lanes."""
        delayed = self._delayed
        while delayed and delayed[0][0] <= now:
            place = heapq.heappop(delayed)[2]
            if not place.waiting:
                self._dropped -= 1
                continue
            place.delayed = False
            self._count(place, 1)
            heapq.heappush(self._lanes[place.priority].back, (place.seq, place))
            self.settle(place)
        timed = self._timed
        while timed and timed[0][0] <= now:
            gate = heapq.heappop(timed)[2]
            line = self._lines.get(gate)
            if line is None:
                continue
            line.armed = False
            if gate.ready > now:
                self._arm(gate, line)
            else:
                self._offer(gate)

    def _offer(self, key: Gate | Pair) -> None:
        """Let the first of each priority step out of a line, to be asked."""
        line = self._lines[key]
        for priority in _PRIORITIES:
            if line.out[priority] or (self._held and (key, priority) in self._held):
                continue
            place = self._first_of(line.heaps[priority])
            if place is None:
                continue
            self._count_at(place, -1)
            place.parked = False
            self._count(place, 1)
            line.out[priority] = True
            heapq.heappush(self._lanes[priority].back, (place.seq, place))
        if line.is_over():
            del self._lines[key]

    def _first_of(self, heap: list[tuple[int, Place]]) -> Place | None:
        while heap:
            place = heapq.heappop(heap)[1]
            if place.waiting:
                return place
            self._dropped -= 1
        return None

    def _watch_end(self, place: Place) -> None:
        end = min(place.expires_at, place.give_up_at)
        if end == math.inf:
            return
        if len(self._ends) > _FEW + 2 * self.waiting:  # most of them have left, long before their end
            self._ends = [entry for entry in self._ends if entry[2].waiting]
            heapq.heapify(self._ends)
        self._ticket += 1
        heapq.heappush(self._ends, (end, self._ticket, place))

    def _count(self, place: Place, change: int) -> None:
        """Count *place* at all its limits, or no longer."""
        if place.counted is (change > 0):
            return
        place.counted = change > 0
        for gate in place.gates:
            _count_at(gate, place.priority, change)

    def _count_at(self, place: Place, change: int) -> None:
        """Count *place* at the limit whose line it stands in, or no longer: the others do not hold it up."""
        gate = place.line
        if isinstance(gate, (Bucket, Window)):
            _count_at(gate, place.priority, change)

    def _compact(self) -> None:
        """Let go of what was dropped, when that is more than what waits."""
        for lane in self._lanes:
            kept = [
                (item, seq, since)
                for item, (seq, since) in zip(lane.fresh, lane.numbers(), strict=True)
                if self._is_wanted(item)
            ]
            lane.fresh.clear()
            lane.runs.clear()
            for item, seq, since in kept:
                lane.append(item, seq, since)
        for line in self._lines.values():
            for heap in line.heaps:
                _keep(heap, lambda entry: entry[1].waiting)
        _keep(self._ends, lambda entry: entry[2].waiting)
        _keep(self._delayed, lambda entry: entry[2].waiting)
        self._late = [place for place in self._late if place.waiting]
        self._dropped = 0
        gone = [place for lane in self._lanes for _, place in lane.back if not place.waiting]
        for lane in self._lanes:
            _keep(lane.back, lambda entry: entry[1].waiting)
        for place in gone:
            self._leave_line(place)
        for key in [key for key, line in self._lines.items() if line.is_over()]:
            del self._lines[key]


def _count_at(gate: Gate, priority: Priority, change: int) -> None:
    """Count somebody who waits for *gate*, or no longer."""
    queued = gate.queued
    if queued is None:
        queued = gate.queued = [0, 0, 0]
    queued[priority] += change
    if queued == _NOBODY:
        gate.queued = None


def _keep(heap: list[_Entry], is_kept: Callable[[_Entry], bool]) -> None:
    """Leave only those in *heap* that are kept."""
    heap[:] = filter(is_kept, heap)
    heapq.heapify(heap)
