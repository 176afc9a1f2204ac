from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.rate import RateLimiter

GRAIN = 1e-6
RATES = st.one_of(st.integers(1, 8).map(float), st.floats(0.05, 8.0))
BURSTS = st.none() | st.integers(1, 12)
GAPS = st.lists(st.floats(0.0, 2.0) | st.sampled_from([0.0, 1e-9, 0.125, 1.0, 60.0]), max_size=60)


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@given(rate=RATES, burst=BURSTS, gaps=GAPS)
def test_no_span_has_more_than_the_burst_and_what_flows_in_meanwhile(
    rate: float, burst: int | None, gaps: list[float]
) -> None:
    clock = Clock()
    limiter = RateLimiter(rate, clock, burst)
    size = max(1.0, rate) if burst is None else burst
    admitted: list[float] = []
    for gap in gaps:
        clock.now += gap
        if limiter.admit().admitted:
            admitted.append(clock.now)
    for first, begin in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            assert last - first + 1 <= size + rate * (end - begin + 2 * GRAIN)


@given(rate=RATES, burst=BURSTS, gaps=GAPS)
def test_it_decides_as_a_bucket_whose_tokens_are_counted_one_by_one(
    rate: float, burst: int | None, gaps: list[float]
) -> None:
    clock = Clock()
    limiter = RateLimiter(rate, clock, burst)
    size = max(1.0, rate) if burst is None else float(burst)
    tokens = size
    for gap in gaps:
        clock.now += gap
        tokens = min(size, tokens + gap * rate)
        decision = limiter.admit()
        # Within two grains of a whole token rounding decides, and either answer is right.
        if abs(tokens - 1) > 2 * GRAIN * rate:
            assert decision.admitted == (tokens > 1)
        tokens -= decision.admitted


@given(rate=RATES | st.floats(0.001, 5000.0), start=st.floats(0.0, 2e9), burst=BURSTS)
def test_after_the_wait_that_was_named_a_request_is_admitted(rate: float, start: float, burst: int | None) -> None:
    clock = Clock(start)
    limiter = RateLimiter(rate, clock, burst)
    # One more than the bucket holds, and one for a fraction that lies within a grain of the next token.
    for _ in range(limiter.limit + 2):
        refused = limiter.admit()
    for _ in range(5):
        assert not refused.admitted
        clock.now += refused.wait
        assert limiter.admit().admitted
        refused = limiter.admit()


@pytest.mark.parametrize("start", [0.0, 2e9])
def test_a_token_is_never_taken_more_than_a_few_grains_early(start: float) -> None:
    clock = Clock(start)
    limiter = RateLimiter(30.0, clock, burst=1)
    limiter.admit()
    clock.now += limiter.admit().wait - 3 * GRAIN
    assert not limiter.admit().admitted


def test_thirty_are_admitted_at_once_and_from_then_on_thirty_a_second() -> None:
    clock = Clock()
    limiter = RateLimiter(30.0, clock)
    assert [limiter.admit().admitted for _ in range(31)] == [True] * 30 + [False]
    for millisecond in range(1, 60_001):
        clock.now = 1000.0 + millisecond / 1000
        limiter.admit()
    assert limiter.refused == 1 + 60_000 - 1800


def test_a_bucket_fills_no_further_than_its_size() -> None:
    clock = Clock()
    limiter = RateLimiter(3.0, clock)
    limiter.admit()
    clock.now += 3600.0
    assert [limiter.admit().admitted for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_one_by_one() -> None:
    clock = Clock()
    limiter = RateLimiter(4.0, clock)
    for _ in range(4):
        limiter.admit()
    clock.now += 0.2
    assert not limiter.admit().admitted
    clock.now += 0.05
    assert [limiter.admit().admitted, limiter.admit().admitted] == [True, False]


def test_refused_requests_cost_nothing_and_are_counted() -> None:
    clock = Clock()
    limiter = RateLimiter(1.0, clock)
    assert limiter.admit().admitted
    for _ in range(5):
        clock.now += 0.1
        assert not limiter.admit().admitted
    assert limiter.refused == 5
    clock.now = 1001.0
    assert limiter.admit().admitted


def test_a_decision_says_what_is_left_and_how_long_to_wait() -> None:
    clock = Clock()
    limiter = RateLimiter(2.0, clock)
    first = limiter.admit()
    assert (first.limit, first.remaining, first.wait) == (2, 1, 0.0)
    clock.now += 0.125
    second = limiter.admit()
    assert (second.admitted, second.remaining, second.wait) == (True, 0, 0.375)
    clock.now += 0.25
    refused = limiter.admit()
    assert (refused.admitted, refused.remaining, refused.wait) == (False, 0, 0.125)


def test_a_wait_is_whole_where_the_interval_is() -> None:
    clock = Clock(123_456.789)
    limiter = RateLimiter(0.2, clock)
    limiter.admit()
    clock.now += 1.7
    # Not 3.3000000000029104, as the readings of the clock would have it.
    assert limiter.admit().wait == 3.3


def test_whole_bursts_on_a_clock_that_counts_from_1970_lose_nothing() -> None:
    clock = Clock(2e9)
    limiter = RateLimiter(1.4138537518930865, clock, burst=1000)
    decisions = [limiter.admit() for _ in range(1001)]
    assert [decision.remaining for decision in decisions] == [*range(999, -1, -1), 0]
    clock.now += decisions[-1].wait
    assert limiter.admit().admitted


@pytest.mark.parametrize("rate", [0.25, 0.999, 1.0])
def test_below_one_a_second_the_bucket_holds_one(rate: float) -> None:
    clock = Clock()
    limiter = RateLimiter(rate, clock)
    assert [limiter.admit().admitted, limiter.admit().admitted] == [True, False]
    clock.now += 1000.0
    assert [limiter.admit().admitted, limiter.admit().admitted] == [True, False]


def test_a_burst_sets_how_many_may_come_at_once() -> None:
    clock = Clock()
    limiter = RateLimiter(30.0, clock, burst=2)
    assert [limiter.admit().admitted for _ in range(3)] == [True, True, False]
    clock.now += 1 / 30
    assert [limiter.admit().admitted for _ in range(2)] == [True, False]


def test_a_fraction_of_a_token_is_kept_but_not_given_out() -> None:
    clock = Clock()
    limiter = RateLimiter(1.5, clock)
    first = limiter.admit()
    assert (first.limit, first.remaining, first.wait) == (1, 0, pytest.approx(1 / 3, abs=GRAIN))


def test_the_instant_of_a_request_may_be_handed_in() -> None:
    limiter = RateLimiter(1.0, Clock(math.nan))
    assert [limiter.admit(now).admitted for now in (5.0, 5.5, 6.0)] == [True, False, True]


def test_clearing_fills_the_bucket_and_forgets_what_was_refused() -> None:
    limiter = RateLimiter(1.0, Clock())
    limiter.admit()
    limiter.admit()
    limiter.clear()
    assert limiter.refused == 0
    assert limiter.admit().admitted


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e-320])
def test_a_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="rate must be a positive number"):
        RateLimiter(rate, Clock())


@pytest.mark.parametrize("burst", [0, -1])
def test_a_burst_that_admits_nobody_is_refused(burst: int) -> None:
    with pytest.raises(ConfigurationError, match="burst must be a number of requests from 1 up"):
        RateLimiter(30.0, Clock(), burst)
