"""``listen``: a real process on a real port, called by the simulator and by strangers, stopped by a real signal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from vonage_messages import Sms, WhatsappText
from vonage_messages.cli.application import application
from vonage_messages.simulator import Delivery, Simulator
from vonage_messages.webhooks import parse_webhook, sign_webhook

pytestmark = pytest.mark.usefixtures("forked")
COMMAND = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py"), "-W", "error", "-m", "vonage_messages"]
LONG = 60
SECRET = "example-signature-secret-0123456789abcdef"
UNKNOWN = {
    "channel": "whatsapp",
    "message_type": "text",
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900000",
    "from": "447700900123",
    "text": "Call \x1b[2J me",
    "profile": {"name": "Ada", "mood": "merry"},
    "loft": ["447700900123", "a pigeon"],
}


class Listening:
    """A ``listen`` in its own process."""

    def __init__(self, process: asyncio.subprocess.Process, base: str, opening: str) -> None:
        self.process = process
        self.base = base
        self.opening = opening
        self.inbound_url = f"{base}/webhooks/inbound-message"
        self.status_url = f"{base}/webhooks/message-status"

    def called_by(self, **options: Any) -> Simulator:
        return Simulator(
            status_url=self.status_url, inbound_url=self.inbound_url, signature_secret=SECRET, rate=None, **options
        )

    async def post(self, payload: dict[str, Any], *, url: str = "", method: str = "POST", secret: str = SECRET) -> int:
        body = json.dumps(payload).encode()
        headers = sign_webhook(body, secret, api_key="abcd1234", issued_at=time.time()) if secret else {}
        headers = {**headers, "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url or self.inbound_url, data=body, headers=headers) as response,
        ):
            return response.status

    async def read_until(self, *texts: str) -> str:
        """Read lines until there was one with each of *texts* in it, in whatever order."""
        if self.process.stdout is None:
            raise AssertionError("started without a pipe")
        read = ""
        async with asyncio.timeout(LONG):
            while not all(text in read for text in texts):
                line = await self.process.stdout.readline()
                assert line, f"it ended without one of {texts}: {read}"
                read += line.decode()
        return read

    async def stop(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        """Stop it; give what it had not been asked for yet, and its standard error."""
        self.process.send_signal(number)
        output, errors = await asyncio.wait_for(self.process.communicate(), LONG)
        assert self.process.returncode == 0
        return output.decode(), errors.decode()


@asynccontextmanager
async def listening(
    *arguments: str, secret: str | None = SECRET, folder: Path | None = None
) -> AsyncIterator[Listening]:
    variables = {name: value for name, value in os.environ.items() if name != "VONAGE_SIGNATURE_SECRET"}
    variables |= {"COLUMNS": "80"} | ({"VONAGE_SIGNATURE_SECRET": secret} if secret else {})
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "listen", "--port", "0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=variables,
        cwd=folder,
    )
    try:
        stream = process.stderr if "--json" in arguments else process.stdout
        assert stream is not None
        opening = ""
        async with asyncio.timeout(LONG):
            while "message statuses" not in opening:
                line = await stream.readline()
                assert line, opening
                opening += line.decode()
        base = re.search(r"http://[^/]+", opening)
        assert base is not None
        yield Listening(process, base[0], opening)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def test_what_the_simulator_calls_back_is_shown_and_counted() -> None:
    async with listening() as there, there.called_by(delivery=Delivery(read_share=0)) as simulator:
        async with simulator.client() as client:
            sent = await client.send(Sms(to="447700900000", from_="447700900001", text="Hello", client_ref="order-7"))
            simulator.fail(1120, to="447700900009")
            await client.send(WhatsappText(to="447700900009", from_="447700900001", text="Hello"))
            shown = await there.read_until("submitted", "delivered", "rejected", "client_ref order-7  0.01 EUR")
        await simulator.inbound(channel="whatsapp", from_="447700900008", text="Is the ferry late?")
        forged = await simulator.inbound(channel="whatsapp", text="forged", signature_secret="another" + SECRET)
        output, errors = await there.stop()
    shown += output
    assert errors == ""
    assert forged.status == 401
    assert re.search(r"\d\d:\d\d:\d\d  submitted  sms  44\*{8}01 -> 44\*{8}00\n", shown)
    assert f"          {sent.message_uuid}  client_ref order-7  0.01 EUR\n" in shown
    assert "          1120: the sender address is refused by local rules. To do: use a\n" in shown
    assert re.search(r"\d\d:\d\d:\d\d  message    whatsapp text  44\*{8}08 -> ", shown)
    assert "          Is the ferry late?\n" in shown
    assert re.search(r"refused    401  /webhooks/inbound-message\n          .*signature", shown)
    assert "forged" not in shown
    # On a busy machine an answer may come too late for the simulator, which then repeats itself as the platform does.
    assert re.search(r"\nStopped: 1 message, 3 statuses, 1 refused(, \d repeated)?\.\n$", shown)
    assert max(map(len, shown.splitlines())) <= 80


async def test_what_is_unknown_is_named_counted_and_captured_without_what_it_tells(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    async with listening("--no-mask", "--capture", str(folder)) as there:
        for _ in range(2):
            assert await there.post(UNKNOWN) == 200
        assert await there.post({**UNKNOWN, "message_uuid": "another", "channel": "telepathy"}) == 200
        shown, errors = await there.stop(signal.SIGINT)
    assert errors == ""
    assert "  message    whatsapp text  447700900123 -> 447700900000\n" in shown
    assert r"          Call \x1b[2J me" in shown
    assert "          unknown: field loft, field profile.mood\n" in shown
    assert f"Stopped: 2 messages, 0 statuses, 0 refused, 1 repeated, 2 written to {folder}." in shown
    table = [line.split() for line in shown.partition("Unknown to this version, in 2 callbacks")[2].splitlines()[1:]]
    assert table == [["channel", "telepathy", "1"], ["field", "loft", "2"], ["field", "profile.mood", "2"]]
    samples = sorted(folder.iterdir())
    assert [path.name for path in samples] == [
        "inbound-telepathy-text-0002.json",
        "inbound-whatsapp-text-0001.json",
    ]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, *samples)] == [0o700, 0o600, 0o600]
    for path in samples:
        written = path.read_text(encoding="ascii")
        assert not re.search(r"447700900123|Ada|pigeon|Call|merry", written)
        assert parse_webhook(written).extra.keys() == {"loft"}


async def test_documentation_shows_what_is_printed(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    documented = page.partition("$ vonage-messages listen --capture samples\n")[2].partition("```")[0]
    status = {"channel": "sms", "status": "delivered", "from": "447700900001", "to": "447700900100"}
    async with listening("--capture", "samples", folder=tmp_path) as there:
        await there.post({**status, "message_uuid": UNKNOWN["message_uuid"], "client_ref": "order-7"})
        await there.post({**UNKNOWN, "text": "Is the ferry late?"})
        await there.post(UNKNOWN, secret="another" + SECRET)
        shown, _ = await there.stop()
    # Where the machine is so busy that nothing comes in ten seconds, it says what to try: rightly, but not here.
    without_hint = re.sub(r"Nothing has come yet\.(?s:.*?)--webhook-base https://…\n\n", "", shown)
    assert without_ids(there.opening + without_hint) == without_ids(documented)


def without_ids(text: str) -> str:
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "(id)", text)
    return re.sub(r"(?<=127\.0\.0\.1:)\d+|^\d\d:\d\d:\d\d", "(run)", text, flags=re.MULTILINE)


async def test_json_is_a_line_for_each_webhook_and_the_rest_is_on_standard_error() -> None:
    async with listening("--json") as there:
        await there.post(UNKNOWN)
        await there.post({**UNKNOWN, "message_uuid": "b", "status": "read", "message_type": None}, url=there.status_url)
        output, errors = await there.stop()
    lines = [json.loads(line) for line in output.splitlines()]
    assert [(line["kind"], line["version"]) for line in lines] == [("inbound", "v1"), ("inbound", "v1")]
    assert lines[0]["unknown"] == [{"kind": "field", "name": "loft"}, {"kind": "field", "name": "profile.mood"}]
    assert lines[0]["payload"]["from"] == "44********23"
    assert "447700900123" not in output
    assert "Stopped: 2 messages" in errors


async def test_a_secret_of_the_option_comes_before_that_of_the_environment() -> None:
    new = "the-new-" + SECRET
    async with listening("--secret", new, "--secret", "the-old-" + SECRET) as there:
        answers = [await there.post(UNKNOWN, secret=each) for each in (new, "the-old-" + SECRET, SECRET, "")]
        await there.stop()
    assert answers == [200, 200, 401, 503]


async def test_without_signatures_it_says_so_and_shows_what_to_try() -> None:
    async with listening("--insecure", "--inbound-path", "/in", "--status-path", "/out", secret=None) as there:
        shown, errors = await there.stop()
    assert errors == ""
    assert "Signatures are not checked: whoever reaches this port can make things up.\n" in shown
    assert f"{there.base}/in\n" in shown
    example = re.search(r"curl --json '(.*)' \\\n    (\S+)\n", shown)
    assert example is not None
    assert example[2] == f"{there.base}/in"
    event = parse_webhook(example[1])
    assert event.extra == {}
    assert shown.endswith("\nStopped: 0 messages, 0 statuses, 0 refused.\n")


async def test_with_signatures_it_shows_what_makes_a_genuine_one() -> None:
    async with listening() as there:
        shown, _ = await there.stop()
    command = f"doctor \\\n    --status-url {there.status_url} \\\n    --inbound-url {there.inbound_url}\n"
    assert f"  vonage-messages {command}" in shown
    assert shown.count("Nothing has come yet.") == 1
    assert max(map(len, shown.splitlines())) <= 80


async def test_calls_that_are_no_webhooks_are_shown_as_refused() -> None:
    async with listening("--insecure") as there:
        answers = [
            await there.post({}, url=there.base + "/else\x1bwhere"),
            await there.post({}, method="PUT"),
            await there.post([]),  # type: ignore[arg-type]  what a stranger sends
        ]
        shown, errors = await there.stop()
    assert errors == ""
    assert answers == [404, 405, 400]
    assert r"refused    404  /else\x1bwhere" in shown
    assert "nothing listens there (404): webhooks go to /webhooks/inbound-message," in shown
    assert "PUT is not how webhooks come: they are POST" in shown
    assert "the body is JSON, but not an object" in shown
    assert "0 messages, 0 statuses, 3 refused" in shown


async def test_a_port_that_is_taken_is_one_sentence_and_exit_code_2() -> None:
    async with listening() as there:
        port = there.base.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "listen", "--insecure", "--port", port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), LONG)
    assert (process.returncode, output) == (2, b"")
    assert errors.decode().startswith(f"port {port} of 127.0.0.1 is taken: ")


@pytest.mark.each(
    ("arguments", "sentence"),
    [
        ([], "there is no signature secret: set VONAGE_SIGNATURE_SECRET"),
        (["--secret", ""], "secret"),
        (["--secret", SECRET, "--insecure"], "contradict each other"),
        (["--insecure", "--host", "0.0.0.0"], "this command listens on loopback only"),  # noqa: S104  refused
        (["--insecure", "--host", "example.com", "--expose"], "IP address"),
        (["--insecure", "--inbound-path", "webhooks"], "--inbound-path must be a path"),
        (["--insecure", "--status-path", "/{any}"], "--status-path must be a path"),
        (["--insecure", "--port", "70000"], "--port"),
        (["--insecure", "--capture", "/dev/null/samples"], "--capture"),
    ],
)
def test_options_that_cannot_work_are_exit_code_2(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(
        application, ["listen", "--port", "0", *arguments], env={"VONAGE_SIGNATURE_SECRET": None}
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in " ".join(result.stderr.split())
