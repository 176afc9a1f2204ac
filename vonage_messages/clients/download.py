"""
Fetches the files of inbound messages: to disk, as a stream, from where it may and no further.

An inbound message says where its file lies, and whoever could forge or write one chooses that address. So it is never
just followed: which hosts are asked, and who gets to see the application's token, is decided here.

- https only; plain http to this machine, where it is the client's own base URL or an allowed host.
- The first address must be a host of the platform, the client's own base URL, or one that the user names.
- The token goes to hosts of the platform, to the base URL, and to hosts that the user trusts; never past a redirect.
- A redirect may lead anywhere else, without the token, but not to private addresses (RFC 1918, link-local, loopback,
  …): the name is looked up once, and what was checked is what is connected to.

Reference: Webhooks, section 5: media URLs stay valid for 48 hours; "Secure Inbound Media" needs a JWT.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import socket
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from vonage_messages.clients.addresses import is_loopback
from vonage_messages.clients.hosts import is_platform, matches
from vonage_messages.errors import DownloadError

if TYPE_CHECKING:
    import ssl

    from vonage_messages.values import Seconds

LARGEST_FILE: Final = 100 * 1024 * 1024
"""The default limit, in bytes: the largest file that a channel of the reference takes (WhatsApp documents)."""

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 64 * 1024
_SILENCE: Seconds = 30.0
"""How long a server may send nothing."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where IPv6-only networks put the IPv4 internet: the last 32 bits are the address (RFC 6052)."""


@attrs.frozen(kw_only=True)
class Downloaded:
    """A file that was fetched: where it is, its size in bytes, and the content type that the server gave it."""

    path: Path
    size: int
    content_type: str


@attrs.frozen(kw_only=True)
class DownloadRules:
    """What a download may do."""

    base_url: URL
    """The client's own."""
    allowed_hosts: frozenset[str] = frozenset()
    """Further hosts that may be asked, without the token; ``*.example.com`` stands for all below it."""
    trusted_hosts: frozenset[str] = frozenset()
    """Further hosts that may be asked, and get the token."""
    limit: int = LARGEST_FILE
    """In bytes."""

    def receives_token(self, url: URL) -> bool:
        """Tell whether the application's token may go to *url*."""
        if url.origin() == self.base_url.origin():
            return True
        return is_platform(url) or (url.scheme == "https" and matches(url.host or "", self.trusted_hosts))

    def is_named(self, url: URL) -> bool:
        """Tell whether the user has named the host of *url*: it may then be private."""
        host = url.host or ""
        return url.origin() == self.base_url.origin() or matches(host, self.allowed_hosts | self.trusted_hosts)

    def check_first(self, url: URL) -> None:
        """
        Check the address that an inbound message gives.

        Raises:
            DownloadError: it is not https, or on a host that is not to be asked.
        """
        self.check_hop(url)
        if not (self.receives_token(url) or self.is_named(url)):
            raise DownloadError(
                "the file is not fetched: its host is none of the platform's. If it is to be asked, name it in "
                "allowed_hosts; it gets no token."
            )

    def check_hop(self, url: URL) -> None:
        """
        Check an address on the way, without looking its name up.

        Raises:
            DownloadError: it is not https (or http to this machine), holds credentials, or is a private address.
        """
        try:
            host = url.host or ""
        except ValueError:  # a name that is no proper IDNA
            host = ""
        if not host or not url.scheme or url.user is not None or url.password is not None:
            raise DownloadError("the file is not fetched: its address has no host or no scheme, or holds credentials")
        named = self.is_named(url)
        if url.scheme != "https" and not (url.scheme == "http" and named and is_loopback(host)):
            raise DownloadError("the file is not fetched: its address is not https")
        if not named and is_private_literal(host):
            raise DownloadError("the file is not fetched: it leads to a private address")


def url_of(content: object) -> URL:
    """
    Find the address in the content of an inbound message; a string is one itself.

    Raises:
        DownloadError: it is no http(s) address.
        TypeError: *content* has no file.
    """
    address = content if isinstance(content, (str, URL)) else getattr(content, "url", None)
    if not isinstance(address, (str, URL)):
        raise TypeError(
            f"download takes the content of an inbound message that has a file, such as an Image, or its URL; not "
            f"{type(content).__name__}"
        )
    try:
        return URL(address)
    except ValueError:
        raise DownloadError("the file is not fetched: its address cannot be read") from None


async def fetch(  # noqa: PLR0913  one address and one path; what follows comes from the client, by name
    url: URL,
    path: Path,
    *,
    rules: DownloadRules,
    authorization: str | None,
    user_agent: str,
    proxy: URL | None,
    ssl_context: ssl.SSLContext | None,
    connect_timeout: Seconds,
) -> Downloaded:
    """
    Fetch *url* into *path*.

    The bytes go to a new file beside it, which takes its name when all of them are there. *authorization* is the
    value of the header, sent where the rules allow it.

    Raises:
        DownloadError: the rules forbid it, the server refuses it, it is too large, or it was cut short.
        OSError: the disk does not take it.
    """
    rules.check_first(url)
    resolver = None if proxy is not None else _PublicResolver(rules)
    connector = aiohttp.TCPConnector(resolver=resolver, force_close=True)
    timeout = aiohttp.ClientTimeout(
        total=None, connect=connect_timeout, sock_connect=connect_timeout, sock_read=_SILENCE
    )
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
    )
    async with session:
        token = authorization if rules.receives_token(url) else None
        try:
            return await _Fetch(session, rules, proxy, ssl_context).follow(url, token, path)
        except aiohttp.ClientResponseError:
            # Its repr shows the headers of the request, and so the token: it does not become a cause.
            failure = _failed("the server answered with something that is not HTTP")
        except (aiohttp.ClientError, TimeoutError) as error:
            if resolver is not None and resolver.found_private:
                failure = DownloadError("the file is not fetched: it leads to a private address")
            else:
                failure = _failed(_sentence(error))
    raise failure


