"""
Send through a network that misbehaves, and compare what the sender was told with what the platform has.

You will see a line for each scenario with what it counted, and below it everything that was wrong; the exit code is 1
where there was something.

- *client*: ``Client.send``, 128 at a time, with the repetitions of its policy.
- *queue*: a ``SendQueue``; the platform has a name that has to be looked up, and the session is the caller's.
- *outbox*: an ``Outbox``, whose run is cancelled five times and begun again.

Between the sender and the simulator, which runs in a process of its own, stands the proxy of ``tests/faults``. All goes
over TLS. Each kind of fault strikes with a probability of ``--share``: of requests and answers, of connections, of
lookups of the name, and 5xx of the platform itself, before and after it has accepted (of ``client`` also 429). As many
sends are cancelled by the caller, at a random moment.

What is compared, message by message: each is settled once; none is in the platform's log twice; what was called
accepted is there, under the very id that the sender was told; what was called not sent is not there; only what the
network saw and may have spoilt is in doubt. And at the end no task, no socket and no file is left open.

``python benchmarks/campaign_faults.py --sends 50000 --share 0.01 --seed 1``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult

from vonage_messages import BasicAuth, Client, Limits, Outbox, RetryPolicy, SendQueue, Sms
from vonage_messages.clients.transport import Timeout
from vonage_messages.ledger import State
from vonage_messages.sending.outcome import Outcome
from vonage_messages.simulator import Simulator

API_KEY, API_SECRET = "abcd1234", "made-up-secret"
AT_ONCE = 128
RUNS_CANCELLED = 5
LONGEST = 1800
"""Seconds after which a scenario has hung."""

LONGEST_GOODBYE = 40
"""Seconds that TLS may wait for the goodbye of its peer: asyncio gives it 30."""

KIT = Path(__file__).parent.parent / "tests" / "faults"
SCENARIOS = ("client", "queue", "outbox")
ACCEPTED, CANCELLED = "SentMessage", "cancelled"
STATUSES = {202: ACCEPTED, 429: "RateLimitedError", 500: "ServerError"}


def load(name: str) -> ModuleType:
    """Load a module of the kit by its path."""
    spec = importlib.util.spec_from_file_location(f"faults_{name}", KIT / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(KIT / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


network = load("network")
certificates = load("certificates")


@attrs.frozen(kw_only=True)
class Scale:
    """How much is tried."""

    sends: int
    share: float
    seed: int
    patience: float
    impatient: bool = False
    """Leave out what only patience ends."""


@attrs.define
class Told:
    """What the sender was told of a message: how it ended, and what that says."""

    ended: str
    maybe_sent: bool
    message_uuid: str | None = None
    in_time: bool = True


@attrs.frozen
class Happened:
    """What the other side has to tell."""

    accepted: dict[str, list[str]]
    """The ids of the messages that the platform has accepted, by their refs."""

    seen: dict[str, list[tuple[str | None, int]]]
    """What the network saw of each ref: what struck the request, and the status of the answer."""

    connections: Counter[str]


@attrs.define
class Findings:
    """What a scenario counted, and what was wrong."""

    name: str
    figures: dict[str, object] = attrs.field(factory=dict)
    faults: list[str] = attrs.field(factory=list)

    def expect(self, met: bool, fault: str) -> None:
        """Note a fault, unless what was expected is so."""
        if not met:
            self.faults.append(fault)

    def none_of(self, wrong: Iterable[str], what: str) -> None:
        """Note a fault for whatever is listed."""
        listed = sorted(wrong)
        self.expect(not listed, f"{len(listed)} {what}: {', '.join(listed[:5])}")

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        return "\n".join([f"{self.name:<8}{figures}", *(f"    FAULT: {fault}" for fault in self.faults)])


# The other side ---------------------------------------------------------------------------------------------------


def contexts_of(authority: Any) -> dict[Any, Any]:
    """Make the certificates of a network: the right one, and those that must be refused."""
    return {
        None: authority.server_context("right"),
        network.Strike.SELF_SIGNED: authority.server_context("self-signed", self_signed=True),
        network.Strike.EXPIRED: authority.server_context("expired", expired=True),
        network.Strike.WRONG_HOST: authority.server_context("wrong-host", host="elsewhere.test"),
    }


class Platform:
    """The simulator, and the network before it: used on the loop of its own side."""

    def __init__(self, folder: Path, scale: Scale, *, throttles: bool) -> None:
        self._simulator = Simulator(rate=None, api_key=API_KEY, api_secret=API_SECRET, maximum=2 * scale.sends + 1)
        kinds = ["error", "error_after_accepting", *(["throttle"] if throttles else [])]
        for kind in kinds:
            self._simulator.faults.add(kind, probability=scale.share)
        self._scale = scale
        self._contexts = contexts_of(certificates.Authority(folder))
        self._stack = contextlib.AsyncExitStack()
        self._proxy: Any = None

    async def start(self) -> int:
        """Begin to listen; gives the port."""
        await self._stack.enter_async_context(self._simulator)
        lasting = network.LASTING if self._scale.impatient else frozenset()
        plan = network.Plan(
            self._scale.seed,
            self._scale.share,
            connections=[each for each in network.OF_CONNECTIONS if each not in lasting],
            requests=[each for each in network.OF_REQUESTS if each not in lasting],
        )
        proxy = network.Proxy(self._simulator.url, plan, certificates=self._contexts)
        self._proxy = await self._stack.enter_async_context(proxy)
        port: int = self._proxy.port
        return port

    async def stop(self) -> dict[str, Any]:
        """End, and give what has happened, in a form that JSON can take."""
        await self._stack.aclose()
        return {
            "accepted": [(message.client_ref, message.message_uuid) for message in self._simulator.messages],
            "seen": [(seen.ref, seen.strike, seen.status) for seen in self._proxy.log],
            "connections": Counter(str(strike or "whole") for strike in self._proxy.connections),
        }


def read_account(account: dict[str, Any]) -> Happened:
    """Read what a platform has told."""
    accepted: dict[str, list[str]] = defaultdict(list)
    for ref, message_uuid in account["accepted"]:
        accepted[ref].append(message_uuid)
    seen: dict[str, list[tuple[str | None, int]]] = defaultdict(list)
    for ref, strike, status in account["seen"]:
        seen[ref].append((strike, status))
    return Happened(accepted, seen, Counter(account["connections"]))


async def be_the_platform(folder: str, throttles: bool, scale: Scale) -> None:
    """Serve until the input ends, and then tell what has happened."""
    platform = Platform(Path(folder), scale, throttles=throttles)
    print(await platform.start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(await platform.stop()), flush=True)


class InProcess:
    """A platform in a process of its own."""

    def __init__(self, folder: Path, scale: Scale, *, throttles: bool) -> None:
        options = [f"{scale.sends}", f"{scale.share}", f"{scale.seed}"]
        self._process = subprocess.Popen(  # noqa: S603  this program, in our own interpreter
            [sys.executable, __file__, "be", str(folder), str(int(throttles)), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> int:
        """Wait until it listens; gives the port."""
        return int(self._process.stdout.readline()) if self._process.stdout is not None else 0

    def stop(self) -> dict[str, Any]:
        """Let it end, and give what it tells."""
        try:
            output, _ = self._process.communicate("", timeout=LONGEST)
        finally:
            self._process.kill()
            self._process.wait()
        account: dict[str, Any] = json.loads(output)
        return account


Hosts = Callable[..., Any]
"""Makes a platform that ``start`` and ``stop`` are called of: ``InProcess``, or one of a test's own."""


