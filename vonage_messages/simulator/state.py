"""
What has arrived at the simulator: accepted messages, refusals, and the inbound messages that may be updated.

Everything is kept in memory and bounded: the oldest goes when ``maximum`` are held. Nothing here judges a request.
The texts and numbers of messages stay out of every ``repr``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import attrs

from vonage_messages.values import JSONObject, masked

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class SimulatorState:
    """
    The memory of one simulator.

    *maximum* bounds messages, refusals, inbound messages and media each.
    """

    def __init__(self, maximum: int = 100_000) -> None:
        self._maximum = maximum
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

    def _drop_oldest(self, kept: OrderedDict[str, Any]) -> None:
        while len(kept) > self._maximum:
            kept.popitem(last=False)


def instant(unix_seconds: float) -> datetime:
    """Turn a reading of the clock into an aware UTC instant."""
    return datetime.fromtimestamp(unix_seconds, tz=UTC)
