"""
What an outbox costs: rows added a second, and rows sent a second beside the same sends through the plain queue.

``python benchmarks/outbox.py`` prints a table. Everything is sent to ``loopback_server.py``, a process of its own that
answers at once and counts; it is asked what arrived after every row of the table, and a wrong number ends the program.
Each measurement is a process of its own; their order is shuffled anew in each round, and the ratio of a round compares
the two of that round. *add*: messages that are built before the clock starts. *outbox*: ``Outbox.run`` over rows that
were added before. *queue*: the same messages through ``SendQueue.map``. *whole*: from a generator into the outbox and
out again, and so what ``--rows 1000000`` is for: its peak memory is that of a whole campaign. *lifecycles*: rows
added, claimed, marked, recorded through the store and the batching of a run, with 1,000 tasks awaiting and no network
between them.

The file lies in the folder that is given, or the system's temporary one: the disk there decides much of the result.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vonage_messages import BasicAuth, Client, Limits, SendQueue, Sms
from vonage_messages.ledger import Event, Outcome
from vonage_messages.sending.batching import Batching
from vonage_messages.sending.outbox import Outbox

HERE = Path(__file__).parent
CONNECTIONS = 64
TASKS = 1000
TARGET = 0.80
MOST_MEMORY = 150
"""MiB."""
WANTED_LIFECYCLES = 30_000
KINDS = ("add", "outbox", "queue", "lifecycles")
OWNER = "the benchmark"
BATCH = 1000


def messages(count: int, first: int = 0) -> Iterator[Sms]:
    """Make messages, one after the other."""
    for number in range(first, first + count):
        yield Sms(
            to=f"44770{number % 10_000_000:07d}",
            from_="Acme",
            text=f"Hello {number}, your parcel is on its way",
            client_ref=f"ref-{number}",
        )


def peak_memory() -> float:
    """Give the peak of the resident memory of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the peak of memory")


def client_for(url: str) -> Client:
    """Make a client that talks to the server of the benchmark."""
    return Client(BasicAuth(api_key="abcd1234", api_secret="made-up"), base_url=url)  # noqa: S106  made up


async def add(path: Path, rows: int, _url: str) -> float:
    """Add messages that are there already; give the seconds."""
    built = list(messages(rows))
    async with Outbox.open(path) as outbox:
        begun = time.perf_counter()
        await outbox.add(built)
        return time.perf_counter() - begun


async def outbox(path: Path, rows: int, url: str) -> float:
    """Run over rows that are there already; give the seconds."""
    async with Outbox.open(path) as opened, client_for(url) as client:
        await opened.add(messages(rows))
        begun = time.perf_counter()
        report = await opened.run(client, limits=Limits.unlimited(), connections=CONNECTIONS)
        taken = time.perf_counter() - begun
    if report.accepted != rows:
        raise RuntimeError(f"{rows} rows should be accepted: {report}")
    return taken


async def queue(_path: Path, rows: int, url: str) -> float:
    """Send through the plain queue; give the seconds."""
    built = list(messages(rows))
    async with client_for(url) as client:
        begun = time.perf_counter()
        async with SendQueue(client, limits=Limits.unlimited(), connections=CONNECTIONS) as plain:
            async for outcome in plain.map(built):
                if outcome.error is not None:
                    raise outcome.error
        return time.perf_counter() - begun


async def whole(path: Path, rows: int, url: str) -> float:
    """Add from a generator and run; give the seconds, and print those of each part."""
    async with Outbox.open(path) as opened, client_for(url) as client:
        begun = time.perf_counter()
        await opened.add(messages(rows))
        added = time.perf_counter()
        after_add = peak_memory()
        report = await opened.run(client, limits=Limits.unlimited(), connections=CONNECTIONS)
        ended = time.perf_counter()
    if report.accepted != rows:
        raise RuntimeError(f"{rows} rows should be accepted: {report}")
    parts = (
        f"{rows / (added - begun):,.0f} rows/s added ({after_add:.0f} MiB), {rows / (ended - added):,.0f} rows/s sent"
    )
    print(parts, file=sys.stderr)
    return ended - begun


async def lifecycles(path: Path, rows: int, _url: str) -> float:
    """Take rows through all their states with 1,000 tasks awaiting; give the seconds."""
    built = list(messages(rows))
    async with Outbox.open(path) as opened:
        store = opened.store
        begun = time.perf_counter()
        await opened.add(built)
        await store.enrol(OWNER, lease_until=time.time() + 3600)

        async def write(items: Sequence[int | Outcome]) -> Mapping[int, int]:
            outcomes = [item for item in items if isinstance(item, Outcome)]
            ids = [item for item in items if isinstance(item, int)]
            return await store.mark_sending(ids, owner=OWNER, now=time.time(), outcomes=outcomes)

        writing: Batching[int | Outcome, Mapping[int, int]] = Batching(write)
        claimed: asyncio.Queue[int | None] = asyncio.Queue(2 * BATCH)

        async def send() -> None:
            while (row_id := await claimed.get()) is not None:  # ends: with the rows
                attempt = (await writing.ask(row_id))[row_id]
                await writing.ask(
                    Outcome(id=row_id, owner=OWNER, attempt=attempt, event=Event.ACCEPT, message_uuid=f"uuid-{row_id}")
                )

        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(send())
            while found := await store.claim(OWNER, count=BATCH, lease_until=time.time() + 3600, now=time.time()):
                for row in found:
                    await claimed.put(row.id)
            for _ in range(TASKS):
                await claimed.put(None)
        taken = time.perf_counter() - begun
        if (await opened.report()).accepted != rows:
            raise RuntimeError("a lifecycle did not end")
    return taken


