"""``bulk run`` as a process of its own, killed and typed again, against a simulator on the loopback."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import pty
import random
import re
import select
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from vonage_messages.cli.application import application
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.state import ReceivedMessage

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals, and opens a pseudo-terminal"),
    pytest.mark.usefixtures("forked"),
]

ERRORS = ["-W", "error"]
PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py"), *ERRORS]
COMMAND = [*PYTHON, "-m", "vonage_messages"]
IN_A_TERMINAL = [sys.executable, *ERRORS, "-m", "vonage_messages"]
BEGIN = "from vonage_messages.__main__ import main; main()"
LONG = 60
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


@pytest.fixture
def simulator() -> Iterator[SimulatorThread]:
    """Start a simulator without a rate."""
    with SimulatorThread() as started:
        yield started


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


@pytest.fixture
def bulk(simulator: SimulatorThread, tmp_path: Path) -> Bulk:
    """The command, pointed at the simulator."""
    return Bulk(tmp_path, simulator.environment)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=LONG)


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


def test_every_row_is_accepted_once_and_exit_code_is_0(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(200)
    result = bulk.run()
    assert (result.returncode, result.stderr) == (0, "")
    assert "200 accepted, 0 failed, 0 in doubt; " in result.stdout
    again = bulk.run()
    assert again.returncode == 0
    assert "done        200 by earlier runs: they are not sent again" in again.stdout
    check_every_row_once(bulk, simulator, 200, kills=0)


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


def test_left_out_rows_are_told_and_exit_code_is_1(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(3)
    with bulk.path.open("a", encoding="utf-8") as file:
        file.write("nobody,4\n447700900001,5\n")
    assert bulk.run().returncode == 1
    assert bulk.states() == {"accepted": 3, "invalid": 1, "duplicate": 1}
    assert sorted(simulator.texts) == ["row 1", "row 2", "row 3"]


def test_budget_stops_the_run_and_a_larger_one_goes_on(bulk: Bulk) -> None:
    bulk.write(20)
    stopped = bulk.run("--max-messages", 5)
    assert stopped.returncode == 2
    assert "Stopped: the budget of 5 messages is used up." in stopped.stdout
    assert bulk.states() == {"accepted": 5, "pending": 15}
    assert bulk.run("--max-messages", 20).returncode == 0


def test_cost_is_not_passed(bulk: Bulk, tmp_path: Path) -> None:
    bulk.write(20)
    prices = tmp_path / "prices.toml"
    prices.write_text('currency = "EUR"\n[sms]\ndefault = "0.05"\n', encoding="utf-8")
    stopped = bulk.run("--prices", prices, "--max-cost", "0.32")
    assert stopped.returncode == 2
    assert "cost        1.00 EUR" in stopped.stdout
    assert bulk.states() == {"accepted": 6, "pending": 14}


def test_recipient_who_opted_out_since_is_cancelled(bulk: Bulk, simulator: SimulatorThread, tmp_path: Path) -> None:
    bulk.write(4)
    bulk.run("--max-messages", 1)
    stop = tmp_path / "stop.txt"
    stop.write_text("447700900003\n", encoding="utf-8")
    result = bulk.run("--suppress", stop)
    assert result.returncode == 0
    assert "suppressed  1 left out" in result.stdout
    assert bulk.states() == {"accepted": 3, "cancelled": 1}
    assert sorted(simulator.texts) == ["row 1", "row 2", "row 4"]


def test_those_who_sleep_are_held_and_sent_when_they_wake(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.path.write_text("phone,number\n447911123456,1\n12125550123,2\n", encoding="utf-8")
    bulk.limits.write_text("account = { n = 100 }\n", encoding="utf-8")
    # New York is four or five hours behind London, and so is awake when London sleeps for an hour.
    london = datetime.now(UTC).astimezone(ZoneInfo("Europe/London"))
    asleep = f"{london - timedelta(minutes=2):%H:%M}-{london + timedelta(hours=1):%H:%M}"
    held = bulk.run("--quiet-hours", asleep)
    assert held.returncode == 1
    words = " ".join(held.stdout.split())
    assert "asleep now 1 would be held now; the first of them may be written to from " in words
    assert "1 accepted, 0 failed, 0 in doubt, 1 held; " in words
    assert "1 were held because their recipients sleep" in words
    assert list(simulator.texts) == ["row 2"]
    awake = f"{london + timedelta(hours=1):%H:%M}-{london + timedelta(hours=2):%H:%M}"
    assert bulk.run("--quiet-hours", awake).returncode == 0
    assert bulk.states() == {"accepted": 2}


def test_failed_rows_are_tried_again_by_retry(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(3)
    good = bulk.environment["VONAGE_BASE_URL"]
    with refusing() as url:
        bulk.environment["VONAGE_BASE_URL"] = url
        failed = bulk.run()
    assert failed.returncode == 1
    assert "0 accepted, 3 failed, 0 in doubt; " in failed.stdout
    assert f"To try them again: vonage-messages bulk retry {bulk.path}" in " ".join(failed.stdout.split())
    (row, *_) = bulk.report()
    assert (row["state"], row["error_class"], row["attempts"]) == ("failed", "ValidationError", "1")
    bulk.environment["VONAGE_BASE_URL"] = good
    again = bulk.run(command="retry")
    assert again.returncode == 0
    assert "3 failed rows are tried again." in again.stderr
    assert sorted(simulator.texts) == ["row 1", "row 2", "row 3"]


LINES_EVERY_HALF_SECOND = """
from vonage_messages.cli import bulk_display
assert bulk_display._LINE_EVERY == 5.0
bulk_display._LINE_EVERY = 0.5
"""


def test_plain_lines_come_now_and_then_where_there_is_no_terminal(bulk: Bulk) -> None:
    bulk.write(150, rate=100)
    begun = time.monotonic()
    process = bulk.start(first=LINES_EVERY_HALF_SECOND)
    output, errors = process.communicate(timeout=LONG)
    took = time.monotonic() - begun
    assert process.returncode == 0
    assert "\x1b" not in output + errors
    lines = errors.splitlines()
    assert len(lines) <= took / 0.5
    while re.fullmatch(r"(Reading|Adding to the outbox): \d+ rows", lines[0]):  # on a machine where that takes a while
        del lines[0]
    assert lines
    for line in lines:
        assert re.fullmatch(r"\d+ of 150: \d+ accepted, 0 failed, 0 in doubt; [\d.]+/s(, [\d.]+ s left)?", line)


INTERRUPTED_AT_THE_END = """
import os, signal
from vonage_messages.cli import bulk_run
show_end = bulk_run.show_end

