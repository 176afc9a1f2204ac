"""
``LimitState``: what is left of every limit, and which of them stand in the way of a message.

The arithmetic of one limit stands in ``limits.buckets``, which limits there are in ``limits.levels``. Here they come
together: the gates of a message, what the platform teaches, and a snapshot that can be kept. Pure: ``now`` is handed
in, in seconds on a clock that never runs backwards.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol
from weakref import WeakSet

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.buckets import Bucket, Gate, Window, reserve_of
from vonage_messages.limits.departures import Departures
from vonage_messages.limits.levels import Limit, Limits, as_limits, own_levels, shared_levels
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.values import Seconds

SLOWEST = 64
"""A limit is slowed to no less than this part of what it allows: it must stay able to find out that it may go on."""

RECOVERY = 0.05
"""How much of its full rate a slowed limit wins back in each second (additive increase)."""

CALM: Seconds = 1.0
"""Refusals within this span are one: those of requests that were under way together say the same thing."""

LEARNED = {"sender": Rate(30), "pair": Rate(1, per=6.0)}
"""What a limit begins with that is known only because the platform complained; it is slowed at once."""

ACCOUNT = "account"
"""The key of the limit that every message falls under."""

MOST_LOSSES = 200
"""
Of how many unclean ends a snapshot tells. Each counts for a hundredth of a cap, rounded down, and at least for one: so
many use any cap up, and those before them could not be told from nothing.
"""

_SWEEP_AT_LEAST = 1024
_A_DAY: Seconds = 86_400.0

_Slices = list[tuple[float, int | None]]
"""``(end of the slice, how many left in it)``, or ``(instant of an unclean end, None)``."""


class HasLines(Protocol):
    """A schedule, as far as the state has to know of it."""

    def lines(self) -> Collection[object]:
        """Give the gates that somebody stands in line for."""

    def reopened(self, gate: Gate) -> None:
        """Note that *gate* may open sooner than it said."""

    def paused(self, gate: Gate, now: float) -> None:
        """Note that *gate* is closed longer than it said."""


@attrs.frozen
class _Slowed:
    """A limit that was too fast for the platform: what it allowed at an instant, from which on it wins back."""

    per_second: float
    since: float


class LimitState:
    """
    What is left of *limits*, from *now* on.

    What a process before this one has sent is not known unless ``load`` tells: every rate begins with its burst
    spent.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.generation = 0
        """Changes when a limit is learned or forgotten: gates that were looked up before may lack one."""

        self._began = now
        self._unknown_until = now
        self._gates: dict[str, Gate] = {}
        self._windows: dict[str, Window] = {}
        self._schedules: WeakSet[HasLines] = WeakSet()
        self._shared: dict[tuple[str, str, str], tuple[Gate, ...]] = {}
        self._slowed: dict[Bucket, _Slowed] = {}
        self._learned: dict[str, Bucket] = {}
        self._remembered_ready: dict[str, float] = {}
        self._remembered_counts: dict[str, _Slices] = {}
        self._sweep_at = _SWEEP_AT_LEAST
        self._pauses: dict[Gate, str] = {}
        self.departures: Departures | None = None
        """Kept from the moment on that something is done between turns and departures."""
        self._stored = False
        self._is_lost = False
        self._losses: list[float] = []
        """The ends of processes that may have sent something which no snapshot knows of, at the latest."""
        self._longest = max(
            (limit.per if isinstance(limit, Cap) else limit.tolerance for _, limit in limits.each()), default=0.0
        )
        self._has_own = bool(limits.pairs or limits.prefixes)
        self.account: tuple[Gate, ...] = tuple(
            self._gate(ACCOUNT if number == 1 else f"{ACCOUNT} #{number}", limit)
            for number, limit in enumerate(as_limits(limits.account), start=1)
        )
        """The gates that every message passes."""

    def __len__(self) -> int:
        return len(self._gates)

    def gates(self, message: Message) -> tuple[Gate, ...]:
        """Give the gates of *message* beside those of the account."""
        key = (message.channel, message.message_type, message.from_)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = tuple(self._shared_gates(message))
        if not self._has_own:
            return shared
        return shared + tuple(self._own_gates(message))

    def watch_departures(self) -> None:
        """Keep the limits at the instant at which messages leave, and not only at that of their turn."""
        if self.departures is None:
            self.departures = Departures()

    def join(self, schedule: HasLines) -> None:
        """Take in a schedule of those who wait under these limits; it leaves by being forgotten."""
        self._schedules.add(schedule)

    def give_back(self, gates: Iterable[Gate], spent_at: float, now: float) -> None:
        """Give back places that were taken at *spent_at* and not used."""
        for gate in gates:
            gate.give_back(spent_at, now)
            self._reopen(gate)

    def refused(self, now: float, pause: Seconds, per_second: float, why: str = "HTTP 429") -> None:
        """
        Learn from a 429: pause the account for *pause* seconds, and halve its rate.

        Refusals of requests that were under way together count as one. Where the account has no limit of its own, one
        is made of *per_second*, what was sent lately, and forgotten when that is won back.
        """
        if not any(isinstance(gate, Bucket) for gate in self.account):  # a cap has nothing that could be slowed
            bucket = self._learned[ACCOUNT] = Bucket(ACCOUNT, Rate(max(1.0, per_second)), now)
            self.account = (*self.account, bucket)
        for gate in self.account:
            self._pause(gate, now, now + pause, why)
            self._slow(gate, now)

    def pause_account(self, now: float, until: float, why: str) -> None:
        """Let nothing leave before *until*."""
        for gate in self.account:
            self._pause(gate, now, until, why)

    def hold(self, gate: Gate, now: float, until: float) -> None:
        """Give no turn under *gate* before *until*: other processes have its places. Nobody is told of a pause."""
        gate.hold(until)
        for schedule in self._schedules:
            schedule.paused(gate, now)

    def forget_the_unknown(self, now: float) -> None:
        """Take nothing for used: what was used before is known by somebody else, who is asked for each place."""
        self.load({"version": 1, "saved_at": 0.0, "last": True, "ready": {}, "counted": {}}, now, now)

    def slow(  # noqa: PLR0913  whom, for how long, and why
        self,
        level: Literal["sender", "pair"],
        *,
        channel: str,
        sender: str,
        recipient: str,
        pause: Seconds,
        now: float,
        why: str = "a status",
    ) -> list[str]:
        """
        Learn from a status: pause a sender, or a pair, for *pause* seconds, and halve its rate; gives their keys.

        Where no such limit is known, one is made, and forgotten when it has won back its full rate.
        """
        subject = RawMessage({"channel": channel, "message_type": "", "to": recipient, "from": sender})
        found = [gate for gate in self.gates(subject) if gate.key.startswith(f"{level} ")]
        if not any(isinstance(gate, Bucket) for gate in found):
            who = sender if level == "sender" else f"{sender}/{recipient}"
            found.append(self._learn(f"{level} {channel}/{who}", LEARNED[level], now))
        for gate in found:
            self._pause(gate, now, now + pause, why)
            self._slow(gate, now)
        return [gate.key for gate in found]

    def recover(self, now: float) -> None:
        """Let every slowed limit win back a part of its rate."""
        for bucket, slowed in list(self._slowed.items()):
            full = bucket.rate.n / bucket.rate.per
            per_second = slowed.per_second + RECOVERY * full * max(0.0, now - slowed.since)
            if per_second < full:
                bucket.interval = 1 / per_second
                continue
            bucket.interval = bucket.rate.interval
            if self._learned.get(bucket.key) is not bucket:
                del self._slowed[bucket]
            elif bucket.closed_until <= now:  # a pause must not be forgotten with what it stops
                del self._slowed[bucket], self._learned[bucket.key]
                self.account = tuple(gate for gate in self.account if gate is not bucket)
                self._renew()
                bucket.ready = min(bucket.ready, now)  # whoever stands in line for it still is to go first
                self._reopen(bucket)

    @property
    def slowed(self) -> tuple[str, ...]:
        """The keys of the limits that are slower than they should be, for now."""
        return tuple(bucket.key for bucket in self._slowed)

    def pauses(self, now: float) -> list[tuple[str, float, str]]:
        """List what is paused: the key of the limit, until when, and why."""
        self._pauses = {gate: why for gate, why in self._pauses.items() if gate.closed_until > now}
        return [(gate.key, gate.closed_until, why) for gate, why in self._pauses.items()]

    def sweep(self, now: float, keep: Container[object] = ()) -> None:
        """
        Forget the pairs that are as good as new, now and then: memory follows those that are busy.

        *keep*: those for which somebody stands in line, beside the schedules that have joined.
        """
        if len(self._gates) < self._sweep_at:
            return
        kept = [keep, *(schedule.lines() for schedule in self._schedules)]
        idle = [
            key
            for key, gate in self._gates.items()
            if key.startswith("pair ") and gate.is_idle(now) and not any(gate in lines for lines in kept)
        ]
        for key in idle:
            del self._gates[key]
            self._windows.pop(key, None)
        if idle:
            self._renew()
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._gates))

    @property
    def windows(self) -> Collection[Window]:
        """The caps that something was counted for."""
        return self._windows.values()

    def keep_in_store(self) -> None:
        """Let only so much leave between two saves as each save counts in advance: see ``Window``."""
        self._stored = True
        for window in self.windows:
            window.keep_in_store()

    def snapshot(self, now: float, unix_now: float, *, last: bool = False) -> dict[str, Any]:
        """
        Write down what is left, as JSON with instants in unix seconds. What is as good as new is left out.

        *last* says that nothing will be sent behind it: it counts nothing in advance.
        """
        self.recover(now)
        offset = unix_now - now
        oldest = now - max(_A_DAY, self._longest)
        ready = {key: instant for key, instant in self._remembered_ready.items() if instant > oldest}
        counted: dict[str, _Slices] = {
            key: kept
            for key, slices in self._remembered_counts.items()
            if (kept := [each for each in slices if each[0] > oldest])
        }
        for key, gate in (*self._gates.items(), *self._learned.items()):
            if isinstance(gate, Window):
                # One that is empty is named, too, while others that are not named may have lost something.
                if not gate.is_idle(now) or self._losses:
                    counted[key] = [(end, int(number)) for end, number in gate.slices]
                ready[key] = max(ready.get(key, -math.inf), gate.closed_until)
            elif not gate.is_idle(now):
                ready[key] = max(ready.get(key, -math.inf), gate.ready)
        return {
            "version": 1,
            "saved_at": unix_now,
            "last": last,
            "ready": {key: instant + offset for key, instant in ready.items() if math.isfinite(instant)},
            "counted": {key: [[end + offset, number] for end, number in slices] for key, slices in counted.items()},
            "losses": [instant + offset for instant in self._losses if instant > oldest],
        }

    def load(self, snapshot: Mapping[str, Any], now: float, unix_now: float) -> None:
        """
        Take over what a snapshot says. From here on, a limit that it does not name is known to be unused.

        No place comes free earlier by what it says of a limit: what this process has spent stays spent. If the clock
        of the machine was set back since, the time in between counts as none. Behind a snapshot that was not the last
        one of its process more may have left: rates are taken for spent to the last, up to this instant, and caps for
        used as far as they could be.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is no snapshot. Nothing was taken over.
        """
        if snapshot["version"] != 1:
            raise ValueError(f"a snapshot of version {snapshot['version']!r} is not known")
        offset = now - max(unix_now, _finite(snapshot["saved_at"]))
        last = bool(snapshot["last"])
        ready = {str(key): _finite(instant) + offset for key, instant in snapshot["ready"].items()}
        counted: dict[str, _Slices] = {
            str(key): [(_finite(end) + offset, _count(number)) for end, number in slices]
            for key, slices in snapshot["counted"].items()
        }
        losses = sorted(_finite(instant) + offset for instant in snapshot.get("losses", ()))
        if not last:
            for slices in counted.values():
                _add_loss(slices, now)
            losses.append(now)
        self._remembered_ready, self._remembered_counts = ready, counted
        self._losses = losses[-MOST_LOSSES:]
        self._unknown_until = -math.inf if last else now
        self._is_lost = not last
        for gate in self._gates.values():
            if isinstance(gate, Bucket):
                if not last:
                    gate.ready = max(gate.ready, now + gate.interval)
                elif gate.ready == self._began:  # nothing was spent yet: it was only taken for spent
                    gate.ready = -math.inf
            self._remember(gate, now)

    def _pause(self, gate: Gate, now: float, until: float, why: str) -> None:
        if until > max(now, gate.closed_until):
            if len(self._pauses) >= _SWEEP_AT_LEAST:
                self.pauses(now)
            self._pauses[gate] = why
        gate.pause(until)
        for schedule in self._schedules:
            schedule.paused(gate, now)

    def _reopen(self, gate: Gate) -> None:
        for schedule in self._schedules:
            schedule.reopened(gate)

    def _shared_gates(self, message: Message) -> Iterator[Gate]:
        for key, limit in shared_levels(self.limits, message):
            yield self._gate(key, limit)
        learned = self._learned.get(f"sender {message.channel}/{message.from_}")
        if learned is not None:
            yield learned

    def _own_gates(self, message: Message) -> Iterator[Gate]:
        for key, limit in own_levels(self.limits, message):
            yield self._gate(key, limit)
        if self._learned:
            learned = self._learned.get(f"pair {message.channel}/{message.from_}/{message.to}")
            if learned is not None:
                yield learned

    def _gate(self, key: str, limit: Limit) -> Gate:
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = self._new_gate(key, limit)
        return gate

    def _new_gate(self, key: str, limit: Limit) -> Gate:
        if isinstance(limit, Rate):
            since = self._unknown_until + limit.interval if self._is_lost else self._unknown_until
            gate: Gate = Bucket(key, limit, since)
        else:
            gate = self._windows[key] = Window(key, limit)
        self._remember(gate, self._began)
        if self._stored and isinstance(gate, Window):
            gate.keep_in_store()
        return gate

    def _remember(self, gate: Gate, now: float) -> None:
        """Put what a snapshot says of a gate into it."""
        if isinstance(gate, Window):
            slices = self._remembered_counts.pop(gate.key, None)
            if slices is None:
                slices = [(instant, None) for instant in self._losses]
            if slices:
                # As many as may have left behind a snapshot, as late as they can have left.
                lost = reserve_of(gate.cap)
                gate.add([(at + gate.width, lost) if number is None else (at, number) for at, number in slices], now)
        remembered = self._remembered_ready.pop(gate.key, None) if self._remembered_ready else None
        if remembered is not None:
            if remembered > now + gate.interval:  # more than what the last message used up
                self._pauses[gate] = "it was paused, or used up, before this process began"
            gate.pause(remembered)

    def _learn(self, key: str, rate: Rate, now: float) -> Bucket:
        bucket = self._learned[key] = Bucket(key, rate, now)
        self._renew()
        return bucket

    def _renew(self) -> None:
        """Have every message look its gates up anew."""
        self.generation += 1
        self._shared.clear()
        self._has_own = bool(self.limits.pairs or self.limits.prefixes or self._learned)

    def _slow(self, gate: Gate, now: float) -> None:
        """Halve the rate of a gate, once for all refusals of one moment; a cap has no rate."""
        if not isinstance(gate, Bucket):
            return
        last = self._slowed.get(gate)
        if last is not None and now - last.since < CALM:
            if gate.ready > last.since:
                self._slowed[gate] = _Slowed(1 / gate.interval, gate.ready)
            return
        full = gate.rate.n / gate.rate.per
        per_second = max(full / SLOWEST, 0.5 / gate.interval)
        gate.interval = 1 / per_second
        # A pause is no proof that the rate is right again: winning back begins behind it.
        self._slowed[gate] = _Slowed(per_second, max(now, gate.ready))


def _add_loss(slices: _Slices, instant: float) -> None:
    """Add an unclean end to what was counted; too many of them use any cap up, and the oldest goes."""
    earlier = [each for each in slices if each[1] is None]
    if len(earlier) >= MOST_LOSSES:
        slices.remove(min(earlier))
    slices.append((instant, None))


def _count(number: Any) -> int | None:
    return None if number is None else int(_finite(number))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no instant")
    return number
