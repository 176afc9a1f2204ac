"""The ledger in PostgreSQL: what is its own, beside what every ledger does (every_ledger)."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from vonage_messages import errors
from vonage_messages.ledger import Addition, Claimed, Event, LedgerStore, NewRow, Outcome, Recovery, Row, State
from vonage_messages.stores.postgres import PostgresLedgerStore, database
from vonage_messages.stores.postgres.database import Database

Another = Callable[..., PostgresLedgerStore]
Rows = Callable[..., list[NewRow]]
Program = Callable[..., Any]
NOW = 1_000.0
LEASE = 1_060.0
LONGEST_RUN = 300

TAKE_WHAT_THERE_IS = """
async def main():
    owner, sent = f"owner {os.getpid()}", []
    async with PostgresLedgerStore(PATH, schema=ARGUMENTS[0]) as store:
        await store.enrol(owner, lease_until=time.time() + 60)
        say("ready")
        while rows := await store.claim(owner, count=7, lease_until=time.time() + 60, now=time.time()):
            if not sent:
                say("has rows")
                sys.stdin.readline()
            marked = await store.mark_sending([row.id for row in rows], owner=owner, now=time.time())
            sent += marked
            await store.record(
                [Outcome(id=i, owner=owner, attempt=n, event=Event.ACCEPT) for i, n in marked.items()], now=time.time()
            )
    say(sent)
asyncio.run(main())
"""

SEND_FOR_EVER = """
async def main():
    owner, sent = f"owner {os.getpid()}", 0
    async with PostgresLedgerStore(PATH, schema=ARGUMENTS[0]) as store:
        await store.enrol(owner, lease_until=time.time() + 600)
        await store.recover(owner, now=time.time())
        while rows := await store.claim(owner, count=10, lease_until=time.time() + 600, now=time.time()):
            for row in rows:
                for row_id, attempt in (await store.mark_sending([row.id], owner=owner, now=time.time())).items():
                    say(row_id)  # this is the send: whoever reads it has the message
                    done = Outcome(id=row_id, owner=owner, attempt=attempt, event=Event.ACCEPT)
                    await store.record([done], now=time.time())
                    sent += 1
                    if sent == int(ARGUMENTS[1]):
                        sys.stdin.readline()  # nobody writes to it: however late the kill comes, rows are left
    say("done")
asyncio.run(main())
"""

CLAIM_AND_STOP = """
async def main():
    async with PostgresLedgerStore(PATH, schema=ARGUMENTS[0]) as store:
        await store.enrol("sleeper", lease_until=time.time() + 600)
        rows = await store.claim("sleeper", count=2, lease_until=time.time() + 600, now=time.time())
        await store.mark_sending([rows[0].id], owner="sleeper", now=time.time())
        say("ready")
        sys.stdin.readline()
asyncio.run(main())
"""


@pytest.fixture
def another(another_on_postgres: Another) -> Another:
    return another_on_postgres


@pytest.fixture
async def store(another: Another) -> Any:
    async with another() as opened:
        yield opened


@pytest.fixture
def sender(program: Program, postgres: str, schema: str) -> Program:
    """Run a program on the ledger of a test."""
    return lambda source, *arguments: program(source, schema, *arguments, path=postgres)


def told(process: Any) -> str:
    return str(process.stdout.readline().strip())


def kill(process: Any) -> list[str]:
    """Kill a program at once; give all that it has said and nobody has read yet."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=LONGEST_RUN)
    return list(process.stdout.read().splitlines())


async def nobody_lives(postgres: str) -> None:
    """Wait until the server has let go of what shows that an owner lives: it sees the end of a connection by itself."""
    async with (
        asyncio.timeout(LONGEST_RUN),
        await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection,
    ):
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        while await (await connection.execute(query)).fetchone() != (0,):  # noqa: ASYNC110  the server sets no event
            await asyncio.sleep(0.005)


async def rows_of(store: LedgerStore, *states: State) -> list[Row]:
    return [row async for row in store.rows(*states)]


def new(key: str, **more: Any) -> NewRow:
    return attrs.evolve(NewRow(key=key, ref=f"ref-{key}", payload=b"{}"), **more)


# Processes --------------------------------------------------------------------------------------------------------


