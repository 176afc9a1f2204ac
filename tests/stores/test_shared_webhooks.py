"""What several receivers know together: which callbacks were handled, which tokens were used, and what has happened."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from vonage_messages import (
    ConfigurationError,
    NotDeliveredError,
    OutboxError,
    StoreUnavailableError,
    WaitTimeoutError,
)
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.receiving.receiver import Receiver
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.stores.postgres import PostgresWebhookStore
from vonage_messages.stores.redis import RedisWebhookStore
from vonage_messages.webhooks import (
    InboundMessage,
    MessageStatus,
    Router,
    SignatureVerifier,
    parse_inbound,
    parse_status,
    sign_webhook,
)
from vonage_messages.webhooks.stores import Standing

LONG = 60
KEY = ("status", "ü ✓", "delivered", "")
SECRET = "0123456789abcdef0123456789abcdef"
ANOTHER_PROCESS = """
import json
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.stores.postgres import PostgresWebhookStore
from vonage_messages.stores.redis import RedisWebhookStore
from vonage_messages.webhooks import parse_webhook

async def main():
    kind, address, name = ARGUMENTS
    store = PostgresWebhookStore(address, schema=name) if kind == "postgres" else RedisWebhookStore(address, name=name)
    async with store:
        tracker = Tracker(store=store)
        say("ready")
        for line in sys.stdin:
            await tracker.observe(parse_webhook(line))
            say("kept")
