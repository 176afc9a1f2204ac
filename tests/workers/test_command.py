"""``vonage-messages workers``: real processes on a real engine, real signals, and what is shown of them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import procrastinate
import psycopg
import pytest
from click.testing import CliRunner, Result

from vonage_messages import ConfigurationError, Limits, Sms
from vonage_messages.cli.application import application
from vonage_messages.ledger import State
from vonage_messages.simulator import Simulator
from vonage_messages.stores.postgres import PostgresLedgerStore
from vonage_messages.workers import HealthAddress, Workers, register, run_worker
from vonage_messages.workers.health import metrics

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
LONGEST_RUN = 60
PATIENT = ("--stalled-after", "3600")
"""However long it takes to look: a worker counts as alive that was killed just now."""
DOCUMENTATION = Path(__file__).parent.parent.parent / "docs" / "command-line.md"
Begin = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def workers(app: procrastinate.App, database: str, simulator: Simulator) -> AsyncIterator[Workers]:
    registered = register(app, PostgresLedgerStore(database), simulator.client, limits=Limits.unlimited())
    yield registered
    await registered.close()


@pytest.fixture
async def begin(
    forked: None,  # noqa: ARG001  for the programs
    database: str,
    simulator: Simulator,
    tmp_path: Path,
) -> AsyncIterator[Begin]:
    """Begin ``workers run`` in a process of its own; it is killed at the end of the test, if it still runs."""
    begun: list[asyncio.subprocess.Process] = []
    limits = tmp_path / "limits.toml"
    limits.write_text("")

    async def begin_one(*arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(*PYTHON, "-W", "error", "-m", "vonage_messages", "workers", "run", "--limits", str(limits)),
            *arguments,
            env={**os.environ, **simulator.environment(), "VONAGE_DATABASE_URL": database},
            stderr=asyncio.subprocess.PIPE,
        )
        begun.append(process)
        return process

    yield begin_one
    for process in begun:
        if process.returncode is None:
            process.kill()
        await asyncio.wait_for(process.communicate(), LONGEST_RUN)


def without_numbers(text: str) -> list[str]:
    """Blank out what is different in each run."""
    return re.sub(r"[\d,]+", "0", re.sub("─+", "", text)).split()


def some(count: int) -> list[Sms]:
    return [Sms(to=str(447700900000 + n), from_="Acme", text="the secret", client_ref=f"c{n}") for n in range(count)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LONGEST_RUN):
        while not await condition():  # noqa: ASYNC110  what happens in another process sets no event here
            await asyncio.sleep(0.05)


async def nobody_lives(database: str) -> None:
    """Wait until the server has let go of what shows that an owner lives: it sees the end of a connection by itself."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:

        async def is_so() -> bool:
            found = await connection.execute(
                "SELECT FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            return not found.rowcount

        await until(is_so)


def told(*arguments: str, database: str | None = None) -> Result:
    environment = {"COLUMNS": "80", "NO_COLOR": "1", "VONAGE_DATABASE_URL": database}
    return CliRunner().invoke(application, ["workers", *arguments], env=environment)


async def test_worker_runs_over_lost_connections_and_tells_its_health_until_it_is_asked_to_end(
    workers: Workers, begin: Begin, simulator: Simulator, database: str, unused_tcp_port: int
) -> None:
    simulator.faults.add("slow", seconds=0.02)
    await workers.enqueue(some(600))
    process = await begin("--health-port", str(unused_tcp_port), "--connections", "4", "--stalled-after", "3")

    async def arrived(count: int) -> None:
        async def so_many() -> bool:
            return len(simulator.messages) >= count

        await until(so_many)

    await arrived(50)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND"
            " datname = current_database()"
        )
    await arrived(400)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as session:

        async def is_healthy() -> bool:
            async with session.get("/healthz") as answer:
                return answer.status == 200 and (await answer.json())["status"] == "ok"

        await until(is_healthy)
        async with session.get("/metrics") as answer:
            text = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|vonage_messages_\w+(\{\w+="\w+"\})? -?\d+(\.\d+)?', line), line
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(samples['vonage_messages_rows{state="accepted"}']) > 0
    assert samples["vonage_messages_up"] == samples["vonage_messages_database_up"] == "1"
    process.terminate()
    _, errors = await asyncio.wait_for(process.communicate(), LONGEST_RUN)
    assert process.returncode == 0
    assert b"secret" not in errors
    assert b"4477009" not in errors
    counts = await workers.ledger.counts()
    assert counts[State.SENDING] == counts[State.CLAIMED] == 0
    assert counts[State.IN_DOUBT] <= 4 * 4  # four batches at a time, with four requests each, when connections went
    assert counts[State.ACCEPTED] <= len(simulator.messages) <= counts[State.ACCEPTED] + counts[State.IN_DOUBT]
    assert len({message.client_ref for message in simulator.messages}) == len(simulator.messages)


async def test_second_signal_ends_at_once_and_a_rescue_finds_what_was_on_its_way(
    workers: Workers, begin: Begin, simulator: Simulator, database: str
) -> None:
    simulator.faults.add("slow", seconds=25.0)
    await workers.enqueue(some(30))
    process = await begin("--connections", "4", "--verbose", *PATIENT)

    async def are_on_their_way() -> bool:
        return (await workers.ledger.counts())[State.SENDING] == 4

    await until(are_on_their_way)
    process.send_signal(signal.SIGINT)
    if process.stderr is None:
        raise AssertionError("started without a pipe")
    async with asyncio.timeout(LONGEST_RUN):
        while b"Stop requested" not in (line := await process.stderr.readline()):
            assert line, "it has ended"
    process.terminate()
    assert await asyncio.wait_for(process.wait(), LONGEST_RUN) == -signal.SIGTERM
    await nobody_lives(database)
    rescued = await asyncio.to_thread(told, "rescue", *PATIENT, database=database)
    assert rescued.output == "26 rows wait again, 4 more are in doubt; 0 batches go to other workers.\n"
    again = await asyncio.to_thread(told, "rescue", "--json", *PATIENT, database=database)
    assert json.loads(again.output) == {"released": 0, "in_doubt": 0, "jobs": 0, "given": 0}
    shown = await asyncio.to_thread(told, "status", "--json", *PATIENT, database=database)
    document = json.loads(shown.output)
    assert document["rows"]["in_doubt"] == 4
    assert document["rows"]["pending"] == 26
    assert document["jobs"] == {"doing": 1}
    assert [worker["alive"] for worker in document["workers"]] == [True]  # nobody has missed it yet


