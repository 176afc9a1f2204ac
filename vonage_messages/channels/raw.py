"""``RawMessage``: what this version does not know yet, sent as it is."""

from __future__ import annotations

from typing import cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Message
from vonage_messages.values import JSONObject


def to_payload(value: JSONObject) -> JSONObject:
    """Copy the payload. Never raises."""
    return cast("JSONObject", rules.frozen_json(value))


@attrs.frozen(weakref_slot=False)
class RawMessage(Message):
    """
    A request body that is sent unread: a new channel, a new option.

    ``RawMessage({"channel": "fax", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"})``

    Only what JSON itself asks for is checked. The properties read both the flat form of v1 and the nested one of v0.1,
    and give an empty text where the payload holds none.

    Raises:
        InvalidMessageError: the payload is no JSON object, is empty, or nests deeper than 64 levels.
    """

    payload: JSONObject = attrs.field(converter=to_payload, metadata=rules.json_object(), hash=False)

    @property
    def channel(self) -> str:
        """The channel as the payload spells it."""
        return self._text("channel") or self._party("to", "type")

    @property
    def message_type(self) -> str:
        """The type of the content."""
        return self._text("message_type") or self._content_type()

    @property
    def to(self) -> str:
        """The recipient."""
        return self._text("to") or self._party("to", "number") or self._party("to", "id")

    @property
    def from_(self) -> str:
        """The sender."""
        return self._text("from") or self._party("from", "number") or self._party("from", "id")

    @property
    def client_ref(self) -> str | None:
        """The sender's own reference."""
        return self._text("client_ref") or None

    @property
    def failover(self) -> tuple[Message, ...] | None:
        """The failover items, each as it stands."""
        items = self.payload.get("failover")
        if not isinstance(items, list) or not items:
            return None
        return tuple(RawMessage(item) for item in items if isinstance(item, dict) and item)

    def _text(self, key: str) -> str:
        value = self.payload.get(key)
        return value if isinstance(value, str) else ""

    def _party(self, side: str, key: str) -> str:
        party = self.payload.get(side)
        value = party.get(key) if isinstance(party, dict) else None
        return value if isinstance(value, str) else ""

    def _content_type(self) -> str:
        message = self.payload.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        value = content.get("type") if isinstance(content, dict) else None
        return value if isinstance(value, str) else ""
