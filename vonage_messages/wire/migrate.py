"""
JSON of v0.1 to JSON of v1, and back: requests, inbound messages and statuses, with a list of what could not be carried.

::

    from vonage_messages import migrate

    migrated = migrate.to_v1({"to": {"type": "sms", "number": "447700900000"}, …})
    migrated.payload      # {"channel": "sms", "to": "447700900000", …}
    migrated.lost         # (), or what v1 has no place for

Documents in, documents out: whether a message is right is not asked here (``from_payload`` does), and what the other
version has no place for is never dropped in silence.

Reference: Messages API v0.1, section 7 (migration to v1, field by field) and section 6 (telling the versions apart).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.errors import InvalidMessageError, Problem
from vonage_messages.wire.members import carry, name_in, number_in, object_in, refused, text_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_ERROR_PAGE: Final = "https://developer.vonage.com/api-errors/messages"
_CODE: Final = re.compile(r"[0-9]{1,15}")
_LONGEST_REF: Final = 40
_LONGEST_SMS: Final = 1000

_TO_V1: Final = {"viber_service_msg": "viber_service"}
_TO_V0_1: Final = {"viber_service": "viber_service_msg"}
_CHANNELS: Final = ("sms", "mms", "whatsapp", "messenger", "viber_service_msg")
_IDS: Final = frozenset({("messenger", "ours"), ("messenger", "theirs"), ("viber_service_msg", "ours")})
"""Who is an ``id`` in v0.1, and not a ``number``: both sides of Messenger, and the service on Viber."""

_SENT: Final[Mapping[str, frozenset[str]]] = {
    "sms": frozenset({"text"}),
    "mms": frozenset({"image"}),
    "whatsapp": frozenset({"text", "image", "video", "audio", "file", "template", "custom"}),
    "messenger": frozenset({"text", "image", "video", "audio", "file", "custom"}),
    "viber_service_msg": frozenset({"text", "image", "template"}),
}
"""What v0.1 can send (v0.1, section 3)."""

_SENT_BY_V0_1_ONLY: Final = frozenset({("viber_service_msg", "template")})

_WRITTEN: Final[Mapping[str, frozenset[str]]] = {
    "sms": frozenset({"text"}),
    "mms": frozenset({"text", "image"}),
    "whatsapp": frozenset({"text", "image", "audio", "video", "file", "location", "button", "unsupported"}),
    "messenger": frozenset({"text", "image", "audio", "video", "file", "unsupported"}),
    "viber_service_msg": frozenset({"text", "unsupported"}),
}
"""What v0.1 can tell of people (v0.1, section 4)."""

_ENVELOPE: Final = frozenset(
    {"channel", "message_type", "to", "from", "client_ref", "message_uuid", "timestamp", "context_status", "usage"}
)
"""Members of v1 that are no body: a type of such a name must not write over them."""

_BODY_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"url", "caption"}),
    "file": frozenset({"url", "caption"}),
    "audio": frozenset({"url"}),
    "video": frozenset({"url"}),
}
_CAPTIONED: Final = "whatsapp"
_WAITS: Final = {
    "expiry_time": "v1 waits for no such time: a ttl on the message comes closest",
    "condition_status": "v1 goes on where a message is rejected, and for no other reason",
}
_OPTION_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "whatsapp": frozenset({"locale", "policy"}),
    "messenger": frozenset({"category", "tag"}),
    "viber_service_msg": frozenset({"category", "ttl", "type"}),
}


@attrs.frozen(kw_only=True)
class Migrated:
    """A document in the other version."""

    payload: dict[str, Any]
    lost: tuple[Problem, ...] = ()
    """What could not be carried: where it stood, and why."""


def to_v1(document: Mapping[str, Any]) -> Migrated:
    """
    Turn a document of v0.1 into one of v1, whichever kind it is: a request, an inbound message, a status.

    The body of ``POST /v0.1/dispatch``, which has a ``workflow``, counts as a request.

    Raises:
        InvalidMessageError: it is none of v0.1, or v1 has no form for it.
    """
    return _chosen(document, _request_or_workflow_to_v1, inbound_to_v1, status_to_v1)


def to_v0_1(document: Mapping[str, Any]) -> Migrated:
    """
    Turn a document of v1 into one of v0.1, whichever kind it is: a request, an inbound message, a status.

    Raises:
        InvalidMessageError: it is none of v1, or v0.1 has no form for it.
    """
    return _chosen(document, request_to_v0_1, inbound_to_v0_1, status_to_v0_1)


def request_to_v1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn the body of ``POST /v0.1/messages`` into that of ``POST /v1/messages``.

    Raises:
        InvalidMessageError: it is no such body, or v1 has no form for such a message.
    """
    channel = _v0_1_channel(payload)
    message = object_in(payload, "message")
    content = object_in(message, "content", "message.")
    message_type = _type_in(content)
    if (channel, message_type) in _SENT_BY_V0_1_ONLY:
        raise refused("message.content.type", f"{message_type} messages cannot be sent on {channel} in v1")
    lost = _Lost()
    migrated: dict[str, Any] = {
        "channel": _TO_V1.get(channel, channel),
        "message_type": message_type,
        "to": lost.all_but_name(payload, "to"),
        "from": lost.all_but_name(payload, "from"),
    }
    if message_type in content:
        migrated[message_type] = _request_body(message_type, content[message_type])
    lost.others(content, {"type", message_type}, "message.content.")
    if channel in message:
        migrated[_TO_V1.get(channel, channel)] = message[channel]
    lost.others(message, {"content", channel}, "message.")
    if "client_ref" in payload:
        migrated["client_ref"] = payload["client_ref"]
    lost.others(payload, {"to", "from", "message", "client_ref"})
    return lost.beside(migrated)


