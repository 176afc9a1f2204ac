"""
``PumpingAlarm``: notices many messages to one range of numbers in a short time, and leaves it alone if asked to.

Whoever pumps has your sign-up form send messages to numbers from which he earns: rows of numbers that differ in their
last digits only. What the platform itself does against it is told by code 1472 (burst protection).
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from vonage_messages.errors import ConfigurationError, RangePausedError
from vonage_messages.logs import LogEvent, about
from vonage_messages.values import E164, Seconds, is_finite, normalize_number

if TYPE_CHECKING:
    from vonage_messages.channels.base import Message

_LOGGER = logging.getLogger(__name__)
_MOST_LAST_DIGITS: Final = 6


@attrs.frozen(kw_only=True)
class PumpingSuspected:
    """Many messages have gone to one range of numbers."""

    range: str
    """What the numbers begin with, such as ``44770090``."""

    messages: int
    """How many messages to it there were, the one that raised the alarm among them."""

    within: Seconds
    """In how many seconds."""

    paused_for: Seconds | None = None
    """For how many seconds nothing goes there from now on; ``None``: nothing is paused."""


@attrs.define
class _Range:
    """What has gone to the numbers of a range, when; whether that was told, and until when nothing goes there."""

    sent: deque[float]
    told: bool = False
    paused_until: float = 0.0


class PumpingAlarm:
    """
    Watches how many messages go to each range of numbers.

    ::

        alarm = PumpingAlarm(most=30, within=60, on_alarm=tell_somebody, pause=600)
        client = Client(auth, guards=[alarm])

    A range is all numbers that differ in their *last_digits* only: with 4 of them, ten thousand numbers. The message
    that would be more than *most* in *within* seconds raises the alarm: *on_alarm* is called with a
    ``PumpingSuspected``, once until the range has become quiet. With *pause* nothing goes to the range for so many
    seconds, that message included: each is a ``RangePausedError``. Without it everything goes on. Recipients that
    begin with one of *exempt*, and those that are no numbers, are not watched.

    At most *maximum* ranges are remembered, the last ones. *clock* gives seconds, and is never set back. It may be
    shared by the clients and queues of one event loop.

    Raises:
        ConfigurationError: an option cannot work.
    """

    def __init__(  # noqa: PLR0913  every option has a default; they are given by name
        self,
        *,
        most: int = 30,
        within: Seconds = 60.0,
        last_digits: int = 4,
        on_alarm: Callable[[PumpingSuspected], object] | None = None,
        pause: Seconds | None = None,
        exempt: Iterable[str] = (),
        maximum: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_count("most", most)
        _check_count("maximum", maximum)
        _check_span("within", within)
        if pause is not None:
            _check_span("pause", pause)
        if last_digits not in range(1, _MOST_LAST_DIGITS + 1):
            raise ConfigurationError(f"last_digits must be 1 to {_MOST_LAST_DIGITS}, not {last_digits!r}.")
        if on_alarm is not None and not callable(on_alarm):
            raise ConfigurationError(f"on_alarm must be a function, not {type(on_alarm).__name__}.")
        self._most = most
        self._within = within
        self._last_digits = last_digits
        self._on_alarm = on_alarm
        self._pause = pause
        self._exempt = tuple(normalize_number(each) for each in ([exempt] if isinstance(exempt, str) else exempt))
        self._maximum = maximum
        self._clock = clock
        self._ranges: OrderedDict[str, _Range] = OrderedDict()

    def __repr__(self) -> str:
        return f"PumpingAlarm(ranges={len(self._ranges)}, paused={sorted(self.paused)})"

    @property
    def paused(self) -> Mapping[str, Seconds]:
        """The ranges to which nothing goes now, and for how many seconds more."""
        now = self._clock()
        return {name: each.paused_until - now for name, each in self._ranges.items() if each.paused_until > now}

    def resume(self, range: str) -> bool:  # noqa: A002  the word for it
        """Let messages go to a paused range again; tell whether it was paused."""
        found = self._ranges.get(range)
        if found is None or found.paused_until <= self._clock():
            return False
        del self._ranges[range]
        return True

    def admit(self, message: Message, /) -> Callable[[], object] | None:
        """
        Count *message* for the ranges of its recipient and of its failover, and sound the alarm where they are many.

        Raises:
            RangePausedError: nothing goes to that range now.
        """
        names = {self._range_of(each.to) for each in (message, *(message.failover or ()))} - {None}
        now = self._clock()
        watched = [(name, self._watched(name, now)) for name in sorted(filter(None, names))]
        for name, each in watched:
            self._let_pass(name, each, now)
        for _, each in watched:
            each.sent.append(now)
        return (lambda: _take_back(watched, now)) if watched else None

    def _let_pass(self, name: str, watched: _Range, now: float) -> None:
        if watched.paused_until > now:
            raise RangePausedError(name, watched.paused_until - now)
        if len(watched.sent) < self._most:
            watched.told = False
            return
        if self._pause is not None:
            watched.paused_until = now + self._pause
        if not watched.told:
            watched.told = True
            count = len(watched.sent) + 1
            self._tell(PumpingSuspected(range=name, messages=count, within=self._within, paused_for=self._pause))
        if self._pause is not None:
            watched.told = False  # what comes after the pause is another alarm
            watched.sent.clear()
            raise RangePausedError(name, self._pause)

    def _tell(self, suspected: PumpingSuspected) -> None:
        if self._on_alarm is None:
            _LOGGER.warning(
                "%d messages in %g s to numbers that begin with %s",
                suspected.messages,
                suspected.within,
                suspected.range,
                extra=about(LogEvent.PUMPING_SUSPECTED),
            )
            return
        try:
            self._on_alarm(suspected)
        except Exception as error:  # noqa: BLE001  whatever a listener does, messages go on
            _LOGGER.warning("on_alarm raised %s", type(error).__name__, extra=about(LogEvent.LISTENER_FAILED))

    def _watched(self, name: str, now: float) -> _Range:
        """Find the range, without what went there too long ago."""
        watched = self._ranges.get(name)
        if watched is None:
            watched = self._ranges[name] = _Range(deque(maxlen=self._most))
            if len(self._ranges) > self._maximum:
                self._ranges.popitem(last=False)
        self._ranges.move_to_end(name)
        while watched.sent and watched.sent[0] <= now - self._within:
            watched.sent.popleft()
        return watched

    def _range_of(self, to: str) -> str | None:
        number = normalize_number(to)
        if not E164.fullmatch(number) or number.startswith(self._exempt):
            return None
        return number[: -self._last_digits]


def _take_back(watched: Iterable[tuple[str, _Range]], instant: float) -> None:
    """Forget one message of *instant* that was not sent after all."""
    for _, each in watched:
        if instant in each.sent:
            each.sent.remove(instant)


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of 1 or more, not {value!r}.")


def _check_span(name: str, value: object) -> None:
    if not is_finite(value) or value <= 0:
        raise ConfigurationError(f"{name} must be a finite number of seconds above 0, not {value!r}.")
