"""``bulk run`` as a process of its own over the file of a test, and a simulator on the loopback it sends to."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from click.testing import CliRunner

from vonage_messages.cli.application import application
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.state import ReceivedMessage

ERRORS = ["-W", "error"]
PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[2] / "forked.py"), *ERRORS]
COMMAND = [*PYTHON, "-m", "vonage_messages"]
BEGIN = "from vonage_messages.__main__ import main; main()"
LONG = 120
"""More seconds than anything here takes on the busiest machine."""

TOGETHER = 16
"""How many requests a run has under way."""

SHORTCUT = ["--channel", "sms", "--from", "Acme", "--to-column", "phone", "--text", "row {number}"]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class SimulatorThread:
    """A simulator in a thread of its own, without a rate; it can be held up at an exact message."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._started, self._over = threading.Event(), asyncio.Event()
        self._held_at = sys.maxsize
        self._held = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(LONG)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(LONG)
        self._loop.close()

    @property
    def texts(self) -> Counter[str]:
        """How often each text was accepted."""
        # A copy that one operation makes: the other thread goes on meanwhile.
        return Counter(message.payload["text"] for message in self._simulator.messages)

    def hold_at(self, number: int) -> None:
        """Answer nothing more from accepted message *number* on: it is not answered either."""
        self._held.clear()
        self._held_at = number

    def go_on(self) -> None:
        self._held_at = sys.maxsize
        self._held.set()

    def wait_for_texts(self, number: int, process: subprocess.Popen[str]) -> None:
        """Wait until *number* messages are here, or *process* has ended."""
        wait_until(lambda: self.texts.total() >= number or process.poll() is not None)

    async def _serve(self) -> None:
        async with Simulator(rate=None) as self._simulator:
            self._keep = self._simulator.state.add_message
            self._simulator.state.add_message = self._keep_and_hold  # type: ignore[method-assign]  before the answer
            self.environment = self._simulator.environment()
            self._started.set()
            await self._over.wait()

    def _keep_and_hold(self, message: ReceivedMessage) -> None:
        self._keep(message)
        if len(self._simulator.messages) >= self._held_at:
            self._held.wait(LONG)


class Bulk:
    """The command, with the file of one test."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.path = folder / "people.csv"
        self.limits = folder / "limits.toml"
        self.environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm-256color", **environment}
        self.environment.pop("NO_COLOR", None)

    def write(self, rows: int, *, rate: int = 100_000) -> None:
        lines = [f"4477009{number:05d},{number}" for number in range(1, rows + 1)]
        self.path.write_text("\n".join(["phone,number", *lines, ""]), encoding="utf-8")
        self.limits.write_text(f"account = {{ n = {rate} }}\n", encoding="utf-8")

    def arguments(self, *further: object, command: str = "run") -> list[str]:
        content = SHORTCUT if command == "run" else []
        options = ["--limits", self.limits, "--connections", TOGETHER]
        return ["bulk", command, *map(str, (self.path, *content, *options, *further))]

    def start(self, *further: object, first: str | None = None) -> subprocess.Popen[str]:
        """Start a run; *first* is a program that changes the command before it begins."""
        command = COMMAND if first is None else [*PYTHON, "-c", first + BEGIN]
        return subprocess.Popen(  # noqa: S603  our own program
            [*command, *self.arguments("--yes", *further)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *further: object, command: str = "run") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own program
            [*COMMAND, *self.arguments("--yes", *further, command=command)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )

    def states(self) -> dict[str, int]:
        document = json.loads(self._told("status", "--json"))
        return {name: count for name, count in document["states"].items() if count} | document["left_out"]

    def report(self) -> list[dict[str, str]]:
        return list(csv.DictReader(self._told("report").splitlines()))

    def _told(self, command: str, *options: str) -> str:
        """Run a command that sends nothing: it needs no process of its own."""
        result = CliRunner().invoke(application, ["bulk", command, str(self.path), *options], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout


def check_every_row_once(bulk: Bulk, simulator: SimulatorThread, rows: int, kills: int) -> None:
    """Compare what the simulator accepted with what the outbox says of each row."""
    in_doubt = 0
    texts = simulator.texts
    report = bulk.report()
    assert [int(row["line"]) for row in report] == list(range(2, rows + 2))
    for row in report:
        arrived = texts[f"row {row['row']}"]
        if row["state"] == "in_doubt":
            in_doubt += 1
            assert arrived in {0, 1}
        else:
            assert (row["state"], arrived) == ("accepted", 1)
    assert texts.total() <= rows
    assert in_doubt <= kills * TOGETHER
