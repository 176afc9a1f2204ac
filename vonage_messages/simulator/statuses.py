"""
The body of a status callback, in the shape of v1 and of v0.1. Pure: values in, a JSON object out.

Reference: Webhooks, section 2 (message status, v1) and ``rules/webhooks.json``; API v0.1, section 5.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.codes import describe

if TYPE_CHECKING:
    from decimal import Decimal

NETWORK_CODE: Final = "23410"
"""MCC and MNC of a British network, to which the made-up numbers belong."""

_ERROR_PAGE = "https://developer.vonage.com/api-errors/messages"
_HAVE_DESTINATION = frozenset({"sms", "mms", "rcs"})
_HAVE_USAGE = frozenset({"sms", "mms", "messenger", "viber_service", "whatsapp"})
_PRICED_ON_SUBMIT = frozenset({"sms", "mms"})
_CATEGORIES = {"template": "marketing"}
_MEANINGS_OF_PROVIDERS = {
    131056: "(#131056) Pair rate limit hit: too many messages to this recipient in a short time",
    130429: "(#130429) Rate limit hit: too many messages from this number",
}
"""Codes of WhatsApp's own, which the platform passes on (limits, section 4)."""


@attrs.frozen(kw_only=True)
class Chain:
    """The place of a message in a failover chain: item *number* (from 1) of *total*."""

    workflow_id: str
    number: int
    total: int


@attrs.frozen(kw_only=True)
class Outbound:
    """What the statuses of one message repeat. *channel* is named as in v1."""

    message_uuid: str
    channel: str
    message_type: str
    to: str = attrs.field(repr=False)
    from_: str = attrs.field(repr=False)
    client_ref: str | None
    parts: int
    """How many parts an SMS has; 1 for anything else."""
    chain: Chain | None


@attrs.frozen(kw_only=True)
class Happened:
    """One thing that happened to a message."""

    status: str
    at: float
    """Unix seconds."""
    code: int | None
    """The error code of a failure."""
    price: Decimal
    """In EUR, of each part; it is told where the channel charges at this status."""
    instance: str
    """The trace id of an error."""


def status_v1(message: Outbound, happened: Happened) -> dict[str, Any]:
    """Write a status as v1 does."""
    body: dict[str, Any] = {
        "message_uuid": message.message_uuid,
        "to": message.to,
        "from": message.from_,
        "timestamp": _instant(happened.at),
        "status": happened.status,
        "channel": message.channel,
    }
    if message.client_ref is not None:
        body["client_ref"] = message.client_ref
    if happened.code is not None:
        body["error"] = _error_v1(happened.code, happened.instance)
    if message.chain is not None:
        body["workflow"] = {
            "workflow_id": message.chain.workflow_id,
            "items_number": str(message.chain.number),
            "items_total": str(message.chain.total),
        }
    return {**body, **_channel_members(message, happened)}


def _channel_members(message: Outbound, happened: Happened) -> dict[str, Any]:
    """Write the members that only some channels have."""
    members: dict[str, Any] = {}
    if _is_charged(message.channel, happened.status):
        members["usage"] = _usage("0" if message.channel == "whatsapp" else str(happened.price * message.parts))
    if message.channel in _HAVE_DESTINATION:
        members["destination"] = {"network_code": NETWORK_CODE}
    if message.channel == "sms":
        members["sms"] = {"count_total": str(message.parts)}
    if message.channel == "whatsapp" and happened.status == "delivered":
        members["whatsapp"] = _whatsapp(message)
    return members


def status_v0_1(message: Outbound, happened: Happened) -> dict[str, Any]:
    """Write a status as v0.1 does: parties are objects, the error has a number and a reason."""
    body: dict[str, Any] = {
        "message_uuid": message.message_uuid,
        "to": party_v0_1(message.channel, message.to, theirs=True),
        "from": party_v0_1(message.channel, message.from_, theirs=False),
        "timestamp": _instant(happened.at),
        "status": happened.status,
    }
    if message.client_ref is not None:
        body["client_ref"] = message.client_ref
    if happened.code is not None:
        body["error"] = {"code": happened.code, "reason": _meaning(happened.code)}
    if _is_charged(message.channel, happened.status):
        body["usage"] = _usage(str(happened.price * message.parts))
    return body


def party_v0_1(channel: str, name: str, *, theirs: bool) -> dict[str, str]:
    """
    Write one side of a message as v0.1 does.

    Messenger has ids on both sides; Viber has the id of its service on ours and a number on *theirs*, the person's.
    """
    kind = "viber_service_msg" if channel == "viber_service" else channel
    has_id = channel == "messenger" or (channel == "viber_service" and not theirs)
    return {"type": kind, "id" if has_id else "number": name}


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_charged(channel: str, status: str) -> bool:
    """SMS and MMS are charged when they are handed over, the others when they arrive (Webhooks, section 3)."""
    return channel in _HAVE_USAGE and status == ("submitted" if channel in _PRICED_ON_SUBMIT else "delivered")


def _usage(price: str) -> dict[str, str]:
    return {"currency": "EUR", "price": price}


def _error_v1(code: int, instance: str) -> dict[str, str]:
    return {"type": f"{_ERROR_PAGE}#{code}", "title": str(code), "detail": _meaning(code), "instance": instance}


def _meaning(code: int) -> str:
    known = describe(code)
    if known is not None:
        return known.meaning
    return _MEANINGS_OF_PROVIDERS.get(code, "An error that the reference does not list")


def _whatsapp(message: Outbound) -> dict[str, Any]:
    category = _CATEGORIES.get(message.message_type, "service")
    return {
        "pricing": {"type": "regular", "pricing_model": "PMP", "category": category},
        # Since July 2025 the id is another for each message (Webhooks, section 2).
        "conversation": {"id": message.message_uuid.replace("-", ""), "origin": {"type": category}},
    }
