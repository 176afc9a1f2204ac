"""Failover policies: against the simulator that calls back, and with statuses by hand where a moment matters."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from vonage_messages import errors
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.auth import ApplicationAuth
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.failover import Failover, FailoverResult, ReferenceTracker
from vonage_messages.sending.outcome import SendFuture
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.delivery import Delivery
from vonage_messages.webhooks.parse import parse_status
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.wire.rest import SentMessage

TO = "447700900000"
WHATSAPP = WhatsappText(to=TO, from_="447700900001", text="Your parcel is here.", client_ref="parcel-1-whatsapp")
RCS = RcsText(to=TO, from_="Acme", text="Your parcel is here.", client_ref="parcel-1-rcs")
SMS = Sms(to=TO, from_="Acme", text="Your parcel is here.", client_ref="parcel-1-sms")
REFUSED = RawMessage({"channel": "rcs", "message_type": "text", "to": TO, "from": "Acme"})
"""Without a text: the simulator answers 422."""

SOON = 0.05
WINDOW = 0.3
"""It ends when nothing else happens: time passes by jumping (``quiet_clock``), however busy the machine is."""
POLL = 0.05
LONG = 600.0
"""Longer than any test lasts: whoever waits for it, hangs."""

pytestmark = pytest.mark.usefixtures("quiet_clock")

QUICK = Delivery(submitted_after=0.005, delivered_after=0.01, read_after=0.01)


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    """No test here leaves a task of a chain behind."""
    yield
    left = [task for task in asyncio.all_tasks() if "_Chain" in repr(task.get_coro())]
    assert left == []


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """It calls nobody back: statuses come by hand."""
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.client(retry=RetryPolicy(attempts=1)) as opened:
        yield opened


@asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@attrs.frozen
class Service:
    """A simulator that calls a receiver with a tracker."""

    simulator: Simulator
    tracker: ReferenceTracker
    client: Client


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    simulator = Simulator(rate=None, delivery=QUICK)
    router = Router()
    tracker = ReferenceTracker(router)
    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(simulator.signature_secret))
    async with serving(application) as url, simulator, simulator.client() as client:
        simulator.webhooks = attrs.evolve(simulator.webhooks, status_url=f"{url}/webhooks/message-status")
        yield Service(simulator, tracker, client)


class Between:
    """A way to the simulator on which requests and answers are held up, or lost, by channel."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.held: dict[str, asyncio.Event] = {}
        self.unanswered: dict[str, asyncio.Event] = {}
        self.lost: dict[str, Callable[[web.Request, web.Response], web.Response]] = {}
        self.arrived: dict[str, asyncio.Event] = {"rcs": asyncio.Event(), "sms": asyncio.Event()}
        self.swallowed: set[str] = set()

    async def pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        channel = json.loads(body)["channel"]
        if channel in self.arrived:
            self.arrived[channel].set()
        if channel in self.held:
            await self.held[channel].wait()
        if channel in self.swallowed:
            return web.Response(status=503)
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.simulator.url + request.path, data=body, headers=headers) as answer,
        ):
            passed = web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
        if channel in self.unanswered:
            await self.unanswered[channel].wait()
        return self.lost[channel](request, passed) if channel in self.lost else passed


@asynccontextmanager
async def between(simulator: Simulator) -> AsyncIterator[tuple[Between, Client]]:
    middle = Between(simulator)
    application = web.Application()
    application.router.add_post("/v1/messages", middle.pass_on)
    auth = ApplicationAuth(application_id=simulator.application_id, private_key=simulator.private_key)
    async with serving(application) as url, Client(auth, base_url=url) as client:
        yield middle, client


def fail_503(_request: web.Request, _passed: web.Response) -> web.Response:
    return web.Response(status=503)


def hang_up(request: web.Request, _passed: web.Response) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response(status=202)


def channels(simulator: Simulator) -> list[str]:
    return [message.channel for message in simulator.messages]


def told(word: str, message: Any, *, code: int | None = None) -> MessageStatus:
    """Make the status of a message that arrived at the simulator."""
    body: dict[str, Any] = {
        "message_uuid": message.message_uuid,
        "channel": message.channel,
        "to": TO,
        "from": "Acme",
        "timestamp": "2026-02-03T12:14:25Z",
        "status": word,
        "client_ref": message.payload.get("client_ref"),
    }
    if code is not None:
        body["error"] = {"type": "x", "title": str(code), "detail": "", "instance": "x"}
    return parse_status(body)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  the simulator and the queue below tell nobody
            await asyncio.sleep(POLL)


