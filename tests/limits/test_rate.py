"""A rate and a cap as data: what they allow, and what is refused."""

from __future__ import annotations

import math
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import ConfigurationError
from vonage_messages.limits.rate import TOLERANCE, Cap, Rate, figure, span


def test_rate_without_burst_makes_up_for_late_timers_only() -> None:
    rate = Rate(30)

    assert (rate.interval, rate.tolerance) == (1 / 30, TOLERANCE)


def test_burst_is_paid_back_by_waiting() -> None:
    rate = Rate(1, per=6.0, burst=45)

    assert (rate.interval, rate.tolerance) == (6.0, 44 * 6.0)


def test_no_window_has_more_than_burst_and_rate() -> None:
    assert Rate(1, per=6.0, burst=45).most_in(60.0) == pytest.approx(45 + 60 / 6)
    assert Rate(30).most_in(1.0) == pytest.approx(1 + 30 * 1.01)


@pytest.mark.each("wrong", [0, -1, math.inf, math.nan, True, "30", None])
@pytest.mark.each("field", ["n", "per"])
def test_number_that_is_no_rate_is_refused_by_name(field: str, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Rate {field} must be a finite number above 0"):
        Rate(**{"n": 1, field: wrong})


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2"])
def test_burst_that_is_no_whole_number_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="Rate burst must be a whole number of 1 or more"):
        Rate(1, burst=wrong)


@pytest.mark.parametrize(
    ("n", "per", "burst"), [(1e300, 1e-300, None), (1e-300, 1e300, None), (1, 1e300, 10**10), (1, 1.0, 10**400)]
)
def test_rate_that_no_clock_could_keep_is_refused(n: float, per: float, burst: int | None) -> None:
    with pytest.raises(ConfigurationError, match="no rate that a clock could keep"):
        Rate(n, per=per, burst=burst)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, math.inf, True, "2", None])
def test_cap_that_is_no_whole_number_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="Cap n must be a whole number of 1 or more"):
        Cap(wrong)


def test_window_of_a_cap_must_have_a_length() -> None:
    with pytest.raises(ConfigurationError, match="Cap per must be a finite number above 0"):
        Cap(1, per=0)


def test_cap_counts_a_day_where_nothing_is_said() -> None:
    assert Cap(2_000).per == 86_400.0


@pytest.mark.parametrize("limit", [Rate(1, per=6.0, burst=45), Rate(30), Cap(2_000)])
def test_limits_are_values(limit: Rate | Cap) -> None:
    copy = pickle.loads(pickle.dumps(limit))  # noqa: S301  our own bytes

    assert copy == limit
    assert hash(copy) == hash(limit)
    assert attrs.evolve(limit) == limit
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        limit.n = 2  # type: ignore[misc]


def test_rate_can_be_read() -> None:
    assert str(Rate(1, per=6.0, burst=45)) == "1 in 6 s, at most 45 at once"
    assert repr(Rate(30)) == "Rate(n=30, per=1.0, burst=None)"
    assert str(Cap(2_000)) == "2000 in any 1 day"


@pytest.mark.each(
    ("seconds", "written"),
    [
        (0.5, "0.5 s"),
        (1.0, "1 s"),
        (59, "59 s"),
        (60.0, "1 min"),
        (90.0, "90 s"),
        (3600, "1 h"),
        (5400.0, "90 min"),
        (86_400.0, "1 day"),
        (90_000.0, "25 h"),
        (30 * 86_400.0, "30 days"),
        (86_400.001, "86400.001 s"),
        (1e-9, "1e-09 s"),
    ],
)
def test_span_is_written_without_loss_in_a_unit_that_fits(seconds: float, written: str) -> None:
    assert span(seconds) == written


@given(st.floats(min_value=1e-300, max_value=1e300) | st.integers(min_value=1, max_value=10**15))
def test_span_can_be_read_back(seconds: float) -> None:
    number, _, unit = span(seconds).partition(" ")

    assert float(number) * {"s": 1, "min": 60, "h": 3600, "day": 86_400, "days": 86_400}[unit] == pytest.approx(
        seconds, rel=1e-15
    )


@pytest.mark.parametrize(
    ("value", "written"), [(30, "30"), (30.0, "30"), (1_234_567, "1234567"), (0.25, "0.25"), (1e300, "1e+300")]
)
def test_number_of_a_rate_is_written_without_loss(value: float, written: str) -> None:
    assert figure(value) == written
    assert str(Rate(value)) == f"{written} in 1 s"
