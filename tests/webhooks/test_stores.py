"""The memory of handled callbacks, and what makes two callbacks the same."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.parse import parse_webhook
from vonage_messages.webhooks.stores import MemorySeenStore, SeenKey, Standing, seen_key

KEY = ("inbound", "one")
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def key_of(**payload: object) -> SeenKey:
    return seen_key(parse_webhook(payload), repr(payload).encode())


async def test_key_is_new_once_and_then_running() -> None:
    store = MemorySeenStore()
    assert [await store.begin(KEY), await store.begin(KEY)] == [Standing.NEW, Standing.RUNNING]


async def test_committed_key_is_done() -> None:
    store = MemorySeenStore()
    await store.begin(KEY)
    await store.commit(KEY)
    assert await store.begin(KEY) is Standing.DONE


async def test_aborted_key_is_new_again() -> None:
    store = MemorySeenStore()
    await store.begin(KEY)
    await store.abort(KEY)
    assert await store.begin(KEY) is Standing.NEW


async def test_abort_leaves_a_key_that_is_done() -> None:
    store = MemorySeenStore()
    await store.begin(KEY)
    await store.commit(KEY)
    await store.abort(KEY)
    assert await store.begin(KEY) is Standing.DONE


async def test_oldest_done_key_is_forgotten_first() -> None:
    store = MemorySeenStore(capacity=2)
    for name in ("a", "b", "c"):
        await store.begin(("inbound", name))
        await store.commit(("inbound", name))
    assert len(store) == 2
    assert await store.begin(("inbound", "c")) is Standing.DONE
    assert await store.begin(("inbound", "a")) is Standing.NEW


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 1001])
async def test_last_keys_are_remembered_and_of_older_ones_an_eighth_at_most(capacity: int) -> None:
    store = MemorySeenStore(capacity)
    keys: list[SeenKey] = [("inbound", str(number)) for number in range(3 * capacity)]
    for number, key in enumerate(keys, 1):
        assert await store.begin(key) is Standing.NEW
        await store.commit(key)
        assert min(number, capacity) <= len(store) <= capacity + capacity // 8
    done = [await store.begin(key) is Standing.DONE for key in keys[::-1]]
    assert all(done[:capacity])
    assert sum(done) <= capacity + capacity // 8


async def test_key_that_is_committed_twice_takes_no_second_place() -> None:
    store = MemorySeenStore(capacity=2)
    for name in ("a", "b", "b", "b"):
        await store.commit(("inbound", name))
    assert await store.begin(("inbound", "a")) is Standing.DONE
    assert len(store) == 2


async def test_memory_does_not_grow_with_what_has_been_forgotten() -> None:
    """A table that is rebuilt when many keys have gone through it holds, for a moment, two of its size."""
    numbers = itertools.count()

    async def handle(store: MemorySeenStore, callbacks: int) -> int:
        """Give the most memory that was held meanwhile."""
        tracemalloc.reset_peak()
        for number in itertools.islice(numbers, callbacks):
            key = ("inbound", f"aaaaaaaa-bbbb-4ccc-8ddd-{number:012}")
            await store.begin(key)
            await store.commit(key)
        return tracemalloc.get_traced_memory()[1]

    async def peaks() -> list[int]:
        store = MemorySeenStore(capacity=4_000)
        tracemalloc.start()
        try:
            await handle(store, 5_000)
            return [await handle(store, 1_000) for _ in range(12)]
        finally:
            tracemalloc.stop()

    # Whatever else the process does meanwhile is counted too, and not each time.
    measured = [await peaks()]
    while max(measured[-1]) >= 1.1 * min(measured[-1]):
        assert len(measured) < 3, measured
        measured.append(await peaks())


async def test_running_keys_are_bounded_and_never_forgotten() -> None:
    store = MemorySeenStore(capacity=2)
    for name in ("a", "b"):
        await store.begin(("inbound", name))
    assert await store.begin(("inbound", "c")) is Standing.RUNNING
    await store.abort(("inbound", "a"))
    assert await store.begin(("inbound", "c")) is Standing.NEW
    assert await store.begin(("inbound", "b")) is Standing.RUNNING


def test_store_without_room_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="capacity"):
        MemorySeenStore(capacity=0)


async def test_repr_shows_numbers_only() -> None:
    store = MemorySeenStore(capacity=5)
    await store.begin(KEY)
    assert repr(store) == "MemorySeenStore(capacity=5, done=0, running=1)"


def test_inbound_key_is_the_uuid() -> None:
    assert key_of(channel="sms", message_type="text", message_uuid=UUID) == ("inbound", UUID)


def test_status_key_is_uuid_status_and_code() -> None:
    rejected = key_of(channel="sms", message_uuid=UUID, status="rejected", error={"title": "1120"})
    assert rejected == ("status", UUID, "rejected", "1120")
    assert key_of(channel="sms", message_uuid=UUID, status="read") == ("status", UUID, "read", "")


def test_status_of_v0_1_has_the_same_key() -> None:
    number = {"type": "sms", "number": "447700900000"}
    older = key_of(to=number, **{"from": number}, message_uuid=UUID, status="rejected", error={"code": 1120})
    assert older == ("status", UUID, "rejected", "1120")


def test_statuses_of_segments_are_in_the_key() -> None:
    def with_segments(*statuses: str) -> SeenKey:
        segments = [{"timestamp": "2025-02-03T12:14:25Z", "status": status} for status in statuses]
        return key_of(
            channel="sms", message_uuid=UUID, status="delivered", sms={"count_total": "2", "segments": segments}
        )

    assert with_segments("delivered", "submitted") == ("status", UUID, "delivered", "", "delivered submitted")
    assert with_segments("delivered", "submitted") != with_segments("delivered", "delivered")


def test_events_without_a_uuid_are_told_apart_by_their_bodies() -> None:
    first = key_of(channel="sms", message_type="text", text="one")
    assert first != key_of(channel="sms", message_type="text", text="two")
    assert first == key_of(channel="sms", message_type="text", text="one")


@pytest.mark.parametrize("uuid", ["x" * 1_000_000, "\ud800", "a\x00b"])
def test_key_that_a_store_could_not_hold_is_hashed(uuid: str) -> None:
    kind, identity = key_of(channel="sms", message_type="text", message_uuid=uuid)
    assert (kind, len(identity)) == ("inbound", 64)
    assert identity.isalnum()
