"""
Ten minutes at the highest steady rate of one machine, with webhooks coming back: you will see whether memory grows.

This process is a service as users write them: a ``SendQueue`` sends SMS and WhatsApp texts, and a web server with a
``Router``, a ``SignatureVerifier``, a seen-store and a ``Tracker`` takes the signed statuses of each (two of an SMS,
three of a WhatsApp message). The simulator, in a process of its own, answers and calls back.

1. *Search*: a few seconds with as many messages open as there is room for tell what the machine can do at most.
2. *Fill*: at 90 % of that, until everything that remembers a bounded number of things has forgotten its first ones. A
   rate at which statuses fall behind is no steady one: it is lowered by a tenth, and tried again.
3. *Soak*: that rate for ``--seconds``. Every second, the memory of both processes, what was sent, and what is still
   open; of every request and every callback, how long it took.

It prints a table, and draws a picture (extra ``[plots]``). The exit code is 1 where a message or one of its statuses is
lost or handled twice, where a file or a task is left at the end, or where the memory of this process grew by over
``--growth`` MB an hour.

Run: ``python benchmarks/soak.py [--seconds 600] [--fill 240] [--plot soak.png] [--json soak.json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
from aiohttp import web

from vonage_messages import BasicAuth, Client, Limits, Rate, SendQueue, Sms, Tracker, WaitTimeoutError, WhatsappText
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.delivery import Delivery
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from multiprocessing.connection import Connection

    from vonage_messages import Outcome
    from vonage_messages.channels.base import Message
    from vonage_messages.observe import AttemptFinished, AttemptStarted

SECRET = "example-signature-secret-0123456789abcdef"  # noqa: S105  made up
STATUSES = {"sms": 2, "whatsapp": 3}
SEARCH = 10.0
ROOM = 400
"""How many messages may be open, that is without their last status, while the highest rate is looked for."""
SHARE = 0.9
LOWER = 0.9
MOST_BEHIND = 3.0
"""Seconds' worth of messages that may be open: a message takes 0.2 s, where the machine keeps up."""
TRIES = 8
TRACKED = 50
"""Of how many messages the delivery of one is awaited."""
LONGEST_WAIT = 60
REMEMBERED = 20_000
"""How many messages the simulator keeps."""
MEGABYTE = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")


class Durations:
    """How long things took, counted in steps of 2 %: as much memory for a million as for one."""

    STEP = math.log(1.02)
    LEAST = 1e-6

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def __len__(self) -> int:
        return self._counts.total()

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[int(math.log(max(seconds, self.LEAST) / self.LEAST) / self.STEP)] += 1

    def quantile(self, share: float) -> float:
        """Give the milliseconds that *share* of them did not pass."""
        left = share * len(self)
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return 1000 * self.LEAST * math.exp(self.STEP * (step + 1))
        return math.nan

    def shown(self) -> str:
        """Show the quantiles."""
        return " | ".join(f"{self.quantile(share):.1f} ms" for share in (0.5, 0.99, 0.999, 1))