# This side --------------------------------------------------------------------------------------------------------


class Names(AbstractResolver):
    """Finds the platform on this machine, or, with a probability of *share*, fails to."""

    def __init__(self, seed: int, share: float) -> None:
        self._chance = random.Random(f"{seed}/names")  # noqa: S311  a repeatable run, no secret
        self._share = share
        self.failed = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look a name up."""
        await asyncio.sleep(0)
        if self._chance.random() < self._share:
            self.failed += 1
            raise OSError(None, "made-up failure of a lookup")
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """End; there is nothing to end."""


@attrs.define
class Sender:
    """What every scenario has: the scale, the way to the platform, and what it was told."""

    scale: Scale
    folder: Path
    port: int
    findings: Findings
    told: dict[str, Told] = attrs.field(factory=dict)
    twice: list[str] = attrs.field(factory=list)
    """What was told of twice."""

    chance: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.chance = random.Random(f"{self.scale.seed}/{self.findings.name}")  # noqa: S311  see Names

    def messages(self) -> Iterator[Sms]:
        """Make the messages: the ref of each is its number."""
        for number in range(self.scale.sends):
            yield Sms(to=str(447700000000 + number), from_="Acme", text=f"Hello {number}", client_ref=f"{number}")

    def tell(self, ref: str, told: Told) -> None:
        """Note what became of a message."""
        if ref in self.told:
            self.twice.append(ref)
        self.told[ref] = told

    def is_cancelled(self) -> bool:
        """Draw whether the caller gives up on a message."""
        return self.chance.random() < self.scale.share

    @contextlib.asynccontextmanager
    async def client(self, *, named: bool) -> AsyncIterator[Client]:
        """Make a client: with a session of its own, or of the caller's that looks the platform up."""
        names = Names(self.scale.seed, self.scale.share)
        options: dict[str, Any] = {
            "ssl_context": ssl_context(self.folder),
            "timeout": Timeout(connect=self.scale.patience / 2, total=self.scale.patience),
            "retry": RetryPolicy(base_delay=0.01, budget=self.scale.sends),
        }
        host = certificates.HOST if named else "127.0.0.1"
        async with contextlib.AsyncExitStack() as stack:
            if named:
                connector = aiohttp.TCPConnector(resolver=names, use_dns_cache=False)
                options["session"] = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            auth = BasicAuth(api_key=API_KEY, api_secret=API_SECRET)
            yield await stack.enter_async_context(Client(auth, base_url=f"https://{host}:{self.port}", **options))
        if named:
            self.findings.figures["lookups that failed"] = names.failed


