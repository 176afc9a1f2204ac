"""What a client sends again, what it never does, and when it gives up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.auth import BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.clients.client import Client
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate

from .quick_client import BASIC, LONG, QUICK, UUID, Recorder, client_of


@pytest.mark.usefixtures("quiet_clock")
async def test_429_is_repeated_after_its_retry_after_and_succeeds(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429, b"{}", {"Retry-After": "1"}), tools.accepted())
    async with client_of(server) as client:
        begun = asyncio.get_running_loop().time()
        sent = await client.send(sms)
        waited = asyncio.get_running_loop().time() - begun
    assert sent.message_uuid == UUID
    assert len(server.requests) == 2
    assert 1.0 <= waited < 3.0


@pytest.mark.usefixtures("quiet_clock")
async def test_429_with_a_date_is_repeated_after_it(tools: Any, sms: Sms) -> None:
    # What is left of the minute when the answer comes is waited for on a clock that jumps.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server = await tools.server(tools.answer(429, b"{}", {"Retry-After": date}), tools.accepted())
    retry = RetryPolicy(max_retry_after=600)
    async with client_of(server, timeout=Timeout(total=600), retry=retry) as client:
        begun = asyncio.get_running_loop().time()
        await client.send(sms)
        waited = asyncio.get_running_loop().time() - begun
    assert 30.0 <= waited < 63.0


async def test_429_that_asks_for_too_long_is_raised_at_once(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429, b"{}", {"Retry-After": "3600"}))
    async with client_of(server) as client:
        async with asyncio.timeout(LONG):
            with pytest.raises(errors.RateLimitedError) as caught:
                await client.send(sms)
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


async def test_429_without_a_wait_is_repeated_until_the_attempts_are_used_up(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429))
    async with client_of(server) as client:
        with pytest.raises(errors.RateLimitedError):
            await client.send(sms)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_5xx_is_never_repeated(tools: Any, sms: Sms, status: int) -> None:
    server = await tools.server(tools.answer(status, b"oops", {"Retry-After": "0"}))
    async with client_of(server) as client:
        with pytest.raises(errors.ServerError) as caught:
            await client.send(sms)
    assert caught.value.maybe_sent
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_refusal_is_never_repeated(tools: Any, sms: Sms, status: int) -> None:
    server = await tools.server(tools.answer(status, b"{}", {"X-Request-Id": "r1"}))
    async with client_of(server) as client:
        with pytest.raises(errors.APIError) as caught:
            await client.send(sms)
    assert (caught.value.status, caught.value.request_id) == (status, "r1")
    assert len(server.requests) == 1


async def test_server_that_reads_the_request_and_closes_sees_it_once(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.close)
    async with client_of(server) as client:
        with pytest.raises(errors.ResponseLostError) as caught:
            await client.send(sms)
    assert caught.value.maybe_sent
    assert len(server.requests) == 1


async def test_lost_answer_is_repeated_only_when_the_policy_asks_for_it(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.close, tools.accepted())
    policy = RetryPolicy(base_delay=0.01, repeat_ambiguous=True)
    async with client_of(server, retry=policy) as client:
        assert (await client.send(sms)).message_uuid == UUID
    assert len(server.requests) == 2


async def test_policy_that_raises_hides_no_error(tools: Any, sms: Sms, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_error: Exception) -> bool:
        raise KeyError("secret words")

    server = await tools.server(tools.close)
    async with client_of(server, retry=RetryPolicy(repeat_ambiguous=fails)) as client:
        with pytest.raises(errors.ResponseLostError) as caught:
            await client.send(sms)
    assert caught.value.maybe_sent
    assert caplog.messages == ["repeat_ambiguous raised KeyError: the message is not repeated"]


@pytest.mark.parametrize("later", ["refused", "no place", "no credentials"])
async def test_call_stays_in_doubt_whatever_becomes_of_the_repetition(tools: Any, sms: Sms, later: str) -> None:
    server = await tools.server(tools.close, tools.answer(422, b"{}"))
    policy = RetryPolicy(base_delay=0.01, repeat_ambiguous=True)
    options: dict[str, Any] = {"limits": Limits(account=Rate(1, per=3600.0))} if later == "no place" else {}
    asked = 0

    async def auth() -> BasicAuth:
        nonlocal asked
        asked += 1
        if later == "no credentials" and asked > 1:
            raise LookupError
        return BasicAuth("abcd1234", "secret")

    async with Client(auth, base_url=server.url, retry=policy, **options) as client:
        with pytest.raises(errors.ResponseLostError) as caught:
            await client.send(sms)
    assert caught.value.maybe_sent
    expected = {
        "refused": errors.ValidationError,
        "no place": errors.LimitTimeoutError,
        "no credentials": LookupError,
    }
    assert isinstance(caught.value.__cause__, expected[later])
    assert len(server.requests) == (2 if later == "refused" else 1)


async def test_refused_connection_is_repeated(sms: Sms, unused_tcp_port: int) -> None:
    recorder = Recorder()
    client = Client(BASIC, base_url=f"http://127.0.0.1:{unused_tcp_port}", retry=QUICK, observers=[recorder])
    async with client:
        with pytest.raises(errors.ConnectError) as caught:
            await client.send(sms)
    assert [event.attempt for event in recorder.started] == [1, 2, 3]
    assert not caught.value.maybe_sent


@pytest.mark.usefixtures("quiet_clock")
async def test_deadline_holds_over_all_attempts(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429, b"{}", {"Retry-After": "0"}), tools.silence)
    async with client_of(server, timeout=Timeout(total=0.3)) as client:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(errors.ResponseLostError):
            await client.send(sms)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(0.3, abs=0.01)
    assert len(server.requests) == 2


async def test_wait_that_would_pass_the_deadline_is_not_begun(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429, b"{}", {"Retry-After": str(2 * LONG)}))
    retry = RetryPolicy(max_retry_after=10 * LONG)
    async with (
        client_of(server, timeout=Timeout(connect=LONG, total=1.5 * LONG), retry=retry) as client,
        asyncio.timeout(LONG),
    ):
        with pytest.raises(errors.RateLimitedError):
            await client.send(sms)


async def test_retry_budget_is_shared_by_all_calls_of_a_client(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429))
    async with client_of(server, retry=RetryPolicy(base_delay=0.001, budget=3)) as client:
        for _ in range(3):
            with pytest.raises(errors.RateLimitedError):
                await client.send(sms)
    assert len(server.requests) == 3 + 2 + 1


async def test_attempt_makes_one_request_only(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(429, b"{}", {"Retry-After": "0"}))
    async with client_of(server) as client:
        with pytest.raises(errors.RateLimitedError):
            await client.attempt(sms)
    assert len(server.requests) == 1
