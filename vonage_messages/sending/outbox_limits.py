"""
The limits of a run, kept in the file of the outbox: so that a run which is killed leaves behind what it has used up.

Every group commit of a run carries the limits that have changed since the last whole snapshot, and how many rows of
each are on their way. Nothing leaves that no commit has told of, so the next run knows each rate as it was in the last
commit, but for one thing: what was on its way may have left as late as in the moment of the death. A cap is counted as
``LimitState`` does it behind an unclean end.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vonage_messages.errors import StoreUnavailableError
from vonage_messages.ledger import State
from vonage_messages.limiter import Limiter, turns_of
from vonage_messages.limits.buckets import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonage_messages.channels.base import Message
    from vonage_messages.ledger import LedgerStore
    from vonage_messages.limits.levels import Limits

_WHOLE = "limits"
_CHANGES = "limits of "
"""The name of what one run has changed: two that run at once leave each other's alone."""

_MOST_CHANGES = 256
"""So many limits, or a whole snapshot's worth of them, may have changed before a whole snapshot is written anew."""


class LimitsInLedger:
    """The store of the limiter of one run, which *owner* names; *clock* gives unix seconds."""

    def __init__(self, store: LedgerStore, owner: str, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._own = _CHANGES + owner
        self._clock = clock
        self._limiter: Limiter | None = None
        self._is_exact = False
        self._found: tuple[str, ...] = ()
        """Changes of runs that were killed: the first whole snapshot has them in it."""
        self._touched: dict[str, Bucket] = {}
        self._under_way: Counter[str] = Counter()
        self._rows: dict[int, tuple[Bucket, ...]] = {}
        self._most = _MOST_CHANGES
        self._last: Mapping[str, Any] | None = None

    def limiter(self, limits: Limits | None) -> Limiter:
        """Make the limiter whose limits are kept here."""
        self._limiter = Limiter(limits, store=self, clock=self._clock)
        self._is_exact = not self._limiter.limits.caps
        return self._limiter

    async def load(self) -> Mapping[str, Any] | None:
        """Give what the last run has left, and what those have used up that were killed."""
        saved = await self._store.limit_states()
        try:
            documents: dict[str, dict[str, Any]] = {name: json.loads(value) for name, value in saved.items()}
            whole = documents.pop(_WHOLE, None)
            changes = {name: each for name, each in documents.items() if name.startswith(_CHANGES)}
            found = None if whole is None else _with_changes(whole, changes.values(), self._clock())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreUnavailableError("the outbox holds limits that cannot be read.") from error
        self._found = tuple(changes)
        return found

    async def save(self, snapshot: Mapping[str, Any], /) -> None:
        """Write a whole snapshot."""
        if snapshot["last"]:  # that nothing leaves behind it is known no sooner than the run has let go of everything
            self._last = snapshot
        await self._store.save_limit_states(self._whole({**snapshot, "last": False}))

    async def close(self) -> None:
        """Write down that nothing leaves any more, unless another run is on its way: it has used what it has used."""
        if self._last is None:
            return
        counts = await self._store.counts()
        if not counts.get(State.CLAIMED) and not counts.get(State.SENDING):
            await self._store.save_limit_states({**self._whole(self._last), self._own: None})

    def leaves(self, row_id: int, message: Message) -> None:
        """Note that a row is about to be marked: its limits go with the commit that does it."""
        if self._limiter is None or not self._is_exact:
            return
        state = turns_of(self._limiter).state
        gates = tuple(gate for gate in (*state.account, *state.gates(message)) if isinstance(gate, Bucket))
        if not gates:
            return
        self.ended(row_id)
        self._rows[row_id] = gates
        for gate in gates:
            self._touched[gate.key] = gate
            self._under_way[gate.key] += 1

    def ended(self, row_id: int) -> None:
        """Note that a row is not on its way any more."""
        for gate in self._rows.pop(row_id, ()):
            self._touched[gate.key] = gate
            self._under_way[gate.key] -= 1
            if not self._under_way[gate.key]:
                del self._under_way[gate.key]

    def changes(self) -> Mapping[str, bytes | None] | None:
        """Give what is to go with the next commit; ``None`` where no limit was touched since the last whole one."""
        if self._limiter is None or not self._touched:
            return None
        if len(self._touched) <= self._most:
            return {self._own: self._written(self._limiter, self._touched.values())}
        now = asyncio.get_running_loop().time()
        whole = self._whole(turns_of(self._limiter).state.snapshot(now, self._clock()))
        self._touched = {gate.key: gate for gates in self._rows.values() for gate in gates}
        return {**whole, self._own: self._written(self._limiter, self._touched.values())}

    def _whole(self, snapshot: Mapping[str, Any]) -> dict[str, bytes | None]:
        """Write a whole snapshot, in place of the changes that are in it."""
        self._most = max(_MOST_CHANGES, len(snapshot["ready"]))
        gone, self._found = self._found, ()
        document = json.dumps({**snapshot, "exact": self._is_exact}).encode()
        return {_WHOLE: document, **dict.fromkeys(gone)}

    def _written(self, limiter: Limiter, gates: Iterable[Bucket]) -> bytes:
        unix_now = self._clock()
        offset = unix_now - asyncio.get_running_loop().time()
        departures = turns_of(limiter).state.departures
        ready = {}
        for gate in gates:
            at = gate.ready if departures is None else max(gate.ready, departures.ready(gate))
            if math.isfinite(at):
                ready[gate.key] = [at + offset, self._under_way[gate.key], gate.interval, gate.tolerance]
        return json.dumps({"at": unix_now, "ready": ready}).encode()


def _with_changes(whole: Mapping[str, Any], changes: Iterable[Mapping[str, Any]], now: float) -> Mapping[str, Any]:
    """
    Put what runs have changed into the snapshot they began with.

    Each tells instants by the clock of the wall as it was then. Where that was set back since, no time has passed.
    """
    if not whole.get("exact"):
        return whole
    documents = tuple(changes)
    saved_at = max(whole["saved_at"], *(each["at"] for each in documents), -math.inf)
    latest = max(now, saved_at)
    ready: dict[str, float] = {}
    for key, at in whole["ready"].items():
        ready[key] = at + latest - max(now, whole["saved_at"])
    for each in documents:
        set_back = latest - max(now, each["at"])
        for key, (at, under_way, interval, tolerance) in each["ready"].items():
            # As if all that was on its way had left just now, behind a pause as long as the burst.
            spent = latest - tolerance + under_way * interval if under_way else -math.inf
            ready[key] = max(ready.get(key, -math.inf), at + set_back, spent)
    return {**whole, "saved_at": saved_at, "ready": ready, "last": True}
