"""Several processes on one file, and processes that are killed: nothing is lost, and nothing is taken twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from vonage_messages.ledger import Event, NewRow, Outcome, Recovery, Row, State
from vonage_messages.stores.sqlite import SqliteLedgerStore

Rows = Callable[..., list[NewRow]]
Program = Callable[..., "subprocess.Popen[str]"]
LONGEST_RUN = 300
ROUNDS = 6
AT_MOST = 60
"""How many rows a program sends that is going to be killed."""

TAKE_WHAT_THERE_IS = """
async def main():
    owner, sent = f"owner {os.getpid()}", []
    async with SqliteLedgerStore(PATH) as store:
        await store.enrol(owner, lease_until=time.time() + 600)
        taken = 0
        while rows := await store.claim(owner, count=7, lease_until=time.time() + 600, now=time.time()):
            taken += 1
            if taken <= int(ARGUMENTS[0]):
                say("holds a batch")
                sys.stdin.readline()
            marked = await store.mark_sending([row.id for row in rows], owner=owner, now=time.time())
            sent += marked
            await store.record(
                [Outcome(id=i, owner=owner, attempt=n, event=Event.ACCEPT) for i, n in marked.items()], now=time.time()
            )
    say(sent)
asyncio.run(main())
"""

ADD_FOR_EVER = """
async def main():
    async with SqliteLedgerStore(PATH) as store:
        for start in range(0, 10_000_000, 100):
            addition = await store.add(some(start, 100), now=1.0)
            say(start + 100)
asyncio.run(main())
"""

SEND_FOR_EVER = """
async def main():
    owner, sent = f"owner {os.getpid()}", 0
    async with SqliteLedgerStore(PATH) as store:
        await store.enrol(owner, lease_until=time.time() + 600)
        await store.recover(owner, now=time.time())
        while rows := await store.claim(owner, count=10, lease_until=time.time() + 600, now=time.time()):
            for row in rows:
                for row_id, attempt in (await store.mark_sending([row.id], owner=owner, now=time.time())).items():
                    say(row_id)  # this is the send: whoever reads it has the message
                    done = Outcome(id=row_id, owner=owner, attempt=attempt, event=Event.ACCEPT)
                    await store.record([done], now=time.time())
                    sent += 1
                    if ARGUMENTS and sent == int(ARGUMENTS[0]):
                        sys.stdin.readline()  # nobody writes to it: however late the kill comes, rows are left
    say("done")
asyncio.run(main())
"""

ENROL_AND_STOP = """
async def main():
    async with SqliteLedgerStore(PATH) as store:
        await store.enrol("between two rows", lease_until=time.time() + 600)
        say("ready")
        sys.stdin.readline()
asyncio.run(main())
"""

CLAIM_AND_STOP = """
async def main():
    async with SqliteLedgerStore(PATH) as store:
        await store.enrol("sleeper", lease_until=time.time() + float(ARGUMENTS[0]))
        rows = await store.claim(
            "sleeper", count=2, lease_until=time.time() + float(ARGUMENTS[0]), now=time.time()
        )
        await store.mark_sending([rows[0].id], owner="sleeper", now=time.time())
        say("ready")
        sys.stdin.readline()
        say(sorted(await store.mark_sending([rows[1].id], owner="sleeper", now=time.time())))
        done = Outcome(id=rows[0].id, owner="sleeper", attempt=1, event=Event.ACCEPT)
        say(sorted(await store.record([done], now=time.time())))
asyncio.run(main())
"""

MAKE_THE_FILE = """
async def main():
    async with SqliteLedgerStore(PATH) as store:
        say((await store.add(some(0, 50), now=1.0)).new)
asyncio.run(main())
"""


def told(process: subprocess.Popen[str]) -> str:
    """Give the next line that a program says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Let a program that waits go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill a program at once; give all that it has said and nobody has read yet."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=LONGEST_RUN)
    # Not communicate(): it passes by what readline() has read ahead.
    return [] if process.stdout is None else process.stdout.read().splitlines()


def is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def rows_of(store: SqliteLedgerStore, *states: State) -> list[Row]:
    return [row async for row in store.rows(*states)]


async def test_processes_on_one_file_never_take_the_same_row(
    path: Path, store: SqliteLedgerStore, some: Rows, program: Program
) -> None:
    await store.add(some(0, 600), now=1.0)
    processes = [program(TAKE_WHAT_THERE_IS, ROUNDS) for _ in range(3)]
    for _ in range(ROUNDS):
        # All three hold a batch before any goes on, so all three want the next one: no fast starter takes everything.
        assert [told(process) for process in processes] == ["holds a batch"] * 3
        for process in processes:
            tell(process)
    sent = [json.loads(process.communicate(timeout=LONGEST_RUN)[0]) for process in processes]
    assert sorted(itertools.chain.from_iterable(sent)) == list(range(1, 601))
    assert all(len(each) >= 7 * ROUNDS for each in sent)
    assert (await store.counts())[State.ACCEPTED] == 600
    assert is_whole(path)


