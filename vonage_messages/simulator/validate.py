"""
A decoded JSON payload in, a list of problems out. Pure: no sockets, no clock, no state.

Nothing here knows a field by name but those that say which rules apply (``channel``, ``message_type`` and, in v0.1,
``from.type``, ``to.type`` and ``message.content.type``); everything else is read from the tables in ``rules``.
Which HTTP answer follows from the problems is the matter of ``problems.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vonage_messages.simulator.constraints import (
    count_reason,
    integer_reason,
    item_reason,
    number_reason,
    string_reason,
)
from vonage_messages.simulator.forms import file_extension
from vonage_messages.simulator.rules import MessageRules, Node, RuleSet, v0_1_rules, v1_rules, webhook_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_PROBLEMS = 100
"""A payload of a megabyte could have a hundred thousand; nobody reads them, and the answer would be huge."""

_LONGEST_NAME = 100

_ABSENT: Any = object()
"""Stands for a field that is not there: ``None`` is JSON's null, which is there."""


class InvalidParameter(NamedTuple):
    """One thing that is wrong with a request, as ``invalid_parameters`` lists it."""

    name: str
    """Where: a dotted path such as ``messenger.tag`` or ``failover[0].text``."""

    reason: str
    """What, in words that never repeat the value."""


def validate_v1(payload: Mapping[str, Any]) -> list[InvalidParameter]:
    """
    List what is wrong with the body of ``POST /v1/messages``; an empty list means that it is accepted.

    Reference: Messages API v1, OpenAPI 1.20.0, with the failover chain (section 11). At most 100 problems are listed.
    """
    rules = v1_rules()
    problems = list(_message(payload, rules, ""))
    return problems[:_MOST_PROBLEMS]


def validate_v0_1(payload: Mapping[str, Any]) -> list[InvalidParameter]:
    """
    List what is wrong with the body of ``POST /v0.1/messages``; an empty list means that it is accepted.

    Reference: Messages API v0.1, Envelope and Content by channel. At most 100 problems are listed.
    """
    return list(_v0_1_message(payload))[:_MOST_PROBLEMS]


def validate_update(channel: str, payload: Mapping[str, Any]) -> list[InvalidParameter]:
    """
    List what is wrong with the body of ``PATCH /v1/messages/{message_uuid}`` for a message of *channel*.

    *channel* must be one that can be updated, ``whatsapp`` or ``rcs`` (Messages API v1, Updating a message).
    """
    rules = v1_rules()
    return list(_Walk(rules, payload, "").whole(rules.updates[channel]))[:_MOST_PROBLEMS]


def validate_webhook(name: str, payload: Mapping[str, Any]) -> list[InvalidParameter]:
    """
    List how a callback of v1 departs from the reference; *name* is ``status.sms`` or ``inbound.sms.text``, say.

    *name* must be one that ``webhook_rules`` knows.
    """
    rules = webhook_rules()
    return list(_Walk(rules, payload, "").whole(rules.messages[name]))[:_MOST_PROBLEMS]


def can_be_updated(channel: str) -> bool:
    """Tell whether the reference knows any update of a message of *channel*."""
    return channel in v1_rules().updates


def _message(payload: Mapping[str, Any], rules: RuleSet, prefix: str) -> Iterator[InvalidParameter]:
    channel = payload.get("channel")
    if not isinstance(channel, str) or channel not in rules.channels:
        yield InvalidParameter(f"{prefix}channel", "must be one of " + ", ".join(rules.channels))
        return
    types = rules.message_types(channel)
    message_type = payload.get("message_type")
    if not isinstance(message_type, str) or message_type not in types:
        yield InvalidParameter(f"{prefix}message_type", f"must be one of {', '.join(types)} for {channel}")
        return
    yield from _Walk(rules, payload, prefix).whole(rules.messages[f"{channel}.{message_type}"])


