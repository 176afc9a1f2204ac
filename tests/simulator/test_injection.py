"""Faults over real sockets: what the simulator keeps, what our own client makes of it, and what any caller sees."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from vonage_messages import RetryPolicy, Sms, Timeout
from vonage_messages.errors import (
    PaymentRequiredError,
    RateLimitedError,
    ResponseLostError,
    ServerError,
    UnexpectedResponseError,
    VonageMessagesError,
)
from vonage_messages.simulator import Simulator

ONE_TRY = RetryPolicy(attempts=1)
SMS = Sms(to="447700900000", from_="Acme", text="Hello")


async def send(simulator: Simulator, **options: Any) -> VonageMessagesError | None:
    async with simulator.client(retry=ONE_TRY, **options) as client:
        try:
            await client.send(SMS)
        except VonageMessagesError as error:
            return error
    return None


@pytest.mark.parametrize(
    ("kind", "error_class", "maybe_sent", "accepted"),
    [
        ("throttle", RateLimitedError, False, 0),
        ("low_balance", PaymentRequiredError, False, 0),
        ("error", ServerError, True, 0),
        ("error_after_accepting", ServerError, True, 1),
        ("reset_before_reading", ResponseLostError, True, 0),
        ("reset_after_accepting", ResponseLostError, True, 1),
        ("reset_in_answer", UnexpectedResponseError, True, 1),
        ("truncated_json", UnexpectedResponseError, True, 1),
    ],
)
@pytest.mark.parametrize("selector", [{}, {"channel": "sms", "to": "447700900000", "from_": "Acme"}])
async def test_our_client_tells_what_may_have_been_sent(  # noqa: PLR0913, PLR0917  one row of the table
    simulator: Simulator,
    kind: str,
    error_class: type[VonageMessagesError],
    maybe_sent: bool,
    accepted: int,
    selector: dict[str, str],
) -> None:
    simulator.faults.add(kind, count=1, **selector)
    error = await send(simulator)
    assert type(error) is error_class
    assert error.maybe_sent is maybe_sent
    assert len(simulator.messages) == accepted
    assert [placed.struck for placed in simulator.faults] == [1]
    assert await send(simulator) is None


async def give_up(simulator: Simulator) -> VonageMessagesError | None:
    """Send with so little patience that the answer is not waited for, and so much that the message arrives."""
    error = None
    for total in (0.3, 3.0, 30.0):  # a busy machine may need longer before anything has left
        error = await send(simulator, timeout=Timeout(connect=total, total=total))
        if simulator.messages:
            break
    return error


async def test_an_answer_that_comes_too_late_is_lost_and_the_message_is_not(simulator: Simulator) -> None:
    simulator.faults.add("slow", seconds=3600)
    assert isinstance(await give_up(simulator), ResponseLostError)
    assert simulator.messages


async def test_a_slow_answer_comes_in_the_end(simulator: Simulator) -> None:
    simulator.faults.add("slow", seconds=0.2)
    before = asyncio.get_running_loop().time()
    assert await send(simulator) is None
    assert asyncio.get_running_loop().time() - before >= 0.2


async def test_a_slow_answer_nobody_waits_for_does_not_hold_up_the_end() -> None:
    async with asyncio.timeout(90):
        async with Simulator() as simulator:
            simulator.faults.add("slow", seconds=3600)
            assert isinstance(await give_up(simulator), ResponseLostError)


async def test_our_client_reads_json_whatever_it_is_called(simulator: Simulator) -> None:
    simulator.faults.add("wrong_content_type")
    assert await send(simulator) is None


async def test_the_wait_that_is_asked_for_is_the_one_of_the_fault(simulator: Simulator) -> None:
    simulator.faults.add("throttle", seconds=6.2)
    error = await send(simulator)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 7
    assert [refusal.status for refusal in simulator.refusals] == [429]
    assert [arrival.status for arrival in simulator.arrivals] == [429]


async def test_our_client_repeats_what_was_throttled(simulator: Simulator) -> None:
    simulator.faults.add("throttle", count=2, seconds=0)
    async with simulator.client(retry=RetryPolicy(attempts=3, base_delay=0.001)) as client:
        await client.send(SMS)
    assert [arrival.status for arrival in simulator.arrivals] == [429, 429, 202]


@pytest.mark.parametrize(
    ("status", "title"), [(500, "Internal error"), (503, "Service Unavailable"), (599, "Server error")]
)
async def test_an_error_has_the_status_that_is_asked_for(simulator: Simulator, status: int, title: str) -> None:
    simulator.faults.add("error", status=status)
    error = await send(simulator)
    assert isinstance(error, ServerError)
    assert (error.status, error.title) == (status, title)


async def test_a_wrong_message_is_refused_before_its_balance_runs_out(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[..., dict[str, str]]
) -> None:
    simulator.faults.add("low_balance")
    async with session.post(f"{simulator.url}/v1/messages", json={}, headers=basic(simulator)) as response:
        assert response.status == 422


async def test_an_unknown_caller_is_refused_before_any_fault(
    simulator: Simulator, session: aiohttp.ClientSession, sms: dict[str, Any]
) -> None:
    placed = simulator.faults.add("throttle")
    async with session.post(f"{simulator.url}/v1/messages", json=sms) as response:
        assert response.status == 401
    assert simulator.faults.get(placed.number) == placed


@pytest.mark.parametrize(("clean", "error"), [(False, aiohttp.ClientOSError), (True, aiohttp.ServerDisconnectedError)])
@pytest.mark.parametrize("kind", ["reset_before_reading", "reset_after_accepting"])
async def test_any_caller_sees_a_reset_or_an_early_end(  # noqa: PLR0913, PLR0917  the fixtures of a request
    simulator: Simulator,
    session: aiohttp.ClientSession,
    basic: Callable[..., dict[str, str]],
    sms: dict[str, Any],
    kind: str,
    clean: bool,
    error: type[Exception],
) -> None:
    simulator.faults.add(kind, clean=clean)
    with pytest.raises(error) as caught:
        await session.post(f"{simulator.url}/v1/messages", json=sms, headers=basic(simulator))
    assert type(caught.value) is error
    assert len(simulator.messages) == (kind == "reset_after_accepting")


@pytest.mark.parametrize("clean", [False, True])
async def test_a_reset_in_the_answer_shows_half_of_it(
    simulator: Simulator, basic: Callable[..., dict[str, str]], sms: dict[str, Any], clean: bool
) -> None:
    simulator.faults.add("reset_in_answer", clean=clean)
    body = json.dumps(sms).encode()
    head = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\nAuthorization: {basic(simulator)['Authorization']}\r\n\r\n"
    host, port = simulator.url.removeprefix("http://").split(":")

    def ask() -> tuple[bytes, bool]:
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(head.encode() + body)
            received = b""
            try:
                while piece := connection.recv(4096):
                    received += piece
            except ConnectionResetError:
                return received, True
            return received, False

    received, was_reset = await asyncio.to_thread(ask)
    headers, _, half = received.partition(b"\r\n\r\n")
    assert was_reset is not clean
    assert headers.startswith(b"HTTP/1.1 202 Accepted")
    whole = json.dumps({"message_uuid": simulator.messages[0].message_uuid}).encode()
    assert f"Content-Length: {len(whole)}".encode() in headers
    assert half == whole[: len(whole) // 2]


async def test_what_strikes_an_answer_goes_together(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[..., dict[str, str]], sms: dict[str, Any]
) -> None:
    for kind in ("wrong_content_type", "truncated_json"):
        simulator.faults.add(kind)
    simulator.faults.add("slow", seconds=0.05)
    async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=basic(simulator)) as response:
        assert (response.status, response.content_type) == (202, "text/html")
        text = await response.text()
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert simulator.messages[0].message_uuid.startswith(text.partition('": "')[2])
    assert [placed.struck for placed in simulator.faults] == [1, 1, 1]


async def test_an_update_is_struck_by_the_message_that_it_names(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Callable[..., dict[str, str]]
) -> None:
    simulator.state.add_inbound("whatsapp", "known")
    simulator.faults.add("error", channel="rcs")
    simulator.faults.add("error_after_accepting", channel="whatsapp", path="/v1/messages/*", count=1)
    for expected in (500, 202):
        async with session.patch(
            f"{simulator.url}/v1/messages/known", json={"status": "read"}, headers=bearer(simulator)
        ) as response:
            assert response.status == expected
    assert len(simulator.state.inbound[0].updates) == 2


async def test_an_empty_answer_can_break_off_too(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Callable[..., dict[str, str]]
) -> None:
    simulator.state.add_inbound("whatsapp", "known")
    simulator.faults.add("truncated_json", count=1)
    simulator.faults.add("reset_in_answer", clean=True)
    response = await session.patch(
        f"{simulator.url}/v1/messages/known", json={"status": "read"}, headers=bearer(simulator)
    )
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


async def test_faults_of_one_version_spare_the_other(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[..., dict[str, str]], sms: dict[str, Any]
) -> None:
    simulator.faults.add("throttle", path="/v0.1/*")
    content = {"content": {"type": "text", "text": "Hello"}}
    old = {
        "to": {"type": "sms", "number": "447700900000"},
        "from": {"type": "sms", "number": "Acme"},
        "message": content,
    }
    statuses = []
    for path, body in (("/v1/messages", sms), ("/v0.1/messages", old)):
        async with session.post(simulator.url + path, json=body, headers=basic(simulator)) as response:
            statuses.append(response.status)
    assert statuses == [202, 429]


async def test_the_journal_tells_of_faults(simulator: Simulator) -> None:
    simulator.faults.add("throttle", count=1)
    await send(simulator)
    simulator.faults.clear()
    entries = simulator.state.journal.since(0)
    assert entries is not None
    assert [entry.kind for entry in entries if entry.kind == "faults"] == ["faults"] * 3


async def test_what_is_known_of_a_request_ends_with_it(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[..., dict[str, str]], sms: dict[str, Any]
) -> None:
    """Two requests on one connection: the second has no channel, although the first had one."""
    simulator.faults.add("wrong_content_type", channel="sms")
    types = []
    for body in (sms, {}):
        async with session.post(f"{simulator.url}/v1/messages", json=body, headers=basic(simulator)) as response:
            types.append((response.status, response.content_type))
            await response.read()
    assert types == [(202, "text/html"), (422, "application/json")]


async def test_files_of_people_are_struck_by_their_path(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Callable[..., dict[str, str]]
) -> None:
    written, _ = await simulator.written(channel="whatsapp", message_type="image", media=b"a picture")
    simulator.faults.add("error", path="/v3/media/*", status=503, count=1)
    simulator.faults.add("reset_in_answer", path="/v3/media/*", clean=True, count=1)
    url = f"{simulator.url}/v3/media/{written.message_uuid}"
    outcomes: list[Any] = []
    for _ in range(2):
        async with session.get(url, headers=bearer(simulator)) as response:
            try:
                outcomes.append((response.status, await response.read()))
            except aiohttp.ClientPayloadError:
                outcomes.append((response.status, "cut short"))
    assert outcomes == [(503, "cut short"), (200, b"a picture")]