@attrs.define
class Books:
    """What left, and what has come back of it."""

    sent: int = 0
    failed: Counter[str] = attrs.field(factory=Counter)
    statuses: int = 0
    twice: int = 0
    tracked: int = 0
    open: dict[str, set[str]] = attrs.field(factory=dict)
    """By message uuid: the statuses that have come, of a message that waits for more."""
    settled: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set when a message has got its last status."""
    requests: Durations = attrs.field(factory=Durations)
    callbacks: Durations = attrs.field(factory=Durations)
    waited: Durations = attrs.field(factory=Durations)

    def before_attempt(self, event: AttemptStarted) -> None:
        """Do nothing: what counts is known afterwards."""

    def after_attempt(self, event: AttemptFinished) -> None:
        """Note how long a request took."""
        self.requests.add(event.duration)

    def note(self, outcome: Outcome) -> None:
        """Note how a message left."""
        if outcome.sent is None:
            self.failed[type(outcome.error).__name__] += 1
            return
        self.sent += 1
        self.waited.add(outcome.waited)
        self._settle(outcome.sent.message_uuid, outcome.message.channel)

    def hear(self, status: MessageStatus) -> None:
        """Note a status; it may well come before the request has returned."""
        self.statuses += 1
        come = self.open.setdefault(status.message_uuid, set())
        self.twice += status.status in come
        come.add(status.status)
        self._settle(status.message_uuid, status.channel, returned="accepted" in come)

    def _settle(self, message_uuid: str, channel: str, *, returned: bool = True) -> None:
        come = self.open.setdefault(message_uuid, set())
        if returned:
            come.add("accepted")
        if len(come) == STATUSES[channel] + 1:
            del self.open[message_uuid]
            self.settled.set()

    async def next_settled(self) -> None:
        """Wait for the last status of a message."""
        self.settled.clear()
        await self.settled.wait()


@attrs.frozen(kw_only=True)
class Sample:
    """One second."""

    at: float
    memory: float
    """Of this process, in MB."""
    memory_there: float
    """Of the simulator."""
    sent: int
    statuses: int
    open: int
    files: int


@attrs.define
class Service:
    """A service that sends and receives, for a simulator in another process."""

    books: Books
    client: Client
    tracker: Tracker
    there: int
    """The process of the simulator."""
    waiting: set[asyncio.Task[None]] = attrs.field(factory=set)
    numbers: Iterator[int] = attrs.field(factory=count)

    def messages(self) -> Iterator[Message]:
        """Make messages without end, each to somebody else."""
        for number in self.numbers:
            to, reference = str(447700000000 + number % 100_000_000), f"soak-{number}"
            if number % 2:
                yield WhatsappText(to=to, from_="14155550100", text="Hello", client_ref=reference)
            else:
                yield Sms(to=to, from_="Acme", text="Hello", client_ref=reference)

    def note(self, outcome: Outcome) -> None:
        """Note how a message left; the delivery of some is awaited."""
        self.books.note(outcome)
        if outcome.sent is not None and self.books.sent % TRACKED == 0:
            task = asyncio.create_task(self._await_delivery(outcome.sent))
            self.waiting.add(task)
            task.add_done_callback(self.waiting.discard)

    async def _await_delivery(self, sent: Any) -> None:
        with suppress(WaitTimeoutError):  # which is seen by the number
            await self.tracker.wait_for(sent, "delivered", timeout=LONGEST_WAIT)
            self.books.tracked += 1

    async def at_most(self) -> float:
        """Give how many messages a second come through, statuses included, with as many open as there is room for."""
        began, first = time.monotonic(), self.books.sent
        async with SendQueue(self.client, limits=Limits.unlimited(), on_outcome=self.note) as queue:
            for message in self.messages():
                if time.monotonic() > began + SEARCH:
                    break
                while len(self.books.open) + len(queue) >= ROOM:  # ends: each status that comes makes room
                    await self.books.next_settled()
                await queue.put(message)
        await self.settled()
        return (self.books.sent - first) / (time.monotonic() - began)

    async def steadily(self, rate: float, seconds: float) -> list[Sample]:
        """Send so many a second for so long, and look every second; stops early where statuses fall behind."""
        samples: list[Sample] = []
        limits = Limits(account=Rate(round(rate)))
        async with SendQueue(self.client, limits=limits, on_outcome=self.note, maxsize=1000) as queue:
            feeding = asyncio.create_task(self._feed(queue))
            try:
                began = time.monotonic()
                for second in range(1, math.ceil(seconds) + 1):
                    await asyncio.sleep(began + second - time.monotonic())
                    samples.append(self.look(second))
                    if len(self.books.open) > MOST_BEHIND * rate:
                        break
            finally:
                feeding.cancel()
                await asyncio.wait([feeding])
        return samples

    async def _feed(self, queue: SendQueue) -> None:
        for message in self.messages():
            await queue.put(message)

    def look(self, second: int) -> Sample:
        """Look at everything once."""
        books = self.books
        return Sample(
            at=second,
            memory=memory_of(os.getpid()),
            memory_there=memory_of(self.there),
            sent=books.sent,
            statuses=books.statuses,
            open=len(books.open),
            files=open_files(),
        )

    async def settled(self) -> None:
        """Wait for the statuses that are still to come."""
        with suppress(TimeoutError):  # what is open by then, is lost
            async with asyncio.timeout(LONGEST_WAIT):
                while self.books.open:  # ends: with the last one, or with the time
                    await self.books.next_settled()
                if self.waiting:
                    await asyncio.wait(self.waiting)


def memory_of(process: int) -> float:
    """Give the resident memory of a process, in MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / MEGABYTE


