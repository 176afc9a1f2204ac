"""The same program on asyncio's own loop and on uvloop: client, queue, outbox, receiver and tracker, and their ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clock import ScaledClock
from vonage_messages.errors import QueueClosedError
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.receiving.tracker import Tracker
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator, Webhooks
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier

Scenario = Callable[[Path], Any]


def uvloop_loop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415  not on Windows

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS = [
    asyncio.new_event_loop,
    uvloop_loop,
]


def sms(number: int) -> Sms:
    return Sms(to=str(447700900000 + number), from_="Acme", text=str(number), client_ref=f"row-{number}")


async def client_sends_and_a_send_is_cancelled(_folder: Path) -> None:
    async with Simulator() as simulator, simulator.client() as client:
        simulator.faults.add("slow", seconds=60.0, count=1)
        cancelled = asyncio.create_task(client.send(sms(0)))
        while not simulator.messages:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.001)
        cancelled.cancel()
        sent = await client.send(sms(1))
        assert [message.message_uuid for message in simulator.messages][-1] == sent.message_uuid
        assert (await asyncio.gather(cancelled, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def queue_sends_and_is_cancelled(_folder: Path) -> None:
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        async with SendQueue(client, limits=Limits.unlimited()) as queue:
            outcomes = [outcome async for outcome in queue.map(sms(number) for number in range(50))]
        assert all(outcome.sent for outcome in outcomes)
        async with SendQueue(client, limits=Limits(account=Rate(1, per=3600))) as waiting:
            futures = [waiting.submit(sms(number)) for number in range(3)]
            await asyncio.sleep(0)
            await waiting.cancel()
        assert any(isinstance(future.exception(), QueueClosedError) for future in futures)
        assert len(simulator.messages) - 50 == sum(future.exception() is None for future in futures)


async def outbox_is_stopped_and_goes_on(folder: Path) -> None:
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        async with Outbox.open(folder / "campaign.db") as outbox:
            await outbox.add(sms(number) for number in range(60))
            run = asyncio.create_task(outbox.run(client, limits=Limits.unlimited(), connections=4))
            while len(simulator.messages) < 5:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.001)
            run.cancel()
            await asyncio.wait([run])
            assert (await outbox.report()).in_doubt == 0
        async with Outbox.open(folder / "campaign.db") as outbox:
            assert (await outbox.run(client, limits=Limits.unlimited())).accepted == 60
        assert len({message.client_ref for message in simulator.messages}) == len(simulator.messages) == 60


async def receiver_and_tracker_hear_of_a_delivery_and_a_reply(_folder: Path) -> None:
    simulator = Simulator(clock=ScaledClock(100.0))
    router = Router()
    tracker = Tracker(router)
    app = web.Application()
    add_webhooks(app, router, verifier=SignatureVerifier(simulator.signature_secret))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks"
    async with simulator, simulator.client() as client:
        simulator.webhooks = Webhooks(status_url=f"{base}/message-status", inbound_url=f"{base}/inbound-message")
        sent = await client.send(WhatsappText(to="447700900000", from_="447700900001", text="Hello"))
        assert (await tracker.wait_for(sent, "delivered", timeout=60)).message_uuid == sent.message_uuid
        reply = asyncio.create_task(tracker.wait_for_reply(sent, timeout=60))
        await simulator.inbound(reply_to=sent.message_uuid, text="Yes")
        assert (await reply).content.text == "Yes"
    await runner.cleanup()


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize(
    "scenario",
    [
        client_sends_and_a_send_is_cancelled,
        queue_sends_and_is_cancelled,
        outbox_is_stopped_and_goes_on,
        receiver_and_tracker_hear_of_a_delivery_and_a_reply,
    ],
)
def test_it_works_on_every_loop(scenario: Scenario, new_loop: Any, tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: heard.append(context))
        await scenario(tmp_path)
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(watched())
    gc.collect()
    assert heard == []