async def arrival(simulator: Simulator, number: int) -> Any:
    """Wait for message *number*, from 1."""
    await until(lambda: len(simulator.messages) >= number)
    return simulator.messages[number - 1]


async def within(chain: asyncio.Task[FailoverResult]) -> FailoverResult:
    return await asyncio.wait_for(chain, 60)


def errors_of(result: FailoverResult) -> list[type[Exception] | None]:
    return [None if leg.error is None else type(leg.error) for leg in result.legs]


# The whole way, with real callbacks


async def test_first_message_that_arrives_is_the_only_one(service: Service) -> None:
    policy = Failover([WHATSAPP, SMS], after=LONG)
    result = await policy.send(service.client, service.tracker)
    assert result.delivered
    assert result.message is WHATSAPP
    assert result.sent is not None
    assert result.status is not None
    assert result.status.message_uuid == result.sent.message_uuid == service.simulator.messages[0].message_uuid
    assert len(result.legs) == 1
    await service.simulator.settle()
    assert channels(service.simulator) == ["whatsapp"]


@pytest.mark.parametrize("failure", ["rejected", "undeliverable"])
async def test_next_message_follows_a_status_that_says_no(service: Service, failure: str) -> None:
    service.simulator.fail(1300, channel="whatsapp", status=failure)
    service.simulator.fail(1300, channel="rcs", status=failure)
    result = await Failover([WHATSAPP, RCS, SMS], after=LONG).send(service.client, service.tracker)
    assert result.message is SMS
    assert channels(service.simulator) == ["whatsapp", "rcs", "sms"]
    assert errors_of(result) == [errors.NotDeliveredError, errors.NotDeliveredError, None]
    error = result.legs[0].error
    assert isinstance(error, errors.NotDeliveredError)
    assert (error.status, error.code) == (failure, 1300)


async def test_next_message_follows_a_refusal(service: Service) -> None:
    result = await Failover([REFUSED, SMS], after=LONG).send(service.client, service.tracker)
    assert result.message is SMS
    assert errors_of(result) == [errors.ValidationError, None]
    assert channels(service.simulator) == ["sms"]


async def test_next_message_follows_one_that_this_version_of_the_api_does_not_know(service: Service) -> None:
    policy = Failover([RCS, SMS], after=LONG)
    result = await policy.send(service.client, service.tracker, api_version="v0.1")
    assert result.message is SMS
    assert errors_of(result) == [errors.InvalidMessageError, None]
    assert service.simulator.refusals == []


async def test_chain_in_which_nothing_arrives_is_a_result_with_every_error(service: Service) -> None:
    service.simulator.fail(1180)
    result = await Failover([WHATSAPP, REFUSED, SMS], after=LONG).send(service.client, service.tracker)
    assert not result.delivered
    assert (result.message, result.sent, result.status, result.error) == (None, None, None, None)
    assert errors_of(result) == [errors.NotDeliveredError, errors.ValidationError, errors.NotDeliveredError]


async def test_sms_that_is_delivered_is_as_good_as_read(service: Service) -> None:
    result = await Failover([SMS, RCS], after=LONG, until="read").send(service.client, service.tracker)
    assert result.message is SMS
    assert result.status is not None
    assert result.status.status == "delivered"


async def test_goal_of_reading_is_met_by_reading(service: Service) -> None:
    result = await Failover([RCS, SMS], after=LONG, until="read").send(service.client, service.tracker)
    assert result.message is RCS
    assert result.status is not None
    assert result.status.status == "read"


async def test_message_that_is_delivered_and_not_read_is_followed_where_reading_counts(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, until="read").send(client, tracker))
    await tracker.observe(told("delivered", await arrival(simulator, 1)))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    assert (await within(chain)).message is SMS


