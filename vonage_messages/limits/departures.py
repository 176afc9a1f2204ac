"""
When messages really leave, where something is done between their turn and their first byte. Pure.

A turn is given at one instant, and ``before_send`` takes what it takes: the turns of a second, held up by one slow
commit, would all leave together, and pass the limit at the platform that each of them had kept. So what leaves is
counted a second time, by the same arithmetic, at the instant at which it does. As turns are given no faster than the
limits allow, this holds back nothing but such bunches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vonage_messages.limits.buckets import Bucket, Gate
from vonage_messages.values import Seconds

GRACE: Seconds = 0.5
"""
How long a bunch may be in dissolving before no more turns are given until it has. Less than that is the work of a
group commit, and costs nothing; what is held longer than that would be in the way of urgent messages for ever.
"""

_CLOSE: Seconds = 1e-6
_SWEEP_AT_LEAST = 1024


class Departures:
    """What has left under each limit, and who is held back."""

    __slots__ = ("_held", "_ready", "_sweep_at")

    def __init__(self) -> None:
        self._ready: dict[Gate, float] = {}
        """From when on the next may leave: as ``Bucket.ready``, of what has left instead of what was granted."""
        self._held: dict[Gate, int] = {}
        self._sweep_at = _SWEEP_AT_LEAST

    def __len__(self) -> int:
        return len(self._ready)

    def ready(self, gate: Gate) -> float:
        """Give from when on the next may leave under *gate*, as far as what has left tells."""
        return self._ready.get(gate, -math.inf)

    def granted(self, gates: Sequence[Gate], now: float) -> None:
        """Note that a turn was just given: a limit that is not known yet stands as it did before."""
        ready = self._ready
        for gate in gates:
            if gate not in ready and isinstance(gate, Bucket):
                ready[gate] = gate.ready - gate.interval
        if len(ready) > self._sweep_at:
            self._sweep(now)

    def opens_at(
        self, gates: Sequence[Gate], granted_at: float, now: float, *, is_next: bool
    ) -> tuple[float, Gate | None]:
        """
        Tell when a message may leave whose turn came at *granted_at*, and which limit holds it back until then.

        A pause that began since holds it back, too. *is_next*: it was held back, and goes before who comes now.
        """
        latest, obstacle = now, None
        for gate in gates:
            opens = gate.closed_until if gate.closed_until > granted_at else -math.inf
            left = self._ready.get(gate)
            if left is not None:
                ahead = 0 if is_next else self._held.get(gate, 0)
                opens = max(opens, left + ahead * gate.interval)
            if opens > latest + _CLOSE:
                latest, obstacle = opens, gate
        return latest, obstacle

    def leaves(self, gates: Sequence[Gate], granted_at: float, now: float) -> None:
        """Note that a message leaves now."""
        ready = self._ready
        for gate in gates:
            if isinstance(gate, Bucket):
                ready[gate] = max(now - gate.tolerance, ready.get(gate, -math.inf)) + gate.interval
            else:
                gate.move(granted_at, now)

    def hold(self, gate: Gate, opens_at: float, now: float) -> None:
        """Note that somebody is held back by *gate*; the end is told to ``release``."""
        self._held[gate] = self._held.get(gate, 0) + 1
        if opens_at - now > GRACE and isinstance(gate, Bucket) and gate.closed_until <= now:
            gate.ready = max(gate.ready, opens_at - GRACE)

    def release(self, gate: Gate) -> None:
        """Note that somebody is held back no longer."""
        left = self._held[gate] - 1
        if left:
            self._held[gate] = left
        else:
            del self._held[gate]

    def _sweep(self, now: float) -> None:
        """Forget the limits that are as good as new: what is not known stands in nobody's way."""
        self._ready = {
            gate: ready
            for gate, ready in self._ready.items()
            if gate in self._held
            or not (isinstance(gate, Bucket) and gate.is_idle(now) and ready <= now - gate.tolerance)
        }
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._ready))


class Hold:
    """One message on its way out: it is told until when to wait, as often as it asks, and that it leaves."""

    __slots__ = ("_departures", "_gates", "_granted_at", "_obstacle")

    def __init__(self, departures: Departures, gates: Sequence[Gate], granted_at: float) -> None:
        self._departures = departures
        self._gates = gates
        self._granted_at = granted_at
        self._obstacle: Gate | None = None

    @property
    def key(self) -> str:
        """Name the limit that holds it back."""
        return "" if self._obstacle is None else self._obstacle.key

    def opens_at(self, now: float) -> float | None:
        """Give the instant to wait for; ``None``: it leaves now."""
        was_held = self._obstacle is not None
        self.end()
        opens_at, obstacle = self._departures.opens_at(self._gates, self._granted_at, now, is_next=was_held)
        if obstacle is None:
            self._departures.leaves(self._gates, self._granted_at, now)
            return None
        self._departures.hold(obstacle, opens_at, now)
        self._obstacle = obstacle
        return opens_at

    def end(self) -> None:
        """Note that it waits no longer."""
        if self._obstacle is not None:
            self._departures.release(self._obstacle)
            self._obstacle = None
