"""``bulk run`` as a process of its own, killed and typed again, against a simulator in another one."""

from __future__ import annotations

import csv
import json
import os
import pty
import random
import re
import select
import shlex
import signal
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
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals, and opens a pseudo-terminal")

COMMAND = [sys.executable, "-W", "error", "-m", "vonage_messages"]
LONG = 60
TOGETHER = 16
"""How many requests a run has under way."""

SHORTCUT = ["--channel", "sms", "--from", "Acme", "--to-column", "phone", "--text", "row {number}"]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class SimulatorProcess:
    """A simulator in its own process, and the texts that it has accepted, by its own log."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603  our own program
            [*COMMAND, "simulator", "--port", "0", "--rate", "off", "--show"], stdout=subprocess.PIPE, text=True
        )
        self.environment: dict[str, str] = {}
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for_start(self) -> None:
        wait_until(lambda: sum(line.startswith("export ") for line in self.lines) == 6)
        for line in self.lines:
            if line.startswith("export "):
                name, _, value = shlex.split(line)[1].partition("=")
                self.environment[name] = value

    @property
    def texts(self) -> Counter[str]:
        return Counter(line.split("  ")[-1] for line in self.lines if "  202  " in line)

    def wait_for_texts(self, number: int, process: subprocess.Popen[str]) -> None:
        """Wait until more than *number* messages are here, or *process* has ended."""
        wait_until(lambda: sum("  202  " in line for line in self.lines) > number or process.poll() is not None)

    def stop(self) -> None:
        """End it, and read its log to the end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(LONG)
        self._reader.join(LONG)
        assert self.lines[-1].startswith("Stopped: ")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(LONG)
            finally:
                self.process.kill()
        self._reader.join(LONG)

    def _read(self) -> None:
        if self.process.stdout is not None:
            with self.process.stdout as lines:
                for line in lines:
                    self.lines.append(line.rstrip("\n"))


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    """Start a simulator without a rate."""
    started = SimulatorProcess()
    try:
        started.wait_for_start()
        yield started
    finally:
        started.close()


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
        return [*COMMAND, "bulk", command, *map(str, (self.path, *content, *options, *further))]

    def start(self, *further: object) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603  our own program
            self.arguments("--yes", *further),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *further: object, command: str = "run") -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own program
            self.arguments("--yes", *further, command=command),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )

    def states(self) -> dict[str, int]:
        result = subprocess.run(  # noqa: S603  our own program
            [*COMMAND, "bulk", "status", str(self.path), "--json"],
            capture_output=True,
            text=True,
            timeout=LONG,
            check=True,
        )
        document = json.loads(result.stdout)
        return {name: count for name, count in document["states"].items() if count} | document["left_out"]

    def report(self) -> list[dict[str, str]]:
        result = subprocess.run(  # noqa: S603  our own program
            [*COMMAND, "bulk", "report", str(self.path)], capture_output=True, text=True, timeout=LONG, check=True
        )
        return list(csv.DictReader(result.stdout.splitlines()))


@pytest.fixture
def bulk(simulator: SimulatorProcess, tmp_path: Path) -> Bulk:
    """The command, pointed at the simulator."""
    return Bulk(tmp_path, simulator.environment)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=LONG)


def check_every_row_once(bulk: Bulk, simulator: SimulatorProcess, rows: int, kills: int) -> None:
    """Compare the simulator's own log with what the outbox says of each row."""
    simulator.stop()
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


def test_every_row_is_accepted_once_and_exit_code_is_0(bulk: Bulk, simulator: SimulatorProcess) -> None:
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


def test_run_that_is_killed_while_it_adds_is_resumed_by_typing_it_again(
    bulk: Bulk, simulator: SimulatorProcess
) -> None:
    rows = 4_000
    bulk.write(rows)
    outbox = bulk.path.with_suffix(".outbox")
    generator = random.Random(5)  # noqa: S311  moments, no secrets
    for least in (0, 1_000):
        process = bulk.start()
        wait_for_rows(outbox, least, process)
        time.sleep(generator.uniform(0.0, 0.05))
        kill(process)
        assert least < added(outbox) < rows, "the kill did not hit the adding"
    assert not simulator.texts
    assert bulk.states()["pending"] == added(outbox)
    result = bulk.run()
    assert result.returncode == 0, result.stderr
    assert bulk.states() == {"accepted": rows}
    check_every_row_once(bulk, simulator, rows, kills=0)


