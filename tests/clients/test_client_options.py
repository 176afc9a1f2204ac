"""What a client is made of: its options, the environment, and what gets a sentence."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aioresponses import aioresponses

from vonage_messages import errors
from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.clients.client import Client

from .quick_client import BASIC, UUID

if TYPE_CHECKING:
    from pathlib import Path


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