def workflow_to_v1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn the body of ``POST /v0.1/dispatch`` into that of ``POST /v1/messages`` with ``failover``.

    What each message waited for, and for how long, cannot be carried: v1 goes on to the next one where a message is
    rejected, and a ``ttl`` that runs out rejects it.

    Raises:
        InvalidMessageError: it is no such body, or v1 has no form for one of its messages.

    Reference: Messages API v0.1, sections 1 and 7.
    """
    workflow = payload.get("workflow")
    if not isinstance(workflow, list) or not workflow:
        raise refused("workflow", "must be an array of messages")
    lost = _Lost()
    messages = [_step_to_v1(each, f"workflow[{number}].", lost) for number, each in enumerate(workflow)]
    lost.others(payload, {"workflow", "template"})
    first, *others = messages
    return lost.beside({**first, "failover": others} if others else first)


def _step_to_v1(step: object, path: str, lost: _Lost) -> dict[str, Any]:
    """Turn one message of a workflow, and note what it lost under *path*."""
    if not isinstance(step, Mapping):
        raise refused(path.removesuffix("."), "must be a JSON object")
    try:
        migrated = request_to_v1({name: value for name, value in step.items() if name != "failover"})
    except InvalidMessageError as error:
        raise InvalidMessageError([(path + each.path, each.message) for each in error.problems], "document") from None
    for each in migrated.lost:
        lost.add(path + each.path, each.message)
    condition = step.get("failover")
    for name in condition if isinstance(condition, Mapping) else ():
        lost.add(f"{path}failover.{name}", _WAITS.get(name, "the other version has no place for it"))
    return migrated.payload


def _request_or_workflow_to_v1(payload: Mapping[str, Any]) -> Migrated:
    return workflow_to_v1(payload) if "workflow" in payload else request_to_v1(payload)


def request_to_v0_1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn the body of ``POST /v1/messages`` into that of ``POST /v0.1/messages``.

    Raises:
        InvalidMessageError: it is no such body, or v0.1 has no form for such a message.
    """
    channel, message_type = _v1_kind(payload)
    if message_type not in _SENT[channel]:
        raise refused("message_type", f"{message_type} messages cannot be sent on {payload['channel']} in v0.1")
    lost = _Lost()
    content: dict[str, Any] = {"type": message_type}
    if message_type in payload:
        content[message_type] = lost.reduced(message_type, payload[message_type], channel)
    message: dict[str, Any] = {"content": content}
    options = str(payload["channel"])
    if channel in _OPTION_KEYS and isinstance(payload.get(options), Mapping):
        kept = {key: value for key, value in payload[options].items() if key in _OPTION_KEYS[channel]}
        lost.others(payload[options], _OPTION_KEYS[channel], f"{options}.")
        if kept:
            message[channel] = kept
    migrated: dict[str, Any] = {
        "to": _party(channel, payload["to"], "theirs"),
        "from": _party(channel, payload["from"], "ours"),
        "message": message,
    }
    lost.reference(payload, migrated)
    if channel == "sms" and isinstance(payload.get("text"), str) and len(payload["text"]) > _LONGEST_SMS:
        lost.add("text", f"v0.1 takes {_LONGEST_SMS} characters, and refuses this one")
    carried = {"channel", "message_type", "to", "from", "client_ref", message_type}
    lost.others(payload, carried | ({options} if channel in _OPTION_KEYS else set()))
    return lost.beside(migrated)


