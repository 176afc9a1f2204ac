"""
What people write: the body of an inbound callback of every type, in the shape of v1 and of v0.1. Pure.

A body begins with something made up for its type, and whatever the caller gives takes its place. It is then checked
against ``rules/webhooks.json``, so that the simulator never sends what the platform would not.

Reference: Webhooks, sections 4 to 6; API v0.1, section 4.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from vonage_messages.errors import SimulatorError
from vonage_messages.simulator.rules import webhook_rules
from vonage_messages.simulator.statuses import NETWORK_CODE, party_v0_1
from vonage_messages.simulator.validate import validate_webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

PERSON: Final = "447700900000"
"""Who writes where nobody is named: a number that is reserved for made-up people."""

COMPANY: Final[Mapping[str, str]] = {
    "sms": "447700900001",
    "mms": "14155550100",
    "rcs": "Acme",
    "whatsapp": "447700900001",
    "messenger": "107083064136738",
    "viber_service": "22353",
}
"""Who is written to where nobody is named, by channel: every channel that knows inbound messages."""

_MESSENGER_PERSON = "7064120230221346"
_NAME = "Jane Smith"
_MEDIA_NAMES = {
    "image": "picture.jpg",
    "audio": "sound.mp3",
    "video": "film.mp4",
    "file": "paper.pdf",
    "vcard": "card.vcf",
    "sticker": "sticker.webp",
}
_UNNAMED_MEDIA = frozenset({"messenger", "viber_service"})
"""Channels whose media have a ``url`` and no ``name``."""

_MADE_UP: Final[Mapping[str, Mapping[str, Any]]] = {
    "rcs.location": {"lat": 51.5074, "long": -0.1278},
    "whatsapp.location": {"lat": 51.5074, "long": -0.1278, "name": "London", "address": "London, UK"},
    "rcs.reply": {"id": "yes", "title": "Yes"},
    "whatsapp.reply": {"id": "yes", "title": "Yes"},
    "rcs.button": {"payload": "ring", "text": "Ring"},
    "whatsapp.button": {"payload": "yes", "text": "Yes"},
    "whatsapp.order": {
        "catalog_id": "1267260820787549",
        "product_items": [
            {"product_retailer_id": "shoe-42", "quantity": "1", "item_price": "49.90", "currency": "EUR"}
        ],
    },
    "whatsapp.reaction": {"action": "react", "emoji": "\U0001f44d"},
}
_CONTACTS: Final = [
    {
        "name": {"formatted_name": "Bob Smith", "first_name": "Bob", "last_name": "Smith"},
        "phones": [{"phone": "447700900009", "type": "home"}],
    }
]
_V0_1_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "sms": frozenset({"text"}),
    "mms": frozenset({"text", "image"}),
    "whatsapp": frozenset({"text", "image", "audio", "video", "file", "location", "button", "unsupported"}),
    "messenger": frozenset({"text", "image", "audio", "video", "file", "unsupported"}),
    "viber_service": frozenset({"text", "unsupported"}),
}
"""API v0.1, section 4: the second table."""

_WITHOUT_SELF = frozenset({"reaction", "unsupported"})


@attrs.frozen(kw_only=True)
class Written:
    """A message that a person writes. *base_url* is that of the simulator: its media and its ``_self`` lie there."""

    message_uuid: str
    channel: str
    message_type: str
    to: str = attrs.field(repr=False)
    from_: str = attrs.field(repr=False)
    at: float
    """Unix seconds."""
    context_uuid: str | None
    """The message that is answered, where the person quotes it."""
    base_url: str
    fields: Mapping[str, Any] = attrs.field(repr=False)
    """Members of the body, by their JSON names, that take the place of what is made up."""
    media_name: str | None = attrs.field(default=None, repr=False)
    """What the file is called, where the channel names files."""


def default_person(channel: str) -> str:
    """Give the id of the person on *channel*: a number, on Messenger an id."""
    return _MESSENGER_PERSON if channel == "messenger" else PERSON


def inbound_types(channel: str, version: str = "v1") -> tuple[str, ...]:
    """List the types that a person can send on *channel*, none for an unknown channel."""
    listed = [name.split(".") for name in webhook_rules().messages]
    types = tuple(parts[2] for parts in listed if parts[0] == "inbound" and parts[1] == channel)
    if version == "v1":
        return types
    known = _V0_1_TYPES.get(channel, frozenset())
    # Viber's unsupported is in the table of v0.1 and not in that of v1.
    return (*(each for each in types if each in known), *sorted(known - set(types)))


def can_write(channel: str, *, person: str, company: str) -> bool:
    """Tell whether the platform tells of what *person* writes to *company*: nobody answers an SMS from a name."""
    written = Written(
        message_uuid=str(UUID(int=0)),
        channel=channel,
        message_type="text",
        to=company,
        from_=person,
        at=0,
        context_uuid=None,
        base_url="http://127.0.0.1",
        fields={},
    )
    try:
        inbound_v1(written)
    except SimulatorError:
        return False
    return True


def inbound_v1(written: Written) -> dict[str, Any]:
    """
    Write an inbound message as v1 does.

    Raises:
        SimulatorError: the channel has no such type, or a field is not what the reference says.
    """
    _check_type(written, "v1")
    name = f"inbound.{written.channel}.{written.message_type}"
    body = {**_envelope(written), **_content(written), **written.fields}
    problems = validate_webhook(name, body)
    if problems:
        listed = "; ".join(f"{problem.name}: {problem.reason}" for problem in problems)
        raise SimulatorError(f"the platform sends no such {name}: {listed}")
    return body


def inbound_kept(written: Written) -> dict[str, Any]:
    """Write an inbound message as v1 does, also one of a type that only v0.1 tells of."""
    if written.message_type in inbound_types(written.channel):
        return inbound_v1(written)
    return {**_envelope(written), **_content(written), **written.fields}


def inbound_v0_1(written: Written) -> dict[str, Any]:
    """
    Write an inbound message as v0.1 does: the body of v1, rearranged (API v0.1, section 7).

    Raises:
        SimulatorError: v0.1 has no such type, or a field is not what the reference says.
    """
    _check_type(written, "v0.1")
    if written.message_type in inbound_types(written.channel):
        inbound_v1(written)  # refuses what the platform would not send: v0.1 has no table of its own
    body = {**_content(written), **written.fields}
    content: dict[str, Any] = {"type": written.message_type}
    if written.message_type != "unsupported":
        content[written.message_type] = _content_v0_1(written.message_type, body[written.message_type])
    message: dict[str, Any] = {"content": content}
    document: dict[str, Any] = {
        "message_uuid": written.message_uuid,
        "timestamp": _instant(written.at, "milliseconds"),
        "to": party_v0_1(written.channel, written.to, theirs=False),
        "from": party_v0_1(written.channel, written.from_, theirs=True),
        "message": message,
    }
    if written.channel == "sms":
        message["sms"] = {"num_messages": body["sms"]["num_messages"]}
        document["usage"] = body["usage"]
    return document


def _check_type(written: Written, version: str) -> None:
    if written.channel not in COMPANY:
        raise SimulatorError(f"people write on {', '.join(COMPANY)}; not on {written.channel!r}")
    types = inbound_types(written.channel, version)
    if written.message_type not in types:
        raise SimulatorError(
            f"people send {', '.join(types)} on {written.channel} ({version}); not {written.message_type!r}"
        )


def _envelope(written: Written) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "channel": written.channel,
        "message_uuid": written.message_uuid,
        "to": written.to,
        "from": written.from_,
        "timestamp": _instant(written.at, "seconds"),
    }
    if written.channel != "sms":  # the reference lists no message_type for SMS
        envelope["message_type"] = written.message_type
    if written.channel in {"sms", "mms"}:
        envelope["origin"] = {"network_code": NETWORK_CODE}
    if written.channel == "rcs":
        envelope["context_status"] = "none"
    if written.channel == "whatsapp":
        envelope |= _whatsapp_envelope(written)
    if written.channel == "viber_service" and written.context_uuid is not None:
        envelope["context"] = {"message_uuid": written.context_uuid}
    return envelope


def _whatsapp_envelope(written: Written) -> dict[str, Any]:
    envelope: dict[str, Any] = {"profile": {"name": _NAME}, "context_status": "none"}
    if written.context_uuid is not None:
        envelope["context_status"] = "available"
        envelope["context"] = {"message_uuid": written.context_uuid, "message_from": written.to}
    if written.message_type not in _WITHOUT_SELF:
        envelope["_self"] = {"href": f"{written.base_url}/v1/messages/{written.message_uuid}"}
    return envelope


def _content(written: Written) -> dict[str, Any]:
    """Make up what a person sends."""
    kind, channel = written.message_type, written.channel
    if kind == "text":
        return _text(written)
    if kind in _MEDIA_NAMES:
        media = {"url": f"{written.base_url}/v3/media/{written.message_uuid}"}
        named = channel not in _UNNAMED_MEDIA and kind != "sticker"
        return {kind: {**media, "name": written.media_name or _MEDIA_NAMES[kind]} if named else media}
    if kind == "contacts":
        return {"contacts": _CONTACTS}
    made_up = _MADE_UP.get(f"{channel}.{kind}")
    return {} if made_up is None else {kind: dict(made_up)}


def _text(written: Written) -> dict[str, Any]:
    text = str(written.fields.get("text", "Hello"))
    if written.channel != "sms":
        return {"text": text}
    words = text.split(maxsplit=1)
    return {
        "text": text,
        "sms": {"num_messages": "1", "keyword": words[0].upper() if words else ""},
        "usage": {"currency": "EUR", "price": "0.0333"},
    }


def _content_v0_1(message_type: str, content: Any) -> Any:
    """Spell what v0.1 spells otherwise: coordinates are strings with long names, media have a URL and a caption."""
    if not isinstance(content, dict):
        return content
    if message_type == "location":
        named = {key: value for key, value in content.items() if key in {"name", "address"}}
        return {"longitude": str(content["long"]), "latitude": str(content["lat"]), **named}
    if message_type in _MEDIA_NAMES:
        return {key: value for key, value in content.items() if key in {"url", "caption"}}
    return content


def _instant(at: float, precision: str) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
