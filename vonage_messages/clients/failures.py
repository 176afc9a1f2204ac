"""What is said of an attempt that broke off: in words that show no key, no context and no header."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp

from vonage_messages.wire.rest import SEND_PATHS

if TYPE_CHECKING:
    from vonage_messages.wire.rest import Request


class UnaskedAnswerError(aiohttp.ClientConnectionError):
    """The connection holds an answer already, before anything was asked on it."""


_CONNECT_SENTENCES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((aiohttp.ClientSSLError, ssl.SSLError), "the TLS handshake failed"),
    ((aiohttp.ClientConnectorDNSError,), "its name could not be looked up"),
    ((aiohttp.ClientProxyConnectionError,), "the proxy could not be reached"),
    ((aiohttp.ClientHttpProxyError,), "the proxy refused the request"),
    ((TimeoutError,), "it took too long"),
    ((UnaskedAnswerError,), "it sent an answer before it was asked"),
)


def maybe_done(request: Request) -> str:
    """Say what may have happened meanwhile: a message sent twice is two messages, an update made twice is one."""
    if request.method == "GET":
        return "Asking again does no harm."
    if request.harmless_twice:
        return "It may have been carried out: repeating an update does no harm."
    if request.path in SEND_PATHS.values():
        return "It may have been accepted: sending it again may bill and deliver it twice."
    return "It may have been carried out: look before you repeat it."


def safe_cause(error: Exception) -> Exception | None:
    """Keep an error as a cause, unless its ``repr`` shows the headers of the request: the credentials."""
    return None if isinstance(error, aiohttp.ClientResponseError) else error


def connect_sentence(error: Exception) -> str:
    """Say why no connection came about, without what aiohttp prints of keys and contexts."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({_certificate_reason(error.certificate_error)})"
    for classes, sentence in _CONNECT_SENTENCES:
        if isinstance(error, classes):
            return sentence
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return "it refused the connection"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or type(error.os_error).__name__
    return f"the connection broke ({type(error).__name__})"


def _certificate_reason(error: Exception) -> str:
    return getattr(error, "verify_message", "") or type(error).__name__


def lost_sentence(error: Exception) -> str:
    """Say how an attempt broke off that had left."""
    if isinstance(error, TimeoutError):
        return "was sent, but not answered in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "was sent, but the server closed the connection without an answer"
    return f"was sent, but the connection broke before there was an answer ({type(error).__name__})"
