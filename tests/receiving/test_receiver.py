"""The receiver: what runs, what is remembered, and what is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from vonage_messages.receiving.receiver import Answer, Receiver, Verdict
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import sign_webhook
from vonage_messages.webhooks.stores import MemorySeenStore

from .callbacks import (
    JSON_HEADERS,
    SECRET,
    UUID,
    FailingStore,
    Recorder,
    inbound,
    insecure,
    problem,
    secure,
    signed,
    until,
)


async def test_signed_callback_reaches_its_handler_as_a_typed_event(recorder: Recorder) -> None:
    body = inbound()
    answer = await secure(recorder).receive(signed(body), body)
    assert answer == Answer(status=200, body=b"", content_type=None)
    assert [(event.message_uuid, event.content.text) for event in recorder.events] == [(UUID, "a secret text")]


async def test_forged_callback_is_answered_401_and_not_handled(recorder: Recorder) -> None:
    body = inbound()
    answer = await secure(recorder).receive(sign_webhook(body, "forged-secret", api_key="a", issued_at=0), body)
    assert (answer.status, problem(answer)["title"]) == (401, "Unauthorized")
    assert recorder.events == []


async def test_unsigned_callback_is_answered_503_and_not_handled(recorder: Recorder) -> None:
    answer = await secure(recorder).receive(JSON_HEADERS, inbound())
    assert (answer.status, recorder.events) == (503, [])


async def test_callback_that_comes_twice_is_handled_once(recorder: Recorder) -> None:
    receiver = insecure(recorder)
    answers = [(await receiver.receive(JSON_HEADERS, inbound())).status for _ in range(2)]
    assert (answers, len(recorder.events)) == ([200, 200], 1)


async def test_callback_that_is_signed_anew_is_still_the_same(recorder: Recorder) -> None:
    receiver, body = secure(recorder), inbound()
    answers = [(await receiver.receive(signed(body), body)).status for _ in range(2)]
    assert (answers, len(recorder.events)) == ([200, 200], 1)


async def test_failed_handler_answers_500_and_the_identical_callback_is_handled(recorder: Recorder) -> None:
    receiver, body = secure(recorder), inbound()
    headers = signed(body)
    recorder.failures.append(RuntimeError("once"))
    first = await receiver.receive(headers, body)
    assert (first.status, len(recorder.events)) == (500, 0)
    second = await receiver.receive(headers, body)
    assert (second.status, len(recorder.events)) == (200, 1)


async def test_callback_that_is_running_is_answered_503(recorder: Recorder) -> None:
    receiver = insecure(recorder)
    recorder.gate.clear()
    first = asyncio.create_task(receiver.receive(JSON_HEADERS, inbound()))
    await recorder.started.wait()
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == 503
    recorder.gate.set()
    assert ((await first).status, len(recorder.events)) == (200, 1)


async def test_handler_goes_on_when_the_platform_hangs_up(recorder: Recorder) -> None:
    receiver = insecure(recorder)
    recorder.gate.clear()
    request = asyncio.create_task(receiver.receive(JSON_HEADERS, inbound()))
    await recorder.started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    recorder.gate.set()
    await until(lambda: not receiver.running)
    assert len(recorder.events) == 1
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == 200
    assert len(recorder.events) == 1


async def test_first_error_ends_the_handlers_of_an_event(recorder: Recorder) -> None:
    async def fail(event: object) -> None:
        raise ValueError(event)

    router = Router()
    router.event()(fail)
    router.include(recorder.router)
    assert (await Receiver(router, insecure=True).receive(JSON_HEADERS, inbound())).status == 500
    assert recorder.events == []


async def test_condition_that_raises_counts_as_a_failed_handler() -> None:
    async def handle(event: object) -> None:
        del event

    router = Router()
    router.inbound(where=lambda event: event.no_such_attribute)(handle)
    assert (await Receiver(router, insecure=True).receive(JSON_HEADERS, inbound())).status == 500


async def test_event_without_a_handler_is_done(recorder: Recorder) -> None:
    seen = MemorySeenStore()
    await Receiver(Router(), insecure=True, seen=seen).receive(JSON_HEADERS, inbound())
    await insecure(recorder, seen=seen).receive(JSON_HEADERS, inbound())
    assert recorder.events == []


async def test_on_error_may_drop_the_event(recorder: Recorder) -> None:
    heard: list[tuple[str, str]] = []

    async def drop(event: Any, error: Exception) -> Verdict:
        heard.append((event.message_uuid, str(error)))
        return Verdict.DROP

    receiver = insecure(recorder, on_error=drop)
    recorder.failures.append(RuntimeError("broken"))
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == 200
    assert heard == [(UUID, "broken")]
    await receiver.receive(JSON_HEADERS, inbound())
    assert recorder.events == []


@pytest.mark.parametrize("decision", [None, Verdict.RETRY, "retry", "no verdict"])
async def test_on_error_that_does_not_drop_asks_for_a_retry(recorder: Recorder, decision: Any) -> None:
    async def decide(_event: object, _error: Exception) -> Any:
        return decision

    recorder.failures.append(RuntimeError())
    assert (await insecure(recorder, on_error=decide).receive(JSON_HEADERS, inbound())).status == 500


async def test_on_error_that_raises_asks_for_a_retry(recorder: Recorder) -> None:
    async def fail(_event: object, _error: Exception) -> None:
        raise OSError

    recorder.failures.append(RuntimeError())
    assert (await insecure(recorder, on_error=fail).receive(JSON_HEADERS, inbound())).status == 500


@pytest.mark.parametrize(("mode", "status"), [("run_first", 500), ("acknowledge_first", 200)])
async def test_handler_whose_work_is_cancelled_by_others_has_failed(mode: str, status: int) -> None:
    router, heard = Router(), asyncio.Event()

    @router.inbound()
    async def wait_in_vain(_event: object) -> None:
        given_up = asyncio.get_running_loop().create_future()
        given_up.cancel()
        await given_up

    async def hear(_event: object, error: Exception) -> None:
        assert isinstance(error.__cause__, asyncio.CancelledError)
        heard.set()

    receiver = Receiver(router, insecure=True, mode=mode, on_error=hear)
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == status
    async with asyncio.timeout(60):
        await heard.wait()


async def test_on_error_whose_work_is_cancelled_by_others_asks_for_a_retry(recorder: Recorder) -> None:
    async def fail(_event: object, _error: Exception) -> None:
        raise asyncio.CancelledError

    recorder.failures.append(RuntimeError())
    assert (await insecure(recorder, on_error=fail).receive(JSON_HEADERS, inbound())).status == 500


async def test_callbacks_beyond_max_running_come_again(recorder: Recorder) -> None:
    receiver = insecure(recorder, max_running=1, mode="acknowledge_first")
    recorder.gate.clear()
    assert (await receiver.receive(JSON_HEADERS, inbound())).status == 200
    await until(lambda: receiver.running == 1)
    assert (await receiver.receive(JSON_HEADERS, inbound("other"))).status == 503
    recorder.gate.set()
    await until(lambda: not receiver.running)
    assert (await receiver.receive(JSON_HEADERS, inbound("other"))).status == 200
    await receiver.close()


@pytest.mark.parametrize("mode", ["run_first", "acknowledge_first"])
@pytest.mark.parametrize("method", ["begin", "commit"])
async def test_failing_store_asks_for_a_retry_which_is_handled(recorder: Recorder, mode: str, method: str) -> None:
    receiver, body = secure(recorder, mode=mode, seen=FailingStore(method)), inbound()
    headers = signed(body)
    assert (await receiver.receive(headers, body)).status == 503
    recorder.events.clear()
    assert (await receiver.receive(headers, body)).status == 200
    await receiver.close()
    assert len(recorder.events) == 1


Refusal = Callable[[Recorder], Awaitable[Answer]]


@pytest.mark.parametrize(
    "refusal",
    [
        lambda recorder: secure(recorder).receive(signed(b"other"), inbound()),
        lambda recorder: secure(recorder).receive(JSON_HEADERS, inbound()),
        lambda recorder: insecure(recorder).receive(JSON_HEADERS, inbound()[:-1]),
        lambda recorder: insecure(recorder).receive({"Content-Type": "text/plain"}, inbound()),
        lambda recorder: insecure(recorder, body_limit=5).receive(JSON_HEADERS, inbound()),
    ],
    ids=["forged", "unsigned", "malformed", "content type", "too large"],
)
async def test_refusal_leaves_one_line_in_the_log_that_gives_nothing_away(
    recorder: Recorder, refusal: Refusal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="vonage_messages")
    answer = await refusal(recorder)
    lines = [record.getMessage() for record in caplog.records if "insecure=True" not in record.getMessage()]
    assert len(lines) == 1
    assert str(answer.status) in lines[0]
    for shown in (lines[0], answer.body.decode()):
        assert not [word for word in ("a secret text", "447700900001", SECRET, "a1b2c3d", UUID) if word in shown]


async def test_failed_handler_leaves_its_words_out_of_the_log(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="vonage_messages")
    recorder.failures.append(RuntimeError("a secret text"))
    answer = await insecure(recorder).receive(JSON_HEADERS, inbound())
    assert "RuntimeError" in caplog.text
    assert "a secret text" not in caplog.text + answer.body.decode()
