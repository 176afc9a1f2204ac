"""``bulk run`` is stopped, by a key or by a signal: what is under way is waited for, unless it is stopped twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from .campaign import LONG, Bulk, SimulatorThread, check_every_row_once, wait_until
from .terminal import HIDE_CURSOR, IN_A_TERMINAL, SHOW_CURSOR, Terminal

pytestmark = pytest.mark.usefixtures("forked")
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


def test_ctrl_c_waits_for_what_is_under_way_and_says_how_to_go_on(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(400, rate=10)  # they take longer than to press two keys, however busy the machine is
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
    bulk.write(1_000, rate=20)  # they take longer than to send a signal, however busy the machine is
    process = bulk.start()
    simulator.wait_for_texts(5, process)
    process.terminate()
    output, errors = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert "Stopping: what is under way is waited for." in errors
    assert "Stopped. The same command goes on" in output
    assert set(bulk.states()) == {"accepted", "pending"}