async def test_processes_never_take_the_same_row(store: PostgresLedgerStore, some: Rows, sender: Program) -> None:
    await store.add(some(0, 300), now=1.0)
    processes = [sender(TAKE_WHAT_THERE_IS) for _ in range(3)]
    for process in processes:  # none goes on before each has rows of its own
        assert [told(process), told(process)] == ["ready", "has rows"]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    sent = [json.loads(process.communicate(timeout=LONGEST_RUN)[0]) for process in processes]
    assert sorted(itertools.chain.from_iterable(sent)) == list(range(1, 301))
    assert all(sent)
    assert (await store.counts())[State.ACCEPTED] == 300


async def test_killed_senders_repeat_nothing_and_leave_at_most_one_row_each_in_doubt(
    store: PostgresLedgerStore, some: Rows, sender: Program, postgres: str
) -> None:
    await store.add(some(0, 200), now=1.0)
    kills, sent = 2, []
    for number in range(kills):
        process = sender(SEND_FOR_EVER, 60)
        sent += [told(process) for _ in range(1 + 2 * number)]
        sent += kill(process)
        await nobody_lives(postgres)
    last, _ = sender(SEND_FOR_EVER, 0).communicate(timeout=LONGEST_RUN)
    sent += last.splitlines()
    assert sent.pop() == "done"
    assert [row for row, count in Counter(sent).items() if count > 1] == []
    in_doubt = {row.id for row in await rows_of(store, State.IN_DOUBT)}
    accepted = {row.id for row in await rows_of(store, State.ACCEPTED)}
    assert len(accepted) + len(in_doubt) == 200
    assert len(in_doubt) <= kills
    assert accepted <= set(map(int, sent)) <= accepted | in_doubt


async def test_death_of_an_owner_is_seen_at_once(store: PostgresLedgerStore, some: Rows, sender: Program) -> None:
    await store.add(some(0, 2), now=1.0)
    process = sender(CLAIM_AND_STOP)
    assert told(process) == "ready"
    assert await store.recover("b", now=time.time()) == Recovery()
    kill(process)
    released = in_doubt = 0
    async with asyncio.timeout(LONGEST_RUN):
        while released + in_doubt < 2:  # the server sees the end of a connection when it looks at it next
            recovery = await store.recover("b", now=time.time())
            released, in_doubt = released + recovery.released, in_doubt + recovery.in_doubt
            await asyncio.sleep(0.01)
    assert (released, in_doubt) == (1, 1)


async def test_connection_that_shows_the_life_of_an_owner_is_made_again(
    store: PostgresLedgerStore, another: Another, postgres: str
) -> None:
    await store.enrol("a", lease_until=LEASE)
    await store.add([new("k")], now=NOW)
    await store.claim("a", count=1, lease_until=LEASE, now=NOW)
    await end_every_connection(postgres)
    await store.renew("a", lease_until=LEASE)
    async with another() as second:
        assert await second.recover("b", now=NOW) == Recovery()


async def test_life_of_an_owner_is_shown_also_where_the_server_lets_go_of_its_last_connection_late(
    store: PostgresLedgerStore, another: Another, postgres: str
) -> None:
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as last:
        await last.execute("SELECT pg_advisory_lock(%s)", [store._presence.key("a")])
        await store.enrol("a", lease_until=LEASE)
        await store.add([new("k")], now=NOW)
        await store.claim("a", count=1, lease_until=LEASE, now=NOW)
        await last.execute("SELECT pg_advisory_unlock_all()")
    await store.renew("a", lease_until=LEASE)
    async with another() as second:
        assert await second.recover("b", now=NOW) == Recovery()


async def end_every_connection(postgres: str) -> None:
    """Do what a restart of the server does to whoever is connected."""
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


async def test_lost_connections_are_a_pause_and_no_error(store: PostgresLedgerStore, some: Rows, postgres: str) -> None:
    await asyncio.gather(*(store.counts() for _ in range(8)))  # so that the pool is full
    await end_every_connection(postgres)
    assert await store.add(some(0, 10), now=NOW) == Addition(new=10)
    await end_every_connection(postgres)
    (row, *_) = await store.claim("a", count=10, lease_until=LEASE, now=NOW)
    await end_every_connection(postgres)
    assert await store.mark_sending([row.id], owner="a", now=NOW) == {row.id: 1}


