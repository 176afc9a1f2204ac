"""
From the options of ``send`` to a message: which class they mean, and where in it each of them goes.

What a message may hold is known by its class, which refuses the rest with a sentence of its own; here stands only
what a command line adds: one content, and options that the channel has a place for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from vonage_messages.channels import mail, messenger, mms, rcs, sms, viber, whatsapp
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import InvalidMessageError, Problem
from vonage_messages.wire.payloads import from_payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonage_messages.channels.base import BaseMessage, Message
    from vonage_messages.wire.payloads import ApiVersion

_CLASSES: dict[str, dict[str, type[BaseMessage]]] = {
    "sms": {"text": sms.Sms},
    "mms": {
        "text": mms.MmsText,
        "image": mms.MmsImage,
        "audio": mms.MmsAudio,
        "video": mms.MmsVideo,
        "file": mms.MmsFile,
        "vcard": mms.MmsVcard,
    },
    "rcs": {"text": rcs.RcsText, "image": rcs.RcsImage, "video": rcs.RcsVideo, "file": rcs.RcsFile},
    "whatsapp": {
        "text": whatsapp.WhatsappText,
        "image": whatsapp.WhatsappImage,
        "audio": whatsapp.WhatsappAudio,
        "video": whatsapp.WhatsappVideo,
        "file": whatsapp.WhatsappFile,
        "template": whatsapp.WhatsappTemplate,
        "sticker": whatsapp.WhatsappSticker,
    },
    "messenger": {
        "text": messenger.MessengerText,
        "image": messenger.MessengerImage,
        "audio": messenger.MessengerAudio,
        "video": messenger.MessengerVideo,
        "file": messenger.MessengerFile,
    },
    "viber": {
        "text": viber.ViberText,
        "image": viber.ViberImage,
        "video": viber.ViberVideo,
        "file": viber.ViberFile,
        "template": viber.ViberTemplate,
    },
    "email": {"text": mail.EmailText, "html": mail.EmailHtml},
}

CHANNELS = tuple(_CLASSES)
"""The channels as the command line spells them; ``viber`` is the API's ``viber_service``."""

CONTENTS = tuple(dict.fromkeys(content for classes in _CLASSES.values() for content in classes))
"""The options of which one is the content of the message."""

_CAPTIONED = ("image", "audio", "video", "file", "vcard")
_OPTIONS_OF_CHANNEL = {"viber": "viber_service", "email": "email"}
"""Where a channel keeps options of its own that the command line knows."""


@attrs.frozen(kw_only=True)
class SendOptions:
    """What was typed. ``None`` and the empty tuple stand for what was not."""

    channel: str
    to: str
    sender: str
    content: Mapping[str, str | None]
    """Each of ``CONTENTS`` with its value."""
    caption: str | None = None
    thumb_url: str | None = None
    duration: str | None = None
    file_size: str | None = None
    parameters: tuple[str, ...] = ()
    locale: str | None = None
    subject: str | None = None
    client_ref: str | None = None
    ttl: int | None = None
    failover_sms: str | None = None


def compose(options: SendOptions) -> Message:
    """
    Build the message that the options mean.

    Raises:
        InvalidMessageError: there is no content or too much of it, an option has no place, or a value is refused.
    """
    content = {name: value for name, value in options.content.items() if value is not None}
    if options.channel == "email" and content.keys() == {"text", "html"}:
        return _build(mail.EmailContent, {"content": _parts(content)}, options)
    if len(content) != 1:
        _refuse("", f"needs exactly one content: {_listed(_CLASSES[options.channel])}")
    kind, value = content.popitem()
    cls = _CLASSES[options.channel].get(kind)
    if cls is None:
        _refuse(f"--{kind}", f"{options.channel} has no such message; it has {_listed(_CLASSES[options.channel])}")
    return _build(cls, {kind: _body(kind, value, options)}, options)