def ssl_context(folder: Path) -> Any:
    """Trust the authority in *folder*, and nobody else."""
    import ssl  # noqa: PLC0415  the other side does without

    return ssl.create_default_context(cafile=folder / "authority.pem")


def told_of(sent: Any, error: BaseException | None) -> Told:
    """Put what the sender was told into words."""
    if sent is not None:
        return Told(ACCEPTED, maybe_sent=True, message_uuid=sent.message_uuid)
    if error is None:
        return Told(CANCELLED, maybe_sent=False)
    maybe_sent = bool(getattr(error, "maybe_sent", False))
    return Told(type(error).__name__, maybe_sent=maybe_sent, in_time=was_in_time(str(error)))


def was_in_time(words: str) -> bool:
    """Tell from the words of an error whether the answer came before the sender's patience was at an end."""
    return not any(each in words for each in ("in time", "cut short", "too long"))


async def send_by_client(sender: Sender) -> None:
    """Send one by one, so many at a time; the caller gives up on some."""
    messages = sender.messages()

    async def send_some(client: Client) -> None:
        for message in messages:  # shared: each takes the next
            task = asyncio.ensure_future(client.send(message))
            if sender.is_cancelled():
                await asyncio.wait([task], timeout=sender.chance.uniform(0, 0.2))
                task.cancel()
            await asyncio.wait([task])
            ref = str(message.client_ref)
            if task.cancelled():
                sender.tell(ref, Told(CANCELLED, maybe_sent=True))
            else:
                error = task.exception()
                sender.tell(ref, told_of(None if error is not None else task.result(), error))

    async with sender.client(named=False) as client, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(send_some(client))


async def send_by_queue(sender: Sender) -> None:
    """Send through a queue; the caller gives up on some of its futures."""
    futures = []

    def note(outcome: Outcome) -> None:
        sender.tell(str(outcome.message.client_ref), told_of(outcome.sent, outcome.error))

    loop = asyncio.get_running_loop()
    async with sender.client(named=True) as client:
        async with SendQueue(client, limits=Limits.unlimited(), on_outcome=note, connections=AT_ONCE) as queue:
            for message in sender.messages():
                future = queue.submit(message)
                future.add_done_callback(look_at)
                futures.append(future)
                if sender.is_cancelled():
                    loop.call_later(sender.chance.uniform(0, 0.2), future.cancel)
                while len(queue) > 2 * AT_ONCE:  # noqa: ASYNC110  it has room for all; ends: it sends
                    await asyncio.sleep(0.001)
        stats = queue.stats()
    counted = stats.accepted + stats.failed + stats.cancelled
    sender.findings.expect(counted == sender.scale.sends, f"the queue counts {counted} outcomes")
    unsettled = [str(future.message.client_ref) for future in futures if not future.done()]
    sender.findings.none_of(unsettled, "futures are not settled")
    contradict = [
        str(future.message.client_ref)
        for future in futures
        if not future.cancelled() and future.maybe_sent is not sender.told[str(future.message.client_ref)].maybe_sent
    ]
    sender.findings.none_of(contradict, "futures say something else than on_outcome")


