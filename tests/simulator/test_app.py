"""Every operation over a real socket, spoken to by a plain aiohttp client."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from vonage_messages.simulator import Simulator
from vonage_messages.simulator.app import MessagesAPI

Headers = Callable[..., dict[str, str]]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
V0_1 = {
    "to": {"type": "viber_service_msg", "number": "447700900000"},
    "from": {"type": "viber_service_msg", "id": "22353"},
    "message": {"content": {"type": "text", "text": "Hello"}},
    "client_ref": "ref",
}
RCS = {"channel": "rcs", "message_type": "text", "to": "447700900000", "from": "Vonage", "text": "Hello"}


async def refused(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Check what every problem has, and give its document."""
    document: dict[str, Any] = json.loads(await response.read())
    assert document["title"]
    assert document["instance"]
    assert UUID(response.headers["X-Request-Id"]).version == 4
    return document


async def test_a_v1_message_is_accepted_and_kept(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    sms["client_ref"] = "ref"
    async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=bearer(simulator)) as response:
        answer = await response.json()
    assert response.status == 202
    assert list(answer) == ["message_uuid"]
    (message,) = simulator.messages
    assert message.message_uuid == answer["message_uuid"] == str(UUID(answer["message_uuid"]))
    assert message.request_id == response.headers["X-Request-Id"]
    assert (message.version, message.channel, message.message_type) == ("v1", "sms", "text")
    assert (message.to, message.from_, message.client_ref) == ("447700900000", "Acme", "ref")
    assert message.payload == sms
    assert message.received_at.utcoffset() is not None
    assert abs(message.received_at.timestamp() - time.time()) < 60


async def test_basic_credentials_are_good_for_both_versions(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Headers, sms: dict[str, Any]
) -> None:
    for path, body in (("/v1/messages", sms), ("/v0.1/messages", V0_1)):
        async with session.post(simulator.url + path, json=body, headers=basic(simulator)) as response:
            assert response.status == 202