@attrs.frozen
class _Fetch:
    """One download: the redirects, then the file."""

    session: aiohttp.ClientSession
    rules: DownloadRules
    proxy: URL | None
    ssl_context: ssl.SSLContext | None

    async def follow(self, url: URL, token: str | None, path: Path) -> Downloaded:
        for _ in range(_MOST_REDIRECTS + 1):
            headers = {} if token is None else {"Authorization": token}
            async with self.session.get(
                url, headers=headers, allow_redirects=False, proxy=self.proxy, ssl=self._ssl_for(url)
            ) as response:
                if response.status not in _REDIRECTS:
                    return await self._save(response, path)
                url = _next_hop(url, response.headers.get("Location", ""))
                self.rules.check_hop(url)
                token = None
        raise DownloadError(f"the file is not fetched: there are more than {_MOST_REDIRECTS} redirects")

    def _ssl_for(self, url: URL) -> ssl.SSLContext | bool:
        """Give the client's own context, which was checked against its own host, to that host only."""
        if self.ssl_context is None or url.origin() != self.rules.base_url.origin():
            return True
        return self.ssl_context

    async def _save(self, response: aiohttp.ClientResponse, path: Path) -> Downloaded:
        self._check(response)
        temporary = path.with_name(f".{secrets.token_hex(12)}.part")
        file = await _opened(temporary)
        try:
            with file:
                size = await self._copy(response, file)
            await asyncio.to_thread(os.replace, temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return Downloaded(path=path, size=size, content_type=response.content_type)

    def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != HTTPStatus.OK:
            raise _refusal(response.status)
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise DownloadError("the file is not fetched: the server compresses it, and its size would be unknown")
        if response.content_length is not None and response.content_length > self.rules.limit:
            raise self._too_large()

    async def _copy(self, response: aiohttp.ClientResponse, file: BinaryIO) -> int:
        size = 0
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > self.rules.limit:
                raise self._too_large()
            await asyncio.to_thread(file.write, chunk)
        return size

    def _too_large(self) -> DownloadError:
        return DownloadError(f"the file is not fetched: it has more than {self.rules.limit} bytes")


class _PublicResolver(AbstractResolver):
    """Looks names up and leaves private addresses out, except for hosts that the user has named."""

    def __init__(self, rules: DownloadRules) -> None:
        self._rules = rules
        self._inner = aiohttp.ThreadedResolver()
        self.found_private = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look *host* up."""
        results = await self._inner.resolve(host, port, family)
        scheme = self._rules.base_url.scheme if host == self._rules.base_url.host else "https"
        if self._rules.is_named(URL.build(scheme=scheme, host=host, port=port)):
            return results
        public = [result for result in results if is_public(result["host"])]
        if not public:
            self.found_private = True
            raise OSError("no public address")
        return public

    async def close(self) -> None:
        """Close the resolver that does the work."""
        await self._inner.close()


def is_private_literal(host: str) -> bool:
    """
    Tell whether *host* is an address, and not a public one.

    ``127.1``, ``2130706433`` and ``0x7f.1`` are no addresses by the book and would still be connected to as ones, by
    this machine or by a proxy: whatever the system takes for an address counts as one.
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    if ":" not in host and not host.replace(".", "").isdigit() and not _is_old_address(host):
        return False
    return not is_public(host)


def _is_old_address(host: str) -> bool:
    """Tell whether *host* is an IPv4 address in one of the spellings that the C library still takes."""
    try:
        socket.inet_aton(host)
    except (OSError, ValueError):
        return False
    return True


def is_public(address: str) -> bool:
    """Tell whether *address* is one of the public internet; addresses inside addresses are looked into."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.is_site_local:  # fec0::/10, which "global" includes
        return False
    return all(inner.is_global for inner in _inner_addresses(parsed))


def _inner_addresses(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    return [each for each in inner if each is not None]


def _next_hop(url: URL, location: str) -> URL:
    try:
        return url.join(URL(location)) if location else URL()
    except ValueError:
        raise DownloadError("the file is not fetched: a redirect leads nowhere") from None


async def _opened(path: Path) -> BinaryIO:
    """Open a new file, or leave none: the thread that opens it does not hear of a cancellation."""
    opening = asyncio.ensure_future(asyncio.to_thread(_open_new, path))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(OSError):  # then there is none
            (await opening).close()
            path.unlink(missing_ok=True)  # noqa: ASYNC240  whoever cancels waits for no further thread
        raise


def _open_new(path: Path) -> BinaryIO:
    return path.open("xb")


def _refusal(status: int) -> DownloadError:
    """Say what the server's answer means."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        sentence = f"the server refused the credentials (HTTP {status}): secure media need ApplicationAuth"
    elif status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        sentence = f"it is not there (HTTP {status}); media stay for 48 hours"
    else:
        sentence = f"the server answered HTTP {status}"
    error = DownloadError(f"the file is not fetched: {sentence}")
    error.retryable = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return error


def _failed(sentence: str) -> DownloadError:
    error = DownloadError(f"the file is not fetched: {sentence}")
    error.retryable = True
    return error


def _sentence(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "it was cut short"
    if isinstance(error, aiohttp.ClientSSLError):
        return "the TLS handshake failed"
    return f"no connection came about ({type(error).__name__})"
