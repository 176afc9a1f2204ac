"""Quiet hours by the recipient's clock: nobody is woken, and nobody waits longer than that takes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.tzdata import TIMEZONE_DATA

from vonage_messages import ConfigurationError
from vonage_messages.bulk import quiet_hours
from vonage_messages.bulk.quiet_hours import QuietHours, zones_of

BERLIN = "4915112345678"
CALIFORNIA = "14155552671"
NEW_YORK = "12125551234"
AUSTRALIA = "61412345678"
TOLL_FREE = "18005550199"
NIGHT = QuietHours.parse("21:00-08:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def allowed(to: str, now: str, hours: QuietHours = NIGHT) -> str | None:
    found = hours.next_allowed(to, at(now))
    return None if found is None else found.isoformat()


def local_quiet(hours: QuietHours, zone: str, instant: datetime) -> bool:
    """Say it once more, in other words than the code."""
    clock = instant.astimezone(ZoneInfo(zone)).time().replace(fold=0)
    if hours.begin < hours.end:
        return hours.begin <= clock < hours.end
    return not hours.end <= clock < hours.begin


@pytest.mark.parametrize(
    ("to", "zones"),
    [
        (BERLIN, ("Europe/Berlin",)),
        (CALIFORNIA, ("America/Los_Angeles",)),
        (NEW_YORK, ("America/New_York",)),
        ("anna@example.com", ()),
        ("US.13491208655302741918", ()),
        ("123456789012345", ()),
        ("", ()),
        ("0", ()),
        ("999999999999", ()),
    ],
)
def test_zone_is_that_of_the_number(to: str, zones: tuple[str, ...]) -> None:
    assert zones_of(to) == zones


def test_mobile_number_of_a_wide_country_has_all_its_zones() -> None:
    assert {"Australia/Perth", "Australia/Sydney"} <= set(zones_of(AUSTRALIA))


def test_every_zone_of_the_library_has_data() -> None:
    names = {zone for zones in TIMEZONE_DATA.values() for zone in zones} - {"Etc/Unknown"}
    assert len(names) > 200
    assert all(ZoneInfo(name) for name in names)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-15T12:00:00+00:00", "2026-01-15T12:00:00+00:00"),
        ("2026-01-15T19:59:59+00:00", "2026-01-15T19:59:59+00:00"),
        ("2026-01-15T20:00:00+00:00", "2026-01-16T07:00:00+00:00"),
        ("2026-01-15T23:30:00+00:00", "2026-01-16T07:00:00+00:00"),
        ("2026-01-16T06:59:59+00:00", "2026-01-16T07:00:00+00:00"),
        ("2026-01-16T07:00:00+00:00", "2026-01-16T07:00:00+00:00"),
        ("2026-07-15T20:00:00+00:00", "2026-07-16T06:00:00+00:00"),
        ("2026-01-15T15:00:00-05:00", "2026-01-16T07:00:00+00:00"),
    ],
)
def test_night_ends_at_eight_in_berlin(now: str, expected: str) -> None:
    assert allowed(BERLIN, now) == expected
    assert NIGHT.is_quiet(BERLIN, at(now)) == (at(expected) > at(now))


def test_hours_within_a_day_are_quiet_hours_too() -> None:
    siesta = QuietHours.parse("13:00-15:30")
    assert allowed(BERLIN, "2026-01-15T12:30:00+00:00", siesta) == "2026-01-15T14:30:00+00:00"
    assert allowed(BERLIN, "2026-01-15T14:30:00+00:00", siesta) == "2026-01-15T14:30:00+00:00"
    assert allowed(BERLIN, "2026-01-15T23:30:00+00:00", siesta) == "2026-01-15T23:30:00+00:00"


def test_quiet_in_any_zone_is_quiet() -> None:
    # Ten past nine in Sydney, and on the Cocos Islands, whose numbers look alike, twenty to six.
    assert allowed(AUSTRALIA, "2026-07-15T23:10:00+00:00") == "2026-07-16T01:30:00+00:00"
    # Eight in the evening in Perth, ten in Sydney.
    assert NIGHT.is_quiet(AUSTRALIA, at("2026-07-15T12:00:00+00:00"))


def test_clock_that_is_put_forward_shortens_the_night() -> None:
    assert allowed(NEW_YORK, "2026-03-07T22:00:00-05:00") == "2026-03-08T12:00:00+00:00"


def test_clock_that_is_put_back_lengthens_the_night() -> None:
    assert allowed(NEW_YORK, "2026-10-31T22:00:00-04:00") == "2026-11-01T13:00:00+00:00"


def test_end_that_the_clock_skips_comes_when_it_would_have_come() -> None:
    hours = QuietHours.parse("23:00-02:30")
    assert allowed(NEW_YORK, "2026-03-08T01:00:00-05:00", hours) == "2026-03-08T07:30:00+00:00"
    assert not hours.is_quiet(NEW_YORK, at("2026-03-08T07:30:00+00:00"))


def test_end_that_the_clock_shows_twice_ends_two_nights() -> None:
    hours = QuietHours.parse("23:00-01:30")
    assert allowed(NEW_YORK, "2026-11-01T05:15:00+00:00", hours) == "2026-11-01T05:30:00+00:00"
    assert allowed(NEW_YORK, "2026-11-01T05:45:00+00:00", hours) == "2026-11-01T05:45:00+00:00"
    assert allowed(NEW_YORK, "2026-11-01T06:15:00+00:00", hours) == "2026-11-01T06:30:00+00:00"


def test_zones_that_share_a_short_day_wait_for_it() -> None:
    # From the Caribbean to Guam: eight in the morning of the one is six in the evening of the other.
    assert allowed(TOLL_FREE, "2026-01-15T20:30:00+00:00") == "2026-01-15T22:00:00+00:00"


WITHOUT_A_ZONE = [
    ("anna@example.com", "21:00-08:00"),
    ("US.13491208655302741918", "21:00-08:00"),
    ("123456789012345", "21:00-08:00"),
    (TOLL_FREE, "18:00-10:00"),  # no hour of the day is within these hours in none of its zones
]


@pytest.mark.parametrize(("to", "hours"), WITHOUT_A_ZONE)
def test_recipient_without_a_zone_is_held_unless_told_otherwise(to: str, hours: str) -> None:
    quiet = QuietHours.parse(hours)
    assert allowed(to, "2026-01-15T20:30:00+00:00", quiet) is None
    assert quiet.is_quiet(to, at("2026-01-15T20:30:00+00:00"))


@pytest.mark.parametrize(("to", "hours"), WITHOUT_A_ZONE)
def test_recipient_without_a_zone_is_sent_to_where_the_policy_says_so(to: str, hours: str) -> None:
    quiet = QuietHours.parse(hours, unknown_zone="send")
    assert allowed(to, "2026-01-15T02:00:00+00:00", quiet) == "2026-01-15T02:00:00+00:00"
    assert not quiet.is_quiet(to, at("2026-01-15T02:00:00+00:00"))


@pytest.mark.parametrize(("to", "hours"), WITHOUT_A_ZONE)
def test_recipient_without_a_zone_lives_where_the_policy_says(to: str, hours: str) -> None:
    quiet = QuietHours.parse(hours, unknown_zone="Asia/Tokyo")
    end = {"21:00-08:00": "2026-01-15T23:00:00+00:00", "18:00-10:00": "2026-01-16T01:00:00+00:00"}
    assert allowed(to, "2026-01-15T12:00:00+00:00", quiet) == end[hours]


def test_zone_that_the_data_do_not_have_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    # The library may be newer than the zone data of the machine: a number in a zone of tomorrow stops no campaign.
    monkeypatch.setattr(quiet_hours, "zones_of", lambda _: ("Europe/Berlin", "Europe/Tomorrow"))
    assert allowed(BERLIN, "2026-01-15T12:00:00+00:00") is None


def test_zone_of_the_number_goes_before_the_policy() -> None:
    hours = QuietHours.parse("21:00-08:00", unknown_zone="Asia/Tokyo")
    assert allowed(BERLIN, "2026-01-15T12:00:00+00:00", hours) == "2026-01-15T12:00:00+00:00"


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        NIGHT.next_allowed(BERLIN, datetime(2026, 1, 15, 12))  # noqa: DTZ001  this is what is refused


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("21:00-08:00", time(21), time(8)),
        (" 9:05 - 17:30 ", time(9, 5), time(17, 30)),
        ("21:00–8:00", time(21), time(8)),  # noqa: RUF001  a dash that word processors put there
        ("21:00-24:00", time(21), time(0)),
    ],
)
def test_hours_are_read(text: str, begin: time, end: time) -> None:
    assert QuietHours.parse(text) == QuietHours(begin=begin, end=end)


@pytest.mark.parametrize("text", ["", "21-8", "21:00", "21:00-25:00", "21:60-08:00", "24:30-08:00", "9pm-8am"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="written like 21:00-08:00"):
        QuietHours.parse(text)


@pytest.mark.parametrize("text", ["08:00-08:00", "00:00-24:00"])
def test_hours_that_never_end_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="another time"):
        QuietHours.parse(text)


def test_hours_with_a_zone_of_their_own_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="recipient's clock"):
        QuietHours(begin=time(21, tzinfo=UTC), end=time(8))


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../etc/passwd", "Europe"])
def test_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="no time zone"):
        QuietHours.parse("21:00-08:00", unknown_zone=zone)


ZONES = [BERLIN, CALIFORNIA, NEW_YORK, AUSTRALIA, "2348012345678", "9779812345678", "79161234567"]
INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  naive bounds are asked for
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0, fold=0))


@given(st.sampled_from(ZONES), INSTANTS, CLOCKS, CLOCKS)
def test_nobody_is_woken_at_any_time_of_any_day(to: str, now: datetime, begin: time, end: time) -> None:
    if begin == end:
        return
    hours = QuietHours(begin=begin, end=end)
    found = hours.next_allowed(to, now)
    zones = zones_of(to)
    if found is not None:
        assert found >= now
        assert not any(local_quiet(hours, zone, found) for zone in zones)
    # The clock may skip the end, or show it twice: an hour of patience, in either case.
    minutes = range(0, int(((found or now + timedelta(days=2)) - now) / timedelta(minutes=1)) - 60, 7)
    assert all(any(local_quiet(hours, zone, now + timedelta(minutes=each)) for zone in zones) for each in minutes)


WITHOUT = """
import sys
sys.modules[{missing!r}] = None
{more}
from datetime import datetime, timezone
from vonage_messages import MissingExtraError
from vonage_messages.bulk.quiet_hours import QuietHours
assert "phonenumbers" not in sys.modules or sys.modules["phonenumbers"] is None
try:
    QuietHours.parse("21:00-08:00", unknown_zone={zone!r}).is_quiet("4915112345678", datetime.now(timezone.utc))
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "more", "zone", "sentence"),
    [
        ("phonenumbers", "", "hold", "Quiet hours by the recipient's zone need phonenumbers: "),
        ("tzdata", "import zoneinfo; zoneinfo.reset_tzpath(to=[])", "Asia/Tokyo", "Quiet hours need time zone data: "),
        ("tzdata", "import zoneinfo; zoneinfo.reset_tzpath(to=[])", "hold", "Quiet hours need time zone data: "),
    ],
)
def test_missing_extra_is_named_with_what_to_install(missing: str, more: str, zone: str, sentence: str) -> None:
    program = WITHOUT.format(missing=missing, more=more, zone=zone)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own text
    assert ran.stderr == ""
    assert ran.stdout == f"{sentence}pip install 'vonage-messages-async[phone]'\n"