async def test_many_chains_run_at_the_same_time(service: Service) -> None:
    service.simulator.fail(1300, channel="whatsapp")
    policy = Failover([WHATSAPP, SMS], after=LONG)
    results = await asyncio.gather(*(policy.send(service.client, service.tracker) for _ in range(20)))
    assert {result.message for result in results} == {SMS}
    assert sorted(channels(service.simulator)) == ["sms"] * 20 + ["whatsapp"] * 20
    assert service.tracker.waiting == 0


# Time


async def test_next_message_follows_one_that_did_not_arrive_in_time(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(client, tracker))
    first = await arrival(simulator, 1)
    await tracker.observe(told("submitted", first))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert result.message is SMS
    assert result.legs[0].sent is not None
    assert (result.legs[0].status, result.legs[0].error) == (None, None)


async def test_next_message_waits_until_the_time_of_the_one_before_is_up(simulator: Simulator, client: Client) -> None:
    loop = asyncio.get_running_loop()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=0.3).send(client, Tracker()))
    await arrival(simulator, 1)
    begun = loop.time()
    await arrival(simulator, 2)
    # The first was accepted a little before.
    assert loop.time() - begun >= 0.3 - POLL
    await within(chain)


async def test_time_of_the_last_message_ends_the_chain(simulator: Simulator, client: Client) -> None:
    result = await Failover([WHATSAPP, SMS], after=SOON).send(client, Tracker())
    assert not result.delivered
    assert errors_of(result) == [None, None]
    assert [leg.sent is not None for leg in result.legs] == [True, True]
    assert channels(simulator) == ["whatsapp", "sms"]


async def test_time_is_measured_from_the_acceptance(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.held["rcs"] = asyncio.Event()
        chain = asyncio.create_task(Failover([RCS, SMS], after=0.2).send(client, tracker := Tracker()))
        await asyncio.wait_for(middle.arrived["rcs"].wait(), 60)
        await asyncio.sleep(0.3)
        assert not chain.done()
        middle.held["rcs"].set()
        await tracker.observe(told("delivered", await arrival(simulator, 1)))
        assert (await within(chain)).message is RCS
    assert channels(simulator) == ["rcs"]


async def test_status_that_came_before_the_answer_counts(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.unanswered["rcs"] = asyncio.Event()
        tracker = Tracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=LONG).send(client, tracker))
        await tracker.observe(told("delivered", await arrival(simulator, 1)))
        middle.unanswered["rcs"].set()
        assert (await within(chain)).message is RCS
    assert channels(simulator) == ["rcs"]


# A late delivery


