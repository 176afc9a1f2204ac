"""
What inbound messages and message statuses have in common: the envelope, and how both versions give the same one.

A callback of API v0.1 is rearranged into the shape of v1 before anything is read, so that there is one set of readers.
Reference: webhooks; API v0.1, "Telling the versions apart" and "Migration, field by field".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, TypeVar

import attrs

from vonage_messages.values import masked
from vonage_messages.webhooks.reading import (
    Part,
    PartT,
    decimal,
    instant,
    lazy,
    masked_or_none,
    read_by,
    read_part,
    string,
)

WebhookShape: TypeAlias = Literal["v1", "v0.1"]
"""The version of the API whose shape a callback has."""


ENVELOPE_KEYS = frozenset({"message_uuid", "channel", "to", "from"})
"""Members whose attributes are always strings."""

ATTRIBUTES: Mapping[str, str] = {
    "timestamp": "timestamp",
    "client_ref": "client_ref",
    "usage": "usage",
    "profile": "profile",
    "provider_message": "provider_message",
}
"""Other members of every callback, and the attribute that reads each; it is ``None`` where it could not."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class Usage(Part):
    """What the message costs: ``currency`` is ``EUR``; a WhatsApp price is 0 under per-message pricing."""

    currency: str | None = attrs.field(default=None, metadata=read_by(string))
    price: Decimal | None = attrs.field(default=None, metadata=read_by(decimal))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Profile(Part):
    """How the user calls themselves on WhatsApp."""

    name: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))
    username: str | None = attrs.field(default=None, repr=False, metadata=read_by(string))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappUser(Part):
    """The ids of a WhatsApp user: business-scoped (BSUID), that of the parent, and the number."""

    user_id: str | None = attrs.field(default=None, repr=masked_or_none, metadata=read_by(string))
    parent_user_id: str | None = attrs.field(default=None, repr=masked_or_none, metadata=read_by(string))
    wa_id: str | None = attrs.field(default=None, repr=masked_or_none, metadata=read_by(string))


EventT = TypeVar("EventT", bound="WebhookEvent")


class Shaped(NamedTuple):
    """A payload in the shape of v1, and what had no place in it, by the key where it stood."""

    fields: Mapping[str, Any]
    leftover: Mapping[str, Any]


