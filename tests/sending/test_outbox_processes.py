"""Programs that are killed while they add or send, and programs that share a file: real processes, a real platform."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outbox import Outbox
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.state import Arrival, ReceivedMessage
from vonage_messages.spending import Budget
from vonage_messages.stores.sqlite import SqliteLedgerStore

pytestmark = pytest.mark.usefixtures("forked")

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
LONGEST_RUN = 60
CONNECTIONS = 8
JITTER = 0.1
"""Seconds by which one message may travel faster than another, on a machine that has other things to do."""

UNLIMITED = "Limits.unlimited()"

PROLOGUE = """
import asyncio, json, os, sys
from vonage_messages import Client, Limits, Sms
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.sending.outbox import Outbox

PATH, ARGUMENTS = sys.argv[1], sys.argv[2:]

def say(*words):
    print(*words, flush=True)

say(os.getpid())
"""

ADD = """
def some():
    for number in range(6_000):
        yield Sms(to=str(447700900000 + number), from_="Acme", text=f"Hello {number}", client_ref="spring")
        if number % 1000 == 0:
            say(number)
        if number == 5_500 and ARGUMENTS:
            sys.stdin.readline()  # nobody writes to it: however late the kill comes, rows are left

async def main():
    async with Outbox.open(PATH) as outbox:
        added = await outbox.add(some(), key=lambda message: message.to)
        say(json.dumps([added.new, added.repeated]))
asyncio.run(main())
"""

SEND = """
async def main():
    limits = eval(ARGUMENTS[0])
    async with Outbox.open(PATH) as outbox, Client.from_env() as client:
        say("begun")
        report = await outbox.run(client, limits=limits, connections=int(ARGUMENTS[1]))
        say(json.dumps({"attempts": report.attempts, "accepted": report.accepted, "in_doubt": report.in_doubt}))
asyncio.run(main())
"""

SEND_BESIDE_ANOTHER = """
from vonage_messages.sending import outbox_run

outbox_run.WINDOW, outbox_run._REFILL = 200, 20

class Waiting(Client):
    told_to_go = None

    async def attempt(self, message, **options):
        if self.told_to_go is None:
            say("has a row")
            self.told_to_go = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        await asyncio.shield(self.told_to_go)
        return await super().attempt(message, **options)

async def main():
    async with Outbox.open(PATH) as outbox, Waiting.from_env() as client:
        report = await outbox.run(client, limits=eval(ARGUMENTS[0]), connections=int(ARGUMENTS[1]))
        say(json.dumps({"attempts": report.attempts}))
asyncio.run(main())
"""


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as started:
        yield started


class Program:
    """A program that runs beside this one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0

    async def begin(self) -> None:
        """Learn its number: that of the process that stands in for it (``forked.py``) is another."""
        self._number = int(await self.told())

    async def told(self) -> str:
        """Give the next line that it says."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), LONGEST_RUN)
        return line.decode().strip()

    async def answer(self) -> Any:
        """Wait for its end, and give what it said last."""
        assert self._process.stdout is not None
        output = await asyncio.wait_for(self._process.stdout.read(), LONGEST_RUN)
        assert await self._process.wait() == 0
        return json.loads(output.decode().splitlines()[-1])

    def go(self) -> None:
        """Let it go on that waits."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    def kill_now(self) -> None:
        """Kill it at once: nothing of it happens any more."""
        if self._number and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._number, signal.SIGKILL)

    async def kill(self) -> None:
        """Kill it at once, and wait until it is gone."""
        self.kill_now()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        assert self._process.stdout is not None
        await self._process.stdout.read()
        await self._process.wait()


Start = Callable[..., Awaitable[Program]]


@pytest.fixture
async def start(path: Path, simulator: Simulator) -> AsyncIterator[Start]:
    """Start a program on the same file, with the simulator as its platform; it is killed at the end of the test."""
    running: list[Program] = []

    async def begin(source: str, *arguments: object) -> Program:
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            "-c",
            PROLOGUE + source,
            str(path),
            *map(str, arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **simulator.environment()},
        )
        running.append(Program(process))
        await running[-1].begin()
        return running[-1]

    yield begin
    for program in running:
        await program.kill()


