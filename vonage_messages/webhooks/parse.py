"""
From the body of a callback to a typed event: bytes, text or a decoded mapping, API v1 and v0.1 alike.

Nothing that the platform may add breaks these functions: unknown channels, types, statuses and members are kept. What
is refused is a body that holds no JSON object. Whether a callback is genuine is a question for ``SignatureVerifier``,
to be asked first and of the raw bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from vonage_messages.webhooks.decoding import decode_object
from vonage_messages.webhooks.inbound import InboundMessage, read_inbound
from vonage_messages.webhooks.status import MessageStatus, read_status

if TYPE_CHECKING:
    from cattrs import Converter


def parse_inbound(body: bytes | bytearray | str | Mapping[str, Any]) -> InboundMessage:
    """
    Turn the body of an inbound-message webhook into a typed value.

    *body* is the raw request body: UTF-8 JSON, one object such as
    ``{"channel": "sms", "message_type": "text", "from": "4477…", "text": "hi", …}``, or that object decoded.

    Raises:
        MalformedWebhookError: *body* is not a JSON object.

    Reference: webhooks, "Inbound message, v1"; API v0.1, "Inbound webhook".
    """
    return read_inbound(decode_object(body))


def parse_status(body: bytes | bytearray | str | Mapping[str, Any]) -> MessageStatus:
    """
    Turn the body of a message-status webhook into a typed value.

    *body* is the raw request body: UTF-8 JSON, one object such as
    ``{"channel": "sms", "message_uuid": "aaaa…", "status": "delivered", …}``, or that object decoded.

    Raises:
        MalformedWebhookError: *body* is not a JSON object.

    Reference: webhooks, "Message status, v1"; API v0.1, "Status webhook".
    """
    return read_status(decode_object(body))


def parse_webhook(body: bytes | bytearray | str | Mapping[str, Any]) -> InboundMessage | MessageStatus:
    """
    Turn the body of either webhook into a typed value, for one URL that receives both.

    A payload with a ``status`` and without a message in it is a status; everything else is an inbound message.

    Raises:
        MalformedWebhookError: *body* is not a JSON object.
    """
    payload = decode_object(body)
    if "status" in payload and "message_type" not in payload and "message" not in payload:
        return read_status(payload)
    return read_inbound(payload)


@cache
def converter() -> Converter:
    """
    Give a cattrs converter that structures both events from decoded mappings, and unstructures them to their payload.

    For programs that hold events inside values of their own: ``converter().structure(payload, MessageStatus)``.
    """
    from cattrs import Converter  # noqa: PLC0415  doubles the import time, and parsing needs none of it

    made = Converter()
    made.register_structure_hook(InboundMessage, lambda payload, _: parse_inbound(payload))
    made.register_structure_hook(MessageStatus, lambda payload, _: parse_status(payload))
    made.register_unstructure_hook(InboundMessage, lambda event: dict(event.raw))
    made.register_unstructure_hook(MessageStatus, lambda event: dict(event.raw))
    return made
