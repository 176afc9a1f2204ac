"""
What a person can tap on a message: its buttons and suggestions, and the inbound message that a tap sends. Pure.

Buttons that open a page or dial a number on WhatsApp, Messenger and Viber tell the company nothing: they are left out.

Reference: Webhooks, section 5 (types ``reply`` and ``button``); Messages API v1, sections 6 (suggestions), 7 (custom).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEEPEST = 3
"""A carousel holds cards, a card holds suggestions."""


@attrs.frozen(kw_only=True)
class Offer:
    """Something to tap. *message_type* and *fields* are those of the inbound message that the tap sends."""

    label: str
    message_type: str
    fields: Mapping[str, Any]


def offers(channel: str, payload: Mapping[str, Any]) -> tuple[Offer, ...]:
    """List what can be tapped on a message of v1, in its order. *channel* is named as in v1."""
    if channel == "rcs":
        return tuple(_of_rcs(payload, _DEEPEST))
    if channel == "whatsapp":
        custom = _object(payload.get("custom"))
        return (*_of_interactive(_object(custom.get("interactive"))), *_of_template(_object(custom.get("template"))))
    return ()


def _of_rcs(holder: Mapping[str, Any], depth: int) -> Iterator[Offer]:
    """Go through the suggestions of a message, of its card, and of the cards of its carousel."""
    for suggestion in _objects(holder.get("suggestions")):
        label, data = str(suggestion.get("text", "")), str(suggestion.get("postback_data", ""))
        if suggestion.get("type") == "reply":
            yield Offer(label=label, message_type="reply", fields={"reply": {"id": data, "title": label}})
        else:
            yield Offer(label=label, message_type="button", fields={"button": {"payload": data, "text": label}})
    if depth:
        for inner in (holder.get("card"), *_objects(_object(holder.get("carousel")).get("cards"))):
            yield from _of_rcs(_object(inner), depth - 1)


def _of_interactive(interactive: Mapping[str, Any]) -> Iterator[Offer]:
    action = _object(interactive.get("action"))
    for button in _objects(action.get("buttons")):
        if button.get("type") == "reply":
            yield _reply(_object(button.get("reply")))
    for section in _objects(action.get("sections")):
        for row in _objects(section.get("rows")):
            yield _reply(row)


def _reply(chosen: Mapping[str, Any]) -> Offer:
    known = {name: str(chosen[name]) for name in ("id", "title", "description") if name in chosen}
    return Offer(label=known.get("title", ""), message_type="reply", fields={"reply": {"id": "", "title": "", **known}})


def _of_template(template: Mapping[str, Any]) -> Iterator[Offer]:
    """The label of a quick reply stands in the template, which only the provider has: its payload takes its place."""
    for component in _objects(template.get("components")):
        if component.get("type") != "button" or component.get("sub_type") != "quick_reply":
            continue
        for parameter in _objects(component.get("parameters")):
            data = str(parameter.get("payload", ""))
            yield Offer(label=data, message_type="button", fields={"button": {"payload": data, "text": data}})


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
