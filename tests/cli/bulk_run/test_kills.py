"""``bulk run`` is killed and typed again: nothing is lost, and no row sent twice."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from .campaign import LONG, TOGETHER, Bulk, SimulatorThread, check_every_row_once, wait_until

pytestmark = pytest.mark.usefixtures("forked")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=LONG)


def added(outbox: Path) -> int:
    """Count the rows of an outbox that another process is filling."""
    if not outbox.exists():
        return 0
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as connection:
        try:
            count: int = connection.execute("SELECT count(*) FROM message").fetchone()[0]
        except sqlite3.OperationalError:  # it is being made
            return 0
    return count


def wait_for_rows(outbox: Path, number: int, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: added(outbox) > number or process.poll() is not None)


ADD_SOME_BATCHES = """
import asyncio
from vonage_messages.sending import outbox
from vonage_messages.stores.sqlite import SqliteLedgerStore

outbox._BATCH, add, left = 100, SqliteLedgerStore.add, {batches}

async def add_until_killed(store, rows, **options):
    global left
    left -= 1
    if left < 0:
        await asyncio.Event().wait()
    return await add(store, rows, **options)

SqliteLedgerStore.add = add_until_killed
"""
"""However late the kill comes, it hits the adding."""


def test_run_that_is_killed_while_it_adds_is_resumed_by_typing_it_again(bulk: Bulk, simulator: SimulatorThread) -> None:
    rows = 1_000
    bulk.write(rows)
    outbox = bulk.path.with_suffix(".outbox")
    generator = random.Random(5)  # noqa: S311  moments, no secrets
    for batches, least in ((3, 0), (8, 300)):
        process = bulk.start(first=ADD_SOME_BATCHES.format(batches=batches))
        wait_for_rows(outbox, least, process)
        time.sleep(generator.uniform(0.0, 0.02))
        assert process.poll() is None, "the kill did not hit the adding"
        kill(process)
        assert least < added(outbox) <= 100 * batches
    assert not simulator.texts
    assert bulk.states()["pending"] == added(outbox)
    result = bulk.run()
    assert result.returncode == 0, result.stderr
    assert bulk.states() == {"accepted": rows}
    check_every_row_once(bulk, simulator, rows, kills=0)


def test_run_that_is_killed_while_it_sends_is_resumed_and_sends_no_row_twice(
    bulk: Bulk, simulator: SimulatorThread
) -> None:
    rows = 1_200
    bulk.write(rows, rate=2_000)
    generator = random.Random(7)  # noqa: S311  moments, no secrets
    for number in (200, 600):
        simulator.hold_at(number + 300)  # however late the kill comes, rows are left
        process = bulk.start()
        simulator.wait_for_texts(number, process)
        time.sleep(generator.uniform(0.0, 0.1))
        assert process.poll() is None, "the run ended before it was killed"
        kill(process)
        simulator.go_on()
    result = bulk.run()
    assert result.returncode in {0, 1}, result.stderr
    check_every_row_once(bulk, simulator, rows, kills=2)


def test_rows_in_doubt_are_sent_again_only_when_that_is_asked_for(bulk: Bulk, simulator: SimulatorThread) -> None:
    rows = 200
    bulk.write(rows, rate=1_000)
    simulator.hold_at(50)
    process = bulk.start()
    simulator.wait_for_texts(50, process)
    kill(process)
    simulator.go_on()
    left = bulk.run()
    in_doubt = bulk.states()["in_doubt"]
    assert 1 <= in_doubt <= TOGETHER
    assert left.returncode == 1
    assert f"Of {in_doubt:,} in doubt nobody knows" in " ".join(left.stdout.split())
    resent = bulk.run("--in-doubt", "resend", command="retry")
    assert resent.returncode == 0
    assert "some people may get their message twice" in " ".join(resent.stderr.split())
    assert bulk.states() == {"accepted": rows}
