"""Status callbacks: signed, to the right URL, in the right shape, repeated as the platform does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from aiohttp import web

from vonage_messages.auth import BasicAuth
from vonage_messages.channels.mail import EmailText
from vonage_messages.channels.messenger import MessengerText
from vonage_messages.channels.mms import MmsText
from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberText
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clients import Client
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator import Delivery, Simulator, Webhooks
from vonage_messages.simulator.callbacks import checked_hosts, may_be_called
from vonage_messages.simulator.validate import validate_webhook
from vonage_messages.webhooks.parse import parse_status
from vonage_messages.webhooks.signing import SignatureVerifier

PERSON = "447700900000"
FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)
MESSAGES = [
    Sms(to=PERSON, from_="447700900001", text="Hello", client_ref="parcel-1"),
    MmsText(to="14155550101", from_="14155550100", text="Hello"),
    RcsText(to=PERSON, from_="Acme", text="Hello"),
    WhatsappText(to=PERSON, from_="447700900001", text="Hello"),
    MessengerText(to="7064120230221346", from_="107083064136738", text="Hello"),
    ViberText(to=PERSON, from_="22353", text="Hello"),
    EmailText(to="ada@example.com", from_="news@example.com", text="Hello", email={"subject": "News"}),
]


@attrs.define
class Hook:
    """A webhook on loopback that answers as its script says; the last answer stands for all further ones."""

    url: str = ""
    script: list[int] = attrs.field(factory=lambda: [200])
    requests: list[tuple[str, dict[str, str], bytes]] = attrs.field(factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.script[min(len(self.requests), len(self.script)) - 1])

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_post("/{name}", hook.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield hook
    await runner.cleanup()


async def send(simulator: Simulator, message: Any, **options: Any) -> Any:
    async with simulator.client() as client:
        return await client.send(message, **options)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.channel)
async def test_statuses_are_those_of_the_reference(hook: Hook, message: Any) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        sent = await send(simulator, message)
        await simulator.settle()
    assert [body["status"] for body in hook.bodies][:2] == ["submitted", "delivered"]
    for body in hook.bodies:
        assert validate_webhook(f"status.{message.channel}", body) == []
        assert body["message_uuid"] == sent.message_uuid
        assert (body["to"], body["from"]) == (message.to, message.from_)
        assert body.get("client_ref") == message.client_ref


@pytest.mark.parametrize("message", MESSAGES[:1] + MESSAGES[3:6], ids=lambda message: message.channel)
async def test_statuses_of_v0_1_have_their_own_shape(hook: Hook, message: Any) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST, webhook_version="v0.1") as simulator:
        sent = await send(simulator, message)
        await simulator.settle()
    body = hook.bodies[0]
    status = parse_status(body)
    assert "channel" not in body
    assert isinstance(body["to"], dict)
    assert (status.version, status.channel, status.to, status.from_) == (
        "v0.1",
        message.channel,
        message.to,
        message.from_,
    )
    assert (status.status, status.message_uuid) == ("submitted", sent.message_uuid)
    assert dict(status.extra) == {}


async def test_every_callback_has_a_genuine_signature_of_its_own(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        await send(simulator, MESSAGES[0])
        await simulator.settle()
        verifier = SignatureVerifier(simulator.signature_secret)
        claims = [verifier.verify(headers, body) for _, headers, body in hook.requests]
        assert {each.api_key for each in claims} == {simulator.api_key}
        assert {each.application_id for each in claims} == {simulator.application_id}
    assert len({each.token_id for each in claims}) == 2


async def test_account_has_webhooks_of_its_own(hook: Hook) -> None:
    account = Webhooks(status_url=f"{hook.url}/account", version="v0.1")
    async with Simulator(status_url=f"{hook.url}/application", account=account, delivery=FAST) as simulator:
        auth = BasicAuth(simulator.api_key, simulator.api_secret)
        async with Client(auth, base_url=simulator.url) as client:
            await client.send(MESSAGES[0])
        await simulator.settle()
        assert {path for path, _, _ in hook.requests} == {"/account"}
        _, headers, body = hook.requests[0]
        assert SignatureVerifier(simulator.signature_secret).verify(headers, body).application_id is None
    assert isinstance(hook.bodies[0]["to"], dict)


async def test_account_without_webhooks_of_its_own_has_those_of_the_application(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/application", delivery=FAST) as simulator:
        async with Client(BasicAuth(simulator.api_key, simulator.api_secret), base_url=simulator.url) as client:
            await client.send(MESSAGES[0])
        await simulator.settle()
    assert {path for path, _, _ in hook.requests} == {"/application"}


async def test_url_and_version_of_the_message_come_first(hook: Hook) -> None:
    message = Sms(to=PERSON, from_="Acme", text="Hello", webhook_url=f"{hook.url}/message", webhook_version="v0.1")
    async with Simulator(status_url=f"{hook.url}/application", delivery=FAST) as simulator:
        await send(simulator, message)
        await simulator.settle()
    assert {path for path, _, _ in hook.requests} == {"/message"}
    assert isinstance(hook.bodies[0]["to"], dict)


async def test_message_over_v0_1_is_told_of_as_well(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        await send(simulator, MESSAGES[5], api_version="v0.1")
        await simulator.settle()
    assert hook.bodies[0]["channel"] == "viber_service"
    assert validate_webhook("status.viber_service", hook.bodies[0]) == []


async def test_without_a_url_nothing_is_called() -> None:
    async with Simulator(delivery=FAST) as simulator:
        await send(simulator, MESSAGES[0])
        await simulator.settle()
        assert simulator.callbacks == []


async def test_url_of_a_message_on_another_machine_is_not_called() -> None:
    message = Sms(to=PERSON, from_="Acme", text="Hello", webhook_url="https://example.com/status")
    async with Simulator(delivery=FAST) as simulator:
        await send(simulator, message)
        await simulator.settle()
        assert {(each.status, each.number, each.headers == {}) for each in simulator.callbacks} == {(None, 1, True)}
        assert "not called" in simulator.callbacks[0].error


@pytest.mark.parametrize("status", ["rejected", "undeliverable"])
async def test_chosen_number_fails_with_the_chosen_code(hook: Hook, status: str) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        simulator.fail(1180, to=PERSON, status=status)
        await send(simulator, MESSAGES[0])
        await send(simulator, MESSAGES[1])
        await simulator.settle()
    failed = [body for body in hook.bodies if body["status"] == status]
    assert [body["to"] for body in failed] == [PERSON]
    assert validate_webhook("status.sms", failed[0]) == []
    error = parse_status(failed[0]).error
    assert error is not None
    assert error.code == 1180


async def test_error_of_v0_1_is_a_number_and_a_reason(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/status", webhook_version="v0.1", delivery=FAST) as simulator:
        simulator.fail(1300)
        await send(simulator, MESSAGES[3])
        await simulator.settle()
    (body,) = hook.bodies
    assert body["error"]["code"] == 1300
    assert body["error"]["reason"]


async def test_most_precise_failure_counts_until_all_recover(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        simulator.fail(1000)
        simulator.fail(1300, channel="whatsapp")
        simulator.fail(1050, to=PERSON, channel="whatsapp")
        await send(simulator, MESSAGES[3])
        await simulator.settle()
        simulator.recover()
        await send(simulator, MESSAGES[0])
        await simulator.settle()
    codes = [body["error"]["title"] for body in hook.bodies if "error" in body]
    assert codes == ["1050"]
    assert hook.bodies[-1]["status"] == "delivered"


async def test_failover_goes_on_after_a_rejection(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        simulator.fail(1300, channel="rcs")
        sent = await send(simulator, MESSAGES[2], failover=[MESSAGES[0], MESSAGES[3]])
        await simulator.settle()
    assert [(body["channel"], body["status"], body["workflow"]["items_number"]) for body in hook.bodies] == [
        ("rcs", "rejected", "1"),
        ("sms", "submitted", "2"),
        ("sms", "delivered", "2"),
    ]
    assert {body["workflow"]["workflow_id"] for body in hook.bodies} == {sent.workflow_id}
    assert {body["workflow"]["items_total"] for body in hook.bodies} == {"3"}
    assert len({body["message_uuid"] for body in hook.bodies}) == 2
    assert hook.bodies[0]["message_uuid"] == sent.message_uuid


@pytest.mark.parametrize("refusal", [429, 500, 503])
async def test_callback_that_is_refused_for_now_comes_again_on_the_schedule(hook: Hook, refusal: int) -> None:
    hook.script = [refusal, refusal, refusal, 200]
    clock = ManualClock()
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST, clock=clock) as simulator:
        await send(simulator, MESSAGES[0])
        await simulator.settle()
        started = clock()
        for tries, delay in ((2, 5), (3, 10), (4, 20)):
            await clock.advance(delay - 0.5)
            await simulator.settle()
            assert len(hook.requests) == tries - 1
            await clock.advance(0.5)
            await simulator.settle()
            assert len(hook.requests) >= tries
        first = [each for each in simulator.callbacks if each.payload["status"] == "submitted"]
        assert [each.status for each in first] == [refusal, refusal, refusal, 200]
        assert [each.number for each in first] == [1, 2, 3, 4]
        assert [round(each.sent_at.timestamp() - started) for each in first] == [0, 5, 15, 35]
        assert len({each.headers["Authorization"] for each in first}) == 4
        assert hook.bodies[-1]["status"] == "delivered"


async def test_callback_is_dropped_after_a_day(hook: Hook) -> None:
    hook.script = [503]
    clock = ManualClock()
    async with Simulator(inbound_url=f"{hook.url}/inbound", clock=clock) as simulator:
        await simulator.inbound(text="Hello")
        started = clock()
        for _ in range(300):
            await clock.advance(300)
            await simulator.settle()
        tries = simulator.callbacks
        assert clock.sleepers == 0
    assert 100 <= len(tries) <= 110
    assert 24 * 3600 - 900 < tries[-1].sent_at.timestamp() - started <= 24 * 3600 + 600


@pytest.mark.parametrize("answer", [200, 204, 301, 400, 401, 404])
async def test_every_other_answer_ends_it(hook: Hook, answer: int) -> None:
    hook.script = [answer]
    clock = ManualClock()
    async with Simulator(inbound_url=f"{hook.url}/inbound", clock=clock) as simulator:
        result = await simulator.inbound(text="Hello")
        await clock.advance(24 * 3600)
        await simulator.settle()
        assert len(hook.requests) == 1
    assert (result.status, result.accepted) == (answer, answer < 300)


async def test_callback_without_an_answer_comes_again(unused_tcp_port_factory: Callable[[], int]) -> None:
    clock = ManualClock()
    url = f"http://127.0.0.1:{unused_tcp_port_factory()}/inbound"
    async with Simulator(inbound_url=url, clock=clock) as simulator:
        first = await simulator.inbound(text="Hello")
        await clock.advance(5)
        await simulator.settle()
        assert (first.status, first.comes_again) == (None, True)
        assert "no answer" in first.error
        assert [each.number for each in simulator.callbacks] == [1, 2]


async def test_slow_message_does_not_hold_up_others(hook: Hook) -> None:
    hook.script = [503, 200]
    clock = ManualClock()
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST, clock=clock) as simulator:
        await send(simulator, MESSAGES[0])
        await simulator.settle()
        await send(simulator, MESSAGES[1])
        await simulator.settle()
        assert [body["channel"] for body in hook.bodies] == ["sms", "mms", "mms"]


async def test_stopping_ends_what_waits_for_a_repetition(hook: Hook) -> None:
    hook.script = [503]
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        await send(simulator, MESSAGES[0])
        async with asyncio.timeout(60):
            while not hook.requests:  # noqa: ASYNC110  the other side is a server, not a task that could tell
                await asyncio.sleep(0.005)
    assert not simulator._sender._tasks


async def test_settling_tells_of_a_callback_that_is_repeated(hook: Hook) -> None:
    hook.script = [503]
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        await send(simulator, MESSAGES[0])
        with pytest.raises(SimulatorError, match="still on their way"):
            await simulator.settle(timeout=0.05)


async def test_simulator_that_was_started_again_calls_back(hook: Hook) -> None:
    simulator = Simulator(status_url=f"{hook.url}/status", delivery=FAST)
    for _ in range(2):
        async with simulator:
            await send(simulator, MESSAGES[0])
            await simulator.settle()
    assert len(hook.requests) == 4


async def test_webhooks_may_be_set_while_it_runs(hook: Hook) -> None:
    async with Simulator(delivery=FAST) as simulator:
        simulator.webhooks = Webhooks(status_url=f"{hook.url}/status")
        await send(simulator, MESSAGES[0])
        await simulator.settle()
        assert len(simulator.callbacks) == 2
        simulator.clear()
        assert simulator.callbacks == []


async def test_what_is_cleared_is_heard_of_no_more(hook: Hook) -> None:
    clock = ManualClock()
    hook.script = [500]
    async with Simulator(clock=clock, status_url=f"{hook.url}/status", inbound_url=f"{hook.url}/inbound") as simulator:
        simulator.fail(1180)
        await send(simulator, MESSAGES[0], failover=[MESSAGES[3]])
        await simulator.inbound(text="Hello")
        assert simulator.callbacks

        simulator.clear()
        heard = len(hook.requests)
        await simulator.advance(2 * 60 * 60)

        assert (simulator.messages, simulator.callbacks, simulator.state.inbound) == ([], [], [])
        assert len(hook.requests) == heard
        simulator.recover()
        hook.script = [200]
        await send(simulator, MESSAGES[0])
        await simulator.advance(60)
        assert [each.accepted for each in simulator.callbacks] == [True] * len(hook.requests[heard:])
        assert simulator.callbacks


async def test_whoever_waits_for_a_webhook_is_told_that_all_was_cleared() -> None:
    called, left = asyncio.Event(), asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await reader.read()
        writer.close()
        left.set()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, Simulator(inbound_url=url) as simulator:
        waiting = asyncio.ensure_future(simulator.inbound(text="Hello"))
        await called.wait()
        simulator.clear()
        with pytest.raises(SimulatorError, match="cleared"):
            await waiting
        await simulator.settle()
        await left.wait()
        assert simulator.callbacks == []


@pytest.mark.parametrize(
    "options",
    [
        {"status_url": "https://example.com/status"},
        {"inbound_url": "ftp://127.0.0.1/x"},
        {"account": Webhooks(status_url="http://10.0.0.1/")},
        {"webhook_version": "v2"},
    ],
)
def test_webhooks_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Simulator(**options)


@pytest.mark.each(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8080/x", True),
        ("http://[::1]:8080/x", True),
        ("http://localhost/x", True),
        ("https://app:8443/x", True),
        ("http://127.0.0.1@example.com/", False),
        ("http://example.com#@127.0.0.1/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://2130706433/", False),
        ("http://0.0.0.0/", False),
        ("http://127.0.0.1:99999/", False),
        ("file://127.0.0.1/x", False),
        ("http://[::1/", False),
        ("", False),
    ],
)
def test_only_this_machine_and_named_hosts_are_called(url: str, allowed: bool) -> None:
    assert may_be_called(url, frozenset({"app"})) is allowed


@pytest.mark.each(
    ("name", "url"),
    [
        ("App", "https://app:8443/x"),
        ("my_service.internal.", "http://my_service.internal./x"),
        ("192.0.2.7", "http://192.0.2.7:8080/x"),
        ("2001:db8::7", "http://[2001:db8::7]:8080/x"),
        ("[2001:db8::7]", "http://[2001:db8::7]/x"),
        ("b\u00fccher.example", "http://b\u00fccher.example/x"),
    ],
)
def test_named_host_is_called_as_it_stands_in_an_address(name: str, url: str) -> None:
    assert may_be_called(url, checked_hosts([name]))


@pytest.mark.each(
    "name",
    ["", " ", "http://app", "app:8080", "app/x", "*.example.com", "a b", "a..b", "[app]x", "me@app", "a" * 254, 5.5j],
)
def test_what_can_be_the_host_of_no_address_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="callback_hosts must be names or addresses"):
        checked_hosts([name])


def test_one_text_is_no_list_of_hosts() -> None:
    with pytest.raises(ConfigurationError, match="not one text"):
        Simulator(callback_hosts="app")


async def test_nothing_secret_is_shown(hook: Hook) -> None:
    async with Simulator(status_url=f"{hook.url}/status", delivery=FAST) as simulator:
        await send(simulator, MESSAGES[0])
        await simulator.settle()
        shown = repr(simulator.callbacks)
        assert simulator.signature_secret not in shown
        assert PERSON not in shown
        assert "Bearer" not in shown
