"""Pages stay right while messages come, go, and come at the same instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.simulator.control.listing import page

BEGUN = datetime(2030, 1, 1, tzinfo=UTC)


@attrs.frozen
class Item:
    """Something with an instant."""

    name: int
    at: datetime


def instant(item: Item) -> datetime:
    return item.at


def items(spans: list[int]) -> list[Item]:
    """Make items that follow each other after so many microseconds: 0 is the same instant."""
    made, at = [], BEGUN
    for name, span in enumerate(spans):
        at += timedelta(microseconds=span)
        made.append(Item(name, at))
    return made


def turned(held: list[Item], order: str, limit: int) -> list[int]:
    """Turn all pages, and give what was seen."""
    seen: list[int] = []
    cursor = None
    for _ in range(len(held) + 1):
        shown = page(held, instant, order=order, limit=limit, cursor=cursor, view=lambda item: item.name)
        assert len(shown.items) <= limit
        seen += shown.items
        cursor = shown.next
        if cursor is None:
            return seen
    raise AssertionError("the pages do not end")


SPANS = st.lists(st.integers(0, 2), max_size=30)


@given(spans=SPANS, limit=st.integers(1, 7))
def test_all_pages_together_are_everything_once(spans: list[int], limit: int) -> None:
    held = items(spans)
    names = [item.name for item in held]
    assert turned(held, "oldest", limit) == names
    assert turned(held, "newest", limit) == names[::-1]


@given(spans=SPANS, more=SPANS, limit=st.integers(1, 7))
def test_what_comes_between_two_pages_changes_neither(spans: list[int], more: list[int], limit: int) -> None:
    before, after = items(spans), items(spans + more)
    first = page(before, instant, order="newest", limit=limit, cursor=None, view=lambda item: item.name)
    if first.next is not None:
        second = page(after, instant, order="newest", limit=100, cursor=first.next, view=lambda item: item.name)
        assert first.items + second.items == [item.name for item in before][::-1]


@given(spans=st.lists(st.integers(1, 2), min_size=2, max_size=30), limit=st.integers(1, 7), gone=st.integers(0, 30))
def test_what_goes_between_two_pages_is_left_out_and_nothing_else(spans: list[int], limit: int, gone: int) -> None:
    before = items(spans)
    after = before[gone:]
    for order in ("oldest", "newest"):
        first = page(before, instant, order=order, limit=limit, cursor=None, view=lambda item: item.name)
        if first.next is None:
            continue
        second = page(after, instant, order=order, limit=100, cursor=first.next, view=lambda item: item.name)
        kept = [item.name for item in after if item.name not in first.items]
        assert second.items == (kept if order == "oldest" else kept[::-1])