async def test_late_delivery_ends_the_wait_for_the_next_message(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    first = await arrival(simulator, 1)
    await arrival(simulator, 2)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert result.status is not None
    assert result.status.message_uuid == first.message_uuid
    assert channels(simulator) == ["whatsapp", "rcs"]
    assert result.legs[1].sent is not None
    assert tracker.waiting == 0


async def test_delivery_of_the_first_of_three_ends_the_wait_for_the_last(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    await arrival(simulator, 3)
    await tracker.observe(told("rejected", simulator.messages[1], code=1300))
    await tracker.observe(told("delivered", simulator.messages[0]))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert errors_of(result) == [None, errors.NotDeliveredError, None]


async def test_delivery_together_with_the_failure_of_the_next_sends_nothing_more(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    second = await arrival(simulator, 2)
    await tracker.observe(told("rejected", second, code=1300))
    await tracker.observe(told("delivered", simulator.messages[0]))
    assert (await within(chain)).message is WHATSAPP
    assert channels(simulator) == ["whatsapp", "rcs"]


async def test_message_that_failed_and_was_delivered_after_all_sends_nothing_more(
    simulator: Simulator, client: Client
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    first = await arrival(simulator, 1)
    await tracker.observe(told("undeliverable", first, code=1180))
    await arrival(simulator, 2)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert result.legs[0].error is None
    assert channels(simulator) == ["whatsapp", "rcs"]


async def test_delivery_while_the_next_message_is_being_sent_is_the_result_and_both_are_named(
    simulator: Simulator,
) -> None:
    async with between(simulator) as (middle, client):
        middle.held["sms"] = asyncio.Event()
        tracker = Tracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=SOON).send(client, tracker))
        await asyncio.wait_for(middle.arrived["sms"].wait(), 60)
        await tracker.observe(told("delivered", simulator.messages[0]))
        await asyncio.sleep(SOON)
        assert not chain.done()
        middle.held["sms"].set()
        result = await within(chain)
    assert result.message is RCS
    assert [leg.message for leg in result.legs] == [RCS, SMS]
    assert result.legs[1].sent is not None
    assert result.legs[1].sent.message_uuid == simulator.messages[1].message_uuid


async def test_delivery_while_the_next_message_meets_an_error_is_no_error(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.held["sms"] = asyncio.Event()
        middle.swallowed.add("sms")
        tracker = Tracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=SOON).send(client, tracker))
        await asyncio.wait_for(middle.arrived["sms"].wait(), 60)
        await tracker.observe(told("delivered", simulator.messages[0]))
        middle.held["sms"].set()
        result = await within(chain)
    assert (result.message, result.error) == (RCS, None)
    assert errors_of(result) == [None, errors.ServerError]


# Errors that end a chain


@asynccontextmanager
async def hopeless(kind: str) -> AsyncIterator[tuple[Simulator, Client]]:
    """Give a simulator and a client that meets an error with everything it sends."""
    simulator = Simulator(
        rate=1 if kind == "RateLimitedError" else None, burst=1 if kind == "RateLimitedError" else None
    )
    async with simulator:
        other = "00000000-0000-4000-8000-000000000000"
        application_id = other if kind == "AuthenticationError" else simulator.application_id
        if kind == "PaymentRequiredError":
            simulator.balance.amount = simulator.balance.price * 0
        auth = ApplicationAuth(application_id=application_id, private_key=simulator.private_key)
        async with Client(auth, base_url=simulator.url, retry=RetryPolicy(attempts=1)) as client:
            if kind == "RateLimitedError":
                await client.send(SMS)
                simulator.state.clear()
            if kind == "ConnectError":
                await simulator.stop()
            yield simulator, client


@pytest.mark.parametrize("kind", ["AuthenticationError", "PaymentRequiredError", "RateLimitedError", "ConnectError"])
async def test_error_that_the_next_message_would_meet_too_is_raised(kind: str) -> None:
    async with hopeless(kind) as (simulator, client):
        with pytest.raises(getattr(errors, kind)):
            await Failover([WHATSAPP, SMS], after=LONG).send(client, Tracker())
        assert simulator.messages == []
        assert len(simulator.refusals) == (0 if kind == "ConnectError" else 1)


async def test_error_after_a_refusal_is_raised_because_nothing_went_out(simulator: Simulator, client: Client) -> None:
    simulator.balance.amount = simulator.balance.price * 0
    with pytest.raises(errors.PaymentRequiredError):
        await Failover([REFUSED, SMS], after=LONG).send(client, Tracker())


async def test_error_after_a_message_that_went_out_is_told_in_the_result(simulator: Simulator, client: Client) -> None:
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, Tracker()))
    await arrival(simulator, 1)
    simulator.balance.amount = simulator.balance.price * 0
    result = await within(chain)
    assert not result.delivered
    assert isinstance(result.error, errors.PaymentRequiredError)
    assert errors_of(result) == [None, errors.PaymentRequiredError]
    assert result.legs[0].sent is not None


async def test_programming_error_of_the_sender_is_raised_as_it_is(simulator: Simulator, client: Client) -> None:
    with pytest.raises(TypeError, match="priority"):
        await Failover([WHATSAPP, SMS], after=LONG).send(client, Tracker(), priority=1)
    assert simulator.messages == []


async def test_broken_tracker_is_no_reason_to_send_the_next_message(simulator: Simulator, client: Client) -> None:
    class Broken(Tracker):
        async def wait_for(self, *_: object, **__: object) -> MessageStatus:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        await Failover([WHATSAPP, SMS], after=LONG).send(client, Broken())
    assert channels(simulator) == ["whatsapp"]


# A fate that is open


@pytest.mark.parametrize(("loss", "error"), [(fail_503, errors.ServerError), (hang_up, errors.ResponseLostError)])
async def test_message_of_unknown_fate_is_not_followed(simulator: Simulator, loss: Any, error: type[Exception]) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = loss
        with pytest.raises(error):
            await asyncio.wait_for(Failover([RCS, SMS], after=LONG).send(client, Tracker()), 60)
    assert channels(simulator) == ["rcs"]