async def test_a_v0_1_message_is_accepted_and_kept(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    async with session.post(f"{simulator.url}/v0.1/messages", json=V0_1, headers=bearer(simulator)) as response:
        answer = await response.json()
    assert response.status == 202
    assert list(answer) == ["message_uuid"]
    (message,) = simulator.messages
    assert (message.version, message.channel, message.message_type) == ("v0.1", "viber_service_msg", "text")
    assert (message.to, message.from_, message.client_ref) == ("447700900000", "22353", "ref")


async def test_a_failover_chain_gets_a_workflow_id(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    async with session.post(
        f"{simulator.url}/v1/messages", json=RCS | {"failover": [sms]}, headers=bearer(simulator)
    ) as response:
        answer = await response.json()
    assert list(answer) == ["message_uuid", "workflow_id"]
    assert simulator.messages[0].workflow_id == answer["workflow_id"]
    assert len(simulator.messages) == 1


async def test_a_wrong_v1_message_is_422_and_kept_as_a_refusal(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    wrong = sms | {"ttl": 4 * 2**30}
    async with session.post(f"{simulator.url}/v1/messages", json=wrong, headers=bearer(simulator)) as response:
        document = await refused(response)
    assert (response.status, response.content_type) == (422, "application/json")
    assert document["invalid_parameters"] == [{"name": "ttl", "reason": "must be 20 to 604800"}]
    (refusal,) = simulator.refusals
    assert (refusal.status, refusal.problem, refusal.payload) == (422, document, wrong)
    assert (refusal.method, refusal.path) == ("POST", "/v1/messages")
    assert simulator.messages == []


async def test_a_wrong_v0_1_message_is_400_with_four_fields(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    async with session.post(
        f"{simulator.url}/v0.1/messages", json=V0_1 | {"client_ref": "a" * 41}, headers=bearer(simulator)
    ) as response:
        document = await refused(response)
    assert response.status == 400
    assert list(document) == ["type", "title", "detail", "instance"]
    assert "client_ref" in document["detail"]


@pytest.mark.parametrize(
    ("path", "status", "fragment"), [("/v1/messages", 422, "invalid-json"), ("/v0.1/messages", 400, "InvalidParams")]
)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b'{"a":' + b"[" * 200_000, b'{"a": "\\ud800"}'],
)
async def test_a_body_that_is_no_json_object_is_refused(  # noqa: PLR0913, PLR0917  fixtures and a table
    simulator: Simulator,
    session: aiohttp.ClientSession,
    bearer: Headers,
    path: str,
    status: int,
    fragment: str,
    body: bytes,
) -> None:
    headers = bearer(simulator) | {"Content-Type": "application/json"}
    async with session.post(simulator.url + path, data=body, headers=headers) as response:
        document = await refused(response)
    assert response.status == status
    assert document["type"].endswith(f"#{fragment}")
    assert simulator.refusals[0].raw_body == body[:4096]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
async def test_a_body_that_is_not_declared_as_json_is_415(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, content_type: str, sms: dict[str, Any]
) -> None:
    headers = bearer(simulator) | {"Content-Type": content_type}
    async with session.post(f"{simulator.url}/v1/messages", data=json.dumps(sms).encode(), headers=headers) as response:
        document = await refused(response)
    assert response.status == 415
    assert response.content_type == "application/problem+json"
    assert document["type"].endswith("#content-type-header")


async def test_a_charset_beside_the_content_type_is_fine(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    headers = bearer(simulator) | {"Content-Type": "application/json; charset=utf-8"}
    async with session.post(f"{simulator.url}/v1/messages", data=json.dumps(sms).encode(), headers=headers) as response:
        assert response.status == 202


async def test_a_body_beyond_the_limit_is_413(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    async with Simulator(body_limit=1000) as simulator:
        for size, status in ((500, 202), (2000, 413)):
            body = json.dumps(sms | {"text": "a" * size}).encode()
            headers = bearer(simulator) | {"Content-Type": "application/json"}
            async with session.post(f"{simulator.url}/v1/messages", data=body, headers=headers) as response:
                answer = await response.json(content_type=None)
            assert response.status == status
        assert answer["title"] == "Payload Too Large"


async def test_a_compressed_body_is_read_and_a_broken_one_is_refused(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    whole = gzip.compress(json.dumps(sms).encode())
    for body, status in ((whole, 202), (b"no gzip at all", 422)):
        headers = bearer(simulator) | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        async with session.post(f"{simulator.url}/v1/messages", data=body, headers=headers) as response:
            await response.read()
        assert response.status == status
    assert len(simulator.messages) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/v1/messages/"),
        ("POST", "/v2/messages"),
        ("PATCH", "/v0.1/messages/x"),
        ("GET", "/favicon.ico"),
    ],
)
async def test_an_unknown_path_is_404(
    simulator: Simulator, session: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with session.request(method, simulator.url + path) as response:
        document = await refused(response)
    assert (response.status, response.content_type) == (404, "application/problem+json")
    assert document["type"].endswith("#not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/messages", "POST"),
        ("PUT", "/v1/messages", "POST"),
        ("DELETE", "/v0.1/messages", "POST"),
        ("GET", "/v1/messages/x", "PATCH"),
    ],
)
async def test_a_wrong_verb_is_405_and_names_the_right_one(
    simulator: Simulator, session: aiohttp.ClientSession, method: str, path: str, allowed: str
) -> None:
    async with session.request(method, simulator.url + path) as response:
        document = await refused(response)
    assert (response.status, response.headers["Allow"]) == (405, allowed)
    assert document["type"].endswith("#wrong-verb")


async def test_no_credentials_are_401(
    simulator: Simulator, session: aiohttp.ClientSession, sms: dict[str, Any]
) -> None:
    async with session.post(f"{simulator.url}/v1/messages", json=sms) as response:
        document = await refused(response)
    assert (response.status, response.content_type) == (401, "application/problem+json")
    assert document["title"] == "You did not provide correct credentials."
    assert simulator.refusals[0].status == 401


async def test_an_expired_token_is_401_and_says_so(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    headers = bearer(simulator, exp=int(time.time()) - 1)
    async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=headers) as response:
        document = await refused(response)
    assert response.status == 401
    assert document["type"].endswith("jwt-expired")


async def test_two_authorization_headers_are_401(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers, basic: Headers, sms: dict[str, Any]
) -> None:
    pairs = [*bearer(simulator).items(), *basic(simulator).items()]
    async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=pairs) as response:
        document = await refused(response)
    assert response.status == 401
    assert document["type"].endswith("#multiple-auth-methods")


async def test_a_low_balance_is_402(session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]) -> None:
    async with Simulator(balance=Decimal("0.05"), price=Decimal("0.02")) as simulator:
        statuses = []
        for _ in range(3):
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=bearer(simulator)) as response:
                answer = await response.json(content_type=None)
            statuses.append(response.status)
        assert statuses == [202, 202, 402]
        assert answer["type"].endswith("#low-balance")
        assert len(simulator.messages) == 2


