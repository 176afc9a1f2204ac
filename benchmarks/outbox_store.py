"""
What the ledger of an outbox costs: rows added a second, and durable lifecycles a second. You will see two tables.

Everything is on the disk before it counts (WAL, ``synchronous=FULL``), in a new file for each figure, in the folder
that is given or the system's temporary one: the disk there decides much of the result, and rates swing from run to
run, so each figure is the median of several rounds, taken in turn, with the slowest and the fastest beside it.

*Adding*: batches of 1000 rows of some 150 bytes of payload, one awaited after the other. Keys either follow one
another, as ``bulk`` makes them, or are random, which touches a page of the index for each row; a growing file shows
whether the rate or the memory depends on its size. *Lifecycles*: rows are added and claimed in batches; so many
tasks take one row after the other, and each marks it as sending and waits for the disk. That it was accepted is then
recorded either by each task, which waits again, or by one task that records whatever has ended meanwhile.
The check at the end counts the rows in every state, and fails where one is missing. Run:
``python benchmarks/outbox_store.py [rows] [rounds] [folder]``.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.fernet import Fernet

from vonage_messages.ledger import Event, NewRow, Outcome, State
from vonage_messages.stores.sqlite import Cipher, SqliteLedgerStore

BATCH = 1_000
TASKS = (1, 100, 1_000)
LONGEST_LEASE = 600
OWNER = "the benchmark"
PAYLOAD = (
    b'{"channel":"sms","message_type":"text","to":"44770%07d","from":"Acme",'
    b'"text":"Your parcel number %07d is on its way and comes today."}'
)
Key = Callable[[int], str]
Record = Callable[[Outcome], Awaitable[object]]


def in_order(number: int) -> str:
    """Make the key of a row as a campaign does."""
    return f"spring:{number:09d}"


def at_random(number: int) -> str:
    """Make a key that says nothing about its neighbours."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def batches(rows: int, key: Key) -> Iterator[list[NewRow]]:
    """Make rows, a batch at a time."""
    for start in range(0, rows, BATCH):
        yield [
            NewRow(
                key=(name := key(number)),
                ref=name,
                payload=PAYLOAD % (number, number),
                recipient=f"44770{number:07d}",
            )
            for number in range(start, min(start + BATCH, rows))
        ]


