"""Rows of an outbox on a real file: how they get in, what settles them, and how they are deleted."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from vonage_messages import errors
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.ledger import Event, NewRow, Row, Settlement, State
from vonage_messages.ledger import Outcome as Ending
from vonage_messages.limits.levels import Limits
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.report import Added
from vonage_messages.simulator import Simulator
from vonage_messages.stores.sqlite import SqliteLedgerStore
from vonage_messages.webhooks import parse_status


def sms(number: int, **fields: Any) -> Sms:
    return Sms(to=str(447700900000 + number), from_="Acme", text=f"Hello {number}", **fields)


def some(count: int, first: int = 0) -> list[Sms]:
    return [sms(number) for number in range(first, first + count)]


def by_recipient(message: Message) -> str:
    return message.to


async def rows_of(outbox: Outbox, *states: State) -> list[Row]:
    return [row async for row in outbox.rows(*states)]


async def in_doubt(outbox: Outbox, count: int = 1) -> list[Row]:
    """Let rows be on their way when their sender ends."""
    store = outbox.store
    await store.enrol("gone", lease_until=2.0)
    rows = await store.claim("gone", count=count, lease_until=2.0, now=1.0)
    await store.mark_sending([row.id for row in rows], owner="gone", now=1.0)
    await store.renew("gone", lease_until=0.0)
    await store.recover("another", now=3.0)
    return await rows_of(outbox, State.IN_DOUBT)


def status_of(ref: str | None, message_uuid: str = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab") -> Any:
    body = {
        "message_uuid": message_uuid,
        "to": "447700900000",
        "from": "Acme",
        "timestamp": "2026-11-24T00:00:00Z",
        "status": "submitted",
        "channel": "sms",
        **({} if ref is None else {"client_ref": ref}),
    }
    return parse_status(json.dumps(body).encode())


# Adding -----------------------------------------------------------------------------------------------------------


async def test_list_is_added(outbox: Outbox) -> None:
    assert await outbox.add(some(3)) == Added(new=3)
    assert [json.loads(row.payload)["text"] for row in await rows_of(outbox)] == ["Hello 0", "Hello 1", "Hello 2"]


async def test_async_iterable_is_added(outbox: Outbox) -> None:
    async def stream() -> AsyncIterator[Sms]:
        for number in range(2_500):
            if number % 500 == 0:
                await asyncio.sleep(0)
            yield sms(number)

    assert await outbox.add(stream()) == Added(new=2_500)
    assert (await outbox.report()).pending == 2_500


async def test_nothing_is_added_of_nothing(outbox: Outbox) -> None:
    assert await outbox.add([]) == Added()


async def test_adding_again_under_the_same_keys_does_nothing(outbox: Outbox) -> None:
    await outbox.add(some(2_500), key=by_recipient)
    refs = [row.ref for row in await rows_of(outbox)]
    assert await outbox.add(some(3_000), key=by_recipient) == Added(new=500, repeated=2_500)
    assert [row.ref for row in await rows_of(outbox)][:2_500] == refs


async def test_client_ref_is_the_key_where_no_other_is_given(outbox: Outbox) -> None:
    assert await outbox.add([sms(1, client_ref="a"), sms(2, client_ref="b")]) == Added(new=2)
    assert await outbox.add([sms(1, client_ref="a"), sms(3, client_ref="c")]) == Added(new=1, repeated=1)
    assert [(row.key, row.ref, row.client_ref) for row in await rows_of(outbox)] == [(x, x, x) for x in "abc"]


async def test_message_without_a_key_gets_a_fresh_ref_that_both_versions_take(outbox: Outbox) -> None:
    await outbox.add(some(2))
    await outbox.add(some(2))
    refs = [row.ref for row in await rows_of(outbox)]
    assert len(set(refs)) == 4
    assert all(0 < len(ref) <= 40 for ref in refs)


async def test_tag_that_all_messages_share_makes_no_row_vanish(outbox: Outbox) -> None:
    tagged = [sms(number, client_ref="spring") for number in range(50)]
    assert await outbox.add(tagged, key=by_recipient) == Added(new=50)
    rows = await rows_of(outbox)
    assert {row.client_ref for row in rows} == {"spring"}
    assert len({row.ref for row in rows}) == 50
    assert not any(row.ref_shared for row in rows)


async def test_tag_without_a_key_is_refused_and_not_swallowed(outbox: Outbox) -> None:
    with pytest.raises(errors.OutboxError, match=r"message 2 .* message 1\. .*give key="):
        await outbox.add([sms(number, client_ref="spring") for number in range(5)])
    assert (await outbox.report()).total == 0


async def test_same_key_for_another_message_names_both_and_adds_nothing_of_its_batch(outbox: Outbox) -> None:
    await outbox.add([sms(1, client_ref="a")])
    with pytest.raises(errors.OutboxError, match=r"message 3 of those added now, and row 1 of the outbox.*pending"):
        await outbox.add([sms(7, client_ref="x"), sms(8, client_ref="y"), sms(2, client_ref="a")])
    assert [row.key for row in await rows_of(outbox)] == ["a"]


async def test_batches_before_a_conflict_stay_and_the_place_is_right(outbox: Outbox) -> None:
    wrong = [*some(1_500), Sms(to="447700900003", from_="Acme", text="another")]
    with pytest.raises(errors.OutboxError, match=r"message 1501 of those added now, and row 4 of the outbox"):
        await outbox.add(wrong, key=by_recipient)
    assert (await outbox.report()).total == 1_000


async def test_same_message_with_another_client_ref_is_another_message(outbox: Outbox) -> None:
    await outbox.add([sms(1, client_ref="a")], key=by_recipient)
    with pytest.raises(errors.OutboxError, match="stands for two messages"):
        await outbox.add([sms(1, client_ref="b")], key=by_recipient)


async def test_key_is_masked_in_the_sentence(outbox: Outbox) -> None:
    await outbox.add([sms(1)], key=by_recipient)
    with pytest.raises(errors.OutboxError) as caught:
        await outbox.add([Sms(to="447700900001", from_="Acme", text="other")], key=by_recipient)
    assert "447700900001" not in str(caught.value)


@pytest.mark.parametrize("key", ["", None, 7, b"a"])
async def test_key_that_is_no_text_is_refused(outbox: Outbox, key: Any) -> None:
    with pytest.raises(errors.OutboxError, match="key= must give a text"):
        await outbox.add([sms(1)], key=lambda _message: key)


async def test_what_is_no_message_is_refused_with_its_batch(outbox: Outbox) -> None:
    wrong: Any = [sms(1), {"to": "447700900000"}]
    with pytest.raises(TypeError, match="a message such as"):
        await outbox.add(wrong)
    assert (await outbox.report()).total == 0


async def test_message_that_the_version_does_not_have_is_refused(outbox: Outbox) -> None:
    with pytest.raises(errors.InvalidMessageError):
        await outbox.add([sms(1, ttl=60)], api_version="v0.1")
    with pytest.raises(errors.ConfigurationError, match="api_version"):
        await outbox.add([sms(1)], api_version="v2")  # type: ignore[arg-type]
    assert (await outbox.report()).total == 0


async def test_error_of_the_source_is_raised_and_what_came_before_its_batch_stays(outbox: Outbox) -> None:
    def broken() -> Iterator[Sms]:
        yield from some(1_200)
        raise LookupError("line 1201")

    with pytest.raises(LookupError, match="line 1201"):
        await outbox.add(broken(), key=by_recipient)
    assert (await outbox.report()).total == 1_000
    assert await outbox.add(some(1_200), key=by_recipient) == Added(new=200, repeated=1_000)


async def test_async_source_is_closed_when_its_messages_are_refused(outbox: Outbox) -> None:
    ended = []

    async def stream() -> AsyncIterator[Any]:
        try:
            yield sms(1)
            yield "no message"
            yield sms(2)
        finally:
            ended.append(True)

    source = stream()
    with pytest.raises(TypeError):
        await outbox.add(source)
    await source.aclose()
    assert ended == [True]


async def test_two_programs_may_add_the_same_campaign_at_once(path: Path) -> None:
    async with Outbox.open(path) as one, Outbox.open(path) as other:
        added = await asyncio.gather(*(each.add(some(3_000), key=by_recipient) for each in (one, other)))
    assert sum(each.new for each in added) == 3_000
    assert sum(each.repeated for each in added) == 3_000


async def test_memory_of_adding_is_that_of_a_batch(outbox: Outbox) -> None:
    async def peak(count: int, first: int) -> int:
        tracemalloc.reset_peak()
        await outbox.add((sms(number) for number in range(first, first + count)), key=by_recipient)
        return tracemalloc.get_traced_memory()[1]

    await outbox.add(some(1_000, 500_000))
    tracemalloc.start()
    try:
        few, many = await peak(2_500, 0), await peak(7_500, 10_000)
    finally:
        tracemalloc.stop()
    assert many < 1.5 * few


async def opened(path: Path, messages: Sequence[Sms] = ()) -> None:
    """Open an outbox, and add to it."""
    async with Outbox.open(path) as outbox:
        await outbox.add(messages)


async def test_file_is_for_its_owner_alone(outbox: Outbox, path: Path) -> None:
    await outbox.add(some(1))
    files = await asyncio.to_thread(lambda: list(path.parent.iterdir()))
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_file_that_is_no_outbox_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"recipient,text\n447700900000,Hello\n" * 100)
    before = path.read_bytes()
    with pytest.raises(errors.OutboxError, match=r"campaign\.db"):
        asyncio.run(opened(path))
    assert path.read_bytes() == before


def test_damaged_file_is_told_and_left_as_it_is(path: Path) -> None:
    asyncio.run(opened(path, some(2_000)))
    whole = path.read_bytes()
    damaged = whole[: len(whole) // 2] + os.urandom(8_192) + whole[len(whole) // 2 + 8_192 :]
    path.write_bytes(damaged)
    with pytest.raises(errors.OutboxError, match="damaged"):
        asyncio.run(opened(path))
    assert path.read_bytes() == damaged


async def test_outbox_that_is_not_open_says_so(path: Path) -> None:
    with pytest.raises(errors.OutboxError, match="not open"):
        await Outbox.open(path).add(some(1))


# What goes out ----------------------------------------------------------------------------------------------------


async def test_ref_of_the_row_goes_out_on_the_message_and_on_every_failover_item(outbox: Outbox) -> None:
    chain = WhatsappText(
        to="447700900000",
        from_="14155550100",
        text="Hello",
        client_ref="mine",
        failover=[sms(1, client_ref="mine"), sms(2)],
    )
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        await outbox.add([chain], key=by_recipient)
        await outbox.run(client, limits=Limits.unlimited())
        (arrived,) = simulator.messages
    (row,) = await rows_of(outbox)
    assert row.client_ref == "mine"
    assert row.ref != "mine"
    assert arrived.client_ref == row.ref
    assert [item["client_ref"] for item in arrived.payload["failover"]] == [row.ref, row.ref]
    assert row.message_uuid == arrived.message_uuid


async def test_raw_messages_go_out_as_they_are_but_for_the_ref(outbox: Outbox) -> None:
    payload = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Grüße 🎈"}
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        await outbox.add([RawMessage(payload)], key=lambda _message: "raw")
        await outbox.run(client, limits=Limits.unlimited())
        (arrived,) = simulator.messages
    assert arrived.payload == {**payload, "client_ref": (await rows_of(outbox))[0].ref}


async def test_rows_of_both_versions_go_out_by_their_own(outbox: Outbox) -> None:
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        await outbox.add([sms(1)], api_version="v0.1")
        await outbox.add([sms(2)])
        report = await outbox.run(client, limits=Limits.unlimited())
        versions = {message.to: (message.version, message.client_ref) for message in simulator.messages}
    refs = [row.ref for row in await rows_of(outbox)]
    assert report.accepted == 2
    assert versions == {"447700900001": ("v0.1", refs[0]), "447700900002": ("v1", refs[1])}


# What is known later ----------------------------------------------------------------------------------------------


async def test_status_with_the_ref_settles_a_row_in_doubt(outbox: Outbox) -> None:
    await outbox.add(some(1))
    (row,) = await in_doubt(outbox)
    assert await outbox.settle(status_of(row.ref, "11111111-2222-4333-8444-555555555555")) is Settlement.SETTLED
    (settled,) = await rows_of(outbox)
    assert (settled.state, settled.message_uuid) == (State.ACCEPTED, "11111111-2222-4333-8444-555555555555")
    assert await outbox.settle(status_of(row.ref)) is Settlement.KNOWN


@pytest.mark.parametrize("ref", [None, "somebody else's"])
async def test_status_of_somebody_else_settles_nothing(outbox: Outbox, ref: str | None) -> None:
    await outbox.add(some(1))
    await in_doubt(outbox)
    assert await outbox.settle(status_of(ref)) is Settlement.UNKNOWN
    assert (await outbox.report()).in_doubt == 1


async def test_ref_that_rows_share_settles_none_of_them_and_the_report_says_why(outbox: Outbox) -> None:
    payload = b'{"channel":"sms","message_type":"text","to":"447700900000","from":"Acme","text":"Hello"}'
    shared = [NewRow(key=key, ref="tag", payload=payload) for key in ("a", "b")]
    await outbox.store.add(shared, now=1.0)
    await in_doubt(outbox, 2)
    assert await outbox.settle(status_of("tag")) is Settlement.SHARED
    report = await outbox.report()
    assert (report.in_doubt, report.shared_refs) == (2, 2)
    assert "share their client_ref" in str(report)


async def test_failed_rows_wait_again_when_they_are_to_be_retried(outbox: Outbox) -> None:
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        good = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
        await outbox.add([RawMessage({**good, "to": "nobody"}), RawMessage(good)])
        report = await outbox.run(client, limits=Limits.unlimited())
        assert (report.accepted, report.failed, report.stopped) == (1, 1, None)
        assert await outbox.retry() == 1
        assert (await outbox.report()).pending == 1
        assert (await outbox.run(client, limits=Limits.unlimited())).failed == 1
        assert len(simulator.refusals) == 2


async def test_rows_in_doubt_wait_again_when_they_are_to_be_resent(outbox: Outbox) -> None:
    await outbox.add(some(3))
    await in_doubt(outbox, 2)
    assert await outbox.resend() == 2
    assert (await outbox.report()).pending == 3


async def test_cancelled_rows_are_not_sent(outbox: Outbox) -> None:
    await outbox.add(some(3))
    await in_doubt(outbox)
    assert await outbox.cancel() == 2
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        report = await outbox.run(client, limits=Limits.unlimited())
        assert simulator.messages == []
    assert (report.cancelled, report.in_doubt, report.complete) == (2, 1, True)


async def test_rows_are_given_by_state_in_their_order(outbox: Outbox) -> None:
    await outbox.add(some(1_500))
    await in_doubt(outbox, 2)
    assert [row.id for row in await rows_of(outbox, State.IN_DOUBT)] == [1, 2]
    assert [row.id for row in await rows_of(outbox, State.PENDING)] == [*range(3, 1_501)]
    assert len(await rows_of(outbox)) == 1_500


# Deleting ---------------------------------------------------------------------------------------------------------


async def test_all_rows_of_a_recipient_are_deleted_however_the_number_is_written(outbox: Outbox) -> None:
    await outbox.add([sms(1), sms(2), Sms(to="447700900001", from_="Acme", text="again")])
    assert await outbox.purge(recipient="+44 7700 900001") == 2
    assert [json.loads(row.payload)["to"] for row in await rows_of(outbox)] == ["447700900002"]


async def test_what_is_done_with_is_deleted_by_its_age_and_what_waits_is_kept(path: Path) -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    async with Outbox(SqliteLedgerStore(path), clock=noon.timestamp) as outbox:
        await outbox.add(some(3))
        (row, *_) = await outbox.store.claim("a", count=1, lease_until=noon.timestamp() + 60, now=noon.timestamp())
        marked = await outbox.store.mark_sending([row.id], owner="a", now=noon.timestamp())
        done = Ending(id=row.id, owner="a", attempt=marked[row.id], event=Event.ACCEPT)
        await outbox.store.record([done], now=noon.timestamp())
        assert await outbox.purge(before=noon - timedelta(seconds=1)) == 0
        assert await outbox.purge(before=noon + timedelta(seconds=1)) == 1
        assert await outbox.purge(before=noon.timestamp() + 1) == 0
        assert (await outbox.report()).total == 2


async def test_time_without_a_zone_deletes_nothing(outbox: Outbox) -> None:
    with pytest.raises(errors.ConfigurationError, match="with a zone"):
        await outbox.purge(before=datetime(2026, 11, 24))  # noqa: DTZ001  that is what is refused


async def test_purge_of_everything_is_refused(outbox: Outbox) -> None:
    with pytest.raises(errors.ConfigurationError, match="before= or recipient="):
        await outbox.purge()


# A cipher ---------------------------------------------------------------------------------------------------------


async def test_cipher_leaves_no_recipient_and_no_text_in_any_file(path: Path) -> None:
    cipher = Fernet(Fernet.generate_key())
    pairs = Limits(pairs={"sms": Limits.published().pairs["whatsapp"]})
    async with Outbox.open(path, cipher=cipher) as outbox:
        await outbox.add(some(50), key=lambda message: f"row {message.to[-2:]}")
        async with Simulator(rate=None) as simulator, simulator.client() as client:
            assert (await outbox.run(client, limits=pairs)).accepted == 50
            assert {message.payload["text"] for message in simulator.messages} == {f"Hello {n}" for n in range(50)}
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert await outbox.purge(recipient="447700900007") == 1
    assert b"row 07" in written
    assert b"4477009000" not in written
    assert b"Hello" not in written
    async with Outbox.open(path, cipher=cipher) as outbox:
        assert (await outbox.report()).accepted == 49


async def test_another_cipher_is_refused(path: Path) -> None:
    async with Outbox.open(path, cipher=Fernet(Fernet.generate_key())) as outbox:
        await outbox.add(some(1))
    with pytest.raises(errors.OutboxError, match="cipher"):
        await Outbox.open(path, cipher=Fernet(Fernet.generate_key())).__aenter__()
    with pytest.raises(errors.OutboxError):
        await Outbox.open(path).__aenter__()
