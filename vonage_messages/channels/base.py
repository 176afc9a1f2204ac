"""
What every message has: the value base, the common fields, and the way nested values are built.

``Value`` is the base of all that is sent. Its constructor runs the rules of every field, then the rules that span
fields, and raises one error with all problems. Nested values may be given as plain dictionaries with JSON keys;
their problems are listed under the path of the outer field.

What belongs to one channel stands in that channel's module, JSON in ``vonage_messages.wire``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.enums import WebhookVersion
from vonage_messages.errors import InvalidMessageError, Problem
from vonage_messages.values import normalize_number

ValueT = TypeVar("ValueT", bound="Value")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Value:
    """The base of everything that can be sent: frozen, compared by content, right or refused."""

    keeps_extra: ClassVar[bool] = False
    """Keys that the class does not know are kept in its ``extra`` instead of being refused."""

    def __attrs_post_init__(self) -> None:
        problems = self._problems()
        if problems:
            raise InvalidMessageError(problems, type(self).__name__)

    def _problems(self) -> list[Problem]:
        """Find everything that is wrong, field by field and then across fields."""
        found: list[Problem] = []
        for name, path, required, rule in _rules(type(self)):
            value = getattr(self, name)
            if value is not None:
                rule(value, path, found)
            elif required:
                found.append(Problem(path, "is required"))
        found += self._problems_across_fields()
        return found

    def _problems_across_fields(self) -> Iterable[Problem]:
        """Find what no single field shows; fields may hold wrong types here."""
        return ()


class Refused:
    """What a converter gives in place of a nested value that could not be built: converters never raise."""

    __slots__ = ("problems",)

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)


def json_name(attribute: str) -> str:
    """Give the JSON key of an attribute: ``from_`` is ``from``, ``type_`` is ``type``."""
    return attribute.removesuffix("_")


def build(cls: type[ValueT], value: object) -> object:
    """Turn a mapping into a *cls*, or into ``Refused``; give anything else back. Never raises."""
    if value is None:  # mostly: to ask whether that is a mapping takes longer
        return None
    if not isinstance(value, Mapping):
        return value
    return build_from_mapping(cls, value)


def build_from_mapping(cls: type[ValueT], mapping: Mapping[str, Any]) -> ValueT | Refused:
    """
    Build a *cls* from JSON keys, collecting every problem: unknown keys, missing ones, refused values.

    A missing field is passed as ``None``, so that the rules say so beside all other problems.
    """
    arguments: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    names = _argument_names(cls)
    for key, value in mapping.items():
        name = names.get(key)
        if name is None:
            unknown[key] = value
        else:
            arguments[name] = value
    for name, required in _required_names(cls):
        if required:
            arguments.setdefault(name, None)
    problems: list[Problem] = []
    if cls.keeps_extra:
        arguments["_extra"] = unknown or None
    else:
        problems += [Problem(str(key), f"is not a field of {cls.__name__}") for key in unknown]
    try:
        built = cls(**arguments)
    except InvalidMessageError as error:
        return Refused([*error.problems, *problems])
    return Refused(problems) if problems else built


def build_tagged(classes: Mapping[str, type[Any]], value: object) -> object:
    """Turn a mapping into the class that its ``type`` names, or into ``Refused``. Never raises."""
    if not isinstance(value, Mapping):
        return value
    tag = value.get("type", value.get("type_"))
    if not isinstance(tag, str) or tag not in classes:
        return Refused([Problem("type", "must be one of " + ", ".join(classes))])
    return build(classes[tag], value)


def build_each(builder: Callable[[object], object], value: object) -> object:
    """Turn a list into a tuple of what *builder* makes of its items; give anything else back. Never raises."""
    items = rules.as_tuple(value)
    return tuple(builder(item) for item in items) if isinstance(items, tuple) else items


def nested(*classes: type[Value]) -> rules.Metadata:
    """Make the rule of a field that holds a value of one of *classes*."""
    listed = " or ".join(each.__name__ for each in classes)

    def fits(value: object) -> bool:
        # A class that adds fields, such as the options of a card, would smuggle them in where they have no place.
        return type(value) in classes or any(
            isinstance(value, each) and len(attrs.fields(type(value))) == len(attrs.fields(each)) for each in classes
        )

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if isinstance(value, Refused):
            problems += [Problem(join_path(path, each.path), each.message) for each in value.problems]
        elif not fits(value):
            problems.append(Problem(path, f"must be a {listed}, not {type(value).__name__}"))

    return {rules.RULE: rule}


def join_path(outer: str, inner: str) -> str:
    """Put a path below another: ``image`` and ``url`` make ``image.url``; either may be empty."""
    if not outer or not inner:
        return outer or inner
    return f"{outer}{inner}" if inner.startswith("[") else f"{outer}.{inner}"


class Message(Value):
    """
    Anything that can be sent: one of the channel classes, or a ``RawMessage``.

    These are what limits, queues and logs ask a message about, whatever its channel.
    """

    __slots__ = ()

    @property
    def channel(self) -> str:
        """The channel, in the words of v1, such as ``sms`` or ``viber_service``."""
        raise NotImplementedError

    @property
    def message_type(self) -> str:
        """The type of the content, such as ``text``."""
        raise NotImplementedError

    @property
    def to(self) -> str:
        """The recipient: a number without ``+``, an id or an address."""
        raise NotImplementedError

    @property
    def from_(self) -> str:
        """The sender: a number without ``+``, an id or an address."""
        raise NotImplementedError

    @property
    def client_ref(self) -> str | None:
        """The sender's own reference, echoed in every status."""
        raise NotImplementedError

    @property
    def failover(self) -> tuple[Message, ...] | None:
        """What the platform sends instead, in this order, when this message is rejected."""
        raise NotImplementedError


