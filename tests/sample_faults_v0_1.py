"""
The rows of v0.1 in the shape of v1's table: which fields of a sample break them.

Neither the package nor the simulator is asked. What is said of a sample rests on the rows below (Messages API v0.1,
section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .sample_faults import MISSING, Fault, value_at, value_faults

_MEDIA = {
    "mms.image": ["jpg", "jpeg", "png", "gif"],
    "whatsapp.image": ["jpg", "jpeg", "png"],
    "whatsapp.video": ["mp4", "3gpp"],
    "whatsapp.audio": ["aac", "m4a", "amr", "mp3", "opus"],
    "whatsapp.file": ["pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx"],
    "messenger.image": ["jpg", "jpeg", "png", "gif"],
    "messenger.video": ["mp4"],
    "messenger.audio": ["mp3"],
    "messenger.file": ["zip", "csv", "pdf"],
    "viber_service_msg.image": ["jpg", "jpeg", "png"],
}
_TEXT_BOUNDS = {"sms": 1000, "whatsapp": 4096, "messenger": None, "viber_service_msg": 1000}
_CAPTIONED = {"whatsapp.image", "whatsapp.file"}
_TEMPLATED = {"whatsapp.template", "viber_service_msg.template"}
_CUSTOM = {"whatsapp.custom", "messenger.custom"}
V0_1_ROWS = sorted({*_MEDIA, *(f"{channel}.text" for channel in _TEXT_BOUNDS), *_TEMPLATED, *_CUSTOM})
"""Every row of section 3 of the v0.1 reference, as ``channel.type``."""

_V0_1_ADDRESSES = {
    "sms": ("number", "number"),
    "mms": ("number", "number"),
    "whatsapp": ("number", "number"),
    "messenger": ("id", "id"),
    "viber_service_msg": ("number", "id"),
}
_V0_1_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "whatsapp": {"locale": {"type": "string"}, "policy": {"type": "string", "enum": ["deterministic"]}},
    "messenger": {
        "category": {"type": "string", "enum": ["response", "update", "message_tag"]},
        "tag": {
            "type": "string",
            "requiredWhen": {"path": "message.messenger.category", "equals": "message_tag"},
        },
    },
    "viber_service_msg": {
        "category": {"type": "string", "enum": ["transaction", "promotion"]},
        "ttl": {"type": "integer", "minimum": 30, "maximum": 259200},
        "type": {"type": "string", "enum": ["template"]},
    },
}


def v0_1_faults(payload: Mapping[str, Any]) -> list[Fault]:
    """List every fault of a v0.1 message."""
    channel = value_at(payload, "to.type" if "to" in payload else "from.type")
    if channel not in _V0_1_ADDRESSES:
        return [Fault("to.type", "is no channel")]
    content = value_at(payload, "message.content")
    if content is MISSING:
        return value_faults(payload, _v0_1_envelope(channel))
    kind = f"{channel}.{content['type']}"
    if kind not in V0_1_ROWS:
        return [Fault("message.content.type", "is no type of the channel")]
    entry = _v0_1_envelope(channel)
    fields, required = _v0_1_content(kind)
    return value_faults(payload, {"fields": {**entry["fields"], **fields}, "required": [*entry["required"], *required]})


def _v0_1_envelope(channel: str) -> dict[str, Any]:
    word = {"type": "string", "enum": [channel]}
    address = {"type": "string", "minLength": 1, "maxLength": 50, "noPrefix": ["+", "00"]}
    to_key, from_key = _V0_1_ADDRESSES[channel]
    fields: dict[str, Any] = {
        "to": {"type": "object"},
        "to.type": word,
        f"to.{to_key}": address,
        "from": {"type": "object"},
        "from.type": word,
        f"from.{from_key}": address,
        "client_ref": {"type": "string", "maxLength": 40},
        "message": {"type": "object"},
        "message.content": {"type": "object"},
        "message.content.type": {"type": "string"},
    }
    if channel in _V0_1_OPTIONS:
        fields[f"message.{channel}"] = {"type": "object"}
        fields |= {f"message.{channel}.{key}": field for key, field in _V0_1_OPTIONS[channel].items()}
    optional = {"client_ref", *(path for path in fields if path.startswith(f"message.{channel}"))}
    return {"fields": fields, "required": [path for path in fields if path not in optional]}


def _v0_1_content(kind: str) -> tuple[dict[str, Any], list[str]]:
    channel, _, name = kind.partition(".")
    path = f"message.content.{name}"
    if name == "text":
        bound = _TEXT_BOUNDS[channel]
        return {path: {"type": "string", "minLength": 1, **({"maxLength": bound} if bound else {})}}, [path]
    if name == "custom":
        return {path: {"type": "object", "additionalProperties": True}}, [path]
    if name == "template":
        locale = ["message.whatsapp", "message.whatsapp.locale"] if channel == "whatsapp" else []
        fields: dict[str, Any] = {
            path: {"type": "object"},
            f"{path}.name": {"type": "string"},
            f"{path}.parameters": {"type": "array", "items": "string"},
        }
        return fields, [path, f"{path}.name", *locale]
    fields = {
        path: {"type": "object"},
        f"{path}.url": {"type": "string", "format": "url", "extensions": _MEDIA[kind]},
    }
    if kind in _CAPTIONED:
        fields[f"{path}.caption"] = {"type": "string"}
    return fields, [path, f"{path}.url"]
