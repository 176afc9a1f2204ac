"""The receiver: what runs, what is remembered, and what is answered."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.receiving.receiver import Answer, Receiver, Verdict
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook
from vonage_messages.webhooks.stores import MemorySeenStore, SeenKey, Standing

SECRET = "example-signature-secret-0123456789abcdef"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
JSON_HEADERS = {"Content-Type": "application/json"}


def inbound(uuid: str = UUID, text: str = "a secret text") -> bytes:
    return json.dumps(
        {
            "channel": "whatsapp",
            "message_type": "text",
            "message_uuid": uuid,
            "to": "447700900000",
            "from": "447700900001",
            "timestamp": "2025-02-03T12:14:25Z",
            "text": text,
        }
    ).encode()


def signed(body: bytes, **claims: Any) -> dict[str, str]:
    return sign_webhook(body, SECRET, **{"api_key": "a1b2c3d", "issued_at": time.time(), **claims})


class Recorder:
    """Handlers of a router that keep what they get, and fail or wait when told to."""

    def __init__(self) -> None:
        self.router = Router()
        self.router.event()(self.handle)
        self.events: list[Any] = []
        self.failures: list[Exception] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, event: Any) -> None:
        self.started.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.events.append(event)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def insecure(recorder: Recorder, **options: Any) -> Receiver:
    return Receiver(recorder.router, insecure=True, **options)


def secure(recorder: Recorder, **options: Any) -> Receiver:
    return Receiver(recorder.router, verifier=SignatureVerifier(SECRET), **options)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  bounded above; what is waited for tells nobody
            await asyncio.sleep(0)


def problem(answer: Answer) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    document = json.loads(answer.body)
    assert document["status"] == answer.status
    return dict(document)


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


class FailingStore(MemorySeenStore):
    """Raises in one of its methods, once."""

    __slots__ = ("_fails",)

    def __init__(self, fails: str) -> None:
        super().__init__()
        self._fails = fails

    def _fail(self, method: str) -> None:
        if self._fails == method:
            self._fails = ""
            raise ConnectionError("the store is gone")

    async def begin(self, key: SeenKey, /) -> Standing:
        self._fail("begin")
        return await super().begin(key)

    async def commit(self, key: SeenKey, /) -> None:
        self._fail("commit")
        await super().commit(key)


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


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
async def test_malformed_body_is_answered_400(recorder: Recorder, body: bytes) -> None:
    answer = await insecure(recorder).receive(JSON_HEADERS, body)
    assert (answer.status, problem(answer)["title"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
async def test_wrong_content_type_is_answered_415(recorder: Recorder, content_type: str) -> None:
    answer = await insecure(recorder).receive({"content-type": content_type}, inbound())
    assert (answer.status, recorder.events) == (415, [])


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/a+json", ""]
)
async def test_json_content_types_are_taken(recorder: Recorder, content_type: str) -> None:
    assert (await insecure(recorder).receive({"Content-Type": content_type}, inbound())).status == 200


async def test_body_over_the_limit_is_answered_413(recorder: Recorder) -> None:
    answer = await insecure(recorder, body_limit=10).receive(JSON_HEADERS, inbound())
    assert (answer.status, recorder.events) == (413, [])


async def test_stream_is_read_no_further_than_the_limit(recorder: Recorder) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b"x" * 10

    answer = await insecure(recorder, body_limit=25).receive_stream(JSON_HEADERS, chunks())
    assert (answer.status, read) == (413, 3)


async def test_stream_that_stalls_is_asked_for_again(recorder: Recorder) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await insecure(recorder, read_timeout=0.01).receive_stream(JSON_HEADERS, chunks())
    assert answer.status == 503


class Body:
    """A body that comes as far as it is let: each piece when it is asked for, the end after ``gate``."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.given = 0
        self.gate = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.given += 1
            yield piece
        await self.gate.wait()


