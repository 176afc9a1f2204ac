"""
Who goes next: priorities, limits, and order within a pair. Pure: ``now`` is handed in, and nothing waits here.

Theory of operation.

1. Whoever waits stands in one of three *lanes*, one for each ``Priority``. ``take`` gives the first of the highest
   lane that every limit has a place for, and spends those places: all, or none.
2. A head that a limit holds up does not hold up its lane: it steps aside to the *line* of that limit, and everyone
   behind it who needs the same limit goes there without being asked. When the limit has a place again, the head of
   its line steps back into the lane, by its number, which it got when it was added. So each is moved once or twice,
   however many wait, and nobody waits for a limit that is not its own.
3. Between one sender and one recipient the order is kept, within a priority: while a message is on its way, the next
   to the same recipient waits in the line of the *pair*, until the first has been answered.
   Where a channel has limits for some message types only (``messenger/audio,video``), a message that waits for such a
   limit *holds* its pair meanwhile: the text behind the video must not overtake it by needing less.
4. A higher lane goes first, but not for ever: a lane in which somebody might leave, and that has been passed by
   ``PATIENCE`` times in a row, goes next.
5. A lane holds what it was given: a message, a future, or a ``Place``. The place of what waits in an open lane is made
   when its turn comes, because most of a million waiting messages differ in nothing but their number (8 bytes each
   instead of 150).

The account's limits stand before all lanes: while they are closed nobody is looked at.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterator
from typing import Final

from vonage_messages.limits.buckets import Gate
from vonage_messages.limits.places import Item, Pair, Place, Priority
from vonage_messages.limits.rows import Rows
from vonage_messages.limits.state import LimitState
from vonage_messages.values import Seconds

_PRIORITIES: Final = tuple(Priority)
_FEW = 1024
_MOST_LOOKS = 1024
"""How many one ``take`` looks at: a long row of people who wait for the same limit must not hold the event loop up."""


class Schedule(Rows):
    """
    Those who wait under *state*, and the order in which they leave.

    *wrap* makes a ``Place`` of what ``add_plain`` was given, when its turn comes: ``wrap(item, priority, since)``.
    *wanted* says whether somebody still waits for it.
    """

    def __init__(
        self,
        state: LimitState,
        wrap: Callable[[Item, Priority, float], Place] = Place,
        wanted: Callable[[Item], bool] = lambda _item: True,
    ) -> None:
        super().__init__(state, wrap, wanted)
        state.join(self)

    def __len__(self) -> int:
        return self.waiting

    def lines(self) -> Collection[Gate | Pair]:
        """Give what somebody stands in line for."""
        return self._lines.keys()

    def count(self, priority: Priority) -> int:
        """Count those of *priority* who wait. Slow where many lines are: for people to look at."""
        items = (*self._lanes[priority].fresh, *(place for _, place in self._lanes[priority].back))
        parked = (place for line in self._lines.values() for _, place in line.heaps[priority])
        delayed = (place for _, _, place in self._delayed if place.priority is priority)
        late = (place for place in self._late if place.priority is priority)
        return sum(self._is_wanted(item) for item in (*items, *parked, *delayed, *late))

    def add_plain(self, item: Item, priority: Priority, now: float) -> None:
        """Add something that has no limits of its own and no end: no ``Place`` is made of it yet."""
        self._seq += 1
        self.waiting += 1
        self._lanes[priority].append(item, self._seq, now)

    def add(self, place: Place) -> None:
        """Add a place, with whatever ends it has."""
        self._look_up(place)  # first: a message of somebody's own class may fail here, and is then not in
        self._seq += 1
        self.waiting += 1
        place.seq = self._seq
        self._watch_end(place)
        # Where a pair is held, only its turn tells who of it is first.
        for gate in () if self._is_typed(place) else place.gates:
            line = self._lines.get(gate)
            if line is not None and line.heaps[place.priority]:
                self._park(place, gate)
                return
        self._count(place, 1)
        self._lanes[place.priority].append(place, place.seq, place.since)

    def take(self, now: float) -> Place | None:
        """
        Give whoever leaves now, with a place under every limit that it falls under; or nobody.

        The pair is busy until ``settle`` or ``again`` is told what became of it. Whose time has run out does not leave
        any more: ``overdue`` gives them.
        """
        for gate in self.state.account:
            if gate.ready > now:
                return None
        for _ in range(_MOST_LOOKS):
            if self._timed or self._delayed:
                self._wake(now)
            place = self._pop()
            if place is None:
                if self._timed and self._timed[0][0] <= now:
                    continue  # a line was armed while those who were dropped were thrown away
                return None
            if place.expires_at <= now or place.give_up_at <= now:
                self._put_aside(place)
                continue
            obstacle = self._obstacle(place, now)
            if obstacle is None:
                self._grant(place, now)
                return place
            if not isinstance(obstacle, tuple) and self._is_hopeless(place, obstacle, now):
                self._put_aside(place)
                continue
            self._park(place, obstacle)
        return None

    def give_back(self, place: Place, now: float) -> None:
        """Give the places under the limits back that were granted to *place* and not used."""
        self.state.give_back((*self.state.account, *place.gates), place.granted_at, now)

    def reopened(self, gate: Gate) -> None:
        """Note that *gate* may open sooner than it said."""
        line = self._lines.get(gate)
        if line is not None:
            line.armed = False
            self._arm(gate, line)

    def paused(self, gate: Gate, now: float) -> None:
        """Note that *gate* is closed longer than it said: who cannot wait for it is given by ``overdue`` at once."""
        line = self._lines.get(gate)
        for heap in () if line is None else line.heaps:
            self._hopeless += [place for _, place in heap if self._is_hopeless(place, gate, now)]

    def again(self, place: Place, at: float) -> None:
        """
        Put *place* where it was, to be asked from the instant *at* on.

        Its number is its own, so it goes before whoever came later; its pair stays closed until then.
        """
        place.waiting = place.delayed = True
        self.waiting += 1
        self._ticket += 1
        heapq.heappush(self._delayed, (at, self._ticket, place))
        self._watch_end(place)

    def drop(self, place: Place) -> bool:
        """Let *place* go without its message; false where it has left already. The room it took is free at once."""
        if not place.waiting:
            return False
        place.waiting = False
        if place.parked:
            self._count_at(place, -1)
        else:
            self._count(place, -1)
        if place.delayed:
            place.delayed = False
            self.settle(place)
        self._let_go(place)
        self.drop_plain()
        return True

    def drop_plain(self) -> None:
        """Note that something given to ``add_plain`` is not wanted any more."""
        self.waiting -= 1
        self._dropped += 1
        if self._dropped > _FEW and self._dropped > self.waiting:
            self._compact()

    def overdue(self, now: float) -> Iterator[Place]:
        """
        Give those whose time has run out while they waited, or will have before a limit opens; they are dropped.

        What is given back may let a place come free earlier than it was to be; nobody is kept for that.
        """
        while self._late:
            place = self._late.pop()
            self._dropped -= 1  # it stands nowhere else
            if self.drop(place):
                yield place
        while self._hopeless:
            place = self._hopeless.pop()
            if self.drop(place):
                yield place
        if not self._ends:
            return
        for gate in self.state.account:
            now = max(now, now + gate.wait_behind(0, now))
        while self._ends and self._ends[0][0] <= now:
            place = heapq.heappop(self._ends)[2]
            if self.drop(place):
                yield place

    def next_time(self, now: float) -> float:
        """Give the instant at which ``take`` may have somebody: *now* or later, or infinity."""
        soonest = math.inf
        if any(self._lanes):
            soonest = now
        if self._timed:
            soonest = min(soonest, self._timed[0][0])
        if self._delayed:
            soonest = min(soonest, self._delayed[0][0])
        if soonest == math.inf:
            return soonest
        for gate in self.state.account:
            soonest = max(soonest, gate.ready)
        return max(now, soonest)

    def next_end(self) -> float:
        """Give the instant from which on ``overdue`` has somebody, or infinity."""
        if self._late or self._hopeless:
            return 0.0
        while self._ends and not self._ends[0][2].waiting:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else math.inf

    def forecast(self, place: Place, now: float) -> tuple[Seconds, str]:
        """
        Say how long *place*, which was just added, will have to wait, as far as can be known, and for which limit.

        Those whom another limit holds up are not counted: they will not be in its way.
        """
        longest, key = 0.0, ""
        ahead = sum(len(self._lanes[priority]) for priority in _PRIORITIES[: place.priority + 1])
        ahead = min(ahead, self.waiting)  # the lanes may still hold what was dropped
        counts = [(gate, ahead - (not place.parked)) for gate in self.state.account]
        counts += [(gate, self._ahead_at(gate, place) - 1) for gate in place.gates]
        for gate, others in counts:
            wait = gate.wait_behind(max(0, others), now)
            if wait > longest:
                longest, key = wait, gate.key
        return longest, key

    def drain(self) -> Iterator[Place]:
        """Let everybody go without a message: those whom nobody wants any more are not given."""
        gone = [place for place in list(self._everybody()) if self.drop(place)]
        for lane in self._lanes:
            lane.fresh.clear()
            lane.runs.clear()
            lane.back.clear()
        # A line whose first has stepped out would wait for ever for what has just been let go.
        for remembered in (self._lines, self._timed, self._delayed, self._ends, self._late, self._hopeless, self._held):
            remembered.clear()
        self._dropped = 0
        return iter(gone)

    def sweep(self, now: float) -> None:
        """Forget the limits of single recipients that are as good as new, now and then."""
        self.state.sweep(now, keep=self._lines)

    def _everybody(self) -> Iterator[Place]:
        for priority in _PRIORITIES:
            lane = self._lanes[priority]
            for item, (seq, since) in zip(lane.fresh, lane.numbers(), strict=True):
                if self._is_wanted(item):
                    yield self._place(item, priority, seq, since)
            yield from (place for _, place in lane.back)
            lane.fresh.clear()
            lane.runs.clear()
        for line in self._lines.values():
            for heap in line.heaps:
                yield from (place for _, place in heap)
        yield from (place for _, _, place in self._delayed)
        yield from self._late

    def _obstacle(self, place: Place, now: float) -> Gate | Pair | None:
        """Find what *place* has to wait for: the limit that is closed longest, or those who were there before."""
        if place.generation != self.state.generation:
            if place.counted:
                self._count(place, -1)
            self._look_up(place)
        pair, lines = place.pair, self._lines
        if pair is not None and self._typed and self._is_typed(place) and not self._may_hold(place, pair):
            return pair
        latest, obstacle = now, None
        for gate in place.gates:
            if gate.ready > latest:
                latest, obstacle = gate.ready, gate
            elif obstacle is None and lines and self._is_behind(place, gate):
                obstacle = gate
        if obstacle is not None:
            return obstacle
        if pair is not None and (pair in self._busy or (lines and self._is_behind(place, pair))):
            return pair
        return None

    def _is_typed(self, place: Place) -> bool:
        """Tell whether messages of one pair may fall under different limits: then whoever waits holds the pair."""
        return bool(self._typed) and place.pair is not None and place.pair[0] in self._typed

    def _may_hold(self, place: Place, pair: Pair) -> bool:
        """Let *place* hold its pair, among those of its priority, until it has left; false where another does."""
        return pair not in self._busy and self._held.setdefault((pair, place.priority), place) is place

    def _let_go(self, place: Place) -> None:
        """Let the next of its pair hold it."""
        pair = place.pair
        if pair is None or not self._held or self._held.get((pair, place.priority)) is not place:
            return
        del self._held[pair, place.priority]
        if pair in self._lines and pair not in self._busy:
            self._offer(pair)

    def _is_hopeless(self, place: Place, gate: Gate, now: float) -> bool:
        """Tell whether somebody's time runs out before *gate* opens."""
        end = min(place.expires_at, place.give_up_at)
        return end < math.inf and place.waiting and now + gate.wait_behind(0, now) >= end

    def _put_aside(self, place: Place) -> None:
        """Keep somebody whose time has run out for ``overdue``."""
        self._leave_line(place)
        self._count(place, -1)
        self._late.append(place)

    def _is_behind(self, place: Place, key: Gate | Pair) -> bool:
        """Tell whether somebody older of the same priority waits in a line."""
        line = self._lines.get(key)
        if line is None:
            return False
        heap = line.heaps[place.priority]
        return bool(heap) and heap[0][0] < place.seq

    def _grant(self, place: Place, now: float) -> None:
        for gate in self.state.account:
            gate.spend(now)
        if place.gates:
            self._count(place, -1)
            for gate in place.gates:
                gate.spend(now)
        if self.state.departures is not None:
            self.state.departures.granted((*self.state.account, *place.gates), now)
        place.waiting = False
        place.granted_at = now
        self.waiting -= 1
        if place.pair is not None:
            self._busy[place.pair] = place
            if self._held:
                self._let_go(place)
        if place.line is not None:
            self._leave_line(place)
        self._lanes[place.priority].passed = 0
        for lane in self._below[place.priority]:
            if lane.fresh or lane.back:
                lane.passed += 1

    def _look_up(self, place: Place) -> None:
        message = place.message
        place.gates = self.state.gates(message)
        place.generation = self.state.generation
        if place.keeps_order:
            sender, recipient = message.from_, message.to
            place.pair = (message.channel, sender, recipient) if sender and recipient else None

    def _ahead_at(self, gate: Gate, place: Place) -> int:
        """Count those who wait for a limit with *place*, itself among them."""
        return 0 if gate.queued is None else sum(gate.queued[: place.priority + 1])
