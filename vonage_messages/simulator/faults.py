"""
What goes wrong on purpose: which request, answer or callback is hit, and by what. Pure: a seed, and no clock or socket.

A fault is placed, and from then on it strikes whatever it selects, with its probability, as often as it may. Whether it
strikes the *n*-th thing that it selects follows from the seed and the number of the fault, whatever other faults there
are: a run can be repeated. How a connection is broken is said in ``injection.py``; who signs a callback wrongly, in
``callbacks.py``.
"""

from __future__ import annotations

import math
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from vonage_messages.errors import ConfigurationError
from vonage_messages.values import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vonage_messages.values import Seconds

LONGEST: Final[Seconds] = 24 * 60 * 60.0
"""The longest delay; the platform itself gives a callback up after a day."""
MOST_FAULTS: Final = 10_000


class FaultKind(StrEnum):
    """What can go wrong; ``MEANINGS`` says each in a sentence."""

    THROTTLE = "throttle"
    LOW_BALANCE = "low_balance"
    ERROR = "error"
    ERROR_AFTER_ACCEPTING = "error_after_accepting"
    SLOW = "slow"
    RESET_BEFORE_READING = "reset_before_reading"
    RESET_AFTER_ACCEPTING = "reset_after_accepting"
    RESET_IN_ANSWER = "reset_in_answer"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    TRUNCATED_JSON = "truncated_json"
    CALLBACK_DELAY = "callback_delay"
    CALLBACK_DUPLICATE = "callback_duplicate"
    CALLBACK_REORDER = "callback_reorder"
    CALLBACK_UNSIGNED = "callback_unsigned"
    CALLBACK_WRONG_SIGNATURE = "callback_wrong_signature"


class Moment(StrEnum):
    """When it is asked whether a fault strikes."""

    REQUEST = "request"
    """The caller is known, and the body is not read yet. Nothing is selected by what stands in it."""
    MESSAGE = "message"
    """The message or update is known and right: where a fault of ``REQUEST`` selects by what stands in the body."""
    PAYMENT = "payment"
    """The message is right, and is about to be paid for."""
    ACCEPTED = "accepted"
    """The message or update was accepted, and is about to be answered with 202."""
    ANSWER = "answer"
    """Any answer, 202 or not, is about to leave."""
    STATUSES = "statuses"
    """What becomes of a message is being made up."""
    CALLBACK = "callback"
    """A callback is about to be sent for the first time."""
    TRY = "try"
    """A callback is about to be signed: asked again for every repetition."""


@attrs.frozen
class _Nature:
    moment: Moment
    seconds: Seconds | None
    """What ``Fault.seconds`` is where it is not given; ``None``: this kind has none."""
    meaning: str


_NATURES: Final[Mapping[FaultKind, _Nature]] = MappingProxyType(
    {
        FaultKind.THROTTLE: _Nature(Moment.REQUEST, 1.0, "429, with Retry-After: seconds"),
        FaultKind.LOW_BALANCE: _Nature(Moment.PAYMENT, None, "402, the balance does not pay for the message"),
        FaultKind.ERROR: _Nature(Moment.REQUEST, None, "500 (or the status given), nothing was accepted"),
        FaultKind.ERROR_AFTER_ACCEPTING: _Nature(
            Moment.ACCEPTED, None, "500 (or the status given), although the message was accepted"
        ),
        FaultKind.SLOW: _Nature(Moment.ANSWER, 5.0, "The answer comes after so many seconds of real time"),
        FaultKind.RESET_BEFORE_READING: _Nature(
            Moment.REQUEST, None, "The connection is reset before the message is read"
        ),
        FaultKind.RESET_AFTER_ACCEPTING: _Nature(
            Moment.ACCEPTED, None, "The message is accepted, and the connection reset before the answer"
        ),
        FaultKind.RESET_IN_ANSWER: _Nature(Moment.ANSWER, None, "The connection is reset in the middle of the answer"),
        FaultKind.WRONG_CONTENT_TYPE: _Nature(Moment.ANSWER, None, "The answer says that it is text/html"),
        FaultKind.TRUNCATED_JSON: _Nature(Moment.ANSWER, None, "The answer ends in the middle of its JSON"),
        FaultKind.CALLBACK_DELAY: _Nature(
            Moment.CALLBACK, 5.0, "A callback leaves so many seconds late, on the simulator's clock"
        ),
        FaultKind.CALLBACK_DUPLICATE: _Nature(Moment.CALLBACK, None, "A callback is sent twice"),
        FaultKind.CALLBACK_REORDER: _Nature(Moment.STATUSES, None, "The statuses of a message leave in another order"),
        FaultKind.CALLBACK_UNSIGNED: _Nature(Moment.TRY, None, "A callback carries no signature"),
        FaultKind.CALLBACK_WRONG_SIGNATURE: _Nature(Moment.TRY, None, "A callback is signed with another secret"),
    }
)

