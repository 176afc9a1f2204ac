"""One limit: when its next place is free, whatever is taken, given back, paused or slowed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.limits.buckets import SLICES, Bucket, Window, reserve_of
from vonage_messages.limits.rate import Cap, Rate

RATES = st.sampled_from([Rate(30), Rate(1, per=6.0, burst=45), Rate(2, burst=3), Rate(1), Rate(5, burst=1)])
SPANS = st.lists(st.sampled_from([0.0, 0.003, 0.0333, 0.2, 0.5, 1.0, 7.0, 100.0]), min_size=1, max_size=80)
CLOSE = 1e-9


def bucket(rate: Rate, *, full: bool = False) -> Bucket:
    return Bucket("it", rate, -math.inf if full else 0.0)


@given(RATES, SPANS)
def test_no_window_has_more_than_the_rate_allows(rate: Rate, spans: list[float]) -> None:
    it, now, left = bucket(rate, full=True), 0.0, []
    for span in spans:
        now += span
        for _ in range(50):
            if it.ready > now:
                break
            it.spend(now)
            left.append(now)

    for first, begin in enumerate(left):
        for last in range(first, len(left)):
            assert last - first + 1 <= rate.most_in(left[last] - begin) + 1e-6


@given(RATES, st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.3, 2.0, 9.0]), st.booleans()), max_size=60))
def test_giving_back_is_never_better_than_never_having_taken(rate: Rate, steps: list[tuple[float, bool]]) -> None:
    it, never, now = bucket(rate, full=True), bucket(rate, full=True), 0.0
    taken: list[float] = []
    for span, gives_back in steps:
        now += span
        if gives_back and taken:
            it.give_back(taken.pop(0), now)
        elif it.ready <= now:
            it.spend(now)
            taken.append(now)
        if len(taken) % 3 == 2 and it.ready <= now:
            it.spend(now)  # one that is used, in both worlds
            assert never.ready <= now + CLOSE
            never.spend(now)

        assert max(it.ready, now - rate.tolerance) >= max(never.ready, now - rate.tolerance) - CLOSE


def test_place_given_back_at_once_is_free_again() -> None:
    it = bucket(Rate(1, per=6.0))
    it.spend(10.0)
    it.give_back(10.0, 10.0)

    assert it.ready <= 10.0


def test_place_given_back_late_makes_no_second_one() -> None:
    it = bucket(Rate(1, per=6.0, burst=1))
    it.spend(10.0)
    it.spend(16.0)
    it.give_back(10.0, 16.0)

    assert it.ready == 22.0


def test_giving_back_does_not_cut_a_pause_short() -> None:
    it = bucket(Rate(1, per=6.0))
    it.spend(10.0)
    it.pause(17.0)
    it.give_back(10.0, 10.0)

    assert it.ready == 17.0


def test_what_was_spent_before_a_slowdown_is_not_given_back_at_the_slower_rate() -> None:
    it = bucket(Rate(1, burst=1))
    it.spend(10.0)
    it.pause(10.0)
    it.interval = 8.0
    it.give_back(10.0, 10.0)

    assert it.ready == 11.0


def test_pause_leaves_no_burst() -> None:
    it = bucket(Rate(1, burst=10), full=True)
    it.pause(100.0)
    it.spend(100.0)

    assert it.ready == 101.0


def test_bucket_of_which_nothing_is_known_has_no_burst() -> None:
    it = Bucket("it", Rate(1, burst=10), 50.0)
    it.spend(50.0)

    assert it.ready == 51.0


def test_bucket_is_idle_when_a_new_one_would_say_the_same() -> None:
    it = bucket(Rate(1, burst=3), full=True)
    it.spend(10.0)

    assert not it.is_idle(10.9)
    assert it.is_idle(11.0)


@pytest.mark.parametrize(("others", "wait"), [(0, 0.0), (2, 0.0), (3, 1.0), (5, 3.0)])
def test_wait_behind_others_counts_the_burst(others: int, wait: float) -> None:
    assert bucket(Rate(1, burst=3), full=True).wait_behind(others, 10.0) == wait


def window(n: int, per: float = 1440.0) -> Window:
    return Window("it", Cap(n, per=per))


@given(
    st.integers(1, 7),
    st.sampled_from([1440.0, 10.0, 86_400.0]),
    st.lists(st.tuples(st.floats(0, 0.4), st.booleans()), min_size=1, max_size=80),
)
def test_no_window_has_more_than_the_cap_and_places_come_a_slice_late_at_most(
    n: int, per: float, steps: list[tuple[float, bool]]
) -> None:
    it, now = window(n, per), 1000.0
    left: list[float] = []
    for part, gives_back in steps:
        now += part * per
        counted = sum(now - at < per for at in left)
        late = sum(now - at < per + it.width + 1e-6 for at in left)
        assert counted <= n
        if it.ready <= now:
            assert counted < n
            it.spend(now)
            left.append(now)
        else:
            assert late >= n
        if gives_back and left:
            it.give_back(left.pop(-1 if len(left) % 2 else 0), now)


def test_place_that_counts_no_more_is_not_given_back_for_another() -> None:
    it = window(2, per=10.0)
    it.spend(0.0)
    it.spend(8.0)
    it.spend(11.0)
    it.give_back(0.0, 11.0)

    assert it.ready > 17.9


def test_place_of_a_cap_that_is_given_back_is_free_at_once() -> None:
    it = window(1)
    it.spend(5.0)
    assert it.ready > 1000.0

    it.give_back(5.0, 6.0)

    assert it.ready <= 6.0


def test_place_taken_at_the_very_end_of_a_slice_is_given_back_and_no_other() -> None:
    it = Window("account", Cap(3, per=60))
    boundaries = [number * it.width for number in range(24_000, 26_000)]
    for taken in boundaries:
        it = Window("account", Cap(3, per=60))
        it.spend(taken)
        it.spend(taken + it.width / 2)
        it.give_back(taken, taken + 1)
        assert it.count == 1
        it.spend(taken + 1)
        it.spend(taken + 1)
        assert it.ready >= taken + it.width / 2 + 60, taken


def test_pause_of_a_cap_holds_even_with_places_left() -> None:
    it = window(5)
    it.pause(100.0)

    assert it.ready == 100.0


def test_cap_in_a_store_gives_a_hundredth_between_two_saves() -> None:
    it = window(1000)
    it.keep_in_store()
    for _ in range(10):
        assert it.ready <= 0.0
        it.spend(0.0)
    assert it.ready == math.inf

    it.saved(4)

    assert it.ready <= 0.0


def test_save_is_wanted_before_it_is_needed() -> None:
    it = window(1000)
    it.keep_in_store()
    for _ in range(4):
        it.spend(0.0)
    assert not it.needs_save

    it.spend(0.0)

    assert it.needs_save


def test_save_that_is_due_is_no_wait_to_speak_of() -> None:
    it = window(5)
    it.keep_in_store()
    it.spend(0.0)

    assert it.ready == math.inf
    assert it.wait_behind(0, 0.0) == 0.0


def test_wait_behind_others_is_when_enough_have_left_the_window() -> None:
    it = window(3)
    for now in (0.0, 100.0, 200.0):
        it.spend(now)

    assert [it.wait_behind(others, 300.0) for others in range(5)] == [1141.0, 1241.0, 1341.0, 2581.0, 2681.0]


def test_counts_from_elsewhere_are_added() -> None:
    it = window(3)
    it.spend(1.0)
    it.add([(0.5, 2)], 1.0)

    assert it.count == 3
    assert it.ready == 1440.5


def test_slices_are_as_many_as_the_window_has_parts_at_most() -> None:
    it = window(10**6)
    for now in range(10_000):
        it.spend(float(now))

    assert len(it.slices) <= SLICES + 1


def test_reserve_is_a_hundredth_and_at_least_one() -> None:
    assert [reserve_of(Cap(n)) for n in (1, 99, 100, 2_000)] == [1, 1, 1, 20]


def test_repr_says_which_limit_it_is_and_what_is_left_of_it() -> None:
    it = window(3)
    it.spend(1.0)
    assert repr(it) == "Window('it', count=1, of=3)"
    assert repr(bucket(Rate(1))) == "Bucket('it', ready=0.000)"


def test_giving_back_what_was_never_taken_makes_no_place() -> None:
    it = window(1)
    it.spend(0.5)
    it.give_back(100.5, 100.5)

    assert it.count == 1
    assert it.ready == 1441.0


def test_place_that_is_used_within_its_slice_stays_where_it_was() -> None:
    it = window(1)
    it.spend(0.2)
    it.move(0.2, 0.9)
    assert list(it.slices) == [[1.0, 1]]
    it.move(0.2, 1.5)
    assert [each for each in it.slices if each[1]] == [[2.0, 1]]


def test_places_that_others_have_are_none_until_they_are_theirs_no_more() -> None:
    cap, rate = window(2), bucket(Rate(1))
    for it in (cap, rate):
        it.hold(5.0)
        it.hold(3.0)

    assert (cap.ready, rate.ready) == (5.0, 5.0)
    assert (cap.closed_until, rate.closed_until) == (-math.inf, -math.inf)