async def test_a_wrong_message_costs_nothing(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    async with Simulator(balance=Decimal("0.05"), price=Decimal("0.02")) as simulator:
        async with session.post(
            f"{simulator.url}/v1/messages", json=sms | {"to": "x"}, headers=bearer(simulator)
        ) as response:
            assert response.status == 422
        assert simulator.balance.amount == Decimal("0.05")


async def test_too_fast_is_429_with_its_headers_until_a_token_has_come_back(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    seconds = [100.0]
    async with Simulator(rate=2.0, monotonic=lambda: seconds[0]) as simulator:
        headers = bearer(simulator)

        async def status() -> int:
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=headers) as response:
                return response.status

        assert [await status() for _ in range(2)] == [202, 202]
        async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=headers) as throttled:
            document = await refused(throttled)
        assert throttled.status == 429
        assert document["type"].endswith("#rate-limit")
        assert throttled.headers["Retry-After"] == "1"
        assert throttled.headers["X-RateLimit-Limit"] == "2"
        assert throttled.headers["X-RateLimit-Remaining"] == "0"
        assert abs(int(throttled.headers["X-RateLimit-Reset"]) / 1000 - time.time()) < 60
        assert simulator.throttled == 1
        seconds[0] += 0.5
        assert [await status() for _ in range(2)] == [202, 429]
        assert simulator.throttled == 2


async def test_concurrent_requests_never_pass_the_limit(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    async with Simulator(monotonic=lambda: 100.0) as simulator:
        headers = bearer(simulator)

        async def status() -> int:
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=headers) as response:
                return response.status

        statuses = await asyncio.gather(*(status() for _ in range(40)))
        assert sorted(statuses) == [202] * 30 + [429] * 10
        assert len(simulator.messages) == 30


async def test_callers_without_credentials_use_up_nothing(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    async with Simulator(rate=1.0, monotonic=lambda: 100.0) as simulator:
        for headers, status in (({}, 401), ({}, 401), (bearer(simulator), 202), (bearer(simulator), 429)):
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=headers) as response:
                assert response.status == status


