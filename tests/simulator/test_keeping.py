"""The state in a file: there again after a restart and a kill, bounded, and never over what is something else."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import Client, Sms
from vonage_messages.channels.rcs import RcsText
from vonage_messages.clock import ManualClock
from vonage_messages.errors import ConfigurationError, ValidationError
from vonage_messages.simulator import Delivery, Simulator
from vonage_messages.simulator.keeping import APPLICATION_ID, MESSAGE, Keeper

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)
SMS = Sms(to="447700900000", from_="447700900001", text="Hello \u2713")
RCS = RcsText(to="447700900000", from_="Acme", text="Hello")


def everything(simulator: Simulator) -> list[Any]:
    state = simulator.state
    return [
        state.messages,
        [state.statuses(each.message_uuid) for each in state.messages],
        [state.exchange(each.request_id) for each in state.messages],
        state.refusals,
        state.inbound,
        [state.media(each.message_uuid) for each in state.inbound],
        simulator.callbacks,
    ]


async def test_everything_is_there_again_after_a_restart(tmp_path: Path, unused_tcp_port: int) -> None:
    file = tmp_path / "state.sqlite"
    url = f"http://127.0.0.1:{unused_tcp_port}/"
    async with Simulator(keep=file, delivery=FAST, inbound_url=url, clock=ManualClock()) as simulator:
        async with simulator.client() as client:
            await client.send(SMS)
            sent = await client.send(RCS, failover=[SMS])
            await client.revoke(sent.message_uuid)
            with pytest.raises(ValidationError):
                await client.revoke(simulator.messages[0].message_uuid)
        await simulator.inbound(channel="mms", message_type="image", media=b"\x89PNG\xff")
        await simulator.settle()
        before = everything(simulator)
    assert all(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 or sys.platform == "win32"
    async with Simulator(keep=file) as simulator:
        assert everything(simulator) == before
        async with simulator.client() as client:
            await client.send(SMS)
        assert len(simulator.messages) == len(before[0]) + 1
    async with Simulator(keep=file) as simulator:
        assert len(simulator.messages) == len(before[0]) + 1
        simulator.clear()
    async with Simulator(keep=file) as simulator:
        assert not any(everything(simulator))


async def test_no_file_of_it_is_for_others_and_one_that_is_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = os.umask(0)
    try:
        async with Simulator(keep=tmp_path / "made.sqlite") as simulator, simulator.client() as client:
            await client.send(SMS)
            modes = {stat.S_IMODE(file.stat().st_mode) for file in os.scandir(tmp_path)}
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert caplog.messages == []
    (open_to_all := tmp_path / "open.sqlite").touch()
    open_to_all.chmod(0o644)
    async with Simulator(keep=open_to_all):
        pass
    assert [message.partition(",")[0] for message in caplog.messages] == [
        f"every user of this machine may use {open_to_all} (mode 0644)"
    ]


async def test_simulator_that_is_started_again_remembers_once(tmp_path: Path) -> None:
    simulator = Simulator(keep=tmp_path / "state.sqlite", delivery=FAST)
    for expected in (1, 2):
        async with simulator:
            async with simulator.client() as client:
                await client.send(SMS)
            assert len(simulator.messages) == expected


@pytest.mark.usefixtures("forked")
async def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    file, sent = tmp_path / "state.sqlite", []
    process = await asyncio.create_subprocess_exec(
        *(*PYTHON, "-m", "vonage_messages", "simulator", "--port", "0", "--rate", "off"),
        *("--keep", str(file), "--key-file", str(tmp_path / "private.key")),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert process.stdout is not None
    try:
        environment: dict[str, str] = {}
        while len(environment) < 6:  # ends: six exports, or a test that takes too long
            line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                environment[name] = value
        async with Client.from_env(environ=environment) as client:
            sent = [(await client.send(SMS)).message_uuid for _ in range(30)]
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    async with Simulator(keep=file) as simulator:
        assert [message.message_uuid for message in simulator.messages] == sent
        assert simulator.state.exchange(simulator.messages[-1].request_id) is not None


async def test_oldest_go_first(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    keeper = Keeper.open(file, 10)
    for number in range(700):
        keeper.put("refusal", str(number), {"number": number})
    keeper.close()
    with sqlite3.connect(file) as connection:
        keys = [int(key) for (key,) in connection.execute("SELECT key FROM entry ORDER BY number")]
    connection.close()
    assert len(keys) <= 10 + 500
    assert keys == list(range(700 - len(keys), 700))
    async with Simulator(keep=tmp_path / "other", maximum=2, delivery=FAST) as simulator, simulator.client() as client:
        for _ in range(3):
            await client.send(SMS)
        held = simulator.messages
    async with Simulator(keep=tmp_path / "other", maximum=2) as simulator:
        assert simulator.messages == held


def other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()


def newer_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99; CREATE TABLE x (x)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path.write_text("dear diary"), "another kind of file"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00"), "another kind of file"),
        (other_database, "another program"),
        (newer_schema, "schema 99"),
    ],
    ids=["text", "cut short", "another database", "newer"],
)
async def test_file_that_is_something_else_is_left_alone(tmp_path: Path, make: Any, sentence: str) -> None:
    file = tmp_path / "something"
    make(file)
    before = file.read_bytes()
    simulator = Simulator(keep=file)
    with pytest.raises(ConfigurationError, match=sentence):
        await simulator.start()
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["something"]  # noqa: PTH208  names are all that counts


async def test_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "such" / "folder"):
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            await Simulator(keep=path).start()


async def test_two_simulators_do_not_share_a_file(tmp_path: Path) -> None:
    async with Simulator(keep=tmp_path / "state"):
        with pytest.raises(ConfigurationError, match="another simulator"):
            await Simulator(keep=tmp_path / "state").start()
    async with Simulator(keep=tmp_path / "state"):
        pass


async def test_damaged_file_is_said_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "state"
    keeper = Keeper.open(file, 10)
    keeper.put(MESSAGE, "a", {"no": "message"})
    keeper.close()
    with pytest.raises(ConfigurationError, match="damaged"):
        await Simulator(keep=file).start()


def test_file_that_cannot_be_written_any_more_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper.open(tmp_path / "state", 10)
    keeper.close()
    with caplog.at_level(logging.ERROR):
        keeper.put("refusal", "a", {})
        keeper.forget()
    assert "not kept" in caplog.text
    assert "emptied" in caplog.text
