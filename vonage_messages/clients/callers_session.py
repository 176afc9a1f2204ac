"""What of an ``aiohttp.ClientSession`` that was made elsewhere cannot be used, each in a sentence before a send."""

from __future__ import annotations

import re
import ssl

import aiohttp

from vonage_messages.clients.addresses import is_loopback, verifies_peer
from vonage_messages.errors import ConfigurationError

_RELEASE = tuple(int(each) for each in re.findall(r"\d+", aiohttp.__version__)[:3])
_NETRC_WINS = _RELEASE < (3, 13, 1)
"""Whether aiohttp sends credentials of ``.netrc`` in place of ours. Since 3.13.1 it refuses the two together."""


def check_session(session: aiohttp.ClientSession, host: str, *, own_context: bool) -> None:
    """
    Check that requests to *host* can be made on a session, by which credentials and messages are safe.

    *own_context* says that the requests bring their TLS context along: what the session has is not used.

    Raises:
        ConfigurationError: the session is closed, does not verify other machines, or would put other credentials in
            place of the client's.
    """
    if session.closed:
        raise ConfigurationError(
            "the aiohttp.ClientSession given as session= is closed: keep it open while the client is used."
        )
    if not own_context and not _verifies(session) and not is_loopback(host):
        raise ConfigurationError(
            "the aiohttp.ClientSession given as session= does not verify TLS certificates: anyone on the way could "
            "read credentials and messages. Verification cannot be switched off; to trust an authority of your "
            "own, use ssl.create_default_context(cafile=…)."
        )
    if _NETRC_WINS and session.trust_env and netrc_names(host):
        raise ConfigurationError(refused_by_session(session))


def netrc_names(host: str) -> bool:
    """Tell whether ``.netrc`` has credentials for *host*, or for any: read as aiohttp itself reads it."""
    # Not above: they are no public names, and a release that is not asked may come without them.
    from aiohttp.helpers import basicauth_from_netrc, netrc_from_env  # noqa: PLC0415  see above

    try:
        basicauth_from_netrc(netrc_from_env(), host)
    except LookupError:
        return False
    return True


def refused_by_session(session: aiohttp.ClientSession) -> str:
    """Say why a session that was made elsewhere refuses a request."""
    if session.trust_env:
        return (
            "the aiohttp.ClientSession given as session= refuses the request: with trust_env=True it takes "
            "credentials from .netrc, which clash with those of the client."
        )
    return (
        "the aiohttp.ClientSession given as session= refuses the request: it belongs to another event loop, or has "
        "an auth= of its own."
    )


def _verifies(session: aiohttp.ClientSession) -> bool:
    # aiohttp shows a connector's setting nowhere else; a release without it is taken to verify.
    setting = getattr(session.connector, "_ssl", True)
    return verifies_peer(setting) if isinstance(setting, ssl.SSLContext) else setting is not False
