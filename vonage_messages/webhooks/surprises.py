"""
What a callback holds that this version does not know: its names, and never what people wrote.

Nothing here is asked while a callback is parsed. A name is what the platform calls something: a channel, a type of
message, a status, or the path of a member (``whatsapp.sender.country``). Counting them is for
``vonage_messages.receiving``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from vonage_messages.channels.enums import ChannelType
from vonage_messages.webhooks.content import BODIES, Attachment, Contacts, Order, Unknown
from vonage_messages.webhooks.envelope import Profile, Usage, in_shape_of_v1
from vonage_messages.webhooks.inbound import Context, InboundMessage, InboundMms, InboundSms, InboundWhatsapp, Origin
from vonage_messages.webhooks.reading import Part, Reader, instant, members_of, readers_of, required_of, string
from vonage_messages.webhooks.status import (
    Destination,
    MessageStatus,
    StatusError,
    StatusSms,
    StatusWhatsapp,
    Workflow,
)
from vonage_messages.webhooks.timeline import RANKS

OTHER: Final = "(other)"
"""Stands for what is no name: too long, or written in characters that no name of the platform has."""

LONGEST_NAME = 100
"""In characters; the longest of the reference has 45, with its path."""

_CHANNELS: frozenset[str] = frozenset(ChannelType)
_SPEAKABLE = re.compile(rf"[A-Za-z0-9_.:/$-]{{1,{LONGEST_NAME}}}")
_LONG_NUMBER = re.compile(r"[0-9]{5,}")


class SurpriseKind(StrEnum):
    """What is unknown."""

    CHANNEL = "channel"
    """A channel."""

    MESSAGE_TYPE = "message_type"
    """A type of inbound message, or of a file in an MMS."""

    STATUS = "status"
    """A status."""

    FIELD = "field"
    """A member, named by its path; items of a list count as one member."""

    VALUE = "value"
    """What a known member holds: it is of another JSON type than the reference gives, or lacks what it requires."""


class Surprise(NamedTuple):
    """One thing that this version does not know."""

    kind: SurpriseKind
    name: str
    """Safe to show and to keep: of bounded length, in plain characters, without phone numbers or addresses."""


def surprises(event: InboundMessage | MessageStatus) -> tuple[Surprise, ...]:
    """
    List what this version does not know about *event*, each once, in the order in which it stands. Never raises.

    Most events hold nothing unknown, and are let by after one look at their payload: measured 4 to 5 µs,
    where the whole walk takes 17 to 27.
    """
    return () if is_familiar(event) else walked_surprises(event)


def walked_surprises(event: InboundMessage | MessageStatus) -> tuple[Surprise, ...]:
    """List the same by the whole walk."""
    found = (Surprise(kind, _safe(name)) for kind, name in _of_event(event))
    return tuple(dict.fromkeys(found))


def _safe(name: object) -> str:
    """
    Let only a name through. Who calls the URL may write anything where a name belongs, also a number of somebody.

    Long numbers become ``#``, so that members which are named by the number of a person count as one.
    """
    if not isinstance(name, str) or not _SPEAKABLE.fullmatch(name):
        return OTHER
    return _LONG_NUMBER.sub("#", name)


def _of_event(event: InboundMessage | MessageStatus) -> Iterator[tuple[SurpriseKind, object]]:
    if event.channel and event.channel not in _CHANNELS:
        yield SurpriseKind.CHANNEL, event.channel
    body = ""
    if isinstance(event, MessageStatus):
        if event.status and event.status not in RANKS:
            yield SurpriseKind.STATUS, event.status
    else:
        body = event.message_type
        if body and body not in BODIES:
            yield SurpriseKind.MESSAGE_TYPE, body
        yield from _of_content(event)
    if event.extra:
        yield from _of_extra(event, body)
    for key, attribute in event._attributes.items():  # noqa: SLF001  the table of the class, which no user needs
        value = getattr(event, attribute)
        if isinstance(value, Part):
            yield from _of_part(value, f"{key}.")


def _of_content(event: InboundMessage) -> Iterator[tuple[SurpriseKind, object]]:
    content = event.content
    if isinstance(content, Contacts):
        for contact in content.contacts:
            yield from _of_part(contact, "contacts.")
    elif not isinstance(content, Unknown) and event.message_type != "content":
        yield from _of_part(content, f"{event.message_type}.")
    for attachment in event.attachments:
        yield from _of_attachment(attachment)


def _of_attachment(attachment: Attachment) -> Iterator[tuple[SurpriseKind, object]]:
    if not isinstance(attachment, Unknown):
        yield from _of_part(attachment, "content.")
    elif not attachment.message_type or attachment.message_type in BODIES:
        yield SurpriseKind.VALUE, "content"
    else:
        yield SurpriseKind.MESSAGE_TYPE, attachment.message_type


def _of_extra(event: InboundMessage | MessageStatus, body: str) -> Iterator[tuple[SurpriseKind, object]]:
    """Name the members that stand in ``extra``; the body of an unknown type is told by its type."""
    leftover = in_shape_of_v1(event.raw).leftover if event.version == "v0.1" else {}
    known = {*event._envelope, *event._attributes, "_self"}  # noqa: SLF001  see _of_event
    for key in event.extra:
        if key in leftover:
            yield from _of_leftover(key, leftover[key])
        elif key in known or (key == body and key in BODIES):
            yield SurpriseKind.VALUE, key
        elif not body or key != body:
            yield SurpriseKind.FIELD, key


def _of_leftover(path: str, value: object) -> Iterator[tuple[SurpriseKind, object]]:
    """Name what had no place in a v0.1 callback: the members of its parties and of its message."""
    if not isinstance(value, dict):
        yield SurpriseKind.VALUE, path
        return
    for key, inner in value.items():
        if (path, key) == ("message", "content"):
            yield from _of_leftover("message.content", inner)
        else:
            yield SurpriseKind.FIELD, f"{path}.{key}"


def _of_part(part: Part, path: str) -> Iterator[tuple[SurpriseKind, object]]:
    members: Mapping[str, str] = members_of(type(part))
    for key in part.extra:
        yield SurpriseKind.VALUE if key in members else SurpriseKind.FIELD, f"{path}{key}"
    for key, attribute in members.items():
        value: Any = getattr(part, attribute)
        if isinstance(value, Part):
            yield from _of_part(value, f"{path}{key}.")
        elif value.__class__ is tuple:
            for item in value:
                if isinstance(item, Part):
                    yield from _of_part(item, f"{path}{key}.")


# The quick look: what it lets by holds nothing unknown; what it does not may be known all the same. ----------------


def is_familiar(event: InboundMessage | MessageStatus) -> bool:
    """Tell at a look that *event*, of API v1, holds nothing unknown. False where only the whole walk can tell."""
    if event.version != "v1" or event.channel not in _CHANNELS:
        return False
    if isinstance(event, MessageStatus):
        return event.status in RANKS and _is_known(event.raw, _OF_STATUSES)
    content = event.content
    body, link = event.message_type, event.raw.get("_self")
    if isinstance(content, Unknown | Order | Contacts) or content.extra or body not in BODIES or body == "content":
        return False
    own = {body, "_self"}
    if link is not None and not (link.__class__ is dict and len(link) == 1 and link.get("href").__class__ is str):
        return False
    return _is_known({key: item for key, item in event.raw.items() if key not in own}, _OF_MESSAGES)


class _Known:
    """What may stand in an object: worked out when the first one is looked at. An event's own may also be empty."""

    def __init__(self, cls: type[Part], *, may_be_empty: bool = True) -> None:
        self._cls = cls
        self._may_be_empty = may_be_empty
        self._readers: Mapping[str, Reader | _Known] | None = None
        self._required: frozenset[str] = frozenset()

    def holds(self, value: object) -> bool:
        if not isinstance(value, dict):
            return False
        if not value:
            return self._may_be_empty
        if self._readers is None:
            readers = readers_of(self._cls)
            self._required = required_of(self._cls)
            self._readers = {
                key: _Known(read, may_be_empty=False) if isinstance(read, type) else read
                for key, read in readers.items()
            }
        return _is_known(value, self._readers) and self._required <= value.keys()


