"""
Which messages are meant, in which order, and page by page. Pure but for a breath now and then.

A page is asked for with the cursor of the page before: the instant of its last item, and which one of that instant it
was. So pages neither repeat nor leave anything out while new items arrive.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import attrs

from vonage_messages.simulator.control.views import v1_channel
from vonage_messages.simulator.state import ReceivedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vonage_messages.simulator.state import KnownInbound, SimulatorState

Item = TypeVar("Item")

_BREATH: Final = 2000
"""After so many messages everybody else on the loop gets a turn: the API must not stand still for a search."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Page(NamedTuple):
    """Some items of a list."""

    items: list[Any]
    next: str | None
    """The cursor of the next page; ``None`` after the last."""
    total: int


@attrs.frozen(kw_only=True)
class Filter:
    """Which messages are meant; ``None`` lets everything through."""

    direction: str | None = None
    channel: str | None = None
    message_type: str | None = None
    to: str | None = attrs.field(default=None, repr=False)
    from_: str | None = attrs.field(default=None, repr=False)
    text: str | None = attrs.field(default=None, repr=False)
    client_ref: str | None = None
    status: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Filter:
        """Read the filters among the members of a query or a body."""
        names = ("direction", "channel", "message_type", "to", "text", "client_ref", "status", "version")
        return cls(from_=asked.get("from"), **{name: asked.get(name) for name in names})

    @property
    def lets_all_through(self) -> bool:
        """Nothing is asked for in particular."""
        return self == _ALL

    def matches(self, message: ReceivedMessage | KnownInbound, state: SimulatorState) -> bool:
        """Tell whether a message is meant."""
        outbound = message if isinstance(message, ReceivedMessage) else None
        return (
            (self.direction is None or (self.direction == "inbound") is (outbound is None))
            and (self.channel is None or v1_channel(message.channel) == v1_channel(self.channel))
            and (self.message_type is None or message.message_type == self.message_type)
            and (self.to is None or message.to == self.to)
            and (self.from_ is None or message.from_ == self.from_)
            and (self.client_ref is None or (outbound is not None and outbound.client_ref == self.client_ref))
            and (self.version is None or (outbound is not None and outbound.version == self.version))
            and (self.status is None or self.status in _came_to(message, state))
            and (self.text is None or _says(message.payload, self.text.casefold()))
        )


_ALL: Final = Filter()


async def messages(state: SimulatorState, wanted: Filter) -> list[ReceivedMessage | KnownInbound]:
    """List the messages that are meant, oldest first."""
    held: list[ReceivedMessage | KnownInbound] = []
    if wanted.direction != "inbound":
        held += state.messages
    if wanted.direction != "outbound":
        held += state.inbound
    wanted = attrs.evolve(wanted, direction=None)  # that was asked already
    if not wanted.lets_all_through:
        held = [each async for each in _let_through(held, wanted, state)]
    held.sort(key=instant_of)  # two lists that are in order already: this takes one look at each
    return held


async def _let_through(held: Sequence[ReceivedMessage | KnownInbound], wanted: Filter, state: SimulatorState) -> Any:
    for start in range(0, len(held), _BREATH):
        for each in held[start : start + _BREATH]:
            if wanted.matches(each, state):
                yield each
        await asyncio.sleep(0)


def instant_of(message: ReceivedMessage | KnownInbound) -> datetime:
    """Tell when a message came; one that was only made known comes before all others."""
    if isinstance(message, ReceivedMessage):
        return message.received_at
    return message.written_at or _EPOCH


def page(  # noqa: PLR0913  what a page is made from
    items: Sequence[Item],
    instant: Callable[[Item], datetime],
    *,
    order: str,
    limit: int,
    cursor: str | None,
    view: Callable[[Item], Any],
) -> Page:
    """Give the page after *cursor* of *items*, which are in order, oldest first."""
    newest_first = order == "newest"
    start, end = 0, len(items)
    if cursor is not None:
        last = _place(items, instant, cursor)
        start, end = (0, min(last, end)) if newest_first else (last + 1, end)
    chosen = range(max(start, end - limit), end) if newest_first else range(start, min(end, start + limit))
    more = chosen.start > start if newest_first else chosen.stop < end
    numbers = list(reversed(chosen)) if newest_first else list(chosen)
    return Page(
        items=[view(items[number]) for number in numbers],
        next=_cursor(items, instant, numbers[-1]) if numbers and more else None,
        total=len(items),
    )


def _place(items: Sequence[Item], instant: Callable[[Item], datetime], cursor: str) -> int:
    """Give the place of the item that a cursor stands for; where it is gone, the place before what came after it."""
    microseconds, _, number = cursor.partition("-")
    at = _EPOCH + min(int(microseconds), _LAST_MICROSECOND) * _MICROSECOND
    first = bisect_left(items, at, key=instant)
    place = first + int(number)
    if place < len(items) and instant(items[place]) == at:
        return place
    return bisect_left(items, at + _MICROSECOND, key=instant) - 1


def _cursor(items: Sequence[Item], instant: Callable[[Item], datetime], place: int) -> str:
    at = instant(items[place])
    first = bisect_left(items, at, key=instant)
    return f"{(at - _EPOCH) // _MICROSECOND}-{place - first}"


_LAST_MICROSECOND: Final = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def _came_to(message: ReceivedMessage | KnownInbound, state: SimulatorState) -> Iterator[str]:
    for note in state.statuses(message.message_uuid):
        yield note.status
    for update in message.updates:
        yield update.status


def _says(value: Any, text: str) -> bool:
    """Tell whether *text*, in small letters, stands in some text of a payload, whatever member that is."""
    if isinstance(value, str):
        return text in value.casefold()
    if isinstance(value, dict):
        return _any_says(value.values(), text)
    return isinstance(value, list) and _any_says(value, text)


def _any_says(values: Iterable[Any], text: str) -> bool:
    return any(_says(each, text) for each in values)