def open_files() -> int:
    """Count the files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@contextmanager
def simulator(status_url: str) -> Iterator[dict[str, Any]]:
    """Run the simulator in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, status_url))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("stop")
        process.join(LONGEST_WAIT)


def serve(pipe: Connection, status_url: str) -> None:
    """Be the simulator, until told to stop."""
    asyncio.run(served(pipe, status_url))


async def served(pipe: Connection, status_url: str) -> None:
    """Tell where the simulator is, and wait for the end."""
    async with Simulator(
        rate=None,
        provider_limits=(),
        maximum=REMEMBERED,
        status_url=status_url,
        signature_secret=SECRET,
        delivery=Delivery(submitted_after=0.02, delivered_after=0.05, read_after=0.05),
    ) as running:
        pipe.send({"url": running.url, "key": running.api_key, "secret": running.api_secret, "pid": os.getpid()})
        await asyncio.to_thread(pipe.recv)


@asynccontextmanager
async def listening(books: Books) -> AsyncIterator[tuple[str, Tracker]]:
    """Serve webhooks, as a service does."""
    router = Router()
    tracker = Tracker(router)

    @router.status()
    async def on_status(event: MessageStatus) -> None:
        books.hear(event)

    @web.middleware
    async def timed(request: web.Request, handler: Any) -> web.StreamResponse:
        began = time.perf_counter()
        response: web.StreamResponse = await handler(request)
        books.callbacks.add(time.perf_counter() - began)
        return response

    application = web.Application(middlewares=[timed])
    add_webhooks(application, router, verifier=SignatureVerifier(SECRET))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/message-status", tracker
    finally:
        await runner.cleanup()


def say(what: str) -> None:
    """Tell whoever waits how far it is."""
    print(what, file=sys.stderr, flush=True)


def growth(samples: Sequence[Sample]) -> float:
    """Give by how many MB an hour the memory of this process grows: the slope of the line of least squares."""
    middle = sum(each.at for each in samples) / len(samples)
    mean = sum(each.memory for each in samples) / len(samples)
    over = sum((each.at - middle) * (each.memory - mean) for each in samples)
    return 3600 * over / sum((each.at - middle) ** 2 for each in samples)


@attrs.frozen(kw_only=True)
class Soaked:
    """What came of it."""

    at_most: float
    rate: float
    samples: list[Sample]
    books: Books
    files_left: int
    tasks_left: int

    def faults(self, most_growth: float) -> Iterator[str]:
        """Say what is wrong."""
        books = self.books
        if books.open:
            yield f"{len(books.open)} messages lack a status, or their receipt"
        if books.twice:
            yield f"{books.twice} statuses were handled twice"
        if books.failed:
            yield f"messages failed: {dict(books.failed)}"
        if books.tracked != books.sent // TRACKED:
            yield f"{books.tracked} deliveries of {books.sent // TRACKED} were awaited to their end"
        if self.files_left > 0:
            yield f"{self.files_left} files were left open"
        if self.tasks_left:
            yield f"{self.tasks_left} tasks were left"
        if growth(self.samples) > most_growth:
            yield f"memory grew by {growth(self.samples):.1f} MB an hour"


