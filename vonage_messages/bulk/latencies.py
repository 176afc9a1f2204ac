"""
How long the platform took to answer: a histogram of fixed size, kept in the notes of the outbox over all its runs.

It is an observer of the client (``vonage_messages.observe``). What it counted is saved every few seconds, so that a
run that is killed loses some seconds of it; it is a picture, not an account.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.ledger import LedgerStore

if TYPE_CHECKING:
    from vonage_messages.observe import AttemptFinished, AttemptStarted
    from vonage_messages.values import Seconds

_NOTE = "bulk latencies"
_FASTEST: Final[Seconds] = 0.001
_PER_DECADE: Final = 10
_BUCKETS: Final = 50
"""From 1 ms to 100 s, each a quarter longer than the one before."""


@attrs.frozen(kw_only=True)
class LatencyBucket:
    """How many answers took from *begin* up to *end* seconds."""

    begin: Seconds
    end: Seconds
    answers: int


class Latencies:
    """Counts how long requests took that were answered, whatever the answer was."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS

    def before_attempt(self, event: AttemptStarted, /) -> None:
        """Do nothing: a request that has not ended tells nothing."""

    def after_attempt(self, event: AttemptFinished, /) -> None:
        """Count a request that was answered."""
        if event.status is not None:
            self.add(event.duration)

    def add(self, duration: Seconds) -> None:
        """Count one answer."""
        place = math.floor(math.log10(max(duration, _FASTEST) / _FASTEST) * _PER_DECADE)
        self._counts[min(place, _BUCKETS - 1)] += 1

    async def save(self, store: LedgerStore) -> None:
        """Add what was counted since the last time to what the outbox has."""
        if not any(self._counts):
            return
        counted, self._counts = self._counts, [0] * _BUCKETS
        saved = _read(await store.note(_NOTE))
        await store.write_note(_NOTE, json.dumps([one + other for one, other in zip(saved, counted, strict=True)]))


async def saved_latencies(store: LedgerStore) -> tuple[LatencyBucket, ...]:
    """Give the histogram that the outbox has, from the first bucket that is not empty to the last."""
    counts = _read(await store.note(_NOTE))
    buckets = [
        LatencyBucket(begin=_bound(index), end=_bound(index + 1), answers=count) for index, count in enumerate(counts)
    ]
    filled = [index for index, count in enumerate(counts) if count]
    return tuple(buckets[filled[0] : filled[-1] + 1]) if filled else ()


def _bound(index: int) -> Seconds:
    return float(_FASTEST * 10 ** (index / _PER_DECADE))


def _read(text: str | None) -> list[int]:
    """Read the note; one of another form, from another version, is begun anew."""
    try:
        counts = json.loads(text or "[]")
    except ValueError:
        counts = []
    if isinstance(counts, list) and len(counts) == _BUCKETS and all(isinstance(each, int) for each in counts):
        return counts
    return [0] * _BUCKETS