def _v0_1_message(payload: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    rules = v0_1_rules()
    channel = _string_at(payload, "to", "type")
    if channel is None or channel not in rules.channels:
        yield InvalidParameter("to.type", "must be one of " + ", ".join(rules.channels))
        return
    types = rules.message_types(channel)
    message_type = _string_at(payload, "message", "content", "type")
    if message_type is None or message_type not in types:
        yield InvalidParameter("message.content.type", f"must be one of {', '.join(types)} for {channel}")
        return
    yield from _Walk(rules, payload, "").whole(rules.messages[f"{channel}.{message_type}"])


def _string_at(payload: Any, *names: str) -> str | None:
    for name in names:
        payload = payload.get(name) if isinstance(payload, dict) else None
    return payload if isinstance(payload, str) else None


class _Walk:
    """One pass over one message: holds what every step needs, the whole message and the prefix of its paths."""

    def __init__(self, rules: RuleSet, message: Mapping[str, Any], prefix: str) -> None:
        self._rules = rules
        self._message = message
        self._prefix = prefix

    def whole(self, rules: MessageRules) -> Iterator[InvalidParameter]:
        """Check the whole message against *rules*."""
        yield from self._fields(rules.root, self._message, "", ())
        yield from self._exactly_one(rules.one_of)

    def _exactly_one(self, groups: tuple[tuple[str, ...], ...]) -> Iterator[InvalidParameter]:
        if not groups:
            return
        present = [group for group in groups if all(self._present(path, ()) for path in group)]
        if len(present) != 1:
            names = " and ".join(path for group in groups for path in group)
            above = groups[0][0].rpartition(".")[0]
            # Where the parent itself is missing, that is the problem, and it is listed already.
            if self._present(above, ()):
                yield self._problem(above, f"exactly one of {names} must be present")

    def _fields(
        self, node: Node, value: Mapping[str, Any], path: str, indices: tuple[int, ...]
    ) -> Iterator[InvalidParameter]:
        """Check the fields of one object: what must be there, what may not, and each one's own value."""
        for name, child in node.children.items():
            where = f"{path}.{name}" if path else name
            if name in value:
                yield from self._value(child, value[name], where, indices)
            elif child.required or self._holds(child.rule.get("requiredWhen"), indices):
                yield self._problem(where, self._missing(child))
        if node.rule.get("additionalProperties"):
            return
        for name in (name for name in value if name not in node.children):
            where = f"{path}.{name}" if path else name
            yield self._problem(where[:_LONGEST_NAME], "is not a parameter of this message")

    def _missing(self, node: Node) -> str:
        condition = node.rule.get("requiredWhen")
        if node.required or condition is None:
            return "is required"
        if "equals" in condition:
            return f"is required when {condition['path']} is {condition['equals']}"
        return f"is required with {condition['path']}"

    def _value(self, node: Node, value: Any, path: str, indices: tuple[int, ...]) -> Iterator[InvalidParameter]:
        rule = node.rule
        forbidden = rule.get("absentWhen")
        if forbidden is not None and self._holds(forbidden, indices):
            yield self._problem(path, f"must be absent when {forbidden['path']} is {forbidden['equals']}")
            return
        match rule["type"]:
            case "string":
                yield from self._string(node, value, path, indices)
            case "integer":
                yield from self._found(path, integer_reason(rule, value))
            case "boolean":
                yield from self._found(path, None if isinstance(value, bool) else "must be true or false")
            case "number":
                yield from self._found(path, number_reason(value))
            case "any":
                return
            case "object":
                yield from self._object(node, value, path, indices)
            case _:
                yield from self._array(node, value, path, indices)

    def _string(self, node: Node, value: Any, path: str, indices: tuple[int, ...]) -> Iterator[InvalidParameter]:
        if not isinstance(value, str):
            yield self._problem(path, "must be a string")
            return
        reason = string_reason(node.rule, value)
        unless = node.rule.get("fileNameUnless")
        if reason is None and unless and not self._present(unless, indices) and file_extension(value) is None:
            reason = f"must end in a file name with its extension when {unless} is absent"
        yield from self._found(path, reason)

    def _object(self, node: Node, value: Any, path: str, indices: tuple[int, ...]) -> Iterator[InvalidParameter]:
        if not isinstance(value, dict):
            yield self._problem(path, "must be an object")
            return
        yield from self._fields(node, value, path, indices)

    def _array(self, node: Node, value: Any, path: str, indices: tuple[int, ...]) -> Iterator[InvalidParameter]:
        if not isinstance(value, list):
            yield self._problem(path, "must be an array")
            return
        yield from self._found(path, count_reason(node.rule, len(value)))
        for index, item in enumerate(value):
            yield from self._item(node, item, f"{path}[{index}]", (*indices, index))

    def _item(self, node: Node, item: Any, path: str, indices: tuple[int, ...]) -> Iterator[InvalidParameter]:
        kind = node.rule["items"]
        if kind == "any":
            return
        if kind == "string":
            yield from self._found(path, item_reason(node.rule, item))
        elif not isinstance(item, dict):
            yield self._problem(path, "must be an object")
        elif kind == "suggestions":
            yield from self._suggestion(item, path)
        elif kind == "messages":
            yield from self._failover(item, path)
        else:
            yield from self._fields(node, item, path, indices)

    def _suggestion(self, item: Mapping[str, Any], path: str) -> Iterator[InvalidParameter]:
        known = self._rules.suggestions
        kind = item.get("type")
        if not isinstance(kind, str) or kind not in known:
            yield self._problem(f"{path}.type", "must be one of " + ", ".join(known))
            return
        yield from _Walk(self._rules, item, f"{self._prefix}{path}.").whole(known[kind])

    def _failover(self, item: Mapping[str, Any], path: str) -> Iterator[InvalidParameter]:
        if "failover" in item:
            yield self._problem(f"{path}.failover", "a message of a failover chain has no failover of its own")
            item = {name: value for name, value in item.items() if name != "failover"}
        yield from _message(item, self._rules, f"{self._prefix}{path}.")

    def _holds(self, condition: Mapping[str, Any] | None, indices: tuple[int, ...]) -> bool:
        if condition is None:
            return False
        if "equals" in condition:
            return bool(self._at(condition["path"], indices) == condition["equals"])
        return self._present(condition["path"], indices)

    def _present(self, path: str, indices: tuple[int, ...]) -> bool:
        return self._at(path, indices) is not _ABSENT

    def _at(self, path: str, indices: tuple[int, ...]) -> Any:
        """Find the value at *path* of the table, each ``[]`` standing for the item that is being looked at."""
        value: Any = self._message
        open_indices = iter(indices)
        for step in path.split("."):
            name = step.removesuffix("[]")
            if not isinstance(value, dict) or name not in value:
                return _ABSENT
            value = value[name]
            if step != name:
                value = value[next(open_indices)]
        return value

    def _found(self, path: str, reason: str | None) -> Iterator[InvalidParameter]:
        if reason is not None:
            yield self._problem(path, reason)

    def _problem(self, path: str, reason: str) -> InvalidParameter:
        return InvalidParameter(self._prefix + path, reason)