async def test_bodies_beyond_max_running_are_not_read_and_come_again(recorder: Recorder) -> None:
    receiver = insecure(recorder, max_running=2)
    slow = [Body(inbound("one")), Body(inbound("two"))]
    tasks = [asyncio.create_task(receiver.receive_stream(JSON_HEADERS, body.chunks())) for body in slow]
    await until(lambda: all(body.given for body in slow))
    one_more = Body(inbound("three"))
    answer = await receiver.receive_stream(JSON_HEADERS, one_more.chunks())
    assert (answer.status, problem(answer)["detail"]) == (503, "the service is closing, or has no room right now")
    assert one_more.given == 0
    for body in (*slow, one_more):
        body.gate.set()
    assert [answer.status for answer in await asyncio.gather(*tasks)] == [200, 200]
    assert (await receiver.receive_stream(JSON_HEADERS, one_more.chunks())).status == 200


async def test_bodies_that_hold_too_much_together_are_read_no_further(recorder: Recorder) -> None:
    receiver = insecure(recorder, bodies_limit=1000)
    slow = Body(b" " * 600)
    task = asyncio.create_task(receiver.receive_stream(JSON_HEADERS, slow.chunks()))
    await until(lambda: slow.given == 1)
    large = Body(b" " * 300, b" " * 300, b" " * 300)
    answer = await receiver.receive_stream(JSON_HEADERS, large.chunks())
    assert (answer.status, problem(answer)["detail"], large.given) == (503, "too much is being received right now", 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    small = Body(inbound(), b" " * 600)
    small.gate.set()
    assert (await receiver.receive_stream(JSON_HEADERS, small.chunks())).status == 200


async def test_room_comes_back_however_a_body_ends(recorder: Recorder) -> None:
    async def breaking(error: Exception) -> AsyncIterator[bytes]:
        yield b"x" * 90
        raise error

    receiver = insecure(recorder, max_running=1, bodies_limit=500, body_limit=100, read_timeout=0.01)
    for _ in range(10):
        with pytest.raises(ConnectionResetError):
            await receiver.receive_stream(JSON_HEADERS, breaking(ConnectionResetError()))
        assert (await receiver.receive_stream(JSON_HEADERS, breaking(ValueError()))).status == 400
        assert (await receiver.receive_stream(JSON_HEADERS, Body(b"x" * 90).chunks())).status == 503  # stalls
        assert (await receiver.receive_stream(JSON_HEADERS, Body(b"x" * 200).chunks())).status == 413
        assert (await receiver.receive_stream(JSON_HEADERS, breaking(TimeoutError()))).status == 503


async def test_receiver_that_closes_reads_no_body(recorder: Recorder) -> None:
    receiver = insecure(recorder)
    await receiver.close()
    body = Body(inbound())
    assert (await receiver.receive_stream(JSON_HEADERS, body.chunks())).status == 503
    assert body.given == 0


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


async def test_stream_that_breaks_off_is_not_handled(recorder: Recorder) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield inbound()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await insecure(recorder).receive_stream(JSON_HEADERS, chunks())
    assert recorder.events == []


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


def test_receiver_without_a_verifier_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="insecure=True"):
        Receiver(Router())


def test_receiver_with_a_verifier_and_insecure_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="contradict"):
        Receiver(Router(), verifier=SignatureVerifier(SECRET), insecure=True)


def test_insecure_must_be_written_out_as_true() -> None:
    with pytest.raises(ConfigurationError, match="insecure=True"):
        Receiver(Router(), insecure="no")  # type: ignore[arg-type]


def test_insecure_receiver_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    Receiver(Router(), insecure=True)
    assert "without checking" in caplog.text


@pytest.mark.parametrize(
    ("option", "value"), [("mode", "later"), ("max_running", 0), ("body_limit", -1), ("read_timeout", 0)]
)
def test_option_that_does_not_fit_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        Receiver(Router(), insecure=True, **{option: value})


def test_receiver_of_something_else_than_a_router_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Router"):
        Receiver([], insecure=True)  # type: ignore[arg-type]


async def test_stream_that_cannot_be_read_is_one_problem_and_one_log_line(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"\x1f\x8b"
        raise ValueError("what the framework says of a broken encoding")

    answer = await insecure(recorder).receive_stream(JSON_HEADERS, chunks())
    assert (answer.status, recorder.events) == (400, [])
    assert len([record for record in caplog.records if "refused" in record.getMessage()]) == 1


def test_a_verifier_that_is_no_verifier_is_refused_at_construction() -> None:
    with pytest.raises(ConfigurationError, match="SignatureVerifier"):
        Receiver(Router(), verifier="the secret")  # type: ignore[arg-type]