async def test_processes_may_make_the_file_at_the_same_moment(path: Path, program: Program) -> None:
    processes = [program(MAKE_THE_FILE) for _ in range(4)]
    new = [int(process.communicate(timeout=LONGEST_RUN)[0]) for process in processes]
    assert sorted(new) == [0, 0, 0, 50]
    assert is_whole(path)


async def test_batch_is_kept_whole_or_not_at_all_when_its_process_is_killed(
    path: Path, some: Rows, program: Program
) -> None:
    for number in range(ROUNDS):
        process = program(ADD_FOR_EVER)
        heard = [told(process) for _ in range(1 + 3 * number)]
        promised = int([*heard, *kill(process)][-1])
        async with SqliteLedgerStore(path) as store:
            kept = (await store.counts())[State.PENDING]
            assert kept % 100 == 0
            assert kept >= promised
            again = await store.add(some(0, kept), now=1.0)
            assert (again.new, again.repeated, again.conflicts) == (0, kept, ())
    assert is_whole(path)


async def test_sender_that_is_killed_between_two_rows_leaves_nothing_behind(path: Path, program: Program) -> None:
    async with SqliteLedgerStore(path) as store:
        living = program(ENROL_AND_STOP)
        assert told(living) == "ready"
        assert await store.recover("rescuer", now=time.time()) == Recovery(released=0, in_doubt=0)
        traces = [file for file in path.parent.iterdir() if "-owner-" in file.name]
        assert len(traces) == 1
        kill(living)
        assert await store.recover("rescuer", now=time.time()) == Recovery(released=0, in_doubt=0)
        assert not traces[0].exists()


async def test_killed_senders_repeat_nothing_and_leave_at_most_one_row_each_in_doubt(
    path: Path, some: Rows, program: Program
) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 400), now=1.0)
    sent: list[str] = []
    for number in range(ROUNDS):
        process = program(SEND_FOR_EVER, AT_MOST)
        sent += [told(process) for _ in range(1 + 2 * number)]
        sent += kill(process)
    last, _ = program(SEND_FOR_EVER).communicate(timeout=LONGEST_RUN)
    sent += last.splitlines()
    assert sent.pop() == "done"
    assert [row for row, count in Counter(sent).items() if count > 1] == []
    async with SqliteLedgerStore(path) as store:
        in_doubt = {row.id for row in await rows_of(store, State.IN_DOUBT)}
        accepted = {row.id for row in await rows_of(store, State.ACCEPTED)}
    assert len(accepted) + len(in_doubt) == 400
    assert len(in_doubt) <= ROUNDS
    assert accepted <= set(map(int, sent)) <= accepted | in_doubt
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_death_of_an_owner_is_seen_at_once(store: SqliteLedgerStore, some: Rows, program: Program) -> None:
    await store.add(some(0, 2), now=1.0)
    process = program(CLAIM_AND_STOP, 600)
    assert told(process) == "ready"
    assert await store.recover("b", now=time.time()) == Recovery()
    kill(process)
    assert await store.recover("b", now=time.time()) == Recovery(released=1, in_doubt=1)


async def test_sleeper_sends_nothing_it_has_lost_and_reports_what_it_had_sent(
    store: SqliteLedgerStore, some: Rows, program: Program
) -> None:
    await store.add(some(0, 2), now=1.0)
    process = program(CLAIM_AND_STOP, 600)
    assert told(process) == "ready"
    os.kill(process.pid, signal.SIGSTOP)
    assert await store.recover("b", now=time.time() + 601) == Recovery(released=1, in_doubt=1)
    os.kill(process.pid, signal.SIGCONT)
    tell(process)
    assert told(process) == "[]"
    assert told(process) == "[1]"
    assert [row.state for row in await rows_of(store)] == [State.ACCEPTED, State.PENDING]


async def test_second_store_in_this_process_does_not_disturb_the_first(
    path: Path, store: SqliteLedgerStore, some: Rows, program: Program
) -> None:
    async with SqliteLedgerStore(path):
        await store.add(some(0, 10), now=1.0)
    new, _ = program(MAKE_THE_FILE).communicate(timeout=LONGEST_RUN)
    assert int(new) == 40
    (first, *_) = await store.claim("a", count=1, lease_until=time.time() + 60, now=time.time())
    await store.mark_sending([first.id], owner="a", now=time.time())
    done = Outcome(id=first.id, owner="a", attempt=1, event=Event.ACCEPT)
    assert await store.record([done], now=time.time()) == {first.id}
    assert is_whole(path)


@pytest.mark.parametrize("owner", ["plain", "with / slash", "\ud83d", "x" * 500])
async def test_owner_may_have_any_name(store: SqliteLedgerStore, owner: str) -> None:
    if owner.isprintable():
        await store.enrol(owner, lease_until=time.time() + 60)
        assert await store.recover("another", now=time.time()) == Recovery()
    else:
        with pytest.raises(Exception, match="refused the data"):
            await store.enrol(owner, lease_until=time.time() + 60)