async def soaked(seconds: float, fill: float) -> Soaked:
    """Search, fill and soak."""
    books = Books()
    resource_tracker.ensure_running()  # of multiprocessing: it keeps a file
    files_before = open_files()
    async with listening(books) as (status_url, tracker):
        with simulator(status_url) as found:
            auth = BasicAuth(api_key=found["key"], api_secret=found["secret"])
            async with Client(auth, base_url=found["url"], observers=[books]) as client:
                service = Service(books, client, tracker, found["pid"])
                at_most = await service.at_most()
                rate = SHARE * at_most
                for _ in range(TRIES):
                    say(f"at most {at_most:,.0f} messages a second; {rate:,.0f} for {fill:g} s")
                    filled = await service.steadily(rate, fill)
                    await service.settled()
                    if len(filled) >= fill:
                        break
                    rate *= LOWER
                say(f"{len(books.open)} messages are open; {rate:,.0f} a second for {seconds:g} s")
                gc.collect()
                books.requests, books.callbacks, books.waited = Durations(), Durations(), Durations()
                samples = await service.steadily(rate, seconds)
                await service.settled()
    gc.collect()
    await asyncio.sleep(0.1)
    return Soaked(
        at_most=at_most,
        rate=rate,
        samples=samples,
        books=books,
        files_left=open_files() - files_before,
        tasks_left=len(asyncio.all_tasks()) - 1,
    )


def told(soak: Soaked) -> str:
    """Write the table."""
    first, last = soak.samples[0], soak.samples[-1]
    took, sent = last.at - first.at, last.sent - first.sent
    books = soak.books
    versions = f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}"
    return f"""\
{platform.machine()}, {os.cpu_count()} cores, {versions}

At most {soak.at_most:,.0f} messages a second came through; {soak.rate:,.0f} a second were given for {took:,.0f} s.
{sent:,} messages left ({sent / took:,.0f} a second), and {last.statuses - first.statuses:,} statuses came back.
The most open at once: {max(each.open for each in soak.samples):,}.
Altogether {books.sent:,} messages and {books.statuses:,} statuses: {len(books.open)} lost, {books.twice} handled
twice, {sum(books.failed.values())} failed, {books.tracked:,} awaited by a tracker.
{memory_told(soak.samples)}
Files: {first.files} at the start, {last.files} at the end; left afterwards: {soak.files_left} files, {soak.tasks_left}
tasks.

| | number | p50 | p99 | p99.9 | slowest |
| --- | --- | --- | --- | --- | --- |
| a request | {len(books.requests):,} | {books.requests.shown()} |
| a callback, to its answer | {len(books.callbacks):,} | {books.callbacks.shown()} |"""


def memory_told(samples: Sequence[Sample]) -> str:
    """Say how the memory of both processes went."""
    quarter = max(1, len(samples) // 4)
    here = [each.memory for each in samples]
    there = [each.memory_there for each in samples]
    first, last = sum(here[:quarter]) / quarter, sum(here[-quarter:]) / quarter
    return (
        f"Memory: {growth(samples):+.1f} MB an hour by least squares; {first:.1f} MB in the first quarter, "
        f"{last:.1f} MB in the last; the simulator {min(there):.0f} to {max(there):.0f} MB."
    )


def draw(soak: Soaked, path: Path) -> None:
    """Draw memory and rate over time."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra

    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    minutes = [each.at / 60 for each in soak.samples]
    above.plot(minutes, [each.memory for each in soak.samples], label="this process: queue, client, webhooks, tracker")
    above.plot(minutes, [each.memory_there for each in soak.samples], label="the simulator", alpha=0.6)
    above.set(ylabel="resident memory, MB", ylim=(0, None))
    above.legend(loc="lower right")
    pairs = list(zip(soak.samples, soak.samples[1:], strict=False))
    below.plot(minutes[1:], [after.sent - before.sent for before, after in pairs], label="messages a second")
    below.plot(minutes[1:], [after.statuses - before.statuses for before, after in pairs], label="statuses a second")
    below.set(xlabel="minutes", ylim=(0, None))
    below.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Soak, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--fill", type=float, default=240.0, help="seconds before memory is looked at")
    parser.add_argument("--growth", type=float, default=6.0, help="MB an hour that are taken for none")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    soak = asyncio.run(soaked(given.seconds, given.fill))
    print(told(soak))
    if given.plot is not None:
        draw(soak, given.plot)
    if given.json is not None:
        given.json.write_text(json.dumps([attrs.asdict(each) for each in soak.samples]))
    faults = list(soak.faults(given.growth))
    for fault in faults:
        print(f"FAULT: {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
