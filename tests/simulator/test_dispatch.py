"""What becomes of messages when nobody listens, and what is kept of all that happens."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator import Delivery, ReceivedMessage, Simulator, journal
from vonage_messages.simulator.dispatch import MOST_FAILURES

FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)
SMS = Sms(to="447700900000", from_="Acme", text="Hello")
RCS = RcsText(to="447700900000", from_="Acme", text="Hello")


def statuses(simulator: Simulator, message: ReceivedMessage) -> list[str]:
    return [note.status for note in simulator.state.statuses(message.message_uuid)]


def lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


async def test_message_gets_its_statuses_though_nobody_listens() -> None:
    clock = ManualClock()
    started = clock()
    delivery = Delivery(submitted_after=1, delivered_after=10, read_after=100, spread=0)
    async with Simulator(clock=clock, delivery=delivery) as simulator, simulator.client() as client:
        await client.send(RCS)
        (message,) = simulator.messages
        await simulator.settle()
        assert statuses(simulator, message) == []
        await clock.advance(11)
        assert statuses(simulator, message) == ["submitted", "delivered"]
        await clock.advance(100)
        notes = simulator.state.statuses(message.message_uuid)
        assert [(note.status, round(note.at.timestamp() - started), note.code) for note in notes] == [
            ("submitted", 1, None),
            ("delivered", 11, None),
            ("read", 111, None),
        ]
        entries = simulator.state.journal.since(0)
        assert entries is not None
        assert [(entry.kind, entry.subject) for entry in entries] == [
            (journal.MESSAGE, message.message_uuid),
            *[(journal.STATUS, message.message_uuid)] * 3,
        ]


async def test_message_without_webhooks_costs_no_task() -> None:
    clock = ManualClock()
    async with Simulator(rate=None, clock=clock) as simulator, simulator.client() as client:
        await client.send(SMS)
        before = len(asyncio.all_tasks())
        for _ in range(20):
            await client.send(SMS)
        assert len(asyncio.all_tasks()) == before


def test_at_most_so_many_are_to_fail() -> None:
    simulator = Simulator()
    for number in range(MOST_FAILURES):
        simulator.fail(1180, to=str(number))
    simulator.fail(1320, to="7")
    with pytest.raises(ConfigurationError, match="let them arrive again first"):
        simulator.fail(1180)
    simulator.recover()
    simulator.fail(1180)
    assert len(simulator.failures) == 1


async def test_code_of_a_failure_is_kept() -> None:
    async with Simulator(delivery=FAST) as simulator, simulator.client() as client:
        simulator.fail(1180)
        await client.send(SMS)
        await simulator.settle()
        (note,) = simulator.state.statuses(simulator.messages[0].message_uuid)
        assert (note.status, note.code) == ("rejected", 1180)


async def test_later_messages_of_a_failover_chain_are_messages_of_their_own() -> None:
    async with Simulator(delivery=FAST) as simulator, simulator.client() as client:
        simulator.fail(1300, channel="sms")
        sent = await client.send(SMS, failover=[RCS, SMS])
        await simulator.settle()
        first, second = simulator.messages
        assert (first.message_uuid, first.failover_of) == (sent.message_uuid, None)
        assert (second.failover_of, second.channel, second.payload["text"]) == (sent.message_uuid, "rcs", "Hello")
        assert second.workflow_id == first.workflow_id
        assert statuses(simulator, first) == ["rejected"]
        assert statuses(simulator, second) == ["submitted", "delivered", "read"]
        await client.revoke(second.message_uuid)
        assert [update.status for update in simulator.messages[1].updates] == ["revoked"]


async def test_request_is_kept_with_its_answer_and_without_its_credentials(sms: dict[str, Any]) -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as session:
        for secret, status in ((simulator.api_secret, 202), ("a wrong one", 401)):
            credentials = base64.b64encode(f"{simulator.api_key}:{secret}".encode()).decode()
            headers = {"Authorization": f"Basic {credentials}"}
            async with session.post(f"{simulator.url}/v1/messages?x=1", json=sms, headers=headers) as response:
                exchange = simulator.state.exchange(response.headers["X-Request-Id"])
                assert exchange is not None
                assert (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/messages?x=1", status)
                assert exchange.answer == await response.text()
                assert lower(exchange.answer_headers) == lower(response.headers.items())
                asked = dict(exchange.request_headers)
                assert asked["Authorization"] == "Basic ***"
                assert asked["Content-Type"] == "application/json"
        assert simulator.state.exchange(simulator.messages[0].request_id) is not None


async def test_files_are_not_kept_in_exchanges() -> None:
    async with Simulator(delivery=FAST) as simulator, aiohttp.ClientSession() as session:
        known, _ = await simulator.written(
            channel="mms", message_type="image", media=b"\x89PNG\xff", media_type="image/png"
        )
        async with session.get(f"{simulator.url}/v3/media/{known.message_uuid}") as response:
            assert (response.content_type, await response.read()) == ("image/png", b"\x89PNG\xff")
            exchange = simulator.state.exchange(response.headers["X-Request-Id"])
        assert exchange is not None
        assert exchange.answer == ""


async def test_person_can_write_though_nobody_listens() -> None:
    async with Simulator() as simulator, simulator.client() as client:
        await client.send(attrs.evolve(SMS, from_="447700900001"))
        known, tried = await simulator.written(reply_to=simulator.messages[0], text="Yes, please")
        assert tried is None
        assert simulator.state.inbound == [known]
        assert (known.channel, known.message_type, known.from_, known.to) == (
            "sms",
            "text",
            "447700900000",
            "447700900001",
        )
        assert known.context_uuid == simulator.messages[0].message_uuid
        assert known.payload is not None
        assert known.payload["text"] == "Yes, please"
        assert simulator.callbacks == []
        with pytest.raises(SimulatorError, match="sends no such"):
            await simulator.written(channel="sms", text=5)
        assert len(simulator.state.inbound) == 1


async def test_what_only_v0_1_tells_of_is_kept_all_the_same() -> None:
    async with Simulator() as simulator:
        known, _ = await simulator.written(channel="viber_service", message_type="unsupported", version="v0.1")
        assert known.payload is not None
        assert known.payload["message_type"] == "unsupported"


async def test_tries_are_found_by_message_and_forgotten_oldest_first(unused_tcp_port: int) -> None:
    clock = ManualClock()
    url = f"http://127.0.0.1:{unused_tcp_port}/"
    async with Simulator(clock=clock, inbound_url=url, maximum=3) as simulator:
        first = await simulator.inbound(text="one")
        second = await simulator.inbound(text="two")
        assert simulator.callbacks_of(first.message_uuid) == [first]
        kept = simulator.state.journal
        assert [(entry.kind, entry.subject) for entry in kept.since(kept.last - 1) or []] == [
            (journal.CALLBACK, second.message_uuid)
        ]
        await clock.advance(5)
        await simulator.settle()
        assert len(simulator.callbacks) == 3
        assert simulator.callbacks_of(first.message_uuid) == simulator.callbacks[1:2]
        assert [each.number for each in simulator.callbacks_of(second.message_uuid)] == [1, 2]
        simulator.clear()
        assert simulator.callbacks_of(second.message_uuid) == []


async def test_neighbours_are_no_business_of_the_simulated_api() -> None:
    simulator = Simulator()

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    def add_routes(application: web.Application) -> None:
        application.router.add_get("/", hello)
        application.router.add_get("/_simulator/hello", hello)

    api = await simulator._api()
    runner = web.AppRunner(api.application(add_routes), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            for method, path, status, is_api in (
                ("GET", "/", 200, False),
                ("POST", "/", 404, True),
                ("GET", "/_simulator/hello", 200, False),
                ("GET", "/_simulator/nothing", 404, False),
                ("GET", "/openapi.json", 404, True),
                ("GET", "/v1/nothing", 404, True),
            ):
                async with session.request(method, url + path) as response:
                    assert response.status == status, path
                    assert ("X-Request-Id" in response.headers) is is_api, path
        assert len(simulator.refusals) == 3
    finally:
        await runner.cleanup()