def _is_known(payload: Mapping[str, Any], readers: Mapping[str, Reader | _Known]) -> bool:
    for key, value in payload.items():
        reader = readers.get(key)
        if reader is string:
            if value.__class__ is not str and value is not None:
                return False
        elif reader is None:
            return False
        elif value is None:
            continue
        elif isinstance(reader, _Known):
            if not reader.holds(value):
                return False
        elif reader(value) is None:
            return False
    return True


_OF_EVENTS: Mapping[str, Reader | _Known] = {
    **dict.fromkeys(("message_uuid", "channel", "to", "from", "client_ref", "provider_message"), string),
    "timestamp": instant,
    "usage": _Known(Usage),
    "profile": _Known(Profile),
}
_OF_MESSAGES: Mapping[str, Reader | _Known] = {
    **_OF_EVENTS,
    "message_type": string,
    "context_status": string,
    "context": _Known(Context),
    "whatsapp": _Known(InboundWhatsapp),
    "sms": _Known(InboundSms),
    "mms": _Known(InboundMms),
    "origin": _Known(Origin),
}
_OF_STATUSES: Mapping[str, Reader | _Known] = {
    **_OF_EVENTS,
    "status": string,
    "error": _Known(StatusError),
    "workflow": _Known(Workflow),
    "destination": _Known(Destination),
    "sms": _Known(StatusSms),
    "whatsapp": _Known(StatusWhatsapp),
}
