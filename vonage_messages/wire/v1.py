"""
API v1: one row for each message class, and the two functions that read the table.

The request is flat: ``{"channel": …, "message_type": …, "to": …, "from": …, <body>, <channel object>, …}``.
Reference: Messages API v1, the section of each channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

import attrs

from vonage_messages.channels import mail, messenger, mms, rcs, sms, viber, whatsapp
from vonage_messages.channels.base import BaseMessage, Message, Refused, build_from_mapping, join_path, json_name
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import InvalidMessageError, Problem
from vonage_messages.wire.converter import plain, raw

_COMMON = ("to", "from_", "client_ref", "webhook_url", "webhook_version")
_DELIVERY = ("ttl", "trusted_recipient", "trusted_sender")


@attrs.frozen
class Shape:
    """Where the attributes of one message class go."""

    channel: str
    message_type: str
    body: str
    """The attribute that holds the content; the JSON key is the same."""
    options: str | None = None
    """The attribute that holds the channel object; the JSON key is the same."""
    further: tuple[str, ...] = ()
    """Further attributes at the top level."""
    fields: tuple[tuple[str, str], ...] = attrs.field(init=False)
    """(attribute, JSON key) of all that may stand in the request, but for failover."""
    keys: tuple[str, ...] = attrs.field(init=False)
    """The JSON keys of ``fields``."""
    values_of: Callable[[BaseMessage], tuple[Any, ...]] = attrs.field(init=False, eq=False, repr=False)
    """Gets the attributes of ``fields`` in one go: a microsecond faster than one by one."""

    @fields.default
    def _all_fields(self) -> tuple[tuple[str, str], ...]:
        names = (*_COMMON[:2], self.body, *((self.options,) if self.options else ()), *self.further, *_COMMON[2:])
        return tuple((name, json_name(name)) for name in names)

    @keys.default
    def _all_keys(self) -> tuple[str, ...]:
        return tuple(key for _, key in self.fields)

    @values_of.default
    def _getter(self) -> Callable[[BaseMessage], tuple[Any, ...]]:
        return attrgetter(*(name for name, _ in self.fields))


NOT_IN_V1 = frozenset[type[Message]]({viber.ViberTemplate})
"""The classes that only the older version has."""

SHAPES: dict[type[Message], Shape] = {
    sms.Sms: Shape("sms", "text", body="text", options="sms", further=_DELIVERY),
    mms.MmsText: Shape("mms", "text", body="text", options="mms", further=_DELIVERY),
    mms.MmsImage: Shape("mms", "image", body="image", options="mms", further=_DELIVERY),
    mms.MmsVcard: Shape("mms", "vcard", body="vcard", options="mms", further=_DELIVERY),
    mms.MmsAudio: Shape("mms", "audio", body="audio", options="mms", further=_DELIVERY),
    mms.MmsVideo: Shape("mms", "video", body="video", options="mms", further=_DELIVERY),
    mms.MmsFile: Shape("mms", "file", body="file", options="mms", further=_DELIVERY),
    mms.MmsContent: Shape("mms", "content", body="content", options="mms", further=_DELIVERY),
    rcs.RcsText: Shape("rcs", "text", body="text", options="rcs", further=("suggestions", *_DELIVERY)),
    rcs.RcsImage: Shape("rcs", "image", body="image", options="rcs", further=_DELIVERY),
    rcs.RcsVideo: Shape("rcs", "video", body="video", options="rcs", further=_DELIVERY),
    rcs.RcsFile: Shape("rcs", "file", body="file", options="rcs", further=_DELIVERY),
    rcs.RcsCardMessage: Shape("rcs", "card", body="card", options="rcs", further=_DELIVERY),
    rcs.RcsCarouselMessage: Shape(
        "rcs", "carousel", body="carousel", options="rcs", further=("suggestions", *_DELIVERY)
    ),
    rcs.RcsCustom: Shape("rcs", "custom", body="custom", options="rcs", further=_DELIVERY),
    whatsapp.WhatsappText: Shape("whatsapp", "text", body="text", further=("context",)),
    whatsapp.WhatsappImage: Shape("whatsapp", "image", body="image", further=("context",)),
    whatsapp.WhatsappAudio: Shape("whatsapp", "audio", body="audio", further=("context",)),
    whatsapp.WhatsappVideo: Shape("whatsapp", "video", body="video", further=("context",)),
    whatsapp.WhatsappFile: Shape("whatsapp", "file", body="file", further=("context",)),
    whatsapp.WhatsappTemplate: Shape("whatsapp", "template", body="template", options="whatsapp", further=("context",)),
    whatsapp.WhatsappSticker: Shape("whatsapp", "sticker", body="sticker", further=("context",)),
    whatsapp.WhatsappReaction: Shape("whatsapp", "reaction", body="reaction", further=("context",)),
    whatsapp.WhatsappCustom: Shape("whatsapp", "custom", body="custom", further=("context",)),
    messenger.MessengerText: Shape("messenger", "text", body="text", options="messenger"),
    messenger.MessengerImage: Shape("messenger", "image", body="image", options="messenger"),
    messenger.MessengerAudio: Shape("messenger", "audio", body="audio", options="messenger"),
    messenger.MessengerVideo: Shape("messenger", "video", body="video", options="messenger"),
    messenger.MessengerFile: Shape("messenger", "file", body="file", options="messenger"),
    messenger.MessengerCustom: Shape("messenger", "custom", body="custom", options="messenger"),
    viber.ViberText: Shape("viber_service", "text", body="text", options="viber_service"),
    viber.ViberImage: Shape("viber_service", "image", body="image", options="viber_service"),
    viber.ViberVideo: Shape("viber_service", "video", body="video", options="viber_service"),
    viber.ViberFile: Shape("viber_service", "file", body="file", options="viber_service"),
    mail.EmailText: Shape("email", "text", body="text", options="email"),
    mail.EmailHtml: Shape("email", "html", body="html", options="email"),
    mail.EmailContent: Shape("email", "content", body="content", options="email"),
}

_CLASSES = {(shape.channel, shape.message_type): cls for cls, shape in SHAPES.items()}


def dump(message: BaseMessage) -> dict[str, Any]:
    """
    Write a message as v1 has it.

    Raises:
        InvalidMessageError: v1 has no such message.
    """
    cls = type(message)
    shape = SHAPES.get(cls) or _inherited_shape(cls)
    payload: dict[str, Any] = {"channel": shape.channel, "message_type": shape.message_type}
    for key, value in zip(shape.keys, shape.values_of(message), strict=True):
        if value is not None:
            payload[key] = plain(value)
    if message.failover is not None:
        payload["failover"] = [_dump_item(item, index) for index, item in enumerate(message.failover)]
    return payload


def load(payload: Mapping[str, Any]) -> Message:
    """
    Read a v1 request body.

    Raises:
        InvalidMessageError: with all problems.
    """
    built = _build(payload)
    if isinstance(built, Refused):
        raise InvalidMessageError(built.problems, "v1 payload")
    return built


def _dump_item(item: Message, index: int) -> dict[str, Any]:
    if isinstance(item, RawMessage):
        return raw(item)
    if not isinstance(item, BaseMessage):
        raise InvalidMessageError([Problem(f"failover[{index}]", f"v1 has no {type(item).__name__}")])
    try:
        return dump(item)
    except InvalidMessageError as error:
        problems = [Problem(join_path(f"failover[{index}]", each.path), each.message) for each in error.problems]
        raise InvalidMessageError(problems) from None


def _inherited_shape(cls: type[Message]) -> Shape:
    """Find the row of a class that somebody derived from one of ours."""
    for base in cls.__mro__:
        if base in NOT_IN_V1:
            raise InvalidMessageError(
                [Problem("", f'{base.__name__} exists in v0.1 only: send it with api_version="v0.1"')]
            )
        if base in SHAPES:
            return SHAPES[base]
    raise InvalidMessageError([Problem("", f"{cls.__name__} is no message class: v1 has no form for it")])


def _build(payload: Mapping[str, Any]) -> Message | Refused:
    cls = _class_of(payload)
    if isinstance(cls, Refused):
        return cls
    shape = SHAPES[cls]
    arguments = dict(payload)
    if "failover" in arguments:
        arguments["failover"] = _build_failover(arguments["failover"])
    known = {key for _, key in shape.fields} | {"channel", "message_type", "failover"}
    problems = [Problem(str(key), f"is not a field of {cls.__name__}") for key in payload if key not in known]
    problems += _missing(cls, payload)
    built = build_from_mapping(cls, {key: value for key, value in arguments.items() if key in known})
    if isinstance(built, Refused):
        return Refused([*built.problems, *problems])
    return Refused(problems) if problems else built


def _missing(cls: type[Message], payload: Mapping[str, Any]) -> Iterable[Problem]:
    """Find what the reference requires and the class has a default for: JSON must say it."""
    if cls is not whatsapp.WhatsappTemplate:
        return
    settings = payload.get("whatsapp")
    if settings is None:
        yield Problem("whatsapp", "is required")
    elif isinstance(settings, Mapping) and "locale" not in settings:
        yield Problem("whatsapp.locale", "is required")


def _class_of(payload: Mapping[str, Any]) -> type[Message] | Refused:
    channel, message_type = payload.get("channel"), payload.get("message_type")
    found = (
        _CLASSES.get((channel, message_type)) if isinstance(channel, str) and isinstance(message_type, str) else None
    )
    if found is not None:
        return found
    types = [shape.message_type for shape in SHAPES.values() if shape.channel == channel]
    if types:
        return Refused([Problem("message_type", f"must be one of {', '.join(types)} on channel {channel}")])
    channels = ", ".join(dict.fromkeys(shape.channel for shape in SHAPES.values()))
    return Refused([Problem("channel", f"must be one of {channels}")])


def _build_failover(items: object) -> object:
    if not isinstance(items, list | tuple):
        return items
    return tuple(_build_failover_item(item) if isinstance(item, Mapping) else item for item in items)


def _build_failover_item(item: Mapping[str, Any]) -> Message | Refused:
    """Build one item; a failover of its own is refused unread, however deep it goes."""
    built = _build({key: value for key, value in item.items() if key != "failover"})
    if item.get("failover") is None:
        return built
    problems = built.problems if isinstance(built, Refused) else ()
    return Refused([*problems, Problem("failover", "must not be set: a failover message has no failover")])
