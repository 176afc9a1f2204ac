"""
How long a campaign takes, before anything is sent: ``plan``.

The arithmetic is that of a queue (``limits.schedule`` over ``limits.state``), run on a virtual clock: there are as many
connections as it takes, every answer comes at once, and nothing is refused. So the plan is the shortest time that the
limits allow. What the messages cost is in ``vonage_messages.pricing``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.enums import ChannelType
from vonage_messages.channels.sms_text import text_and_encoding
from vonage_messages.errors import ConfigurationError
from vonage_messages.limits.buckets import SLICES, Bucket, Gate
from vonage_messages.limits.levels import Limit, Limits, as_limits, own_levels, shared_levels, shown
from vonage_messages.limits.places import Place, Priority
from vonage_messages.limits.rate import Rate
from vonage_messages.limits.schedule import Schedule
from vonage_messages.limits.state import ACCOUNT, LimitState
from vonage_messages.segmentation import segments
from vonage_messages.values import Seconds

BUSIEST: Final = 5
"""How many keys of each level a plan names."""

MOST_COUNTED: Final = 100_000
"""
How many pairs, and as many senders, are counted at a time, some 20 MB of them. Where there are more, the half with the
fewest messages is forgotten and counted anew when it comes again: the busiest may then be a few short.
"""

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@attrs.frozen(kw_only=True)
class Load:
    """How much one limit, or one sender or channel without a limit of its own, has to carry."""

    key: str = attrs.field(repr=lambda key: repr(shown(key)))
    """What it is: ``account``, ``channel sms``, ``sender whatsapp/14155550100``, ``pair whatsapp/14…/44…``."""

    messages: int
    """How many messages fall under it."""

    duration: Seconds
    """How long it alone would need for them; 0 where nothing limits it."""

    def __str__(self) -> str:
        needs = f", {_span(self.duration)}" if self.duration else ""
        return f"{shown(self.key)}: {self.messages:,}{needs}"


@attrs.frozen(kw_only=True)
class Plan:
    """
    What ``plan`` found. ``str`` gives it in a few lines, with whoever it names masked::

        10,000 messages (12,400 SMS segments) in 5 min 33 s; 9,999 have to wait
          account: 10,000, 5 min 33 s
          channel sms: 10,000
          sender 14*******00: 200, 3 min 19 s
    """

    messages: int
    duration: Seconds
    """From the first message to the last."""

    segments: int
    """In how many parts the SMS among them are sent, and charged."""

    waits: int
    """How many cannot leave at once, with the first."""

    busiest: Mapping[str, tuple[Load, ...]]
    """
    By level (``account``, ``channel``, ``sender``, ``prefix``, ``pair``) the keys with most to carry, those first that
    need longest. Levels under which no message falls are missing. Of several limits of one key each stands by itself.
    """

    def __str__(self) -> str:
        parts = f" ({self.segments:,} SMS segments)" if self.segments else ""
        lines = [f"{self.messages:,} messages{parts} in {_span(self.duration)}; {self.waits:,} have to wait"]
        lines += [f"  {loads[0]}" for loads in self.busiest.values()]
        return "\n".join(lines)


def plan(messages: Iterable[Message], limits: Limits | None = None, *, window: int = 10_000) -> Plan:
    """
    Work out how long *messages* take under *limits*, by default those that are published. Nothing is sent.

    ::

        estimate = plan(newsletters, Limits(account=Rate(30), senders={"14155550100": Rate(1)}))
        estimate.duration, estimate.segments, estimate.busiest["sender"][0]
        print(estimate)

    *messages* are read one after the other, and none is kept longer than it would wait: at most *window* at a time, as
    in ``SendQueue.map``. Where so many wait for the same slow sender, those behind them wait with them.

    Rates begin with their burst spent, as in a queue that knows nothing of what was sent before; caps begin unused.
    Of a failover chain the first message counts. A ``RawMessage`` for SMS whose text or encoding is not found has one
    segment.

    Raises:
        TypeError: *messages* is no ordinary iterable, or holds something that is no message.
        ConfigurationError: *limits* are none, or *window* is no whole number above 0.
    """
    _check_window(window)
    campaign = _Campaign(_checked(limits), window)
    for message in messages:
        campaign.add(message)
    return campaign.plan()


def _checked(limits: object) -> Limits:
    if limits is None:
        return Limits.published()
    if not isinstance(limits, Limits):
        raise ConfigurationError(f"limits must be Limits, not {type(limits).__name__}.")
    return limits


def _check_window(window: object) -> None:
    if not isinstance(window, int) or isinstance(window, bool) or window < 1:
        raise ConfigurationError(f"window must be a whole number of 1 or more, not {window!r}.")


class _Kind:
    """Messages of one channel, type and sender: they share every limit that does not depend on the recipient."""

    __slots__ = ("by_recipient", "gates", "is_sms", "loads", "messages")

    def __init__(self, message: Message, limits: Limits, gates: tuple[Gate, ...]) -> None:
        named = dict(shared_levels(limits, message))
        self.gates = gates[: len(named)]
        """Those that they share."""
        self.loads = {**named, **_unlimited(message, named)}
        """What they are counted under: the limits of these gates, or channel and sender as such."""
        self.by_recipient = bool(limits.prefixes) or any(own_levels(limits, message))
        """Whether there are others; with prefixes that is seen from the recipient only."""
        self.is_sms = message.channel == ChannelType.SMS
        self.messages = 0


class _Campaign:
    """Messages on their way through a schedule, on a virtual clock that begins at 0."""

    def __init__(self, limits: Limits, window: int) -> None:
        self._limits = limits
        self._window = window
        self._state = LimitState(limits, 0.0)
        self._schedule = Schedule(self._state)
        self._now: Seconds = 0.0
        self._messages = self._segments = self._waits = 0
        self._kinds: dict[tuple[str, str, str], _Kind] = {}
        self._shared = _Counts()
        self._pairs = _Counts()
        self._prefixes = _Counts()

    def add(self, message: Message) -> None:
        """Count *message*, and let it leave or wait."""
        if not isinstance(message, Message):
            raise TypeError(f"a message such as Sms(…) is needed, not {type(message).__name__}")
        key = (message.channel, message.message_type, message.from_)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._new_kind(key, message)
        self._messages += 1
        kind.messages += 1
        if kind.is_sms:
            self._segments += _segments_of(message)
        gates = kind.gates
        if kind.by_recipient:
            gates = self._state.gates(message)
            self._count_recipient(gates[len(kind.gates) :])
        if self._schedule.waiting or not self._leaves(gates):
            self._let_wait(message)
        if kind.by_recipient:
            self._schedule.sweep(self._now)

    def plan(self) -> Plan:
        """Let everybody leave who still waits, and tell what was found."""
        while self._schedule.waiting:  # ends: each pass lets one leave
            self._let_one_leave()
        self._forget_kinds()
        return Plan(
            messages=self._messages,
            duration=self._now,
            segments=self._segments,
            waits=self._waits,
            busiest=self._busiest(),
        )

    def _leaves(self, gates: tuple[Gate, ...]) -> bool:
        """
        Let a message that is alone in line leave, if no limit but the account's makes it wait.

        The schedule would do the same: nobody is before it, and who comes later comes later. It is spared the place in
        line, because that costs three times as much.
        """
        account = self._state.account
        when = self._now
        for gate in account:
            when = max(when, gate.ready)
        for gate in gates:
            if gate.ready > when:
                return False
        for gate in account:
            gate.spend(when)
        for gate in gates:
            gate.spend(when)
        self._now = when
        self._waits += when > 0.0
        return True

    def _let_wait(self, message: Message) -> None:
        while self._schedule.waiting >= self._window:  # ends: each pass lets one leave
            self._let_one_leave()
        self._schedule.add(Place(message, Priority.NORMAL, self._now))

    def _let_one_leave(self) -> None:
        """Move the clock to the next instant at which somebody may leave."""
        schedule = self._schedule
        while (place := schedule.take(self._now)) is None:  # ends: somebody waits, and every limit opens in the end
            self._now = schedule.next_time(self._now)
        schedule.settle(place)
        self._waits += self._now > 0.0

    def _new_kind(self, key: tuple[str, str, str], message: Message) -> _Kind:
        if len(self._kinds) >= MOST_COUNTED:
            self._forget_kinds()
        kind = self._kinds[key] = _Kind(message, self._limits, self._state.gates(message))
        return kind

    def _count_recipient(self, gates: Iterable[Gate]) -> None:
        for gate in gates:
            counts = self._pairs if gate.key.startswith("pair ") else self._prefixes
            counts.add(gate.key, 1, gate.rate if isinstance(gate, Bucket) else gate.cap)

    def _forget_kinds(self) -> None:
        """Put what was counted by kind where it is counted by key."""
        for kind in self._kinds.values():
            for key, limit in kind.loads.items():
                self._shared.add(key, kind.messages, limit)
        self._kinds.clear()

    def _busiest(self) -> Mapping[str, tuple[Load, ...]]:
        if not self._messages:
            return {}
        account: list[tuple[str, int, Limit | None]] = [
            (ACCOUNT if number == 1 else f"{ACCOUNT} #{number}", self._messages, limit)
            for number, limit in enumerate(as_limits(self._limits.account), start=1)
        ]
        levels = {
            "account": account,
            "channel": [each for each in self._shared if each[0].startswith("channel ")],
            "sender": [each for each in self._shared if each[0].startswith("sender ")],
            "prefix": [*self._prefixes],
            "pair": [*self._pairs],
        }
        return {level: _longest(counts) for level, counts in levels.items() if counts}


class _Counts:
    """How many messages fall under each key, of at most ``MOST_COUNTED`` keys at a time."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, Limit | None]] = {}

    def __iter__(self) -> Iterator[tuple[str, int, Limit | None]]:
        return ((key, messages, limit) for key, (messages, limit) in self._counts.items())

    def add(self, key: str, messages: int, limit: Limit | None) -> None:
        """Count *messages* more under *key*."""
        counts = self._counts
        before = counts.get(key)
        counts[key] = (messages if before is None else before[0] + messages, limit)
        if len(counts) > MOST_COUNTED:
            busiest = sorted(counts.items(), key=lambda each: each[1][0], reverse=True)
            self._counts = dict(busiest[: MOST_COUNTED // 2])


def _unlimited(message: Message, named: Iterable[str]) -> Mapping[str, None]:
    """Name channel and sender of *message* where no limit does."""
    levels = {each.partition(" ")[0] for each in named}
    missing: dict[str, None] = {}
    if message.channel and "channel" not in levels:
        missing[f"channel {message.channel}"] = None
    if message.from_ and "sender" not in levels:
        missing[f"sender {message.channel}/{message.from_}"] = None
    return missing


def _longest(counts: Iterable[tuple[str, int, Limit | None]]) -> tuple[Load, ...]:
    """Choose those that need longest, and of those that need no time those with most messages."""
    needs = ((-_alone(messages, limit), -messages, key) for key, messages, limit in counts)
    return tuple(
        Load(key=key, messages=-messages, duration=abs(duration))
        for duration, messages, key in heapq.nsmallest(BUSIEST, needs)
    )


def _alone(messages: int, limit: Limit | None) -> Seconds:
    """Work out how long a limit takes from the first message to the last, as its bucket would; a cap to a slice."""
    if limit is None:
        return 0.0
    if isinstance(limit, Rate):
        return (messages - 1) * limit.interval
    # As many as fit leave at once, and come free again when the slice in which they were counted has left the window.
    return (messages - 1) // limit.n * (limit.per + limit.per / SLICES)


def _segments_of(message: Message) -> int:
    """Count the parts of an SMS; one that does not show its text has one."""
    written = text_and_encoding(message)
    return 1 if written is None else segments(*written).count


def _span(seconds: Seconds) -> str:
    """Write a span for people: ``9 h 15 min 34 s``; below a minute with fractions."""
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{round(seconds, 2):g} s"
    left = round(seconds)
    words = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words)