@attrs.frozen(kw_only=True, slots=False, repr=False)  # what is worked out late is kept in its __dict__
class WebhookEvent:
    """
    The envelope of a callback.

    The six required words of the reference are always strings, and empty where the payload gives none; everything
    else is ``None`` (or an empty tuple) there. ``message_uuid``, ``channel``, ``to``, ``from_`` and the kind of the
    event are read when it is parsed; the other attributes when they are first asked for, once. They are functions of
    ``raw``, so they take no part in comparing and pickling. ``raw`` is the decoded mapping: do not change it.

    Two events are equal when they are of one class and their payloads are equal. A ``repr`` shows no text, no name,
    and numbers only masked.
    """

    version: WebhookShape
    message_uuid: str
    channel: str
    """``sms``, ``mms``, ``rcs``, ``whatsapp``, ``messenger``, ``viber_service``, ``email``, or one of tomorrow."""

    to: str
    from_: str
    raw: Mapping[str, Any] = attrs.field(hash=False)

    _envelope: ClassVar[frozenset[str]] = ENVELOPE_KEYS
    _attributes: ClassVar[Mapping[str, str]] = ATTRIBUTES

    @lazy
    def timestamp(self) -> datetime | None:
        """When it happened, in UTC."""
        return instant(self._fields.get("timestamp"))

    @lazy
    def client_ref(self) -> str | None:
        """Your own reference, as the request gave it."""
        return string(self._fields.get("client_ref"))

    @lazy
    def usage(self) -> Usage | None:
        """What it costs: on statuses, and on inbound SMS."""
        return self._part(Usage, "usage")

    @lazy
    def profile(self) -> Profile | None:
        """WhatsApp: how the user calls themselves."""
        return self._part(Profile, "profile")

    @lazy
    def provider_message(self) -> str | None:
        """WhatsApp: words of the provider, such as why a message is ``unsupported``."""
        return string(self._fields.get("provider_message"))

    @lazy
    def extra(self) -> Mapping[str, Any]:
        """
        What has no typed place: unknown top-level members, and known ones of a type that the reference does not give.

        Unknown members of a nested object are in ``extra`` of that object.
        """
        unread = {key: value for key, value in self._fields.items() if not self._is_read(key, value)}
        return unread if self.version == "v1" else {**unread, **in_shape_of_v1(self.raw).leftover}

    def _is_read(self, key: str, value: object) -> bool:
        if key in self._envelope:
            return value is None or isinstance(value, str)
        attribute = self._attributes.get(key)
        if attribute is None:
            return False
        return value is None or value == {} or getattr(self, attribute) is not None

    @lazy
    def _fields(self) -> Mapping[str, Any]:
        return self.raw if self.version == "v1" else in_shape_of_v1(self.raw).fields

    def _part(self, cls: type[PartT], key: str) -> PartT | None:
        return read_part(cls, self._fields.get(key))

    def _shown(self) -> tuple[str, ...]:
        """Name the attributes of the class that its ``repr`` shows."""
        raise NotImplementedError  # pragma: no cover - each class of events has its own

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy what the event is made of; the rest is worked out anew."""
        return {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}

    def __repr__(self) -> str:
        words = [f"{name}={getattr(self, name)!r}" for name in ("channel", *self._shown(), "message_uuid")]
        words += [f"{name}={masked(getattr(self, name))!r}" for name in ("to", "from_")]
        return f"{type(self).__name__}({', '.join(words)})"


def made(cls: type[EventT], **attributes: Any) -> EventT:
    """
    Build an event from all its attributes at a third of the price of its ``__init__``.

    Frozen classes write each attribute through ``object.__setattr__``: measured 1.0 µs for an event, against 0.3.
    """
    event = object.__new__(cls)
    object.__setattr__(event, "__dict__", attributes)
    return event


def version_of(payload: Mapping[str, Any]) -> WebhookShape:
    """
    Tell the version by the payload itself.

    v0.1 exactly when ``channel`` is absent and ``to`` or ``from`` is an object, or ``message.content`` exists.
    """
    if payload.get("channel") is not None:
        return "v1"
    if isinstance(payload.get("to"), dict) or isinstance(payload.get("from"), dict):
        return "v0.1"
    message = payload.get("message")
    return "v0.1" if isinstance(message, dict) and isinstance(message.get("content"), dict) else "v1"


def in_shape_of_v1(payload: Mapping[str, Any]) -> Shaped:
    """Rearrange a v0.1 callback: parties become strings, their type the channel, ``message`` is spread."""
    fields = {key: value for key, value in payload.items() if key not in {"to", "from", "message"}}
    leftover: dict[str, Any] = {}
    for side in ("from", "to"):  # both sides name the same channel: where they differ, ``to`` is believed
        _spread_party(side, payload.get(side), fields, leftover)
    _spread_message(payload.get("message"), fields, leftover)
    return Shaped(fields, leftover)


def _spread_party(side: str, party: object, fields: dict[str, Any], leftover: dict[str, Any]) -> None:
    if not isinstance(party, dict):
        if party is not None:
            fields[side] = party
        return
    rest = dict(party)
    if isinstance(rest.get("type"), str):
        channel = rest.pop("type")
        fields["channel"] = "viber_service" if channel == "viber_service_msg" else channel
    for key in ("number", "id"):
        if isinstance(rest.get(key), str) and side not in fields:
            fields[side] = rest.pop(key)
    if rest:
        leftover[side] = rest


def _spread_message(message: object, fields: dict[str, Any], leftover: dict[str, Any]) -> None:
    if not isinstance(message, dict):
        if message is not None:
            leftover["message"] = message
        return
    rest = dict(message)
    if isinstance(rest.get("sms"), dict) and "sms" not in fields:
        fields["sms"] = rest.pop("sms")
    if isinstance(rest.get("content"), dict):
        unread = _spread_content(rest.pop("content"), fields)
        if unread:
            rest["content"] = unread
    if rest:
        leftover["message"] = rest


def _spread_content(content: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Move the type and the body that it names to the top, and give back what else there is."""
    unread = dict(content)
    if not isinstance(unread.get("type"), str):
        return unread
    kind = fields["message_type"] = unread.pop("type")
    if kind in unread and kind not in fields and kind not in _NEVER_A_BODY:
        fields[kind] = unread.pop(kind)
    return unread


_NEVER_A_BODY = frozenset({"channel", "client_ref", "from", "message_uuid", "status", "timestamp", "to"})
"""Words of the envelope: a type of such a name must not write into it."""
