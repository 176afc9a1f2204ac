"""Faults of callbacks, seen by a real webhook."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web

from vonage_messages.channels.sms import Sms
from vonage_messages.clients import Client
from vonage_messages.clock import ManualClock
from vonage_messages.errors import SignatureError, UnsignedWebhookError
from vonage_messages.simulator import Delivery, Simulator
from vonage_messages.webhooks.signing import SignatureVerifier

FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)
SMS = Sms(to="447700900000", from_="Acme", text="Hello")


@attrs.define
class Hook:
    """A webhook that answers 200, or 401 to what is not signed as it should be."""

    url: str = ""
    verifier: SignatureVerifier | None = None
    heard: list[tuple[dict[str, Any], str]] = attrs.field(factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        verdict = "signed"
        assert self.verifier is not None
        try:
            self.verifier.verify(dict(request.headers), body)
        except (SignatureError, UnsignedWebhookError) as error:
            verdict = type(error).__name__
        self.heard.append((json.loads(body), verdict))
        return web.Response(status={"signed": 200, "UnsignedWebhookError": 503}.get(verdict, 401))

    @property
    def statuses(self) -> list[str]:
        return [body.get("status", "inbound") for body, _ in self.heard]

    @property
    def verdicts(self) -> list[str]:
        return [verdict for _, verdict in self.heard]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_post("/hook", hook.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    await runner.cleanup()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def simulator(hook: Hook, clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator(status_url=hook.url, inbound_url=hook.url, delivery=FAST, clock=clock) as running:
        hook.verifier = SignatureVerifier(running.signature_secret)
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.client() as opened:
        yield opened


async def test_a_delayed_callback_leaves_late_on_the_clock_of_the_simulator(
    simulator: Simulator, client: Client, hook: Hook, clock: ManualClock
) -> None:
    simulator.faults.add("callback_delay", seconds=600, count=1)
    await client.send(SMS)
    await simulator.settle()
    assert hook.heard == []
    await clock.advance(599)
    await simulator.settle()
    assert hook.heard == []
    await clock.advance(1)
    await simulator.settle()
    assert hook.statuses == ["submitted", "delivered"]


async def test_a_callback_comes_twice(simulator: Simulator, client: Client, hook: Hook) -> None:
    simulator.faults.add("callback_duplicate", count=1)
    await client.send(SMS)
    await simulator.settle()
    assert sorted(hook.statuses) == ["delivered", "submitted", "submitted"]
    signatures = {each.headers["Authorization"] for each in simulator.callbacks}
    assert len(signatures) == 3


async def test_the_statuses_of_a_message_leave_in_another_order(
    simulator: Simulator, client: Client, hook: Hook
) -> None:
    simulator.faults.add("callback_reorder", to="447700900000", count=1)
    await client.send(SMS)
    await simulator.settle()
    await client.send(SMS)
    await simulator.settle()
    assert hook.statuses == ["delivered", "submitted", "submitted", "delivered"]


async def test_an_unsigned_callback_is_repeated_with_its_signature(
    simulator: Simulator, client: Client, hook: Hook, clock: ManualClock
) -> None:
    simulator.faults.add("callback_unsigned", count=1)
    await client.send(SMS)
    await simulator.settle()
    assert hook.verdicts == [UnsignedWebhookError.__name__]
    assert "Authorization" not in simulator.callbacks[0].headers
    await clock.advance(5)
    await simulator.settle()
    assert list(zip(hook.statuses, hook.verdicts, strict=True)) == [
        ("submitted", "UnsignedWebhookError"),
        ("submitted", "signed"),
        ("delivered", "signed"),
    ]


async def test_a_wrong_signature_is_refused_for_good(simulator: Simulator, client: Client, hook: Hook) -> None:
    simulator.faults.add("callback_wrong_signature", channel="sms", from_="Acme", path="/hook", count=1)
    await client.send(SMS)
    await simulator.settle()
    assert list(zip(hook.statuses, hook.verdicts, strict=True)) == [
        ("submitted", "SignatureError"),
        ("delivered", "signed"),
    ]


@pytest.mark.parametrize("version", ["v1", "v0.1"])
async def test_callbacks_of_either_version_are_selected_by_their_message(
    simulator: Simulator, hook: Hook, version: str
) -> None:
    simulator.faults.add("callback_wrong_signature", channel="viber_service", from_="447700900000", to="22353")
    await simulator.inbound(channel="viber_service", version=version)
    await simulator.inbound(channel="sms", version=version)
    await simulator.inbound(channel="viber_service", from_="447700900009", version=version)
    assert hook.verdicts == ["SignatureError", "signed", "signed"]


async def test_faults_of_requests_spare_callbacks(simulator: Simulator, hook: Hook) -> None:
    for kind in ("throttle", "error", "truncated_json", "reset_before_reading"):
        simulator.faults.add(kind)
    await simulator.inbound(text="Hello")
    assert hook.verdicts == ["signed"]
    assert [placed.struck for placed in simulator.faults] == [0] * 4
