"""Where requests of a client may go: addresses of hosts and proxies, and whether TLS verifies who is there."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.request

from yarl import URL

from vonage_messages.errors import (
    ConfigurationError,
)


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine: ``localhost``, 127.0.0.0/8 or ``::1``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_base_url(text: str | URL) -> URL:
    """
    Check the address that requests go to.

    Raises:
        ConfigurationError: it is no http(s) address, holds credentials, a query or a fragment, or is plain http to
            another machine.
    """
    url = _parsed_url(text, "base_url")
    if url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise ConfigurationError("base_url must be scheme, host and path only: no credentials, query or fragment.")
    if url.scheme == "http" and not is_loopback(url.host or ""):
        raise ConfigurationError(
            f"base_url must be https, not http, for {url.host}: plain http would show credentials and messages to "
            "the network. It is allowed to this machine (localhost, 127.0.0.1, ::1) only."
        )
    return url


def checked_proxy(text: str | URL, base_url: URL) -> URL:
    """
    Check the address of a proxy.

    Raises:
        ConfigurationError: it is no http(s) address, or it would carry plain http to another machine.
    """
    proxy = _parsed_url(text, "proxy")
    if base_url.scheme == "http" and not is_loopback(proxy.host or ""):
        raise ConfigurationError(
            f"proxy {proxy.host} cannot be used with a plain http base_url: it would see credentials and messages."
        )
    return proxy


def proxy_from_environment(base_url: URL) -> URL | None:
    """
    Find the proxy that ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` name for *base_url*.

    aiohttp's own ``trust_env`` is not used: it also reads ``.netrc``, and then refuses our ``Authorization`` header.

    Raises:
        ConfigurationError: what the environment names is no http(s) proxy.
    """
    if base_url.scheme == "http" or urllib.request.proxy_bypass(base_url.host or ""):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(base_url.scheme) or proxies.get("all")
    return checked_proxy(address, base_url) if address else None


def checked_ssl_context(context: ssl.SSLContext | None, base_url: URL) -> ssl.SSLContext | None:
    """
    Check a TLS context: verification cannot be switched off, except to this machine.

    Raises:
        ConfigurationError: *context* is none, or does not verify another machine.
    """
    if context is None:
        return None
    if not isinstance(context, ssl.SSLContext):
        raise ConfigurationError(
            f"ssl_context must be an ssl.SSLContext, not {type(context).__name__}: verification cannot be switched "
            "off. To trust a certificate authority of your own, use ssl.create_default_context(cafile=…)."
        )
    if not verifies_peer(context) and not is_loopback(base_url.host or ""):
        raise ConfigurationError(
            f"ssl_context does not verify the certificate and the name of {base_url.host}: anyone on the way could "
            "read credentials and messages. Use ssl.create_default_context(cafile=…) to trust an authority of "
            "your own."
        )
    return context


def verifies_peer(context: ssl.SSLContext) -> bool:
    """Tell whether a TLS context checks the certificate, and the name in it."""
    return context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


def _parsed_url(text: str | URL, name: str) -> URL:
    if isinstance(text, str):
        text = text.strip()
        # yarl would take line breaks out without a word: the address would be another than the one that was given.
        if not text.isprintable() or " " in text:
            raise ConfigurationError(f"{name} contains a space, a line break or a control character.")
    try:
        url = URL(text)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name} is not an address such as https://host:port.") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"{name} must begin with https:// (or http://) and name a host.")
    return url
