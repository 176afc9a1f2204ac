"""``AccountsClient`` over real sockets: against the simulator, and against servers that misbehave."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from vonage_messages import (
    AccountsClient,
    APIError,
    AuthenticationError,
    BasicAuth,
    ConfigurationError,
    ConnectError,
    NotFoundError,
    PermissionDeniedError,
    ResponseLostError,
    RetryPolicy,
    Timeout,
    UnexpectedResponseError,
    ValidationError,
)
from vonage_messages.simulator import Simulator

TOKEN = "the secret token"
AUTH = BasicAuth("abcd1234", "its secret")
AT_ONCE = RetryPolicy(base_delay=0)
UNKNOWN = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def accounts(simulator: Simulator) -> AsyncIterator[AccountsClient]:
    async with AccountsClient.from_env(environ=simulator.environment(), retry=AT_ONCE) as client:
        yield client


async def test_a_page_of_messenger_from_its_beginning_to_its_end(
    accounts: AccountsClient, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await accounts.create_messenger("12345678", TOKEN, name="Acme", applications=[simulator.application_id])
    assert (made.access_token, made.api_key) == (TOKEN, simulator.api_key)
    assert await accounts.get("messenger", "12345678") == made
    changed = await accounts.update_messenger("12345678", name="Other", applications=[])
    assert (changed.name, changed.applications, changed.access_token) == ("Other", (), TOKEN)
    linked = await accounts.link("messenger", "12345678", simulator.application_id)
    assert linked.applications == (simulator.application_id,)
    await accounts.unlink("messenger", "12345678", simulator.application_id)
    await accounts.delete_messenger("12345678")
    with pytest.raises(NotFoundError) as caught:
        await accounts.get("messenger", "12345678")
    assert (caught.value.body, str(caught.value).partition(" [")[0]) == (b"", "HTTP 404: Not Found")
    assert TOKEN not in caplog.text


async def test_the_list_goes_over_all_pages(accounts: AccountsClient, simulator: Simulator) -> None:
    for number in range(7):
        simulator.accounts.add("messenger", str(number), access_token=TOKEN)
    found = [each.external_id async for each in accounts.list(provider="messenger", page_size=3)]
    assert found == [str(number) for number in range(7)]
    assert len([each async for each in accounts.list()]) == 10
    assert len(simulator.state._exchanges) == 3 + 1


async def test_a_viber_and_an_rcs_account_are_found(accounts: AccountsClient) -> None:
    assert (await accounts.get("viber_service", "22353")).provider == "viber_service_msg"
    assert (await accounts.get("rcs", "SimulatedAgent")).provider == "rcs"
    with pytest.raises(NotFoundError):
        await accounts.get("rcs", "Nobody")


async def test_every_refusal_has_its_error(accounts: AccountsClient, simulator: Simulator) -> None:
    with pytest.raises(PermissionDeniedError) as forbidden:
        await accounts.create_messenger("1", TOKEN, applications=[UNKNOWN])
    assert str(forbidden.value).startswith("HTTP 403: Forbidden [request id ")
    with pytest.raises(APIError) as conflict:
        await accounts.link("whatsapp", "447700900001", simulator.application_id)
    assert (conflict.value.status, conflict.value.code, conflict.value.retryable) == (409, "Conflict", False)
    await accounts.create_messenger("1", TOKEN)
    with pytest.raises(ValidationError) as invalid:
        await accounts.create_messenger("1", TOKEN)
    assert [each.path for each in invalid.value.invalid_parameters] == ["external_id"]
    async with AccountsClient(AUTH, base_url=simulator.url) as stranger:
        with pytest.raises(AuthenticationError):
            await anext(stranger.list())
    for error in (forbidden.value, conflict.value, invalid.value):
        assert pickle.loads(pickle.dumps(error)).request_id == error.request_id  # noqa: S301  our own
        assert TOKEN not in repr(error) + str(error)


@pytest.mark.parametrize("operation", ["delete", "get"])
async def test_what_is_the_same_done_twice_is_repeated(
    accounts: AccountsClient, simulator: Simulator, operation: str
) -> None:
    await accounts.create_messenger("1", TOKEN)
    simulator.faults.add("reset_in_answer", count=1)
    if operation == "delete":
        await accounts.delete_messenger("1")  # the second request finds nothing: the first one was carried out
        assert simulator.accounts.get("messenger", "1") is None
    else:
        assert (await accounts.get("messenger", "1")).access_token == TOKEN


async def test_an_unlinking_whose_answer_was_lost_succeeds(accounts: AccountsClient, simulator: Simulator) -> None:
    simulator.faults.add("reset_in_answer", count=1)
    await accounts.unlink("whatsapp", "447700900001", simulator.application_id)
    with pytest.raises(APIError, match="Unable to unlink"):
        await accounts.unlink("whatsapp", "447700900001", simulator.application_id)


async def test_a_creation_whose_answer_was_lost_is_not_repeated(tools: Any) -> None:
    server = await tools.server(tools.close)
    async with AccountsClient(AUTH, base_url=server.url, retry=AT_ONCE) as accounts:
        with pytest.raises(ResponseLostError, match="look before you repeat it"):
            await accounts.create_messenger("1", TOKEN)
        assert len(server.requests) == 1


async def test_a_throttled_creation_is_repeated(accounts: AccountsClient, simulator: Simulator) -> None:
    simulator.faults.add("throttle", count=1, seconds=0)
    assert (await accounts.create_messenger("1", TOKEN)).external_id == "1"


async def test_the_credentials_stay_with_the_host_whatever_a_link_says(tools: Any) -> None:
    item = {"provider": "rcs", "external_id": "1"}
    links = {"next": {"href": "https://elsewhere.example/take?page_number=2"}}
    first = json.dumps({"_embedded": [item], "_links": links}).encode()
    server = await tools.server(tools.answer(200, first), tools.answer(200, json.dumps([item]).encode()))
    async with AccountsClient(AUTH, base_url=server.url) as accounts:
        assert len([each async for each in accounts.list(provider="rcs")]) == 2
    assert [each.path for each in server.requests] == [
        "/beta/chatapp-accounts/?provider=rcs",
        "/beta/chatapp-accounts/?page_number=2&provider=rcs",
    ]
    assert all("content-length" not in each.headers or each.body == b"" for each in server.requests)


async def test_a_list_that_leads_back_ends(tools: Any) -> None:
    links = {"next": {"href": "https://api.nexmo.com/beta/chatapp-accounts?page_number=2"}}
    page = json.dumps({"_embedded": [{"provider": "rcs", "external_id": "1"}], "_links": links}).encode()
    server = await tools.server(tools.answer(200, page))
    async with AccountsClient(AUTH, base_url=server.url) as accounts:
        with pytest.raises(UnexpectedResponseError, match="leads back"):
            [each async for each in accounts.list()]
    assert len(server.requests) == 2


@pytest.mark.parametrize(("status", "body"), [(200, b"{"), (200, b""), (200, b"[]"), (301, b"")])
async def test_an_answer_that_is_none_is_unexpected(tools: Any, status: int, body: bytes) -> None:
    server = await tools.server(tools.answer(status, body))
    async with AccountsClient(AUTH, base_url=server.url) as accounts:
        with pytest.raises(UnexpectedResponseError):
            await accounts.get("whatsapp", "447700900001")


@pytest.mark.usefixtures("quiet_clock")
async def test_a_server_that_says_nothing_was_reached(tools: Any) -> None:
    server = await tools.server(tools.silence)
    once = RetryPolicy(attempts=1)
    async with AccountsClient(AUTH, base_url=server.url, timeout=Timeout(total=0.3), retry=once) as accounts:
        with pytest.raises(ResponseLostError, match="Asking again does no harm"):
            await anext(accounts.list())


async def test_a_port_that_nobody_listens_on_was_not(unused_tcp_port: int) -> None:
    once = RetryPolicy(attempts=1)
    async with AccountsClient(AUTH, base_url=f"http://127.0.0.1:{unused_tcp_port}", retry=once) as accounts:
        with pytest.raises(ConnectError):
            await anext(accounts.list())


async def test_observers_see_each_attempt(simulator: Simulator) -> None:
    seen: list[Any] = []

    class Watching:
        def before_attempt(self, event: Any) -> None:
            seen.append(event.operation)

        def after_attempt(self, event: Any) -> None:
            seen.append(event.status)

    simulator.faults.add("error", count=1)
    async with AccountsClient.from_env(
        environ=simulator.environment(), observers=[Watching()], retry=AT_ONCE
    ) as watched:
        await watched.get("whatsapp", "447700900001")
    assert seen == ["get_account", 500, "get_account", 200]


async def test_number_of_an_account_is_masked_for_observers_and_in_the_log(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    class Watching:
        def before_attempt(self, event: Any) -> None:
            seen.append(event.url)

        def after_attempt(self, event: Any) -> None:
            pass

    with caplog.at_level(logging.DEBUG, "vonage_messages"):
        async with AccountsClient.from_env(environ=simulator.environment(), observers=[Watching()]) as watched:
            await watched.get("whatsapp", "447700900001")
            await watched.unlink("whatsapp", "447700900001", simulator.application_id)
            assert [account async for account in watched.list(provider="whatsapp")]
    accounts = f"{simulator.url}/beta/chatapp-accounts"
    assert seen == [
        f"{accounts}/whatsapp/44********01",
        f"{accounts}/whatsapp/44********01/applications/{simulator.application_id}",
        f"{accounts}/?provider=whatsapp",
    ]
    assert all(url in caplog.text for url in seen)
    assert "447700900001" not in caplog.text


async def test_the_session_of_the_caller_stays_open(simulator: Simulator) -> None:
    auth = BasicAuth(simulator.api_key, simulator.api_secret)

    async def rotating() -> BasicAuth:
        return auth

    async with aiohttp.ClientSession() as session:
        async with AccountsClient(rotating, base_url=simulator.url, session=session) as accounts:
            assert await accounts.get("whatsapp", "447700900001")
        assert not session.closed


def test_options_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="http"):
        AccountsClient(AUTH, base_url="http://api.nexmo.com")
    with pytest.raises(ConfigurationError, match="VONAGE_API_SECRET"):
        AccountsClient.from_env(environ={"VONAGE_API_KEY": "abcd1234"})
    assert repr(AccountsClient(AUTH)) == "AccountsClient(base_url='https://api.nexmo.com')"
