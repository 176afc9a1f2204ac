"""
One HTTP attempt over aiohttp, and the connections it runs on.

A transport keeps one keep-alive session for each event loop it is used from, makes exactly one request a call, and
turns every failure of the network into one of two: ``ConnectError`` (the request never left) and
``ResponseLostError`` (it may have arrived). The line between them is the moment when the first byte of the body is
written. Nothing here repeats, reads JSON or knows a message.
"""

from __future__ import annotations

import asyncio
import math
import platform
import ssl
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from traceback import clear_frames
from typing import TYPE_CHECKING

import aiohttp
import attrs
from aiohttp.payload import BytesPayload
from multidict import CIMultiDict
from yarl import URL

from vonage_messages.clients.callers_session import check_session, refused_by_session
from vonage_messages.clients.deadlines import FILE, Deadline, Deadlines
from vonage_messages.clients.failures import (
    UnaskedAnswerError,
    connect_sentence,
    lost_sentence,
    maybe_done,
    safe_cause,
)
from vonage_messages.errors import (
    ConfigurationError,
    ConnectError,
    ResponseLostError,
    TransportError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from aiohttp.abc import AbstractStreamWriter

    from vonage_messages.values import Seconds
    from vonage_messages.wire.rest import Request

LARGEST_BODY = 1 << 20
"""How much of a response is read, in bytes: answers of the platform stay far below a kilobyte or two."""

_READ_AT_ONCE = 16 * 1024
"""
How much is read from a connection at once, in bytes. asyncio makes room for 256 KiB before each read, which the system
has to give and take back for an answer of 200 bytes: 15 of the 105 µs of a message. Over TLS, and with uvloop, there is
nothing to be gained, and nothing is changed.
"""

_BODY_HEADERS = CIMultiDict({"Content-Type": "application/json"})
"""The headers of every body; aiohttp copies them into those of the request."""

_KEPT_URLS = 8
_OUR_FILES = frozenset({__file__, FILE})
_LONGEST_CHAIN = 8
"""How many causes of an error are looked at: the HTTP library gives two or three."""

_NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
"""What is raised before there is a connection that a request could leave by."""


def _positive(_timeout: object, field: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, (int, float)) or not (value > 0 and math.isfinite(value)):
        raise ConfigurationError(
            f"Timeout {field.name} must be a finite number of seconds above 0, not {value!r}: without a limit, a "
            "lost connection would be waited for until the process ends."
        )


@attrs.frozen
class Timeout:
    """
    How long a call may take, in seconds.

    ``connect`` limits the way to a connection that can be written to: a free place in the pool, name lookup, TCP and
    TLS. ``total`` limits the whole call, all its attempts and the waits between them. Where a client has limits,
    waiting for places under them is not counted in ``total``; it is bounded by the same span.

    Raises:
        ConfigurationError: a limit is not a finite number above 0.
    """

    connect: Seconds = attrs.field(default=5.0, validator=_positive)
    total: Seconds = attrs.field(default=30.0, validator=_positive)


@attrs.frozen(kw_only=True)
class Answer:
    """What came back. ``complete`` is false where the connection broke, or time ran out, within the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    complete: bool = True


class _WatchedBody(BytesPayload):
    """A request body that knows whether any of it may have left, and leaves by no connection that is out of step."""

    may_have_left = False
    was_held_back = False
    """Whether it did not leave because of what the connection holds."""
    _connection: asyncio.Transport | None = None

    def __init__(self, body: bytes) -> None:
        # Not by way of the base. It warns of more than 1 MiB of bytes, which a test suite turns into an error (an email
        # may be as large), and it makes headers anew: 2 µs of the 3 that a body took.
        self._encoding = None
        self._filename = None
        self._headers = _BODY_HEADERS
        self._value = body
        self._size = len(body)

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._note(writer)
        await super().write(writer)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        # aiohttp calls this one since 3.12, and `write` before.
        self._note(writer)
        await super().write_with_length(writer, content_length)

    def _note(self, writer: AbstractStreamWriter) -> None:
        # What a server sent while a kept connection was idle would be read as the answer to this request. aiohttp looks
        # at that when a connection is given back, but not when it is taken.
        if getattr(getattr(writer, "protocol", None), "should_close", False):
            self.was_held_back = True
            raise UnaskedAnswerError
        # A kept connection that the server has closed meanwhile takes no byte any more: aiohttp refuses to write.
        transport = getattr(writer, "transport", None)
        if transport is None or not transport.is_closing():
            self.may_have_left = True
            self._connection = transport
            if transport is not None and getattr(transport, "max_size", 0) > _READ_AT_ONCE:
                transport.max_size = _READ_AT_ONCE

    def drop_connection(self) -> None:
        """
        End the connection at once that aiohttp is closing: this request has broken off on it.

        Closing is polite: it writes the rest of a body that nobody may be reading, and waits half a minute for TLS to
        say goodbye. A connection that aiohttp does not close is in the hands of another request by now.
        """
        if self._connection is not None and self._connection.is_closing():
            self._connection.abort()


@attrs.define(eq=False)
class _Exchange:
    """How far one attempt has come: what remains to be told when it breaks off."""

    body: _WatchedBody
    status: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)
    received: bytes | bytearray = b""


class Transport:
    """
    Sends single requests to one host, on a session of its own or on the caller's.

    A session of its own is made at the first request in each event loop. It is closed by ``close()``, and otherwise
    when its loop shuts down (``asyncio.run`` does that) or this object is dropped. A *session* of the caller's is
    never closed and never changed.
    """

    def __init__(
        self,
        base_url: URL,
        *,
        session: aiohttp.ClientSession | None = None,
        proxy: URL | None = None,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str,
    ) -> None:
        self._base_url = base_url
        self._host = base_url.host or ""
        self._session = session
        self._proxy = proxy
        self._ssl: ssl.SSLContext | bool = True if ssl_context is None else ssl_context
        self._user_agent = user_agent
        self._urls: dict[str, URL] = {}
        self._headers: tuple[str, CIMultiDict[str]] = ("", CIMultiDict())
        # Not a weak mapping: a session holds its loop, so that no entry would ever fall out.
        self._sessions: dict[asyncio.AbstractEventLoop, _OwnSession] = {}
        self._callers_deadlines: Deadlines | None = None

    @property
    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """The loops on which there is a session of ours."""
        return list(self._sessions)

    def url_of(self, request: Request) -> URL:
        """Give the whole address of a request."""
        url = self._urls.get(request.path)
        if url is None:
            url = self._base_url.joinpath(request.path.lstrip("/"))
            if request.method == "POST" and len(self._urls) < _KEPT_URLS:
                self._urls[request.path] = url  # the two of sending; other paths hold ids, and are asked for once
        return url.with_query(request.query) if request.query else url

    async def attempt(
        self, request: Request, authorization: str, *, deadline: float, connect_timeout: Seconds
    ) -> Answer:
        """
        Make one request, and give whatever the server answers.

        *deadline* is on the clock of the running loop, *connect_timeout* in seconds.

        Raises:
            ConnectError: the request never left.
            ResponseLostError: it may have arrived; the answer was not seen.
            UnexpectedResponseError: what came back is not HTTP.
            ConfigurationError: the caller's session cannot be used.
        """
        exchange = _Exchange(_WatchedBody(request.body))
        loop = asyncio.get_running_loop()
        own = self._sessions.get(loop)
        if own is None or own.session.closed:
            session, deadlines = await self._current_session(loop)
        else:
            session, deadlines = own.session, own.deadlines
        try:
            with Deadline(deadlines, deadline):
                try:
                    await self._exchange(session, request, authorization, connect_timeout, exchange)
                except BaseException:
                    exchange.body.drop_connection()
                    raise
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError, ssl.SSLError and every reset are OSErrors. CancelledError is none: it passes.
            broken: Exception = _without_our_frames(error)
        except (ValueError, RuntimeError) as error:
            if exchange.body.may_have_left:
                raise self._lost("failed within the HTTP library", request) from error
            raise self._refused(error) from error
        else:
            return _answer(exchange, complete=len(exchange.received) <= LARGEST_BODY)
        if exchange.status:
            return _answer(exchange, complete=False)
        try:
            # Raised out here, an error has no __context__: it would show what safe_cause holds back.
            raise self._failure(broken, exchange, request) from safe_cause(broken)
        finally:
            del broken  # see _let_go

    async def close(self) -> None:
        """Close the session that belongs to the running loop. The next request makes a new one."""
        if self._callers_deadlines is not None:
            self._callers_deadlines.stop()
        own = self._sessions.pop(asyncio.get_running_loop(), None)
        if own is not None:
            own.deadlines.stop()
            await own.keeper.aclose()

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        authorization: str,
        connect_timeout: Seconds,
        exchange: _Exchange,
    ) -> None:
        """Send the request and read the answer into *exchange* as it comes."""
        response = await session.request(
            request.method,
            self.url_of(request),
            data=exchange.body if request.body else None,
            headers=self._headers_with(authorization),
            timeout=_client_timeout(connect_timeout),
            allow_redirects=False,  # a redirect would carry message and credentials elsewhere
            raise_for_status=False,
            proxy=self._proxy,
            ssl=self._ssl,
        )
        if not exchange.body.may_have_left and _is_unasked(response, exchange.body, request):
            response.close()
            raise UnaskedAnswerError
        exchange.headers = _joined(response.raw_headers)
        exchange.status = response.status
        if response.content.is_eof():
            # Head and body came in one piece, as mostly, and aiohttp has the connection back already: iterating, and
            # leaving a context, would tell the same for 8 µs more.
            exchange.received = response.content.read_nowait()
            return
        async with response:
            exchange.received = received = bytearray()
            async for chunk in response.content.iter_any():
                received += chunk
                if len(received) > LARGEST_BODY:
                    response.close()
                    return

    def _headers_with(self, authorization: str) -> CIMultiDict[str]:
        """Put the headers of a request together; the same ones again as long as the credentials stay the same."""
        known, headers = self._headers
        if known != authorization:
            headers = CIMultiDict({"Authorization": authorization})
            if self._session is not None:  # one of our own has these already
                headers.update(_standing_headers(self._user_agent))
            self._headers = (authorization, headers)
        return headers

    async def _current_session(self, loop: asyncio.AbstractEventLoop) -> tuple[aiohttp.ClientSession, Deadlines]:
        """Give the session to use, and the deadlines of its loop: the caller's session, or a new one."""
        if self._session is not None:
            check_session(self._session, self._host, own_context=self._ssl is not True)
            return self._session, self._deadlines_on(loop)
        own = await _OwnSession.open(self._user_agent)
        self._sessions[loop] = own
        await self._forget_closed_loops()
        return own.session, own.deadlines

    def _deadlines_on(self, loop: asyncio.AbstractEventLoop) -> Deadlines:
        deadlines = self._callers_deadlines
        if deadlines is None or deadlines.loop is not loop:
            self._callers_deadlines = deadlines = Deadlines(loop)
        return deadlines

    async def _forget_closed_loops(self) -> None:
        """Let go of the loops that have ended: their sessions were closed when they shut down."""
        for loop in [each for each in self._sessions if each.is_closed()]:
            ended = self._sessions.pop(loop, None)
            if ended is not None:
                await ended.session.close()  # a loop that was closed without being shut down

    def _failure(
        self, error: Exception, exchange: _Exchange, request: Request
    ) -> TransportError | UnexpectedResponseError:
        """Say what broke an attempt off before there was an answer."""
        # Without a body there is none whose first byte could be watched: the kind of error tells.
        may_have_left = exchange.body.may_have_left if request.body else not isinstance(error, _NEVER_CONNECTED)
        if not may_have_left:
            return ConnectError(f"no connection to {self._host}: {connect_sentence(error)}. The request was not sent.")
        if isinstance(error, aiohttp.ClientResponseError):
            return UnexpectedResponseError(
                f"{self._host} answered with something that cannot be read as HTTP. {maybe_done(request)}"
            )
        return self._lost(lost_sentence(error), request)

    def _refused(self, error: Exception) -> ConfigurationError | ConnectError:
        """Say why the HTTP library did not even try: only a session that was made elsewhere gives it a reason."""
        if self._session is None:
            return ConnectError(
                f"no connection to {self._host}: the HTTP library gave up ({type(error).__name__}). The request was "
                "not sent."
            )
        return ConfigurationError(refused_by_session(self._session))

    def _lost(self, what: str, request: Request) -> ResponseLostError:
        return ResponseLostError(f"the request to {self._host} {what}. {maybe_done(request)}")


@attrs.frozen
class _OwnSession:
    """A session of ours, and the generator that closes it."""

    session: aiohttp.ClientSession
    keeper: AsyncGenerator[aiohttp.ClientSession]
    deadlines: Deadlines

    @classmethod
    async def open(cls, user_agent: str) -> _OwnSession:
        """
        Open a session on the running loop.

        Its keeper is an asynchronous generator, because a loop knows the generators that were begun on it and ends
        them when it shuts down, or when they are dropped: that closes the session in time, without ``close()``.
        """
        keeper = _keep_session(user_agent)
        return cls(await anext(keeper), keeper, Deadlines(asyncio.get_running_loop()))


async def _keep_session(user_agent: str) -> AsyncGenerator[aiohttp.ClientSession]:
    session = aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, headers=_standing_headers(user_agent)
    )
    try:
        yield session
    finally:
        await session.close()
        await asyncio.sleep(0)  # closed transports tell their protocols at the next turn of the loop


