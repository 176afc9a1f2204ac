"""
A message status: the typed event, and the objects that only it has.

The order of statuses is in ``timeline.py``, what the error codes mean in ``vonage_messages.codes``. Reference:
webhooks, "Message status, v1" and "Status values"; API v0.1, "Status webhook".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from vonage_messages.webhooks.envelope import (
    ATTRIBUTES,
    ENVELOPE_KEYS,
    WebhookEvent,
    WhatsappUser,
    in_shape_of_v1,
    made,
    version_of,
)
from vonage_messages.webhooks.reading import Part, count, instant, lazy, part, parts, read_by, read_part, string


def _title(value: object) -> str | None:
    """Read the title: the code as a string, which older payloads give as a number."""
    whole = count(value)
    return str(whole) if whole is not None and not isinstance(value, str) else string(value)


@attrs.frozen(kw_only=True, weakref_slot=False)
class StatusError(Part):
    """
    Why a message was rejected or is undeliverable.

    ``code`` is the number, wherever the payload writes it: ``title`` (a string, in older payloads a number), ``code``
    (v0.1), or behind the ``#`` of ``type``. ``vonage_messages.codes.describe`` tells what it means.
    """

    code: int | None = attrs.field(default=None, metadata=read_by(count))
    title: str | None = attrs.field(default=None, metadata=read_by(_title))
    detail: str | None = attrs.field(default=None, metadata=read_by(string, "detail", "reason"))
    type: str | None = attrs.field(default=None, metadata=read_by(string))
    instance: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Workflow(Part):
    """
    Where in a chain of failover messages this one stands: number ``items_number`` of ``items_total``, from 1.

    An older shape spells the members ``id``, ``item_number`` and ``total_items``.
    """

    workflow_id: str | None = attrs.field(default=None, metadata=read_by(string, "workflow_id", "id"))
    items_number: int | None = attrs.field(default=None, metadata=read_by(count, "items_number", "item_number"))
    items_total: int | None = attrs.field(default=None, metadata=read_by(count, "items_total", "total_items"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Destination(Part):
    """The network of the recipient: ``network_code`` is MCC and MNC."""

    network_code: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class SmsSegment(Part):
    """One part of a long SMS; a rejected one has an ``error_code``."""

    timestamp: datetime | None = attrs.field(default=None, metadata=read_by(instant))
    status: str | None = attrs.field(default=None, metadata=read_by(string))
    error_code: int | None = attrs.field(default=None, metadata=read_by(count))


@attrs.frozen(kw_only=True, weakref_slot=False)
class StatusSms(Part):
    """The object ``sms``: how many parts the message was sent in, and how each fared."""

    count_total: int | None = attrs.field(default=None, metadata=read_by(count))
    segments: tuple[SmsSegment, ...] = attrs.field(default=(), repr=False, metadata=read_by(parts(SmsSegment)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappPricing(Part):
    """
    How the message is charged.

    ``type`` is ``regular``, ``free_customer_service`` or ``free_entry_point``; ``pricing_model`` is ``PMP`` (per
    message) or, older, ``CBP`` (per conversation); ``category`` is ``marketing``, ``utility``, ``service``, …
    """

    type: str | None = attrs.field(default=None, metadata=read_by(string))
    pricing_model: str | None = attrs.field(default=None, metadata=read_by(string))
    category: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ConversationOrigin(Part):
    """What opened the conversation: ``marketing``, ``utility``, …; older: ``user_initiated``, …"""

    type: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappConversation(Part):
    """The conversation; since July 2025 its id is another for each message."""

    id: str | None = attrs.field(default=None, metadata=read_by(string))
    origin: ConversationOrigin | None = attrs.field(default=None, metadata=read_by(part(ConversationOrigin)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class StatusWhatsapp(Part):
    """The object ``whatsapp``: the recipient's ids (BSUID data), the business account, pricing, conversation."""

    waba_id: str | None = attrs.field(default=None, metadata=read_by(string))
    recipient: WhatsappUser | None = attrs.field(default=None, metadata=read_by(part(WhatsappUser)))
    pricing: WhatsappPricing | None = attrs.field(default=None, metadata=read_by(part(WhatsappPricing)))
    conversation: WhatsappConversation | None = attrs.field(default=None, metadata=read_by(part(WhatsappConversation)))


@attrs.frozen(kw_only=True, slots=False, repr=False)
class MessageStatus(WebhookEvent):
    """
    What became of a message that you sent. ``parse_status`` makes it; its base tells how its attributes behave.

    ``status`` is ``submitted``, ``delivered``, ``read``, ``rejected``, ``undeliverable``, or a word of tomorrow. The
    order of arrival is not guaranteed, and duplicates occur: ``StatusTimeline`` sorts that out.
    """

    status: str

    _envelope: ClassVar[frozenset[str]] = ENVELOPE_KEYS | {"status"}
    _attributes: ClassVar[Mapping[str, str]] = {
        **ATTRIBUTES,
        "error": "error",
        "workflow": "workflow",
        "destination": "destination",
        "sms": "sms",
        "whatsapp": "whatsapp",
    }

    @lazy
    def error(self) -> StatusError | None:
        """Why it was rejected or is undeliverable."""
        return _read_error(self._fields.get("error"))

    @lazy
    def workflow(self) -> Workflow | None:
        """After a send with failover: the chain, and the place of this message in it."""
        return self._part(Workflow, "workflow")

    @lazy
    def destination(self) -> Destination | None:
        """SMS, MMS and RCS: the network of the recipient."""
        return self._part(Destination, "destination")

    @lazy
    def sms(self) -> StatusSms | None:
        """What only SMS has: the number of parts, and the status of each."""
        return self._part(StatusSms, "sms")

    @lazy
    def whatsapp(self) -> StatusWhatsapp | None:
        """What only WhatsApp has."""
        return self._part(StatusWhatsapp, "whatsapp")

    def _shown(self) -> tuple[str, ...]:
        return ("status", "client_ref", "error")


def read_status(payload: Mapping[str, Any]) -> MessageStatus:
    """Read a decoded callback. Never raises: what cannot be read is kept."""
    version = version_of(payload)
    fields = payload if version == "v1" else in_shape_of_v1(payload).fields
    get = fields.get
    message_uuid, channel, to, sender = get("message_uuid"), get("channel"), get("to"), get("from")
    status = get("status")
    return made(
        MessageStatus,
        version=version,
        message_uuid=message_uuid if isinstance(message_uuid, str) else "",
        channel=channel if isinstance(channel, str) else "",
        to=to if isinstance(to, str) else "",
        from_=sender if isinstance(sender, str) else "",
        raw=payload,
        status=status if isinstance(status, str) else "",
    )


def _read_error(value: object) -> StatusError | None:
    error = read_part(StatusError, value)
    if error is None or error.code is not None:
        return error
    code = count(error.title)
    if code is None and error.type is not None:
        code = count(error.type.rpartition("#")[2])
    return attrs.evolve(error, code=code)