def to_number(value: str) -> str:
    """Normalise a phone number; leave anything else alone. Never raises."""
    if not isinstance(value, str):
        return value  # type: ignore[unreachable]  # a caller without a type checker: the rule of the field says so
    return normalize_number(value)


def to_failover(value: Iterable[Message] | None) -> tuple[Message, ...] | None:
    """Turn the failover items into a tuple. Never raises."""
    if value is None:  # see build
        return None
    return rules.as_tuple(value)  # type: ignore[return-value]  # what is no list is refused by the rule


def resource_of(cls: type[Value], url_rule: rules.Metadata) -> rules.Metadata:
    """Make the rule of a field that holds a *cls* whose ``url`` obeys a further rule, such as a file type."""
    build_rule = nested(cls)[rules.RULE]
    check_url = url_rule[rules.RULE]

    def rule(value: object, path: str, problems: list[Problem]) -> None:
        build_rule(value, path, problems)
        link = getattr(value, "url", None)
        if isinstance(value, cls) and link is not None:
            check_url(link, f"{path}.url", problems)

    return {rules.RULE: rule}


def from_url(value: object) -> object:
    """Stand a bare URL string in for the resource that needs nothing else. Never raises."""
    return {"url": value} if isinstance(value, str) else value


def _failover() -> rules.Metadata:
    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, tuple):
            problems.append(Problem(path, f"must be a list of messages, not {type(value).__name__}"))
            return
        if not value:
            problems.append(Problem(path, "must not be empty: leave it out to send without failover"))
        for index, item in enumerate(value):
            where = f"{path}[{index}]"
            if isinstance(item, Refused):
                problems += [Problem(join_path(where, each.path), each.message) for each in item.problems]
            elif not isinstance(item, Message):
                problems.append(Problem(where, f"must be a message, not {type(item).__name__}"))
            elif item.failover is not None:
                problems.append(Problem(f"{where}.failover", "must not be set: a failover message has no failover"))

    return {rules.RULE: rule}


@attrs.frozen(kw_only=True, weakref_slot=False)
class BaseMessage(Message):
    """
    The fields that every channel shares. Send one of the channel classes; this one has no content.

    ``to`` is normalised: ``+44 7700 900000`` becomes ``447700900000``.

    Raises:
        InvalidMessageError: a field is refused; all problems are listed.

    Reference: Messages API v1, "Fields common to every channel".
    """

    to: str = attrs.field(converter=to_number, metadata=rules.phone_number())
    client_ref: str | None = attrs.field(default=None, metadata=rules.text(max=100))
    webhook_url: str | None = attrs.field(default=None, metadata=rules.url())
    webhook_version: str | None = attrs.field(default=None, metadata=rules.choice(WebhookVersion))
    failover: tuple[Message, ...] | None = attrs.field(default=None, converter=to_failover, metadata=_failover())


_compiled_rules: dict[type, tuple[tuple[str, str, bool, rules.Rule], ...]] = {}
_compiled_names: dict[type, dict[str, str]] = {}


def _rules(cls: type) -> tuple[tuple[str, str, bool, rules.Rule], ...]:
    """List (attribute, JSON path, required, rule) of a class, worked out once."""
    compiled = _compiled_rules.get(cls)
    if compiled is None:
        compiled = tuple(
            (field.name, json_name(field.name), field.default is not None, field.metadata[rules.RULE])
            for field in attrs.fields(cls)
            if rules.RULE in field.metadata
        )
        _compiled_rules[cls] = compiled
    return compiled


def _argument_names(cls: type) -> dict[str, str]:
    """Map every spelling of a key (``type`` and ``type_``) to the argument it stands for."""
    names = _compiled_names.get(cls)
    if names is None:
        names = {}
        for field in attrs.fields(cls):
            if field.name != "extra":
                names[field.name] = field.name
                names[json_name(field.name)] = field.name
        _compiled_names[cls] = names
    return names


def _required_names(cls: type) -> Iterator[tuple[str, bool]]:
    for field in attrs.fields(cls):
        yield field.name, field.default is attrs.NOTHING