def message(number: int, *, to: str | None = None) -> Sms:
    return Sms(to=to or str(447700900000 + number), from_="Acme", text=f"Hello {number}", client_ref=f"row-{number}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_RUN):
        while not condition():  # noqa: ASYNC110  nobody tells: it is another process that works
            await asyncio.sleep(0.002)


async def states_of(path: Path) -> dict[str, State]:
    async with Outbox.open(path) as outbox:
        return {row.ref: row.state async for row in outbox.rows()}


def repeated(simulator: Simulator) -> dict[str | None, int]:
    counted = Counter(each.client_ref for each in simulator.messages)
    return {ref: times for ref, times in counted.items() if times > 1}


async def test_program_that_is_killed_while_it_adds_may_add_all_again(start: Start, path: Path) -> None:
    kept: list[int] = []
    for lines in (1, 4, 6):
        program = await start(ADD, "some")
        for _ in range(lines):
            await program.told()
        await program.kill()
        async with Outbox.open(path) as outbox:
            kept.append((await outbox.report()).total)
    assert 4_000 <= kept[-1] < 6_000
    assert kept == sorted(kept)
    new, repetitions = await (await start(ADD)).answer()
    assert (new, repetitions) == (6_000 - kept[-1], kept[-1])
    async with Outbox.open(path) as outbox:
        recipients = Counter([json.loads(row.payload)["to"] async for row in outbox.rows()])
    assert recipients == Counter(str(447700900000 + number) for number in range(6_000))


async def test_programs_that_are_killed_lose_nothing_and_send_nothing_twice(
    start: Start, path: Path, simulator: Simulator
) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(message(number) for number in range(1_200))
    chance = random.Random(2)  # noqa: S311  moments to kill at
    program = await start(SEND, UNLIMITED, CONNECTIONS)
    await killed_before_it_is_answered(program, simulator, 100)
    kills = 1
    for _ in range(3):
        program = await start(SEND, UNLIMITED, CONNECTIONS)
        assert await program.told() == "begun"
        await asyncio.sleep(chance.uniform(0.05, 0.3))
        await program.kill()
        kills += 1
    report = await (await start(SEND, UNLIMITED, CONNECTIONS)).answer()
    states = await states_of(path)
    assert 0 < report["in_doubt"] <= kills * CONNECTIONS
    in_doubt = {ref for ref, state in states.items() if state is State.IN_DOUBT}
    arrived = {each.client_ref for each in simulator.messages}
    assert repeated(simulator) == {}
    assert set(states.values()) == {State.ACCEPTED, State.IN_DOUBT}
    assert states.keys() - in_doubt <= arrived <= states.keys()


async def killed_before_it_is_answered(program: Program, simulator: Simulator, number: int) -> None:
    """Kill a program when its message *number* is accepted, and has no answer yet: for certain it is in doubt."""
    keep = simulator.state.add_message

    def keep_and_kill(message: ReceivedMessage) -> None:
        keep(message)
        if len(simulator.messages) == number:
            program.kill_now()

    simulator.state.add_message = keep_and_kill  # type: ignore[method-assign]  between accepting and answering
    await until(lambda: len(simulator.messages) >= number)
    await program.kill()
    simulator.state.add_message = keep  # type: ignore[method-assign]


async def test_policy_sends_again_only_what_a_killed_program_left_in_doubt(
    start: Start, path: Path, simulator: Simulator
) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(message(number) for number in range(600))
    program = await start(SEND, UNLIMITED, CONNECTIONS)
    await killed_before_it_is_answered(program, simulator, 50)
    async with Outbox.open(path) as outbox, simulator.client() as client:
        first = await outbox.run(client, limits=Limits.unlimited())
        in_doubt = {row.ref async for row in outbox.rows(State.IN_DOUBT)}
        last = await outbox.run(client, limits=Limits.unlimited(), in_doubt="resend")
    assert 0 < first.newly_in_doubt == first.in_doubt <= CONNECTIONS
    assert (last.accepted, last.in_doubt) == (600, 0)
    assert repeated(simulator).keys() <= in_doubt
    assert {each.client_ref for each in simulator.messages} == {f"row-{number}" for number in range(600)}


async def test_two_programs_on_one_file_never_send_the_same_row(start: Start, path: Path, simulator: Simulator) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(message(number) for number in range(1_200))
    programs = [await start(SEND_BESIDE_ANOTHER, "Limits(account=Rate(600))", CONNECTIONS) for _ in range(2)]
    # Neither may hold more than its 200 rows before the other has a row of its own: neither can have all.
    assert [await program.told() for program in programs] == ["has a row"] * 2
    for program in programs:
        program.go()
    reports = await asyncio.gather(*(program.answer() for program in programs))
    assert sum(report["attempts"] for report in reports) == 1_200
    assert all(report["attempts"] > 0 for report in reports)
    assert repeated(simulator) == {}
    assert set((await states_of(path)).values()) == {State.ACCEPTED}


async def test_rows_of_a_program_that_dies_beside_another_run_are_taken_over_by_it(
    start: Start, path: Path, simulator: Simulator
) -> None:
    async with Outbox.open(path) as outbox, simulator.client() as client:
        await outbox.add(message(number) for number in range(400))
        dying = await start(SEND, "Limits(account=Rate(20))", CONNECTIONS)
        await dying.told()
        await until(lambda: len(simulator.arrivals) > 0)
        await outbox.add(message(number) for number in range(400, 460))
        running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(20)), lease=0.6))
        await asyncio.sleep(0.5)
        await dying.kill()
        await asyncio.sleep(0.5)
        outbox.stop()
        await running
        report = await outbox.run(client, limits=Limits.unlimited())
    assert (report.accepted + report.in_doubt, report.pending) == (460, 0)
    assert report.in_doubt <= CONNECTIONS
    assert repeated(simulator) == {}


