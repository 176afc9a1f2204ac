"""``bulk run`` to its end: what is sent, what is left out or held, what is refused, and the exit code."""

from __future__ import annotations

import itertools
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from .campaign import LONG, Bulk, SimulatorThread, check_every_row_once

pytestmark = pytest.mark.usefixtures("forked")
# Of these a machine that takes seconds shows one every five, and what is left may be minutes: of the first second
# nothing may have been left but time for one or two.
COUNTING = re.compile(r"(Reading|Adding to the outbox): \d+ rows")
SENDING = re.compile(r"\d+ of \d+: \d+ accepted, 0 failed, 0 in doubt; [\d,.]+/s(, ([\d.]+ s|\d+ min( \d+ s)?) left)?")


def test_every_row_is_accepted_once_and_exit_code_is_0(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(200)
    result = bulk.run()
    assert result.returncode == 0
    assert [
        line for line in result.stderr.splitlines() if not COUNTING.fullmatch(line) and not SENDING.fullmatch(line)
    ] == []
    assert "200 accepted, 0 failed, 0 in doubt; " in result.stdout
    again = bulk.run()
    assert again.returncode == 0
    assert "done        200 by earlier runs: they are not sent again" in again.stdout
    check_every_row_once(bulk, simulator, 200, kills=0)


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
    sending = list(itertools.dropwhile(COUNTING.fullmatch, lines))
    assert sending
    assert [line for line in sending if not SENDING.fullmatch(line) or " of 150: " not in line] == []


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