def inbound_to_v1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn an inbound message callback of v0.1 into one of v1.

    Raises:
        InvalidMessageError: it is no such callback.
    """
    channel = _v0_1_channel(payload)
    message = object_in(payload, "message")
    content = object_in(message, "content", "message.")
    message_type = _type_in(content)
    lost = _Lost()
    migrated: dict[str, Any] = {
        "channel": _TO_V1.get(channel, channel),
        "message_uuid": text_in(payload, "message_uuid"),
        "to": lost.all_but_name(payload, "to"),
        "from": lost.all_but_name(payload, "from"),
        "timestamp": text_in(payload, "timestamp"),
    }
    if channel != "sms":  # v1 lists no message_type for SMS
        migrated["message_type"] = message_type
    if channel == "whatsapp":
        migrated["context_status"] = "none"
    if message_type in content:
        body = content[message_type]
        migrated[message_type] = _location_v1(body) if message_type == "location" else body
    lost.others(content, {"type", message_type}, "message.content.")
    if channel == "sms" and "sms" in message:
        migrated["sms"] = message["sms"]
    if "usage" in payload:
        migrated["usage"] = payload["usage"]
    lost.others(message, {"content", "sms"} if channel == "sms" else {"content"}, "message.")
    lost.others(payload, {"message_uuid", "timestamp", "to", "from", "message", "usage"})
    return lost.beside(migrated)


def inbound_to_v0_1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn an inbound message callback of v1 into one of v0.1; what v0.1 cannot tell becomes ``unsupported``, as there.

    Raises:
        InvalidMessageError: it is no such callback, or v0.1 does not know the channel.
    """
    channel, message_type = _v1_kind(payload, default_type="text")
    lost = _Lost()
    told = message_type if message_type in _WRITTEN[channel] else "unsupported"
    content: dict[str, Any] = {"type": told}
    if told != message_type:
        lost.add("message_type", f"v0.1 tells nothing of {message_type} messages on {payload['channel']}")
    elif message_type == "location":
        content["location"] = _location_v0_1(payload.get("location"), lost)
    elif message_type in payload:
        content[message_type] = lost.reduced(message_type, payload[message_type], channel)
    message: dict[str, Any] = {"content": content}
    if channel == "sms" and isinstance(payload.get("sms"), Mapping):
        message["sms"] = {key: value for key, value in payload["sms"].items() if key == "num_messages"}
        lost.others(payload["sms"], {"num_messages"}, "sms.")
    migrated: dict[str, Any] = {
        "message_uuid": text_in(payload, "message_uuid"),
        "timestamp": text_in(payload, "timestamp"),
        "to": _party(channel, payload["to"], "ours"),
        "from": _party(channel, payload["from"], "theirs"),
        "message": message,
    }
    if "usage" in payload:
        migrated["usage"] = payload["usage"]
    carried = {"channel", "message_uuid", "message_type", "timestamp", "to", "from", "usage", message_type}
    lost.others(payload, carried | ({"sms"} if channel == "sms" else set()), unless={"context_status": "none"})
    return lost.beside(migrated)