async def test_calls_that_get_in_each_other_s_way_all_come_to_an_end(store: PostgresLedgerStore, some: Rows) -> None:
    """Marks, outcomes, recoveries and settlements of the same rows, at once and in opposite order."""
    await store.add(some(0, 60), now=NOW)
    rows = await store.claim("a", count=60, lease_until=LEASE, now=NOW)
    ids = [row.id for row in rows]
    await store.mark_sending(ids, owner="a", now=NOW)

    def done(chosen: list[int]) -> list[Outcome]:
        return [Outcome(id=row_id, owner="a", attempt=1, event=Event.ACCEPT) for row_id in chosen]

    await asyncio.gather(
        *(store.record(done(ids[start:] + ids[:start]), now=NOW) for start in range(0, 60, 10)),
        *(store.record(done(ids[::-1]), now=NOW) for _ in range(4)),
        *(store.settle(f"r{number}", now=NOW) for number in range(60)),
        store.recover("b", now=LEASE),
    )
    assert (await store.counts())[State.ACCEPTED] == 60


async def test_calls_that_wait_share_commits(
    store: PostgresLedgerStore, some: Rows, postgres: str, own_schema: str
) -> None:
    await store.add(some(0, 200), now=NOW)
    await store.claim("a", count=200, lease_until=LEASE, now=NOW)
    calls = [store.mark_sending([number], owner="a", now=NOW) for number in range(1, 201)]
    assert await asyncio.gather(*calls) == [{number: 1} for number in range(1, 201)]
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        written = SQL("SELECT count(DISTINCT xmin::text) FROM {}.progress").format(Identifier(own_schema))
        (transactions,) = await (await connection.execute(written)).fetchone() or (0,)
    assert 1 < transactions <= 10


async def test_call_that_fails_does_no_harm_to_those_that_go_with_it(store: PostgresLedgerStore) -> None:
    unstorable = "\0"
    calls = [store.write_note(f"{number}", unstorable if number == 3 else f"{number}") for number in range(6)]
    first_read, *_ = gathered = await asyncio.gather(store.note("0"), *calls, store.note("5"), return_exceptions=True)
    assert first_read is None
    assert [type(answer) for answer in gathered[1:7]] == [type(None)] * 3 + [errors.OutboxError] + [type(None)] * 2
    assert gathered[7] == "5"
    assert [await store.note(f"{number}") for number in range(6)] == ["0", "1", "2", None, "4", "5"]