MEASURED = {"add": add, "outbox": outbox, "queue": queue, "whole": whole, "lifecycles": lifecycles}
SENDS = frozenset({"outbox", "queue", "whole"})


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the server in a process of its own; give its address."""
    process = subprocess.Popen(  # noqa: S603  our own program, in our own interpreter
        [sys.executable, str(HERE / "loopback_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate(timeout=10)


def arrived(url: str) -> int:
    """Ask the server how many messages have come."""
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:  # noqa: S310  our own server
        return int(answer.read())


def measure(kind: str, rows: int, folder: Path, url: str) -> dict[str, float]:
    """Measure one thing in a process of its own, and count what arrived."""
    before = arrived(url)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        done = subprocess.run(  # noqa: S603  this program, in our own interpreter
            [sys.executable, __file__, "measure", kind, str(rows), str(Path(place) / "outbox.db"), url],
            stdout=subprocess.PIPE,
            check=True,
            timeout=3600,
        )
    came = arrived(url) - before
    if came != (rows if kind in SENDS else 0):
        raise RuntimeError(f"{kind}: {came} messages arrived instead of {rows}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure_here(kind: str, rows: int, path: Path, url: str) -> None:
    """Be the process that measures."""
    seconds = asyncio.run(MEASURED[kind](path, rows, url))
    print(json.dumps({"seconds": seconds, "memory": peak_memory()}))


def line(name: str, figures: Sequence[float]) -> str:
    """Write one line of the table."""
    return f"{name:<40}{statistics.median(figures):>12,.0f}{min(figures):>12,.0f}{max(figures):>12,.0f}"


def compare(rows: int, rounds: int, folder: Path, seed: int) -> bool:
    """Measure everything in shuffled rounds, and print it; tell whether the targets were met."""
    shuffled = random.Random(seed)  # noqa: S311  an order, and no secret
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    memory: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with server() as url:
        for _ in range(rounds):
            order = list(KINDS)
            shuffled.shuffle(order)
            for kind in order:
                found = measure(kind, rows, folder, url)
                rates[kind].append(rows / found["seconds"])
                memory[kind].append(found["memory"])
    print(f"{rows:,} rows, {rounds} rounds, {CONNECTIONS} connections, order shuffled with seed {seed}")
    print(f"{'':<40}{'median':>12}{'least':>12}{'greatest':>12}")
    for kind in KINDS:
        print(line(f"{kind}: rows/s", rates[kind]))
        print(line(f"{kind}: peak memory, MiB", memory[kind]))
    ratios = sorted(mine / plain for mine, plain in zip(rates["outbox"], rates["queue"], strict=True))
    ratio = statistics.median(ratios)
    lives = statistics.median(rates["lifecycles"])
    print(
        f"outbox beside queue: {ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), {hit(ratio >= TARGET)} {TARGET:.2f}"
    )
    print(f"lifecycles: {lives:,.0f}/s, {hit(lives >= WANTED_LIFECYCLES)} {WANTED_LIFECYCLES:,}")
    return ratio >= TARGET and lives >= WANTED_LIFECYCLES


def campaign(rows: int, folder: Path) -> bool:
    """Measure one whole campaign, and a tenth of it; tell whether memory stays below its bound."""
    with server() as url:
        small, large = (measure("whole", count, folder, url) for count in (rows // 10, rows))
    print(f"{rows // 10:,} rows: {small['seconds']:,.0f} s, peak memory {small['memory']:.0f} MiB")
    print(f"{rows:,} rows: {large['seconds']:,.0f} s, peak memory {large['memory']:.0f} MiB", end=", ")
    print(f"{hit(large['memory'] <= MOST_MEMORY)} {MOST_MEMORY} MiB")
    return large["memory"] <= MOST_MEMORY


def hit(met: bool) -> str:
    """Say whether a target was met."""
    return "HIT, the target is" if met else "MISSED, the target is"


def main() -> None:
    """Measure, or be the process that measures."""
    if sys.argv[1:2] == ["measure"]:
        kind, rows, path, url = sys.argv[2:6]
        measure_here(kind, int(rows), Path(path), url)
        return
    parser = argparse.ArgumentParser(description="What an outbox costs, beside the plain queue.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--whole", action="store_true", help="one campaign of all rows, and its memory, instead")
    options = parser.parse_args()
    if options.whole:
        met = campaign(options.rows, options.folder)
    else:
        met = compare(options.rows, options.rounds, options.folder, options.seed)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