def interrupted(*arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)
    show_end(*arguments, **options)

bulk_run.show_end = interrupted
"""


def test_ctrl_c_that_comes_when_all_is_sent_hides_nothing_of_it(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(20)
    process = bulk.start(first=INTERRUPTED_AT_THE_END)
    output, errors = process.communicate(timeout=LONG)
    assert (process.returncode, "nothing was sent" in output + errors) == (0, False)
    assert "20 accepted, 0 failed, 0 in doubt" in output
    assert simulator.texts.total() == 20


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C becomes a signal
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A command in a terminal of 80 columns."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.seen = b""
        self._descriptor, other_side = pty.openpty()
        self._process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-c", TAKE_TERMINAL, *arguments],
            env=environment,
            stdin=other_side,
            stdout=other_side,
            stderr=other_side,
            start_new_session=True,
        )
        os.close(other_side)

    def read_until(self, words: bytes) -> None:
        """Read until *words* are seen that have not been seen before."""
        end = time.monotonic() + LONG
        begin = len(self.seen)
        while words not in self.seen[begin:]:
            assert time.monotonic() < end, self.seen.decode(errors="replace")
            assert self._read(), self.seen.decode(errors="replace")

    def press(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def end(self) -> int:
        """Read to the end; give the exit code."""
        end = time.monotonic() + LONG
        while self._read():
            assert time.monotonic() < end, self.seen.decode(errors="replace")
        os.close(self._descriptor)
        return self._process.wait(LONG)

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], LONG)[0]:
            return False
        try:
            found = os.read(self._descriptor, 65_536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.seen += found
        return bool(found)


HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


def test_ctrl_c_waits_for_what_is_under_way_and_says_how_to_go_on(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(400, rate=50)
    terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments()], bulk.environment)
    terminal.read_until(b"Send 400 messages? [y/N]: ")
    terminal.press(b"y\n")
    terminal.read_until(b"/s, ")
    terminal.press(b"\x03")
    terminal.read_until(b"Stopping: what is under way is waited for. Ctrl-C again stops at once.")
    assert terminal.end() == 2
    assert b"Stopped. The same command goes on" in terminal.seen
    assert terminal.seen.rindex(SHOW_CURSOR) > terminal.seen.rindex(HIDE_CURSOR)
    states = bulk.states()
    assert set(states) == {"accepted", "pending"}
    assert simulator.texts.total() == states["accepted"]
    bulk.limits.write_text("account = { n = 10000 }\n", encoding="utf-8")
    assert bulk.run().returncode == 0
    check_every_row_once(bulk, simulator, 400, kills=0)


def test_question_that_is_answered_with_no_sends_nothing(bulk: Bulk) -> None:
    bulk.write(3)
    terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments()], bulk.environment)
    terminal.read_until(b"Send 3 messages? [y/N]: ")
    terminal.press(b"n\n")
    assert terminal.end() == 2
    assert not bulk.path.with_suffix(".outbox").exists()


def test_bar_of_a_terminal_stays_within_80_columns(bulk: Bulk) -> None:
    bulk.write(100, rate=100)
    terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments("--yes")], bulk.environment)
    assert terminal.end() == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.seen.decode())
    lines = [line for line in re.split(r"[\r\n]+", shown) if line]
    assert any(re.search(r"\u2501+ \d+/100 ", line) for line in lines)
    # A path stays whole, however long: it is there to be copied.
    assert max(len(line) for line in lines if str(bulk.path.parent) not in line) <= 80


def test_no_color_is_plain_lines_also_in_a_terminal(bulk: Bulk) -> None:
    bulk.write(50)
    bulk.environment["NO_COLOR"] = "1"
    terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments("--yes")], bulk.environment)
    assert terminal.end() == 0
    assert HIDE_CURSOR not in terminal.seen
    assert "\u2501".encode() not in terminal.seen
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]m", terminal.seen)


@contextmanager
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """Serve an API that takes requests and never answers."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:  # ends when the server is closed
                    taken.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", taken
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for each in taken:
                each.close()


