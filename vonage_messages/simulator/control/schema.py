"""
A JSON value in, what is wrong with it out: the part of JSON Schema that ``document.json`` uses for what it takes in.

Pure. Reasons never repeat a value. A keyword that is not known here is a mistake in the document, and a test finds it.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MOST_PROBLEMS: Final = 100
_LONGEST_NAME: Final = 100

KNOWN_KEYWORDS: Final = frozenset(
    {
        "$ref",
        "additionalProperties",
        "enum",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
    }
)
"""What binds here. Beside it stands what only informs: ``INFORMING_KEYWORDS``."""
INFORMING_KEYWORDS: Final = frozenset({"contentEncoding", "default", "description", "format"})


class Mistake(NamedTuple):
    """One thing that is wrong with a request."""

    name: str
    """Where: a dotted path such as ``media.content_base64``."""

    reason: str
    """What, in words that never repeat the value."""


@cache
def document() -> Mapping[str, Any]:
    """Load the OpenAPI document of the control API, once."""
    read: dict[str, Any] = json.loads(files(__package__).joinpath("document.json").read_text(encoding="utf-8"))
    return MappingProxyType(read)


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give *schema*, or what it refers to in the document; what stands beside a reference only informs."""
    while "$ref" in schema:  # ends: no reference of the document leads back to itself
        found: Any = document()
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def mistakes(value: Any, schema: Mapping[str, Any], name: str = "") -> list[Mistake]:
    """List what is wrong with *value*, at most 100 mistakes; an empty list means that it is right."""
    return [each for each, _ in zip(_wrong(value, schema, name), range(MOST_PROBLEMS), strict=False)]


def _wrong(value: Any, schema: Mapping[str, Any], name: str) -> Iterator[Mistake]:
    schema = resolved(schema)
    reason = _type_reason(value, schema) or _enum_reason(value, schema)
    if reason is not None:
        yield Mistake(name, reason)
    elif isinstance(value, str):
        yield from _each(name, _text_reason(value, schema))
    elif isinstance(value, (int, float)):
        yield from _each(name, _range_reason(value, schema))
    elif isinstance(value, dict):
        yield from _members(value, schema, name)
    elif isinstance(value, list):
        yield from _items(value, schema, name)


def _each(name: str, reason: str | None) -> Iterator[Mistake]:
    if reason is not None:
        yield Mistake(name, reason)


def _members(value: Mapping[str, Any], schema: Mapping[str, Any], name: str) -> Iterator[Mistake]:
    known = schema.get("properties", {})
    for required in schema.get("required", ()):
        if required not in value:
            yield Mistake(_below(name, required), "is required")
    for key, member in value.items():
        if key in known:
            yield from _wrong(member, known[key], _below(name, key))
        elif schema.get("additionalProperties") is False:
            yield Mistake(_below(name, key)[:_LONGEST_NAME], f"is not known; known are {', '.join(known) or 'none'}")


def _items(value: Sequence[Any], schema: Mapping[str, Any], name: str) -> Iterator[Mistake]:
    most = schema.get("maxItems", math.inf)
    if len(value) > most:
        yield Mistake(name, f"must have at most {most} items")
        return
    for number, item in enumerate(value):
        yield from _wrong(item, schema["items"], f"{name}[{number}]")


def _below(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _type_reason(value: Any, schema: Mapping[str, Any]) -> str | None:
    wanted = schema.get("type")
    if wanted is None:
        return None
    names = [wanted] if isinstance(wanted, str) else wanted
    if any(_TYPES[each](value) for each in names):
        return None
    return "must be " + " or ".join(_WORDS[each] for each in names)


def _enum_reason(value: Any, schema: Mapping[str, Any]) -> str | None:
    if "enum" not in schema or value in schema["enum"]:
        return None
    return "must be one of " + ", ".join(str(each) for each in schema["enum"])


def _text_reason(value: str, schema: Mapping[str, Any]) -> str | None:
    low, high = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if len(value) < low:
        return "must not be empty"
    if len(value) > high:
        return f"must have at most {high} characters"
    pattern = schema.get("pattern")
    # fullmatch, because ``$`` alone also stands before a final line feed.
    if pattern is not None and re.fullmatch(pattern, value, re.ASCII) is None:
        return f"must match {pattern}"
    return None


def _range_reason(value: float, schema: Mapping[str, Any]) -> str | None:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if low <= value <= high:
        return None
    return f"must be {low} or more" if high == math.inf else f"must be {low} to {high}"


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "string": lambda value: isinstance(value, str),
        "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
        "boolean": lambda value: isinstance(value, bool),
        "object": lambda value: isinstance(value, dict),
        "array": lambda value: isinstance(value, list),
        "null": lambda value: value is None,
    }
)
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string": "a string",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "object": "an object",
        "array": "an array",
        "null": "null",
    }
)
