"""Which bodies a receiver reads, how far, and how many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from .callbacks import JSON_HEADERS, Recorder, inbound, insecure, problem, until


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


async def test_stream_that_breaks_off_is_not_handled(recorder: Recorder) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield inbound()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await insecure(recorder).receive_stream(JSON_HEADERS, chunks())
    assert recorder.events == []


async def test_stream_that_cannot_be_read_is_one_problem_and_one_log_line(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"\x1f\x8b"
        raise ValueError("what the framework says of a broken encoding")

    answer = await insecure(recorder).receive_stream(JSON_HEADERS, chunks())
    assert (answer.status, recorder.events) == (400, [])
    assert len([record for record in caplog.records if "refused" in record.getMessage()]) == 1
