"""Which tokens a receiver remembers, and what one that comes again is answered."""

from __future__ import annotations

import asyncio

from vonage_messages.webhooks.stores import MemorySeenStore

from .callbacks import UUID, FailingStore, Recorder, inbound, secure, signed, until


async def test_replayed_token_is_answered_200_unhandled_even_when_the_seen_memory_forgot(recorder: Recorder) -> None:
    receiver, body = secure(recorder, seen=MemorySeenStore(capacity=1)), inbound()
    headers, other = signed(body), inbound("other")
    await receiver.receive(headers, body)
    await receiver.receive(signed(other), other)
    assert (await receiver.receive(headers, body)).status == 200
    assert [event.message_uuid for event in recorder.events] == [UUID, "other"]


async def test_token_id_with_another_body_is_answered_401(recorder: Recorder) -> None:
    receiver = secure(recorder)
    body, other = inbound(), inbound("other")
    await receiver.receive(signed(body, token_id="x"), body)
    assert (await receiver.receive(signed(other, token_id="x"), other)).status == 401
    assert len(recorder.events) == 1


async def test_token_whose_handling_failed_is_forgotten(recorder: Recorder) -> None:
    receiver, body, other = secure(recorder), inbound(), inbound("other")
    recorder.failures.append(RuntimeError())
    assert (await receiver.receive(signed(body, token_id="x"), body)).status == 500
    assert (await receiver.receive(signed(other, token_id="x"), other)).status == 200


async def test_token_that_met_a_failing_store_is_forgotten(recorder: Recorder) -> None:
    receiver, body, other = secure(recorder, seen=FailingStore("begin")), inbound(), inbound("other")
    assert (await receiver.receive(signed(body, token_id="x"), body)).status == 503
    assert (await receiver.receive(signed(other, token_id="x"), other)).status == 200


async def test_token_of_a_malformed_body_is_forgotten(recorder: Recorder) -> None:
    receiver, body, other = secure(recorder), b"[]", inbound()
    assert (await receiver.receive(signed(body, token_id="x"), body)).status == 400
    assert (await receiver.receive(signed(other, token_id="x"), other)).status == 200


async def test_callbacks_that_wait_for_the_memory_of_tokens_count_as_running(recorder: Recorder) -> None:
    class SlowTokens:
        def __init__(self) -> None:
            self.gate = asyncio.Event()

        async def note_token(self, *_: str) -> bool:
            await self.gate.wait()
            return True

    tokens = SlowTokens()
    receiver = secure(recorder, tokens=tokens, max_running=1)
    body = inbound("one")
    first = asyncio.create_task(receiver.receive(signed(body), body))
    await until(lambda: receiver.running == 1)
    body = inbound("two")
    assert (await receiver.receive(signed(body), body)).status == 503
    tokens.gate.set()
    assert (await first).status == 200
