"""``Client``: one call, one answer, against real servers on loopback."""

from __future__ import annotations

from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from vonage_messages import errors
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms
from vonage_messages.clients.client import DryRun
from vonage_messages.wire.payloads import to_json, to_payload

from .quick_client import BASIC, UUID, client_of


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


async def test_attempt_gives_the_receipt(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        assert (await client.attempt(sms)).message_uuid == UUID


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
