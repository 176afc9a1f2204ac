"""
Scripts of people: who reads what reaches them, and what they do then. Pure: a habit and a chance in, a deed out.

When a deed is done is decided by ``dispatch.py``, on the simulator's clock; what it looks like as a callback by
``people.py``. What the person of a habit does follows from the seed of ``Delivery`` and the number of the message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.offers import offers
from vonage_messages.values import Seconds, masked

if TYPE_CHECKING:
    from vonage_messages.simulator.draws import Draws

_ROUNDING = 1e-9
_MOST_HABITS = 10_000
CHANNELS: Final = frozenset({"sms", "mms", "rcs", "whatsapp", "messenger", "viber_service"})
"""The channels on which people write."""


def _share(_instance: object, field: attrs.Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigurationError(f"{field.name} must be a share of 0 to 1, not {value!r}")


def _span(_instance: object, field: attrs.Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{field.name} must be 0 or more (seconds), not {value!r}")


def _text(_instance: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{field.name} must be a text that is not empty, not {value!r}")


def _optional_text(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _text(instance, field, value)


@attrs.frozen(kw_only=True)
class Reads:
    """Reads *share* of all messages, *after* seconds. What is not read is not answered either, on any channel."""

    share: float = attrs.field(default=1.0, validator=_share)
    after: Seconds = attrs.field(default=0.0, validator=_span)


@attrs.frozen
class Answers:
    """Writes *text* in answer to *share* of the messages, *after* seconds since they were read."""

    text: str = attrs.field(validator=_text)
    share: float = attrs.field(default=1.0, validator=_share, kw_only=True)
    after: Seconds = attrs.field(default=0.0, validator=_span, kw_only=True)


@attrs.frozen
class Taps:
    """
    Taps a button, a quick reply or a suggestion of the message: the one with *label*, or any where it is ``None``.

    Nothing happens to a message that offers no such thing.
    """

    label: str | None = attrs.field(default=None, validator=_optional_text)
    share: float = attrs.field(default=1.0, validator=_share, kw_only=True)
    after: Seconds = attrs.field(default=0.0, validator=_span, kw_only=True)


@attrs.frozen
class Reacts:
    """Reacts with *emoji*; on WhatsApp alone, where reactions are told."""

    emoji: str = attrs.field(default="\U0001f44d", validator=_text)
    share: float = attrs.field(default=1.0, validator=_share, kw_only=True)
    after: Seconds = attrs.field(default=0.0, validator=_span, kw_only=True)


@attrs.frozen
class Stops:
    """Sends a word that asks for no more messages."""

    text: str = attrs.field(default="STOP", validator=_text)
    share: float = attrs.field(default=1.0, validator=_share, kw_only=True)
    after: Seconds = attrs.field(default=0.0, validator=_span, kw_only=True)


Act = Answers | Taps | Reacts | Stops
_ACTS: Final[Mapping[str, type[Act]]] = {"answers": Answers, "taps": Taps, "reacts": Reacts, "stops": Stops}
_FIRST_WORD: Final[Mapping[str, str]] = {"answers": "text", "taps": "label", "reacts": "emoji", "stops": "text"}


@attrs.frozen(kw_only=True)
class Habit:
    """
    What the person with the number or id *to*, everybody on *channel*, or everybody does with a message.

    Of several *acts* a person does at most one to a message, so their shares add up to at most 1.

    Raises:
        ConfigurationError: they add up to more, or people do not write on *channel*.
    """

    to: str | None = attrs.field(default=None, validator=_optional_text, repr=lambda to: to and masked(to))
    channel: str | None = attrs.field(default=None, validator=_optional_text)
    """As in v1."""
    reads: Reads | None = None
    """``None``: as ``Delivery`` says."""
    acts: tuple[Act, ...] = ()

    def __attrs_post_init__(self) -> None:
        if self.channel is not None and self.channel not in CHANNELS:
            raise ConfigurationError(f"people write on {', '.join(sorted(CHANNELS))}; not on {self.channel!r}")
        if sum(act.share for act in self.acts) > 1 + _ROUNDING:
            raise ConfigurationError("a person does one thing to a message: the shares add up to more than 1")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Habit:
        """
        Read a habit from JSON or TOML.

        ::

            {"channel": "whatsapp", "reads": {"after": 3}, "answers": {"text": "YES", "share": 0.2, "after": 5}}

        The members are ``to``, ``channel``, ``reads``, ``answers``, ``taps``, ``reacts`` and ``stops``; each of the
        last four is a table or a list of tables.

        Raises:
            ConfigurationError: a member is none of these, or its value cannot be.
        """
        unknown = set(mapping) - {"to", "channel", "reads", *_ACTS}
        if unknown:
            raise ConfigurationError(f"a habit has no {', '.join(sorted(unknown))}")
        reads = mapping.get("reads")
        return cls(
            to=mapping.get("to"),
            channel=mapping.get("channel"),
            reads=None if reads is None else _made(Reads, "reads", reads),
            acts=tuple(_made(_ACTS[name], name, each) for name in _ACTS for each in _listed(mapping.get(name))),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Give the habit as ``from_mapping`` reads it."""
        mapping: dict[str, Any] = {name: getattr(self, name) for name in ("to", "channel") if getattr(self, name)}
        if self.reads is not None:
            mapping["reads"] = attrs.asdict(self.reads)
        for name, kind in _ACTS.items():
            acts = [attrs.asdict(act) for act in self.acts if isinstance(act, kind)]
            if acts:
                mapping[name] = acts
        return mapping