def look_at(future: asyncio.Future[Any]) -> None:
    """Look at the outcome of a future, so that nobody complains that none has."""
    if not future.cancelled():
        future.exception()


async def send_by_outbox(sender: Sender) -> None:
    """Send what is in an outbox; its run is cancelled now and then."""
    async with sender.client(named=True) as client, Outbox.open(sender.folder / "campaign.db") as outbox:
        await outbox.add(sender.messages())
        for number in range(RUNS_CANCELLED):
            run = asyncio.ensure_future(outbox.run(client, limits=Limits.unlimited(), connections=AT_ONCE))
            wanted = sender.scale.sends * (number + 1) // (RUNS_CANCELLED + 2)
            while not run.done() and await count_done(outbox) < wanted:  # noqa: ASYNC110  ends: with the run
                await asyncio.sleep(0.01)
            run.cancel()
            await asyncio.wait([run])
        while (report := await outbox.run(client, limits=Limits.unlimited(), connections=AT_ONCE)).pending:
            sender.findings.figures["runs"] = 1 + int(str(sender.findings.figures.get("runs", 0)))
            sender.findings.expect(report.stopped is not None, "rows wait, and the run does not say why")
            if int(str(sender.findings.figures["runs"])) > sender.scale.sends:
                break
        async for row in outbox.rows():
            accepted = row.state is State.ACCEPTED
            maybe_sent = row.state in {State.ACCEPTED, State.IN_DOUBT}
            ended = ACCEPTED if accepted else row.error_class or str(row.state)
            in_time = accepted or was_in_time(str(row.error_detail))
            sender.tell(row.ref, Told(ended, maybe_sent, row.message_uuid, in_time=in_time))


async def count_done(outbox: Outbox) -> int:
    """Count the rows that do not wait any more."""
    report = await outbox.report()
    return report.total - report.pending


SENDS: dict[str, Callable[[Sender], Awaitable[None]]] = {
    "client": send_by_client,
    "queue": send_by_queue,
    "outbox": send_by_outbox,
}


# Comparing --------------------------------------------------------------------------------------------------------


def expected_ends(strike: str | None, status: int) -> set[str]:
    """Say what the last request for a message may end with."""
    outcome = ACCEPTED if strike is None else str(network.OUTCOMES[network.Strike(strike)])
    if outcome == ACCEPTED:
        return {STATUSES[status]}
    if strike not in network.OF_ANSWERS or status == 202:  # noqa: PLR2004  accepted
        return {outcome}
    # What comes behind the length makes the whole unreadable, where it comes along with it.
    return {STATUSES[status], outcome} if strike == network.Strike.LENGTH_TOO_SMALL else {STATUSES[status]}


def compare(findings: Findings, told: dict[str, Told], happened: Happened, sends: int) -> None:
    """Compare both sides, message by message."""
    accepted = happened.accepted
    findings.none_of({str(number) for number in range(sends)} - told.keys(), "messages were never told of")
    findings.none_of((ref for ref, ids in accepted.items() if len(ids) > 1), "messages were accepted twice")
    findings.none_of(accepted.keys() - told.keys(), "messages were accepted that nobody sent")
    called = {ref for ref, each in told.items() if each.ended == ACCEPTED}
    findings.none_of(called - accepted.keys(), "messages were called accepted, and are lost")
    findings.none_of(
        (ref for ref in called & accepted.keys() if told[ref].message_uuid not in accepted[ref]),
        "messages were given the id of another",
    )
    safe = {ref for ref, each in told.items() if not each.maybe_sent}
    findings.none_of(safe & accepted.keys(), "messages were called not sent, and were")
    findings.none_of(
        (ref for ref, seen in happened.seen.items() if any(not is_refusal(*each) for each in seen[:-1])),
        "messages were sent again, although that could be twice",
    )
    wrong, late = ended_otherwise(told, happened)
    findings.none_of(wrong, "messages ended otherwise than what struck them")
    in_doubt = {ref for ref, each in told.items() if each.maybe_sent and each.ended != ACCEPTED}
    struck = Counter(str(strike) for seen in happened.seen.values() for strike, _ in seen if strike is not None)
    findings.figures |= {
        "sends": f"{sends:,}",
        "accepted": f"{len(called):,}",
        "in doubt": f"{len(in_doubt):,} ({len(in_doubt & accepted.keys()):,} of them sent)",
        "certainly not sent": f"{len(safe):,}",
        "late": late,
        "requests struck": f"{sum(struck.values()):,} in {len(struck)} ways",
        "connections": f"{sum(happened.connections.values()):,}",
        "of them struck": f"{sum(happened.connections.values()) - happened.connections['whole']:,}",
        "ended": ", ".join(
            f"{name} {count:,}" for name, count in Counter(e.ended for e in told.values()).most_common()
        ),
    }


