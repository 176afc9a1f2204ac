"""
How many messages the simulator accepts on one core with validation on, while its inbox is open on many messages.

The simulator runs in a process of its own that is bound to one core; everything that asks it runs on the others. Four
rounds: by turns the inbox is closed (nobody looks at it), and open. "Open" is what the page does in a browser: it hears
every event, and fetches itself anew when something has happened, at most every 80 ms and not before eight times as long
as the last time took. Messages are WhatsApp list messages and SMS by turns, sent with Basic credentials; every answer
must be 202.

Run: ``python benchmarks/simulator_throughput.py``; ``--messages`` and ``--seconds`` change the size.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import math
import multiprocessing
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import attrs

from vonage_messages.simulator import Simulator

WORKERS = 32
PATIENCE = 60.0
LENGTH = re.compile(rb"Content-Length: ([0-9]+)", re.IGNORECASE)
PEOPLE = 500
LEAST_CPU = 1 / os.sysconf("SC_CLK_TCK")
"""Less cannot be read, in seconds."""

LIST = {
    "type": "interactive",
    "interactive": {
        "type": "list",
        "header": {"type": "text", "text": "Harbour Line"},
        "body": {"text": "Ten crossings tomorrow."},
        "action": {
            "button": "Crossings",
            "sections": [
                {"title": "Morning", "rows": [{"id": f"m{hour}", "title": f"0{hour}:15"} for hour in range(10)]}
            ],
        },
    },
}


@attrs.frozen(kw_only=True)
class Round:
    """What one round measured."""

    name: str
    rate: float
    cpu: float
    """Seconds of CPU of the simulator, for each second."""
    pages: list[float]
    """How long each fetch of the page took, in seconds."""
    events: int


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=10_000, help="held before the clock starts")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each round")
    parser.add_argument("--chromium", help="where it is, to measure the first paint as well (needs playwright)")
    given = parser.parse_args()
    with simulator() as found:
        asyncio.run(measure(found, given.messages, given.seconds, given.chromium))


@contextmanager
def simulator() -> Iterator[dict[str, Any]]:
    """Run the simulator on one core; the others are for whoever asks it."""
    cores = sorted(os.sched_getaffinity(0))
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, cores[0]))
    process.start()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    try:
        yield here.recv()
    finally:
        here.send("stop")
        process.join(10)


def serve(pipe: Connection, core: int) -> None:
    """Be the simulator, until told to stop."""
    os.sched_setaffinity(0, {core})
    asyncio.run(served(pipe))


async def served(pipe: Connection) -> None:
    """Tell where the simulator is, and wait for the end."""
    async with Simulator(rate=None) as running:
        told = {"url": running.url, "key": running.api_key, "secret": running.api_secret, "pid": os.getpid()}
        pipe.send(told)
        await asyncio.to_thread(pipe.recv)


async def measure(found: dict[str, Any], messages: int, seconds: float, chromium: str | None) -> None:
    """Fill the simulator, measure the rounds, and print them."""
    url = found["url"]
    pair = base64.b64encode(f"{found['key']}:{found['secret']}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"}
    connector = aiohttp.TCPConnector(limit=WORKERS + 4)
    async with aiohttp.ClientSession(connector=connector) as session:
        await flood(f"{url}/v1/messages", headers, count=messages)
        size, took = await first_page(session, url)
        paints = [] if chromium is None else await first_paints(url, chromium)
        rounds = []
        for name in ("closed", "open", "closed", "open"):
            rounds.append(await one_round(session, found, headers, name, seconds))
            await asyncio.sleep(min(1.0, seconds))
    print(f"{platform.machine()}, Python {platform.python_version()}, aiohttp {aiohttp.__version__}")
    print(f"{messages:,} messages were held at the start; the simulator had one core\n")
    print("| inbox | accepted/s | its CPU | accepted by a second of that | page fetched | median | slowest | events |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for each in rounds:
        shown = "- | - | -"
        if each.pages:
            median, slowest = statistics.median(each.pages) * 1000, max(each.pages) * 1000
            shown = f"{len(each.pages)} times | {median:.0f} ms | {slowest:.0f} ms"
        used = f"{each.cpu:.0%} | {each.rate / each.cpu:,.0f}"
        print(f"| {each.name} | {each.rate:,.0f} | {used} | {shown} | {each.events:,} |")
    print(f"\nThe page, with nothing else going on: {size:,} bytes in {took * 1000:.0f} ms (median of 9)")
    if paints:
        print(f"First paint in Chromium: {', '.join(f'{each:.0f}' for each in paints)} ms")


async def one_round(
    session: aiohttp.ClientSession, found: dict[str, Any], headers: dict[str, str], name: str, seconds: float
) -> Round:
    """Send for *seconds* as fast as the simulator accepts; with the inbox open where *name* says so."""
    url = found["url"]
    pages: list[float] = []
    heard = [0]
    begun, cpu = time.perf_counter(), cpu_of(found["pid"])
    if name == "open":
        async with watching(session, url, pages, heard):
            accepted = await flood(f"{url}/v1/messages", headers, seconds=seconds)
    else:
        accepted = await flood(f"{url}/v1/messages", headers, seconds=seconds)
    took = time.perf_counter() - begun
    used = max(cpu_of(found["pid"]) - cpu, LEAST_CPU) / took
    return Round(name=name, rate=accepted / took, cpu=used, pages=pages, events=heard[0])


async def flood(url: str, headers: dict[str, str], *, count: int = sys.maxsize, seconds: float = PATIENCE) -> int:
    """Send *count* messages, or for *seconds*; give how many were accepted."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    crowd = Crowd(head=head, numbers=iter(range(count)))
    loop = asyncio.get_running_loop()
    callers = [await loop.create_connection(lambda: Caller(crowd), parts.hostname, parts.port) for _ in range(WORKERS)]
    crowd.end = time.perf_counter() + seconds  # not before each has sent a message
    await asyncio.gather(*(caller.done for _, caller in callers))
    return crowd.accepted