async def test_an_update_draws_on_the_same_bucket(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    async with Simulator(rate=5.0, burst=1, monotonic=lambda: 100.0) as simulator:
        url = f"{simulator.url}/v1/messages"
        headers = bearer(simulator)
        async with session.patch(f"{url}/{uuid4()}", json={"status": "read"}, headers=headers) as response:
            assert response.status == 404
        async with session.post(url, json=sms, headers=headers) as response:
            assert response.status == 429


async def test_every_send_request_is_noted_when_it_came_whatever_became_of_it(
    session: aiohttp.ClientSession, bearer: Headers, sms: dict[str, Any]
) -> None:
    readings = itertools.count(100.0)
    async with Simulator(
        rate=1.0, burst=4, balance=Decimal("0.01"), monotonic=lambda: next(readings) / 1000
    ) as simulator:
        url = f"{simulator.url}/v1/messages"
        headers = bearer(simulator)
        broken = {**headers, "Content-Type": "application/json"}
        requests: list[dict[str, Any]] = [
            {"json": sms, "headers": headers},
            {"json": sms},
            {"json": sms | {"to": "x"}, "headers": headers},
            {"data": b"{", "headers": broken},
            {"json": sms, "headers": headers},
            {"json": sms, "headers": headers},
        ]
        for request in requests:
            async with session.post(url, **request) as response:
                await response.read()
        arrivals = list(simulator.arrivals)
    assert [each.status for each in arrivals] == [202, 401, 422, 422, 402, 429]
    # One reading of the clock for each: what is noted is what the rate limit went by.
    assert [each.at for each in arrivals] == [0.1, 0.101, 0.102, 0.103, 0.104, 0.105]
    first, *others = [(each.channel, each.from_, each.to) for each in arrivals]
    assert first == ("sms", "Acme", "447700900000")
    assert set(others) == {(None, None, None)}


async def test_arrivals_of_v0_1_name_their_sides_too(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    body = {
        "from": {"type": "sms", "number": "447700900001"},
        "to": {"type": "sms", "number": "447700900000"},
        "message": {"content": {"type": "text", "text": "Hello"}},
    }
    async with session.post(f"{simulator.url}/v0.1/messages", json=body, headers=bearer(simulator)) as response:
        assert response.status == 202
    (arrival,) = simulator.arrivals
    assert (arrival.channel, arrival.from_, arrival.to) == ("sms", "447700900001", "447700900000")


async def test_what_sends_nothing_is_no_arrival(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    url = f"{simulator.url}/v1/messages"
    for verb, path in (("GET", ""), ("POST", "/nowhere"), ("PATCH", f"/{uuid4()}")):
        async with session.request(verb, url + path, json={}, headers=bearer(simulator)) as response:
            assert response.status in {404, 405, 422}
    assert list(simulator.arrivals) == []


async def begin_to_send(simulator: Simulator, headers: dict[str, str], length: int) -> Stream:
    """Send the head of a request, and wait until it has arrived."""
    host, port = simulator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode())
    async with asyncio.timeout(60):
        while not simulator.arrivals:  # noqa: ASYNC110  the other side is a server, not a task that could tell
            await asyncio.sleep(0.001)
    return reader, writer


async def test_a_request_has_arrived_before_its_body_and_has_no_status_until_its_answer(
    simulator: Simulator, basic: Headers, sms: dict[str, Any]
) -> None:
    body = json.dumps(sms).encode()
    reader, writer = await begin_to_send(simulator, basic(simulator), len(body))
    (waiting,) = simulator.arrivals
    assert waiting.status is None
    writer.write(body)
    async with asyncio.timeout(60):
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
    (answered,) = simulator.arrivals
    assert (answered.status, answered.at) == (202, waiting.at)
    writer.close()
    await writer.wait_closed()


async def test_a_caller_that_hangs_up_has_arrived_and_never_gets_a_status(simulator: Simulator, basic: Headers) -> None:
    _, writer = await begin_to_send(simulator, basic(simulator), 500)
    writer.close()
    await writer.wait_closed()
    await simulator.stop()
    assert [arrival.status for arrival in simulator.arrivals] == [None]


async def test_what_is_let_in_keeps_to_the_bucket_on_the_clock_of_the_arrivals(
    session: aiohttp.ClientSession, basic: Headers, sms: dict[str, Any]
) -> None:
    # A clock of its own, so that as many come at once on a slow machine as on a fast one.
    spans = random.Random(1)  # noqa: S311  moments, no secrets
    readings = itertools.accumulate(iter(lambda: spans.uniform(0.0, 0.02), None), initial=100.0)
    async with Simulator(rate=40.0, burst=5, monotonic=lambda: next(readings)) as simulator:
        headers = basic(simulator)

        async def send() -> int:
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=headers) as response:
                return response.status

        statuses = [await send() for _ in range(60)]
        instants = [each.at for each in simulator.arrivals if each.status == 202]
    assert simulator.throttled == statuses.count(429) > 0
    for first, begin in enumerate(instants):
        for last, end in enumerate(instants[first:], first):
            assert last - first + 1 <= 5 + 40.0 * (end - begin + 2e-6)


async def test_an_inbound_whatsapp_message_is_marked_as_read_with_typing(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    message_uuid = simulator.state.add_inbound("whatsapp")
    body = {"status": "read", "replying_indicator": {"show": True, "type": "text"}}
    async with session.patch(
        f"{simulator.url}/v1/messages/{message_uuid}", json=body, headers=bearer(simulator)
    ) as response:
        assert (response.status, await response.read()) == (202, b"")
    assert UUID(response.headers["X-Request-Id"]).version == 4
    assert [update.payload for update in simulator.state.inbound[0].updates] == [body]


async def test_an_outbound_rcs_message_is_revoked(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    async with session.post(f"{simulator.url}/v1/messages", json=RCS, headers=bearer(simulator)) as response:
        message_uuid = (await response.json())["message_uuid"]
    async with session.patch(
        f"{simulator.url}/v1/messages/{message_uuid}", json={"status": "revoked"}, headers=bearer(simulator)
    ) as response:
        assert response.status == 202
    assert [update.status for update in simulator.messages[0].updates] == ["revoked"]


async def test_an_update_of_an_unknown_message_is_404(
    simulator: Simulator, session: aiohttp.ClientSession, bearer: Headers
) -> None:
    async with session.patch(
        f"{simulator.url}/v1/messages/asdf", json={"status": "read"}, headers=bearer(simulator)
    ) as response:
        document = await refused(response)
    assert response.status == 404
    assert document["detail"] == "Message with ID asdf not found"


@pytest.mark.parametrize(
    ("channel", "body", "title"),
    [
        ("whatsapp", {"status": "revoked"}, "Invalid params"),
        ("whatsapp", {"status": "read", "replying_indicator": {"show": "true", "type": "text"}}, "Invalid params"),
        ("whatsapp", {}, "Invalid params"),
        ("rcs", {"status": "revoked"}, "Operation not supported"),
        ("sms", {"status": "read"}, "Operation not supported"),
    ],
)
async def test_an_inbound_message_takes_only_its_own_updates(  # noqa: PLR0913, PLR0917  fixtures and a table
    simulator: Simulator,
    session: aiohttp.ClientSession,
    bearer: Headers,
    channel: str,
    body: dict[str, Any],
    title: str,
) -> None:
    message_uuid = simulator.state.add_inbound(channel)
    async with session.patch(
        f"{simulator.url}/v1/messages/{message_uuid}", json=body, headers=bearer(simulator)
    ) as response:
        document = await refused(response)
    assert (response.status, document["title"]) == (422, title)
    assert simulator.state.inbound[0].updates == ()


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (RCS, {"status": "read"}),
        (RCS | {"channel": "whatsapp", "from": "447700900001"}, {"status": "read"}),
        (RCS | {"channel": "sms"}, {"status": "revoked"}),
    ],
)
async def test_an_outbound_message_is_not_marked_as_read(
    simulator: Simulator,
    session: aiohttp.ClientSession,
    bearer: Headers,
    message: dict[str, Any],
    body: dict[str, Any],
) -> None:
    async with session.post(f"{simulator.url}/v1/messages", json=message, headers=bearer(simulator)) as response:
        message_uuid = (await response.json())["message_uuid"]
    async with session.patch(
        f"{simulator.url}/v1/messages/{message_uuid}", json=body, headers=bearer(simulator)
    ) as response:
        document = await refused(response)
    assert (response.status, document["type"], document["title"]) == (422, "", "Operation not supported")


async def test_an_update_takes_no_basic_credentials(
    simulator: Simulator, session: aiohttp.ClientSession, basic: Headers
) -> None:
    message_uuid = simulator.state.add_inbound("whatsapp")
    async with session.patch(
        f"{simulator.url}/v1/messages/{message_uuid}", json={"status": "read"}, headers=basic(simulator)
    ) as response:
        assert response.status == 401


async def test_a_mistake_of_the_simulator_itself_is_500(
    simulator: Simulator,
    session: aiohttp.ClientSession,
    bearer: Headers,
    sms: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(MessagesAPI, "_received", broken)
    async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=bearer(simulator)) as response:
        document = await refused(response)
    assert response.status == 500
    assert document["type"].endswith("messages#1000")
    assert "purpose" not in json.dumps(document)


async def test_a_caller_that_hangs_up_in_the_middle_leaves_nothing_behind(
    simulator: Simulator, bearer: Headers, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = simulator.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    authorization = bearer(simulator)["Authorization"]
    head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await simulator.stop()
    assert (simulator.messages, simulator.refusals) == ([], [])
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_an_answer_of_the_web_server_itself_has_a_request_id(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    async with session.post(f"{simulator.url}/v1/messages", headers={"Expect": "a-miracle"}) as response:
        assert response.status == 417
        assert UUID(response.headers["X-Request-Id"]).version == 4


async def test_answers_to_wrong_credentials_do_not_repeat_them(
    simulator: Simulator, session: aiohttp.ClientSession, sms: dict[str, Any]
) -> None:
    guess = base64.b64encode(b"key:a-good-guess").decode()
    async with session.post(
        f"{simulator.url}/v1/messages", json=sms, headers={"Authorization": f"Basic {guess}"}
    ) as response:
        text = await response.text()
    assert response.status == 401
    assert "guess" not in text + repr(simulator.refusals)
    assert guess not in text + repr(simulator.refusals)