def ended_otherwise(told: dict[str, Told], happened: Happened) -> tuple[list[str], int]:
    """Say which messages ended otherwise than what struck them, and how many did only because they ended late."""
    late = 0
    wrong = []
    for ref, seen in happened.seen.items():
        each, wanted = told[ref], expected_ends(*seen[-1])
        if each.ended in wanted | {CANCELLED} or ("RateLimitedError" in wanted and not each.maybe_sent):
            continue
        if is_refusal(*seen[-1]) and each.ended == network.LOST:
            continue  # its repetition went by a connection that had just been half-closed: nobody has seen it
        if each.maybe_sent and not each.in_time:
            late += 1
        else:
            wrong.append(f"{ref} ({seen[-1]}: {each.ended})")
    return wrong, late


def is_refusal(strike: str | None, status: int) -> bool:
    """Tell whether a request was answered so that it may be repeated: with 429, as far as the status came."""
    return status == 429 and STATUSES[429] in expected_ends(strike, status)  # noqa: PLR2004


# Running ----------------------------------------------------------------------------------------------------------


def open_files() -> list[str]:
    """List what this process has open."""
    gc.collect()
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers, and no files
        with contextlib.suppress(FileNotFoundError):  # the folder itself
            found.append(os.readlink(f"/proc/self/fd/{name}"))  # noqa: PTH115  it is no file
    return sorted(found)


async def goodbyes(before: list[str]) -> None:
    """Wait until every socket is closed: those of a handshake that was broken off say goodbye first, for a while."""
    end = asyncio.get_running_loop().time() + LONGEST_GOODBYE
    while open_files() != before and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(0.05)


def run_scenario(name: str, scale: Scale, host: Hosts = InProcess, *, debug: bool = False) -> Findings:
    """Run one scenario."""
    findings = Findings(name)
    unheard: list[str] = []
    began = time.monotonic()
    hook, sys.unraisablehook = sys.unraisablehook, lambda seen: unheard.append(repr(seen.exc_value))

    async def watched(sender: Sender) -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = LONGEST
        loop.set_exception_handler(lambda _loop, context: unheard.append(str(context.get("message"))))
        here = open_files()
        async with asyncio.timeout(LONGEST):
            await SENDS[name](sender)
        await goodbyes(here)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        findings.none_of((repr(task.get_coro()) for task in left), "tasks were left")

    try:
        with tempfile.TemporaryDirectory(prefix="vonage-") as folder, warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            platform = host(Path(folder), scale, throttles=name == "client")
            try:
                sender = Sender(scale, Path(folder), platform.start(), findings)
                before = open_files()
                asyncio.run(watched(sender), debug=debug)
                after = open_files()
            finally:
                account = platform.stop()
    finally:
        sys.unraisablehook = hook
    findings.expect(after == before, f"files were left open: {sorted(set(after) - set(before))}")
    findings.none_of(unheard, "errors were not heard")
    findings.none_of(sender.twice, "messages were told of twice")
    compare(findings, sender.told, read_account(account), scale.sends)
    findings.figures["seconds"] = round(time.monotonic() - began)
    return findings


def main() -> int:
    """Run the scenarios, and print what they found; gives the exit code."""
    if sys.argv[1:2] == ["be"]:
        folder, throttles, sends, share, seed = sys.argv[2:]
        scale = Scale(sends=int(sends), share=float(share), seed=int(seed), patience=0)
        asyncio.run(be_the_platform(folder, throttles == "1", scale))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sends", type=int, default=50_000, help="messages of each scenario")
    parser.add_argument("--share", type=float, default=0.01, help="the probability of each kind of fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=3.0, help="seconds that a send may take")
    parser.add_argument("--only", choices=SCENARIOS)
    parser.add_argument("--debug", action="store_true", help="in asyncio's debug mode")
    options = parser.parse_args()
    scale = Scale(sends=options.sends, share=options.share, seed=options.seed, patience=options.patience)
    faults = 0
    for name in [options.only] if options.only else SCENARIOS:
        findings = run_scenario(name, scale, debug=options.debug)
        print(findings, flush=True)
        faults += len(findings.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