def status_to_v1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn a status callback of v0.1 into one of v1.

    Raises:
        InvalidMessageError: it is no such callback.
    """
    channel = _v0_1_channel(payload)
    lost = _Lost()
    migrated: dict[str, Any] = {
        "message_uuid": text_in(payload, "message_uuid"),
        "to": lost.all_but_name(payload, "to"),
        "from": lost.all_but_name(payload, "from"),
        "timestamp": text_in(payload, "timestamp"),
        "status": text_in(payload, "status"),
        "channel": _TO_V1.get(channel, channel),
    }
    error = lost.all_but_object(payload, "error")
    if error is not None:
        migrated["error"] = _error_v1(error, lost)
    carry(payload, migrated, ("client_ref", "usage"))
    lost.others(payload, {*migrated, "error"})
    return lost.beside(migrated)


def status_to_v0_1(payload: Mapping[str, Any]) -> Migrated:
    """
    Turn a status callback of v1 into one of v0.1.

    Raises:
        InvalidMessageError: it is no such callback, or v0.1 does not know the channel.
    """
    channel = _known_channel(payload)
    lost = _Lost()
    migrated: dict[str, Any] = {
        "message_uuid": text_in(payload, "message_uuid"),
        "to": _party(channel, payload.get("to"), "theirs"),
        "from": _party(channel, payload.get("from"), "ours"),
        "timestamp": text_in(payload, "timestamp"),
        "status": text_in(payload, "status"),
    }
    error = lost.all_but_object(payload, "error")
    if error is not None:
        migrated["error"] = _error_v0_1(error, lost)
    carry(payload, migrated, ("client_ref", "usage"))
    lost.others(payload, {*migrated, "channel", "error"})
    return lost.beside(migrated)


class _Lost:
    """What could not be carried, so far."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, path: str, why: str) -> None:
        self._problems.append(Problem(path, why))

    def others(
        self,
        members: Mapping[str, Any],
        carried: Iterable[str],
        prefix: str = "",
        unless: Mapping[str, Any] | None = None,
    ) -> None:
        """Note the members that are not among those *carried*; *unless* they say nothing, by having such a value."""
        for name in members:
            if name not in carried and (unless is None or name not in unless or members[name] != unless[name]):
                self.add(f"{prefix}{name}", "the other version has no place for it")

    def all_but_name(self, payload: Mapping[str, Any], side: str) -> str:
        """Give the number or the id of one side of a v0.1 document, and note what else it says."""
        name = name_in(payload, side)
        party = payload[side]
        self.others(party, {"type", "number" if isinstance(party.get("number"), str) else "id"}, f"{side}.")
        return name

    def all_but_object(self, payload: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
        """Give a member that is an object; what is something else is noted, and ``None``."""
        value = payload.get(name)
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.add(name, "it is no JSON object")
        return None

    def reduced(self, message_type: str, body: Any, channel: str) -> Any:
        """Give what v0.1 knows of the body of a message."""
        keys = _BODY_KEYS.get(message_type)
        if keys is None or not isinstance(body, Mapping):
            return body
        if channel != _CAPTIONED:
            keys -= {"caption"}
        self.others(body, keys, f"{message_type}.")
        return {key: value for key, value in body.items() if key in keys}

    def reference(self, payload: Mapping[str, Any], migrated: dict[str, Any]) -> None:
        """Carry ``client_ref`` where v0.1 takes one as long."""
        if "client_ref" not in payload:
            return
        if len(str(payload["client_ref"])) > _LONGEST_REF:
            self.add("client_ref", f"v0.1 takes {_LONGEST_REF} characters")
        else:
            migrated["client_ref"] = payload["client_ref"]

    def beside(self, payload: dict[str, Any]) -> Migrated:
        return Migrated(payload=payload, lost=tuple(self._problems))


def _chosen(
    document: Mapping[str, Any],
    request: Callable[[Mapping[str, Any]], Migrated],
    inbound: Callable[[Mapping[str, Any]], Migrated],
    status: Callable[[Mapping[str, Any]], Migrated],
) -> Migrated:
    """Pick by what the document is: a callback has a ``message_uuid``, and a status says which."""
    if not isinstance(document, Mapping):
        raise refused("", "must be a JSON object")
    if "message_uuid" not in document:
        return request(document)
    return status(document) if "status" in document else inbound(document)


def _v0_1_channel(payload: Mapping[str, Any]) -> str:
    """Give the channel of a v0.1 document, which both sides name."""
    ours = text_in(object_in(payload, "from"), "type", "from.")
    theirs = text_in(object_in(payload, "to"), "type", "to.")
    if ours != theirs:
        raise refused("from.type", f"must be the same as to.type ({theirs}), not {ours}")
    if ours not in _CHANNELS:
        raise refused("to.type", f"must be one of {', '.join(_CHANNELS)} in v0.1")
    return ours


def _known_channel(payload: Mapping[str, Any]) -> str:
    """Give the channel of a v1 document, as v0.1 names it."""
    channel = text_in(payload, "channel")
    named = _TO_V0_1.get(channel, channel)
    if named not in _CHANNELS:
        raise refused("channel", f"v0.1 does not know the channel {channel}")
    return named


def _v1_kind(payload: Mapping[str, Any], default_type: str | None = None) -> tuple[str, str]:
    channel = _known_channel(payload)
    for side in ("to", "from"):
        text_in(payload, side)
    if default_type is not None and "message_type" not in payload:
        return channel, default_type
    return channel, text_in(payload, "message_type")


def _type_in(content: Mapping[str, Any]) -> str:
    """Give the type of the message that a v0.1 document holds."""
    message_type = text_in(content, "type", "message.content.")
    if message_type in _ENVELOPE:
        raise refused("message.content.type", "must be the type of a message")
    return message_type


def _party(channel: str, name: object, whose: str) -> dict[str, Any]:
    if not isinstance(name, str):
        raise refused("to" if whose == "theirs" else "from", "must be a text")
    return {"type": channel, "id" if (channel, whose) in _IDS else "number": name}


def _request_body(message_type: str, body: Any) -> Any:
    """Spell the parameters of a template as v1 does: texts, where v0.1 also wrote ``{"default": text}``."""
    if message_type != "template" or not isinstance(body, Mapping) or not isinstance(body.get("parameters"), list):
        return body
    parameters = [
        each["default"] if isinstance(each, Mapping) and set(each) == {"default"} else each
        for each in body["parameters"]
    ]
    return {**body, "parameters": parameters}


def _location_v1(body: Any) -> Any:
    if not isinstance(body, Mapping):
        return body
    migrated = {key: value for key, value in body.items() if key not in {"longitude", "latitude"}}
    for old, new in (("longitude", "long"), ("latitude", "lat")):
        if old in body:
            migrated[new] = number_in(body[old], f"message.content.location.{old}")
    return migrated


def _location_v0_1(body: Any, lost: _Lost) -> Any:
    if not isinstance(body, Mapping):
        return body
    migrated = {key: body[key] for key in ("name", "address") if key in body}
    for new, old in (("long", "longitude"), ("lat", "latitude")):
        if new in body:
            migrated[old] = str(body[new])
    lost.others(body, {"name", "address", "long", "lat"}, "location.")
    return migrated


def _error_v1(error: Mapping[str, Any], lost: _Lost) -> dict[str, Any]:
    migrated: dict[str, Any] = {}
    code = str(error.get("code", ""))
    if _CODE.fullmatch(code):
        migrated |= {"type": f"{_ERROR_PAGE}#{code}", "title": code}
    elif "code" in error:
        lost.add("error.code", "v1 has the digits of a whole number for it")
    if "reason" in error:
        migrated["detail"] = error["reason"]
    lost.others(error, {"code", "reason"}, "error.")
    return migrated


def _error_v0_1(error: Mapping[str, Any], lost: _Lost) -> dict[str, Any]:
    migrated: dict[str, Any] = {}
    title = str(error.get("title", ""))
    if _CODE.fullmatch(title):
        migrated["code"] = int(title)
    elif title:
        lost.add("error.title", "v0.1 has a whole number for it")
    if "detail" in error:
        migrated["reason"] = error["detail"]
    # The type only repeats the code, as a link.
    kept = {"title", "detail"} | ({"type"} if str(error.get("type", "")).endswith(f"#{title}") else set())
    lost.others(error, kept, "error.")
    return migrated