@contextmanager
def refusing() -> Iterator[str]:
    """Serve an API that calls every message wrong."""
    answer = b'{"type": "about:blank", "title": "Invalid params", "detail": "no"}'
    head = b"HTTP/1.1 422 Unprocessable Entity\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                body = b""
                while b'"text"' not in body:  # ends with the request
                    part = connection.recv(65_536)
                    if not part:
                        return
                    body += part
                connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(answer) + answer)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65_536)

        def accept() -> None:
            with suppress(OSError):
                while True:  # ends when the server is closed
                    threading.Thread(target=serve, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)


def test_second_ctrl_c_stops_at_once_and_the_next_run_finds_what_was_under_way(
    bulk: Bulk, simulator: SimulatorThread
) -> None:
    bulk.write(3)
    good = bulk.environment["VONAGE_BASE_URL"]
    with silent() as (url, taken):
        bulk.environment["VONAGE_BASE_URL"] = url
        terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments("--yes")], bulk.environment)
        wait_until(lambda: len(taken) == 3)
        wait_until(lambda: bulk.states().get("sending") == 3)
        terminal.read_until(b"0/3")
        terminal.press(b"\x03")
        terminal.read_until(b"Stopping: what is under way is waited for.")
        terminal.press(b"\x03")
        terminal.read_until(b"Messages that were under way are in doubt")
        assert terminal.end() == 2
    assert terminal.seen.rindex(SHOW_CURSOR) > terminal.seen.rindex(HIDE_CURSOR)
    bulk.environment["VONAGE_BASE_URL"] = good
    result = bulk.run()
    assert result.returncode == 1
    assert "3 were found on their way from a run that had ended suddenly." in " ".join(result.stdout.split())
    assert bulk.states() == {"in_doubt": 3}
    assert simulator.texts.total() == 0


def test_sigterm_stops_like_ctrl_c(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(1_000, rate=200)
    process = bulk.start()
    simulator.wait_for_texts(20, process)
    process.terminate()
    output, errors = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert "Stopping: what is under way is waited for." in errors
    assert "Stopped. The same command goes on" in output
    assert set(bulk.states()) == {"accepted", "pending"}


def test_credentials_that_the_platform_refuses_stop_the_run_and_fail_no_row(bulk: Bulk) -> None:
    bulk.write(5)
    for name in ("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY"):
        bulk.environment[name] = ""
    bulk.environment["VONAGE_API_SECRET"] = "another one"
    result = bulk.run()
    assert result.returncode == 2
    assert "did not provide correct credentials" in " ".join(result.stdout.split())
    assert "Stopped: " in result.stdout
    assert bulk.states() == {"pending": 5}
