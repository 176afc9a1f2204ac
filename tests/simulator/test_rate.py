from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.rate import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    rate=st.one_of(st.integers(1, 8).map(float), st.floats(0.05, 8.0)),
    gaps=st.lists(st.floats(0.0, 2.0) | st.sampled_from([0.0, 1e-9, 0.125, 1.0]), max_size=60),
)
def test_no_window_ever_holds_more_than_the_limit(rate: float, gaps: list[float]) -> None:
    clock = Clock()
    limiter = RateLimiter(rate, clock)
    admitted: list[float] = []
    for gap in gaps:
        clock.now += gap
        held = [instant for instant in admitted if clock.now - instant < limiter.window]
        decision = limiter.admit()
        # Exact in both directions: nobody is let in above the limit, and nobody is refused below it.
        assert decision.admitted == (len(held) < limiter.limit)
        if decision.admitted:
            admitted.append(clock.now)
    for first, beyond in zip(admitted, admitted[limiter.limit :], strict=False):
        assert beyond - first >= limiter.window


def test_thirty_are_admitted_at_once_and_the_next_waits_for_the_first_to_leave() -> None:
    clock = Clock()
    limiter = RateLimiter(30.0, clock)
    assert [limiter.admit().admitted for _ in range(31)] == [True] * 30 + [False]
    clock.now += 0.999
    assert not limiter.admit().admitted
    clock.now = 1001.0
    assert limiter.admit().admitted


def test_refused_requests_do_not_count() -> None:
    clock = Clock()
    limiter = RateLimiter(1.0, clock)
    assert limiter.admit().admitted
    for _ in range(5):
        clock.now += 0.1
        assert not limiter.admit().admitted
    clock.now = 1001.0
    assert limiter.admit().admitted


def test_a_decision_says_what_is_left_and_how_long_to_wait() -> None:
    clock = Clock()
    limiter = RateLimiter(2.0, clock)
    first = limiter.admit()
    assert (first.limit, first.remaining, first.wait) == (2, 1, 0.0)
    clock.now += 0.25
    limiter.admit()
    refused = limiter.admit()
    assert (refused.admitted, refused.remaining, refused.wait) == (False, 0, 0.75)


def test_after_the_wait_that_was_named_a_request_is_admitted() -> None:
    clock = Clock()
    limiter = RateLimiter(0.5, clock)
    limiter.admit()
    clock.now += limiter.admit().wait
    assert limiter.admit().admitted


def test_a_fraction_above_one_is_cut_to_whole_requests() -> None:
    limiter = RateLimiter(1.9, Clock())
    assert (limiter.limit, limiter.window) == (1, 1.0)


def test_clearing_forgets_every_request() -> None:
    limiter = RateLimiter(1.0, Clock())
    limiter.admit()
    limiter.clear()
    assert limiter.admit().admitted


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e-320])
def test_a_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="rate must be a positive number"):
        RateLimiter(rate, Clock())
