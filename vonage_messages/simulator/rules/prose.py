"""
What the reference says in words, and its schema does not: the small table beside ``v1.json`` and ``v0_1.json``.

Every line names its source. Where no source speaks and the simulator had to choose, the source says so, and
``docs/simulator-fidelity.md`` repeats the choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Amendment:
    """Keys to add to the rule of one field of some messages."""

    messages: str
    """A shell pattern over the names of the table: ``mms.*``, ``whatsapp.template``."""
    path: str
    """The dotted path, as in the table."""
    rule: Mapping[str, Any]
    """The keys to add; ``form`` names an entry of ``forms.py``."""
    source: str
    """Where it is said."""


_TO_FROM = "Messages API v1, to / from by channel"

AMENDMENTS: Final = (
    # Who receives, who sends.
    Amendment("sms.*", "to", {"form": "e164"}, _TO_FROM),
    Amendment("mms.*", "to", {"form": "e164"}, _TO_FROM),
    Amendment("rcs.*", "to", {"form": "e164"}, _TO_FROM),
    Amendment("viber_service.*", "to", {"form": "e164"}, _TO_FROM),
    Amendment("whatsapp.*", "to", {"form": "e164-or-bsuid"}, _TO_FROM + "; the business-scoped id since 1.20"),
    Amendment("sms.*", "from", {"form": "number-or-name"}, _TO_FROM + "; which characters a name has: chosen"),
    Amendment("mms.*", "from", {"form": "sender-digits"}, _TO_FROM + "; mms: short code, 10DLC, toll-free"),
    Amendment("whatsapp.*", "from", {"form": "sender-digits"}, _TO_FROM),
    Amendment("rcs.*", "from", {"form": "rcs-sender"}, _TO_FROM + "; the pattern of the official Python SDK"),
    Amendment("email.*", "to", {"form": "email"}, _TO_FROM + "; email: address only, error 1431 for several"),
    Amendment("email.*", "from", {"form": "email"}, _TO_FROM + "; email: address only"),
    Amendment("mms.*", "mms.participants", {"itemForm": "e164"}, "Messages API v1, mms: E.164 strings"),
    # Fields that are URLs by their description; the schema declares no format.
    Amendment("*", "webhook_url", {"format": "url"}, "Messages API v1, Fields common to every channel"),
    Amendment("mms.content", "content[].url", {"format": "url"}, "Messages API v1, mms"),
    Amendment("whatsapp.file", "file.url", {"format": "url"}, "Messages API v1, whatsapp"),
    Amendment("messenger.file", "file.url", {"format": "url"}, "Messages API v1, messenger"),
    Amendment("viber_service.video", "video.thumb_url", {"format": "url"}, "Messages API v1, viber_service"),
    # Links into the app (``viber://``) are links as well; the schema declares no format.
    Amendment(
        "viber_service.*",
        "viber_service.action.url",
        {"form": "link"},
        "Messages API v1, viber_service; no spaces: chosen",
    ),
    # "URL or path; must end in file name + extension when `name` is absent".
    Amendment(
        "viber_service.file",
        "file.url",
        {"form": "url-or-path", "fileNameUnless": "file.name"},
        "Messages API v1, viber_service",
    ),
    Amendment("whatsapp.reaction", "reaction.emoji", {"form": "one-emoji"}, "Messages API v1, whatsapp: one emoji"),
    # Conditions.
    Amendment(
        "whatsapp.reaction",
        "reaction.emoji",
        {"absentWhen": {"path": "reaction.action", "equals": "unreact"}},
        "Messages API v1, whatsapp: absent for unreact",
    ),
    Amendment(
        "email.content",
        "content[].text",
        {"absentWhen": {"path": "content[].type", "equals": "html"}},
        "Messages API v1, email: {type: html, body}",
    ),
    Amendment(
        "email.content",
        "content[].body",
        {"absentWhen": {"path": "content[].type", "equals": "text"}},
        "Messages API v1, email: {type: text, text}",
    ),
    # The official Python SDK keeps further keys of a template resource, and samples carry them.
    Amendment("whatsapp.template", "template", {"additionalProperties": True}, "Messages API v1, whatsapp"),
)

WEBHOOK_AMENDMENTS: Final = (
    Amendment(
        "inbound.whatsapp.button",
        "button.payload",
        {"type": "any"},
        "Webhooks, Inbound types per channel: a string or an object; 1.20 declares only the object",
    ),
    Amendment(
        "inbound.whatsapp.*",
        "whatsapp.waba_id",
        {"type": "string"},
        "Webhooks, WhatsApp context and whatsapp object: the document places it one level wrong",
    ),
)
"""What the table of callbacks has wrong, or says in words only."""

_MESSENGER_COMMON: Final[Mapping[str, Any]] = {
    "to": {"type": "string", "minLength": 1, "maxLength": 50},
    "from": {"type": "string", "minLength": 1, "maxLength": 50},
    "messenger": {"type": "object"},
    "messenger.category": {"type": "string", "enum": ["response", "update", "message_tag"]},
    "messenger.tag": {
        "type": "string",
        "requiredWhen": {"path": "messenger.category", "equals": "message_tag"},
    },
}

MESSENGER_CUSTOM: Final[Mapping[str, Any]] = {
    "required": ["custom"],
    "fields": {
        **_MESSENGER_COMMON,
        "channel": {"type": "string", "enum": ["messenger"]},
        "message_type": {"type": "string", "enum": ["custom"]},
        "custom": {"type": "object", "additionalProperties": True},
    },
}
"""``messenger.custom``: in the custom-objects guide, not in the OpenAPI document (Messages API v1, messenger)."""