async def test_mark_whose_commit_got_no_answer_is_a_mark_all_the_same(
    store: PostgresLedgerStore, some: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add(some(0, 3), now=NOW)
    await store.claim("a", count=3, lease_until=LEASE, now=NOW)
    transaction, losses = Database.transaction, iter([True])

    @asynccontextmanager
    async def lost_once(database: Database, **options: Any) -> AsyncIterator[Any]:
        async with transaction(database, **options) as connection:
            yield connection
        if next(losses, False):
            raise psycopg.OperationalError("the connection was lost after the commit")

    monkeypatch.setattr(Database, "transaction", lost_once)
    assert await store.mark_sending([1, 2], owner="a", now=NOW) == {1: 1, 2: 1}
    assert await store.mark_sending([2, 3], owner="a", now=NOW) == {3: 1}


async def test_call_that_nobody_waits_for_any_more_is_done(store: PostgresLedgerStore) -> None:
    calls = [asyncio.ensure_future(store.write_note(f"{number}", "there")) for number in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    await asyncio.wait(calls)
    assert [call.cancelled() for call in calls] == [False, True, False]
    assert [await store.note(f"{number}") for number in range(3)] == ["there"] * 3


async def test_same_rows_added_at_once_are_there_once(another: Another, some: Rows) -> None:
    async with another() as first, another() as second:
        batches = [some(start, 50) for start in (0, 25, 50, 0)]
        additions = await asyncio.gather(
            *(each.add(batch, now=NOW) for batch in batches for each in (first, second)),
            first.add(some(0, 100)[::-1], now=NOW),
        )
        assert sum(addition.new for addition in additions) == 100
        assert (await first.counts())[State.PENDING] == 100


async def test_owner_that_has_ended_leaves_nothing_behind(
    store: PostgresLedgerStore, schema: str, postgres: str
) -> None:
    await store.add([new("a"), new("b")], now=NOW)
    for owner in ("first", "second"):
        await store.enrol(owner, lease_until=LEASE)
        (row,) = await store.claim(owner, count=1, lease_until=LEASE, now=NOW)
        marked = await store.mark_sending([row.id], owner=owner, now=NOW)
        event = Event.ACCEPT if owner == "first" else Event.LOSE
        await store.record([Outcome(id=row.id, owner=owner, attempt=marked[row.id], event=event)], now=NOW)
        await store.renew(owner, lease_until=0.0)
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        cursor = await connection.execute(SQL("SELECT name FROM {}").format(Identifier(schema, "owner")))
        assert await cursor.fetchall() == [("second",)]  # its row is in doubt, and says whose it was
    await nobody_lives(postgres)  # while the store is open


# Batches ----------------------------------------------------------------------------------------------------------


async def test_owners_that_were_killed_are_forgotten_once_no_row_is_theirs(
    store: PostgresLedgerStore, some: Rows, postgres: str, own_schema: str
) -> None:
    await store.add(some(0, 3), now=NOW)
    for owner, lease_until in (("without rows", LEASE), ("in doubt", LEASE), ("alive", LEASE + 100)):
        await store.claim(owner, count=1, lease_until=lease_until, now=NOW)
    await store.mark_sending([2], owner="in doubt", now=NOW)
    assert await store.forget_owners(before=LEASE + 1) == 0
    await store.recover("other", now=LEASE + 1)
    assert await store.forget_owners(before=LEASE + 1) == 1
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        names = SQL("SELECT name FROM {}.owner ORDER BY name").format(Identifier(own_schema))
        assert await (await connection.execute(names)).fetchall() == [("alive",), ("in doubt",)]


async def test_batch_is_a_ledger_of_its_own(store: PostgresLedgerStore, some: Rows) -> None:
    await store.add(some(0, 5), now=NOW)
    addition, batch = await store.add_batch(some(3, 4), now=NOW)
    assert (addition, batch) == (Addition(new=2, repeated=2), batch)
    assert batch is not None
    view = store.of_batch(batch)
    assert (await view.counts())[State.PENDING] == 2
    assert [row.key for row in await rows_of(view)] == ["k5", "k6"]
    assert [row.key for row in await view.claim("a", count=9, lease_until=LEASE, now=NOW)] == ["k5", "k6"]
    assert await view.cancel(now=NOW) == 2
    assert (await store.counts())[State.PENDING] == 5


async def test_batch_of_rows_that_are_there_already_is_none(store: PostgresLedgerStore, some: Rows) -> None:
    await store.add_batch(some(0, 3), now=NOW)
    assert await store.add_batch(some(0, 3), now=NOW) == (Addition(repeated=3), None)


async def test_batch_in_a_transaction_of_the_caller_is_there_when_it_commits(
    store: PostgresLedgerStore, some: Rows, postgres: str
) -> None:
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        await connection.execute("CREATE TEMPORARY TABLE orders (number integer)")
        await connection.execute("INSERT INTO orders VALUES (1)")
        await store.add_batch(some(0, 3), now=NOW, connection=connection)
        await store.add_batch(some(3, 3), now=NOW, connection=connection)
        assert (await store.counts())[State.PENDING] == 0
        await connection.rollback()
        assert (await store.counts())[State.PENDING] == 0
        await store.add_batch(some(0, 3), now=NOW, connection=connection)
        await connection.commit()
    assert (await store.counts())[State.PENDING] == 3


async def test_conflict_in_a_transaction_of_the_caller_does_not_end_it(
    store: PostgresLedgerStore, some: Rows, postgres: str
) -> None:
    await store.add([new("k")], now=NOW)
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        addition, batch = await store.add_batch([new("a"), new("k", payload=b"[]")], now=NOW, connection=connection)
        assert ([conflict.key for conflict in addition.conflicts], batch) == (["k"], None)
        await store.add_batch(some(0, 2), now=NOW, connection=connection)
    assert sorted(row.key for row in await rows_of(store)) == ["k", "k0", "k1"]


# The schema -------------------------------------------------------------------------------------------------------


@pytest.fixture
def connection(postgres: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(postgres, autocommit=True) as opened:
        yield opened


async def test_schema_of_something_else_is_left_alone(
    another: Another, schema: str, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
    connection.execute(SQL("CREATE TABLE {} (id integer)").format(Identifier(schema, "message")))
    with pytest.raises(errors.OutboxError, match="something else; it was left as it is"):
        await another().open()
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
    assert tables == [("message",)]


async def test_schema_of_a_newer_version_is_left_alone(
    store: PostgresLedgerStore, another: Another, schema: str, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    statement = SQL("UPDATE {} SET value = '99' WHERE name = 'schema_version'")
    connection.execute(statement.format(Identifier(schema, "setting")))
    with pytest.raises(errors.OutboxError, match="newer version of this package"):
        await another().open()
    assert (await store.counts())[State.PENDING] == 0


async def test_schema_without_traces_is_brought_up_to_date(
    another: Another, schema: str, connection: psycopg.Connection[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = database.migrations("vonage_messages.stores.postgres")[:3]
    with monkeypatch.context() as patch:
        patch.setattr(database, "migrations", lambda _package: before)
        async with another():
            pass
    values = SQL("INSERT INTO {} (key, ref, version, created, digest, payload) VALUES ('k', 'r', 'v1', 1, '', '{{}}')")
    connection.execute(values.format(Identifier(schema, "message")))
    progress = SQL("INSERT INTO {} (id, state, attempts, updated) VALUES (1, 'pending', 0, 1)")
    connection.execute(progress.format(Identifier(schema, "progress")))
    async with another() as store:
        assert await store.claim("a", count=1, lease_until=NOW, now=NOW) == [Claimed(1, "k", "r", "v1", b"{}", 0, None)]


async def test_processes_may_make_the_schema_at_the_same_moment(another: Another) -> None:
    stores = [another() for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    assert (await stores[0].counts())[State.PENDING] == 0
    await asyncio.gather(*(store.close() for store in stores))


async def test_cipher_leaves_no_plain_text_in_the_database(
    another: Another, schema: str, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    from cryptography.fernet import Fernet  # noqa: PLC0415  it takes its time

    async with another(cipher=Fernet(Fernet.generate_key())) as store:
        await store.add([new("a", payload=b'{"text":"the secret"}', recipient="447700900000")], now=NOW)
        await store.save_limit_states({"pair 447700900000": b"the secret"})
    for table in ("message", "limit_state"):
        rows = connection.execute(SQL("SELECT * FROM {}").format(Identifier(schema, table))).fetchall()
        assert len(rows) == 1
        assert "447700900000" not in repr(rows)
        assert b"the secret" not in b"".join(bytes(each) for each in rows[0] if isinstance(each, (bytes, memoryview)))


# Failures ---------------------------------------------------------------------------------------------------------


async def test_server_that_cannot_be_reached_is_unavailable() -> None:
    store = PostgresLedgerStore("postgresql://nobody@127.0.0.1:1/nothing", patience=0.2)
    with pytest.raises(errors.StoreUnavailableError, match="cannot be read or written now"):
        await store.open()
    with pytest.raises(errors.OutboxError, match="not open"):
        await store.counts()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"conninfo": "postgresql://user@[host/database"}, "connection string"),
        ({"conninfo": "", "schema": "my-schema"}, "plain name"),
        ({"conninfo": "", "schema": "s" * 57}, "56 bytes at most"),
        ({"conninfo": "", "schema": "ü" * 29}, "56 bytes at most"),
        ({"conninfo": "", "connections": 0}, "1 or more"),
        ({"conninfo": "", "patience": 0}, "patience must be a finite"),
        ({"conninfo": "", "patience": math.nan}, "patience must be a finite"),
    ],
)
def test_option_that_cannot_work_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=sentence):
        PostgresLedgerStore(**options)


async def test_errors_tell_nothing_of_what_was_written(store: PostgresLedgerStore) -> None:
    with pytest.raises(errors.OutboxError) as raised:
        await store.add([new("the secret", recipient="447700900000\0")], now=NOW)
    assert "447700900000" not in str(raised.value)
    assert "the secret" not in str(raised.value)


async def test_connection_string_and_its_password_are_not_shown() -> None:
    assert (
        repr(PostgresLedgerStore("postgresql://user:secret@host/d")) == "PostgresLedgerStore(schema='vonage_messages')"
    )
    database = Database("postgresql://user:secret@127.0.0.1:1/d", schema="s", connections=1, patience=0.1)
    with pytest.raises(errors.StoreUnavailableError) as raised:
        await database.open()
    assert "secret" not in str(raised.value)


def test_owner_has_a_lock_of_its_own_in_each_schema(another: Another) -> None:
    first, second = another(), another(schema="other")
    assert first._presence.key("a") != second._presence.key("a") != first._presence.key("b")
