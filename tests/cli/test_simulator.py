"""``simulator``: a real process on a real port, stopped by a real signal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from vonage_messages import ApplicationAuth, AuthenticationError, Client, RateLimitedError, RawMessage, Sms
from vonage_messages.cli.application import application
from vonage_messages.cli.simulator_options import habits_in
from vonage_messages.errors import PaymentRequiredError, ValidationError
from vonage_messages.webhooks.signing import SignatureVerifier

pytestmark = pytest.mark.usefixtures("forked")
COMMAND = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py"), "-W", "error", "-m", "vonage_messages"]
LONG = 120
"""More seconds than anything here takes on the busiest machine."""

HELLO = Sms(to="447700900000", from_="Acme", text="open sesame")


class Running:
    """A simulator in its own process, with what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.environment: dict[str, str] = {}

    async def line(self) -> str:
        if self.process.stdout is None:
            raise AssertionError("started without a pipe")
        return (await asyncio.wait_for(self.process.stdout.readline(), LONG)).decode().rstrip("\n")

    async def started(self) -> None:
        """Read the lines that another terminal would be given."""
        first = await self.line()
        assert first.startswith("The Messages API, simulated at http://127.0.0.1:")
        assert await self.line() == ""
        while line := await self.line():  # ends with the empty line that follows five exports, or at end of file
            word, assignment = shlex.split(line)
            assert word == "export"
            name, _, value = assignment.partition("=")
            self.environment[name] = value

    def client(self, **options: object) -> Client:
        return Client.from_env(environ=self.environment, **options)

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        output, errors = await asyncio.wait_for(self.process.communicate(), LONG)
        assert errors.decode() == ""
        return self.process.returncode or 0, output.decode()


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "simulator", "--port", "0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80"},
    )
    try:
        simulated = Running(process)
        await simulated.started()
        yield simulated
    finally:
        if process.returncode is None:
            process.terminate()  # so that it takes its key file away
            try:
                await asyncio.wait_for(process.communicate(), LONG)
            except TimeoutError:
                process.kill()
                await process.communicate()
                raise


