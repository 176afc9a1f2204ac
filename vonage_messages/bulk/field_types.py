"""
What the fields of a request are made of, read from the message classes: text, whole number, true or false.

A cell of a file is always text; ``ttl`` is a whole number. The annotations of the classes know which is which. Where
they say nothing (an object of ``custom``), a value stays as it is.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import attrs

from vonage_messages.channels.base import BaseMessage, Value, json_name
from vonage_messages.wire.v1 import SHAPES

_INDEX = re.compile(r"\[[0-9]+\]")
_FAILOVER_ITEM = re.compile(r"^failover\[\]\.")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTH = {"true": True, "false": False}
_SCALARS = (str, int, bool)


def type_at(path: str) -> type | None:
    """Tell what stands at *path*, such as ``ttl`` or ``failover[0].text``: ``str``, ``int``, ``bool``, or unknown."""
    return _types().get(_FAILOVER_ITEM.sub("", _INDEX.sub("[]", path)))


def fitted(value: object, wanted: type | None) -> object:
    """
    Turn a value of a row into what its field is made of; give back what cannot be turned. Never raises.

    ``"60"`` becomes 60 where a whole number is wanted, ``"TRUE"`` becomes ``True`` where true or false is, and a
    number from JSON Lines becomes text where text is. The class refuses the rest, with a sentence of its own.
    """
    if wanted is None or value.__class__ is wanted:
        return value
    if wanted is str:
        return json.dumps(value) if isinstance(value, int | float) else value
    if not isinstance(value, str):
        return value
    word = value.strip()
    if wanted is bool:
        return _TRUTH.get(word.lower(), value)
    return int(word) if _WHOLE_NUMBER.fullmatch(word) else value


def with_implied_type(payload: dict[str, Any]) -> dict[str, Any]:
    """
    Add the ``message_type`` where the payload names none and its content leaves no choice; change *payload* itself.

    An SMS is text, and a WhatsApp message with an ``image`` is one. So with the items of ``failover``.
    """
    _imply_type(payload)
    items = payload.get("failover")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            _imply_type(item)
    return payload


def _imply_type(payload: dict[str, Any]) -> None:
    channel = payload.get("channel")
    if "message_type" in payload or not isinstance(channel, str):
        return
    implied = [kind for body, kind in _bodies().get(channel, ()) if body in payload]
    if len(implied) == 1:
        payload["message_type"] = implied[0]


@cache
def _bodies() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """List (key of the content, message type) of every channel."""
    found: dict[str, list[tuple[str, str]]] = {}
    for shape in SHAPES.values():
        found.setdefault(shape.channel, []).append((shape.body, shape.message_type))
    return {channel: tuple(bodies) for channel, bodies in found.items()}


@cache
def _types() -> Mapping[str, type]:
    """Map every path of a request, such as ``template.parameters[]``, to its type. No two classes disagree on one."""
    return dict(pair for cls in SHAPES for pair in _types_of(cls, ""))


def _types_of(annotation: Any, path: str) -> Iterator[tuple[str, type]]:
    if annotation in _SCALARS:
        yield path, annotation
    elif typing.get_origin(annotation) is tuple:
        yield from _types_of(typing.get_args(annotation)[0], path + "[]")
    elif typing.get_origin(annotation) is not None and not _is_mapping(annotation):
        for each in typing.get_args(annotation):
            yield from _types_of(each, path)
    elif isinstance(annotation, type) and issubclass(annotation, Value) and attrs.has(annotation):
        hints = typing.get_type_hints(annotation)
        for field in attrs.fields(annotation):
            if not (issubclass(annotation, BaseMessage) and field.name == "failover"):
                yield from _types_of(hints[field.name], f"{path}.{json_name(field.name)}".lstrip("."))


def _is_mapping(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)