async def test_message_of_unknown_fate_without_a_word_of_it_is_not_followed(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        with pytest.raises(errors.ServerError):
            await Failover([RCS, SMS], after=SOON).send(client, ReferenceTracker())
    assert channels(simulator) == ["rcs"]


async def test_message_without_a_reference_is_not_waited_for_when_its_answer_is_lost(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        policy = Failover([attrs.evolve(RCS, client_ref=None), SMS], after=LONG)
        with pytest.raises(errors.ServerError):
            await asyncio.wait_for(policy.send(client, ReferenceTracker()), 60)


@pytest.mark.parametrize("tracker_class", [Tracker, ReferenceTracker])
async def test_caller_may_take_the_risk_of_a_second_message(simulator: Simulator, tracker_class: type[Tracker]) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        policy = Failover([RCS, SMS], after=SOON, on_unknown="continue")
        result = await policy.send(client, tracker_class())
    assert channels(simulator) == ["rcs", "sms"]
    assert errors_of(result) == [errors.ServerError, None]
    assert result.error is None


@pytest.mark.parametrize("on_unknown", ["stop", "continue"])
@pytest.mark.parametrize("loss", [fail_503, hang_up])
async def test_message_whose_answer_was_lost_is_found_by_its_reference(
    service: Service, loss: Any, on_unknown: Any
) -> None:
    async with between(service.simulator) as (middle, client):
        middle.lost["rcs"] = loss
        policy = Failover([RCS, SMS], after=LONG, on_unknown=on_unknown)
        result = await asyncio.wait_for(policy.send(client, service.tracker), 60)
    assert result.message is RCS
    assert result.sent == SentMessage(
        message_uuid=service.simulator.messages[0].message_uuid, client_ref="parcel-1-rcs"
    )
    assert result.legs[0].error is None
    assert channels(service.simulator) == ["rcs"]
    assert service.tracker._references == {}


async def test_message_whose_answer_was_lost_is_followed_when_a_status_says_no(service: Service) -> None:
    service.simulator.fail(1300, channel="rcs")
    async with between(service.simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        result = await asyncio.wait_for(Failover([RCS, SMS], after=LONG).send(client, service.tracker), 60)
    assert result.message is SMS
    assert errors_of(result) == [errors.NotDeliveredError, None]


async def test_late_word_of_an_unknown_message_ends_the_chain(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        tracker = ReferenceTracker()
        policy = Failover([RCS, SMS], after=WINDOW, on_unknown="continue")
        chain = asyncio.create_task(policy.send(client, tracker))
        await arrival(simulator, 2)
        await tracker.observe(told("delivered", simulator.messages[0]))
        result = await within(chain)
    assert result.message is RCS
    assert result.legs[1].sent is not None


async def test_messages_that_share_a_reference_are_not_taken_for_each_other(simulator: Simulator) -> None:
    one = attrs.evolve(RCS, client_ref="parcel-1")
    two = attrs.evolve(RCS, client_ref="parcel-1", text="Once more: your parcel is here.")
    numbers = itertools.count(1)

    def lose_the_second(request: web.Request, passed: web.Response) -> web.Response:
        return passed if next(numbers) == 1 else fail_503(request, passed)

    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = lose_the_second
        tracker = ReferenceTracker()
        chain = asyncio.create_task(Failover([one, two, SMS], after=WINDOW).send(client, tracker))
        first = await arrival(simulator, 1)
        await arrival(simulator, 2)
        await tracker.observe(told("submitted", first))
        result = await within(chain)
    assert isinstance(result.error, errors.ServerError)
    assert result.legs[1].sent is None
    assert channels(simulator) == ["rcs", "rcs"]


@pytest.mark.parametrize(
    "change", [{"to": "447700900009"}, {"channel": "sms"}, {"client_ref": "parcel-2"}, {"client_ref": None}]
)
async def test_status_of_another_message_is_no_word_of_an_unknown_one(
    simulator: Simulator, change: dict[str, Any]
) -> None:
    async with between(simulator) as (middle, client):
        middle.lost["rcs"] = fail_503
        tracker = ReferenceTracker()
        chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW).send(client, tracker))
        raw = dict(told("delivered", await arrival(simulator, 1)).raw)
        await tracker.observe(parse_status({**raw, **change}))
        with pytest.raises(errors.ServerError):
            await within(chain)


# Queues


@pytest.fixture
async def queue(client: Client) -> AsyncIterator[SendQueue]:
    async with SendQueue(client, limits=Limits.unlimited(), maxsize=2) as opened:
        yield opened


async def test_queue_sends_every_message_in_its_turn(service: Service) -> None:
    service.simulator.fail(1300, channel="whatsapp")
    policy = Failover([WHATSAPP, SMS], after=LONG)
    async with SendQueue(service.client, limits=Limits.unlimited()) as queue:
        result = await policy.send(queue, service.tracker, priority=Priority.HIGH)
        assert queue.stats().accepted == 2
    assert result.message is SMS
    assert channels(service.simulator) == ["whatsapp", "sms"]


async def test_queue_is_given_the_options(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    with pytest.raises(errors.DeadlineExceededError):
        await asyncio.wait_for(Failover([WHATSAPP, SMS], after=LONG).send(queue, Tracker(), expires_in=0.05), 60)
    assert simulator.messages == []


async def test_time_in_a_queue_is_no_time_of_the_message(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW).send(queue, tracker))
    await asyncio.sleep(WINDOW + 0.05)
    assert len(queue) == 1
    queue.resume()
    await tracker.observe(told("delivered", await arrival(simulator, 1)))
    assert (await within(chain)).message is RCS


async def test_message_that_waits_in_a_queue_is_taken_back_when_an_earlier_one_arrives(
    simulator: Simulator, queue: SendQueue
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(queue, tracker))
    first = await arrival(simulator, 1)
    queue.pause()
    await until(lambda: len(queue) == 1)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert [leg.message for leg in result.legs] == [WHATSAPP]
    assert len(queue) == 0
    queue.resume()
    await queue.drain()
    assert channels(simulator) == ["whatsapp"]


async def test_message_that_goes_back_into_its_queue_is_taken_back_there() -> None:
    async with Simulator(rate=0.1, burst=1) as simulator, between(simulator) as (middle, client):
        middle.held["sms"] = asyncio.Event()
        tracker = Tracker()
        async with SendQueue(client, limits=Limits.unlimited()) as queue:
            chain = asyncio.create_task(Failover([RCS, SMS], after=SOON).send(queue, tracker))
            await asyncio.wait_for(middle.arrived["sms"].wait(), 60)
            await tracker.observe(told("delivered", simulator.messages[0]))
            middle.held["sms"].set()
            result = await within(chain)
            assert len(queue) == 0
        assert result.message is RCS
        assert [leg.message for leg in result.legs] == [RCS]
        assert channels(simulator) == ["rcs"]
        assert simulator.throttled == 1


async def test_queue_that_is_full_ends_the_chain(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    others = [queue.submit(SMS), queue.submit(SMS)]
    with pytest.raises(errors.QueueFullError):
        await Failover([WHATSAPP, SMS], after=LONG).send(queue, Tracker())
    assert [other.cancel() for other in others] == [True, True]
    assert simulator.messages == []


async def test_queue_that_is_cancelled_ends_the_chain(simulator: Simulator, queue: SendQueue) -> None:
    queue.pause()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=LONG).send(queue, Tracker()))
    await until(lambda: len(queue) == 1)
    assert await queue.cancel() == 1
    with pytest.raises(errors.QueueClosedError):
        await within(chain)
    assert simulator.messages == []


class Awaited:
    """What a queue of somebody else may give: awaitable, and no future."""

    def __init__(self, future: SendFuture, *, maybe_sent: bool) -> None:
        self.future = future
        self.maybe_sent = maybe_sent

    @property
    def state(self) -> str:
        return self.future.state

    def cancel(self) -> bool:
        return self.future.cancel()

    def __await__(self) -> Generator[Any, Any, SentMessage]:
        return asyncio.shield(self.future).__await__()


class OtherQueue:
    def __init__(self, queue: SendQueue, *, maybe_sent: bool = False) -> None:
        self.queue = queue
        self.maybe_sent = maybe_sent

    def submit(self, message: Message) -> Awaited:
        return Awaited(self.queue.submit(message), maybe_sent=self.maybe_sent)


@pytest.mark.parametrize("kind", [lambda queue: queue, OtherQueue])
async def test_cancelled_chain_takes_back_what_waits_in_a_queue(
    simulator: Simulator, queue: SendQueue, kind: Callable[[SendQueue], Any]
) -> None:
    queue.pause()
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=LONG).send(kind(queue), Tracker()))
    await until(lambda: len(queue) == 1)
    chain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await chain
    assert len(queue) == 0
    queue.resume()
    await queue.drain()
    assert simulator.messages == []


