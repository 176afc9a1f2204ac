"""
What an inbound message holds: one class for each ``message_type``, and ``Unknown`` for every other.

The same classes serve both versions of the API and every channel. ``read_content`` picks by ``message_type`` alone, so
that a known type on a channel of tomorrow is read as well. Reference: webhooks, "Inbound types per channel".

No ``repr`` here shows what a person wrote, their names, or an address where their media can be fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

import attrs

from vonage_messages.webhooks.reading import (
    Part,
    count,
    decimal,
    masked_or_none,
    number,
    part,
    parts,
    read_by,
    read_part,
    string,
    string_or_object,
)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Text(Part):
    """``text``: what the person wrote."""

    message_type: ClassVar[str] = "text"

    text: str = attrs.field(repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _Media(Part):
    """
    A file at a URL, which stays valid for 48 hours.

    With "Secure Inbound Media" on, fetching it needs a JWT of the application.
    """

    url: str = attrs.field(repr=False, metadata=read_by(string))
    name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    caption: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Image(_Media):
    """``image``; RCS sends Android stickers as images too."""

    message_type: ClassVar[str] = "image"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Audio(_Media):
    """``audio``."""

    message_type: ClassVar[str] = "audio"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Video(_Media):
    """``video``."""

    message_type: ClassVar[str] = "video"


@attrs.frozen(kw_only=True, weakref_slot=False)
class File(_Media):
    """``file``."""

    message_type: ClassVar[str] = "file"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Vcard(_Media):
    """``vcard``: a business card as a file; WhatsApp sends ``Contacts`` instead."""

    message_type: ClassVar[str] = "vcard"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Sticker(_Media):
    """``sticker`` of WhatsApp."""

    message_type: ClassVar[str] = "sticker"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Location(Part):
    """``location``: a point in degrees; API v0.1 spells its members ``latitude`` and ``longitude``, as strings."""

    message_type: ClassVar[str] = "location"

    lat: float = attrs.field(repr=False, metadata=read_by(number, "lat", "latitude"))
    long: float = attrs.field(repr=False, metadata=read_by(number, "long", "longitude"))
    name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    address: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    url: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Reply(Part):
    """``reply``: a tap on a reply button, a row of a list, or an RCS suggestion (``id`` is its ``postback_data``)."""

    message_type: ClassVar[str] = "reply"

    id: str = attrs.field(metadata=read_by(string))
    title: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    description: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Button(Part):
    """
    ``button``: a tap on a quick reply of a WhatsApp template, or on an action suggestion of RCS.

    ``payload`` is a string, or an object: then ``subtype`` says of what (``flow``).
    """

    message_type: ClassVar[str] = "button"

    payload: str | Mapping[str, Any] = attrs.field(repr=False, hash=False, metadata=read_by(string_or_object))
    text: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    subtype: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class OrderItem(Part):
    """One line of an order; the API writes both numbers as strings."""

    product_retailer_id: str | None = attrs.field(default=None, metadata=read_by(string))
    quantity: int | None = attrs.field(default=None, metadata=read_by(count))
    item_price: Decimal | None = attrs.field(default=None, metadata=read_by(decimal))
    currency: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Order(Part):
    """``order`` of products in a WhatsApp catalogue."""

    message_type: ClassVar[str] = "order"

    catalog_id: str = attrs.field(metadata=read_by(string))
    product_items: tuple[OrderItem, ...] = attrs.field(default=(), repr=False, metadata=read_by(parts(OrderItem)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Reaction(Part):
    """
    ``reaction``: ``action`` is ``react`` or ``unreact``, and ``emoji`` is absent from the latter.

    What it reacts to is in ``context.message_uuid`` of the message.
    """

    message_type: ClassVar[str] = "reaction"

    action: str = attrs.field(metadata=read_by(string))
    emoji: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ContactName(Part):
    """The name of a contact."""

    formatted_name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    first_name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    last_name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    middle_name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    prefix: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    suffix: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ContactPhone(Part):
    """A phone number of a contact; ``type`` is ``home`` or ``work``."""

    phone: str | None = attrs.field(default=None, repr=masked_or_none, metadata=read_by(string))
    type: str | None = attrs.field(default=None, metadata=read_by(string))
    wa_id: str | None = attrs.field(default=None, repr=masked_or_none, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ContactEmail(Part):
    """An e-mail address of a contact."""

    email: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    type: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ContactAddress(Part):
    """A postal address of a contact; ``zip`` is WhatsApp's own word for ``postal_code``."""

    street: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    city: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    state: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    postal_code: str | None = attrs.field(default=None, repr=False, metadata=read_by(string, "postal_code", "zip"))
    country: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    country_code: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    type: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ContactUrl(Part):
    """A web address of a contact."""

    url: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    type: str | None = attrs.field(default=None, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ContactOrganization(Part):
    """Where a contact works: known to WhatsApp, not listed by the reference."""

    company: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    department: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    title: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Contact(Part):
    """One contact; ``birthday`` is written ``YYYY-MM-DD``."""

    name: ContactName | None = attrs.field(default=None, repr=False, metadata=read_by(part(ContactName)))
    phones: tuple[ContactPhone, ...] = attrs.field(default=(), repr=False, metadata=read_by(parts(ContactPhone)))
    emails: tuple[ContactEmail, ...] = attrs.field(default=(), repr=False, metadata=read_by(parts(ContactEmail)))
    addresses: tuple[ContactAddress, ...] = attrs.field(default=(), repr=False, metadata=read_by(parts(ContactAddress)))
    urls: tuple[ContactUrl, ...] = attrs.field(default=(), repr=False, metadata=read_by(parts(ContactUrl)))
    birthday: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    org: ContactOrganization | None = attrs.field(default=None, repr=False, metadata=read_by(part(ContactOrganization)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Contacts(Part):
    """``contacts`` of WhatsApp (beta)."""

    message_type: ClassVar[str] = "contacts"

    contacts: tuple[Contact, ...] = attrs.field(repr=False)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Unsupported(Part):
    """``unsupported``: the platform could not pass the message on; ``provider_message`` may say why."""

    message_type: ClassVar[str] = "unsupported"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Unknown(Part):
    """
    A ``message_type`` that this version does not know, or a known one whose body cannot be read.

    ``message_type`` is empty where the payload names none; ``body`` is what stands under that name, undecoded.
    """

    message_type: str = ""
    body: Any = attrs.field(default=None, repr=False, hash=False)


Content: TypeAlias = (
    Text
    | Image
    | Audio
    | Video
    | File
    | Vcard
    | Location
    | Reply
    | Button
    | Order
    | Sticker
    | Reaction
    | Contacts
    | Unsupported
    | Unknown
)
"""What ``InboundMessage.content`` may be."""

Attachment: TypeAlias = Image | Audio | Video | File | Vcard | Unknown
"""What an item of ``InboundMessage.attachments`` may be."""

_write_extra = vars(Part)["extra"].__set__
_write_text = vars(Text)["text"].__set__

_ATTACHMENTS: Mapping[str, type[Image | Audio | Video | File | Vcard]] = {
    cls.message_type: cls for cls in (Image, Audio, Video, File, Vcard)
}


def read_content(message_type: str, fields: Mapping[str, Any]) -> Content:
    """
    Read the body of a message.

    *fields* is a payload in the shape of API v1, whose body stands under the name of its *message_type*.
    """
    if message_type == "text":  # most of all messages, and no object to look into
        written = fields.get("text")
        if isinstance(written, str):
            return _text(written)
    read = _READERS.get(message_type)
    content = None if read is None else read(fields)
    return Unknown(message_type=message_type, body=fields.get(message_type)) if content is None else content


def read_attachments(value: object) -> tuple[Attachment, ...] | None:
    """Read the array ``content`` of an MMS: ``[{"type": "image", "url": …}]``; ``None`` where it is no array."""
    if not isinstance(value, list):
        return None
    return tuple(_attachment(item) for item in value)


def _attachment(item: object) -> Attachment:
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(kind, str):
        return Unknown(body=item)
    cls = _ATTACHMENTS.get(kind)
    body = {key: value for key, value in item.items() if key != "type"}
    read = None if cls is None else read_part(cls, body)
    return Unknown(message_type=kind, body=item) if read is None else read


def _text(written: str) -> Text:
    """Build a text by its slots: half the price of a frozen ``__init__`` (measured 0.2 µs instead of 0.4)."""
    content = object.__new__(Text)
    _write_extra(content, {})
    _write_text(content, written)
    return content


def _body(key: str, cls: type[Any]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda fields: read_part(cls, fields.get(key))


def _contacts(fields: Mapping[str, Any]) -> Contacts | None:
    contacts = parts(Contact)(fields.get("contacts"))
    return Contacts(contacts=contacts) if contacts else None


def _first_attachment(fields: Mapping[str, Any]) -> Attachment | None:
    """Read ``message_type`` ``content``, which no document lists for inbound messages, as its first attachment."""
    attachments = read_attachments(fields.get("content"))
    return attachments[0] if attachments else None


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Content | None]] = {
    **{
        cls.message_type: _body(cls.message_type, cls)
        for cls in (Image, Audio, Video, File, Vcard, Location, Reply, Button, Order, Sticker, Reaction)
    },
    "contacts": _contacts,
    "content": _first_attachment,
    "unsupported": lambda _: Unsupported(),
}

BODIES = frozenset({"text", *_READERS})
"""Every member that may hold the body of a message."""
