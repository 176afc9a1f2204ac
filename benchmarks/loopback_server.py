"""
A server that is light enough not to be the bottleneck: it accepts every message, and counts.

Run by ``send_throughput.py`` in a process of its own: it prints its port on one line, serves until its standard input
ends, and so ends with whoever started it. ``GET /count`` answers how many messages have arrived. What is not an
HTTP/1.1 request with a ``Content-Length`` gets 400 and a closed connection: a client that sends something else would be
measured at other work. A number as its argument is how many milliseconds each answer to a message takes: a real one
takes a hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

BODY = b'{"message_uuid":"d8f86df1-dec6-442f-870a-2241be27d721"}'
ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nX-Request-Id: 0d1f4f2c\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LONGEST_HEAD = 16_384
"""How many bytes may come before the empty line."""


class Counter:
    """How many messages have arrived, over all connections."""

    def __init__(self) -> None:
        self.messages = 0


class Connection(asyncio.Protocol):
    """One connection: requests one behind the other, each answered at once."""

    def __init__(self, counter: Counter, latency: float = 0.0) -> None:
        self._counter = counter
        self._latency = latency
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        if isinstance(transport, asyncio.Transport) or hasattr(transport, "write"):
            self._transport = transport  # type: ignore[assignment]  # that of uvloop derives from nothing

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while self._received and self._answer_next():
            pass

    def _answer_next(self) -> bool:
        """Answer the first request in the buffer; tell whether it was complete."""
        received = self._received
        end = received.find(b"\r\n\r\n")
        if end < 0:
            if len(received) > LONGEST_HEAD:
                self._refuse()
            return False
        head = bytes(received[:end])
        if head.startswith(b"GET /count "):
            size, answer = 0, self._count()
        elif head.startswith(b"POST "):
            size, answer = content_length(head), ACCEPTED
        else:
            size, answer = -1, b""
        if size < 0:
            self._refuse()
            return False
        if len(received) < end + 4 + size:
            return False
        del received[: end + 4 + size]
        if answer is ACCEPTED:
            self._counter.messages += 1
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._write, answer)
                return True
        self._write(answer)
        return True

    def _count(self) -> bytes:
        number = b"%d" % self._counter.messages
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(number), number)

    def _refuse(self) -> None:
        self._received.clear()
        self._write(REFUSED)
        if self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def content_length(head: bytes) -> int:
    """Read the length of the body, in any spelling of its header; -1 where it is not told."""
    place = head.lower().find(b"\r\ncontent-length:")
    if place < 0:
        return -1
    value = head[place + len(b"\r\ncontent-length:") :].partition(b"\r\n")[0].strip()
    return int(value) if value.isdigit() else -1


async def serve(latency: float) -> None:
    """Serve on a free port of the loopback until standard input ends."""
    counter = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counter, latency), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve, on uvloop where it is installed: the lighter, the better for whoever is measured."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  optional

        uvloop.install()
    asyncio.run(serve(float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0))


if __name__ == "__main__":
    main()
