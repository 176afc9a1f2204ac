"""
API v0.1: one row for each message class, or an explicit "not in v0.1", and the two functions that read the table.

The request is nested: ``{"to": {"type": …, "number": …}, "from": {…}, "message": {"content": {"type": …, <body>},
<channel object>}, "client_ref": …}``. There is no failover, no webhook_url, no context and no ttl outside Viber.
Reference: Messages API v0.1, "Envelope" and "Content by channel".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from vonage_messages.channels import mail, messenger, mms, rcs, sms, viber, whatsapp
from vonage_messages.channels.base import BaseMessage, Message, Refused, build_from_mapping
from vonage_messages.channels.rules import file_extension
from vonage_messages.errors import InvalidMessageError, Problem
from vonage_messages.values import is_bsuid
from vonage_messages.wire.converter import plain

CLIENT_REF_LENGTH = 40
SMS_TEXT_LENGTH = 1000
PARTY_LENGTH = 50

_MMS_IMAGES = ("jpg", "jpeg", "png", "gif")
_WHATSAPP_FILES = ("pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx")
_MESSENGER_FILES = ("zip", "csv", "pdf")

_URL = ("url",)
_CAPTIONED = ("url", "caption")
_NUMBERS = ("number", "number")
_IDS = ("id", "id")
_NUMBER_AND_ID = ("number", "id")


@attrs.frozen
class NestedShape:
    """Where the attributes of one message class go."""

    channel: str
    """``to.type`` and ``from.type``; the channel object bears the same name."""
    content_type: str
    body: str
    """The attribute that holds the content; the JSON key is the same."""
    parties: tuple[str, str]
    """The keys that carry the recipient and the sender: ``number`` or ``id``."""
    body_keys: tuple[str, ...] | None = None
    """What the body may hold, where v0.1 knows less of it than v1; ``None`` for all of it."""
    extensions: tuple[str, ...] = ()
    """The file types, where v0.1 lists fewer than v1."""
    options: str | None = None
    """The attribute that holds the channel object."""
    option_keys: tuple[str, ...] = ()
    """What the channel object may hold."""


def _messenger(
    content_type: str, body_keys: tuple[str, ...] | None = None, extensions: tuple[str, ...] = ()
) -> NestedShape:
    return NestedShape(
        "messenger",
        content_type,
        body=content_type,
        parties=_IDS,
        body_keys=body_keys,
        extensions=extensions,
        options="messenger",
        option_keys=("category", "tag"),
    )


def _viber(content_type: str, body_keys: tuple[str, ...] | None = None) -> NestedShape:
    return NestedShape(
        "viber_service_msg",
        content_type,
        body=content_type,
        parties=_NUMBER_AND_ID,
        body_keys=body_keys,
        options="viber_service",
        option_keys=("category", "ttl", "type"),
    )


def _whatsapp(
    content_type: str, body_keys: tuple[str, ...] | None = None, extensions: tuple[str, ...] = ()
) -> NestedShape:
    return NestedShape(
        "whatsapp", content_type, body=content_type, parties=_NUMBERS, body_keys=body_keys, extensions=extensions
    )


NOT_IN_V0_1 = frozenset[type[Message]](
    {
        *(mms.MmsText, mms.MmsVcard, mms.MmsAudio, mms.MmsVideo, mms.MmsFile, mms.MmsContent),
        *(rcs.RcsText, rcs.RcsImage, rcs.RcsVideo, rcs.RcsFile, rcs.RcsCustom),
        *(rcs.RcsCardMessage, rcs.RcsCarouselMessage),
        *(whatsapp.WhatsappSticker, whatsapp.WhatsappReaction),
        *(viber.ViberVideo, viber.ViberFile),
        *(mail.EmailText, mail.EmailHtml, mail.EmailContent),
    }
)
"""The classes that the older version has no form for."""

SHAPES: dict[type[Message], NestedShape] = {
    sms.Sms: NestedShape("sms", "text", body="text", parties=_NUMBERS),
    mms.MmsImage: NestedShape("mms", "image", body="image", parties=_NUMBERS, body_keys=_URL, extensions=_MMS_IMAGES),
    whatsapp.WhatsappText: _whatsapp("text"),
    whatsapp.WhatsappImage: _whatsapp("image", _CAPTIONED),
    whatsapp.WhatsappVideo: _whatsapp("video", _URL),
    whatsapp.WhatsappAudio: _whatsapp("audio", _URL),
    whatsapp.WhatsappFile: _whatsapp("file", _CAPTIONED, _WHATSAPP_FILES),
    whatsapp.WhatsappTemplate: NestedShape(
        "whatsapp",
        "template",
        body="template",
        parties=_NUMBERS,
        options="whatsapp",
        option_keys=("locale", "policy"),
    ),
    whatsapp.WhatsappCustom: _whatsapp("custom"),
    messenger.MessengerText: _messenger("text"),
    messenger.MessengerImage: _messenger("image", _URL),
    messenger.MessengerVideo: _messenger("video", _URL),
    messenger.MessengerAudio: _messenger("audio", _URL),
    messenger.MessengerFile: _messenger("file", _URL, _MESSENGER_FILES),
    messenger.MessengerCustom: _messenger("custom"),
    viber.ViberText: _viber("text"),
    viber.ViberImage: _viber("image", _URL),
    viber.ViberTemplate: _viber("template", ("name", "parameters")),
}

_CLASSES = {(shape.channel, shape.content_type): cls for cls, shape in SHAPES.items()}


def dump(message: BaseMessage) -> dict[str, Any]:
    """
    Write a message as v0.1 has it.

    Raises:
        InvalidMessageError: v0.1 has no such message, no place for one of its options, or a narrower limit.
    """
    cls, shape = _shape_of(type(message))
    body = plain(getattr(message, shape.body))
    options = plain(getattr(message, shape.options)) if shape.options else None
    problems = [*_without_place(message, shape, body, options), *_over_limits(message, shape)]
    if problems:
        raise InvalidMessageError(problems, f"{cls.__name__} for v0.1")
    content = {"type": shape.content_type, shape.body: body}
    payload: dict[str, Any] = {
        "to": {"type": shape.channel, shape.parties[0]: plain(message.to)},
        "from": {"type": shape.channel, shape.parties[1]: plain(message.from_)},
        "message": {"content": content},
    }
    if options is not None:
        payload["message"][shape.channel] = options
    if message.client_ref is not None:
        payload["client_ref"] = plain(message.client_ref)
    return payload


def load(payload: Mapping[str, Any]) -> Message:
    """
    Read a v0.1 request body.

    Raises:
        InvalidMessageError: with all problems, at the paths of v0.1.
    """
    problems: list[Problem] = []
    envelope = _Envelope(payload, problems)
    cls = _CLASSES.get((envelope.channel, envelope.content_type))
    if cls is None:
        problems += _unknown_type(envelope)
        raise InvalidMessageError(problems, "v0.1 payload")
    shape = SHAPES[cls]
    arguments = envelope.arguments(shape)
    if cls is whatsapp.WhatsappTemplate:
        locale = arguments.get("whatsapp")
        if locale is None or (isinstance(locale, Mapping) and "locale" not in locale):
            problems.append(Problem("message.whatsapp.locale", "is required"))
            arguments.setdefault("whatsapp", {})
    built = build_from_mapping(cls, arguments)
    if isinstance(built, Refused):
        found = [each for each in built.problems if each.path not in envelope.missing]
    else:
        body, options = arguments.get(shape.body), arguments.get(shape.options or "")
        found = [*_without_place(built, shape, body, options), *_over_limits(built, shape)]
    problems += [Problem(_nested_path(each.path, shape), each.message) for each in found]
    if problems or isinstance(built, Refused):
        raise InvalidMessageError(problems, "v0.1 payload")
    return built


def _shape_of(cls: type[Message]) -> tuple[type[Message], NestedShape]:
    for base in cls.__mro__:
        if base in NOT_IN_V0_1:
            raise InvalidMessageError([Problem("", f"{base.__name__} does not exist in v0.1: send it over v1")])
        if base in SHAPES:
            return base, SHAPES[base]
    raise InvalidMessageError([Problem("", f"{cls.__name__} is no message class: v0.1 has no form for it")])


def _without_place(message: Message, shape: NestedShape, body: object, options: object) -> Iterator[Problem]:
    """Find what is set and cannot be said in v0.1."""
    placed = {"to", "from_", "client_ref", "channel", "message_type", shape.body, shape.options}
    for field in attrs.fields(type(message)):
        if field.name not in placed and getattr(message, field.name) is not None:
            yield Problem(field.name, "has no place in v0.1")
    yield from _outside(body, shape.body_keys, shape.body)
    if shape.options:
        yield from _outside(options, shape.option_keys, shape.options)


def _outside(value: object, allowed: Iterable[str] | None, path: str) -> Iterator[Problem]:
    if allowed is None or not isinstance(value, Mapping):
        return
    for key in value:
        if key not in allowed:
            yield Problem(f"{path}.{key}", "has no place in v0.1")


def _over_limits(message: Message, shape: NestedShape) -> Iterator[Problem]:
    """Find what v1 allows and v0.1 does not."""
    reference = message.client_ref
    if reference is not None and len(reference) > CLIENT_REF_LENGTH:
        yield _too_long("client_ref", reference, CLIENT_REF_LENGTH)
    if isinstance(message, sms.Sms) and len(message.text) > SMS_TEXT_LENGTH:
        yield _too_long("text", message.text, SMS_TEXT_LENGTH)
    for path, party in (("to", message.to), ("from", message.from_)):
        if len(party) > PARTY_LENGTH:
            yield _too_long(path, party, PARTY_LENGTH)
    if shape.channel == "whatsapp" and is_bsuid(message.to):
        yield Problem("to", "must be a phone number in v0.1: business-scoped user ids came with v1")
    if getattr(getattr(message, "viber_service", None), "type", None) not in {None, "template"}:
        yield Problem("viber_service.type", "must be template (or left out) in v0.1")
    extension = file_extension(getattr(getattr(message, shape.body), "url", ""))
    if shape.extensions and extension and extension not in shape.extensions:
        listed = ", ".join("." + each for each in shape.extensions)
        yield Problem(f"{shape.body}.url", f"must be a file of type {listed} in v0.1, not .{extension}")


def _too_long(path: str, value: str, limit: int) -> Problem:
    return Problem(path, f"must have at most {limit:,} characters in v0.1, not {len(value):,}")


def _unknown_type(envelope: _Envelope) -> Iterator[Problem]:
    """Say why there is no row; an object that is missing altogether has been named already."""
    types = [shape.content_type for shape in SHAPES.values() if shape.channel == envelope.channel]
    if not types and "to" not in envelope.missing:
        channels = ", ".join(dict.fromkeys(shape.channel for shape in SHAPES.values()))
        yield Problem("to.type", f"must be one of {channels}")
    elif types and envelope.has_content:
        yield Problem("message.content.type", f"must be one of {', '.join(types)} on {envelope.channel}")


def _nested_path(path: str, shape: NestedShape) -> str:
    """Translate the path of an attribute into the place where v0.1 has it."""
    head, separator, rest = path.partition(".")
    if head == "to":
        return f"to.{shape.parties[0]}"
    if head == "from":
        return f"from.{shape.parties[1]}"
    if head == shape.options:
        return f"message.{shape.channel}{separator}{rest}"
    if head.partition("[")[0] == shape.body:
        return f"message.content.{path}"
    return path


class _Envelope:
    """A v0.1 body taken apart; what does not belong is written down as it is met."""

    def __init__(self, payload: Mapping[str, Any], problems: list[Problem]) -> None:
        self._problems = problems
        self._only(payload, ("to", "from", "message", "client_ref"), "")
        self._client_ref = payload.get("client_ref")
        self._to = self._object(payload, "to", "")
        self._from = self._object(payload, "from", "")
        self._message = self._object(payload, "message", "")
        self.missing = {side for side in ("to", "from") if not isinstance(payload.get(side), Mapping)}
        self.has_content = isinstance(self._message.get("content"), Mapping)
        is_message = isinstance(payload.get("message"), Mapping)
        self._content = self._object(self._message, "content", "message.") if is_message else {}
        self.channel = str(self._to.get("type"))
        self.content_type = str(self._content.get("type"))
        if not self.missing and self._from.get("type") != self._to.get("type"):
            problems.append(Problem("from.type", "must be the same as to.type"))

    def arguments(self, shape: NestedShape) -> dict[str, Any]:
        """Collect what the constructor of the message takes."""
        recipient, sender = shape.parties
        self._only(self._to, ("type", recipient), "to.")
        self._only(self._from, ("type", sender), "from.")
        self._only(self._content, ("type", shape.body), "message.content.")
        self._only(self._message, ("content", shape.channel if shape.options else "content"), "message.")
        arguments = {
            "to": self._to.get(recipient),
            "from": self._from.get(sender),
            shape.body: self._content.get(shape.body),
        }
        if shape.options and shape.channel in self._message:
            arguments[shape.options] = self._message[shape.channel]
        if self._client_ref is not None:
            arguments["client_ref"] = self._client_ref
        return arguments

    def _object(self, parent: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
        value = parent.get(key)
        if isinstance(value, Mapping):
            return value
        self._problems.append(Problem(path + key, "is required" if value is None else "must be an object"))
        return {}

    def _only(self, value: Mapping[str, Any], allowed: tuple[str, ...], path: str) -> None:
        for key in value:
            if key not in allowed:
                self._problems.append(Problem(f"{path}{key}", "is not a field of v0.1 here"))
