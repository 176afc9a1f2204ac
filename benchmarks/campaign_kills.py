"""
Kill the sender of a campaign, and the platform, again and again: no row is lost, and none is sent twice.

You will see a line for each scenario, with what it counted, and below it every fault that was found; the exit code is 1
where there was one.

- *sender*: a process adds ``--rows`` rows and is killed while it does; then one runs the outbox, and is killed
  ``--rounds`` times at random moments, and started again.
- *simulator*: the sender lives, and the simulator is killed and started again, a quarter as often.
- *disk*: the sender may write no more than so many bytes, now and then.
- *corrupt*: pages of the file are overwritten: it must be refused, and left as it is.

Sender and simulator are processes of their own. The simulator writes the ref of each message that it accepts to a file
before it answers, so that its log survives its own death. That log is compared with the outbox row by row: each ref is
in it once, apart from rows that the outbox itself reports in doubt, which are there once or not at all; and there are
no more of those than kills times requests in flight. A kill counts as a hit where it left a row on its way; the
program fails when too few did, because then nothing was tried.

``python benchmarks/campaign_kills.py --rounds 100 --rows 20000 --seed 1``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from vonage_messages import BasicAuth, Client, Limits, Sms
from vonage_messages.errors import OutboxError, StoreUnavailableError
from vonage_messages.ledger import State
from vonage_messages.sending.outbox import Outbox

API_KEY, API_SECRET = "abcd1234", "made-up-secret"
START_UP = 60
"""Seconds a process may take to begin, and to end when it is asked to."""

LONGEST_RUN = 900
LEAST_HITS = 0.5
"""The share of kills that must leave a row on its way."""

LATE = 0.02
"""Seconds within which a kill follows the message that it waits for."""

LEAD = 100
"""How many messages are accepted behind that one before the platform waits for the kill: on a machine that is busy."""

ESTABLISHED = "01"
"""What Linux writes of a connection that both sides have."""

FULL_DISK, REFUSED_FILE = 3, 4
"""Exit codes of the sender."""

PAGE = 4096
SCENARIOS = ("sender", "simulator", "disk", "corrupt")


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

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        return "\n".join([f"{self.name:<10} {figures}", *(f"    FAULT: {fault}" for fault in self.faults)])


# The processes ----------------------------------------------------------------------------------------------------


def messages(rows: int) -> Iterator[Sms]:
    """Make the campaign: the ref of each row is its number."""
    for number in range(rows):
        yield Sms(to=str(447700000000 + number), from_="Acme", text=f"Hello {number}", client_ref=f"row-{number}")


async def be_the_simulator(port: int, log: str) -> None:
    """Serve until the input ends; write each ref to *log* before its request is answered, and as many as it may."""
    from vonage_messages.simulator import Simulator  # noqa: PLC0415  the other processes begin sooner without it

    simulator = Simulator(rate=None, port=port, api_key=API_KEY, api_secret=API_SECRET, maximum=1_000)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    keep = simulator.state.add_message
    accepted = accepted_before(log)

    def keep_and_log(message: Any) -> None:
        nonlocal accepted
        os.write(descriptor, f"{message.client_ref}\n".encode())
        keep(message)
        accepted += 1
        wait_for(lambda: accepted < most_of(log))

    simulator.state.add_message = keep_and_log  # type: ignore[method-assign]  # between accepting and answering
    async with simulator:
        print(simulator.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(sum(arrival.status == 202 for arrival in simulator.arrivals), flush=True)  # noqa: PLR2004  accepted


def accepted_before(log: str) -> int:
    """Tell how many the platform has accepted in its earlier lives."""
    return Path(log).read_bytes().count(b"\n")


def most_of(log: str) -> float:
    """Tell how many the platform may accept before it waits."""
    with contextlib.suppress(FileNotFoundError):
        return float(Path(f"{log}.most").read_text())
    return math.inf


async def be_the_adder(path: str, rows: int) -> None:
    """Add the campaign, and tell what was added."""
    async with Outbox.open(path) as outbox:
        print("adding", flush=True)
        added = await outbox.add(messages(rows))
    print(json.dumps({"new": added.new, "repeated": added.repeated}), flush=True)


async def be_the_sender(path: str, url: str, connections: int) -> None:
    """Tell how many rows are on their way from an earlier life; run; tell what came of it."""
    auth = BasicAuth(api_key=API_KEY, api_secret=API_SECRET)
    async with Outbox.open(path) as outbox, Client(auth, base_url=url) as client:
        counts = (await outbox.report()).counts
        print(json.dumps({"sending": counts[State.SENDING], "pending": counts[State.PENDING]}), flush=True)
        report = await outbox.run(client, limits=Limits.unlimited(), connections=connections)
    print(json.dumps({"stopped": report.stopped, "in_doubt": report.in_doubt}), flush=True)


def limit_files(path: str, room: int) -> None:
    """Let no file of this process grow much beyond the size of what is there."""
    sizes = [file.stat().st_size for file in (Path(path), Path(f"{path}-wal")) if file.exists()]
    most = max(sizes) + room
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def be_one_of_them(role: str, arguments: list[str]) -> int:
    """Be one of the processes; give its exit code."""
    try:
        if role == "simulator":
            asyncio.run(be_the_simulator(int(arguments[0]), arguments[1]))
        elif role == "adder":
            asyncio.run(be_the_adder(arguments[0], int(arguments[1])))
        else:
            if len(arguments) > 3:  # noqa: PLR2004  the file, the address, the connections, and room on the disk
                limit_files(arguments[0], int(arguments[3]))
            asyncio.run(be_the_sender(arguments[0], arguments[1], int(arguments[2])))
    except StoreUnavailableError as error:
        print(error, file=sys.stderr)
        return FULL_DISK
    except OutboxError as error:
        print(error, file=sys.stderr)
        return REFUSED_FILE
    return 0


# Starting and ending them -----------------------------------------------------------------------------------------


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start one of the processes."""
    return subprocess.Popen(  # noqa: S603  this program, in our own interpreter
        [sys.executable, __file__, "be", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait until a process has begun."""
    if process.stdout is None:
        raise RuntimeError("the process has no output")
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process at once, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=START_UP)


def last_line(process: subprocess.Popen[str], seconds: float = LONGEST_RUN) -> tuple[int, str, str]:
    """Wait for the end of a process; give its exit code, its last line, and its errors."""
    try:
        output, error = process.communicate("", timeout=seconds)
    finally:
        if process.poll() is None:
            kill(process)
    return process.returncode, output.strip().rpartition("\n")[2], error


class Platform:
    """The simulator in a process of its own, and its log."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "accepted.log"
        self.log.touch()
        self.url = ""
        self._bound = socket.socket()  # so that nobody else is given its port while it is down
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._bound.bind(("127.0.0.1", 0))
        self._read = self._came = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, always on the same port."""
        self._process = start("simulator", self._bound.getsockname()[1], self.log)
        self.url = first_line(self._process)

    def kill(self) -> None:
        """Kill it at once."""
        if self._process is not None:
            kill(self._process)

    def close(self) -> None:
        """End it, whatever it does, and let go of its port."""
        self.kill()
        self._bound.close()

    def hold(self) -> None:
        """Have it stand still: whatever is on its way to it stays there."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def unread(self) -> int:
        """Tell how many connections have bytes for it that it has not read."""
        port = self._bound.getsockname()[1]
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        # The second field is the local address and the fifth what waits to be sent and to be read, all in hexadecimals.
        return sum(
            int(each[1].rpartition(":")[2], 16) == port and int(each[4].rpartition(":")[2], 16) > 0
            for each in sockets
            if each[3] == ESTABLISHED
        )

    def go(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def accepting(self, most: float) -> Iterator[None]:
        """Let it accept no more than so many, in all its lives, until the block ends: then it goes on."""
        file, fresh = Path(f"{self.log}.most"), Path(f"{self.log}.fresh")
        fresh.write_text(str(most))
        fresh.replace(file)
        try:
            yield
        finally:
            file.unlink()

    def end(self) -> int:
        """Let it end, and give how many it has accepted in this life."""
        if self._process is None:
            return 0
        _, output, _ = last_line(self._process, START_UP)
        return int(output)

    def came(self) -> int:
        """Tell how many it has accepted, in all its lives."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            news = log.read()
        self._read += len(news)
        self._came += news.count(b"\n")
        return self._came

    def accepted(self) -> Counter[str]:
        """Read the log: how often each ref was accepted."""
        return Counter(self.log.read_text().split())


@contextlib.contextmanager
def platform_in(folder: Path) -> Iterator[Platform]:
    """Run a simulator, and end it whatever happens."""
    platform = Platform(folder)
    platform.start()
    try:
        yield platform
    finally:
        platform.close()


async def states_of(path: Path) -> dict[str, State]:
    """Read where every row stands."""
    async with Outbox.open(path) as outbox:
        return {row.ref: row.state async for row in outbox.rows()}


def compare(findings: Findings, states: dict[str, State], accepted: Counter[str], rows: int, bound: int) -> None:
    """Compare the outbox with the log of the simulator, row by row."""
    in_doubt = {ref for ref, state in states.items() if state is State.IN_DOUBT}
    believed = {ref for ref, state in states.items() if state is State.ACCEPTED}
    findings.figures["rows"] = f"{rows:,}"
    findings.figures["accepted"] = f"{len(believed):,}"
    findings.figures["in doubt"] = f"{len(in_doubt)} (at most {bound}), {len(in_doubt & accepted.keys())} of them sent"
    twice = [ref for ref, times in accepted.items() if times > 1]
    expected = {f"row-{number}" for number in range(rows)}
    findings.expect(states.keys() == expected, f"{len(expected ^ states.keys())} rows are lost, or nobody's")
    findings.expect(not twice, f"{len(twice)} rows were sent twice: {twice[:5]}")
    findings.expect(
        believed <= accepted.keys(), f"{len(believed - accepted.keys())} rows count as accepted, and are not"
    )
    unknown = accepted.keys() - believed - in_doubt
    findings.expect(not unknown, f"{len(unknown)} rows were sent, and the outbox does not know: {sorted(unknown)[:5]}")
    others = states.keys() - believed - in_doubt
    findings.expect(not others, f"{len(others)} rows are neither accepted nor in doubt")
    findings.expect(len(in_doubt) <= bound, f"{len(in_doubt)} rows are in doubt, and {bound} may be")


# The scenarios ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Scale:
    """How much is tried."""

    rounds: int
    rows: int
    connections: int
    chance: random.Random


def sender_is_killed(scale: Scale, folder: Path) -> Findings:
    """Kill the process that adds, and then the one that sends."""
    findings = Findings("sender")
    path = folder / "campaign.db"
    findings.figures["kills while adding"] = add_with_kills(scale, path, findings)
    left: list[int] = []
    with platform_in(folder) as platform:
        for number in range(scale.rounds):
            process = start("sender", path, platform.url, scale.connections)
            left.append(json.loads(first_line(process))["sending"])
            # Chosen by what has come, and not by time alone, so that the rows last for all rounds on any machine.
            rows = scale.chance.uniform(0, 1.2 * (scale.rows - platform.came()) / (scale.rounds - number + 1))
            wanted = platform.came() + int(rows)
            with platform.accepting(wanted + LEAD):
                wait_for(lambda wanted=wanted, process=process: platform.came() >= wanted or has_ended(process))
                time.sleep(scale.chance.uniform(0, LATE))
                if has_ended(process):
                    findings.faults.append(f"the sender ended by itself after {number} kills: give more rows")
                    break
                kill(process)
        process = start("sender", path, platform.url, scale.connections)
        left.append(json.loads(first_line(process))["sending"])
        code, output, error = last_line(process)
        findings.expect(code == 0 and json.loads(output)["stopped"] is None, f"the last run failed: {error or output}")
        accepted = platform.accepted()
        findings.expect(platform.end() == sum(accepted.values()), "the simulator counts other messages than its log")
    count_hits(findings, left, scale.rounds, scale.connections)
    compare(findings, asyncio.run(states_of(path)), accepted, scale.rows, scale.rounds * scale.connections)
    return findings


def count_hits(findings: Findings, left: list[int], kills: int, connections: int) -> None:
    """Look at how many rows each kill left on their way."""
    hits = sum(1 for each in left if each)
    findings.figures |= {"kills": kills, "that hit a send": hits, "most on their way": max(left)}
    findings.expect(hits >= LEAST_HITS * kills, f"only {hits} of {kills} kills hit a send")
    findings.expect(max(left) <= connections, f"{max(left)} rows were on their way at once")


def add_with_kills(scale: Scale, path: Path, findings: Findings) -> int:
    """Add the campaign, and kill whoever does it; give the number of kills."""
    kills = 0
    for _ in range(max(1, scale.rounds // 10)):
        process = start("adder", path, scale.rows)
        first_line(process)
        time.sleep(scale.chance.uniform(0, scale.rows / 50_000))
        kills += process.poll() is None
        kill(process)
    code, output, error = last_line(start("adder", path, scale.rows))
    added = json.loads(output) if code == 0 else {"new": 0, "repeated": 0}
    findings.expect(added["new"] + added["repeated"] == scale.rows, f"not all was added: {output} {error}")
    return kills


def simulator_is_killed(scale: Scale, folder: Path) -> Findings:
    """Kill the platform under a sender that lives."""
    findings = Findings("simulator")
    path = folder / "campaign.db"
    last_line(start("adder", path, scale.rows))
    kills = hits = 0
    with platform_in(folder) as platform:
        process = start("sender", path, platform.url, scale.connections)
        first_line(process)
        rounds = max(2, scale.rounds // 4)
        for number in range(rounds):
            came = platform.came()
            wanted = came + 1 + int(scale.chance.uniform(0, 1.2 * (scale.rows - came) / (rounds - number + 1)))
            with platform.accepting(wanted + LEAD):
                waited = wait_for(lambda wanted=wanted: platform.came() >= wanted or has_ended(process))
                findings.expect(waited, "nothing came any more after the simulator was started again")
                platform.hold()
                waited = wait_for(lambda: platform.unread() or has_ended(process))
                findings.expect(waited, "a sender that lives asked nothing of a platform that stands still")
                time.sleep(scale.chance.uniform(0, LATE))
                if has_ended(process):
                    platform.go()
                    break
                with standing_still(process):
                    platform.kill()
            kills += 1
            hits += platform.came() < scale.rows
            platform.start()
        code, output, error = last_line(process)
        findings.expect(code == 0 and json.loads(output)["stopped"] is None, f"the run failed: {error or output}")
        accepted = platform.accepted()
    findings.figures |= {"kills": kills, "with rows still to send": hits}
    findings.expect(hits >= 2, f"only {hits} kills came before the end: give more rows")  # noqa: PLR2004  some
    compare(findings, asyncio.run(states_of(path)), accepted, scale.rows, kills * scale.connections)
    findings.expect(bool(states_in_doubt(path)), "no kill hit a request: nothing was tried")
    return findings


@contextlib.contextmanager
def standing_still(process: subprocess.Popen[str]) -> Iterator[None]:
    """
    Stop a process for as long as the block lasts.

    A platform that dies closes its connections one by one, and may close one before it stops listening. Who is quick
    enough opens another then, and loses a second request by one death.
    """
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def states_in_doubt(path: Path) -> int:
    """Count the rows in doubt."""
    return sum(state is State.IN_DOUBT for state in asyncio.run(states_of(path)).values())


def has_ended(process: subprocess.Popen[str]) -> bool:
    """Tell whether a process has ended by itself."""
    return process.poll() is not None


def wait_for(condition: Callable[[], object], seconds: float = START_UP) -> bool:
    """Wait until something is so; false where it never was."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.002)
    return True


def disk_is_full(scale: Scale, folder: Path) -> Findings:
    """Let the sender run into a full disk, and start it again."""
    findings = Findings("disk")
    path = folder / "campaign.db"
    rows = max(200, scale.rows // 10)
    last_line(start("adder", path, rows))
    walls = 0
    with platform_in(folder) as platform:
        for _ in range(max(2, scale.rounds // 10)):
            room = scale.chance.randrange(50_000, 50_000 + 300 * rows)
            code, _, error = last_line(start("sender", path, platform.url, scale.connections, room))
            findings.expect(code in {0, FULL_DISK}, f"a full disk ended the sender with {code}: {error}")
            walls += code == FULL_DISK
        code, output, error = last_line(start("sender", path, platform.url, scale.connections))
        findings.expect(code == 0 and json.loads(output)["stopped"] is None, f"the last run failed: {error or output}")
        accepted = platform.accepted()
    findings.figures["full"] = f"{walls} times"
    findings.expect(walls > 0, "the disk was never full: nothing was tried")
    compare(findings, asyncio.run(states_of(path)), accepted, rows, walls * scale.connections)
    return findings


def file_is_corrupt(scale: Scale, folder: Path) -> Findings:
    """Overwrite pages of the file: it must be refused, and stay as it is."""
    findings = Findings("corrupt")
    path = folder / "campaign.db"
    last_line(start("adder", path, max(200, scale.rows // 10)))
    whole = path.read_bytes()
    tried = refused = 0
    with platform_in(folder) as platform:
        for _ in range(max(2, scale.rounds // 10)):
            place = scale.chance.randrange(len(whole) // PAGE) * PAGE
            broken = whole[:place] + scale.chance.randbytes(PAGE) + whole[place + PAGE :]
            path.write_bytes(broken)
            code, _, error = last_line(start("sender", path, platform.url, scale.connections))
            tried += 1
            refused += code == REFUSED_FILE
            findings.expect(
                code == REFUSED_FILE, f"a file with page {place // PAGE} overwritten ended with {code}: {error}"
            )
            findings.expect(path.read_bytes() == broken, f"the file was changed (page {place // PAGE})")
        findings.expect(not platform.accepted(), "something was sent from a corrupt file")
    findings.figures["refused"] = f"{refused} of {tried}"
    return findings


RUN: dict[str, Callable[[Scale, Path], Findings]] = {
    "sender": sender_is_killed,
    "simulator": simulator_is_killed,
    "disk": disk_is_full,
    "corrupt": file_is_corrupt,
}


def main() -> int:
    """Run the scenarios, or be one of the processes."""
    if sys.argv[1:2] == ["be"]:
        return be_one_of_them(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description="Kill sender and platform again and again, and count every row.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SCENARIOS, help="one scenario instead of all")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    faults = 0
    for name in SCENARIOS if options.only is None else (options.only,):
        scale = Scale(
            rounds=options.rounds,
            rows=options.rows,
            connections=options.connections,
            chance=random.Random(f"{options.seed} {name}"),  # noqa: S311  moments to kill at, and no secret
        )
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            findings = RUN[name](scale, Path(folder))
        findings.figures["took"] = f"{time.monotonic() - begun:.0f} s"
        print(findings, flush=True)
        faults += len(findings.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