MEANINGS: Final[Mapping[str, str]] = MappingProxyType({kind: nature.meaning for kind, nature in _NATURES.items()})
"""Every kind of fault, with a sentence about it."""

TIMED: Final = frozenset(kind for kind, nature in _NATURES.items() if nature.seconds is not None)
"""Those that take ``seconds``."""
CODED: Final = frozenset({FaultKind.ERROR, FaultKind.ERROR_AFTER_ACCEPTING})
"""Those that take ``status``."""
_BREAK_CONNECTIONS: Final = frozenset(
    {FaultKind.RESET_BEFORE_READING, FaultKind.RESET_AFTER_ACCEPTING, FaultKind.RESET_IN_ANSWER}
)


def _kind(value: str) -> FaultKind:
    try:
        return FaultKind(value)
    except ValueError:
        raise ConfigurationError(f"a fault is one of {', '.join(FaultKind)}; not {value!r}") from None


def _masked_if_given(value: str | None) -> str:
    return "None" if value is None else masked(value)


@attrs.frozen(kw_only=True)
class Fault:
    """
    Something that goes wrong, and for whom. What is not given selects everything.

    *channel* is named as in v1. *path* is a shell pattern over the path of the request (of the webhook, for callbacks):
    ``/v0.1/*``. *probability* is the share of what is selected that is struck, *count* how many are struck at most.

    Raises:
        ConfigurationError: there is no such kind, or an option cannot work or does not belong to it.
    """

    kind: FaultKind = attrs.field(converter=_kind)
    channel: str | None = None
    to: str | None = attrs.field(default=None, repr=_masked_if_given)
    from_: str | None = attrs.field(default=None, repr=_masked_if_given)
    path: str | None = None
    probability: float = attrs.field(default=1.0)
    count: int | None = attrs.field(default=None)
    """``None``: without end."""
    seconds: Seconds | None = attrs.field(default=None)
    """Of ``throttle`` (what Retry-After says, in whole seconds), ``slow`` and ``callback_delay``."""
    status: int | None = attrs.field(default=None)
    """Of ``error`` and ``error_after_accepting``: 500 to 599."""
    clean: bool = False
    """Of what breaks a connection: it is closed in good order (FIN), and not reset (RST)."""

    @probability.validator
    def _share(self, _field: attrs.Attribute[float], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ConfigurationError(f"probability must be 0 to 1, not {value!r}")

    @count.validator
    def _positive(self, _field: attrs.Attribute[int | None], value: object) -> None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigurationError(f"count must be 1 or more, or None, not {value!r}")

    @seconds.validator
    def _span(self, _field: attrs.Attribute[float | None], value: object) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST:
            raise ConfigurationError(f"seconds must be 0 to {LONGEST:g}, not {value!r}")

    @status.validator
    def _server_error(self, _field: attrs.Attribute[int | None], value: object) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not 500 <= value <= 599:  # noqa: PLR2004  5xx
            raise ConfigurationError(f"status must be 500 to 599, not {value!r}")

    def __attrs_post_init__(self) -> None:
        kind = self.kind
        if self.seconds is not None and kind not in TIMED:
            raise ConfigurationError(f"{kind} takes no seconds")
        if self.status is not None and kind not in CODED:
            raise ConfigurationError(f"{kind} takes no status")
        if self.clean and kind not in _BREAK_CONNECTIONS:
            raise ConfigurationError(f"{kind} breaks no connection, so it takes no clean")

    @property
    def moment(self) -> Moment:
        """When it is asked whether this fault strikes."""
        moment = _NATURES[self.kind].moment
        return Moment.MESSAGE if moment is Moment.REQUEST and self._selects_by_the_message else moment

    @property
    def span(self) -> Seconds:
        """``seconds``, or what they are where they are not given; 0 for a kind that has none."""
        return self.seconds if self.seconds is not None else (_NATURES[self.kind].seconds or 0.0)

    def selects(self, target: Target) -> bool:
        """Tell whether *target* is what this fault is for."""
        return (
            (self.channel is None or self.channel == target.channel)
            and (self.to is None or self.to == target.to)
            and (self.from_ is None or self.from_ == target.from_)
            and (self.path is None or fnmatchcase(target.path, self.path))
        )

    @property
    def _selects_by_the_message(self) -> bool:
        return not (self.channel is None and self.to is None and self.from_ is None)


@attrs.frozen(kw_only=True)
class Target:
    """What a fault may strike: a request, its answer, or a callback. ``None`` is what is not known of it."""

    path: str
    channel: str | None = None
    """As in v1."""
    to: str | None = attrs.field(default=None, repr=_masked_if_given)
    from_: str | None = attrs.field(default=None, repr=_masked_if_given)


@attrs.frozen(kw_only=True)
class PlacedFault:
    """A fault that was added, and what it did so far."""

    number: int
    """Its name for ``remove``; counts from 1."""
    fault: Fault
    struck: int = 0
    """How often it struck."""

    @property
    def spent(self) -> bool:
        """It has struck as often as it may."""
        return self.fault.count is not None and self.struck >= self.fault.count


class Faults:
    """
    The faults of one simulator, in the order in which they were added.

    ::

        simulator.faults.add("throttle", to="447700900000", count=3)
        simulator.faults.add("reset_after_accepting", channel="sms", probability=0.1)
        simulator.faults.clear()

    *seed* decides which of the selected are struck where that is left to chance. *on_change* is called after every
    change by hand, and when a fault is spent.
    """

    def __init__(self, seed: int = 0, on_change: Callable[[], object] = lambda: None) -> None:
        self.seed = seed
        self._on_change = on_change
        self._placed: dict[int, PlacedFault] = {}
        self._chances: dict[int, Random] = {}
        self._last = 0

    def __repr__(self) -> str:
        return f"<Faults: {', '.join(placed.fault.kind for placed in self) or 'none'}>"

    def __iter__(self) -> Iterator[PlacedFault]:
        return iter(list(self._placed.values()))

    def __len__(self) -> int:
        return len(self._placed)

    def add(self, fault: Fault | str, **options: Any) -> PlacedFault:
        """
        Let something go wrong from now on: a ``Fault``, or a kind and the options of one.

        Raises:
            ConfigurationError: there is no such kind, an option cannot work, or there are 10,000 faults.
        """
        if len(self) >= MOST_FAULTS:
            raise ConfigurationError(f"there are {MOST_FAULTS} faults already: clear some first")
        if not isinstance(fault, Fault):
            fault = Fault(kind=fault, **options)
        elif options:
            fault = attrs.evolve(fault, **options)
        self._last += 1
        placed = PlacedFault(number=self._last, fault=fault)
        self._placed[placed.number] = placed
        self._chances[placed.number] = Random(f"{self.seed}/{placed.number}")  # noqa: S311  a repeatable run, no secret
        self._on_change()
        return placed

    def get(self, number: int) -> PlacedFault | None:
        """Find a fault by its number."""
        return self._placed.get(number)

    def remove(self, number: int) -> bool:
        """Take a fault away, and tell whether there was one of that *number*."""
        if self._placed.pop(number, None) is None:
            return False
        del self._chances[number]
        self._on_change()
        return True

    def clear(self) -> None:
        """Let nothing go wrong any more. Numbers begin at 1 again, so that the next run is like the first."""
        changed = bool(self._placed)
        self._placed.clear()
        self._chances.clear()
        self._last = 0
        if changed:
            self._on_change()

    def first(self, moment: Moment, target: Target) -> Fault | None:
        """Give the first fault that strikes *target* at *moment*; those behind it are not asked."""
        return next(self._striking(moment, target), None)

    def all(self, moment: Moment, target: Target) -> list[Fault]:
        """Give every fault that strikes *target* at *moment*."""
        return list(self._striking(moment, target))

    def _ready(self, moment: Moment) -> Iterator[PlacedFault]:
        return (placed for placed in self if placed.fault.moment is moment and not placed.spent)

    def _striking(self, moment: Moment, target: Target) -> Iterator[Fault]:
        if not self._placed:
            return
        for placed in self._ready(moment):
            if not placed.fault.selects(target) or not self._chance(placed):
                continue
            struck = attrs.evolve(placed, struck=placed.struck + 1)
            self._placed[placed.number] = struck
            if struck.spent:
                self._on_change()
            yield placed.fault

    def _chance(self, placed: PlacedFault) -> bool:
        """Draw once for everything that is selected, so that what is struck does not depend on the probability."""
        return self._chances[placed.number].random() < placed.fault.probability


def whole_seconds(span: Seconds) -> int:
    """Give *span* as a header can say it."""
    return math.ceil(span)
