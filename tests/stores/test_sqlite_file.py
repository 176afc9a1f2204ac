"""The file of a ledger: what is made, what is refused, and that what is refused stays as it was."""

# ruff: noqa: ASYNC240  nothing else runs on the loop of a test while it looks at its files

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.ledger import Claimed, NewRow, State
from vonage_messages.stores.sqlite import SqliteLedgerStore, file, statements, writer
from vonage_messages.stores.sqlite.file import APPLICATION_ID, LedgerFile
from vonage_messages.stores.sqlite.writer import Kind, Mode

Rows = Callable[..., list[NewRow]]
Program = Callable[..., "subprocess.Popen[str]"]
NOW = 1_000.0

FILL_UNTIL_IT_IS_FULL = """
import resource
async def main():
    async with SqliteLedgerStore(PATH) as store:
        kept = (await store.add(some(0, 10), now=1.0)).new
        size = os.path.getsize(PATH) + 200_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        refused = 0
        for start in range(10, 100_000, 500):
            try:
                kept += (await store.add(some(start, 500), now=1.0)).new
            except StoreUnavailableError as error:
                say("refused", error.retryable, (await store.counts())[State.PENDING] == kept)
                break
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        kept += (await store.add(some(start, 500), now=1.0)).new
        say("usable", (await store.counts())[State.PENDING] == kept)
asyncio.run(main())
"""


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def refused(path: Path) -> str:
    """Open a file that must be refused, and be left with every file in its folder as it was; give the sentence."""
    before = contents(path.parent)
    with pytest.raises(errors.OutboxError) as caught:
        await SqliteLedgerStore(path).open()
    assert contents(path.parent) == before
    return str(caught.value)


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless_umask")
async def test_only_its_owner_can_read_any_of_its_files(path: Path, store: SqliteLedgerStore, some: Rows) -> None:
    await store.enrol("a", lease_until=NOW)
    await store.add(some(0, 1), now=NOW)
    found = modes(path.parent)
    assert {path.name, f"{path.name}-wal", f"{path.name}-shm"} < set(found)
    assert len(found) == 4
    assert set(found.values()) == {0o600}


