"""
What has arrived at the simulator: accepted messages and what became of them, refusals, and what people wrote.

Beside them stand the requests and answers themselves (``Exchange``), and when every send request came (``Arrivals``),
for tests of whoever keeps to a pace. Everything is kept in memory and bounded: the oldest goes when ``maximum`` are
held. Every change gets an entry in the ``journal``, by which others hear of it. Nothing here judges a request. The
texts and numbers of messages stay out of every ``repr``.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, overload
from uuid import uuid4

import attrs

from vonage_messages.simulator import journal
from vonage_messages.simulator.journal import Journal
from vonage_messages.values import JSONObject, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARRIVALS: Final = 1_000_000
"""How many arrivals are held at least: one takes some 100 bytes, a message ten times that and more."""
_SHARED_TEXTS: Final = 1024
MEDIA_BYTES: Final = 256 * 1024 * 1024
"""How much all files of inbound messages may take together."""
UPDATES: Final = 100
"""How many updates of one message are held."""


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
    """The accepted ``PATCH`` requests, in order; of very many the last ones."""
    sent_by: str = "application"
    """Whose credentials the request had, and so whose webhooks hear of it: ``application`` (JWT) or ``account``."""
    failover_of: str | None = None
    """A later message of a failover chain: the id of the first one, with which it came. ``payload`` is its item."""


@attrs.frozen(kw_only=True)
class StatusNote:
    """Something that became of a message."""

    status: str
    at: datetime
    """When it happened: an aware instant in UTC, on the simulator's clock."""
    code: int | None = None
    """The error code of a failure."""


@attrs.frozen(kw_only=True)
class Exchange:
    """A request and its answer. Credentials are masked."""

    method: str
    path: str
    """With the query, as it was asked for."""
    request_headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    status: int
    answer_headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    answer: str = attrs.field(repr=False)
    """The body of the answer as text; empty where it has none."""


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
    """
    An inbound message that a client may mark as read.

    What a person wrote here has everything below; one that was only made known (``add_inbound``) has no *payload*.
    """

    message_uuid: str
    channel: str
    """As in v1."""
    updates: tuple[MessageUpdate, ...] = ()
    message_type: str = ""
    from_: str = attrs.field(default="", repr=masked)
    """The person."""
    to: str = attrs.field(default="", repr=masked)
    """The company."""
    payload: JSONObject | None = attrs.field(default=None, repr=False)
    """The body of the callback as v1 writes it, whichever version was sent."""
    written_at: datetime | None = None
    """An aware instant in UTC."""
    context_uuid: str | None = None
    """The message that it answers, where the person quoted one."""


@attrs.frozen(kw_only=True)
class Media:
    """A file that a person sent; its URL holds the id of the message."""

    content: bytes = attrs.field(repr=False)
    content_type: str
    sent_at: datetime
    """An aware instant in UTC: the URL stays valid for 48 hours."""


