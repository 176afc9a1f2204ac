"""``Client``: one call, one answer, against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import jwt
import pytest
from aiohttp import web
from aioresponses import aioresponses

from vonage_messages import errors
from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms
from vonage_messages.clients.client import Client, DryRun
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.clients.transport import Timeout
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.wire.payloads import to_json, to_payload

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from vonage_messages.observe import AttemptFinished, AttemptStarted

UUID = "d8f86df1-dec6-442f-870a-2241be27d721"
BASIC = BasicAuth("abcd1234", "topsecret")
QUICK = RetryPolicy(base_delay=0.01)
LONG = 60
"""Seconds within which whatever does not hang has ended, on any machine."""
EXPIRED = json.dumps({"type": "https://developer.vonage.com/api-errors#jwt-expired", "title": "Expired"}).encode()


def client_of(server: Any, auth: Any = BASIC, **options: Any) -> Client:
    return Client(auth, base_url=server.url, **{"retry": QUICK, **options})


class Recorder:
    def __init__(self) -> None:
        self.started: list[AttemptStarted] = []
        self.finished: list[AttemptFinished] = []

    def before_attempt(self, event: AttemptStarted) -> None:
        self.started.append(event)

    def after_attempt(self, event: AttemptFinished) -> None:
        self.finished.append(event)


async def test_message_is_sent_and_its_receipt_read(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted({"X-Request-Id": "r1"}))
    async with client_of(server) as client:
        sent = await client.send(sms)
    assert (sent.message_uuid, sent.client_ref, sent.request_id) == (UUID, "mine", "r1")
    assert sent.headers["X-Request-Id"] == "r1"
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.json == to_payload(sms)
    assert request.headers["authorization"] == BASIC.authorization()


async def test_v0_1_goes_to_its_own_path_in_its_own_form(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server, api_version="v0.1") as client:
        await client.send(sms)
        await client.send(sms, api_version="v1")
        await client.attempt(sms)
    assert [request.path for request in server.requests] == ["/v0.1/messages", "/v1/messages", "/v0.1/messages"]
    assert server.requests[0].json == to_payload(sms, "v0.1")


async def test_application_sends_a_token_that_its_key_verifies(
    tools: Any, sms: Sms, application: ApplicationAuth, private_key: RSAPrivateKey
) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server, application) as client:
        await client.send(sms)
    token = server.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, private_key.public_key(), algorithms=["RS256"])
    assert claims["application_id"] == application.application_id


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


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n",
        b'HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n{"message_uuid": "d8f8',
        b'HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n{"message_uuid": "d8f86df1"}',
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nOK",
    ],
)
async def test_202_that_cannot_be_read_may_have_been_sent(tools: Any, sms: Sms, data: bytes) -> None:
    server = await tools.server(tools.raw(data))
    async with client_of(server) as client:
        with pytest.raises(errors.UnexpectedResponseError) as caught:
            await client.send(sms)
    assert caught.value.maybe_sent
    assert caught.value.status == 202
    assert len(server.requests) == 1


async def test_redirect_is_not_followed(tools: Any, sms: Sms) -> None:
    elsewhere = await tools.server(tools.accepted())
    server = await tools.server(tools.answer(307, headers={"Location": elsewhere.url}))
    async with client_of(server) as client:
        with pytest.raises(errors.UnexpectedResponseError, match="redirect"):
            await client.send(sms)
    assert elsewhere.requests == []


async def test_refused_connection_is_repeated(sms: Sms) -> None:
    recorder = Recorder()
    listening = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    client = Client(BASIC, base_url=f"http://127.0.0.1:{port}", retry=QUICK, observers=[recorder])
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


async def test_attempt_gives_the_receipt(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        assert (await client.attempt(sms)).message_uuid == UUID


async def test_expired_token_is_renewed_once(tools: Any, sms: Sms, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(401, EXPIRED), tools.accepted())
    async with client_of(server, application, retry=RetryPolicy(attempts=1)) as client:
        await client.send(sms)
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first != second


async def test_token_that_stays_expired_is_raised(tools: Any, sms: Sms, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(401, EXPIRED))
    async with client_of(server, application) as client:
        with pytest.raises(errors.AuthenticationError):
            await client.send(sms)
    assert len(server.requests) == 2


async def test_attempt_forgets_an_expired_token_and_does_not_repeat(
    tools: Any, sms: Sms, application: ApplicationAuth
) -> None:
    server = await tools.server(tools.answer(401, EXPIRED), tools.accepted())
    async with client_of(server, application) as client:
        with pytest.raises(errors.AuthenticationError):
            await client.attempt(sms)
        await client.attempt(sms)
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first != second


async def test_basic_credentials_are_not_tried_again(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.answer(401, EXPIRED))
    async with client_of(server) as client:
        with pytest.raises(errors.AuthenticationError):
            await client.send(sms)
    assert len(server.requests) == 1


async def test_auth_may_be_a_function_for_keys_that_rotate(tools: Any, sms: Sms) -> None:
    secrets = iter(["first", "second"])

    async def current() -> BasicAuth:
        return BasicAuth("key", next(secrets))

    server = await tools.server(tools.accepted())
    async with client_of(server, current) as client:
        await client.send(sms)
        await client.send(sms)
    used = [request.headers["authorization"] for request in server.requests]
    assert used == [BasicAuth("key", secret).authorization() for secret in ("first", "second")]


async def test_function_that_gives_no_credentials_gets_a_sentence(tools: Any, sms: Sms) -> None:
    async def nothing() -> None:
        return None

    server = await tools.server(tools.accepted())
    async with client_of(server, nothing) as client:
        with pytest.raises(errors.ConfigurationError, match="not NoneType"):
            await client.send(sms)
    assert server.requests == []


async def test_function_that_takes_too_long_never_left(tools: Any, sms: Sms) -> None:
    async def forever() -> BasicAuth:
        await asyncio.sleep(60)
        return BASIC

    server = await tools.server(tools.accepted())
    async with client_of(server, forever, timeout=Timeout(total=0.1)) as client:
        with pytest.raises(errors.ConnectError, match="no credentials in time"):
            await client.send(sms)
    assert server.requests == []


async def test_failover_is_set_on_the_message(tools: Any, sms: Sms) -> None:
    other = attrs.evolve(sms, text="otherwise")
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        await client.send(sms, failover=[other])
        await client.failover([sms, other])
        await client.failover([sms])
    chain = to_payload(attrs.evolve(sms, failover=[other]))
    assert [request.json for request in server.requests] == [chain, chain, to_payload(sms)]


@pytest.mark.parametrize(
    ("message", "failover", "words"),
    [
        ("nested", None, "given twice"),
        ("plain", ["nested"], r"failover\[0\]\.failover"),
        ("plain", [], "must not be empty"),
        ("plain", [7], r"failover\[0\]: must be a message"),
        ("raw", ["plain"], "RawMessage"),
    ],
)
async def test_failover_that_cannot_be_is_refused(
    tools: Any, sms: Sms, message: str, failover: list[Any] | None, words: str
) -> None:
    messages: dict[str, Any] = {
        "plain": sms,
        "nested": attrs.evolve(sms, failover=[sms]),
        "raw": RawMessage(to_payload(sms)),
    }
    chain = [messages.get(item, item) for item in (failover if failover is not None else ["plain"])]
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        with pytest.raises(errors.InvalidMessageError, match=words):
            await client.send(messages[message], failover=chain)
    assert server.requests == []


async def test_empty_chain_is_refused(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        with pytest.raises(errors.InvalidMessageError, match="one message at least"):
            await client.failover([])


async def test_raw_message_is_sent_as_it_is(tools: Any) -> None:
    payload = {"channel": "fax", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "hello"}
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        await client.send(RawMessage(payload))
    assert server.requests[0].json == payload


async def test_what_is_no_message_is_a_type_error(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        with pytest.raises(TypeError, match="not str"):
            await client.send("hello")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="not dict"):
            await client.attempt({})  # type: ignore[arg-type]


async def test_unknown_version_is_refused_before_anything_is_sent(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        with pytest.raises(errors.ConfigurationError, match="api_version"):
            await client.send(sms, api_version="v2")  # type: ignore[call-overload]
    assert server.requests == []


async def test_dry_run_shows_the_request_and_sends_nothing(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        shown = await client.send(sms, dry_run=True)
    assert shown == DryRun(method="POST", url=f"{server.url}/v1/messages", payload=to_payload(sms), body=to_json(sms))
    assert "secret words" not in repr(shown)
    assert server.connections == 0


@attrs.frozen
class Inbound:
    message_uuid: str


@pytest.mark.parametrize("inbound", [UUID, Inbound(UUID)])
async def test_inbound_message_is_marked_as_read(tools: Any, application: ApplicationAuth, inbound: Any) -> None:
    server = await tools.server(tools.answer(202))
    async with client_of(server, application) as client:
        await client.mark_read(inbound)
        await client.mark_read(inbound, typing_indicator=True)
    assert {(request.method, request.path) for request in server.requests} == {("PATCH", f"/v1/messages/{UUID}")}
    assert [request.json for request in server.requests] == [
        {"status": "read"},
        {"status": "read", "replying_indicator": {"show": True, "type": "text"}},
    ]


async def test_message_is_revoked(tools: Any, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(202))
    async with client_of(server, application) as client:
        await client.revoke(UUID)
    assert server.requests[0].json == {"status": "revoked"}


async def test_update_that_is_refused_raises(tools: Any, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(404, b"{}"))
    async with client_of(server, application) as client:
        with pytest.raises(errors.NotFoundError):
            await client.revoke(UUID)


async def test_update_with_basic_credentials_is_refused_before_anything_is_sent(tools: Any) -> None:
    async def basic() -> BasicAuth:
        return BASIC

    server = await tools.server(tools.answer(202))
    for auth in (BASIC, basic):
        async with client_of(server, auth) as client:
            with pytest.raises(errors.ConfigurationError, match="need ApplicationAuth"):
                await client.mark_read(UUID)
            with pytest.raises(errors.ConfigurationError, match="need ApplicationAuth"):
                await client.revoke(UUID)
    assert server.requests == []


async def test_update_of_what_is_no_id_is_refused(tools: Any, application: ApplicationAuth) -> None:
    server = await tools.server(tools.answer(202))
    async with client_of(server, application) as client:
        with pytest.raises(errors.InvalidMessageError):
            await client.revoke("../v1/messages")
    assert server.requests == []


async def test_observers_see_every_attempt(tools: Any, sms: Sms) -> None:
    recorder = Recorder()
    server = await tools.server(
        tools.answer(429, b"{}", {"X-Request-Id": "r1"}), tools.accepted({"X-Request-Id": "r2"})
    )
    async with client_of(server, observers=[recorder]) as client:
        await client.send(sms)
    assert [(event.operation, event.attempt) for event in recorder.started] == [("send", 1), ("send", 2)]
    assert recorder.started[0].to == "44********00"
    first, second = recorder.finished
    assert (first.status, first.request_id, type(first.error)) == (429, "r1", errors.RateLimitedError)
    assert (second.status, second.request_id, second.message_uuid, second.error) == (202, "r2", UUID, None)
    assert second.started == recorder.started[1]
    assert second.duration > 0


async def test_attempt_is_logged_once_the_log_is_set_to_debug(
    tools: Any, sms: Sms, caplog: pytest.LogCaptureFixture
) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        with caplog.at_level(logging.INFO, "vonage_messages"):
            await client.attempt(sms)
        assert caplog.messages == []
        with caplog.at_level(logging.DEBUG, "vonage_messages"):
            await client.attempt(sms)
    assert [message.partition(",")[0] for message in caplog.messages] == ["send", "send"]


async def test_observed_attempt_forgets_an_expired_token_too(
    tools: Any, sms: Sms, application: ApplicationAuth
) -> None:
    recorder = Recorder()
    server = await tools.server(tools.answer(401, EXPIRED), tools.accepted())
    async with client_of(server, application, observers=[recorder]) as client:
        await client.send(sms)
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first != second
    assert [event.status for event in recorder.finished] == [401, 202]


async def test_observers_see_a_cancelled_attempt(tools: Any, sms: Sms) -> None:
    recorder = Recorder()
    server = await tools.server(tools.silence)
    async with client_of(server, observers=[recorder]) as client:
        task = asyncio.create_task(client.send(sms))
        await server.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert isinstance(recorder.finished[0].error, asyncio.CancelledError)
    assert len(server.requests) == 1


class Broken(Recorder):
    def before_attempt(self, event: AttemptStarted) -> None:
        super().before_attempt(event)
        raise RuntimeError("no place")


async def test_observer_that_raises_does_not_break_the_send(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server, observers=[Broken()]) as client:
        assert (await client.send(sms)).message_uuid == UUID


async def test_nothing_secret_is_logged_or_shown(
    tools: Any, sms: Sms, application: ApplicationAuth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script = tools.accepted(), tools.answer(422, b"{}"), tools.close, tools.raw(b"not http"), tools.answer(500)
    shown: list[str] = []
    for auth in (BASIC, application):
        server = await tools.server(*script)
        async with client_of(server, auth) as client:
            shown.append(repr(client) + repr(await client.send(sms, dry_run=True)))
            for _ in range(5):
                try:
                    shown.append(repr(await client.send(sms)))
                except errors.VonageMessagesError as error:
                    shown.append(f"{error} {error!r} {error.__cause__!r} {error.__context__!r}")
    token = application.authorization().removeprefix("Bearer ")
    everything = "\n".join([*shown, caplog.text])
    for secret in ("topsecret", BASIC.authorization()[6:], token, "secret words", "447700900000"):
        assert secret not in everything
    assert "44********00" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


async def test_client_without_async_with_sends(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    client = client_of(server)
    await client.send(sms)
    await client.close()
    await client.send(sms)
    await client.close()
    assert len(server.requests) == 2


async def test_two_clients_share_the_callers_session(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession() as session:
        async with client_of(server, session=session) as first, client_of(server, session=session) as second:
            await first.send(sms)
            await second.send(sms)
        assert not session.closed
    assert server.connections == 1


async def test_client_lives_as_long_as_its_aiohttp_application(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    client = client_of(server)
    closed: list[bool] = []
    close = client.close

    async def watched() -> None:
        closed.append(True)
        await close()

    client.close = watched  # type: ignore[method-assign]
    app = web.Application()
    app.cleanup_ctx.append(client.cleanup_ctx)
    runner = web.AppRunner(app)
    await runner.setup()
    await client.send(sms)
    assert closed == []
    await runner.cleanup()
    assert closed == [True]


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://api.nexmo.com/v1/messages"),
        ({"region": "eu"}, "https://api-eu.nexmo.com/v1/messages"),
        ({"region": "us"}, "https://api-us.nexmo.com/v1/messages"),
        ({"region": "ap"}, "https://api-ap.nexmo.com/v1/messages"),
        ({"base_url": "http://127.0.0.1:8080/"}, "http://127.0.0.1:8080/v1/messages"),
    ],
)
async def test_host_follows_the_options(
    options: dict[str, Any], url: str, sms: Sms, canned_response: type[aiohttp.ClientResponse]
) -> None:
    with aioresponses() as canned:
        canned.post(url, status=202, payload={"message_uuid": UUID}, response_class=canned_response)
        async with Client(BASIC, **options) as client:
            assert (await client.send(sms)).message_uuid == UUID


@pytest.mark.each(
    ("options", "words"),
    [
        ({"region": "eu", "sandbox": True}, "contradict"),
        ({"region": "eu", "base_url": "https://api.nexmo.com"}, "contradict"),
        ({"sandbox": True, "base_url": "https://api.nexmo.com"}, "contradict"),
        ({"region": "mars"}, "region must be one of eu, us, ap"),
        ({"base_url": "http://api.nexmo.com"}, "must be https"),
        ({"api_version": "v2"}, "api_version"),
        ({"timeout": 30}, "timeout must be a Timeout"),
        ({"retry": 3}, "retry must be a RetryPolicy"),
        ({"session": 3}, "session must be an aiohttp.ClientSession"),
        ({"ssl_context": False}, "cannot be switched off"),
        ({"proxy": "proxy:3128"}, "proxy must begin"),
        ({"app_name": "a\r\nb"}, "app_name"),
        ({"observers": [print]}, "observers must have"),
    ],
)
def test_option_that_cannot_work_gets_a_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=words):
        Client(BASIC, **options)


@pytest.mark.parametrize("auth", [None, "key", ("key", "secret"), BasicAuth, ApplicationAuth])
def test_auth_that_is_none_gets_a_sentence(auth: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="auth must be"):
        Client(auth)


def test_repr_shows_no_credential() -> None:
    shown = repr(Client(BASIC, proxy="http://user:hidden@proxy.example:3128"))
    assert shown == "Client(base_url='https://api.nexmo.com', api_version='v1')"


KEY_AND_SECRET = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "topsecret"}


def test_environment_gives_basic_credentials_and_base_url() -> None:
    client = Client.from_env(environ={**KEY_AND_SECRET, "VONAGE_BASE_URL": "http://127.0.0.1:8080"})
    assert isinstance(client._auth, BasicAuth)
    assert "127.0.0.1:8080" in repr(client)


def test_environment_prefers_the_application(certificate: Path) -> None:
    key = certificate.read_text().partition("-----BEGIN PRIVATE KEY-----")
    text = (key[1] + key[2]).replace("\n", "\\n")
    variables = {**KEY_AND_SECRET, "VONAGE_APPLICATION_ID": "an-id", "VONAGE_PRIVATE_KEY": text}
    assert isinstance(Client.from_env(environ=variables)._auth, ApplicationAuth)


def test_environment_is_that_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY", "VONAGE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in KEY_AND_SECRET.items():
        monkeypatch.setenv(name, value)
    assert "api-eu.nexmo.com" in repr(Client.from_env(region="eu"))


def test_base_url_of_the_call_wins_over_the_environment() -> None:
    variables = {**KEY_AND_SECRET, "VONAGE_BASE_URL": "http://127.0.0.1:1"}
    assert "127.0.0.1:2" in repr(Client.from_env(environ=variables, base_url="http://127.0.0.1:2"))


def test_base_url_of_the_environment_contradicts_a_region() -> None:
    variables = {**KEY_AND_SECRET, "VONAGE_BASE_URL": "http://127.0.0.1:1"}
    with pytest.raises(errors.ConfigurationError, match="VONAGE_BASE_URL"):
        Client.from_env(environ=variables, region="eu")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, or VONAGE_API_KEY and VONAGE_API_SECRET"),
        ({"VONAGE_API_KEY": "k"}, "VONAGE_API_SECRET is not set"),
        ({"VONAGE_API_SECRET": "s"}, "VONAGE_API_KEY is not set"),
        ({"VONAGE_API_KEY": "k", "VONAGE_API_SECRET": ""}, "VONAGE_API_SECRET is not set"),
        ({"VONAGE_APPLICATION_ID": "a"}, "VONAGE_PRIVATE_KEY is not set"),
        ({"VONAGE_PRIVATE_KEY": "p"}, "VONAGE_APPLICATION_ID is not set"),
        ({**KEY_AND_SECRET, "VONAGE_APPLICATION_ID": "a"}, "VONAGE_PRIVATE_KEY is not set"),
    ],
)
def test_missing_or_half_given_variables_are_named(variables: dict[str, str], words: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=words):
        Client.from_env(environ=variables)


def test_clients_imports_aiohttp_only_for_a_name() -> None:
    code = (
        "import sys, vonage_messages.clients as clients;"
        "before = 'aiohttp' in sys.modules;"
        "names = [getattr(clients, name) for name in clients.__all__];"
        "print(before, 'aiohttp' in sys.modules, set(clients.__all__) <= set(dir(clients)))"
    )
    result = subprocess.run(  # noqa: S603  fixed words
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split() == ["False", "True", "True"]


def test_unknown_name_of_clients_is_an_attribute_error() -> None:
    from vonage_messages import clients  # noqa: PLC0415  the module is what is tested

    with pytest.raises(AttributeError, match="Clint"):
        _ = clients.Clint  # type: ignore[attr-defined]