@pytest.mark.parametrize(("mode", "is_said"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
async def test_file_that_is_open_to_all_is_said(
    path: Path, mode: int, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path.touch()
    path.chmod(mode)
    async with SqliteLedgerStore(path):
        assert stat.S_IMODE(path.stat().st_mode) == mode  # somebody gave it
    said = [f"every user of this machine may use {path} (mode {mode:04o})"]
    assert [message.partition(",")[0] for message in caplog.messages] == said * is_said


async def test_commits_reach_the_disk_before_anyone_is_told(store: SqliteLedgerStore) -> None:
    assert store._writer is not None
    settings: dict[str, object] = {}

    def read(file: LedgerFile, _: object) -> list[None]:
        for name in ("synchronous", "journal_mode", "secure_delete"):
            (settings[name],) = file.connection.execute(f"PRAGMA {name}").fetchone()
        return [None]

    await store._writer.submit(Kind(read, mode=Mode.READ), None)
    assert settings == {"synchronous": 2, "journal_mode": "wal", "secure_delete": 1}


async def test_empty_file_is_taken(path: Path, some: Rows) -> None:
    path.touch()
    async with SqliteLedgerStore(path) as store:
        assert (await store.add(some(0, 1), now=NOW)).new == 1


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "why?.db", "a#b.db", "ü.db", ":memory:"])
async def test_file_has_the_name_it_was_given(tmp_path: Path, name: str, some: Rows) -> None:
    async with SqliteLedgerStore(tmp_path / name) as store:
        await store.add(some(0, 1), now=NOW)
    assert [file.name for file in tmp_path.iterdir()] == [name]


async def test_file_in_no_folder_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(errors.StoreUnavailableError, match="cannot be made"):
        await SqliteLedgerStore(tmp_path / "nowhere" / "campaign.db").open()


async def test_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(errors.StoreUnavailableError, match="Nothing was changed"):
        await SqliteLedgerStore(tmp_path).open()


async def test_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("to,text\n447700900000,hello\n" * 500)
    assert "no SQLite file" in await refused(path)


async def test_database_of_something_else_is_refused(path: Path) -> None:
    execute(path, "CREATE TABLE message (id)", "INSERT INTO message VALUES (1)")
    assert "something else" in await refused(path)


async def test_database_with_another_application_id_is_refused(path: Path) -> None:
    execute(path, "PRAGMA application_id = 7")
    assert "something else" in await refused(path)


async def test_database_of_something_else_with_a_log_is_refused(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with closing(sqlite3.connect(other / "its.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE other (id)")
        for end in ("", "-wal"):
            shutil.copy(f"{other / 'its.db'}{end}", f"{path}{end}")
    with pytest.raises(errors.OutboxError, match="something else"):
        await SqliteLedgerStore(path).open()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]


async def test_file_of_a_newer_version_is_refused(path: Path) -> None:
    async with SqliteLedgerStore(path):
        pass
    execute(path, "PRAGMA user_version = 99")
    assert re.search(r"newer version .*schema 99.* Update", await refused(path))


async def test_file_of_a_newer_version_is_recognised_while_that_one_is_running(path: Path, tmp_path: Path) -> None:
    async with SqliteLedgerStore(path):
        copy = tmp_path / "copy.db"
        shutil.copy(path, copy)
        with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
            assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
            assert connection.execute("PRAGMA user_version").fetchone() == (len(statements.migrations()),)


def damage(path: Path, first_page: int) -> None:
    with path.open("r+b") as file:
        file.seek(first_page * 4_096)
        file.write(b"\xa5" * (path.stat().st_size - first_page * 4_096))


async def test_damaged_file_is_refused(path: Path, some: Rows) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 3_000), now=NOW)
    damage(path, 30)
    assert "damaged" in await refused(path)


async def test_damage_that_is_met_later_is_told(path: Path, some: Rows) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 3_000), now=NOW)
    async with SqliteLedgerStore(path) as store:
        damage(path, 30)
        execute(path, "INSERT INTO note VALUES ('makes the store', 'look again')")
        before = path.read_bytes()
        with pytest.raises(errors.OutboxError, match="damaged"):
            await store.claim("a", count=3_000, lease_until=NOW, now=NOW)
        assert path.read_bytes() == before


async def test_file_that_was_cut_short_is_refused(path: Path, some: Rows) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 3_000), now=NOW)
    os.truncate(path, path.stat().st_size // 2)
    assert "damaged" in await refused(path)


async def test_older_file_is_brought_up_to_date_and_keeps_its_rows(
    path: Path, some: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 3), now=NOW)
    later = (*statements.migrations(), "CREATE TABLE later (id);\nINSERT INTO later VALUES (1);\n")
    monkeypatch.setattr("vonage_messages.stores.sqlite.file.migrations", lambda: later)
    async with SqliteLedgerStore(path) as store:
        assert (await store.counts())[State.PENDING] == 3
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id FROM later").fetchall() == [(1,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(later),)


async def test_file_without_traces_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("vonage_messages.stores.sqlite.file.migrations", lambda: statements.migrations()[:1])
        async with SqliteLedgerStore(path):
            pass
    execute(path, "INSERT INTO message VALUES (1, 'k', 'r', NULL, 'v1', NULL, 1.0, x'00', x'7b7d')")
    execute(path, "INSERT INTO progress (id, state, attempts, updated) VALUES (1, 'pending', 0, 1.0)")
    async with SqliteLedgerStore(path) as store:
        assert await store.claim("a", count=1, lease_until=NOW, now=NOW) == [Claimed(1, "k", "r", "v1", b"{}", 0, None)]


