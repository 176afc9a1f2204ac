"""
The one cattrs converter: how a value becomes plain JSON.

Attributes are called as their JSON keys are, but for a trailing underscore (``from_``, ``type_``); ``None`` is left
out; enum members become bare words. The way back is the classes' own constructors, which list every problem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from vonage_messages.channels.base import Value, json_name
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.whatsapp import WhatsappTemplateResource


def plain(value: object) -> Any:
    """Turn a value, a tuple of values or a scalar into plain JSON."""
    if value.__class__ is str:  # most of what is sent; the converter would look its hook up
        return value
    return _converter().unstructure(value)


def raw(message: RawMessage) -> dict[str, Any]:
    """Give the payload of a raw message as a dictionary that the caller may change."""
    payload: dict[str, Any] = plain(message.payload)
    return payload


@cache
def _converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(str, str.__str__)
    converter.register_unstructure_hook(tuple, lambda items: [converter.unstructure(item) for item in items])
    converter.register_unstructure_hook_factory(_is_value_class, lambda cls: _unstructure_function(cls, converter))
    return converter


def _is_value_class(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Value) and attrs.has(cls)


def _unstructure_function(cls: type[Value], converter: Converter) -> Callable[[Any], dict[str, Any]]:
    renamed = {
        field.name: override(rename=json_name(field.name), omit_if_default=field.default is None)
        for field in attrs.fields(cls)
    }
    unstructure: Callable[[Any], dict[str, Any]] = make_dict_unstructure_fn(cls, converter, **renamed)  # type: ignore[arg-type]
    if cls is not WhatsappTemplateResource:
        return unstructure
    return lambda value: _spread_extra(unstructure(value))


def _spread_extra(payload: dict[str, Any]) -> dict[str, Any]:
    """Put the keys that a template keeps unread beside those that it knows."""
    extra = payload.pop("extra", {})
    return {**payload, **extra}
