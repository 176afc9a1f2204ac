"""
What messages cost in memory while they wait, and what a million cost that stream through: you will see two tables.

*Waiting*: a paused queue is filled, and the growth of the process is divided by the number of messages: the message
itself, with a recipient of its own, its place, and what belongs to the way in which it was given. ``map`` is given a
window as large as the number, where it holds 4,096 otherwise. *Streaming*: the peak of the process over what it had
after its imports and 1,000 messages, while messages are made, sent through ``map`` and forgotten: with a client that
answers at once, and over sockets with the server of ``loopback_server.py`` in a process of its own.

Each figure comes from a process of its own, in a new order each round; medians, with the lowest and the highest. It
reads ``/proc``, so it runs on Linux. Run: ``python benchmarks/queue_memory.py [--rounds 3] [--waiting 200000]
[--streaming 1000000] [--loopback 1000000] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vonage_messages import BasicAuth, Client, Sms
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.limits.levels import Limits
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.wire.rest import SentMessage

WARM_UP = 1_000
MEGABYTE = 1024 * 1024
LONGEST_RUN = 1_800
WAITING = ("put", "map", "submit")
STREAMING = ("at once", "loopback")
MADE_UP = "abcdef0123456789"
SENT = SentMessage(message_uuid="d8f86df1-dec6-442f-870a-2241be27d721")


class AnswersAtOnce:
    """What a queue needs of a client, without sockets."""

    limiter = None
    retry = RetryPolicy()

    async def attempt(self, _message: object, **_options: object) -> SentMessage:
        """Accept everything."""
        return SENT


def messages(count: int, first: int = 447700000000) -> Iterator[Sms]:
    """Make messages, each to a recipient of its own; sender and text are those of the campaign."""
    text = "Your parcel is on its way and comes today between ten and twelve."
    return (Sms(to=str(first + number), from_="Acme", text=text) for number in range(count))


def memory(field: str) -> int:
    """Give the memory of this process in bytes: ``VmRSS`` now, ``VmHWM`` at its highest."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell how much memory a process has")


def forget_peak() -> None:
    """Let the highest memory of this process be that of now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def bytes_waiting(way: str, count: int) -> float:
    """Fill a paused queue, and give the bytes for each message."""
    warm = await fill(way, WARM_UP)
    gc.collect()
    before = memory("VmRSS")
    kept = await fill(way, count)
    gc.collect()
    used = memory("VmRSS") - before
    del warm, kept
    return used / count


async def fill(way: str, count: int) -> list[Any]:
    """Fill a paused queue; give what must be kept for that."""
    queue = SendQueue(AnswersAtOnce(), limits=Limits.unlimited(), maxsize=count)  # type: ignore[arg-type]  # no socket
    queue.pause()
    if way == "submit":
        for message in messages(count):
            queue.submit(message)  # the queue keeps the future
        return [queue]
    if way == "put":
        for message in messages(count):
            await queue.put(message)
        return [queue]
    outcomes = queue.map(messages(count), window=count)
    reading = asyncio.ensure_future(anext(outcomes))
    async with asyncio.timeout(LONGEST_RUN):
        while len(queue) < count:  # noqa: ASYNC110  ends with the last message, or with the time; nobody tells of it
            await asyncio.sleep(0.01)
    return [queue, outcomes, reading]


async def streamed(client: Any, count: int) -> dict[str, float]:
    """Send *count* messages through ``map``; give by how much the memory rose, and how long it took."""
    async with SendQueue(client, limits=Limits.unlimited()) as queue:
        await drained(queue, WARM_UP)
        gc.collect()
        before = memory("VmRSS")
        forget_peak()
        began = time.perf_counter()
        await drained(queue, count)
        return {"bytes": memory("VmHWM") - before, "seconds": time.perf_counter() - began}


async def drained(queue: SendQueue, count: int) -> None:
    """Send, and count what was accepted: any other number makes the figure void."""
    accepted = 0
    async for outcome in queue.map(messages(count)):
        accepted += outcome.sent is not None
    if accepted != count:
        raise RuntimeError(f"{accepted} of {count} messages were accepted")


@asynccontextmanager
async def loopback() -> AsyncIterator[str]:
    """Run the light server in a process of its own; give its address."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "loopback_server.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if server.stdout is None:
            raise RuntimeError("the server has no output")
        port = int(await asyncio.wait_for(server.stdout.readline(), 30))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        await server.wait()


