"""
Counts what callbacks hold that this version does not know, so that a change of the platform is seen when it comes.

Which names those are stands in ``vonage_messages.webhooks.surprises``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vonage_messages.errors import ConfigurationError
from vonage_messages.logs import LogEvent, about
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.webhooks.surprises import OTHER, Surprise, SurpriseKind, surprises

logger = logging.getLogger("vonage_messages")


class DriftCount(NamedTuple):
    """How many events held one unknown thing."""

    kind: SurpriseKind
    name: str
    events: int


class Drift:
    """
    Counts unknown channels, message types, statuses, members and values by name.

    ``Receiver.drift`` is one that sees every event which is handed to handlers. Elsewhere, call ``observe`` yourself::

        drift = Drift()
        drift.observe(parse_webhook(body))
        drift.counts  # {"channel": {}, "message_type": {}, "status": {"relay": 1}, "field": {}, "value": {}}

    A count is a number of events, however often the name stands in one. Names are those of the platform, never what
    people wrote; of each kind the first *max_names* are kept, and all later ones count together as ``(other)``, so
    that a stranger who makes names up fills no memory. Each name is logged once, when it is first seen.

    Raises:
        ConfigurationError: *max_names* is less than 1.
    """

    __slots__ = ("_counts", "_events", "_max_names")

    def __init__(self, *, max_names: int = 100) -> None:
        if max_names < 1:
            raise ConfigurationError(f"max_names must be 1 or more, not {max_names!r}.")
        self._max_names = max_names
        self._counts: dict[SurpriseKind, dict[str, int]] = {kind: {} for kind in SurpriseKind}
        self._events = 0

    def observe(self, event: InboundMessage | MessageStatus) -> tuple[Surprise, ...]:
        """Count what is unknown about *event*, and give it. Never raises, and costs some microseconds."""
        found = surprises(event)
        if found:
            self._events += 1
            counted: set[Surprise] = set()  # many names of one event may count together, and then once
            for surprise in map(self._kept, found):
                if surprise not in counted:
                    counted.add(surprise)
                    self._counts[surprise.kind][surprise.name] += 1
        return found

    @property
    def events(self) -> int:
        """How many events held anything unknown."""
        return self._events

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many events held each name, by kind. Every kind is there, also without a name; a copy, as it stands."""
        return {str(kind): dict(sorted(names.items())) for kind, names in self._counts.items()}

    def __iter__(self) -> Iterator[DriftCount]:
        """List all counts, by kind and then by name."""
        kinds = [(kind, sorted(names.items())) for kind, names in self._counts.items()]
        return iter([DriftCount(kind, name, count) for kind, names in kinds for name, count in names])

    def __bool__(self) -> bool:
        """Tell whether anything unknown was seen."""
        return self._events > 0

    def __repr__(self) -> str:
        return f"Drift(events={self._events}, names={sum(map(len, self._counts.values()))})"

    def _kept(self, surprise: Surprise) -> Surprise:
        names = self._counts[surprise.kind]
        if surprise.name in names:
            return surprise
        if len(names) - (OTHER in names) >= self._max_names:
            surprise = surprise._replace(name=OTHER)
        if surprise.name not in names:
            names[surprise.name] = 0
            logger.info(
                "webhooks hold what this version does not know: %s %s",
                surprise.kind,
                surprise.name,
                extra=about(LogEvent.WEBHOOK_UNKNOWN),
            )
        return surprise