async def test_message_that_is_taken_back_after_an_open_attempt_is_named_with_the_doubt(
    simulator: Simulator, queue: SendQueue
) -> None:
    tracker = Tracker()
    sender = OtherQueue(queue, maybe_sent=True)
    chain = asyncio.create_task(Failover([WHATSAPP, SMS], after=WINDOW).send(sender, tracker))
    first = await arrival(simulator, 1)
    queue.pause()
    await until(lambda: len(queue) == 1)
    await tracker.observe(told("delivered", first))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert errors_of(result) == [None, errors.ResponseLostError]
    assert len(queue) == 0


# Cancellation


async def test_cancelled_chain_sends_nothing_more_and_waits_for_nothing(simulator: Simulator, client: Client) -> None:
    tracker = ReferenceTracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW).send(client, tracker))
    await arrival(simulator, 2)
    before = asyncio.all_tasks()
    chain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await chain
    assert asyncio.all_tasks() < before
    assert tracker.waiting == 0
    assert tracker._references == {}
    await asyncio.sleep(WINDOW + 0.05)
    assert channels(simulator) == ["whatsapp", "rcs"]


async def test_timeout_of_the_caller_ends_a_chain_that_is_being_sent(simulator: Simulator) -> None:
    async with between(simulator) as (middle, client):
        middle.held["rcs"] = asyncio.Event()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await Failover([RCS, SMS], after=LONG).send(client, Tracker())
        middle.held["rcs"].set()
    assert "sms" not in channels(simulator)


