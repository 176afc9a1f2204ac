"""
The rules of the Messages API, as data.

``v1.json`` is a table of the facts of the official OpenAPI document 1.20.0, and ``webhooks.json`` one of its callbacks;
``v0_1.json`` was transcribed from the reference of v0.1; ``prose.py`` holds what the reference says in words only. This
module joins them into one :class:`RuleSet` for each version, and one for the callbacks. It judges no message
(``validate.py`` does), and it knows nothing of the message classes and wire tables of this package: that the two agree
is evidence only because neither was made from the other.

How a table is read: paths are dotted, and ``[]`` stands for every item of an array. A path in ``required`` binds
only where its parent is present. ``requiredWhen`` is a conditional duty, ``absentWhen`` its opposite, ``oneOf``
means exactly one of the listed groups. ``items`` names a plain type, ``suggestions`` or ``messages``. ``minimum``
and ``maximum`` of a string bound its numeric value. ``noPrefix`` lists what a value must not begin with,
``extensions`` what the file behind a URL may be called. Keys such as ``default``, ``deprecated``, ``prose`` and
``maxMB`` inform and bind nothing here.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.simulator.rules.prose import AMENDMENTS, MESSENGER_CUSTOM, WEBHOOK_AMENDMENTS, Amendment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PATH_SEPARATOR = "."
_EACH_ITEM = "[]"


@attrs.frozen(kw_only=True)
class Node:
    """One field of a message: what binds its value, and what may stand below it."""

    path: str
    """The dotted path in the table, such as ``carousel.cards[].title``."""

    rule: Mapping[str, Any]
    """The keys of the table that bind this field."""

    required: bool
    """It must be there wherever its parent is."""

    children: Mapping[str, Node]
    """The fields of an object, or of each object in an array."""


@attrs.frozen(kw_only=True)
class MessageRules:
    """Everything that binds one kind of message, suggestion or update."""

    name: str
    """Its name in the table: ``sms.text``, ``dial``, ``whatsapp``."""

    root: Node
    """The object as a whole."""

    one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of paths, of which exactly one group must be present; empty where nothing is asked."""


@attrs.frozen(kw_only=True)
class RuleSet:
    """The rules of one version of the API."""

    version: str
    messages: Mapping[str, MessageRules]
    """By ``channel.message_type``."""
    suggestions: Mapping[str, MessageRules]
    """RCS suggestions by ``type``; none in v0.1."""
    updates: Mapping[str, MessageRules]
    """Bodies of ``PATCH`` by channel; none in v0.1."""

    _types: Mapping[str, tuple[str, ...]] = attrs.field(init=False, repr=False)
    """By channel: asked for with every message."""

    @_types.default
    def _sorted_by_channel(self) -> Mapping[str, tuple[str, ...]]:
        types: dict[str, list[str]] = {}
        for name in self.messages:
            channel, *rest = name.split(_PATH_SEPARATOR)
            types.setdefault(channel, []).extend(rest[:1])
        return MappingProxyType({channel: tuple(each) for channel, each in types.items()})

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel, in the order of the table."""
        return tuple(self._types)

    def message_types(self, channel: str) -> tuple[str, ...]:
        """Every message type of *channel*, in the order of the table; none for an unknown channel."""
        return self._types.get(channel, ())


@cache
def v1_rules() -> RuleSet:
    """Load the rules of API v1, once."""
    table = _load("v1.json")
    table["messages"]["messenger.custom"] = MESSENGER_CUSTOM
    return _rule_set(table, AMENDMENTS)


@cache
def v0_1_rules() -> RuleSet:
    """Load the rules of API v0.1, once."""
    return _rule_set(_load("v0_1.json"), ())


@cache
def webhook_rules() -> RuleSet:
    """
    Load the shapes of the callbacks of v1, once.

    They are named ``status.channel`` and ``inbound.channel.message_type``. v0.1 has no table: its callbacks are those
    of v1, rearranged.
    """
    table = _load("webhooks.json")
    shapes = {
        name: _compile(name, entry["fields"], entry["required"], (), WEBHOOK_AMENDMENTS)
        for name, entry in table["webhooks"].items()
    }
    none: Mapping[str, MessageRules] = MappingProxyType({})
    return RuleSet(version=table["version"], messages=MappingProxyType(shapes), suggestions=none, updates=none)


def _load(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return table


def _rule_set(table: Mapping[str, Any], amendments: tuple[Amendment, ...]) -> RuleSet:
    common = table["common"]
    messages = {
        name: _compile(
            name,
            {**common["fields"], **entry["fields"]},
            [*common["required"], *entry["required"]],
            entry.get("oneOf", ()),
            amendments,
        )
        for name, entry in table["messages"].items()
    }
    return RuleSet(
        version=table["version"],
        messages=MappingProxyType(messages),
        suggestions=_section(table, "suggestions", amendments),
        updates=_section(table, "update", amendments),
    )


def _section(table: Mapping[str, Any], section: str, amendments: tuple[Amendment, ...]) -> Mapping[str, MessageRules]:
    return MappingProxyType(
        {
            name: _compile(f"{section}.{name}", entry["fields"], entry["required"], (), amendments)
            for name, entry in table.get(section, {}).items()
        }
    )


def _compile(
    name: str,
    fields: Mapping[str, Mapping[str, Any]],
    required: Iterable[str],
    one_of: Iterable[Iterable[str]],
    amendments: tuple[Amendment, ...],
) -> MessageRules:
    """Turn the flat list of paths of one entry into a tree."""
    bound = frozenset(required)
    rules = {path: _amended(name, path, dict(rule), path in bound, amendments) for path, rule in fields.items()}
    root = Node(path="", rule={"type": "object"}, required=True, children=_children("", rules, bound))
    return MessageRules(name=name, root=root, one_of=tuple(tuple(group) for group in one_of))


def _amended(
    name: str, path: str, rule: dict[str, Any], required: bool, amendments: tuple[Amendment, ...]
) -> dict[str, Any]:
    """
    Add to *rule* what the reference says about this field in words only.

    Empty lists, and empty texts where a text is a duty, are refused too: the schema sets no lower bound on most of
    them, and nothing in the reference says what an empty one would mean (docs/simulator-fidelity.md).
    """
    for amendment in amendments:
        if fnmatchcase(name, amendment.messages) and path == amendment.path:
            rule |= amendment.rule
    if rule["type"] == "array":
        rule.setdefault("minItems", 1)
    if rule["type"] == "string" and (required or "requiredWhen" in rule):
        rule.setdefault("minLength", 1)
    return rule


def _children(parent: str, rules: Mapping[str, Mapping[str, Any]], required: frozenset[str]) -> Mapping[str, Node]:
    """Collect the fields that stand directly below the path *parent*."""
    children = {}
    for path, rule in rules.items():
        above, _, name = path.rpartition(_PATH_SEPARATOR)
        if above.removesuffix(_EACH_ITEM) == parent and name:
            children[name] = Node(
                path=path, rule=rule, required=path in required, children=_children(path, rules, required)
            )
    return MappingProxyType(children)
