"""Programs that SIGINT or SIGTERM ends in mid-send: real processes, real signals, a platform that waits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from vonage_messages.clients import Client
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.sending.outbox import Outbox
from vonage_messages.webhooks.signing import sign_webhook

pytestmark = pytest.mark.usefixtures("forked")

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[2] / "forked.py"), "-W", "error"]
LONG = 60
SIGNALS = [signal.SIGINT, signal.SIGTERM]
ENDS = [(signal.SIGINT, "asyncio"), (signal.SIGTERM, "uvloop")]
"""Each signal, and each loop; in the campaign each signal on each loop."""
if os.environ.get("SHUTDOWN_EXAMPLES"):
    ENDS = [(number, loop) for number in SIGNALS for loop in ("asyncio", "uvloop")]

TOGETHER = 4
"""How many requests a program has under way."""
SECRET = "signature-secret-0123456789abcdef"

PROLOGUE = """
import asyncio, signal, sys
from vonage_messages import Client, Limits, Outbox, Sms, SendQueue, graceful_shutdown

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in the background ignore it

def say(*words):
    print(*words, flush=True)

def sms(number):
    return Sms(to=str(447700900000 + number), from_="Acme", text=str(number), client_ref=f"row-{number}")

cancel = SendQueue.cancel

def stop(queue):
    say("stopping")
    return cancel(queue)  # before anything else happens in this program

SendQueue.cancel = stop

def run(main, loop):
    if loop == "uvloop":
        import uvloop
        uvloop.run(main())
    else:
        asyncio.run(main())
"""

QUEUE = """
def note(outcome):
    say(outcome.message.text, "cancelled" if outcome.error is outcome.sent is None else outcome.error or "accepted")

async def main():
    async with graceful_shutdown(), Client.from_env() as client:
        async with SendQueue(client, limits=Limits.unlimited(), connections=4, on_outcome=note) as queue:
            for number in range(20):
                await queue.put(sms(number))
            await queue.drain()
run(main, sys.argv[1])
"""

OUTBOX = """
async def main():
    async with graceful_shutdown(), Outbox.open(sys.argv[2]) as outbox, Client.from_env() as client:
        await outbox.add(sms(number) for number in range(20))
        await outbox.run(client, limits=Limits.unlimited(), connections=4)
run(main, sys.argv[1])
"""

WITHOUT_HELP = QUEUE.replace("async with graceful_shutdown(), ", "async with ")

WEBHOOKS = """
from aiohttp import web
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import Router, SignatureVerifier

router = Router()

@router.inbound()
async def handle(event):
    say("handling")
    await asyncio.to_thread(sys.stdin.readline)
    say("handled", event.message_uuid)

async def closing(app):
    say("stopping")

async def listening(app):
    say("listening")

app = web.Application()
app.on_shutdown.append(closing)
add_webhooks(app, router, verifier=SignatureVerifier(sys.argv[2]), mode=sys.argv[3], close_timeout=60)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[4]), print=None, loop=None if sys.argv[1] == "asyncio" else
            __import__("uvloop").new_event_loop())
"""


class Platform:
    """Accepts messages, and answers none of them until it is told to."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.answering = asyncio.Event()
        self.environment: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def accept(self, request: web.Request) -> web.Response:
        message = await request.json()
        self.arrived.append(message["text"])
        self._changed.set()
        await self.answering.wait()
        return web.json_response({"message_uuid": f"uuid-{message['text']}"}, status=202)

    async def look_up(self, request: web.Request) -> web.Response:
        self.arrived.append(request.path)
        self._changed.set()
        await self.answering.wait()
        return web.json_response({})

    async def until_arrived(self, number: int) -> None:
        async with asyncio.timeout(LONG):
            while len(self.arrived) < number:  # ends: with the messages, or with the time limit
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    held = Platform()
    app = web.Application()
    app.router.add_post("/v1/messages", held.accept)
    app.router.add_get("/{path:.*}", held.look_up)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    held.environment = {
        "VONAGE_API_KEY": "a1b2c3d4",
        "VONAGE_API_SECRET": "s3cr3tsecret",
        "VONAGE_BASE_URL": f"http://127.0.0.1:{address[1]}",
    }
    yield held
    held.answering.set()
    await runner.cleanup()


