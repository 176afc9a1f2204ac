r"""
From the bytes of a callback to the JSON object in them.

One set of rules whoever decodes: the standard library, or orjson where it is installed (extra ``speed``), which is
several times faster. What orjson refuses the standard library is asked about, so that it alone decides.

- UTF-8 only (RFC 8259), with or without a byte order mark.
- ``NaN`` and ``Infinity`` are no JSON.
- A key that stands twice: the last one wins, as in every common parser. The signature covers the bytes, so nobody on
  the way can have added one, and a refusal (400) would lose the event for good.
- A lone surrogate (``"\ud800"``) is a value: the string holds it, and the event is not lost.
- At most ``MAXIMUM_DEPTH`` levels, so that comparing, showing and pickling what was decoded cannot fail either.
- An integer of more digits than Python converts (4300) is refused. With orjson an integer beyond 64 bits comes as a
  float; no field of the reference holds one.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from vonage_messages.errors import MalformedWebhookError

MAXIMUM_DEPTH = 200
"""Levels of nesting that a body may have; the deepest of the reference has six."""

_DEEP_FROM = MAXIMUM_DEPTH * len('{"":}')
"""Without a list in it a body has to be this long to be nested too deeply: what the shortest levels take."""

_OPENING_LIST: Mapping[type, Any] = {bytes: b"[", str: "["}

_SPACE = " \t\r\n"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_raw_decode = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode


def decode_object(body: bytes | bytearray | str | Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the JSON object that *body* holds; a mapping counts as decoded, and gives a shallow copy.

    Raises:
        MalformedWebhookError: there is none.
    """
    if body.__class__ is not bytes and body.__class__ is not str:  # asking for a Mapping first would cost more
        if isinstance(body, Mapping):
            return dict(body)
        body = _plain(body)
    payload = _decode(body)
    if payload.__class__ is not dict:
        raise MalformedWebhookError("the body is JSON, but not an object")
    if len(body) >= _DEEP_FROM or _OPENING_LIST[body.__class__] in body:
        _refuse_depth(payload, body)
    return payload


def _plain(body: object) -> bytes | str:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, str):
        return str(body)
    raise MalformedWebhookError(f"the body is no JSON object: it is a {type(body).__name__}")


def asking_first(loads: Callable[[bytes | str], Any]) -> Callable[[bytes | str], Any]:
    """Make a decoder that asks *loads* (orjson's), and the standard library where that refuses."""

    def decode(body: bytes | str) -> Any:
        try:
            return loads(body)
        except ValueError:
            return _decode_with_json(body)

    return decode


def _decode_with_json(body: bytes | str) -> Any:
    if isinstance(body, str):
        return _decoded(body)
    try:
        document = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedWebhookError(f"the body is not UTF-8 at byte {error.start}") from None
    return _decoded(document)


def _decoded(document: str) -> Any:
    """Decode a whole document. The errors name places, never content: a body may hold anything."""
    if document[:1] != "{":
        document = document.removeprefix("\ufeff").strip(_SPACE)
    try:
        payload, end = _raw_decode(document)
    except json.JSONDecodeError as error:
        raise MalformedWebhookError(f"the body is not JSON at character {error.pos}") from None
    except ValueError:  # NaN, Infinity, or more digits than Python converts
        raise MalformedWebhookError("the body holds a number that cannot be read") from None
    except (RecursionError, MemoryError):
        raise MalformedWebhookError("the body is nested too deeply") from None
    if end != len(document) and document[end:].strip(_SPACE):
        raise MalformedWebhookError(f"the body goes on behind its end at character {end}")
    return payload


def _refuse_depth(payload: dict[str, Any], body: Any) -> None:
    """Walk level by level, without recursion, where there are brackets enough for too many levels."""
    brackets = ("{", "[") if isinstance(body, str) else (b"{", b"[")
    if sum(map(body.count, brackets)) <= MAXIMUM_DEPTH:
        return
    level: list[Any] = [payload]
    for _ in range(MAXIMUM_DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise MalformedWebhookError(f"the body is nested deeper than {MAXIMUM_DEPTH} levels")


_decode: Callable[[bytes | str], Any] = _decode_with_json
with suppress(ImportError):
    _decode = asking_first(importlib.import_module("orjson").loads)
