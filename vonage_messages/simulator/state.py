"""
What has arrived at the simulator: accepted messages, refusals, and the inbound messages that may be updated.

Beside them stands when every send request came (``Arrivals``), for tests of whoever keeps to a pace. Everything is
kept in memory and bounded: the oldest goes when ``maximum`` are held. Nothing here judges a request. The texts and
numbers of messages stay out of every ``repr``.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, overload
from uuid import uuid4

import attrs

from vonage_messages.values import JSONObject, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARRIVALS: Final = 1_000_000
"""How many arrivals are held at least: one takes some 100 bytes, a message ten times that and more."""
_SHARED_TEXTS: Final = 1024


def _masked_if_known(value: str | None) -> str:
    return "None" if value is None else masked(value)


@attrs.frozen(kw_only=True)
class MessageUpdate:
    """One accepted ``PATCH`` of a message."""

    status: str
    """``read`` or ``revoked``."""
    payload: JSONObject = attrs.field(repr=False)
    """The body as it came."""
    received_at: datetime
    """An aware instant in UTC."""


@attrs.frozen(kw_only=True)
class ReceivedMessage:
    """A message that the simulator has accepted with 202."""

    message_uuid: str
    version: str
    """The version of the API that it came over: ``v1`` or ``v0.1``."""
    channel: str
    """As it was written: the Viber channel is ``viber_service`` in v1 and ``viber_service_msg`` in v0.1."""
    message_type: str
    to: str = attrs.field(repr=masked)
    from_: str = attrs.field(repr=masked)
    client_ref: str | None
    payload: JSONObject = attrs.field(repr=False)
    """The whole body as it came."""
    workflow_id: str | None
    """Given where the request had a failover chain."""
    request_id: str
    """The ``X-Request-Id`` of the answer."""
    received_at: datetime
    """An aware instant in UTC."""
    updates: tuple[MessageUpdate, ...] = ()
    """Every accepted ``PATCH``, in order."""
    sent_by: str = "application"
    """Whose credentials the request had, and so whose webhooks hear of it: ``application`` (JWT) or ``account``."""


@attrs.frozen(kw_only=True)
class Refusal:
    """A request that the simulator has answered with an error document."""

    status: int
    problem: Mapping[str, Any]
    """The error document as it was sent."""
    method: str
    path: str
    request_id: str
    payload: JSONObject | None = attrs.field(repr=False)
    """The body, where it was read and is a JSON object."""
    raw_body: bytes | None = attrs.field(repr=False)
    """The first 4096 bytes of a body that is no JSON object."""
    received_at: datetime
    """An aware instant in UTC."""


@attrs.frozen(kw_only=True)
class Arrival:
    """When a send request came, and what became of it."""

    at: float
    """Seconds on the simulator's ``monotonic`` clock, read once: the rate limit decides by this very reading."""
    channel: str | None
    """Like *from_* and *to*, known only where the fields were found right: of a 429 the body is never read."""
    from_: str | None = attrs.field(repr=_masked_if_known)
    to: str | None = attrs.field(repr=_masked_if_known)
    status: int | None
    """The HTTP status; ``None`` before the answer, and for good where the caller hung up or the simulator failed."""


@attrs.frozen(kw_only=True)
class KnownInbound:
    """An inbound message that a client may mark as read."""

    message_uuid: str
    channel: str
    updates: tuple[MessageUpdate, ...] = ()


@attrs.frozen(kw_only=True)
class Media:
    """A file that a person sent; its URL holds the id of the message."""

    content: bytes = attrs.field(repr=False)
    content_type: str
    sent_at: datetime
    """An aware instant in UTC: the URL stays valid for 48 hours."""


