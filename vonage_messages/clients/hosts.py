"""
Which host a request goes to: the platform's hosts, the client's options, and what an inbound message may say.

Reference: Messages API v1, section 1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from yarl import URL

from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_HOST: Final = "https://api.nexmo.com"
SANDBOX_HOST: Final = "https://messages-sandbox.nexmo.com"
REGIONAL_HOSTS: Final = {
    "eu": "https://api-eu.nexmo.com",
    "us": "https://api-us.nexmo.com",
    "ap": "https://api-ap.nexmo.com",
}
"""Messages API v1, section 1: allowed for sending, recommended for updates."""

PLATFORM_HOSTS: Final = frozenset(
    {
        "api.nexmo.com",
        "api-eu.nexmo.com",
        "api-us.nexmo.com",
        "api-ap.nexmo.com",
        "api-eu.vonage.com",
        "api-us.vonage.com",
        "api-ap.vonage.com",
    }
)
"""Hosts of the API: the default one, and the regional ones under both domains (section 1)."""

# The whole address, spelled exactly so: no port, no credentials, no capitals, nothing that a parser could read in two
# ways. What the platform writes has this form.
_REGIONAL_MESSAGE = re.compile(
    r"(https://api-(?:eu|us|ap)\.(?:nexmo|vonage)\.com)/v1/messages/[A-Za-z0-9_-]{1,128}", re.ASCII
)
_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f]*:[0-9a-f:.]*")
"""A name, a name with ``*.`` before it, or an address; in small letters."""


def chosen_host(base_url: str | URL | None, region: str | None, *, sandbox: bool) -> str | URL:
    """
    Choose the host by the three options of a client that name one.

    Raises:
        ConfigurationError: more than one is given, or there is no such region.
    """
    if sum((base_url is not None, region is not None, bool(sandbox))) > 1:
        raise ConfigurationError(
            "base_url (or VONAGE_BASE_URL), region and sandbox contradict each other: each names another host, so "
            "give at most one."
        )
    if base_url is not None:
        return base_url
    if sandbox:
        return SANDBOX_HOST
    if region is None:
        return DEFAULT_HOST
    host = REGIONAL_HOSTS.get(region)
    if host is None:
        raise ConfigurationError(f"region must be one of {', '.join(REGIONAL_HOSTS)}, not {region!r}.")
    return host


def is_platform(url: URL) -> bool:
    """Tell whether *url* is on a host of the API, over https and its usual port."""
    return url.scheme == "https" and url.explicit_port in {None, 443} and (url.host or "") in PLATFORM_HOSTS


def regional_host(self_href: object, base_url: URL) -> URL | None:
    """
    Find the host that an update of an inbound message should go to, by its ``_self.href``.

    ``None`` means the client's own *base_url*: there is no such link, it leads there already, or it is not to be
    believed. A callback may be forged, and whoever is sent the update gets a token of the application with it: only
    https, and only the six regional hosts of the reference, are taken. A client whose own base URL is no host of the
    platform (a local simulator, a gateway) keeps to that one.
    """
    if not isinstance(self_href, str) or not is_platform(base_url):
        return None
    found = _REGIONAL_MESSAGE.fullmatch(self_href)
    return None if found is None else URL(found[1])


def is_own_message(self_href: object, base_url: URL) -> bool:
    """Tell whether ``_self.href`` leads to a message below the client's own *base_url*, or says nothing."""
    return self_href is None or (
        isinstance(self_href, str) and self_href.startswith(f"{str(base_url).rstrip('/')}/v1/messages/")
    )


def lowered(names: Iterable[str]) -> frozenset[str]:
    """
    Give host names as a set, in small letters.

    Raises:
        ConfigurationError: *names* is one string, or an item holds more than a host name.
    """
    if isinstance(names, str):
        raise ConfigurationError("hosts must be several names, such as ['media.example.com'], not one string.")
    hosts = frozenset(name.lower() for name in names)
    for host in hosts:
        if not _HOST_NAME.fullmatch(host):
            raise ConfigurationError(f"{host!r} is no host name, such as media.example.com or *.example.com.")
    return hosts


def matches(host: str, names: frozenset[str]) -> bool:
    """Tell whether *host* is one of *names*, or below one that begins with ``*.``."""
    host = host.lower().rstrip(".")
    return host in names or any(name.startswith("*.") and host.endswith(name[1:]) for name in names)
