"""
How a message is compared with what a test wants of it, and how the difference is written down. Pure.

A wanted value may be the value itself, a mapping of which every member must be there (others may be, too), a compiled
pattern that the text must match somewhere, a function that says yes, or ``...`` for anything at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import attrs

from vonage_messages.values import normalize_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonage_messages.simulator.state import ReceivedMessage

MISSING: Final = object()
"""Stands for a field that a message does not have."""

_OF_THE_MESSAGE: Final = (
    "channel",
    "message_type",
    "to",
    "from_",
    "client_ref",
    "version",
    "message_uuid",
    "workflow_id",
    "sent_by",
)
_PARTIES: Final = frozenset({"to", "from_"})
_LONGEST = 400
"""How much of one value is shown, in characters."""


@attrs.frozen(kw_only=True)
class Difference:
    """A place where a message is not what was wanted."""

    path: str
    wanted: object = attrs.field(repr=False)
    found: object = attrs.field(repr=False)

    def lines(self) -> list[str]:
        """Write it down, one value below the other, with a mark below the first character that differs."""
        wanted, found = shown(self.wanted), shown(self.found)
        written = [f"  {self.path}", f"      wanted  {wanted}", f"      sent    {found}"]
        if isinstance(self.wanted, str) and isinstance(self.found, str):
            written.append(" " * (14 + _first_difference(wanted, found)) + "^")
        return written


@attrs.frozen(kw_only=True)
class Comparison:
    """One message beside what was wanted."""

    number: int
    """Counts from 1, in the order of arrival."""
    message: ReceivedMessage
    differences: tuple[Difference, ...]
    agreeing: tuple[str, ...]
    """The wanted names that are as they should be."""
    likeness: float
    """How near it comes: 1 where nothing differs."""

    def lines(self) -> Iterator[str]:
        """Write down what agrees, in one line, and each difference."""
        if self.agreeing:
            yield f"  as wanted: {', '.join(self.agreeing)}"
        for difference in self.differences:
            yield from difference.lines()


def compared(number: int, message: ReceivedMessage, wanted: Mapping[str, object]) -> Comparison:
    """Compare *message* with all that is *wanted*, by the names that ``assert_sent`` takes."""
    differences: list[Difference] = []
    agreeing: list[str] = []
    likenesses: list[float] = []
    for name, value in wanted.items():
        found = field(message, name)
        if name in _PARTIES and isinstance(value, str):
            value = normalize_number(value)  # noqa: PLW2901  as the client sends it
        here = list(_differences(name, value, found))
        differences += here
        if not here:
            agreeing.append(name)
        likenesses.append(1.0 if not here else _likeness(value, found))
    return Comparison(
        number=number,
        message=message,
        differences=tuple(differences),
        agreeing=tuple(agreeing),
        likeness=sum(likenesses) / len(likenesses) if likenesses else 1.0,
    )


def field(message: ReceivedMessage, name: str) -> object:
    """
    Find what *name* means of a message: an attribute, a member of its body, of v0.1 also a member of its content.

    ``MISSING`` where there is none.
    """
    if name in _OF_THE_MESSAGE:
        return getattr(message, name)
    if name == "payload":
        return message.payload
    if name in message.payload:
        return message.payload[name]
    content: Any = message.payload.get("message", {})
    content = content.get("content", {}) if isinstance(content, Mapping) else {}
    return content.get(name, MISSING) if isinstance(content, Mapping) else MISSING


def shown(value: object) -> str:
    """Write one value down, not too long."""
    if value is MISSING:
        return "(nothing)"
    if value is ...:
        return "(anything)"
    if isinstance(value, re.Pattern):
        return f"a match of {value.pattern!r}"
    if callable(value):
        return f"what {getattr(value, '__name__', repr(value))} is true for"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _differences(path: str, wanted: object, found: object) -> Iterator[Difference]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, value in wanted.items():
            yield from _differences(f"{path}.{name}", value, found.get(name, MISSING))
        return
    if _is_list(wanted) and _is_list(found):
        for index, (one, other) in enumerate(zip_longest(wanted, found, fillvalue=MISSING)):
            yield from _differences(f"{path}[{index}]", one, other)
        return
    if not _agrees(wanted, found):
        yield Difference(path=path, wanted=wanted, found=found)


def _agrees(wanted: object, found: object) -> bool:
    if wanted is ...:
        return found is not MISSING and found is not None
    if wanted is None:
        return found is None or found is MISSING
    if isinstance(wanted, re.Pattern):
        return isinstance(found, str) and wanted.search(found) is not None
    if callable(wanted):
        return found is not MISSING and bool(wanted(found))
    # True == 1 in Python, and not in JSON.
    return wanted == found and isinstance(wanted, bool) == isinstance(found, bool)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _likeness(wanted: object, found: object) -> float:
    """Tell how near two values are that differ: below 1."""
    if isinstance(wanted, str) and isinstance(found, str):
        return 0.9 * SequenceMatcher(None, wanted[:_LONGEST], found[:_LONGEST], autojunk=False).ratio()
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        same = sum(_agrees(value, found.get(name, MISSING)) for name, value in wanted.items())
        return 0.9 * same / len(wanted) if wanted else 0.0
    return 0.0


def _first_difference(wanted: str, found: str) -> int:
    for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
        if one != other:
            return index
    return min(len(wanted), len(found))