def test_run_that_is_killed_while_it_sends_is_resumed_and_sends_no_row_twice(
    bulk: Bulk, simulator: SimulatorProcess
) -> None:
    rows, kills = 1_500, 0
    bulk.write(rows, rate=1_000)
    generator = random.Random(7)  # noqa: S311  moments, no secrets
    for number in range(1, 3):
        process = bulk.start()
        simulator.wait_for_texts(number * 300, process)
        time.sleep(generator.uniform(0.0, 0.1))
        kills += process.poll() is None
        kill(process)
    assert kills == 2, "a run ended before it was killed"
    result = bulk.run()
    assert result.returncode in {0, 1}, result.stderr
    check_every_row_once(bulk, simulator, rows, kills)


def test_rows_in_doubt_are_sent_again_only_when_that_is_asked_for(bulk: Bulk, simulator: SimulatorProcess) -> None:
    rows = 800
    bulk.write(rows, rate=1_000)
    for number in range(1, 4):
        process = bulk.start()
        simulator.wait_for_texts(number * 150, process)
        kill(process)
    left = bulk.run()
    in_doubt = bulk.states().get("in_doubt", 0)
    assert in_doubt, "no kill hit a request"
    assert left.returncode == 1
    assert f"Of {in_doubt:,} in doubt nobody knows" in " ".join(left.stdout.split())
    resent = bulk.run("--in-doubt", "resend", command="retry")
    assert resent.returncode == 0
    assert "some people may get their message twice" in " ".join(resent.stderr.split())
    assert bulk.states() == {"accepted": rows}


def test_left_out_rows_are_told_and_exit_code_is_1(bulk: Bulk, simulator: SimulatorProcess) -> None:
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


def test_recipient_who_opted_out_since_is_cancelled(bulk: Bulk, simulator: SimulatorProcess, tmp_path: Path) -> None:
    bulk.write(4)
    bulk.run("--max-messages", 1)
    stop = tmp_path / "stop.txt"
    stop.write_text("447700900003\n", encoding="utf-8")
    result = bulk.run("--suppress", stop)
    assert result.returncode == 0
    assert "suppressed  1 left out" in result.stdout
    assert bulk.states() == {"accepted": 3, "cancelled": 1}
    assert sorted(simulator.texts) == ["row 1", "row 2", "row 4"]


def test_those_who_sleep_are_held_and_sent_when_they_wake(bulk: Bulk, simulator: SimulatorProcess) -> None:
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


def test_failed_rows_are_tried_again_by_retry(bulk: Bulk, simulator: SimulatorProcess) -> None:
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


def test_plain_lines_come_now_and_then_where_there_is_no_terminal(bulk: Bulk) -> None:
    bulk.write(900, rate=150)
    result = bulk.run()
    assert result.returncode == 0
    assert "\x1b" not in result.stdout + result.stderr
    assert re.fullmatch(r"\d+ of 900: \d+ accepted, 0 failed, 0 in doubt; [\d.]+/s(, [\d.]+ s left)?\n", result.stderr)


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


def test_ctrl_c_waits_for_what_is_under_way_and_says_how_to_go_on(bulk: Bulk, simulator: SimulatorProcess) -> None:
    bulk.write(1_000, rate=200)
    terminal = Terminal(bulk.arguments(), bulk.environment)
    terminal.read_until(b"Send 1,000 messages? [y/N]: ")
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
    check_every_row_once(bulk, simulator, 1_000, kills=0)


def test_question_that_is_answered_with_no_sends_nothing(bulk: Bulk) -> None:
    bulk.write(3)
    terminal = Terminal(bulk.arguments(), bulk.environment)
    terminal.read_until(b"Send 3 messages? [y/N]: ")
    terminal.press(b"n\n")
    assert terminal.end() == 2
    assert not bulk.path.with_suffix(".outbox").exists()


def test_bar_of_a_terminal_stays_within_80_columns(bulk: Bulk) -> None:
    bulk.write(300, rate=100)
    terminal = Terminal(bulk.arguments("--yes"), bulk.environment)
    assert terminal.end() == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.seen.decode())
    lines = [line for line in re.split(r"[\r\n]+", shown) if line]
    assert any(re.search(r"\u2501+ \d+/300 ", line) for line in lines)
    # A path stays whole, however long: it is there to be copied.
    assert max(len(line) for line in lines if str(bulk.path.parent) not in line) <= 80


def test_no_color_is_plain_lines_also_in_a_terminal(bulk: Bulk) -> None:
    bulk.write(50)
    bulk.environment["NO_COLOR"] = "1"
    terminal = Terminal(bulk.arguments("--yes"), bulk.environment)
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
    bulk: Bulk, simulator: SimulatorProcess
) -> None:
    bulk.write(3)
    good = bulk.environment["VONAGE_BASE_URL"]
    with silent() as (url, taken):
        bulk.environment["VONAGE_BASE_URL"] = url
        terminal = Terminal(bulk.arguments("--yes"), bulk.environment)
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


def test_sigterm_stops_like_ctrl_c(bulk: Bulk, simulator: SimulatorProcess) -> None:
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