# Revoking


def revoked(message: Any) -> bool:
    return any(update.status == "revoked" for update in message.updates)


async def test_rcs_message_is_revoked_when_the_next_one_is_accepted(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert result.message is SMS
    assert [leg.revoked for leg in result.legs] == [True, False]
    assert revoked(simulator.messages[0])


async def test_rcs_message_stays_when_the_next_one_is_refused(simulator: Simulator, client: Client) -> None:
    result = await Failover([RCS, REFUSED], after=SOON, revoke=True).send(client, Tracker())
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert not revoked(simulator.messages[0])


async def test_rcs_message_is_revoked_when_an_earlier_one_arrives_late(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([WHATSAPP, RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await arrival(simulator, 2)
    await tracker.observe(told("delivered", simulator.messages[0]))
    result = await within(chain)
    assert result.message is WHATSAPP
    assert [leg.revoked for leg in result.legs] == [False, True]
    assert revoked(simulator.messages[1])


async def test_rcs_message_that_failed_is_not_revoked(simulator: Simulator, client: Client) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    await tracker.observe(told("rejected", await arrival(simulator, 1), code=1300))
    await tracker.observe(told("delivered", await arrival(simulator, 2)))
    result = await within(chain)
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert not revoked(simulator.messages[0])


async def test_nothing_is_revoked_unless_asked_for(simulator: Simulator, client: Client) -> None:
    result = await Failover([RCS, SMS], after=SOON).send(client, Tracker())
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert not revoked(simulator.messages[0])


async def test_revoking_that_is_refused_changes_nothing(
    simulator: Simulator, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker()
    chain = asyncio.create_task(Failover([RCS, SMS], after=WINDOW, revoke=True).send(client, tracker))
    first = await arrival(simulator, 1)
    simulator.state.clear()
    await tracker.observe(told("delivered", await arrival(simulator, 1)))
    result = await within(chain)
    assert result.message is SMS
    assert [leg.revoked for leg in result.legs] == [False, False]
    assert f"message {first.message_uuid} could not be revoked: NotFoundError" in caplog.text


async def test_sender_that_cannot_revoke_is_refused_before_anything_is_sent(
    simulator: Simulator, queue: SendQueue
) -> None:
    with pytest.raises(errors.ConfigurationError, match="SendQueue cannot"):
        await Failover([RCS, SMS], revoke=True).send(queue, Tracker())
    assert simulator.messages == []


# What is refused


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], "must hold one message at least"),
        (SMS, "must be a list of messages, not Sms"),
        ("sms", "must be a list of messages, not str"),
        ([SMS, "sms"], "messages[1]: must be a message, not str"),
        ([RCS, SMS, RCS], "messages[2]: must not be messages[0] once more"),
        ([attrs.evolve(RCS, failover=[SMS])], "messages[0].failover: must not be set"),
        ([RawMessage({"channel": "rcs", "failover": [{"channel": "sms"}]})], "messages[0].failover: must not be set"),
    ],
)
def test_chain_that_cannot_be_sent_is_refused(messages: Any, problem: str) -> None:
    with pytest.raises(errors.InvalidMessageError) as raised:
        Failover(messages)
    assert problem in str(raised.value)


def test_every_problem_of_a_chain_is_listed() -> None:
    with pytest.raises(errors.InvalidMessageError) as raised:
        Failover([SMS, SMS, "sms"])  # type: ignore[list-item]  # the point of the test
    assert [problem.path for problem in raised.value.problems] == ["messages[1]", "messages[2]"]


@pytest.mark.parametrize(
    "options",
    [
        *({"after": value} for value in (0, -1, float("inf"), float("nan"), True, "60", None)),
        *({"until": value} for value in ("rejected", "arrived", "", None)),
        *({"on_unknown": value} for value in ("raise", True)),
    ],
)
def test_option_that_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match=f"Failover {next(iter(options))} must be"):
        Failover([SMS], **options)


