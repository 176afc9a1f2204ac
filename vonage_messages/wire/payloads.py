"""
What goes over the wire: a message as JSON of either version, and back.

The two versions are two tables over the same values: ``wire.v1`` and ``wire.v0_1``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from vonage_messages.channels.base import BaseMessage, Message, Value
from vonage_messages.channels.custom import CustomObject
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import ConfigurationError, InvalidMessageError, Problem
from vonage_messages.wire import v0_1, v1
from vonage_messages.wire.converter import plain, raw

ApiVersion: TypeAlias = Literal["v1", "v0.1"]
"""The two versions of the Messages API."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def check_api_version(api_version: str) -> None:
    """
    Refuse what is no version of the API.

    Raises:
        ConfigurationError: *api_version* is neither ``"v1"`` nor ``"v0.1"``.
    """
    if api_version not in {"v1", "v0.1"}:
        raise ConfigurationError(f'api_version must be "v1" or "v0.1", not {api_version!r}')


def to_payload(message: Message | Value, api_version: ApiVersion = "v1") -> dict[str, Any]:
    """
    Show the JSON object that goes over the wire, as a new dictionary.

    A part of a message (a resource, a suggestion, options) is shown as it stands inside one. A ``RawMessage`` is
    sent as it is, whatever the version.

    Raises:
        InvalidMessageError: the version has no such message, or no place for one of its options.
        ConfigurationError: there is no such version.
    """
    check_api_version(api_version)
    if isinstance(message, RawMessage):
        return raw(message)
    if isinstance(message, CustomObject):
        return message.to_json()
    if not isinstance(message, BaseMessage) or type(message) is BaseMessage:
        payload: dict[str, Any] = plain(message)
        return payload
    return v1.dump(message) if api_version == "v1" else v0_1.dump(message)


def to_json(message: Message | Value, api_version: ApiVersion = "v1") -> bytes:
    """
    Write the very bytes of the request body: compact JSON in UTF-8.

    Raises:
        InvalidMessageError: the version has no such message, or no place for one of its options.
        ConfigurationError: there is no such version.
    """
    return _encode(to_payload(message, api_version)).encode()


def from_payload(payload: Mapping[str, Any], api_version: ApiVersion = "v1", *, lenient: bool = False) -> Message:
    """
    Turn the JSON object of a request back into the typed value: the inverse of ``to_payload``.

    *payload* is a decoded request body of *api_version*. With *lenient*, what would be refused becomes an equal
    ``RawMessage(payload)`` instead: a field or a channel that this version does not know yet.

    Raises:
        InvalidMessageError: with all problems and their paths; with *lenient* only when *payload* is empty or is no
            JSON object.
        ConfigurationError: there is no such version.
    """
    check_api_version(api_version)
    if not isinstance(payload, Mapping):
        raise InvalidMessageError([Problem("", f"must be a JSON object, not {type(payload).__name__}")], "payload")
    try:
        return v1.load(payload) if api_version == "v1" else v0_1.load(payload)
    except InvalidMessageError:
        if lenient:
            return RawMessage(payload)
        raise
