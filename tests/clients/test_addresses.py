"""Which addresses, proxies and TLS contexts a client takes, and which get a sentence."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from yarl import URL

from vonage_messages import errors
from vonage_messages.clients.addresses import (
    checked_base_url,
    checked_proxy,
    checked_ssl_context,
    is_loopback,
    proxy_from_environment,
)


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example\r\nEvil: 1",
        "https://a\r\n.example",
        "https://a.example/\tb",
        "https://a b.example",
        "https://a\x00.example",
    ],
)
def test_address_with_a_line_break_or_a_space_gets_a_sentence(address: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="base_url contains a space, a line break"):
        checked_base_url(address)
    with pytest.raises(errors.ConfigurationError, match="proxy contains a space, a line break"):
        checked_proxy(address, URL("https://api.nexmo.com"))
    assert str(checked_base_url(" https://a.example\n")) == "https://a.example"  # a file's last line, say


@pytest.mark.parametrize(
    "url",
    [
        "https://api.nexmo.com",
        "https://api.nexmo.com/prefix",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:8080",
    ],
)
def test_address_that_is_safe_is_taken(url: str) -> None:
    checked_base_url(url)


@pytest.mark.each(
    ("url", "words"),
    [
        ("http://api.nexmo.com", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("http://0.0.0.0", "must be https"),
        ("http://2130706433", "must be https"),
        ("https://user:hidden@api.nexmo.com", "no credentials"),
        ("https://api.nexmo.com/?a=b", "no credentials, query"),
        ("https://api.nexmo.com/#a", "no credentials, query or fragment"),
        ("ftp://api.nexmo.com", "must begin with https"),
        ("api.nexmo.com", "must begin with https"),
        ("https://", "must begin with https"),
        ("", "must begin with https"),
        ("https://a:b:c", "is not an address"),
        (7, "is not an address"),
    ],
)
def test_address_that_is_not_gets_a_sentence(url: str, words: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        checked_base_url(url)
    assert "hidden" not in str(caught.value)


def test_proxy_must_not_see_plain_http() -> None:
    with pytest.raises(errors.ConfigurationError, match="would see credentials"):
        checked_proxy("http://proxy.example:3128", URL("http://127.0.0.1:8080"))


def test_proxy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example")
    assert proxy_from_environment(URL("https://api.nexmo.com")) == URL("http://proxy.example:3128")
    assert proxy_from_environment(URL("https://internal.example")) is None
    assert proxy_from_environment(URL("http://127.0.0.1")) is None


@pytest.mark.parametrize("context", [False, True, "no", 0])
def test_verification_is_no_flag(context: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"must be an ssl\.SSLContext"):
        checked_ssl_context(context, URL("https://127.0.0.1"))


def careless(*, verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = verify
    return context


@pytest.mark.parametrize("verify", [ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
def test_context_that_does_not_verify_is_for_this_machine_only(verify: ssl.VerifyMode) -> None:
    context = careless(verify=verify)
    assert checked_ssl_context(context, URL("https://localhost:8443")) is context
    with pytest.raises(errors.ConfigurationError, match="does not verify"):
        checked_ssl_context(context, URL("https://api.nexmo.com"))


def test_context_that_verifies_is_taken() -> None:
    context = ssl.create_default_context()
    assert checked_ssl_context(context, URL("https://api.nexmo.com")) is context


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.255.0.1", True), ("::1", True), ("0.0.0.0", False), ("a", False)],  # noqa: S104  refused
)
def test_loopback_is_this_machine_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
