"""Where a server of ours listens, and where it is reached: loopback, unless somebody says otherwise. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final

from vonage_messages.errors import ConfigurationError

_IP_V6: Final = 6


def checked_address(host: str, *, exposed: bool, who: str = "the simulator") -> str:
    """
    Give the address that *host* names: a loopback address, unless the server (*who*) is to be *exposed*.

    Raises:
        ConfigurationError: it names anything else. The simulator keeps what it is sent and shows it to whoever asks,
            so it has no place on a network unless somebody wants it there.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if exposed and address is None:
        raise ConfigurationError(f"host must be an IP address or localhost, not {host!r}")
    if address is None or not (address.is_loopback or exposed):
        raise ConfigurationError(
            f"{who} listens on loopback only (127.0.0.1, ::1 or localhost), not on {host!r}, unless it is told "
            "that other machines may reach it (expose, --expose)"
        )
    return str(address)


def reached_at(host: str) -> str:
    """Give the address at which this machine reaches what listens on *host*, as it stands in a URL."""
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == _IP_V6 else "127.0.0.1")
    return f"[{address}]" if address.version == _IP_V6 else str(address)
