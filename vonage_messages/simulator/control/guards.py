"""
Who may use the control API: whoever is on this machine, and no web page of somebody else. Pure.

The control API asks for no credentials, so a page that a developer happens to visit must not reach it. A page can make
its own name point to this machine (DNS rebinding): the ``Host`` that the browser then sends is that name, and is
refused. It can send simple requests to this machine without asking: what changes something must therefore be JSON,
which no simple request is. Where the browser says which page it asks for (``Origin``, ``Sec-Fetch-Site``), that must be
one of our own, also where only something is read: an event stream that no page gets to see takes a place all the same.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES: Final = ("http", "https")
_OF_OTHERS: Final = frozenset({"cross-site", "same-site"})
"""What ``Sec-Fetch-Site`` calls pages of others; another port of this machine is a ``same-site``."""


def host_reason(host: str | None, listens_on: str) -> str | None:
    """
    Tell why a request with this ``Host`` is not answered; ``None`` where it is.

    *listens_on* is the address that the simulator was told to listen on.
    """
    name = _name(host or "")
    if name is not None and (name in {"localhost", listens_on.lower()} or _is_an_address_of_ours(name, listens_on)):
        return None
    return f"Host must be localhost, a loopback address or {listens_on}: this API is for this machine only."


def origin_reason(headers: Mapping[str, str]) -> str | None:
    """Tell why a request is not of one of our own pages; ``None`` where it is, or of none."""
    origin = headers.get("Origin")
    # Ours is served by HTTP only; behind a proxy with TLS the scheme is another, and the name the same.
    if origin is None or origin.lower() in {f"{scheme}://{headers.get('Host', '').lower()}" for scheme in _SCHEMES}:
        return None
    return "Origin is another site: a request must come from a page of the simulator, or from no page."


def fetch_reason(headers: Mapping[str, str]) -> str | None:
    """Tell why a request is one that a page of somebody else makes by itself; that a person follows a link is none."""
    if headers.get("Sec-Fetch-Site") in _OF_OTHERS and headers.get("Sec-Fetch-Mode") != "navigate":
        return "Sec-Fetch-Site is another site: a request must come from a page of the simulator, or from no page."
    return None


def content_type_reason(method: str, content_type: str, *, has_body: bool) -> str | None:
    """Tell why a body is not declared as it must be; a ``POST`` must say so even where it has none."""
    if content_type == "application/json" or not (has_body or method == "POST"):
        return None
    return "The Content-Type header must be application/json."


def _name(host: str) -> str | None:
    """Give the name or address of a ``Host`` header, without its port and brackets."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  raises where the port is none
    except ValueError:
        return None
    if parts.netloc != host or "@" in host:
        return None
    return parts.hostname


def _is_an_address_of_ours(name: str, listens_on: str) -> bool:
    """Tell whether *name* is a loopback address; or any address, where all are listened on: those cannot be rebound."""
    try:
        address, ours = ipaddress.ip_address(name), ipaddress.ip_address(listens_on)
    except ValueError:
        return False
    return address.is_loopback or ours.is_unspecified