@attrs.define(kw_only=True)
class Crowd:
    """What the callers share."""

    head: str
    numbers: Iterator[int]
    end: float = math.inf
    accepted: int = 0


class Caller(asyncio.Protocol):
    """
    A connection that sends one message after another and reads no more of an answer than it must.

    An HTTP client would cost half of what the simulator does, on a core that others may use as well.
    """

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first message."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count an answer that is whole, and send the next message."""
        self._heard += data
        head, end, rest = self._heard.partition(b"\r\n\r\n")
        if not end:
            return
        length = LENGTH.search(head)
        if length is None or len(rest) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self.done.set_exception(SystemExit(f"answered {self._heard[:500]!r}"))
            return
        self._heard = b""
        self.crowd.accepted += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail where more was to be sent."""
        if not self.done.done():
            self.done.set_exception(SystemExit(f"the simulator closed a connection: {exc}"))

    def _send(self) -> None:
        number = None if time.perf_counter() > self.crowd.end else next(self.crowd.numbers, None)
        if self._transport is None or number is None:
            if self._transport is not None:
                self.done.set_result(None)
                self._transport.close()
            return
        content = body(number)
        self._transport.write(f"{self.crowd.head}Content-Length: {len(content)}\r\n\r\n".encode() + content)


def body(number: int) -> bytes:
    """Write a message: WhatsApp lists and SMS by turns, to some hundreds of people."""
    to = f"447700{900_000 + number % PEOPLE}"
    if number % 2:
        message = {"channel": "sms", "message_type": "text", "to": to, "from": "Acme", "text": f"Number {number}"}
    else:
        message = {"channel": "whatsapp", "message_type": "custom", "to": to, "from": "447700900001", "custom": LIST}
    return json.dumps(message).encode()


@asynccontextmanager
async def watching(
    session: aiohttp.ClientSession, url: str, pages: list[float], heard: list[int]
) -> AsyncIterator[None]:
    """Do what the open page does."""
    changed = asyncio.Event()
    tasks = [
        asyncio.create_task(hear(session, url, changed, heard)),
        asyncio.create_task(draw(session, url, changed, pages)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def hear(session: aiohttp.ClientSession, url: str, changed: asyncio.Event, heard: list[int]) -> None:
    """Hear the events, as they come."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(f"{url}/_simulator/events", timeout=timeout) as answer:
        if answer.status != 200:  # noqa: PLR2004  the one answer that counts
            raise SystemExit(f"the events answered {answer.status}")
        async for chunk in answer.content.iter_any():
            heard[0] += chunk.count(b"\ndata:")
            changed.set()


async def draw(session: aiohttp.ClientSession, url: str, changed: asyncio.Event, pages: list[float]) -> None:
    """Fetch the page when something has happened, and no more often than the page does."""
    while True:  # ends: it is cancelled with the round
        await changed.wait()
        changed.clear()
        pages.append((await fetch(session, url))[1])
        await asyncio.sleep(max(0.08, min(2.0, pages[-1] * 8)))


async def first_page(session: aiohttp.ClientSession, url: str) -> tuple[int, float]:
    """Fetch the page several times with nothing else going on; give its size, and how long it took."""
    fetched = [await fetch(session, url) for _ in range(9)]
    return fetched[-1][0], statistics.median(took for _, took in fetched)


async def first_paints(url: str, chromium: str) -> list[float]:
    """Open the page in a browser several times, each in a profile of its own; give the milliseconds until it paints."""
    from playwright.async_api import async_playwright  # noqa: PLC0415  needed for this alone

    paints = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(5):
            page = await browser.new_page()
            await page.goto(f"{url}/?c=whatsapp:447700900000")
            script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
            await page.wait_for_function(script)
            paints.append(float(await page.evaluate(script)))
            await page.close()
        await browser.close()
    return paints


async def fetch(session: aiohttp.ClientSession, url: str) -> tuple[int, float]:
    """Fetch the inbox with a conversation open."""
    begun = time.perf_counter()
    async with session.get(f"{url}/?c=whatsapp:447700900000") as answer:
        size = len(await answer.read())
    return size, time.perf_counter() - begun


def cpu_of(process: int) -> float:
    """Read how many seconds of CPU a process has used."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:  # noqa: PTH123  no file, a reading
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