asyncio.run(main())
"""

Another = Callable[..., Any]


@pytest.fixture(params=["postgres", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def another(kind: str, request: pytest.FixtureRequest) -> Another:
    """Make a store on the database of a test."""
    return request.getfixturevalue(f"another_webhooks_on_{kind}")


@pytest.fixture
async def store(another: Another) -> AsyncIterator[Any]:
    async with another() as opened:
        yield opened


def status_of(message_uuid: str, status: str = "delivered", **more: Any) -> dict[str, Any]:
    return {
        "message_uuid": message_uuid,
        "to": "447700900000",
        "from": "447700900001",
        "timestamp": "2026-11-27T12:00:00Z",
        "status": status,
        "channel": "whatsapp",
        **more,
    }


def reply_of(text: str, **more: Any) -> dict[str, Any]:
    return {
        "channel": "whatsapp",
        "message_uuid": str(uuid4()),
        "to": "447700900001",
        "from": "447700900000",
        "timestamp": "2026-11-27T12:00:01Z",
        "message_type": "text",
        "text": text,
        **more,
    }


def status(message_uuid: str, name: str = "delivered", **more: Any) -> MessageStatus:
    return parse_status(status_of(message_uuid, name, **more))


def reply(text: str, **more: Any) -> InboundMessage:
    return parse_inbound(reply_of(text, **more))


# Which callbacks were handled -------------------------------------------------------------------------------------


async def test_callback_is_new_once_then_running_then_done(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        assert await store.begin(KEY) is Standing.NEW
        assert await elsewhere.begin(KEY) is Standing.RUNNING
        await store.commit(KEY)
        assert await elsewhere.begin(KEY) is Standing.DONE
        assert await store.begin((*KEY, "another")) is Standing.NEW


async def test_callback_that_failed_is_new_again_and_one_that_is_done_stays_so(store: Any) -> None:
    await store.begin(KEY)
    await store.abort(KEY)
    assert await store.begin(KEY) is Standing.NEW
    await store.commit(KEY)
    await store.abort(KEY)
    assert await store.begin(KEY) is Standing.DONE


async def test_callback_whose_process_died_is_new_again_when_its_lease_has_ended(another: Another) -> None:
    async with another(lease=0.05) as dead:
        await dead.begin(KEY)
    async with another(lease=0.05) as alive, asyncio.timeout(LONG):
        while await alive.begin(KEY) is not Standing.NEW:  # noqa: ASYNC110  time passes at the server
            await asyncio.sleep(0.01)


async def test_of_many_who_ask_at_once_one_handles_it(another: Another) -> None:
    stores = [another() for _ in range(3)]
    await asyncio.gather(*(each.open() for each in stores))
    standings = await asyncio.gather(*(stores[number % 3].begin(KEY) for number in range(30)))
    await asyncio.gather(*(each.close() for each in stores))
    assert standings.count(Standing.NEW) == 1
    assert standings.count(Standing.RUNNING) == 29


async def test_what_is_old_is_forgotten(another: Another) -> None:
    async with another(keep=0.05) as store, asyncio.timeout(LONG):
        await store.begin(KEY)
        await store.commit(KEY)
        await store.note_token("key", "jti", "hash")
        await store.add_event({"topic"}, b"{}")
        while await store.begin(KEY) is Standing.DONE or await store.recall({"topic"}):
            await asyncio.sleep(0.02)
            await store.sweep()
        assert await store.note_token("key", "jti", "another hash")


# Tokens -----------------------------------------------------------------------------------------------------------


async def test_token_that_comes_with_another_body_is_refused(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        assert await store.note_token("key", "jti", "hash")
        assert await elsewhere.note_token("key", "jti", "hash")
        assert not await elsewhere.note_token("key", "jti", "other hash")
        assert await elsewhere.note_token("other key", "jti", "other hash")


async def test_receivers_share_what_they_have_handled(another: Another) -> None:
    handled: list[str] = []
    router = Router()

    @router.status("delivered")
    async def on_status(event: MessageStatus) -> None:
        handled.append(event.message_uuid)

    body = json.dumps(status_of("a")).encode()
    other = json.dumps(status_of("b")).encode()
    now = datetime.now(UTC)
    headers = sign_webhook(body, SECRET, api_key="key", issued_at=now, token_id="jti")
    async with another() as one, another() as two:
        receivers = [
            Receiver(router, verifier=SignatureVerifier(SECRET), seen=each, tokens=each) for each in (one, two)
        ]
        assert [(await receiver.receive(headers, body)).status for receiver in receivers] == [200, 200]
        assert handled == ["a"]
        forged = sign_webhook(other, SECRET, api_key="key", issued_at=now, token_id="jti")
        assert (await receivers[1].receive(forged, other)).status == 401
        fresh = sign_webhook(other, SECRET, api_key="key", issued_at=now)
        assert (await receivers[1].receive(fresh, other)).status == 200
    assert handled == ["a", "b"]


async def test_callback_comes_again_where_the_store_of_tokens_fails(another: Another) -> None:
    body = json.dumps(status_of("a")).encode()
    headers = sign_webhook(body, SECRET, api_key="key", issued_at=datetime.now(UTC))
    store = another()
    receiver = Receiver(Router(), verifier=SignatureVerifier(SECRET), tokens=store)
    assert (await receiver.receive(headers, body)).status == 503
    async with store:
        assert (await receiver.receive(headers, body)).status == 200


# What has happened ------------------------------------------------------------------------------------------------


async def test_events_are_recalled_by_any_of_their_topics(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        await store.add_event({"one", "two"}, b"1")
        await store.add_event({"two"}, b"2")
        assert await elsewhere.recall({"one"}) == [b"1"]
        assert await elsewhere.recall({"one", "two"}) == [b"1", b"2"]
        assert await elsewhere.recall({"none"}) == []


async def test_of_very_many_events_the_latest_are_recalled(
    another_webhooks_on_postgres: Another, postgres: str, schema: str
) -> None:
    async with another_webhooks_on_postgres() as store:
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
            await connection.execute(
                SQL(
                    "WITH added AS (INSERT INTO {} (since, body) SELECT extract(epoch FROM now()), '0' "
                    "FROM generate_series(1, 600) RETURNING id) INSERT INTO {} SELECT 'one', id FROM added"
                ).format(Identifier(schema, "event"), Identifier(schema, "event_topic"))
            )
        await store.add_event({"one"}, b"the latest")
        recalled = await store.recall({"one"})
    assert (len(recalled), recalled[-1]) == (500, b"the latest")


async def test_everybody_hears_of_an_event(store: Any, another: Another) -> None:
    heard: asyncio.Queue[Collection[str]] = asyncio.Queue()
    async with another() as elsewhere:
        for each in (store, elsewhere):
            each.listen(heard.put_nowait)
        await store.add_event({"one", "two"}, b"1")
        async with asyncio.timeout(LONG):
            assert {*await heard.get()} == {*await heard.get()} == {"one", "two"}


async def test_wait_ends_wherever_the_status_lands(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        waiting = asyncio.ensure_future(Tracker(store=store).wait_for("a", "delivered", timeout=LONG))
        await asyncio.sleep(0)
        lands = Tracker(store=elsewhere)
        await lands.observe(status("another"))
        await lands.observe(status("a", "submitted"))
        await lands.observe(status("a"))
        assert (await waiting).status == "delivered"


async def test_what_is_known_here_needs_no_time(store: Any) -> None:
    tracker = Tracker(store=store)
    await tracker.observe(status("a"))
    await tracker.observe(reply("yes"))
    await tracker.observe(status("b", "rejected"))
    assert (await tracker.wait_for("a", timeout=0)).status == "delivered"
    assert (await tracker.wait_for_reply("a", timeout=0)).content.text == "yes"
    assert [each.status async for each in tracker.statuses("b", timeout=0)] == ["rejected"]
    with pytest.raises(NotDeliveredError):
        await tracker.wait_for("b", timeout=0)
    with pytest.raises(WaitTimeoutError):
        await tracker.wait_for("c", timeout=0)


async def test_wait_that_begins_late_finds_what_has_landed(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        await Tracker(store=elsewhere).observe(status("a", "read"))
    assert (await Tracker(store=store).wait_for("a", timeout=LONG)).status == "read"


async def test_reply_is_found_by_the_two_sides_that_a_status_told(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        lands = Tracker(store=elsewhere)
        await lands.observe(status("a", "submitted"))
        await lands.observe(reply("an answer to all"))
        assert (await Tracker(store=store).wait_for_reply("a", timeout=LONG)).content.text == "an answer to all"
        quoting = {"context_status": "available", "context": {"message_uuid": "b", "message_from": "447700900001"}}
        waiting = asyncio.ensure_future(Tracker(store=store).wait_for_reply("b", timeout=LONG))
        await asyncio.sleep(0)
        await lands.observe(reply("an answer to one", **quoting))
        assert (await waiting).content.text == "an answer to one"


async def test_message_from_before_the_wait_is_no_reply_to_what_no_status_tells_of(
    store: Any, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    recall, was_read = store.recall, asyncio.Event()

    async def noted(topics: Collection[str]) -> list[bytes]:
        found: list[bytes] = await recall(topics)
        was_read.set()
        return found

    monkeypatch.setattr(store, "recall", noted)
    message = WhatsappText(to="447700900000", from_="447700900001", text="Shall we?")
    async with another() as elsewhere:
        lands = Tracker(store=elsewhere)
        await lands.observe(reply("hello"))
        waiting = asyncio.ensure_future(Tracker(store=store).wait_for_reply("a", message=message, timeout=LONG))
        await was_read.wait()
        await lands.observe(reply("yes"))
        assert (await waiting).content.text == "yes"


async def test_chain_is_followed_to_its_last_message(store: Any, another: Another) -> None:
    def link(number: int) -> dict[str, Any]:
        return {"workflow": {"workflow_id": "w", "items_number": str(number), "items_total": "2"}}

    async with another() as elsewhere:
        lands = Tracker(store=elsewhere)
        waiting = asyncio.ensure_future(Tracker(store=store).wait_for("a", timeout=LONG))
        await asyncio.sleep(0)
        await lands.observe(status("a", "rejected", **link(1)))
        await lands.observe(status("b", "delivered", **link(2)))
        assert (await waiting).message_uuid == "b"


async def test_statuses_are_given_once_each(store: Any, another: Another) -> None:
    async with another() as elsewhere:
        lands = Tracker(store=elsewhere)
        await lands.observe(status("a", "submitted"))
        given = []
        async for each in Tracker(store=store).statuses("a", timeout=LONG):
            given.append(each.status)
            if each.status == "submitted":
                await lands.observe(status("a", "submitted"))
                await lands.observe(status("a", "delivered"))
                await lands.observe(status("a", "read"))
    assert given == ["submitted", "delivered", "read"]


async def test_wait_may_still_be_in_vain(store: Any) -> None:
    with pytest.raises(WaitTimeoutError):
        await Tracker(store=store).wait_for("a", timeout=0.05)


@pytest.fixture
def receiving_process(kind: str, program: Any, schema: str, request: pytest.FixtureRequest) -> subprocess.Popen[str]:
    """Start a process that takes the callbacks which it reads line by line."""
    address = request.getfixturevalue("postgres" if kind == "postgres" else "redis_url")
    process: subprocess.Popen[str] = program(ANOTHER_PROCESS, kind, address, schema)
    return process


async def test_status_lands_in_another_process(store: Any, receiving_process: subprocess.Popen[str]) -> None:
    process = receiving_process
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline().strip() == "ready"
    waiting = asyncio.ensure_future(Tracker(store=store).wait_for("a", timeout=LONG))
    await asyncio.sleep(0)
    process.stdin.write(json.dumps(status_of("a")) + "\n")
    process.stdin.flush()
    assert (await waiting).status == "delivered"


async def test_events_are_heard_again_after_a_lost_connection(
    another_webhooks_on_postgres: Another, postgres: str
) -> None:
    async with another_webhooks_on_postgres() as store, another_webhooks_on_postgres() as elsewhere:
        waiting = asyncio.ensure_future(Tracker(store=store).wait_for("a", timeout=LONG))
        await asyncio.sleep(0)
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        await Tracker(store=elsewhere).observe(status("a"))
        assert (await waiting).status == "delivered"


# Opening and closing ----------------------------------------------------------------------------------------------


async def test_store_is_opened_once_and_closed_twice(another: Another) -> None:
    store = another()
    await store.open()
    with pytest.raises(OutboxError, match="open already"):
        await store.open()
    await store.close()
    await store.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: PostgresWebhookStore("postgresql://nobody@127.0.0.1:1/nothing", patience=0.1),
        lambda: RedisWebhookStore("redis://127.0.0.1:1/0", patience=0.1),
    ],
    ids=["postgres", "redis"],
)
async def test_server_that_cannot_be_reached_is_unavailable(make: Callable[[], Any]) -> None:
    with pytest.raises(StoreUnavailableError):
        await make().open()


@pytest.mark.parametrize("options", [{"keep": 0}, {"keep": math.inf}, {"lease": -1.0}, {"patience": 0}])
def test_option_that_cannot_work_is_refused(another: Another, options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        another(**options)