class Program:
    """A program that runs beside this one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def says(self, words: str) -> None:
        """Read until it has said *words*."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LONG):
            while words not in self.said:  # ends: with the words, or with the program
                line = await self.process.stdout.readline()
                assert line, (self.said, await self._errors())
                self.said.append(line.decode().rstrip("\n"))

    async def end(self) -> tuple[int | None, str]:
        """Wait for its end; give its exit code and what it complained about."""
        output, errors = await asyncio.wait_for(self.process.communicate(), LONG)
        self.said += output.decode().splitlines()
        return self.process.returncode, errors.decode()

    async def _errors(self) -> str:
        return (await self.process.communicate())[1].decode()


Start = Callable[..., Awaitable[Program]]


@pytest.fixture
async def start(platform: Platform) -> AsyncIterator[Start]:
    running: list[Program] = []

    async def begin(*arguments: str, environment: dict[str, str] | None = None) -> Program:
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **platform.environment, **(environment or {})},
        )
        running.append(Program(process))
        return running[-1]

    yield begin
    for program in running:
        if program.process.returncode is None:
            program.process.kill()
            await program.process.communicate()


@pytest.mark.parametrize(("number", "loop"), ENDS)
async def test_queue_lets_what_is_under_way_end_and_sends_nothing_more(
    start: Start, platform: Platform, number: signal.Signals, loop: str
) -> None:
    program = await start("-c", PROLOGUE + QUEUE, loop)
    await platform.until_arrived(TOGETHER)
    program.process.send_signal(number)
    await program.says("stopping")
    platform.answering.set()
    assert await program.end() == (128 + number, "")
    fates = dict(line.split(" ", 1) for line in program.said if line != "stopping")
    assert fates == {str(each): "accepted" if each < TOGETHER else "cancelled" for each in range(20)}
    assert sorted(platform.arrived) == [str(each) for each in range(TOGETHER)]


@pytest.mark.parametrize(("number", "loop"), ENDS)
async def test_outbox_writes_down_what_became_of_what_was_under_way(
    start: Start, platform: Platform, tmp_path: Path, number: signal.Signals, loop: str
) -> None:
    path = tmp_path / "campaign.db"
    program = await start("-c", PROLOGUE + OUTBOX, loop, str(path))
    await platform.until_arrived(TOGETHER)
    program.process.send_signal(number)
    await program.says("stopping")
    platform.answering.set()
    assert await program.end() == (128 + number, "")
    async with Outbox.open(path) as outbox:
        states = {row.ref: row.state async for row in outbox.rows()}
    assert {ref for ref, state in states.items() if state is State.ACCEPTED} == {
        f"row-{text}" for text in platform.arrived
    }
    assert sum(state is State.PENDING for state in states.values()) == 20 - TOGETHER


async def test_second_signal_ends_at_once_and_the_outbox_knows_what_is_in_doubt(
    start: Start, platform: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "campaign.db"
    program = await start("-c", PROLOGUE + OUTBOX, "asyncio", str(path))
    await platform.until_arrived(TOGETHER)
    program.process.send_signal(signal.SIGINT)
    await program.says("stopping")
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == (-signal.SIGTERM, "")
    platform.answering.set()
    async with Outbox.open(path) as outbox, Client.from_env(environ=platform.environment) as client:
        report = await outbox.run(client, limits=Limits.unlimited())
    assert (report.in_doubt, report.accepted) == (TOGETHER, 20 - TOGETHER)
    assert sorted(platform.arrived, key=int) == [str(each) for each in range(20)]


async def test_ctrl_c_without_help_ends_a_queue_in_the_same_order_and_shows_pythons_traceback(
    start: Start, platform: Platform
) -> None:
    program = await start("-c", PROLOGUE + WITHOUT_HELP, "asyncio")
    await platform.until_arrived(TOGETHER)
    program.process.send_signal(signal.SIGINT)
    await program.says("stopping")
    platform.answering.set()
    code, errors = await program.end()
    assert code == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert sum(line.endswith(" accepted") for line in program.said) == TOGETHER


@asynccontextmanager
async def posted(port: int, event: dict[str, Any]) -> AsyncIterator[asyncio.Task[int]]:
    """Call a webhook, and give the task that waits for its answer."""
    body = json.dumps(event).encode()
    headers = sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=time.time())

    async def post(session: aiohttp.ClientSession) -> int:
        async with session.post(f"http://127.0.0.1:{port}/webhooks/inbound-message", data=body, headers=headers) as got:
            return got.status

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        yield group.create_task(post(session))