def mode(path: Path) -> int | None:
    """Give the permissions of a file, or ``None`` where there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def test_the_printed_environment_points_a_program_here() -> None:
    async with running() as simulated, simulated.client() as client:
        assert set(simulated.environment) == {
            "VONAGE_API_KEY",
            "VONAGE_API_SECRET",
            "VONAGE_APPLICATION_ID",
            "VONAGE_PRIVATE_KEY",
            "VONAGE_BASE_URL",
            "VONAGE_SIGNATURE_SECRET",
        }
        sent = await client.send(HELLO)
        line = await simulated.line()
        assert sent.message_uuid in line
        assert "202  v1  sms  text  ****" in line
        assert "447700900000" not in line
        assert "sesame" not in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_with_a_summary_and_exit_code_0(number: int) -> None:
    async with running() as simulated:
        async with simulated.client() as client:
            await client.send(HELLO)
            with pytest.raises(ValidationError):
                await client.attempt(RawMessage({"channel": "fax"}))
        code, output = await simulated.stop(number)
    assert code == 0
    assert output.endswith("\nStopped: 1 accepted, 1 refused.\n")


async def test_every_message_and_refusal_gets_its_line_in_order() -> None:
    async with running() as simulated:
        async with simulated.client() as client:
            sent = [await client.send(HELLO) for _ in range(3)]
            with pytest.raises(ValidationError):
                await client.attempt(RawMessage({"channel": "sms", "message_type": "text", "to": "447700900000"}))
            sent.append(await client.send(HELLO, api_version="v0.1"))
        _, output = await simulated.stop()
    lines = output.splitlines()[:5]
    assert [each.message_uuid for each in sent] == [lines[index].split()[-1] for index in (0, 1, 2, 4)]
    assert "422  POST  /v1/messages  " in lines[3]
    assert "from: is required" in lines[3]
    assert "202  v0.1  sms  text" in lines[4]


async def test_show_shows_numbers_and_texts_without_control_characters() -> None:
    async with running("--show") as simulated, simulated.client() as client:
        for version in ("v1", "v0.1"):
            await client.send(Sms(to="447700900000", from_="Acme", text="open \x1b[2J sesame"), api_version=version)
            line = await simulated.line()
            assert "Acme -> 447700900000" in line
            assert line.endswith(r"open \x1b[2J sesame")


async def test_the_key_is_readable_for_its_owner_alone_and_goes_with_the_simulator() -> None:
    async with running() as simulated:
        key = Path(simulated.environment["VONAGE_PRIVATE_KEY"])
        assert (mode(key), mode(key.parent)) == (0o600, 0o700)
        await simulated.stop()
    assert mode(key) is None


async def test_a_key_file_is_made_kept_and_used_again(tmp_path: Path) -> None:
    key = tmp_path / "private.key"
    async with running("--key-file", str(key)) as simulated:
        assert simulated.environment["VONAGE_PRIVATE_KEY"] == str(key)
        await simulated.stop()
    made = key.read_text(encoding="ascii")
    assert mode(key) == 0o600
    async with running("--key-file", str(key)) as simulated, simulated.client() as client:
        await client.send(HELLO)
    assert key.read_text(encoding="ascii") == made


async def test_the_rate_is_adjustable() -> None:
    # One at once, and the next after more than anybody takes to ask twice, however busy the machine is.
    async with running("--rate", "0.001") as simulated, simulated.client() as client:
        await client.attempt(HELLO)
        with pytest.raises(RateLimitedError):
            await client.attempt(HELLO)


async def test_the_rate_can_be_off() -> None:
    async with running("--rate", "off") as simulated, simulated.client() as client:
        sent = [await client.attempt(HELLO) for _ in range(60)]
    assert len(sent) == 60


async def test_the_balance_runs_out() -> None:
    async with running("--balance", "0.01") as simulated, simulated.client() as client:
        await client.attempt(HELLO)
        with pytest.raises(PaymentRequiredError):
            await client.attempt(HELLO)
        assert "  202  " in await simulated.line()
        assert "402  POST  /v1/messages  Low balance" in await simulated.line()


async def test_a_stranger_is_refused() -> None:
    async with running() as simulated:
        environment = simulated.environment
        stranger = ApplicationAuth("not-this-one", Path(environment["VONAGE_PRIVATE_KEY"]))
        async with Client(stranger, base_url=environment["VONAGE_BASE_URL"]) as client:
            with pytest.raises(AuthenticationError):
                await client.send(HELLO)


async def test_a_port_that_is_taken_is_one_sentence_and_exit_code_2() -> None:
    async with running() as simulated:
        port = simulated.environment["VONAGE_BASE_URL"].rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "simulator", "--port", port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), LONG)
    assert (process.returncode, output) == (2, b"")
    assert errors.decode().startswith(f"port {port} of 127.0.0.1 is taken")
    assert errors.count(b"\n") == 1


@pytest.mark.each(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "loopback only"),  # noqa: S104  refused is what it should be
        (["--speed", "-1"], "speed must be"),
        (["--status-url", "https://example.com/"], "status_url must be"),
        (["--read-share", "2"], "read_share must be a share"),
        (["--api-key", "a:b"], "api_key must be"),
        (["--people", "no-such-file"], "--people"),
        (["--host", "example.com", "--expose"], "IP address"),
        (["--rate", "0"], "rate must be a positive number"),
        (["--rate", "nan"], "rate must be a positive number"),
        (["--rate", "many"], "neither a number nor off"),
        (["--balance", "much"], "is no amount"),
        (["--balance", "NaN"], "balance must be a finite"),
        (["--port", "70000"], "--port"),
        (["--key-file", "."], "--key-file"),
        (["--callback-host", "http://my-service"], "callback_hosts must be names or addresses"),
    ],
)
def test_options_that_cannot_work_are_exit_code_2(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(application, ["simulator", "--port", "0", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


@pytest.mark.parametrize("content", ["no key", "gr\u00fc\u00dfe", "x" * 70_000], ids=["text", "not ASCII", "large"])
def test_a_key_file_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    key = tmp_path / "notes.txt"
    key.write_text(content, encoding="utf-8")
    result = CliRunner().invoke(application, ["simulator", "--port", "0", "--key-file", str(key)])
    assert result.exit_code == 2
    assert "private" in result.stderr
    assert key.read_text(encoding="utf-8") == content


def test_a_key_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "no-such-folder" / "private.key"
    result = CliRunner().invoke(application, ["simulator", "--port", "0", "--key-file", str(missing)])
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory." in result.stderr


async def test_settings_are_those_of_the_options(tmp_path: Path) -> None:
    people = tmp_path / "people.toml"
    people.write_text('[[people]]\nanswers = { text = "YES", after = 600 }\n', encoding="utf-8")
    heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    verifier = SignatureVerifier("a secret of ours")

    async def hear(request: web.Request) -> web.Response:
        body = await request.read()
        verifier.verify(request.headers, body)
        heard.put_nowait((request.path, json.loads(body)))
        return web.Response()

    application = web.Application()
    application.router.add_post("/{kind}", hear)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with running(
            *("--status-url", f"{url}/status", "--inbound-url", f"{url}/inbound", "--webhook-version", "v0.1"),
            *("--api-key", "abcd1234", "--api-secret", "ours", "--application-id", "our-app"),
            *("--signature-secret", "a secret of ours", "--speed", "3600", "--people", str(people)),
        ) as simulated:
            assert simulated.environment["VONAGE_API_KEY"] == "abcd1234"
            assert simulated.environment["VONAGE_API_SECRET"] == "ours"
            assert simulated.environment["VONAGE_APPLICATION_ID"] == "our-app"
            async with simulated.client() as client:
                await client.send(Sms(to="447700900000", from_="447700900001", text="Coming?"))
            told = [await asyncio.wait_for(heard.get(), LONG) for _ in range(3)]
        # In any order: on a busy machine ten minutes of this clock are over before the second status has left.
        assert sorted(path for path, _ in told) == ["/inbound", "/status", "/status"]
        assert [body["message"]["content"]["text"] for path, body in told if path == "/inbound"] == ["YES"]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("people = 5", "tables [[people]]"),
        ("people = [5]", "tables [[people]]"),
        ("[[people]]\nchannel = []", "number 1: channel must be a text"),
        ("[people", "is no TOML"),
        ("people = " + "[" * 5_000, "is no TOML"),
        ("[[people]]\n[[person]]", "tables [[people]]"),
        ("[[people]]\n[[people]]\nreads = { after = -1 }", "number 2: after must be"),
    ],
)
def test_people_that_cannot_be_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    people = tmp_path / "people.toml"
    people.write_text(content, encoding="utf-8")
    result = CliRunner().invoke(application, ["simulator", "--port", "0", "--people", str(people)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in " ".join(result.stderr.split())


async def test_exposed_simulator_says_so_and_is_reached_at_home() -> None:
    async with running("--host", "0.0.0.0", "--expose") as simulated, simulated.client() as client:  # noqa: S104  said aloud
        assert simulated.environment["VONAGE_BASE_URL"].startswith("http://127.0.0.1:")
        assert (await simulated.line()).startswith("Other machines reach it at 0.0.0.0, port ")
        await client.send(HELLO)


def test_people_of_the_documentation_are_habits(tmp_path: Path) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "command-line.md"
    section = page.read_text(encoding="utf-8").partition("\n## simulator\n")[2]
    (table,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    people = tmp_path / "people.toml"
    people.write_text(table, encoding="utf-8")
    habits = habits_in(people)
    assert [(habit.to, habit.channel, len(habit.acts)) for habit in habits] == [
        (None, None, 2),
        (None, "whatsapp", 2),
        ("447700900000", None, 1),
    ]


async def test_time_that_stands_still_is_moved_from_outside() -> None:
    async with running("--speed", "0", "--delivered-after", "3600") as simulated:
        url = simulated.environment["VONAGE_BASE_URL"]
        async with simulated.client() as client, aiohttp.ClientSession() as session:
            sent = await client.send(HELLO)
            reached = []
            for seconds in (0, 7200):
                async with session.post(f"{url}/_simulator/clock/advance", json={"seconds": seconds}) as response:
                    assert response.status == 200
                async with session.get(f"{url}/_simulator/messages/{sent.message_uuid}") as response:
                    reached.append([each["status"] for each in (await response.json())["message"]["statuses"]])
    assert reached[0] in ([], ["submitted"])
    assert reached[1] == ["submitted", "delivered"]


async def test_what_is_kept_is_not_told_again(tmp_path: Path) -> None:
    keep = ("--keep", str(tmp_path / "state.sqlite"))
    async with running(*keep) as simulated:
        async with simulated.client() as client:
            await client.send(HELLO)
        await simulated.stop()
    async with running(*keep) as simulated:
        assert await simulated.line() == "Kept from before: 1 message."
        async with simulated.client() as client:
            sent = await client.send(HELLO)
        _, output = await simulated.stop()
    assert sent.message_uuid in output
    assert output.endswith("\nStopped: 1 accepted, 0 refused.\n")
