"""The External Accounts API of the simulator, asked over a socket without any client of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import Simulator

Asking = Callable[..., Any]
PAGE = {"external_id": "12345678", "access_token": "the secret token"}
OTHER = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


@pytest.fixture
def ask(simulator: Simulator, session: aiohttp.ClientSession, basic: Callable[[Simulator], dict[str, str]]) -> Asking:
    async def asking(method: str, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        options.setdefault("headers", basic(simulator))
        url = f"{simulator.url}/beta/chatapp-accounts{path}"
        data = {} if body is None else {"json": body}
        async with session.request(method, url, **data, **options) as answer:
            text = await answer.text()
            assert answer.headers["X-Request-Id"]
            return answer.status, json.loads(text) if text else None

    return asking


async def test_a_page_of_messenger_is_made_changed_and_taken_away(ask: Asking, simulator: Simulator) -> None:
    created = {"applications": [], "api_key": simulator.api_key, "provider": "messenger", **PAGE}
    assert await ask("POST", "/messenger", PAGE) == (201, created)
    assert await ask("PATCH", "/messenger/12345678", {"name": "Acme"}) == (200, created | {"name": "Acme"})
    assert await ask("GET", "/messenger/12345678") == (200, created | {"name": "Acme"})
    assert await ask("DELETE", "/messenger/12345678") == (204, None)
    assert await ask("GET", "/messenger/12345678") == (404, None)
    assert await ask("DELETE", "/messenger/12345678") == (404, None)


async def test_an_account_has_one_application(ask: Asking, simulator: Simulator) -> None:
    simulator.accounts.add("whatsapp", "447700900002")
    links, ours = "/whatsapp/447700900002/applications", simulator.application_id
    assert (await ask("POST", links, {"application": OTHER})) == (
        403,
        {
            "type": "https://www.nexmo.com/messages/Errors#Forbidden",
            "title": "Forbidden",
            "detail": "Cannot link application",
        },
    )
    status, account = await ask("POST", links, {"application": ours})
    assert (status, account["applications"]) == (200, [ours])
    status, problem = await ask("POST", links, {"application": ours})
    assert (status, problem["title"]) == (409, "Application conflict")
    assert await ask("DELETE", f"{links}/{ours}") == (204, None)
    assert (await ask("DELETE", f"{links}/{ours}"))[0] == 409


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_list_comes_in_pages(ask: Asking, simulator: Simulator, slash: str) -> None:
    for number in range(5):
        simulator.accounts.add("messenger", str(number), access_token="token")
    status, page = await ask("GET", f"{slash}?provider=messenger&page_number=2&page_size=2")
    assert status == 200
    assert [each["external_id"] for each in page["_embedded"]] == ["2", "3"]
    assert (page["page_number"], page["page_size"], set(page["_links"])) == (
        2,
        2,
        {"self", "first", "last", "next", "prev"},
    )
    assert page["_links"]["next"]["href"].endswith(
        "/beta/chatapp-accounts?provider=messenger&page_number=3&page_size=2"
    )
    _, last = await ask("GET", f"{slash}?provider=messenger&page_number=3&page_size=2")
    assert "next" not in last["_links"]
    _, everything = await ask("GET", slash)
    assert len(everything["_embedded"]) == 3 + 5


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/messenger", {}, {"external_id", "access_token"}),
        ("POST", "/messenger", PAGE | {"colour": "red", "name": 1}, {"colour", "name"}),
        ("POST", "/messenger", PAGE | {"applications": [OTHER, OTHER]}, {"applications"}),
        ("POST", "/messenger", PAGE | {"external_id": "a/b"}, {"external_id"}),
        ("POST", "/whatsapp/447700900001/applications", {"application": 1}, {"application"}),
        ("GET", "?page_number=0&page_size=9999", None, {"page_number", "page_size"}),
    ],
)
async def test_what_is_wrong_is_listed_as_invalid_params(
    ask: Asking, method: str, path: str, body: object, named: set[str]
) -> None:
    answered, problem = await ask(method, path, body)
    assert answered == 400
    assert {each["name"] for each in problem["invalid_params"]} == named
    assert problem["instance"] is None


async def test_a_page_for_an_unknown_application_is_forbidden_in_one_word(ask: Asking) -> None:
    assert await ask("POST", "/messenger", PAGE | {"applications": [OTHER]}) == (403, {"title": "Forbidden"})


async def test_a_page_is_made_once(ask: Asking) -> None:
    assert (await ask("POST", "/messenger", PAGE))[0] == 201
    assert (await ask("POST", "/messenger", PAGE))[0] == 400


async def test_without_credentials_the_documented_401(ask: Asking) -> None:
    detail = "Request header 'Authorization' missing / Invalid Token"
    assert await ask("GET", "/", headers={}) == (401, {"title": "Unauthorised", "detail": detail})
    status, problem = await ask("GET", "/", headers={"Authorization": "Basic bm8="})
    assert status == 401
    assert problem["detail"].startswith(detail)


async def test_a_token_of_the_application_is_taken_too(
    ask: Asking, simulator: Simulator, bearer: Callable[[Simulator], dict[str, str]]
) -> None:
    assert (await ask("GET", "/", headers=bearer(simulator)))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fax/1", 404),
        ("GET", "/rcs/SimulatedAgent", 404),
        ("PATCH", "/whatsapp/447700900001", 405),
        ("DELETE", "/viber_service_msg/22353", 405),
        ("POST", "/whatsapp", 404),
    ],
)
async def test_there_are_no_other_operations(ask: Asking, method: str, path: str, status: int) -> None:
    assert (await ask(method, path, {}))[0] == status


async def test_faults_and_the_rate_hold_for_accounts_too(ask: Asking, simulator: Simulator) -> None:
    simulator.faults.add("error", count=1)
    assert (await ask("GET", "/"))[0] == 500
    simulator.limit(0.001, burst=1)
    assert [(await ask("GET", "/"))[0] for _ in range(2)] == [200, 429]


async def test_no_access_token_is_kept(
    ask: Asking,
    simulator: Simulator,
    session: aiohttp.ClientSession,
    basic: Callable[[Simulator], dict[str, str]],
) -> None:
    authorization = basic(simulator)["Authorization"]
    await ask("POST", "/messenger", PAGE)
    await ask("POST", "/messenger", PAGE | {"colour": "red"})
    await ask("GET", "/")
    broken = f'{{"access_token": "{PAGE["access_token"]}"'.encode()
    headers = {"Content-Type": "application/json", "Authorization": authorization}
    async with session.post(f"{simulator.url}/beta/chatapp-accounts/messenger", data=broken, headers=headers) as answer:
        assert answer.status == 400
    kept = f"{simulator.state._exchanges}{simulator.refusals!r}{list(simulator.accounts)!r}"
    kept += str([(each.payload, each.raw_body) for each in simulator.refusals])
    assert PAGE["access_token"] not in kept
    assert '"access_token": "***"' in kept


@pytest.mark.parametrize("arguments", [("fax", "1"), ("whatsapp", ""), ("whatsapp", "a b"), ("rcs", "..")])
def test_an_account_that_cannot_be_is_not_added(arguments: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Simulator().accounts.add(*arguments)


def test_the_book_is_bounded() -> None:
    simulator = Simulator(maximum=4)
    for number in range(10):
        simulator.accounts.add("messenger", str(number))
    assert [each.external_id for each in simulator.accounts] == ["6", "7", "8", "9"]