class _Shared:
    """Texts of which few differ, though every request brings its own: channels, senders, paths."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def one(self, text: str) -> str:
        """Give the text that came before in the place of its equal."""
        if len(self._known) >= _SHARED_TEXTS:
            self._known.clear()
        return self._known.setdefault(text, text)

    def clear(self) -> None:
        """Forget every text."""
        self._known.clear()


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
        self._shared = _Shared()

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
        self._channels[place] = None if channel is None else self._shared.one(channel)
        self._senders[place] = None if from_ is None else self._shared.one(from_)
        self._recipients[place] = to

    def clear(self) -> None:
        """Forget every request."""
        self._forgotten = self._came
        del self._instants[:], self._statuses[:]
        for column in (self._channels, self._senders, self._recipients):
            column.clear()
        self._shared.clear()

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


class KeptElsewhere(Protocol):
    """Where changes are written beside the memory."""

    def put(self, kind: str, key: str, value: Any, /) -> None:
        """Write what is held now under *key*, in the place of what was there."""

    def forget(self) -> None:
        """Forget everything."""


class SimulatorState:
    """
    The memory of one simulator.

    *maximum* bounds messages, refusals, inbound messages and media each, and arrivals where it is more than a million.
    *media_bytes* bounds the files of inbound messages together; the newest is held in any case.
    """

    def __init__(self, maximum: int = 100_000, media_bytes: int = MEDIA_BYTES) -> None:
        self._maximum = maximum
        self._media_bytes = media_bytes
        self._media_held = 0
        self.journal: Journal = Journal(maximum)
        """What has happened, in order."""
        self.arrivals: Arrivals = Arrivals(max(maximum, _ARRIVALS))
        """Every send request, accepted or not, with the instant at which it came."""
        self._statuses: dict[str, tuple[Any, ...]] = {}
        self._exchanges: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        self._paths = _Shared()
        self._messages: OrderedDict[str, ReceivedMessage] = OrderedDict()
        self._inbound: OrderedDict[str, KnownInbound] = OrderedDict()
        self._media: OrderedDict[str, Media] = OrderedDict()
        self._refusals: deque[Refusal] = deque(maxlen=maximum)
        self.keeper: KeptElsewhere | None = None
        """Is told of every change from now on."""

    @property
    def maximum(self) -> int:
        """How many messages are held at most, and as many inbound ones: the oldest goes when one more comes."""
        return self._maximum

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
        while len(self._messages) > self._maximum:
            oldest, _ = self._messages.popitem(last=False)
            self._statuses.pop(oldest, None)
        self._keep("message", message.message_uuid, message)
        self.journal.note(journal.MESSAGE, message.message_uuid)

    def add_status(self, message_uuid: str, note: StatusNote) -> None:
        """
        Keep what became of a message that is held.

        One that came before is not kept again: the same callback may be sent twice, but nothing happens twice.
        """
        known = self._statuses.get(message_uuid, ())
        if note.status in known or message_uuid not in self._messages:
            return
        # Flat, because the garbage collector need not look into a tuple that holds no other object.
        self._statuses[message_uuid] = (*known, note.status, note.at, note.code)
        if self.keeper is not None:
            self.keeper.put("statuses", message_uuid, self.statuses(message_uuid))
        self.journal.note(journal.STATUS, message_uuid)

    def statuses(self, message_uuid: str) -> tuple[StatusNote, ...]:
        """Give what became of a message, in the order in which it was told."""
        known = self._statuses.get(message_uuid, ())
        return tuple(
            StatusNote(status=known[place], at=known[place + 1], code=known[place + 2])
            for place in range(0, len(known), 3)
        )

    def add_exchange(self, request_id: str, exchange: Exchange) -> None:
        """Keep a request and its answer."""
        self._exchanges[request_id] = (
            exchange.method,
            self._paths.one(exchange.path),
            exchange.request_headers,
            exchange.status,
            exchange.answer_headers,
            exchange.answer,
        )
        self._drop_oldest(self._exchanges)
        self._keep("exchange", request_id, exchange)

    def exchange(self, request_id: str) -> Exchange | None:
        """Find a request and its answer by the ``X-Request-Id`` of the answer."""
        kept = self._exchanges.get(request_id)
        if kept is None:
            return None
        method, path, request_headers, status, answer_headers, answer = kept
        return Exchange(
            method=method,
            path=path,
            request_headers=request_headers,
            status=status,
            answer_headers=answer_headers,
            answer=answer,
        )

    def add_refusal(self, refusal: Refusal) -> None:
        """Keep a refused request."""
        self._refusals.append(refusal)
        self._keep("refusal", refusal.request_id, refusal)
        self.journal.note(journal.REFUSAL, refusal.request_id)

    def add_inbound(self, channel: str, message_uuid: str | None = None) -> str:
        """
        Let *message_uuid* be an inbound message of *channel*, so that a client may mark it as read.

        Returns the id, a fresh one where none is given.
        """
        message_uuid = message_uuid or str(uuid4())
        self.add_written(KnownInbound(message_uuid=message_uuid, channel=channel))
        return message_uuid

    def add_written(self, written: KnownInbound) -> None:
        """Keep what a person wrote."""
        self._inbound[written.message_uuid] = written
        self._drop_oldest(self._inbound)
        self._keep("inbound", written.message_uuid, written)
        self.journal.note(journal.WRITTEN, written.message_uuid)

    def add_media(self, message_uuid: str, media: Media) -> None:
        """Keep the file of an inbound message."""
        known = self._media.pop(message_uuid, None)
        self._media_held -= 0 if known is None else len(known.content)
        self._media[message_uuid] = media
        self._media_held += len(media.content)
        while len(self._media) > self._maximum or (self._media_held > self._media_bytes and len(self._media) > 1):
            _, oldest = self._media.popitem(last=False)
            self._media_held -= len(oldest.content)
        self._keep("media", message_uuid, media)

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
            self._messages[message_uuid] = attrs.evolve(message, updates=_with(message.updates, update))
            self._keep("message", message_uuid, self._messages[message_uuid])
        inbound = self._inbound.get(message_uuid)
        if inbound is not None:
            self._inbound[message_uuid] = attrs.evolve(inbound, updates=_with(inbound.updates, update))
            self._keep("inbound", message_uuid, self._inbound[message_uuid])
        if message is not None or inbound is not None:
            self.journal.note(journal.UPDATE, message_uuid)

    def clear(self) -> None:
        """Forget everything."""
        self._messages.clear()
        self._statuses.clear()
        self._exchanges.clear()
        self._inbound.clear()
        self._media.clear()
        self._media_held = 0
        self._refusals.clear()
        self.arrivals.clear()
        if self.keeper is not None:
            self.keeper.forget()
        self.journal.note(journal.CLEARED)

    def _keep(self, kind: str, key: str, value: object) -> None:
        if self.keeper is not None:
            self.keeper.put(kind, key, value)

    def _drop_oldest(self, kept: OrderedDict[str, Any]) -> None:
        while len(kept) > self._maximum:
            kept.popitem(last=False)


def _with(updates: tuple[MessageUpdate, ...], update: MessageUpdate) -> tuple[MessageUpdate, ...]:
    """Add an update; of very many the last ones stay."""
    return (*updates, update)[-UPDATES:]


def instant(unix_seconds: float) -> datetime:
    """Turn a reading of the clock into an aware UTC instant."""
    return datetime.fromtimestamp(unix_seconds, tz=UTC)