async def test_status_shows_rows_jobs_and_workers(workers: Workers, app: procrastinate.App, database: str) -> None:
    await workers.enqueue(some(450))
    await app.job_manager.register_worker()
    shown = await asyncio.to_thread(told, "status", *PATIENT, database=database)
    assert shown.exit_code == 0
    assert max(len(line.rstrip()) for line in shown.output.splitlines()) <= 80
    assert "\x1b" not in shown.output
    words = shown.output.split()
    assert words[words.index("pending") + 1] == "450"
    assert "Batches that wait: 3. Jobs: 3 todo." in shown.output
    assert words[words.index("Worker") :][-1] == "alive"


async def test_database_without_a_campaign_is_left_as_it_is(database: str) -> None:
    for command in ("status", "rescue"):
        answer = await asyncio.to_thread(told, command, database=database)
        assert answer.exit_code == 2
        assert "that database holds no campaign yet" in answer.output
    async with await psycopg.AsyncConnection.connect(database) as connection:
        tables = await connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname !~ '^(pg_|information)'")
        assert await tables.fetchone() == (0,)


def test_server_that_cannot_be_reached_is_a_sentence() -> None:
    answer = told("status", "--database", "postgresql://nobody:the-password@127.0.0.1:1/none")
    assert answer.exit_code == 1
    assert answer.output == "PostgreSQL cannot be read or written now.\n"


def test_database_must_be_named() -> None:
    answer = told("status")
    assert answer.exit_code == 2
    assert "VONAGE_DATABASE_URL" in answer.output


def test_limits_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_bytes(b"\xff\xfe")
    answer = told("run", "--database", "postgresql://nobody@127.0.0.1:1/none", "--limits", str(limits))
    assert (answer.exit_code, answer.output) == (2, f"{limits} is not UTF-8 text.\n")


def test_missing_credentials_are_told_before_anything_begins(database: str) -> None:
    environment = dict.fromkeys(("VONAGE_API_KEY", "VONAGE_API_SECRET", "VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY"))
    answer = CliRunner().invoke(application, ["workers", "run", "--database", database], env=environment)
    assert answer.exit_code == 2
    assert "VONAGE_API_KEY" in answer.output


def test_missing_extra_is_a_sentence() -> None:
    program = (
        "import sys; sys.modules['procrastinate'] = None; from vonage_messages.cli.application import run;"
        "sys.argv = ['vonage-messages', 'workers', 'status', '--database', 'postgresql://']; run()"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  ours
    assert answer.returncode == 2
    assert answer.stderr == ('Workers need procrastinate and psycopg: pip install "vonage-messages-async[workers]"\n')


def test_demo_accounts_for_every_message() -> None:
    answer = told("demo", "--messages", "600")
    assert answer.exit_code == 0, answer.output
    assert "Every message is accounted for, and none was requested twice." in answer.output
    assert "WRONG" not in answer.output
    shown = (
        DOCUMENTATION.read_text(encoding="utf-8").partition("$ vonage-messages workers demo\n")[2].partition("```")[0]
    )
    assert without_numbers(answer.output) == without_numbers(shown)
    assert max(len(line.rstrip()) for line in answer.output.splitlines()) <= 80


async def test_worker_in_a_program_ends_when_it_is_told(workers: Workers, simulator: Simulator) -> None:
    await workers.enqueue(some(20))
    stopping = asyncio.Event()
    running = asyncio.ensure_future(run_worker(workers, concurrency=2, stopping=stopping))

    async def all_have_arrived() -> bool:
        return len(simulator.messages) == 20

    await until(all_have_arrived)
    stopping.set()
    await asyncio.wait_for(running, LONGEST_RUN)


async def test_health_says_that_the_database_is_gone(simulator: Simulator, unused_tcp_port: int) -> None:
    lost = register(
        procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo="postgresql://127.0.0.1:1/none")),
        PostgresLedgerStore("postgresql://127.0.0.1:1/none", patience=0.1),
        simulator.client,
    )
    stopping = asyncio.Event()
    health = HealthAddress(unused_tcp_port)
    running = asyncio.ensure_future(run_worker(lost, health=health, stopping=stopping))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as session:

        async def answers() -> bool:
            try:
                async with session.get("/healthz") as answer:
                    assert answer.status == 503
                    return (await answer.json()) == {"status": "unavailable", "engine": False, "database": False}
            except aiohttp.ClientConnectionError:
                return False

        await until(answers)
        async with session.get("/metrics") as answer:
            assert "vonage_messages_database_up 0" in await answer.text()
    stopping.set()
    await asyncio.wait_for(running, LONGEST_RUN)


def test_metrics_without_a_database_tell_that_alone() -> None:
    assert list(metrics(None))[-1] == "vonage_messages_database_up 0"


async def test_option_of_a_run_that_cannot_work_is_refused(workers: Workers) -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        await run_worker(workers, concurrency=0)
    with pytest.raises(ConfigurationError, match="port"):
        await run_worker(workers, health=HealthAddress(99_999))
