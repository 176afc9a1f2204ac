"""
A queue at its limits for a minute, against the simulator: you will see how many left, and how near they came.

Three campaigns at once, each with 10,000 messages waiting, and a simulator of its own in a process of its own: it
counts the account's requests in a token bucket of 30, refilled at 30 a second, on its own clock.

*sms*: ``Limits.published()``, everybody once. *whatsapp*: the same, and before all others wait 2,000 messages for 20
people, each of whom may get one in six seconds. *senders*: five senders of two messages a second each, with 500
messages apiece before everybody else's.

Every campaign must fill what the account is allowed (98% of it, and no more than its 30 ahead), be refused nothing, and
keep every limit in every window, as the simulator's clock has it: *early* is by how much a message came before its
limit allowed, of which 100 ms are forgiven, because one may travel faster than the one before it. Messages of one pair
must come in their order, and no message twice. The exit code is 1 where any of that is not so.

Run: ``python benchmarks/campaign_limits.py [--seconds 60] [--waiting 10000] [--rate 30] [--only sms]``;
``--rate`` is what the simulators allow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count, islice

import attrs

from vonage_messages import BasicAuth, Client, Message, RawMessage, Sms, WhatsappText
from vonage_messages.limits.levels import Limits, as_limits, own_levels, shared_levels, shown
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.send_queue import SendQueue
from vonage_messages.simulator import Simulator

JITTER = 0.1
"""Seconds by which one message may travel faster than another, on a machine that has other things to do."""
TICK = 0.01
"""Seconds between two looks at whether a process was kept from its work: ``--busy``."""
COARSE = 0.005
"""Seconds by which such a look may be late on a machine that has nothing else to do."""
START_UP = 60
LEAST = 0.98
ACCOUNT = Rate(30)
SLOW = [f"1415555010{number}" for number in range(5)]
SLOW_EACH = 500
HOT = [f"4477009111{number:02}" for number in range(20)]
HOT_EACH = 100


@attrs.frozen(kw_only=True)
class Campaign:
    """What is sent, and under which limits."""

    name: str
    limits: Limits
    messages: Sequence[Message]


@attrs.frozen(kw_only=True)
class Came:
    """One request, as the simulator saw it."""

    at: float
    """Seconds on the clock that both processes share."""
    status: int | None
    message: Message


@attrs.frozen(kw_only=True)
class Report:
    """What came of a campaign."""

    name: str
    left: int
    """How many were accepted in the time that was measured."""
    refused: int
    early: float
    """By how many seconds a message came before its limit allowed, at most."""
    tightest: str
    """The limit under which that was."""
    faults: tuple[str, ...]

    def __str__(self) -> str:
        nearest = f"early by {max(0.0, self.early) * 1000:.1f} ms at most ({shown(self.tightest)})"
        lines = [f"{self.name:<10}{self.left:>7,} left{self.refused:>5} refused   {nearest}"]
        return "\n".join([*lines, *(f"    FAULT: {fault}" for fault in self.faults)])


def campaigns(waiting: int) -> list[Campaign]:
    """Make the three, with *waiting* messages each."""
    published = Limits.published()
    slow = attrs.evolve(published, senders=dict.fromkeys(SLOW, Rate(2)))
    return [
        Campaign(name="sms", limits=published, messages=[*islice(everybody(), waiting)]),
        Campaign(name="whatsapp", limits=published, messages=[*islice(hot_pairs(), waiting)]),
        Campaign(name="senders", limits=slow, messages=[*islice(slow_senders(), waiting)]),
    ]


def everybody() -> Iterator[Sms]:
    """Make messages without end, each to somebody else."""
    for number in count():
        yield Sms(to=str(447700000000 + number), from_="Acme", text="Hello", client_ref=f"sms-{number}")


def hot_pairs() -> Iterator[WhatsappText]:
    """Make many messages to a few people, and then one to everybody."""
    for number in range(HOT_EACH):
        for to in HOT:
            yield WhatsappText(to=to, from_="14155550100", text="Hello", client_ref=f"hot-{number}")
    for number in count():
        to = str(447800000000 + number)
        yield WhatsappText(to=to, from_="14155550100", text="Hello", client_ref=f"whatsapp-{number}")


def slow_senders() -> Iterator[Sms]:
    """Make many messages of a few slow senders, and then those of a fast one."""
    for number in range(SLOW_EACH):
        for sender in SLOW:
            to = str(447900000000 + number)
            yield Sms(to=to, from_=sender, text="Hello", client_ref=f"slow-{sender[-1]}-{number}")
    yield from everybody()


def early_by(instants: Sequence[float], limit: Rate, began: float) -> float:
    """
    Give by how many seconds a message came too early for *limit*; at or below 0 where none did.

    In every window of *t* seconds there may be ``burst + t * n / per``, which is so for all of them when it is so for
    each that begins and ends with a message. Besides, a queue does not know what was sent before it *began*, and so has
    its first message then, and no burst.
    """
    latest, early = -math.inf, -math.inf
    for place, instant in enumerate(instants):
        due = instant - place * limit.interval
        latest = max(latest, due)
        early = max(early, latest - limit.tolerance - due, began - due)
    return early


def by_limit(limits: Limits, came: Iterable[Came]) -> Mapping[str, tuple[Rate, list[float]]]:
    """Sort the instants of what came by the limits that it falls under."""
    found: dict[str, tuple[Rate, list[float]]] = {}
    for each in came:
        levels = [("account", limit) for limit in as_limits(limits.account)]
        levels += [*shared_levels(limits, each.message), *own_levels(limits, each.message)]
        for key, limit in levels:
            if isinstance(limit, Rate):
                found.setdefault(key, (limit, []))[1].append(each.at)
    return found


def judge(campaign: Campaign, came: Sequence[Came], began: float, seconds: float, stall: float = 0.0) -> Report:
    """Compare what came with what had to."""
    accepted = [each for each in came if each.status == 202]  # noqa: PLR2004  accepted
    refused = len(came) - len(accepted)
    first = accepted[0].at if accepted else began
    in_time = [each for each in accepted if each.at < first + seconds]
    early, tightest = max(
        ((early_by(instants, limit, began), key) for key, (limit, instants) in by_limit(campaign.limits, came).items()),
        default=(0.0, "account"),
    )
    faults = [*amount_faults(len(in_time), seconds, stall), *order_faults(campaign, accepted)]
    if refused:
        faults.append(f"{refused} requests were not accepted")
    if early > max(JITTER, stall):
        faults.append(f"{shown(tightest)} was passed: a message came {early * 1000:.0f} ms early")
    return Report(
        name=campaign.name,
        left=len(in_time),
        refused=refused,
        early=early,
        tightest=tightest,
        faults=tuple(faults),
    )


def amount_faults(left: int, seconds: float, stall: float = 0.0) -> Iterator[str]:
    """Find too few, or too many: 1,764 to 1,830 in a minute."""
    least, most = LEAST * ACCOUNT.n * max(0.0, seconds - stall), ACCOUNT.n * seconds + ACCOUNT.n
    if not least <= left <= most:
        yield f"{left} left in {seconds:g} s, and it should be {least:.0f} to {most:.0f}"


def order_faults(campaign: Campaign, accepted: Sequence[Came]) -> Iterator[str]:
    """Find what came twice, what was never sent, and pairs in another order than that in which they were given."""
    given = {(message.from_, message.to, message.client_ref): place for place, message in enumerate(campaign.messages)}
    counted = Counter((each.message.from_, each.message.to, each.message.client_ref) for each in accepted)
    if any(times > 1 for times in counted.values()):
        yield f"{sum(times > 1 for times in counted.values())} messages came twice"
    if not counted.keys() <= given.keys():
        yield "messages came that nobody sent"
        return
    last: dict[tuple[str, str], int] = {}
    for each in accepted:
        pair = (each.message.from_, each.message.to)
        place = given[*pair, each.message.client_ref]
        if place < last.get(pair, -1):
            yield "messages of one pair came in another order"
            return
        last[pair] = place


@asynccontextmanager
async def stalls() -> AsyncIterator[list[float]]:
    """Note for how many seconds this process is kept from its work, each time that it is."""
    noted: list[float] = []

    async def look() -> None:
        while True:  # ends: it is cancelled
            asked = time.monotonic()
            await asyncio.sleep(TICK)
            late = time.monotonic() - asked - TICK
            if late > COARSE:
                noted.append(late)

    looking = asyncio.create_task(look())
    try:
        yield noted
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


@asynccontextmanager
async def simulator(rate: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, str]]]:
    """Run a simulator in a process of its own; give it, and the environment that leads there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "simulator",
        str(rate),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the simulator has no output")
        yield process, json.loads(await asyncio.wait_for(process.stdout.readline(), START_UP))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def serve(rate: float) -> None:
    """Be the simulator: tell where it is, serve until the input ends, and tell what came."""
    async with Simulator(rate=rate) as simulated, stalls() as stalled:
        print(json.dumps(simulated.environment()), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        sent = iter(simulated.messages)
        came = [
            [arrival.at, arrival.status, next(sent).payload if arrival.status == 202 else None]  # noqa: PLR2004  accepted
            for arrival in simulated.arrivals
        ]
        print(json.dumps({"came": came, "stall": sum(stalled)}), flush=True)


async def run(campaign: Campaign, seconds: float, rate: float, forgiven: float) -> Report:
    """Keep a queue full for so many seconds, then cancel what waits, and look at what came."""
    async with simulator(rate) as (process, environment):
        auth = BasicAuth(api_key=environment["VONAGE_API_KEY"], api_secret=environment["VONAGE_API_SECRET"])
        async with Client(auth, base_url=environment["VONAGE_BASE_URL"]) as client, stalls() as stalled:
            began = time.monotonic()
            queue = SendQueue(client, limits=campaign.limits, maxsize=len(campaign.messages))
            for message in campaign.messages:
                await queue.put(message)
            await asyncio.sleep(seconds + 0.5)
            await queue.cancel()
        output, _ = await asyncio.wait_for(process.communicate(b""), START_UP)
    seen = json.loads(output)
    # A request that was refused does not tell whose it was: it counts for the account.
    came = [
        Came(at=at, status=status, message=RawMessage(payload or {"channel": "unknown"}))
        for at, status, payload in seen["came"]
    ]
    return judge(campaign, came, began, seconds, forgiven * (sum(stalled) + seen["stall"]))


async def run_all(chosen: Sequence[Campaign], seconds: float, rate: float, forgiven: float) -> list[Report]:
    """Run them at once; *forgiven* is the part that counts of the time for which a process was kept from its work."""
    async with asyncio.timeout(seconds + 2 * START_UP):
        return await asyncio.gather(*(run(campaign, seconds, rate, forgiven) for campaign in chosen))


def main() -> None:
    """Run the campaigns, or be a simulator."""
    if sys.argv[1:2] == ["simulator"]:
        asyncio.run(serve(float(sys.argv[2])))
        return
    parser = argparse.ArgumentParser(description="Keep a queue at its limits, and see whether it keeps them.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=ACCOUNT.n, help="how many a second the simulators accept")
    parser.add_argument("--only", choices=["sms", "whatsapp", "senders"], help="one campaign instead of three")
    parser.add_argument("--busy", action="store_true", help="forgive what the machine kept from its work")
    options = parser.parse_args()
    chosen = [each for each in campaigns(options.waiting) if options.only in {None, each.name}]
    reports = asyncio.run(run_all(chosen, options.seconds, options.rate, 1.0 if options.busy else 0.0))
    print(f"{options.seconds:g} s at {ACCOUNT}, {options.waiting:,} waiting")
    for report in reports:
        print(report)
    if any(report.faults for report in reports):
        sys.exit(1)


if __name__ == "__main__":
    main()
