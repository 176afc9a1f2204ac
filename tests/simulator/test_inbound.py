"""What people write to the simulator: every type, both versions, checked by the table and read by the parser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import ClientSession, web

from vonage_messages.channels.messenger import MessengerText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberText
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clock import ManualClock
from vonage_messages.errors import SignatureError, SimulatorError
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.people import COMPANY, inbound_types
from vonage_messages.simulator.rules import webhook_rules
from vonage_messages.simulator.validate import validate_webhook
from vonage_messages.webhooks.content import Unknown
from vonage_messages.webhooks.parse import parse_inbound, parse_webhook
from vonage_messages.webhooks.signing import SignatureVerifier

V1 = [(channel, kind) for channel in COMPANY for kind in inbound_types(channel)]
V0_1 = [(channel, kind) for channel in COMPANY for kind in inbound_types(channel, "v0.1")]


@attrs.define
class Hook:
    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = attrs.field(factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        return web.Response()

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.requests[-1][1])
        return body


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_post("/inbound", hook.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/inbound"
    yield hook
    await runner.cleanup()


def test_every_inbound_type_of_the_table_can_be_written() -> None:
    listed = {name for name in webhook_rules().messages if name.startswith("inbound.")}
    assert {f"inbound.{channel}.{kind}" for channel, kind in V1} == listed


@pytest.mark.parametrize(("channel", "kind"), V1)
async def test_inbound_message_of_v1_is_that_of_the_reference(hook: Hook, channel: str, kind: str) -> None:
    async with Simulator(inbound_url=hook.url) as simulator:
        result = await simulator.inbound(channel=channel, message_type=kind)
    assert result.accepted
    assert validate_webhook(f"inbound.{channel}.{kind}", hook.body) == []
    event = parse_inbound(hook.body)
    assert (event.version, event.channel, event.message_type) == ("v1", channel, kind)
    assert not isinstance(event.content, Unknown)
    assert dict(event.extra) == {}
    assert event.message_uuid == result.message_uuid


@pytest.mark.parametrize(("channel", "kind"), V0_1)
async def test_inbound_message_of_v0_1_is_read_alike(hook: Hook, channel: str, kind: str) -> None:
    async with Simulator(inbound_url=hook.url, webhook_version="v0.1") as simulator:
        await simulator.inbound(channel=channel, message_type=kind)
    event = parse_inbound(hook.body)
    assert "channel" not in hook.body
    assert (event.version, event.channel, event.message_type) == ("v0.1", channel, kind)
    assert not isinstance(event.content, Unknown)
    assert dict(event.extra) == {}


async def test_version_may_be_chosen_for_one_message(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url) as simulator:
        await simulator.inbound(channel="whatsapp", message_type="location", version="v0.1")
    location = hook.body["message"]["content"]["location"]
    assert (location["latitude"], location["longitude"]) == ("51.5074", "-0.1278")


async def test_inbound_message_is_signed(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url) as simulator:
        await simulator.inbound(text="Hello")
        headers, body = hook.requests[0]
        claims = SignatureVerifier(simulator.signature_secret).verify(headers, body)
        assert (claims.api_key, claims.application_id) == (simulator.api_key, simulator.application_id)


async def test_forgery_has_another_secret(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url) as simulator:
        await simulator.inbound(text="Hello", signature_secret="a guess of somebody")
        headers, body = hook.requests[0]
        with pytest.raises(SignatureError):
            SignatureVerifier(simulator.signature_secret).verify(headers, body)


async def test_what_is_given_takes_the_place_of_what_is_made_up(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url) as simulator:
        await simulator.inbound(
            channel="sms", from_="447700900005", to="447700900006", text="Stop it", origin={"network_code": "1"}
        )
    body = hook.body
    assert (body["from"], body["to"], body["text"]) == ("447700900005", "447700900006", "Stop it")
    assert body["sms"]["keyword"] == "STOP"
    assert body["origin"] == {"network_code": "1"}


@pytest.mark.parametrize(
    ("message", "quotes"),
    [
        (Sms(to="447700900000", from_="447700900001", text="Hello"), False),
        (WhatsappText(to="447700900000", from_="447700900001", text="Hello"), True),
        (ViberText(to="447700900000", from_="22353", text="Hello"), True),
        (MessengerText(to="7064120230221346", from_="107083064136738", text="Hello"), False),
    ],
    ids=lambda value: getattr(value, "channel", ""),
)
@pytest.mark.parametrize("by_id", [True, False])
async def test_reply_swaps_the_sides_and_quotes_where_it_can(
    hook: Hook, message: Any, quotes: bool, by_id: bool
) -> None:
    async with Simulator(inbound_url=hook.url) as simulator, simulator.client() as client:
        sent = await client.send(message)
        await simulator.inbound(reply_to=sent.message_uuid if by_id else simulator.messages[-1], text="Yes")
    event = parse_inbound(hook.body)
    assert (event.channel, event.from_, event.to) == (message.channel, message.to, message.from_)
    if quotes:
        assert event.context is not None
        assert event.context.message_uuid == sent.message_uuid
    else:
        assert event.context is None


async def test_reply_to_a_viber_message_over_v0_1_is_on_the_channel_of_v1(hook: Hook) -> None:
    message = ViberText(to="447700900000", from_="22353", text="Hello")
    async with Simulator(inbound_url=hook.url) as simulator, simulator.client() as client:
        await client.send(message, api_version="v0.1")
        await simulator.inbound(reply_to=simulator.messages[-1], text="Yes")
    assert hook.body["channel"] == "viber_service"


async def test_inbound_message_can_be_marked_as_read(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url) as simulator, simulator.client() as client:
        await simulator.inbound(channel="whatsapp", text="Hello")
        event = parse_webhook(hook.requests[0][1])
        assert event.self_href == f"{simulator.url}/v1/messages/{event.message_uuid}"
        await client.mark_read(event)
        assert [update.status for update in simulator.state.inbound[0].updates] == ["read"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channel": "fax"}, "people write on sms"),
        ({"channel": "email"}, "people write on sms"),
        ({"channel": "sms", "message_type": "image"}, "people send text on sms"),
        ({"channel": "whatsapp", "message_type": "reply", "version": "v0.1"}, "not 'reply'"),
        ({"channel": "whatsapp", "context_status": "perhaps"}, "context_status: must be one of"),
        ({"channel": "rcs", "message_type": "location", "location": {"lat": "51"}}, "location.lat: must be a number"),
        ({"channel": "sms", "colour": "red"}, "colour"),
        ({"reply_to": "unknown"}, "names no message"),
    ],
)
async def test_what_the_platform_would_not_send_is_refused(hook: Hook, options: dict[str, Any], words: str) -> None:
    async with Simulator(inbound_url=hook.url) as simulator:
        with pytest.raises(SimulatorError, match=words):
            await simulator.inbound(**options)
        assert simulator.state.inbound == []
    assert hook.requests == []


async def test_without_a_url_nobody_can_write() -> None:
    async with Simulator() as simulator:
        with pytest.raises(SimulatorError, match="inbound_url"):
            await simulator.inbound(text="Hello")


async def test_simulator_that_does_not_run_takes_no_message() -> None:
    with pytest.raises(SimulatorError, match="not running"):
        await Simulator(inbound_url="http://127.0.0.1:1/").inbound(text="Hello")


async def test_file_of_a_message_is_served(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url) as simulator, ClientSession() as session:
        await simulator.inbound(channel="mms", message_type="image", media=b"a picture")
        async with session.get(hook.body["image"]["url"]) as response:
            assert (response.status, await response.read()) == (200, b"a picture")


async def test_secure_file_needs_a_token_of_the_application(hook: Hook) -> None:
    async with Simulator(inbound_url=hook.url, secure_media=True) as simulator, ClientSession() as session:
        await simulator.inbound(channel="mms", message_type="image", media=b"a picture")
        async with session.get(hook.body["image"]["url"]) as response:
            assert response.status == 401


async def test_file_is_gone_after_48_hours(hook: Hook) -> None:
    clock = ManualClock()
    async with Simulator(inbound_url=hook.url, clock=clock) as simulator, ClientSession() as session:
        await simulator.inbound(channel="mms", message_type="image")
        for seconds, expected in ((48 * 3600, 200), (1, 404)):
            await clock.advance(seconds)
            async with session.get(hook.body["image"]["url"]) as response:
                assert response.status == expected
