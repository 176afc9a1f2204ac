"""The journal: numbered, bounded, and honest about what has been missed."""

from __future__ import annotations

import asyncio

from vonage_messages.simulator import journal
from vonage_messages.simulator.journal import Entry, Journal


def numbers(entries: list[Entry] | None) -> list[int] | None:
    return None if entries is None else [entry.number for entry in entries]


def test_entries_after_a_number_come_in_order() -> None:
    kept = Journal(10)
    for subject in "abc":
        kept.note(journal.MESSAGE, subject)
    assert kept.since(3) == []
    assert kept.since(1) == [
        Entry(number=2, kind=journal.MESSAGE, subject="b"),
        Entry(number=3, kind=journal.MESSAGE, subject="c"),
    ]


def test_whoever_has_missed_something_starts_over() -> None:
    kept = Journal(3)
    for _ in range(5):
        kept.note(journal.STATUS)
    assert numbers(kept.since(2)) == [3, 4, 5]
    assert kept.since(1) is None
    assert kept.since(6) is None


def test_listener_hears_every_entry_at_once() -> None:
    kept, heard = Journal(1), []
    kept.listen(heard.append)
    kept.note(journal.MESSAGE, "a")
    kept.note(journal.CLEARED)
    assert [(entry.kind, entry.subject) for entry in heard] == [("message", "a"), ("cleared", "")]


async def test_all_who_wait_are_woken_by_one_entry() -> None:
    kept = Journal(10)
    waiting = [asyncio.ensure_future(kept.wait(0)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    kept.note(journal.MESSAGE)
    await asyncio.gather(*waiting)


async def test_waiting_for_what_has_come_already_returns_at_once() -> None:
    kept = Journal(10)
    kept.note(journal.MESSAGE)
    await kept.wait(0)


async def test_whoever_stops_waiting_is_forgotten() -> None:
    kept = Journal(10)
    waiting = asyncio.ensure_future(kept.wait(0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    kept.note(journal.MESSAGE)
    assert waiting.cancelled()