@attrs.frozen(kw_only=True)
class Deed:
    """What a person writes because of a message: *message_type* and *fields* of the inbound message."""

    after: Seconds
    """Since the message was read."""
    message_type: str
    fields: Mapping[str, Any]
    quotes: bool
    """It names the message that it answers, where the channel can."""


class People:
    """The habits of the people behind the simulator. The most precise one counts; a later one replaces its equal."""

    def __init__(self) -> None:
        self._habits: dict[tuple[str | None, str | None], Habit] = {}

    def __repr__(self) -> str:
        return f"<People: {len(self)}>"

    def __len__(self) -> int:
        return len(self._habits)

    def __iter__(self) -> Iterator[Habit]:
        return iter(list(self._habits.values()))

    def add(self, *does: Reads | Act | Habit, to: str | None = None, channel: str | None = None) -> Habit:
        """
        Let somebody have a habit: the person with the number or id *to*, everybody on *channel*, or everybody.

        ::

            simulator.people.add(Reads(after=3), Answers("YES", share=0.2, after=5))
            simulator.people.add(Stops(), to="447700900000")

        A ``Habit`` that is made already is taken as it is.

        Raises:
            ConfigurationError: the shares add up to more than 1, somebody reads in two ways, or 10,000 have habits.
        """
        habit = _one_habit(does, to, channel)
        key = (habit.to, habit.channel)
        if key not in self._habits and len(self) >= _MOST_HABITS:
            raise ConfigurationError(f"{_MOST_HABITS} people have habits already")
        self._habits[key] = habit
        return habit

    def clear(self) -> None:
        """Let nobody have a habit any more."""
        self._habits.clear()

    def remove(self, habit: Habit) -> None:
        """Let *habit* be given up; one that nobody has is ignored."""
        self._habits.pop((habit.to, habit.channel), None)

    def of(self, to: str, channel: str) -> Habit | None:
        """Find the habit that counts for a message; *channel* is named as in v1."""
        if not self._habits:
            return None
        for key in ((to, channel), (to, None), (None, channel), (None, None)):
            if key in self._habits:
                return self._habits[key]
        return None


def read_after(habit: Habit, draws: Draws) -> Seconds | None:
    """Decide how long the person takes to read a message: for ever (``math.inf``) where they do not."""
    if habit.reads is None:
        return None
    return habit.reads.after if draws.happens(habit.reads.share) else math.inf


def deed(habit: Habit, draws: Draws, channel: str, payload: Mapping[str, Any]) -> Deed | None:
    """Decide what the person does with a message that was read; *payload* is its body, *channel* named as in v1."""
    drawn = draws.share()
    for act in habit.acts:
        if drawn < act.share:
            return _deed(act, draws, channel, payload)
        drawn -= act.share
    return None


def _deed(act: Act, draws: Draws, channel: str, payload: Mapping[str, Any]) -> Deed | None:
    match act:
        case Answers():
            return Deed(after=act.after, message_type="text", fields={"text": act.text}, quotes=True)
        case Stops():
            return Deed(after=act.after, message_type="text", fields={"text": act.text}, quotes=False)
        case Reacts() if channel == "whatsapp":
            reaction = {"reaction": {"action": "react", "emoji": act.emoji}}
            return Deed(after=act.after, message_type="reaction", fields=reaction, quotes=True)
        case Taps():
            offered = [each for each in offers(channel, payload) if act.label in (None, each.label)]
            if not offered:
                return None
            chosen = offered[int(draws.share() * len(offered))]
            return Deed(after=act.after, message_type=chosen.message_type, fields=chosen.fields, quotes=True)
        case _:
            return None


def _one_habit(does: tuple[Reads | Act | Habit, ...], to: str | None, channel: str | None) -> Habit:
    if len(does) == 1 and isinstance(does[0], Habit) and to is None and channel is None:
        return does[0]
    reads = [each for each in does if isinstance(each, Reads)]
    acts = tuple(each for each in does if isinstance(each, Answers | Taps | Reacts | Stops))
    if len(reads) > 1 or len(reads) + len(acts) != len(does):
        raise ConfigurationError("a habit is at most one Reads, and any of Answers, Taps, Reacts and Stops")
    return Habit(to=to, channel=channel, reads=reads[0] if reads else None, acts=acts)


def _made(kind: type[Any], name: str, value: object) -> Any:
    known = {field.name for field in attrs.fields(kind)}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{name} must be a table such as {{ {_FIRST_WORD.get(name, 'after')} = … }}, not {value!r}"
        )
    unknown = set(value) - known
    if unknown:
        raise ConfigurationError(f"{name} has no {', '.join(sorted(unknown))}")
    if kind is Answers and "text" not in value:
        raise ConfigurationError("answers must have a text")
    return kind(**value)


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