async def test_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SqliteLedgerStore(path):
        pass
    broken = (*statements.migrations(), "CREATE TABLE later (id);\nINSERT INTO nowhere VALUES (1);\n")
    with monkeypatch.context() as patch:
        patch.setattr("vonage_messages.stores.sqlite.file.migrations", lambda: broken)
        assert "nowhere" in await refused(path)
    async with SqliteLedgerStore(path) as store:
        assert (await store.counts())[State.PENDING] == 0


def test_migrations_are_numbered_without_a_gap() -> None:
    folder = Path(statements.__file__).with_name("migrations")
    names = sorted(file.name for file in folder.iterdir())
    assert [int(name.partition("_")[0]) for name in names] == list(range(1, len(names) + 1))


# Busy, and full ---------------------------------------------------------------------------------------------------


async def test_lock_of_another_process_is_waited_for_and_then_told(path: Path, some: Rows) -> None:
    async with SqliteLedgerStore(path, busy_timeout=0.1) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(errors.StoreUnavailableError, match="another process"):
                await store.add(some(0, 1), now=NOW)
            assert (await store.counts())[State.PENDING] == 0
            other.execute("COMMIT")
        assert (await store.add(some(0, 1), now=NOW)).new == 1


async def test_lock_that_is_let_go_in_time_is_only_waited_for(path: Path, some: Rows) -> None:
    async with SqliteLedgerStore(path, busy_timeout=60) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            adding = asyncio.create_task(store.add(some(0, 1), now=NOW))
            done, _ = await asyncio.wait([adding], timeout=0.05)
            assert not done
            other.execute("COMMIT")
        assert (await adding).new == 1


async def test_reader_of_a_new_file_is_waited_for_and_then_told(path: Path) -> None:
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sqlite_master").fetchall()
        with pytest.raises(errors.StoreUnavailableError, match="another process"):
            await SqliteLedgerStore(path, busy_timeout=0.1).open()
        opening = asyncio.create_task(SqliteLedgerStore(path).__aenter__())
        done, _ = await asyncio.wait([opening], timeout=0.05)
        assert not done
        reader.execute("COMMIT")
    await (await opening).close()


async def test_file_with_the_journal_of_a_crash_is_opened(path: Path, some: Rows) -> None:
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 2), now=NOW)
    path.with_name(f"{path.name}-journal").touch()
    async with SqliteLedgerStore(path) as store:
        assert (await store.counts())[State.PENDING] == 2


async def test_old_sqlite_is_refused_before_anything_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 33, 0))
    with pytest.raises(errors.ConfigurationError, match="too old"):
        await SqliteLedgerStore(path).open()
    assert not path.exists()


