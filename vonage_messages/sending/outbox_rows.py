"""The message of a row of an outbox, and the client that sends it: as a queue needs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import OutboxError
from vonage_messages.ledger import Claimed, Row
from vonage_messages.limiter import Limiter
from vonage_messages.wire.payloads import WrittenMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from vonage_messages.channels.base import Message
    from vonage_messages.clients.client import Client
    from vonage_messages.clients.retry import RetryPolicy
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage


class RowMessage(WrittenMessage):
    """
    The message of a row, as it goes out: with the ref of the row, also on each failover item.

    It was checked when it was added, and is not checked again; what limits ask of it is looked up once, and it is
    written anew only where the ref cannot be put into the bytes of the row.
    """

    __slots__ = ("channel", "from_", "message_type", "row", "to")

    channel: str
    message_type: str
    to: str
    from_: str
    row: Row | Claimed

    def __init__(self, row: Row | Claimed) -> None:
        put = object.__setattr__  # messages are frozen
        payload = json.loads(row.payload)
        put(self, "row", row)
        put(self, "body", _body_with_ref(row, payload))
        payload["client_ref"] = row.ref
        items = payload.get("failover")
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                item["client_ref"] = row.ref
        put(self, "payload", payload)
        put(self, "channel", RawMessage.channel.__get__(self))
        put(self, "message_type", RawMessage.message_type.__get__(self))
        put(self, "to", RawMessage.to.__get__(self))
        put(self, "from_", RawMessage.from_.__get__(self))

    @property
    def trace(self) -> str | None:
        """Where the caller was when the row was added."""
        return self.row.trace


def _body_with_ref(row: Row | Claimed, payload: Mapping[str, Any]) -> bytes | None:
    """Put the ref into the bytes of a message; ``None`` where that takes more than adding it at their end."""
    if "failover" in payload:
        return None
    if payload.get("client_ref") == row.ref:
        return row.payload
    if "client_ref" in payload or not payload or row.payload[-1:] != b"}":
        return None
    return b'%b,"client_ref":%b}' % (row.payload[:-1], json.dumps(row.ref, ensure_ascii=False).encode())


class LostRowError(OutboxError):
    """The row is not ours any more: it must not be sent."""


class RowClient:
    """The client, as the queue needs it: each row goes out by its own version of the API."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.limiter: Limiter | None = client.limiter
        self.retry: RetryPolicy = client.retry

    def attempt(self, message: Message, *, api_version: ApiVersion | None = None) -> Awaitable[SentMessage]:
        """Make one request to send the message of a row."""
        if isinstance(message, RowMessage):
            api_version = cast("ApiVersion", message.row.version)
        return self._client.attempt(message, api_version=api_version)
