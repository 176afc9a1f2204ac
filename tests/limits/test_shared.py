"""The arithmetic of limits that processes keep together: that of the limits of one process."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vonage_messages.limits.buckets import SLICES, Bucket, Gate, Window
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.shared import SharedBook, SharedLimit, Verdict, shared_limit
from vonage_messages.limits.store import MemoryLimitStore

SPANS = st.lists(st.sampled_from([0.0, 0.003, 0.2, 1.0, 7.0, 100.0]), min_size=1, max_size=60)
FAST, SLOW = SharedLimit("fast", interval=0.1), SharedLimit("slow", interval=1.0)


@pytest.mark.parametrize(
    "limit", [Rate(30), Rate(1, per=6.0, burst=45), Rate(2, burst=3), Cap(5, per=10.0), Cap(1, per=1440.0)], ids=str
)
@given(spans=SPANS)
@example(spans=[0.0, 1.0, 0.2, 0.0, 7.0])
def test_book_gives_each_place_when_one_process_would(limit: Rate | Cap, spans: list[float]) -> None:
    gate: Gate = Window("it", limit) if isinstance(limit, Cap) else Bucket("it", limit, 0.0)
    book, now = SharedBook(0.0), 0.0
    for span in spans:
        now += span
        (verdict,) = book.take([[shared_limit(gate)]], now, horizon=0.0)
        assert verdict.wait == pytest.approx(max(0.0, gate.ready - now), abs=1e-6)
        assert verdict.obstacle == (0 if verdict.wait else None)
        if verdict.obstacle is None:
            gate.spend(now)


def test_place_is_taken_under_all_limits_or_none() -> None:
    book = SharedBook(0.0)
    assert book.take([[FAST, SLOW], [FAST, SLOW], [FAST]], 5.0, horizon=0.2) == [
        Verdict(0.0),
        Verdict(1.0, 1),
        Verdict(pytest.approx(0.1)),
    ]
    assert book.take([[]], 5.0) == [Verdict(0.0)]


def test_process_with_a_smaller_cap_waits_until_enough_of_all_have_left() -> None:
    book = SharedBook(0.0)
    for now in (1.0, 2.0, 3.0):
        book.take([[SharedLimit("cap", cap=3, per=1440.0)]], now)
    assert book.take([[SharedLimit("cap", cap=1, per=1440.0)]], 4.0) == [Verdict(1440.0, 0)]


def test_pause_lets_nothing_through_and_is_not_cut_short() -> None:
    book = SharedBook(0.0)
    cap = SharedLimit("cap", cap=3, per=60.0)
    for until in (9.0, 7.0):
        book.pause("slow", until)
        book.pause("cap", until)
    assert book.take([[SLOW], [cap]], 5.0) == [Verdict(4.0, 0), Verdict(4.0, 0)]
    assert book.take([[SLOW], [cap]], 9.0) == [Verdict(0.0), Verdict(0.0)]


def test_cap_that_is_always_in_use_remembers_no_more_than_its_window() -> None:
    book, cap = SharedBook(0.0), SharedLimit("account", cap=10_000, per=1.0)
    for number in range(5000):
        assert book.take([[cap]], number / 1440)[0].obstacle is None
    assert len(book._slices["account"]) <= SLICES + 2


def test_limits_that_are_as_good_as_new_are_forgotten() -> None:
    book = SharedBook(0.0)
    cap = SharedLimit("cap", cap=3, per=60.0)
    book.take([[SLOW, cap]], 5.0)
    book.sweep(30.0, longest=60.0)
    assert len(book) == 2
    book.sweep(70.0, longest=60.0)
    assert len(book) == 0
    assert book.take([[cap]] * 4, 70.0)[3].obstacle == 0


async def test_limits_in_memory_are_what_was_saved_last() -> None:
    store = MemoryLimitStore()
    assert await store.load() is None
    for number in range(2):
        await store.save({"version": number})
    assert await store.load() == {"version": 1}
