"""A file that fails under a run: nothing is lost, and nothing sent twice after it."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from vonage_messages import Client, errors
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outbox import Outbox
from vonage_messages.stores.sqlite import file

from .scripted_platform import UNLIMITED, Platform, some, until


@contextlib.contextmanager
def no_space(path: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the size of the log of *path*."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = path.with_name(f"{path.name}-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(log.stat().st_size, path.stat().st_size), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def refusing(path: Path, *states: State) -> Iterator[None]:
    """Let the file refuse that a row comes into one of *states*."""
    refused = ", ".join(f"'{state.value}'" for state in states)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(
            f"CREATE TRIGGER refused BEFORE UPDATE ON progress WHEN new.state IN ({refused}) "
            "BEGIN SELECT raise(ABORT, 'made up'); END"
        )
        try:
            yield
        finally:
            other.execute("DROP TRIGGER refused")


async def test_disk_that_is_full_in_the_middle_ends_the_run_and_nothing_is_sent_twice_after_it(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(1_500))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    await until(lambda: len(platform.came) > 300)
    with no_space(path), pytest.raises(errors.StoreUnavailableError):
        await asyncio.wait_for(running, 60)
    assert len(platform.came) < 1_500
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted + report.in_doubt, report.pending) == (1_500, 0)
    assert report.in_doubt <= 8
    assert platform.repeated == {}
    assert len(platform.came) >= 1_500 - report.in_doubt


async def test_file_that_is_taken_away_ends_the_run(
    outbox: Outbox, platform: Platform, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_LOOK_EVERY", 0.0)
    away = path.with_name("away.db")
    await outbox.add(some(1_500))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    await until(lambda: len(platform.came) > 300)
    path.rename(away)  # noqa: ASYNC240  it takes no time, and nothing may be sent meanwhile
    with pytest.raises(errors.StoreUnavailableError, match="was deleted or moved away"):
        await asyncio.wait_for(running, 60)
    assert len(platform.came) < 1_500
    away.rename(path)
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted + report.in_doubt, report.pending) == (1_500, 0)
    assert report.in_doubt <= 8
    assert platform.repeated == {}


async def test_outcome_that_finds_space_a_moment_later_is_recorded(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(3_000))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    await until(lambda: len(platform.came) > 300)
    with no_space(path):
        await until(lambda: running.done() or (outbox._run is not None and outbox._run._broken is not None))
    with pytest.raises(errors.StoreUnavailableError):
        await running
    report = await outbox.report()
    assert (report.accepted, report.in_doubt) == (len(platform.came), 0)
    assert (await outbox.store.counts())[State.PENDING] == 3_000 - report.accepted
    assert platform.repeated == {}


async def test_cancelled_run_is_cancelled_also_where_the_disk_is_full(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(1_000))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(300)), connections=8))
    await until(lambda: len(platform.came) > 30)
    with no_space(path):
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted + report.in_doubt, report.pending) == (1_000, 0)
    assert platform.repeated == {}


async def test_file_that_refuses_an_outcome_ends_the_run_which_says_so(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(500))
    with refusing(path, State.ACCEPTED), pytest.raises(errors.OutboxError, match="refused the data"):
        await asyncio.wait_for(outbox.run(client, limits=UNLIMITED, connections=16), 60)
    assert 1 <= len(platform.came) <= 16  # no row follows one on its connection whose outcome could not be recorded
    counts = await outbox.store.counts()
    assert (counts[State.SENDING], counts[State.PENDING]) == (len(platform.came), 500 - len(platform.came))


async def test_rows_that_a_file_refused_to_give_back_go_with_the_next_run(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(20))
    with (
        refusing(path, State.ACCEPTED, State.PENDING),
        pytest.raises(errors.OutboxError, match="refused the data"),
    ):
        await asyncio.wait_for(outbox.run(client, limits=UNLIMITED, connections=4), 60)
    report = await asyncio.wait_for(outbox.run(client, limits=UNLIMITED), 60)
    assert (report.accepted + report.in_doubt, report.pending) == (20, 0)
    assert platform.repeated == {}


async def test_store_that_is_closed_under_a_run_ends_it(path: Path, platform: Platform, client: Client) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(some(800))
        running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(200)), connections=4))
        await until(lambda: len(platform.came) > 5)
    with pytest.raises(errors.VonageMessagesError):
        await asyncio.wait_for(running, 60)
    async with Outbox.open(path) as outbox:
        assert (await outbox.run(client, limits=UNLIMITED)).in_doubt <= 4
    assert platform.repeated == {}