def user_agent(app_name: object = None) -> str:
    """
    Give the ``User-Agent``: this package, Python, aiohttp, and the caller's *app_name*.

    Raises:
        ConfigurationError: *app_name* cannot stand in a header.
    """
    try:
        ours = version("vonage-messages-async")
    except PackageNotFoundError:  # run from a folder that was not installed
        ours = "0"
    products = f"vonage-messages-async/{ours} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
    if app_name is None:
        return products
    if not isinstance(app_name, str) or not app_name.strip():
        raise ConfigurationError("app_name must be a text that is not empty, such as 'acme-shop/2.1'.")
    if not app_name.isascii() or not app_name.isprintable():
        raise ConfigurationError("app_name must be printable ASCII without line breaks: it stands in a header.")
    return f"{products} {app_name}"


def _standing_headers(user_agent: str) -> dict[str, str]:
    """Give the headers that every request has, whoever sends it."""
    return {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": user_agent}


@lru_cache(maxsize=8)
def _client_timeout(connect: Seconds) -> aiohttp.ClientTimeout:
    """Give the limits that aiohttp keeps. The whole is for a ``Deadline``: aiohttp's own takes 8 % of a send."""
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect)


def _joined(raw_headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    """
    Put headers into a plain mapping, values of the same name joined by commas.

    The raw ones, because aiohttp respells the names it knows: ``X-Request-Id`` would become ``X-Request-ID``.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("utf-8", "replace"), raw_value.decode("utf-8", "replace")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _is_unasked(response: aiohttp.ClientResponse, body: _WatchedBody, request: Request) -> bool:
    """
    Tell whether what came is the answer to something else: it was there before the request had left.

    Before Python 3.12 it is read before the body would be written, while the response still has its connection. What
    has none is made up, by a library for tests.
    """
    return body.was_held_back or (bool(request.body) and response.connection is not None)


def _answer(exchange: _Exchange, *, complete: bool) -> Answer:
    received = exchange.received
    body = bytes(received if len(received) <= LARGEST_BODY else received[:LARGEST_BODY])
    return Answer(status=exchange.status, headers=exchange.headers, body=body, complete=complete)


def _without_our_frames(error: Exception) -> Exception:
    """
    Cut the traceback of a caught error back to the HTTP library's own frames.

    Ours hold the transport, and the library's hold the error: as a cycle they would keep the session of a client
    that was dropped open until the garbage collector comes by.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename in _OUR_FILES:
        traceback = traceback.tb_next
    _let_go(error.with_traceback(traceback))
    return error


def _let_go(error: BaseException) -> None:
    """
    Empty the frames that an error and its causes have left.

    Since Python 3.12 such a frame still leads to its caller, and so to ours, which hold the transport. Where a frame on
    that way held the error as well, it would be a cycle.
    """
    link: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if link is None:
            return
        clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