async def test_program_may_add_while_another_sends(start: Start, path: Path, simulator: Simulator) -> None:
    async with Outbox.open(path) as outbox, simulator.client() as client:
        await outbox.add(message(number) for number in range(100))
        sender = await start(SEND_BESIDE_ANOTHER, "Limits(account=Rate(400))", CONNECTIONS)
        assert await sender.told() == "has a row"
        await outbox.add(message(number) for number in range(100, 400))
        sender.go()
        for first in range(400, 600, 20):
            await outbox.add(message(number) for number in range(first, first + 20))
        assert (await sender.answer())["attempts"] >= 400
        assert (await outbox.run(client, limits=Limits.unlimited())).accepted == 600  # what came after its end
    assert repeated(simulator) == {}


# Limits over a resume ---------------------------------------------------------------------------------------------


async def killed_and_resumed(  # noqa: PLR0913, PLR0917  how often, and when
    start: Start,
    simulator: Simulator,
    limits: str,
    each: int,
    lives: int,
    enough: Callable[[], bool] = lambda: True,
) -> list[Arrival]:
    """Kill a program whenever so many messages have come in its life, the last when it is *enough*; give all."""
    for life in range(1, lives + 1):
        program = await start(SEND, limits, 64)
        await program.told()
        wanted = len(simulator.arrivals) + each
        await until(lambda wanted=wanted: len(simulator.arrivals) >= wanted)
        if life == lives:
            await until(enough)
        await program.kill()
    return list(simulator.arrivals)


def most_too_many(arrivals: Sequence[Arrival], rate: Rate, jitter: float) -> float:
    """Give by how many messages a window had more than *rate* allows, at most."""
    instants = [arrival.at for arrival in arrivals]
    return max(
        end - begin + 1 - rate.most_in(instants[end] - instants[begin] + jitter)
        for begin in range(len(instants))
        for end in range(begin, len(instants))
    )


async def test_account_limit_holds_over_kill_and_resume(
    start: Start, path: Path, simulator: Simulator, hesitation: Any
) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(message(number) for number in range(500))
    arrivals = await killed_and_resumed(start, simulator, "Limits(account=Rate(30))", 12, 3)
    assert most_too_many(arrivals, Rate(30), JITTER + hesitation.longest) <= 1e-6


async def test_burst_is_not_had_twice_over_kill_and_resume(
    start: Start, path: Path, simulator: Simulator, hesitation: Any
) -> None:
    async with Outbox.open(path) as outbox, simulator.client() as client:
        await outbox.add(message(number) for number in range(500))
        calm = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(10, burst=20))))
        await until(lambda: len(simulator.messages) > 15)
        outbox.stop()
        await calm
    limits = "Limits(account=Rate(10, burst=20))"
    arrivals = await killed_and_resumed(start, simulator, limits, 3, 3)
    assert most_too_many(arrivals, Rate(10, burst=20), JITTER + hesitation.longest) <= 1e-6