@asynccontextmanager
async def new_store(folder: Path, cipher: Cipher | None = None) -> AsyncIterator[SqliteLedgerStore]:
    """Open a store in a new file, and remove it afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        async with SqliteLedgerStore(Path(place) / "ledger.db", cipher=cipher) as store:
            yield store


async def add_all(store: SqliteLedgerStore, rows: int, key: Key) -> float:
    """Add rows; give the seconds that the store took, without the making of the rows."""
    taken = 0.0
    for batch in batches(rows, key):
        begun = time.perf_counter()
        await store.add(batch, now=time.time())
        taken += time.perf_counter() - begun
    return taken


async def adding(folder: Path, rows: int, key: Key, cipher: Cipher | None = None) -> float:
    """Measure rows a second."""
    async with new_store(folder, cipher) as store:
        taken = await add_all(store, rows, key)
        expect(await store.counts(), State.PENDING, rows)
    return rows / taken


async def lifecycles(folder: Path, rows: int, tasks: int, *, in_batches: bool) -> float:
    """Measure whole lifecycles a second: added, claimed, marked, recorded."""
    async with new_store(folder) as store:
        made = list(batches(rows, in_order))
        begun = time.perf_counter()
        for batch in made:
            await store.add(batch, now=time.time())
        sending = Sending(store, tasks)
        async with asyncio.TaskGroup() as group:
            group.create_task(sending.claim_all())
            recording = group.create_task(sending.record_in_batches())
            record = sending.ended.put if in_batches else sending.record_alone
            senders = [group.create_task(sending.send_all(record)) for _ in range(tasks)]
            await asyncio.wait(senders)
            await sending.ended.put(None)
            await recording
        taken = time.perf_counter() - begun
        expect(await store.counts(), State.ACCEPTED, rows)
    return rows / taken


class Sending:
    """Tasks that send claimed rows, as if each send took no time."""

    def __init__(self, store: SqliteLedgerStore, tasks: int) -> None:
        self.store = store
        self.tasks = tasks
        self.claimed: asyncio.Queue[int | None] = asyncio.Queue(2 * BATCH)
        self.ended: asyncio.Queue[Outcome | None] = asyncio.Queue()

    async def claim_all(self) -> None:
        """Claim rows ahead of those who send them, then tell each of them that there are no more."""
        while True:
            now = time.time()
            rows = await self.store.claim(OWNER, count=BATCH, lease_until=now + LONGEST_LEASE, now=now)
            for row in rows:
                await self.claimed.put(row.id)
            if not rows:
                break
        for _ in range(self.tasks):
            await self.claimed.put(None)

    async def send_all(self, record: Record) -> None:
        """Mark and record one row after the other."""
        while (row_id := await self.claimed.get()) is not None:
            marked = await self.store.mark_sending([row_id], owner=OWNER, now=time.time())
            uuid = f"uuid-{row_id}"
            await record(Outcome(id=row_id, owner=OWNER, attempt=marked[row_id], event=Event.ACCEPT, message_uuid=uuid))

    async def record_alone(self, outcome: Outcome) -> None:
        """Record an outcome, and wait for the disk."""
        await self.store.record([outcome], now=time.time())

    async def record_in_batches(self) -> None:
        """Record what the others have left here, each time all that there is, until they leave ``None``."""
        outcome = await self.ended.get()
        while outcome is not None:
            batch = [outcome]
            while not self.ended.empty() and (outcome := self.ended.get_nowait()) is not None:
                batch.append(outcome)
            await self.store.record(batch, now=time.time())
            if outcome is not None:
                outcome = await self.ended.get()


def expect(counts: object, state: State, rows: int) -> None:
    """Fail where not every row is in *state*."""
    if counts != {each: rows if each is state else 0 for each in State}:
        raise RuntimeError(f"{rows} rows should be {state}, but there are {counts}")


def row_of(name: str, rates: list[float]) -> str:
    """Write one line of a table."""
    return f"{name:<44}{statistics.median(rates):>12,.0f}{min(rates):>12,.0f}{max(rates):>12,.0f}"


async def main(rows: int, rounds: int, folder: Path) -> None:
    """Measure everything in turn, *rounds* times, and print it."""
    fernet = Fernet(Fernet.generate_key())
    adds: dict[str, list[float]] = {}
    lives: dict[str, list[float]] = {}
    for _ in range(rounds):
        adds.setdefault(f"{rows:,} rows, keys in order", []).append(await adding(folder, rows, in_order))
        adds.setdefault(f"{rows:,} rows, random keys", []).append(await adding(folder, rows, at_random))
        few = max(rows // 10, 1)
        adds.setdefault(f"{few:,} rows, keys in order", []).append(await adding(folder, few, in_order))
        adds.setdefault(f"{few:,} rows, encrypted", []).append(await adding(folder, few, in_order, fernet))
        for tasks in TASKS:
            some = max(rows * tasks // (max(TASKS) * 10), 100)
            for in_batches, name in ((False, "marks and records awaited"), (True, "marks awaited")):
                rate = await lifecycles(folder, some, tasks, in_batches=in_batches)
                lives.setdefault(f"{tasks:,} tasks, {name}", []).append(rate)
    print(f"{'':<44}{'rows/s':>12}{'slowest':>12}{'fastest':>12}")
    for name, rates in adds.items():
        print(row_of(f"add: {name}", rates))
    for name, rates in lives.items():
        print(row_of(f"lifecycles: {name}", rates))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the whole run: {peak:.0f} MiB")


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(
        main(
            rows=int(given[0]) if given else 200_000,
            rounds=int(given[1]) if given[1:] else 3,
            folder=Path(given[2] if given[2:] else tempfile.gettempdir()),
        )
    )