@pytest.mark.parametrize("option", ["dry_run", "failover"])
async def test_option_that_would_change_what_send_does_is_refused(
    simulator: Simulator, client: Client, option: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=option):
        await Failover([SMS]).send(client, Tracker(), **{option: True})
    assert simulator.messages == []


def test_policy_takes_any_iterable_of_messages_and_compares_by_content() -> None:
    assert Failover(message for message in (RCS, SMS)) == Failover([RCS, SMS])
    assert Failover([RCS, SMS]) != Failover([SMS, RCS])


@pytest.mark.parametrize("value", [Failover([SMS]), FailoverResult(message=SMS)])
def test_text_and_number_do_not_show(value: object) -> None:
    assert "parcel" not in repr(value)
    assert TO not in repr(value)


# Every fate of three messages


class Answered:
    """A client whose messages have met their fate before ``send`` returns, so that no clock decides."""

    def __init__(self, client: Client, tracker: Tracker, fates: dict[str, str]) -> None:
        self.client = client
        self.tracker = tracker
        self.fates = fates

    async def send(self, message: Message) -> SentMessage:
        sent = await self.client.send(message)
        fate = self.fates[message.channel]
        if fate != "silent":
            body = {"message_uuid": sent.message_uuid, "channel": message.channel, "status": fate}
            await self.tracker.observe(parse_status(body))
        return sent


@pytest.mark.parametrize("fates", list(itertools.product(["refused", "rejected", "silent", "delivered"], repeat=3)))
async def test_chain_ends_with_the_first_message_that_arrives_and_sends_none_after_it(
    simulator: Simulator, client: Client, fates: tuple[str, ...]
) -> None:
    tracker = Tracker()
    kinds = {"rcs": RCS, "whatsapp": WHATSAPP, "sms": SMS}
    messages: list[Message] = [
        RawMessage({"channel": name, "message_type": "text", "to": TO, "from": "Acme"})
        if fate == "refused"
        else message
        for (name, message), fate in zip(kinds.items(), fates, strict=True)
    ]
    sender = Answered(client, tracker, dict(zip(kinds, fates, strict=True)))
    result = await asyncio.wait_for(Failover(messages, after=0.01).send(sender, tracker), 60)
    expected = next((place for place, fate in enumerate(fates) if fate == "delivered"), None)
    tried = fates if expected is None else fates[: expected + 1]
    assert result.message is (None if expected is None else messages[expected])
    assert len(result.legs) == len(tried)
    assert channels(simulator) == [name for name, fate in zip(kinds, tried, strict=False) if fate != "refused"]