async def test_burst_that_a_killed_program_has_not_used_is_there_for_the_next(
    start: Start, path: Path, simulator: Simulator
) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(message(number) for number in range(60))
        for life in range(2):  # of the 20 places, each life uses 4, and what was on its way with the last of them
            program = await start(SEND, "Limits(account=Rate(1, per=600.0, burst=20))", 1)
            await killed_before_it_is_answered(program, simulator, 4 * (life + 1))
        async with simulator.client() as client:
            running = asyncio.create_task(
                outbox.run(client, limits=Limits(account=Rate(1, per=600.0, burst=20)), connections=1)
            )
            await until(lambda: len(simulator.arrivals) >= 20 - 2)
            await asyncio.sleep(0.5)  # a hundred would come in it
            outbox.stop()
            await running
    assert len(simulator.arrivals) <= 20
    saved = sqlite3.connect(path)
    with contextlib.closing(saved):
        assert [name for (name,) in saved.execute("SELECT name FROM limit_state")] == ["limits"]


async def test_pair_limit_holds_over_kill_and_resume(
    start: Start, path: Path, simulator: Simulator, hesitation: Any
) -> None:
    people = [f"44770090000{number}" for number in range(3)]
    async with Outbox.open(path) as outbox:
        await outbox.add(
            WhatsappText(to=to, from_="14155550100", text=f"Hello {number}") for number in range(40) for to in people
        )
    limits = "Limits(account=Rate(200), pairs={'whatsapp': Rate(2, per=1.0, burst=6)})"

    def everybody_has_many() -> bool:
        counted = Counter(arrival.to for arrival in simulator.arrivals)
        return all(counted[to] > 5 for to in people)

    arrivals = await killed_and_resumed(start, simulator, limits, 6, 4, everybody_has_many)
    for to in people:
        mine = [arrival for arrival in arrivals if arrival.to == to]
        assert most_too_many(mine, Rate(2, per=1.0, burst=6), JITTER + hesitation.longest) <= 1e-6


async def test_cap_holds_over_kill_and_resume(start: Start, path: Path, simulator: Simulator) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(message(number) for number in range(200))
    limits = "Limits(account=(Rate(200), Cap(60, per=3600.0)))"
    for _ in range(2):
        program = await start(SEND, limits, CONNECTIONS)
        await killed_before_it_is_answered(program, simulator, len(simulator.messages) + 10)
    last = await start(SEND, limits, CONNECTIONS)
    # Each of the dead has used up 10 and what was on its connections: at least 24 of the 60 are left.
    await until(lambda: len(simulator.arrivals) >= 20 + 24)
    await asyncio.sleep(0.5)  # a hundred would come in it
    await last.kill()
    assert len(simulator.arrivals) <= 60


@pytest.mark.parametrize("rate", [Rate(20), Rate(10, burst=12)])
async def test_limit_holds_when_the_next_run_begins_in_the_very_moment_of_the_death(
    path: Path, tmp_path: Path, simulator: Simulator, rate: Rate, hesitation: Any
) -> None:
    """A copy of the file is what a death in this moment leaves; no start-up time helps the next run."""
    async with Outbox.open(path) as outbox, simulator.client() as client:
        await outbox.add(message(number) for number in range(200))
        await outbox.run(client, limits=Limits(account=rate), budget=Budget(messages=2))
        await asyncio.sleep(1.5)
        current = outbox
        async with contextlib.AsyncExitStack() as opened:
            for life in range(4):
                wanted = len(simulator.arrivals) + 4
                running = asyncio.create_task(current.run(client, limits=Limits(account=rate)))
                await until(lambda wanted=wanted: len(simulator.arrivals) >= wanted)
                copy = tmp_path / f"{life}.db"
                with (
                    contextlib.closing(sqlite3.connect(path)) as source,
                    contextlib.closing(sqlite3.connect(copy)) as target,
                ):
                    source.backup(target)
                current.stop()
                path, current = copy, await opened.enter_async_context(later(copy, life))
                opened.push_async_callback(_ended, running)
        arrivals = list(simulator.arrivals)
    assert len(arrivals) >= 16
    assert most_too_many(arrivals, rate, 0.04 + 2 * hesitation.longest) <= 1e-6


def later(path: Path, lives: int) -> Outbox:
    """Give an outbox for which the leases of earlier lives are over."""
    return Outbox(SqliteLedgerStore(path), clock=lambda: time.time() + 3_600 * (lives + 1))


async def _ended(running: asyncio.Task[object]) -> None:
    await running
