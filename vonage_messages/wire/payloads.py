"""
What goes over the wire: a message as JSON of either version, and back.

The two versions are two tables over the same values: ``wire.v1`` and ``wire.v0_1``.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from vonage_messages.channels.base import BaseMessage, Message, Value
from vonage_messages.channels.custom import CustomObject
from vonage_messages.channels.raw import RawMessage
from vonage_messages.errors import ConfigurationError, InvalidMessageError, Problem
from vonage_messages.wire import v0_1, v1
from vonage_messages.wire.converter import plain, raw

ApiVersion: TypeAlias = Literal["v1", "v0.1"]
"""The two versions of the Messages API."""

_encode_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_SPELLED_OTHERWISE = re.compile(rb"null|0\.0000|[0-9]e-?[0-9]+[],}]")
"""Where orjson may not write what the standard library does: NaN, and numbers that are very large or very small."""


class WrittenMessage(RawMessage):
    """
    A message that was checked and written down before.

    ``body`` goes out as it stands; where it is ``None``, ``payload`` is written anew.
    """

    __slots__ = ("body",)

    body: bytes | None


def check_api_version(api_version: object) -> None:
    """
    Refuse what is no version of the API.

    Raises:
        ConfigurationError: *api_version* is neither ``"v1"`` nor ``"v0.1"``.
    """
    if not isinstance(api_version, str) or api_version not in {"v1", "v0.1"}:
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
    if isinstance(message, WrittenMessage) and message.body is not None:
        return message.body
    return _encode(to_payload(message, api_version))


def from_payload(payload: Mapping[str, Any], api_version: ApiVersion = "v1", *, lenient: bool = False) -> Message:
    """
    Turn the JSON object of a request back into the typed value: the inverse of ``to_payload``.

    *payload* is a decoded request body of *api_version*. With *lenient*, what would be refused becomes an equal
    ``RawMessage(payload)`` instead: a field or a channel that this version does not know yet.

    Raises:
        InvalidMessageError: with all problems and their paths; with *lenient* only when *payload* is empty, is no
            JSON object, or nests deeper than 64 levels.
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


def _encode_with_json(payload: dict[str, Any]) -> bytes:
    return _encode_text(payload).encode()


def asking_first(dumps: Callable[[Any], bytes]) -> Callable[[dict[str, Any]], bytes]:
    """
    Make an encoder that asks *dumps* (orjson's), and the standard library where that refuses or may differ.

    So the bytes, and what is refused, are the same whether orjson is installed or not.
    """

    def encode(payload: dict[str, Any]) -> bytes:
        try:
            body = dumps(payload)
        except TypeError:
            return _encode_with_json(payload)
        return body if _SPELLED_OTHERWISE.search(body) is None else _encode_with_json(payload)

    return encode


_encode: Callable[[dict[str, Any]], bytes] = _encode_with_json
with suppress(ImportError):
    _encode = asking_first(importlib.import_module("orjson").dumps)