@pytest.mark.parametrize(("number", "loop"), ENDS)
@pytest.mark.parametrize("mode", ["run_first", "acknowledge_first"])
async def test_webhook_server_lets_the_handlers_that_run_end(
    start: Start, unused_tcp_port: int, number: signal.Signals, mode: str, loop: str
) -> None:
    port = unused_tcp_port
    program = await start("-c", PROLOGUE + WEBHOOKS, loop, SECRET, mode, str(port))
    await listening(port)
    event = {"channel": "sms", "message_type": "text", "message_uuid": "one", "to": "1", "from": "2", "text": "Hello"}
    async with posted(port, event) as answer:
        await program.says("handling")
        program.process.send_signal(number)
        await program.says("stopping")
        assert program.process.stdin is not None
        program.process.stdin.write(b"\n")
    assert answer.result() == 200
    assert await program.end() == (0, "")
    assert program.said[-1] == "handled one"


async def listening(port: int) -> None:
    async with asyncio.timeout(LONG):
        while True:  # ends: when somebody listens, or with the time limit
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return


SEND = ["-m", "vonage_messages", "send", "sms", "--to", "+447700900000", "--from", "Acme", "--text", "Hello"]


@pytest.mark.parametrize("number", SIGNALS)
async def test_command_send_waits_for_the_answer_and_shows_it(
    start: Start, platform: Platform, number: signal.Signals
) -> None:
    program = await start(*SEND, "--output", "json")
    await platform.until_arrived(1)
    program.process.send_signal(number)
    assert program.process.stderr is not None
    told = await asyncio.wait_for(program.process.stderr.readline(), LONG)
    assert told.decode().startswith("The message is on its way: its answer is waited for.")
    platform.answering.set()
    assert await program.end() == (0, "")
    assert json.loads(program.said[-1])["message_uuid"] == "uuid-Hello"


async def test_command_bulk_run_writes_down_what_became_of_what_was_under_way(
    start: Start, platform: Platform, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("".join(["phone\n", *(f"4477009{number:05d}\n" for number in range(20))]), encoding="utf-8")
    program = await start(
        *("-m", "vonage_messages", "bulk", "run", str(people), "--yes", "--connections", str(TOGETHER)),
        *("--channel", "sms", "--from", "Acme", "--to-column", "phone", "--text", "Hello"),
    )
    await platform.until_arrived(TOGETHER)
    program.process.send_signal(signal.SIGTERM)
    assert program.process.stderr is not None
    async with asyncio.timeout(LONG):
        while b"Stopping: what is under way is waited for." not in (line := await program.process.stderr.readline()):
            assert line, "it has ended"
    platform.answering.set()
    code, errors = await program.end()
    assert (code, "Traceback" in errors) == (2, False)
    async with Outbox.open(tmp_path / "people.outbox") as outbox:
        report = await outbox.report()
    assert (report.accepted, report.in_doubt, report.pending) == (TOGETHER, 0, 20 - TOGETHER)
    assert len(platform.arrived) == TOGETHER


async def test_command_that_is_broken_off_says_so_and_shows_no_traceback(start: Start, platform: Platform) -> None:
    program = await start("-c", f"{PROLOGUE}\nfrom vonage_messages.__main__ import main; main()", "accounts", "list")
    await platform.until_arrived(1)
    program.process.send_signal(signal.SIGINT)
    assert await program.end() == (130, "\nInterrupted.\n")