class Arrivals(Sequence[Arrival]):
    """
    Send requests in the order in which they came, the last *maximum* of them: a view that grows while one looks.

    ::

        instants = [arrival.at for arrival in simulator.arrivals if arrival.status == 202]

    One column for each field, and no object for each request: a million of them make the garbage collector no
    slower, which a test that measures time in the same process would notice.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._came = 0
        self._forgotten = 0
        """How many came before the last ``clear``."""
        self._instants = array("d")
        self._statuses = array("H")
        self._channels: list[str | None] = []
        self._senders: list[str | None] = []
        self._recipients: list[str | None] = []
        self._texts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Arrivals: {len(self)}>"

    def __len__(self) -> int:
        return len(self._instants)

    @overload
    def __getitem__(self, index: int) -> Arrival: ...

    @overload
    def __getitem__(self, index: slice) -> list[Arrival]: ...

    def __getitem__(self, index: int | slice) -> Arrival | list[Arrival]:
        """Give one arrival, or a list of them; 0 is the oldest that is held."""
        held = range(self._came - len(self), self._came)
        numbers = held[index]
        return self._arrival(numbers) if isinstance(numbers, int) else [self._arrival(number) for number in numbers]

    def begin(self, at: float) -> int:
        """Note that a request came; the number that is given back is for ``end``."""
        number = self._came
        self._came += 1
        if len(self) < self._maximum:
            self._instants.append(at)
            self._statuses.append(0)
            for column in (self._channels, self._senders, self._recipients):
                column.append(None)
            return number
        place = self._place(number)
        self._instants[place] = at
        self._statuses[place] = 0
        for column in (self._channels, self._senders, self._recipients):
            column[place] = None
        return number

    def end(
        self, number: int, status: int, *, channel: str | None = None, from_: str | None = None, to: str | None = None
    ) -> None:
        """Note what became of a request; one that is not held any more is ignored."""
        if number < self._came - len(self):
            return
        place = self._place(number)
        self._statuses[place] = status
        self._channels[place] = self._shared(channel)
        self._senders[place] = self._shared(from_)
        self._recipients[place] = to

    def clear(self) -> None:
        """Forget every request."""
        self._forgotten = self._came
        del self._instants[:], self._statuses[:]
        for column in (self._channels, self._senders, self._recipients):
            column.clear()
        self._texts.clear()

    def _place(self, number: int) -> int:
        """Give the place of a request that is held: the columns are filled once, then in a circle."""
        return (number - self._forgotten) % self._maximum

    def _arrival(self, number: int) -> Arrival:
        place = self._place(number)
        return Arrival(
            at=self._instants[place],
            channel=self._channels[place],
            from_=self._senders[place],
            to=self._recipients[place],
            status=self._statuses[place] or None,
        )

    def _shared(self, text: str | None) -> str | None:
        """Give a text that came before in its place: channels and senders are few, and every body brings its own."""
        if text is None:
            return None
        if len(self._texts) >= _SHARED_TEXTS:
            self._texts.clear()
        return self._texts.setdefault(text, text)


class SimulatorState:
    """
    The memory of one simulator.

    *maximum* bounds messages, refusals, inbound messages and media each, and arrivals where it is more than a million.
    """

    def __init__(self, maximum: int = 100_000) -> None:
        self._maximum = maximum
        self.arrivals = Arrivals(max(maximum, _ARRIVALS))
        """Every send request, accepted or not, with the instant at which it came."""
        self._messages: OrderedDict[str, ReceivedMessage] = OrderedDict()
        self._inbound: OrderedDict[str, KnownInbound] = OrderedDict()
        self._media: OrderedDict[str, Media] = OrderedDict()
        self._refusals: deque[Refusal] = deque(maxlen=maximum)

    @property
    def messages(self) -> list[ReceivedMessage]:
        """Every accepted message that is still held, oldest first."""
        return list(self._messages.values())

    @property
    def refusals(self) -> list[Refusal]:
        """Every refused request that is still held, oldest first."""
        return list(self._refusals)

    @property
    def inbound(self) -> list[KnownInbound]:
        """Every inbound message that is still held, oldest first."""
        return list(self._inbound.values())

    def add_message(self, message: ReceivedMessage) -> None:
        """Keep an accepted message."""
        self._messages[message.message_uuid] = message
        self._drop_oldest(self._messages)

    def add_refusal(self, refusal: Refusal) -> None:
        """Keep a refused request."""
        self._refusals.append(refusal)

    def add_inbound(self, channel: str, message_uuid: str | None = None) -> str:
        """
        Let *message_uuid* be an inbound message of *channel*, so that a client may mark it as read.

        Returns the id, a fresh one where none is given.
        """
        message_uuid = message_uuid or str(uuid4())
        self._inbound[message_uuid] = KnownInbound(message_uuid=message_uuid, channel=channel)
        self._drop_oldest(self._inbound)
        return message_uuid

    def add_media(self, message_uuid: str, media: Media) -> None:
        """Keep the file of an inbound message."""
        self._media[message_uuid] = media
        self._drop_oldest(self._media)

    def media(self, message_uuid: str) -> Media | None:
        """Find the file of an inbound message."""
        return self._media.get(message_uuid)

    def message(self, message_uuid: str) -> ReceivedMessage | None:
        """Find an accepted message."""
        return self._messages.get(message_uuid)

    def inbound_message(self, message_uuid: str) -> KnownInbound | None:
        """Find an inbound message."""
        return self._inbound.get(message_uuid)

    def add_update(self, message_uuid: str, update: MessageUpdate) -> None:
        """Keep an update beside the message or inbound message that it belongs to; unknown ids are ignored."""
        message = self._messages.get(message_uuid)
        if message is not None:
            self._messages[message_uuid] = attrs.evolve(message, updates=(*message.updates, update))
        inbound = self._inbound.get(message_uuid)
        if inbound is not None:
            self._inbound[message_uuid] = attrs.evolve(inbound, updates=(*inbound.updates, update))

    def clear(self) -> None:
        """Forget everything."""
        self._messages.clear()
        self._inbound.clear()
        self._media.clear()
        self._refusals.clear()
        self.arrivals.clear()

    def _drop_oldest(self, kept: OrderedDict[str, Any]) -> None:
        while len(kept) > self._maximum:
            kept.popitem(last=False)


def instant(unix_seconds: float) -> datetime:
    """Turn a reading of the clock into an aware UTC instant."""
    return datetime.fromtimestamp(unix_seconds, tz=UTC)
