"""
How one member of a payload is read: readers, and the base of every value that is made of a JSON object.

A reader takes what JSON decoding gave and returns the typed value, or ``None`` for what it cannot read; it never
raises. ``read_part`` fills a class from an object and keeps whatever no reader took in ``extra``.

Which members there are stands beside the classes, in ``content.py``, ``inbound.py`` and ``status.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, Self, TypeAlias, TypeVar, overload

import attrs

from vonage_messages.values import masked

Reader: TypeAlias = Callable[[Any], Any]
"""Turns a decoded JSON value into a typed one, or gives ``None``."""

PartT = TypeVar("PartT", bound="Part")
ObjectT = TypeVar("ObjectT")
ValueT = TypeVar("ValueT")

_READ = "read"
_KEYS = "keys"

_Plan: TypeAlias = tuple[tuple[str, tuple[str, ...], Reader, bool], ...]
"""Attribute, JSON keys, reader, and whether nothing can be read without it: for each attribute of a class."""

_plans: dict[type[Any], _Plan] = {}
_members: dict[type[Any], Mapping[str, str]] = {}
_of_objects: dict[Reader, type[Any]] = {}
_of_lists: set[Reader] = set()

_COUNT = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_ZONE_NAME = re.compile(r"\s*(?:UTC|GMT|z)$")
_SPACED_OFFSET = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$)")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Part:
    """The base of every typed object inside a webhook."""

    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)
    """Members that this version does not know, and known ones of a type that it does not expect."""


class lazy(Generic[ObjectT, ValueT]):  # noqa: N801  used as ``property`` is
    """
    An attribute that is worked out when it is first asked for, and then kept in the ``__dict__`` of its object.

    As ``functools.cached_property``, but without its lock: two threads that ask first at once work out equal values.
    """

    def __init__(self, work_out: Callable[[ObjectT], ValueT]) -> None:
        self._work_out = work_out
        self._name = ""
        self.__doc__ = work_out.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: ObjectT, owner: type[Any]) -> ValueT: ...
    def __get__(self, instance: ObjectT | None, owner: type[Any]) -> Self | ValueT:
        if instance is None:
            return self
        value = self._work_out(instance)
        vars(instance)[self._name] = value
        return value


def read_by(read: Reader, *keys: str) -> dict[str, Any]:
    """
    Make the metadata of an attribute of a ``Part``: its reader, and its JSON keys where they are not its name.

    Of several *keys* the first is that of API v1, the others are older spellings. Without an attribute that has no
    default the whole object cannot be read.
    """
    return {_READ: read, _KEYS: keys}


def read_part(cls: type[PartT], value: object) -> PartT | None:
    """Read an object into a *cls*; ``None`` for an empty object, no object, or one without a required member."""
    if not isinstance(value, dict) or not value:
        return None
    arguments: dict[str, Any] = {}
    extra = dict(value)
    for name, keys, read, required in _plan(cls):
        for key in keys:
            found = extra.get(key)
            if found is None:
                extra.pop(key, None)  # null is no value: nothing that would have to be kept
                continue
            typed = read(found)
            if typed is not None and name not in arguments:
                arguments[name] = typed
                del extra[key]
        if required and name not in arguments:
            return None
    return cls(extra=extra, **arguments)


def part(cls: type[Part]) -> Reader:
    """Make the reader of an object."""

    def read(value: object) -> Part | None:
        return read_part(cls, value)

    _of_objects[read] = cls
    return read


def parts(cls: type[Part]) -> Reader:
    """Make the reader of a list of objects; one item that cannot be read leaves the whole list unread."""

    def read(value: object) -> tuple[Part, ...] | None:
        if not isinstance(value, list):
            return None
        items = [read_part(cls, item) for item in value]
        read_items = tuple(item for item in items if item is not None)
        return read_items if len(read_items) == len(items) else None

    _of_lists.add(read)
    return read


def members_of(cls: type[Part]) -> Mapping[str, str]:
    """List the JSON keys that a class reads, each with its attribute."""
    members = _members.get(cls)
    if members is None:
        members = _members[cls] = {key: name for name, keys, _, _ in _plan(cls) for key in keys}
    return members


def readers_of(cls: type[Part]) -> Mapping[str, Reader | type[Part]]:
    """
    List the members of an object by the first of their JSON keys: the reader of each, or the class of an object.

    Lists of objects are left out: whether all is known in one cannot be told by its reader.
    """
    plan = [(keys[0], read) for _, keys, read, _ in _plan(cls)]
    return {key: _of_objects.get(read, read) for key, read in plan if read not in _of_lists}


def required_of(cls: type[Part]) -> frozenset[str]:
    """List the members without which an object cannot be read, by the first of their JSON keys."""
    return frozenset(keys[0] for _, keys, _, required in _plan(cls) if required)


def _plan(cls: type[Part]) -> _Plan:
    plan = _plans.get(cls)
    if plan is None:
        plan = _plans[cls] = tuple(
            (field.name, field.metadata[_KEYS] or (field.name,), field.metadata[_READ], field.default is attrs.NOTHING)
            for field in attrs.fields(cls)
            if field.metadata
        )
    return plan


def string(value: object) -> str | None:
    """Read a string."""
    return value if isinstance(value, str) else None


def strings(value: object) -> tuple[str, ...] | None:
    """Read a list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


def string_or_object(value: object) -> str | Mapping[str, Any] | None:
    """Read a string or an object, which is left as it is."""
    return value if isinstance(value, str | dict) else None


def count(value: object) -> int | None:
    """Read a whole number that is not negative: the API writes counts as strings (``"2"``), some samples as numbers."""
    if isinstance(value, str):
        return int(value) if _COUNT.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 10**15 else None


def decimal(value: object) -> Decimal | None:
    """Read an amount exactly: the API writes prices as strings (``"0.0333"``)."""
    if isinstance(value, float):
        value = repr(value)  # the shortest decimal that is this float: what stood in the JSON
    if isinstance(value, str):
        return Decimal(value) if _DECIMAL.fullmatch(value) else None
    whole = None if isinstance(value, bool) or not isinstance(value, int) else value
    return Decimal(whole) if whole is not None and abs(whole) < 10**30 else None


def number(value: object) -> float | None:
    """Read a finite number; API v0.1 writes coordinates as strings."""
    amount = decimal(value)
    if amount is None:
        return None
    result = float(amount)
    return result if math.isfinite(result) else None


def instant(value: object) -> datetime | None:
    """
    Read a point in time as an aware datetime in UTC.

    Forms seen: ``2025-02-03T12:14:25Z``, ``2020-01-01T14:00:00.000Z``, ``2020-01-01 14:00:00 UTC`` and offsets; a time
    without a zone is taken as UTC. Reference: webhooks, sections "Message status" and "Inbound message", ``timestamp``.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return _unusual_instant(value)
    return _in_utc(moment)


def _unusual_instant(value: str) -> datetime | None:
    spelled = _SPACED_OFFSET.sub("", _ZONE_NAME.sub("+00:00", value.strip()[:64]))
    try:
        return _in_utc(datetime.fromisoformat(spelled))
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime | None:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or the last day of all years, moved over its edge
        return None


def masked_or_none(value: object) -> str:
    """Show a number or an id in a ``repr`` with its middle hidden."""
    return repr(None if value is None else masked(value))