def test_limit_on_the_size_of_a_file_is_told_and_the_store_stays_usable(program: Program) -> None:
    said, _ = program(FILL_UNTIL_IT_IS_FULL).communicate(timeout=60)
    assert said.splitlines() == ["refused True True", "usable True"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount; the limit on the size of a file is tested in any case")
    place = tmp_path / "tiny"
    place.mkdir()
    made = subprocess.run(  # noqa: S603  two fixed words and our own folder
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True, timeout=60
    )
    if made.returncode:
        pytest.skip(f"this machine does not let root mount: {made.stderr.decode().strip()}")
    yield place
    unmount = shutil.which("umount") or "umount"
    subprocess.run([unmount, str(place)], check=True, timeout=60)  # noqa: S603  see above


async def test_full_disk_loses_nothing_and_hinders_nothing_once_there_is_space(tiny_disk: Path, some: Rows) -> None:
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(b"0" * 400_000)
    async with SqliteLedgerStore(tiny_disk / "campaign.db") as store:
        kept = 0
        with pytest.raises(errors.StoreUnavailableError, match=r"space|failed") as caught:  # noqa: PT012  until it is full
            for start in range(0, 100_000, 200):
                kept += (await store.add(some(start, 200), now=NOW)).new
        assert caught.value.retryable
        assert (await store.counts())[State.PENDING] == kept
        ballast.unlink()
        assert (await store.add(some(kept, 200), now=NOW)).new == 200
        assert (await store.counts())[State.PENDING] == kept + 200
    with closing(sqlite3.connect(tiny_disk / "campaign.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_disk_too_full_to_make_a_file_is_told(tiny_disk: Path) -> None:
    (tiny_disk / "ballast").write_bytes(b"0" * (1_048_576 - 8_192))
    with pytest.raises(errors.StoreUnavailableError):
        await SqliteLedgerStore(tiny_disk / "campaign.db").open()
    (tiny_disk / "ballast").unlink()
    async with SqliteLedgerStore(tiny_disk / "campaign.db") as store:
        assert (await store.counts())[State.PENDING] == 0


async def test_file_that_is_taken_away_is_not_written_any_more(
    path: Path, some: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_LOOK_EVERY", 0.0)
    away = path.with_name("away.db")
    async with SqliteLedgerStore(path) as store:
        await store.add(some(0, 5), now=NOW)
        path.rename(away)
        for _ in range(2):  # and not only the first time
            with pytest.raises(errors.StoreUnavailableError, match="was deleted or moved away while it was open"):
                await store.add(some(5, 5), now=NOW)
        away.rename(path)
        assert (await store.add(some(5, 5), now=NOW)).new == 5
    async with SqliteLedgerStore(path) as store:
        assert (await store.counts())[State.PENDING] == 10


# Memory -----------------------------------------------------------------------------------------------------------

MEASURE_MEMORY = """
import resource
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def main():
    async with SqliteLedgerStore(PATH) as store:
        for start in range(0, 60_000, 1000):
            await store.add(some(start, 1000), now=1.0)
            if start == 20_000:
                early = peak()
        async for row in store.rows():
            pass
        say(row.id, peak() - early)
asyncio.run(main())
"""


def test_memory_does_not_grow_with_the_rows(program: Program) -> None:
    said, _ = program(MEASURE_MEMORY).communicate(timeout=60)
    last, grown = map(int, said.split())
    assert last == 60_000
    assert grown < 12_000  # KiB: the page cache of SQLite may still fill up


async def test_thousand_calls_that_wait_share_commits(
    store: SqliteLedgerStore, some: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add(some(0, 1_000), now=NOW)
    await store.claim("a", count=1_000, lease_until=NOW + 60, now=NOW)
    together, all_asked, sizes = writer._together, threading.Event(), []

    def counted(file: LedgerFile, calls: Sequence[Any]) -> None:
        sizes.append(len(calls))
        assert all_asked.wait(60)
        together(file, calls)

    monkeypatch.setattr(writer, "_together", counted)
    asking = asyncio.gather(*(store.mark_sending([n], owner="a", now=NOW) for n in range(1, 1_001)))
    await asyncio.sleep(0)
    all_asked.set()
    assert await asking == [{number: 1} for number in range(1, 1_001)]
    assert sum(sizes) == 1_000
    assert len(sizes) <= 20


class Overtaken(sqlite3.Connection):
    """A connection that another process overtakes: it makes the ledger right behind the first look at the file."""

    other: sqlite3.Connection

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        if statement == "PRAGMA user_version":
            changes = (f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 1", "CREATE TABLE row (id)")
            for change in ("BEGIN", *changes, "COMMIT"):
                self.other.execute(change)
        return super().execute(statement, *arguments)


def test_file_that_another_process_is_making_is_seen_before_or_after_it(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(sqlite3.connect(path, isolation_level=None, factory=Overtaken)) as connection,
    ):
        other.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.other = other
        assert file._identity_at_one_moment(connection) == (0, 0, 0)
        assert file._identity(other) == (APPLICATION_ID, 1, 1)
