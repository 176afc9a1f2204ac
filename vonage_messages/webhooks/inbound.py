"""
An inbound message: the typed event, and the objects that only it has.

What it holds is in ``content.py``, the envelope in ``envelope.py``. Reference: webhooks, "Inbound message" and
"WhatsApp context and whatsapp object".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from vonage_messages.webhooks.content import BODIES, Attachment, Content, Unknown, read_attachments, read_content
from vonage_messages.webhooks.envelope import (
    ATTRIBUTES,
    ENVELOPE_KEYS,
    WebhookEvent,
    WhatsappUser,
    in_shape_of_v1,
    made,
    version_of,
)
from vonage_messages.webhooks.reading import Part, count, lazy, masked_or_none, part, read_by, string, strings

if TYPE_CHECKING:
    from vonage_messages.channels.base import Message


@attrs.frozen(kw_only=True, weakref_slot=False)
class ReferredProduct(Part):
    """The product of a WhatsApp catalogue that a message is about."""

    catalog_id: str | None = attrs.field(default=None, metadata=read_by(string))
    product_retailer_id: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Context(Part):
    """
    The message that this one answers or reacts to; Viber gives only ``message_uuid``.

    ``referred_product`` is its older place: ask ``InboundMessage.referred_product``, which knows both.
    """

    message_uuid: str | None = attrs.field(default=None, metadata=read_by(string))
    message_from: str | None = attrs.field(default=None, repr=masked_or_none, metadata=read_by(string))
    referred_product: ReferredProduct | None = attrs.field(
        default=None, metadata=read_by(part(ReferredProduct), "whatsapp_referred_product")
    )


@attrs.frozen(kw_only=True, weakref_slot=False)
class Referral(Part):
    """The click-to-WhatsApp ad or post that the person came from; ``media_type`` is ``image`` or ``video``."""

    body: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    headline: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    source_id: str | None = attrs.field(default=None, metadata=read_by(string))
    source_type: str | None = attrs.field(default=None, metadata=read_by(string))
    source_url: str | None = attrs.field(default=None, metadata=read_by(string))
    media_type: str | None = attrs.field(default=None, metadata=read_by(string))
    image_url: str | None = attrs.field(default=None, metadata=read_by(string))
    video_url: str | None = attrs.field(default=None, metadata=read_by(string))
    thumbnail_url: str | None = attrs.field(default=None, metadata=read_by(string))
    ctwa_clid: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class InboundWhatsapp(Part):
    """The object ``whatsapp``: who sent it (BSUID data), to which business account, and from which ad."""

    sender: WhatsappUser | None = attrs.field(default=None, metadata=read_by(part(WhatsappUser)))
    waba_id: str | None = attrs.field(default=None, metadata=read_by(string))
    referral: Referral | None = attrs.field(default=None, metadata=read_by(part(Referral)))
    referred_product: ReferredProduct | None = attrs.field(
        default=None, metadata=read_by(part(ReferredProduct), "whatsapp_referred_product")
    )


@attrs.frozen(kw_only=True, weakref_slot=False)
class InboundSms(Part):
    """The object ``sms``; ``keyword`` is the first word of the text, in upper case."""

    num_messages: int | None = attrs.field(default=None, metadata=read_by(count))
    keyword: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    total_count: int | None = attrs.field(default=None, metadata=read_by(count))


@attrs.frozen(kw_only=True, weakref_slot=False)
class InboundMms(Part):
    """The object ``mms``: the numbers of a group conversation."""

    participants: tuple[str, ...] | None = attrs.field(default=None, repr=False, metadata=read_by(strings))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Origin(Part):
    """The network that the message came from: ``network_code`` is MCC and MNC."""

    network_code: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, slots=False, repr=False)
class InboundMessage(WebhookEvent):
    """
    A message that somebody sent you. ``parse_inbound`` makes it; how its attributes behave is told by its base.

    ``message_type`` is ``text``, ``image``, ``audio``, …; ``text`` where an SMS does not say. ``content`` is a value
    of the class for that type, or ``Unknown``.
    """

    message_type: str
    content: Content = attrs.field(hash=False)

    _envelope: ClassVar[frozenset[str]] = ENVELOPE_KEYS | {"message_type"}
    _attributes: ClassVar[Mapping[str, str]] = {
        **ATTRIBUTES,
        "context_status": "context_status",
        "context": "context",
        "whatsapp": "whatsapp",
        "sms": "sms",
        "mms": "mms",
        "origin": "origin",
        "content": "_listed_attachments",
    }

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """
        MMS with several files: the array that stands beside the first file. Empty otherwise.

        The first file is ``content``; to see every file take ``(event.content, *event.attachments)``.
        """
        return self._listed_attachments or ()

    @lazy
    def context_status(self) -> str | None:
        """``none``: no answer to anything; ``available``: see ``context``; ``unavailable``: the original is gone."""
        return string(self._fields.get("context_status"))

    @lazy
    def context(self) -> Context | None:
        """WhatsApp and Viber: the message that this one answers or reacts to."""
        return self._part(Context, "context")

    @lazy
    def whatsapp(self) -> InboundWhatsapp | None:
        """What only WhatsApp has."""
        return self._part(InboundWhatsapp, "whatsapp")

    @property
    def referral(self) -> Referral | None:
        """WhatsApp: the ad or post that the person came from."""
        return None if self.whatsapp is None else self.whatsapp.referral

    @property
    def referred_product(self) -> ReferredProduct | None:
        """WhatsApp: the product that the message is about, from its new place or its older one in ``context``."""
        for holder in (self.whatsapp, self.context):
            if holder is not None and holder.referred_product is not None:
                return holder.referred_product
        return None

    @lazy
    def sms(self) -> InboundSms | None:
        """What only SMS has: the number of parts, and the keyword."""
        return self._part(InboundSms, "sms")

    @lazy
    def mms(self) -> InboundMms | None:
        """What only MMS has: the participants of a group."""
        return self._part(InboundMms, "mms")

    @lazy
    def origin(self) -> Origin | None:
        """SMS and MMS: the network that the message came from."""
        return self._part(Origin, "origin")

    @lazy
    def self_href(self) -> str | None:
        """The regional URL of this message, to mark it as read (``_self.href``). Check its host before using it."""
        link = self._fields.get("_self")
        return string(link.get("href")) if isinstance(link, dict) else None

    def reply(self, text: str) -> Message:
        """
        Build the text message that answers this one, on its channel; ``Client.reply`` builds and sends it.

        Raises:
            InvalidMessageError: the channel cannot be answered on, or the message would be refused.
        """
        from vonage_messages.webhooks.reply import reply_to  # noqa: PLC0415  loads every channel: reading does not

        return reply_to(self, text)

    @lazy
    def _listed_attachments(self) -> tuple[Attachment, ...] | None:
        return read_attachments(self._fields.get("content"))

    def _is_read(self, key: str, value: object) -> bool:
        if key == "_self":
            return isinstance(value, dict) and (not value or value == {"href": self.self_href})
        if super()._is_read(key, value):
            return True
        if value is None:
            return key in BODIES
        return key == self.message_type and not isinstance(self.content, Unknown)

    def _shown(self) -> tuple[str, ...]:
        return ("message_type", "content")


def read_inbound(payload: Mapping[str, Any]) -> InboundMessage:
    """Read a decoded callback. Never raises: what cannot be read is kept."""
    version = version_of(payload)
    fields = payload if version == "v1" else in_shape_of_v1(payload).fields
    get = fields.get
    message_uuid, channel, to, sender = get("message_uuid"), get("channel"), get("to"), get("from")
    message_type = get("message_type")
    if message_type.__class__ is not str:
        message_type = _implied_type(message_type, fields)
    return made(
        InboundMessage,
        version=version,
        message_uuid=message_uuid if isinstance(message_uuid, str) else "",
        channel=channel if isinstance(channel, str) else "",
        to=to if isinstance(to, str) else "",
        from_=sender if isinstance(sender, str) else "",
        raw=payload,
        message_type=message_type,
        content=read_content(message_type, fields),
    )


def _implied_type(message_type: object, fields: Mapping[str, Any]) -> str:
    """Name the type where the payload does not: the reference's own SMS sample has a text and no type."""
    if isinstance(message_type, str):
        return message_type
    return "text" if message_type is None and isinstance(fields.get("text"), str) else ""