def read_message(text: bytes, api_version: ApiVersion) -> Message:
    """
    Turn the JSON of a whole request into its message.

    Raises:
        InvalidMessageError: that is no JSON object, or the message is refused.
    """
    return from_payload(_payload(text), api_version)


def read_raw_message(text: bytes) -> Message:
    """
    Turn the JSON of a whole request into a message that is sent as it is.

    Raises:
        InvalidMessageError: that is no JSON object.
    """
    return RawMessage(_payload(text))


def _payload(text: bytes) -> Any:
    try:
        payload = json.loads(text)
    except ValueError as error:
        # The words of a decoding error may quote the message.
        line = getattr(error, "lineno", None)
        where = "" if line is None else f" (line {line})"
        raise InvalidMessageError([Problem("--json", f"is not valid JSON{where}")]) from None
    except RecursionError:
        raise InvalidMessageError([Problem("--json", "is nested too deeply")]) from None
    if not isinstance(payload, dict):
        _refuse("--json", "must hold one JSON object, the body of a request")
    return payload


def _build(cls: type[BaseMessage], content: dict[str, Any], options: SendOptions) -> Message:
    """Put everything in its place; what has none is refused before the class sees it."""
    arguments = {"to": options.to, "from_": options.sender, "client_ref": options.client_ref, **content}
    known = {field.name: field for field in attrs.fields(cls)}
    of_channel = {name: getattr(options, name) for name in ("subject", "duration", "file_size")}
    (arguments if "ttl" in known else of_channel)["ttl"] = options.ttl
    of_channel = {name: value for name, value in of_channel.items() if value is not None}
    home = _OPTIONS_OF_CHANNEL.get(options.channel)
    if home is None and of_channel:
        _refuse(_spelt(next(iter(of_channel))), f"{options.channel} has no place for it")
    # Where the object is required it goes out empty, too: the class then names every field that it lacks.
    if home is not None and (of_channel or known[home].default is attrs.NOTHING):
        arguments[home] = of_channel
    arguments.update(_locale(options))
    if options.failover_sms is not None:
        arguments["failover"] = [_sms_instead(options)]
    # The names were looked up in the class, so these are its own keywords.
    return cls(**arguments)


def _body(kind: str, value: str, options: SendOptions) -> object:
    """Give the content as its field takes it: a text, or an object with what belongs to it."""
    body: dict[str, Any] = {"name" if kind == "template" else "url": value}
    beside = {"caption": options.caption, "thumb_url": options.thumb_url}
    for name, each in beside.items():
        if each is not None:
            if kind not in _CAPTIONED:
                _refuse(_spelt(name), f"belongs to a medium, not to --{kind}")
            body[name] = each
    if options.parameters:
        if kind != "template":
            _refuse("--parameter", "belongs to a --template")
        body["parameters"] = options.parameters
    return value if kind in {"text", "html"} else body


def _locale(options: SendOptions) -> dict[str, Any]:
    if options.locale is None:
        return {}
    if options.channel != "whatsapp" or options.content.get("template") is None:
        _refuse("--locale", "belongs to a WhatsApp --template")
    return {"whatsapp": {"locale": options.locale}}


def _sms_instead(options: SendOptions) -> Message:
    """Build the SMS that goes out when the message is rejected: the same text, from another sender."""
    text = options.content.get("text")
    if text is None or options.channel == "sms":
        _refuse("--failover-sms", "sends the same --text as an SMS: give it with a text of another channel")
    return sms.Sms(to=options.to, from_=options.failover_sms or "", text=text)


def _parts(content: Mapping[str, str]) -> list[object]:
    return [mail.EmailContentText(text=content["text"]), mail.EmailContentHtml(body=content["html"])]


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(_spelt(name) for name in names)


def _spelt(name: str) -> str:
    return "--" + name.replace("_", "-")


def _refuse(path: str, message: str) -> NoReturn:
    raise InvalidMessageError([Problem(path, message)])
