"""
Who may use the control API: whoever is on this machine, and no web page of somebody else. Pure.

The control API asks for no credentials, so a page that a developer happens to visit must not reach it. A page can make
its own name point to this machine (DNS rebinding): the ``Host`` that the browser then sends is that name, and is
refused. It can send simple requests to this machine without asking: what changes something must therefore be JSON,
which no simple request is, and where the browser says which page it is for (``Origin``), that must be one of our own.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAFE: Final = frozenset({"GET", "HEAD"})


def host_reason(host: str | None, listens_on: str) -> str | None:
    """
    Tell why a request with this ``Host`` is not answered; ``None`` where it is.

    *listens_on* is the address that the simulator was told to listen on.
    """
    name = _name(host or "")
    if name is not None and (name in {"localhost", listens_on.lower()} or _is_an_address_of_ours(name, listens_on)):
        return None
    return f"Host must be localhost, a loopback address or {listens_on}: this API is for this machine only."


def origin_reason(method: str, headers: Mapping[str, str]) -> str | None:
    """Tell why a request that changes something is not of one of our own pages; ``None`` where it is, or of none."""
    origin = headers.get("Origin")
    if method in _SAFE or origin is None:
        return None
    # Ours is served by HTTP only; behind a proxy with TLS the scheme is another, and the name the same.
    if origin.lower() in {f"{scheme}://{headers.get('Host', '').lower()}" for scheme in ("http", "https")}:
        return None
    return "Origin is another site: what changes something must come from a page of the simulator, or from no page."


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
