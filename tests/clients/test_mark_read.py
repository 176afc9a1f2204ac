"""Where an update goes: to the region that the event names, and never to whoever forged one."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
from yarl import URL

from vonage_messages.auth import ApplicationAuth
from vonage_messages.clients.client import Client
from vonage_messages.clients.hosts import regional_host
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.errors import ConnectError
from vonage_messages.webhooks.parse import parse_inbound

UUID = "d8f86df1-dec6-442f-870a-2241be27d721"
REGIONS = [f"api-{region}.{domain}.com" for region in ("eu", "us", "ap") for domain in ("nexmo", "vonage")]
FORGED = {
    "foreign host": f"https://attacker.example/v1/messages/{UUID}",
    "plain http": f"http://api-eu.vonage.com/v1/messages/{UUID}",
    "platform host as user name": f"https://api-eu.vonage.com@attacker.example/v1/messages/{UUID}",
    "credentials before the platform's host": f"https://user:secret@api-eu.vonage.com/v1/messages/{UUID}",
    "other port": f"https://api-eu.vonage.com:8443/v1/messages/{UUID}",
    "usual port spelled out": f"https://api-eu.vonage.com:443/v1/messages/{UUID}",
    "port that is a word": f"https://api-eu.vonage.com:443@attacker.example/v1/messages/{UUID}",
    "host below another": f"https://api-eu.vonage.com.attacker.example/v1/messages/{UUID}",
    "host with a prefix": f"https://xapi-eu.vonage.com/v1/messages/{UUID}",
    "host below the platform's": f"https://a.api-eu.vonage.com/v1/messages/{UUID}",
    "lookalike domain": f"https://api-eu.vonage.co/v1/messages/{UUID}",
    "lookalike letter": f"https://api-eu.v\u043enage.com/v1/messages/{UUID}",
    "lookalike letter in punycode": f"https://api-eu.xn--vnage-jua.com/v1/messages/{UUID}",
    "full-width letters": f"https://\uff41\uff50\uff49-eu.vonage.com/v1/messages/{UUID}",
    "ideographic full stop": f"https://api-eu.vonage.com\u3002attacker.example/v1/messages/{UUID}",
    "trailing dot": f"https://api-eu.vonage.com./v1/messages/{UUID}",
    "capitals": f"HTTPS://API-EU.VONAGE.COM/v1/messages/{UUID}",
    "unknown region": f"https://api-xx.vonage.com/v1/messages/{UUID}",
    "other host of the domain": f"https://www.vonage.com/v1/messages/{UUID}",
    "backslash": f"https://api-eu.vonage.com\\@attacker.example/v1/messages/{UUID}",
    "backslash for slashes": f"https:\\\\api-eu.vonage.com\\v1\\messages\\{UUID}",
    "tab within": f"https://api-eu.vonage.com\t.attacker.example/v1/messages/{UUID}",
    "line break before": f"\nhttps://api-eu.vonage.com/v1/messages/{UUID}",
    "line break behind": f"https://api-eu.vonage.com/v1/messages/{UUID}\n",
    "header in the path": f"https://api-eu.vonage.com/v1/messages/{UUID}\r\nHost: attacker.example",
    "fragment before the host": f"https://attacker.example#@api-eu.vonage.com/v1/messages/{UUID}",
    "query before the host": f"https://attacker.example?@api-eu.vonage.com/v1/messages/{UUID}",
    "other path": "https://api-eu.vonage.com/collect",
    "path that climbs": f"https://api-eu.vonage.com/v1/messages/../../collect/{UUID}",
    "path that climbs in percents": "https://api-eu.vonage.com/v1/messages/%2e%2e%2fcollect",
    "query behind": f"https://api-eu.vonage.com/v1/messages/{UUID}?to=attacker.example",
    "two addresses": f"https://api-eu.vonage.com/v1/messages/{UUID} https://attacker.example",
    "without a scheme": f"//attacker.example/v1/messages/{UUID}",
    "other scheme": f"ftp://api-eu.vonage.com/v1/messages/{UUID}",
    "file": "file:///etc/passwd",
    "loopback": f"https://127.0.0.1/v1/messages/{UUID}",
    "number as host": f"https://2130706433/v1/messages/{UUID}",
    "IPv6": f"https://[::1]/v1/messages/{UUID}",
    "empty": "",
    "very long": "https://api-eu.vonage.com/v1/messages/" + "a" * 100_000,
}


@attrs.frozen
class Event:
    message_uuid: str
    self_href: Any


@pytest.fixture
async def tunnel(tools: Any) -> Any:
    """A proxy that refuses every tunnel: it sees which hosts are asked for, and gets nothing else."""
    return await tools.server(tools.answer(502), drop_after_answer=True)


async def asked_hosts(tunnel: Any, application: ApplicationAuth, event: Any, **options: Any) -> list[str]:
    """Mark *event* as read with a client that can reach nothing but the tunnel, and tell which hosts it wanted."""
    async with Client(application, proxy=tunnel.url, retry=RetryPolicy(attempts=1), **options) as client:
        with pytest.raises(ConnectError):
            await client.mark_read(event)
    assert {request.method for request in tunnel.requests} == {"CONNECT"}
    assert not any("authorization" in request.headers for request in tunnel.requests)
    return [request.path for request in tunnel.requests]


@pytest.mark.parametrize("host", REGIONS)
async def test_update_goes_to_the_region_of_the_event(tunnel: Any, application: ApplicationAuth, host: str) -> None:
    event = Event(UUID, f"https://{host}/v1/messages/{UUID}")
    assert await asked_hosts(tunnel, application, event) == [f"{host}:443"]


async def test_region_of_the_event_goes_before_that_of_the_client(tunnel: Any, application: ApplicationAuth) -> None:
    event = Event(UUID, f"https://api-us.vonage.com/v1/messages/{UUID}")
    assert await asked_hosts(tunnel, application, event, region="eu") == ["api-us.vonage.com:443"]


async def test_event_without_a_link_goes_to_the_region_of_the_client(tunnel: Any, application: ApplicationAuth) -> None:
    assert await asked_hosts(tunnel, application, Event(UUID, None), region="ap") == ["api-ap.nexmo.com:443"]


async def test_parsed_event_is_followed(tunnel: Any, application: ApplicationAuth) -> None:
    event = parse_inbound(
        {
            "channel": "whatsapp",
            "message_uuid": UUID,
            "to": "447700900001",
            "from": "447700900000",
            "timestamp": "2025-02-03T12:14:25Z",
            "message_type": "text",
            "text": "Hello",
            "_self": {"href": f"https://api-us.nexmo.com/v1/messages/{UUID}"},
        }
    )
    assert await asked_hosts(tunnel, application, event) == ["api-us.nexmo.com:443"]


@pytest.mark.parametrize("href", FORGED.values(), ids=FORGED)
async def test_forged_link_is_not_followed(tunnel: Any, application: ApplicationAuth, href: str) -> None:
    assert await asked_hosts(tunnel, application, Event(UUID, href)) == ["api.nexmo.com:443"]


@pytest.mark.parametrize("href", [5, b"https://api-eu.vonage.com/v1/messages/x", ["https://api-eu.vonage.com"], {}])
async def test_link_that_is_no_text_is_not_followed(tunnel: Any, application: ApplicationAuth, href: Any) -> None:
    assert await asked_hosts(tunnel, application, Event(UUID, href)) == ["api.nexmo.com:443"]


@pytest.mark.parametrize("path", ["/v1/messages/", "/collect", ""])
async def test_token_never_reaches_the_server_of_a_forged_link(
    tools: Any, application: ApplicationAuth, path: str
) -> None:
    own, attacker = await tools.server(tools.answer(202)), await tools.server(tools.answer(202))
    async with Client(application, base_url=own.url) as client:
        await client.mark_read(Event(UUID, f"{attacker.url}{path}{UUID}"))
        await client.mark_read(Event(UUID, f"{own.url}@127.0.0.1:{attacker.port}{path}{UUID}"))
    assert (attacker.connections, len(own.requests)) == (0, 2)
    assert {request.path for request in own.requests} == {f"/v1/messages/{UUID}"}


async def test_client_with_an_address_of_its_own_keeps_to_it(tools: Any, application: ApplicationAuth) -> None:
    own = await tools.server(tools.answer(202))
    async with Client(application, base_url=own.url) as client:
        await client.mark_read(Event(UUID, f"https://api-eu.vonage.com/v1/messages/{UUID}"))
        await client.mark_read(Event(UUID, f"{own.url}/v1/messages/{UUID}"))
    assert len(own.requests) == 2


async def test_id_comes_from_the_event_and_not_from_the_link(tools: Any, application: ApplicationAuth) -> None:
    own = await tools.server(tools.answer(202))
    async with Client(application, base_url=own.url) as client:
        await client.mark_read(Event(UUID, f"{own.url}/v1/messages/another"))
    assert own.requests[0].path == f"/v1/messages/{UUID}"


async def test_link_that_is_not_followed_is_told_without_its_words(
    tools: Any, application: ApplicationAuth, caplog: pytest.LogCaptureFixture
) -> None:
    own = await tools.server(tools.answer(202))
    with caplog.at_level(logging.WARNING, "vonage_messages"):
        async with Client(application, base_url=own.url) as client:
            await client.mark_read(Event(UUID, "https://attacker.example/x"))
            await client.mark_read(Event(UUID, None))
            await client.mark_read(UUID)
    assert len(caplog.records) == 1
    assert "attacker" not in caplog.text


@pytest.mark.parametrize(
    "base", ["https://messages-sandbox.nexmo.com", "https://gateway.example", "http://127.0.0.1:80"]
)
def test_region_is_followed_only_from_hosts_of_the_api(base: str) -> None:
    href = f"https://api-eu.vonage.com/v1/messages/{UUID}"
    assert regional_host(href, URL(base)) is None
    assert regional_host(href, URL("https://api.nexmo.com")) == URL("https://api-eu.vonage.com")
