"""
Hours in which nobody is written to, by the clock of the recipient.

The zone of a number comes from the library phonenumbers (extra ``[phone]``). A number may belong to several zones: it
is quiet when it is quiet in any of them, so that nobody is woken. Numbers are ported and people travel: the zone is
where the number comes from, not where its owner is. ``now`` is a parameter: nothing here looks at a clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from vonage_messages.errors import ConfigurationError, MissingExtraError
from vonage_messages.values import E164

if TYPE_CHECKING:
    from types import ModuleType

HOLD = "hold"
SEND = "send"

_SPAN = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*[-\u2013]\s*([0-9]{1,2}):([0-9]{2})\s*")
_UNKNOWN = "Etc/Unknown"
_HORIZON = timedelta(days=2)
"""Zones without a common waking hour within two days have none at all."""

_INSTALL = "pip install 'vonage-messages-async[phone]'"
_DAY = timedelta(days=1)
_LAST_HOUR = 23
_LAST_MINUTE = 59


def _zone_or_policy(_quiet: object, _field: object, value: str) -> None:
    if value not in {HOLD, SEND}:
        _zone(value)


@attrs.frozen(kw_only=True)
class QuietHours:
    """
    From *begin* until *end* on the recipient's wall clock; *begin* later than *end* means over midnight.

    ``QuietHours.parse("21:00-08:00")``

    ``unknown_zone`` says what becomes of recipients whose zone is not known (e-mail addresses, ids, numbers that
    are none), and of numbers whose zones share no waking hour (a toll-free number of the whole of North America):
    ``"hold"`` never sends to them, ``"send"`` always does, and the name of a zone such as ``"Europe/London"`` takes
    them to live there.

    Raises:
        ConfigurationError: *begin* is *end*, or has a zone of its own; there is no such zone.
        MissingExtraError: there are no time zone data at all.
    """

    begin: time
    end: time
    unknown_zone: str = attrs.field(default=HOLD, validator=_zone_or_policy)

    def __attrs_post_init__(self) -> None:
        if self.begin == self.end:
            raise ConfigurationError("quiet hours must end at another time than they begin at")
        if self.begin.tzinfo is not None or self.end.tzinfo is not None:
            raise ConfigurationError("quiet hours are those of the recipient's clock: give times without a zone")

    @classmethod
    def parse(cls, text: str, *, unknown_zone: str = HOLD) -> QuietHours:
        """
        Read quiet hours such as ``21:00-08:00``; ``24:00`` is midnight.

        Raises:
            ConfigurationError: *text* is not of this form, or there is no such zone.
            MissingExtraError: there are no time zone data at all.
        """
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ConfigurationError(f"quiet hours are written like 21:00-08:00, not {text!r}")
        begin, end = (_time(int(hour), int(minute), text) for hour, minute in (match.groups()[:2], match.groups()[2:]))
        return cls(begin=begin, end=end, unknown_zone=unknown_zone)

    def is_quiet(self, to: str, now: datetime) -> bool:
        """
        Tell whether *to* must not be written to at *now*, an aware datetime.

        Raises:
            ValueError: *now* has no zone.
            MissingExtraError: the extra ``[phone]`` is not installed.
        """
        allowed = self.next_allowed(to, now)
        return allowed is None or allowed > now

    def next_allowed(self, to: str, now: datetime) -> datetime | None:
        """
        Give the first instant from *now* on at which *to* may be written to, in UTC; ``None`` for: never.

        It is *now* itself outside quiet hours. Where the clock is put forward over the end of them, they last as long
        as if it had not been.

        Raises:
            ValueError: *now* has no zone.
            MissingExtraError: the extra ``[phone]`` is not installed.
        """
        if now.tzinfo is None:
            raise ValueError("now must be a datetime with a zone")
        instant = now.astimezone(UTC)
        zones = zones_of(to)
        allowed = self._next_common(zones, instant) if zones and all(map(_is_known, zones)) else None
        if allowed is not None:
            return allowed
        if self.unknown_zone == HOLD:
            return None
        return instant if self.unknown_zone == SEND else self._next_common((self.unknown_zone,), instant)

    def _next_common(self, zones: Sequence[str], now: datetime) -> datetime | None:
        """Go from the end of one zone's quiet hours to that of the next, until it is quiet in none."""
        instant = now
        while instant <= now + _HORIZON:
            ends = [end for zone in zones if (end := self._end_of_quiet(_zone(zone), instant)) is not None]
            if not ends:
                return instant
            instant = max(ends)
        return None

    def _end_of_quiet(self, zone: ZoneInfo, instant: datetime) -> datetime | None:
        """Give the end of the quiet hours in which *instant* lies in *zone*; ``None``: it lies in none."""
        local = instant.astimezone(zone)
        clock = local.time()
        over_midnight = self.begin > self.end
        # After its begin, or before its end; over midnight one of them is enough.
        after_begin, before_end = clock >= self.begin, clock < self.end
        if not (after_begin or before_end if over_midnight else after_begin and before_end):
            return None
        day = local.date() + _DAY if over_midnight and after_begin else local.date()
        return _first_after(instant, day, self.end, zone)


def zones_of(to: str) -> tuple[str, ...]:
    """
    List the time zones a number may belong to, such as ``("Europe/Berlin",)``; none for what is no valid number.

    *to* is a recipient as messages write it: digits with the country code, without ``+``.

    Raises:
        MissingExtraError: the extra ``[phone]`` is not installed.
    """
    phonenumbers, timezone = _libraries()
    if not E164.fullmatch(to):
        return ()
    try:
        number = phonenumbers.parse("+" + to)
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in timezone.time_zones_for_number(number) if zone != _UNKNOWN)


def _first_after(instant: datetime, day: date, clock: time, zone: ZoneInfo) -> datetime:
    """
    Find when *zone* shows *clock* on *day*, after *instant*.

    Where the clock is put back, it shows it twice; when the first time is over, it is the second one.
    """
    first = datetime.combine(day, clock.replace(fold=0), zone).astimezone(UTC)
    return first if first > instant else datetime.combine(day, clock.replace(fold=1), zone).astimezone(UTC)


def _time(hour: int, minute: int, text: str) -> time:
    if (hour, minute) == (_LAST_HOUR + 1, 0):
        return time(0)
    if hour > _LAST_HOUR or minute > _LAST_MINUTE:
        raise ConfigurationError(f"quiet hours are written like 21:00-08:00, not {text!r}")
    return time(hour, minute)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of the data
        if _has_zone_data():
            raise ConfigurationError(f"there is no time zone {name!r}: write one such as Europe/London") from None
    raise MissingExtraError(f"Quiet hours need time zone data: {_INSTALL}")


@lru_cache(maxsize=1024)
def _is_known(name: str) -> bool:
    """Tell whether the data of this machine, which may be older than phonenumbers, have a zone."""
    try:
        _zone(name)
    except MissingExtraError:
        raise
    except ConfigurationError:
        return False
    return True


def _has_zone_data() -> bool:
    try:
        ZoneInfo("Europe/London")
    except ZoneInfoNotFoundError:
        return False
    return True


@lru_cache(maxsize=1)
def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import phonenumbers  # noqa: PLC0415  an extra, and its data are large
        from phonenumbers import timezone  # noqa: PLC0415  see above
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Quiet hours by the recipient's zone need phonenumbers: {_INSTALL}") from error
    return phonenumbers, timezone
