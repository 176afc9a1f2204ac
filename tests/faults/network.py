"""
A network that misbehaves: a TCP proxy that strikes connections, requests and answers as a plan says.

It stands between a client and the simulator, reads each request whole, and writes down whose it was and what struck it:
``log`` is what the network knows, to be compared with what both sides know. What strikes is decided by a plan, which is
pure: a ``Plan`` goes by a seed, a ``Script`` by what a test has written. Loaded by its path, from here and from
``benchmarks/campaign_faults.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import random
import re
import socket
import ssl
import struct
import termios
from collections.abc import Coroutine, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol, Self

import attrs


class Strike(StrEnum):
    """What the network does to a connection, a request or an answer."""

    # A connection, before any request.
    RESET_AT_ONCE = "reset_at_once"
    RESET_IN_HANDSHAKE = "reset_in_handshake"
    SILENT_HANDSHAKE = "silent_handshake"
    NO_TLS = "no_tls"
    SELF_SIGNED = "self_signed"
    EXPIRED = "expired"
    WRONG_HOST = "wrong_host"
    # A request that the platform never sees.
    RESET_BEFORE_FORWARDING = "reset_before_forwarding"
    CLOSE_BEFORE_FORWARDING = "close_before_forwarding"
    SWALLOW = "swallow"
    # A request that the platform sees, and an answer that does not come.
    RESET_AFTER_FORWARDING = "reset_after_forwarding"
    CLOSE_AFTER_FORWARDING = "close_after_forwarding"
    HALF_CLOSE = "half_close"
    NEVER_ANSWER = "never_answer"
    GO_DARK = "go_dark"
    GARBAGE = "garbage"
    DRIP_HEAD_FOREVER = "drip_head_forever"
    # An answer of which the status comes.
    RESET_IN_ANSWER = "reset_in_answer"
    TRUNCATE = "truncate"
    DRIP_BODY_FOREVER = "drip_body_forever"
    LENGTH_TOO_BIG = "length_too_big"
    LENGTH_TOO_SMALL = "length_too_small"
    # An answer that comes, in its own way.
    DELAY = "delay"
    DRIP = "drip"
    ANSWER_AND_HALF_CLOSE = "answer_and_half_close"
    ANSWER_TWICE = "answer_twice"


OF_CONNECTIONS = (
    Strike.RESET_AT_ONCE,
    Strike.RESET_IN_HANDSHAKE,
    Strike.SILENT_HANDSHAKE,
    Strike.NO_TLS,
    Strike.SELF_SIGNED,
    Strike.EXPIRED,
    Strike.WRONG_HOST,
)
OF_REQUESTS = tuple(strike for strike in Strike if strike not in OF_CONNECTIONS)
NOT_FORWARDED = frozenset({Strike.RESET_BEFORE_FORWARDING, Strike.CLOSE_BEFORE_FORWARDING, Strike.SWALLOW})
OF_ANSWERS = frozenset(
    {
        Strike.RESET_IN_ANSWER,
        Strike.TRUNCATE,
        Strike.DRIP_BODY_FOREVER,
        Strike.LENGTH_TOO_BIG,
        Strike.LENGTH_TOO_SMALL,
    }
)
"""What leaves the status whole, and spoils the body."""
LASTING = frozenset(
    {
        Strike.SILENT_HANDSHAKE,
        Strike.SWALLOW,
        Strike.NEVER_ANSWER,
        Strike.GO_DARK,
        Strike.DRIP_HEAD_FOREVER,
        Strike.DRIP_BODY_FOREVER,
        Strike.LENGTH_TOO_BIG,
    }
)
"""What only the patience of the client ends."""

WITHOUT_TLS = frozenset({Strike.RESET_IN_HANDSHAKE, Strike.SILENT_HANDSHAKE, Strike.NO_TLS})
"""Where the client wants a handshake, and there is none."""

LOST, CUT_SHORT, ARRIVES = "ResponseLostError", "UnexpectedResponseError", "SentMessage"
OUTCOMES: Mapping[Strike, str] = MappingProxyType(
    {
        Strike.RESET_BEFORE_FORWARDING: LOST,
        Strike.CLOSE_BEFORE_FORWARDING: LOST,
        Strike.SWALLOW: LOST,
        Strike.RESET_AFTER_FORWARDING: LOST,
        Strike.CLOSE_AFTER_FORWARDING: LOST,
        Strike.HALF_CLOSE: LOST,
        Strike.NEVER_ANSWER: LOST,
        Strike.GO_DARK: LOST,
        Strike.DRIP_HEAD_FOREVER: LOST,
        Strike.GARBAGE: CUT_SHORT,
        Strike.RESET_IN_ANSWER: CUT_SHORT,
        Strike.TRUNCATE: CUT_SHORT,
        Strike.DRIP_BODY_FOREVER: CUT_SHORT,
        Strike.LENGTH_TOO_BIG: CUT_SHORT,
        Strike.LENGTH_TOO_SMALL: CUT_SHORT,
        Strike.DELAY: ARRIVES,
        Strike.DRIP: ARRIVES,
        Strike.ANSWER_AND_HALF_CLOSE: ARRIVES,
        Strike.ANSWER_TWICE: ARRIVES,
    }
)
"""What a request that was struck ends with: the class of what the client gives or raises."""

GARBAGE = b"\x00\xff\x16\x03SSH-2.0-made-up\r\n\r\n{}"
DARK = 10.0
"""For how many seconds nothing is heard of a connection that went dark."""

CLIENT_HELLO = 1
"""How much of a handshake is waited for, in bytes."""


class Decides(Protocol):
    """What a proxy asks whether something is struck."""

    def of_connection(self) -> Strike | None: ...
    def of_request(self) -> Strike | None: ...


class Plan:
    """Strikes each kind with a probability of *share*, at most one at a time; the same *seed* strikes alike."""

    def __init__(
        self, seed: int, share: float, *, connections: Iterable[Strike] = (), requests: Iterable[Strike] = OF_REQUESTS
    ) -> None:
        self._share = share
        self._connections, self._requests = tuple(connections), tuple(requests)
        self._of_connections = random.Random(f"{seed}/c")  # noqa: S311  a repeatable run, no secret
        self._of_requests = random.Random(f"{seed}/r")  # noqa: S311  see above

    def of_connection(self) -> Strike | None:
        return self._pick(self._of_connections, self._connections)

    def of_request(self) -> Strike | None:
        return self._pick(self._of_requests, self._requests)

    def _pick(self, chance: random.Random, kinds: tuple[Strike, ...]) -> Strike | None:
        place = int(chance.random() / self._share) if self._share else len(kinds)
        return kinds[place] if place < len(kinds) else None


class Script:
    """Strikes the first connections and requests as it says, and nothing after that."""

    def __init__(self, *requests: Strike | None, connections: Iterable[Strike | None] = ()) -> None:
        self._connections, self._requests = list(connections), list(requests)

    def of_connection(self) -> Strike | None:
        return self._connections.pop(0) if self._connections else None

    def of_request(self) -> Strike | None:
        return self._requests.pop(0) if self._requests else None


@attrs.frozen
class Seen:
    """A request that the network saw whole: the ``client_ref`` in it, what struck it, the answer of the platform."""

    ref: str
    strike: Strike | None
    status: int
    """0 where there was none."""


class Proxy:
    """
    Listens on a free loopback port, and passes requests on to *url*, which is on loopback, too.

    *certificates* gives the TLS context of each kind of connection, under ``None`` the right one; without it the proxy
    speaks no TLS. *delay* is how long an answer is held up, *pace* the pause behind each byte that drips, in seconds.
    """

    def __init__(
        self,
        url: str,
        decides: Decides,
        *,
        certificates: Mapping[Strike | None, ssl.SSLContext] | None = None,
        delay: float = 0.02,
        pace: float = 0.0,
    ) -> None:
        self._upstream = int(url.rpartition(":")[2])
        self._decides = decides
        self._certificates = certificates
        self._delay, self._pace = delay, pace
        self._tasks: set[asyncio.Task[None]] = set()
        self.log: list[Seen] = []
        self.connections: list[Strike | None] = []
        """What struck each connection."""
        self.lasts = asyncio.Event()
        """Set when something has struck that only the client can end."""
        self.repeats: asyncio.Event | None = None
        """What the second answer of ``ANSWER_TWICE`` waits for; without it, it comes at once."""
        self.port = 0

    async def __aenter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self._keep(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listening.close()
        await asyncio.sleep(0)  # closed transports tell their protocols, and close their sockets, at the next turn

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        while True:  # ends: with the proxy, which cancels it
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listening)
            self._keep(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        strike = self._decides.of_connection()
        self.connections.append(strike)
        if strike is Strike.RESET_AT_ONCE:
            with_no_time_to_linger(connection)
            connection.close()
            return
        context = None
        if self._certificates is not None and strike not in WITHOUT_TLS:
            context = self._certificates[strike]
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # of a client that gives up, or refuses
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                if strike in WITHOUT_TLS:
                    await self._break_handshake(strike, reader, writer)
                else:
                    await self._pass_on(reader, writer)
            except asyncio.CancelledError:  # the end of this proxy: it says no goodbye to whoever went dark
                writer.transport.abort()
                raise
            finally:
                writer.close()

    async def _break_handshake(
        self, strike: Strike | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if strike is Strike.SILENT_HANDSHAKE:
            await self._wait_for_the_client(reader)
            return
        await reader.readexactly(CLIENT_HELLO)
        if strike is Strike.RESET_IN_HANDSHAKE:
            reset(writer)
            return
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.write_eof()
        await reader.read()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass requests and answers on, until one of them is struck so that the connection ends."""
        upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            goes_on = True
            while goes_on:  # ends: with the connection, or with what strikes it
                request = await read_message(reader)
                if request is None:
                    return
                strike = self._decides.of_request()
                if strike in NOT_FORWARDED:
                    self.log.append(Seen(ref_of(request), strike, 0))
                    await self._lose(strike, reader, writer)
                    return
                upstream[1].write(request)
                answer = await read_message(upstream[0])
                self.log.append(Seen(ref_of(request), strike, 0 if answer is None else status_of(answer)))
                if answer is None:
                    return
                goes_on = await self._answer(strike, answer, reader, writer)
        finally:
            upstream[1].close()

    async def _lose(self, strike: Strike | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if strike is Strike.RESET_BEFORE_FORWARDING:
            reset(writer)
        elif strike is Strike.SWALLOW:
            await self._wait_for_the_client(reader)

    async def _answer(  # noqa: C901, PLR0911, PLR0912, PLR0915  a table: what each strike does
        self, strike: Strike | None, answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Give an answer as *strike* leaves it; tells whether the connection goes on."""
        head, _, body = answer.partition(b"\r\n\r\n")
        half = head + b"\r\n\r\n" + body[: len(body) // 2]
        match strike:
            case None:
                writer.write(answer)
            case Strike.DELAY:
                await asyncio.sleep(self._delay)
                writer.write(answer)
            case Strike.DRIP:
                await self._drip(answer, writer)
            case Strike.ANSWER_TWICE if self.repeats is None:
                writer.write(answer + answer)
            case Strike.ANSWER_TWICE:
                writer.write(answer)
                await self.repeats.wait()
                writer.write(answer)
            case Strike.ANSWER_AND_HALF_CLOSE | Strike.HALF_CLOSE:
                if strike is Strike.ANSWER_AND_HALF_CLOSE:
                    writer.write(answer)
                await half_close(writer)
                await reader.read()
                return False
            case Strike.RESET_AFTER_FORWARDING:
                reset(writer)
                return False
            case Strike.CLOSE_AFTER_FORWARDING:
                return False
            case Strike.RESET_IN_ANSWER:
                writer.write(half)
                await all_arrived(writer)
                reset(writer)
                return False
            case Strike.TRUNCATE:
                writer.write(half)
                return False
            case Strike.GARBAGE:
                writer.write(GARBAGE)
                return False
            case Strike.LENGTH_TOO_SMALL:
                writer.write(with_length(head, len(body) // 2) + body)
            case Strike.LENGTH_TOO_BIG:
                writer.write(with_length(head, len(body) + 10) + body)
                await all_arrived(writer)
                await self._wait_for_the_client(reader)
                return False
            case Strike.NEVER_ANSWER:
                await self._wait_for_the_client(reader)
                return False
            case Strike.GO_DARK:  # nobody notices that the client leaves, and TLS is never told so
                writer.transport.pause_reading()
                self.lasts.set()
                await asyncio.sleep(DARK)
                writer.transport.abort()
                return False
            case Strike.DRIP_HEAD_FOREVER:
                await self._drip_forever(b"HTTP/1.1 202 Accepted\r\nX-Slow: ", writer)
                return False
            case Strike.DRIP_BODY_FOREVER:
                await self._drip_forever(with_length(head, 1 << 19) + body[:-1], writer)
                return False
        await writer.drain()
        return True

    async def _wait_for_the_client(self, reader: asyncio.StreamReader) -> None:
        self.lasts.set()
        await reader.read()

    async def _drip(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        for place in range(len(data)):
            writer.write(data[place : place + 1])
            await writer.drain()
            await asyncio.sleep(self._pace)

    async def _drip_forever(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        await self._drip(data, writer)
        await all_arrived(writer)
        self.lasts.set()
        while True:  # ends: with the patience of the client, whose connection takes no more then
            socket_of(writer)
            await self._drip(b" ", writer)
            await asyncio.sleep(0.01)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST: with no time to linger the system sends it instead of FIN."""
    with_no_time_to_linger(socket_of(writer))
    writer.transport.abort()


def with_no_time_to_linger(connection: Any) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def half_close(writer: asyncio.StreamWriter) -> None:
    """Say that nothing more comes, and go on reading: on the socket below TLS, which itself knows no such thing."""
    await all_arrived(writer)
    socket_of(writer).shutdown(socket.SHUT_WR)


async def all_arrived(writer: asyncio.StreamWriter) -> None:
    """Wait until the other side has all that was written: what is under way is lost with a reset."""
    await writer.drain()
    unsent = 1
    while unsent:  # ends: loopback loses nothing, and a client that is gone is noticed
        await asyncio.sleep(0.001)
        (unsent,) = struct.unpack("i", fcntl.ioctl(socket_of(writer).fileno(), termios.TIOCOUTQ, b"\0" * 4))


def socket_of(writer: asyncio.StreamWriter) -> Any:
    """Give the socket of a connection; raises ``ConnectionError`` where the client has gone meanwhile."""
    connection = writer.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        raise ConnectionAbortedError
    return connection


async def read_message(reader: asyncio.StreamReader) -> bytes | None:
    """Read a whole request or answer; ``None`` where no more comes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    found = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    return head + await reader.readexactly(int(found[1]) if found else 0)


def ref_of(request: bytes) -> str:
    """Find the ``client_ref`` of a request; empty where there is none."""
    try:
        return str(json.loads(request.partition(b"\r\n\r\n")[2]).get("client_ref", ""))
    except (ValueError, AttributeError):
        return ""


def status_of(answer: bytes) -> int:
    """Read the status of an answer."""
    return int(answer[9:12])


def with_length(head: bytes, length: int) -> bytes:
    """Say another length in the head of an answer."""
    return re.sub(rb"(?i)(content-length: *)[0-9]+", rb"\g<1>%d" % length, head) + b"\r\n\r\n"
