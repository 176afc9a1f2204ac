"""What runs after the answer, and what a receiver that closes waits for."""

from __future__ import annotations

import asyncio

from vonage_messages.receiving.receiver import Receiver
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.stores import MemorySeenStore, Standing

from .callbacks import JSON_HEADERS, UUID, Recorder, inbound, insecure, until


async def test_acknowledge_first_answers_before_the_handler_is_done(recorder: Recorder) -> None:
    receiver = insecure(recorder, mode="acknowledge_first")
    recorder.gate.clear()
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == 200
    assert recorder.events == []
    recorder.gate.set()
    await until(lambda: bool(recorder.events))


async def test_acknowledged_callback_is_done_while_its_handler_runs(recorder: Recorder) -> None:
    receiver = insecure(recorder, mode="acknowledge_first")
    recorder.gate.clear()
    answers = [(await receiver.receive(JSON_HEADERS, inbound())).status for _ in range(2)]
    recorder.gate.set()
    await receiver.close()
    assert (answers, len(recorder.events)) == ([200, 200], 1)


async def test_error_after_the_acknowledgement_is_told_to_on_error(recorder: Recorder) -> None:
    heard: list[Exception] = []

    async def hear(_event: object, error: Exception) -> None:
        heard.append(error)

    receiver = insecure(recorder, mode="acknowledge_first", on_error=hear)
    recorder.failures.append(RuntimeError("late"))
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == 200
    await receiver.close()
    assert [str(error) for error in heard] == ["late"]


async def test_close_waits_for_handlers_and_refuses_new_callbacks(recorder: Recorder) -> None:
    receiver = insecure(recorder)
    recorder.gate.clear()
    first = asyncio.create_task(receiver.receive(JSON_HEADERS, inbound()))
    await recorder.started.wait()
    closing = asyncio.create_task(receiver.close())
    await asyncio.sleep(0)
    assert (await receiver.receive(JSON_HEADERS, inbound("later"))).status == 503
    assert not closing.done()
    recorder.gate.set()
    await closing
    assert (await first).status == 200


async def test_close_cancels_what_takes_too_long_and_asks_for_a_retry(recorder: Recorder) -> None:
    seen = MemorySeenStore()
    receiver = insecure(recorder, seen=seen)
    recorder.gate.clear()
    first = asyncio.create_task(receiver.receive(JSON_HEADERS, inbound()))
    await recorder.started.wait()
    await receiver.close(timeout=0.01)
    assert (await first).status == 503
    assert await seen.begin(("inbound", UUID)) is Standing.NEW


async def test_close_cancels_background_handlers_too(recorder: Recorder) -> None:
    receiver = insecure(recorder, mode="acknowledge_first")
    recorder.gate.clear()
    await receiver.receive(JSON_HEADERS, inbound())
    await receiver.close(timeout=0.01)
    assert (receiver.running, recorder.events) == (0, [])


async def test_handler_may_close_its_own_receiver() -> None:
    router = Router()
    receiver = Receiver(router, insecure=True)

    @router.event()
    async def stop(_event: object) -> None:
        await receiver.close()

    async with asyncio.timeout(60):
        assert (await receiver.receive(JSON_HEADERS, inbound())).status == 200


async def test_close_twice_is_harmless(recorder: Recorder) -> None:
    receiver = insecure(recorder)
    await receiver.close()
    await receiver.close()
    assert receiver.running == 0
