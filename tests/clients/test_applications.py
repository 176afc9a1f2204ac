"""``ApplicationsClient`` over real sockets, against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from vonage_messages import (
    AccountsClient,
    Application,
    ApplicationAuth,
    ApplicationsClient,
    AuthenticationError,
    BasicAuth,
    Client,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    Sms,
    ValidationError,
)
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.application_book import Application as Simulated
from vonage_messages.simulator.keys import new_private_key, public_pem_of
from vonage_messages.wire import applications as wire

INBOUND, STATUS = "https://example.com/webhooks/inbound", "https://example.com/webhooks/status"
URLS = {"inbound_url": INBOUND, "status_url": STATUS}
SMS = Sms(to="447700900000", from_="Acme", text="Hello")
ID = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def applications(simulator: Simulator) -> AsyncIterator[ApplicationsClient]:
    retry = RetryPolicy(base_delay=0)
    async with ApplicationsClient.from_env(environ=simulator.environment(), retry=retry) as client:
        yield client


async def test_an_application_that_is_made_can_send(applications: ApplicationsClient, simulator: Simulator) -> None:
    made = await applications.create("Shop", **URLS)
    assert (made.inbound_url, made.status_url, made.webhook_version, made.has_messages) == (INBOUND, STATUS, "v1", True)
    assert made.private_key is not None
    assert public_pem_of(made.private_key) == made.public_key
    assert "PRIVATE" not in repr(made)
    assert "BEGIN PRIVATE" not in str(simulator.state._exchanges)

    async with Client(ApplicationAuth(made.id, made.private_key), base_url=simulator.url) as client:
        await client.send(SMS)
    async with Client(ApplicationAuth(made.id, simulator.private_key), base_url=simulator.url) as client:
        with pytest.raises(AuthenticationError):
            await client.send(SMS)

    found = await applications.get(made.id)
    assert (found.public_key, found.private_key) == (made.public_key, None)
    await applications.delete(made.id)
    with pytest.raises(NotFoundError):
        await applications.get(made.id)
    async with Client(ApplicationAuth(made.id, made.private_key), base_url=simulator.url) as client:
        with pytest.raises(AuthenticationError):
            await client.send(SMS)


async def test_an_update_leaves_everything_else_as_it_is(applications: ApplicationsClient) -> None:
    public_key = public_pem_of(new_private_key())
    made = await applications.create("Shop", **URLS, public_key=public_key)
    assert made.private_key is None
    voice = {"webhooks": {"answer_url": {"address": "https://example.com/answer", "http_method": "GET"}}}
    media = {**made.capabilities["messages"], "authenticate_inbound_media": True}
    rich = Application(id=made.id, name="Shop", public_key=public_key, capabilities={"voice": voice, "messages": media})
    await applications.update(rich)
    changed = await applications.update(made.id, status_url="https://example.com/other", webhook_version="v0.1")
    assert (changed.inbound_url, changed.status_url) == (INBOUND, "https://example.com/other")
    assert (changed.public_key, changed.name, changed.webhook_version) == (public_key, "Shop", "v0.1")
    assert changed.capabilities["voice"] == voice
    assert changed.capabilities["messages"]["authenticate_inbound_media"] is True


async def test_the_webhooks_of_the_simulator_itself_can_be_set(
    applications: ApplicationsClient, simulator: Simulator
) -> None:
    changed = await applications.update(simulator.application_id, **URLS)
    assert (simulator.webhooks.inbound_url, simulator.webhooks.status_url) == (INBOUND, STATUS)
    assert (changed.id, changed.inbound_url) == (simulator.application_id, INBOUND)
    assert public_pem_of(simulator.private_key) == changed.public_key
    with pytest.raises(ValidationError):
        await applications.delete(simulator.application_id)
    with pytest.raises(ValidationError):
        await applications.update(changed, public_key=public_pem_of(new_private_key()))


async def test_the_simulator_keeps_what_is_said_of_its_own_application(
    applications: ApplicationsClient, simulator: Simulator
) -> None:
    own = await applications.get(simulator.application_id)
    said = Application(id=own.id, name="Shop", capabilities={"voice": {}}, extra={"privacy": {"improve_ai": False}})
    await applications.update(said, **URLS)
    found = await applications.get(simulator.application_id)
    assert (found.name, found.capabilities["voice"]) == ("Shop", {})
    assert found.extra["privacy"] == {"improve_ai": False}


async def test_accounts_are_linked_to_applications_for_messages_alone(
    applications: ApplicationsClient, simulator: Simulator
) -> None:
    made = await applications.create("Shop", **URLS, public_key=public_pem_of(new_private_key()))
    simulator.accounts.add("whatsapp", "1")
    simulator.applications.put(Simulated(id=ID, name="Voice", public_key=str(made.public_key)))
    async with AccountsClient.from_env(environ=simulator.environment()) as accounts:
        with pytest.raises(PermissionDeniedError):
            await accounts.link("whatsapp", "1", ID)
        assert (await accounts.link("whatsapp", "1", made.id)).applications == (made.id,)


async def test_the_list_goes_over_all_pages(
    applications: ApplicationsClient, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PAGE_SIZE", 2)
    key = public_pem_of(new_private_key())
    made = [(await applications.create(f"{number}", **URLS, public_key=key)).id for number in range(4)]
    assert [each.id async for each in applications.list()] == [simulator.application_id, *made]


async def test_a_refusal_names_the_fields(applications: ApplicationsClient) -> None:
    with pytest.raises(ValidationError) as caught:
        await applications.create("Shop", **URLS, public_key="no key")
    assert [each.path for each in caught.value.invalid_parameters] == ["keys.public_key"]


async def test_a_token_is_not_taken(simulator: Simulator) -> None:
    auth = ApplicationAuth(simulator.application_id, simulator.private_key)
    async with ApplicationsClient(auth, base_url=simulator.url) as client:
        with pytest.raises(ConfigurationError, match="BasicAuth"):
            await client.get(simulator.application_id)
    with pytest.raises(ConfigurationError, match="VONAGE_API_KEY"):
        ApplicationsClient.from_env(environ={"VONAGE_APPLICATION_ID": "a", "VONAGE_PRIVATE_KEY": "b"})


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, {"name"}),
        ({"name": 1, "colour": "red", "keys": [], "privacy": 1}, {"name", "colour", "keys", "privacy"}),
        ({"name": "a", "capabilities": 1}, {"capabilities"}),
        ({"name": "a", "capabilities": {"voice": 1}}, {"capabilities.voice"}),
        (
            {
                "name": "a",
                "capabilities": {
                    "messages": {
                        "version": "v2",
                        "authenticate_inbound_media": 1,
                        "colour": "red",
                        "webhooks": {
                            "inbound_url": {"address": "no"},
                            "status_url": {"address": STATUS, "http_method": "GET"},
                            "other_url": {},
                        },
                    }
                },
            },
            {
                f"capabilities.messages.{name}"
                for name in (
                    "version",
                    "authenticate_inbound_media",
                    "colour",
                    "webhooks.inbound_url.address",
                    "webhooks.status_url.http_method",
                    "webhooks.other_url",
                )
            },
        ),
        ({"name": "a", "capabilities": {"messages": {"webhooks": 1}}}, {"capabilities.messages.webhooks"}),
    ],
)
async def test_the_simulator_lists_what_is_wrong(simulator: Simulator, body: Any, names: set[str]) -> None:
    authorization = BasicAuth(simulator.api_key, simulator.api_secret).authorization()
    async with aiohttp.ClientSession(headers={"Authorization": authorization}) as session:
        async with session.post(f"{simulator.url}/v2/applications", json=body) as answer:
            assert answer.status == 400
            assert {each["name"] for each in (await answer.json())["invalid_parameters"]} == names
        async with session.get(f"{simulator.url}/v2/applications?page=0&page_size=101") as answer:
            assert (answer.status, len((await answer.json())["invalid_parameters"])) == (400, 2)


def test_a_base_url_of_the_default_is_the_platform() -> None:
    assert repr(ApplicationsClient(BasicAuth("a", "b"))) == "ApplicationsClient(base_url='https://api.nexmo.com')"