async def streaming(way: str, count: int) -> dict[str, float]:
    """Measure one way of streaming in this process."""
    if way == "at once":
        return await streamed(AnswersAtOnce(), count)
    async with (
        loopback() as url,
        Client(BasicAuth(api_key="aaaa1111", api_secret=MADE_UP), base_url=url) as client,
    ):
        figures = await streamed(client, count)
        arrived = int(await asyncio.to_thread(read, f"{url}/count"))
    if arrived != count + WARM_UP:
        raise RuntimeError(f"{arrived} messages arrived, and {count + WARM_UP} were sent")
    return figures


def read(url: str) -> str:
    """Ask the server."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  our own server
        return str(answer.read().decode())


def run(*arguments: str) -> dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run(  # noqa: S603  this file
        [sys.executable, __file__, "measure", *arguments],
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return {name: float(value) for name, value in json.loads(done.stdout).items()}


async def measured_alone(way: str, count: int) -> None:
    """Measure one thing, print it, and be gone: a full queue would be cancelled message by message."""
    figures = {"bytes": await bytes_waiting(way, count)} if way in WAITING else await streaming(way, count)
    print(json.dumps(figures), flush=True)
    os._exit(0)


def table(results: dict[str, list[dict[str, float]]], counts: dict[str, int]) -> str:
    """Write the figures for people."""
    lines = [f"{'waiting, bytes for each message':<44}{'median':>10}{'lowest':>10}{'highest':>10}"]
    for way in WAITING:
        figures = [each["bytes"] for each in results[way]]
        spread = f"{statistics.median(figures):>10,.0f}{min(figures):>10,.0f}{max(figures):>10,.0f}"
        lines.append(f"{f'{way}, {counts[way]:,} messages':<44}{spread}")
    lines += ["", f"{'streaming through map, peak in MiB':<44}{'median':>10}{'lowest':>10}{'highest':>10}{'msg/s':>10}"]
    for way in STREAMING:
        if not results.get(way):
            continue
        figures = [each["bytes"] / MEGABYTE for each in results[way]]
        speed = statistics.median(counts[way] / each["seconds"] for each in results[way])
        spread = f"{statistics.median(figures):>10.1f}{min(figures):>10.1f}{max(figures):>10.1f}{speed:>10,.0f}"
        lines.append(f"{f'{way}, {counts[way]:,} messages':<44}{spread}")
    return "\n".join(lines)


def main() -> None:
    """Measure everything in a new order each round, or one thing in this process."""
    if sys.argv[1:2] == ["measure"]:
        asyncio.run(measured_alone(sys.argv[2], int(sys.argv[3])))
    parser = argparse.ArgumentParser(description="Measure what messages cost in memory.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--waiting", type=int, default=200_000, help="how many messages wait")
    parser.add_argument("--streaming", type=int, default=1_000_000, help="how many stream through")
    parser.add_argument("--loopback", type=int, default=1_000_000, help="how many over sockets; 0 for none")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    counts = {**dict.fromkeys(WAITING, options.waiting), "at once": options.streaming, "loopback": options.loopback}
    jobs = [way for way, count in counts.items() if count]
    results: dict[str, list[dict[str, float]]] = {way: [] for way in jobs}
    for number in range(options.rounds):
        random.shuffle(jobs)
        for way in jobs:
            results[way].append(run(way, str(counts[way])))
        print(f"round {number + 1} of {options.rounds} done", flush=True)
    print(table(results, counts))
    if options.json:
        machine = {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()}
        figures = {"machine": machine, "counts": counts, "rounds": options.rounds, "results": results}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
