"""
What of an SMS is counted and charged: its text, in its encoding, however the message was given.

In how many parts that goes out is known by ``vonage_messages.segmentation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vonage_messages.channels.base import Message
from vonage_messages.channels.enums import EncodingType
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms

_ENCODINGS: Final = frozenset(encoding.value for encoding in EncodingType)


def text_and_encoding(message: Message) -> tuple[str, str] | None:
    """
    Give the text of an SMS, and its ``encoding_type``.

    ``None`` for what is no SMS, and for a raw one that does not show the two: flat as in v1, or nested as in v0.1.
    """
    if isinstance(message, Sms):
        encoding = None if message.sms is None else message.sms.encoding_type
        return message.text, encoding or EncodingType.AUTO
    return _of_payload(message.payload) if isinstance(message, RawMessage) else None


def _of_payload(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    text = payload.get("text", _inside(payload, "message", "content", "text"))
    encoding = _inside(payload, "sms", "encoding_type")
    if encoding is None:
        encoding = EncodingType.AUTO
    if not isinstance(text, str) or not isinstance(encoding, str) or encoding not in _ENCODINGS:
        return None
    return text, encoding


def _inside(payload: object, *keys: str) -> object:
    """Follow *keys* into nested objects; ``None`` where there is nothing."""
    for key in keys:
        payload = payload.get(key) if isinstance(payload, Mapping) else None
    return payload
