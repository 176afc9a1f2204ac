"""What ``bulk run`` asks and shows in a terminal."""

from __future__ import annotations

import re

import pytest

from .campaign import Bulk, SimulatorThread
from .terminal import HIDE_CURSOR, IN_A_TERMINAL, Terminal

pytestmark = pytest.mark.usefixtures("forked")


def test_question_that_is_answered_with_no_sends_nothing(bulk: Bulk) -> None:
    bulk.write(3)
    terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments()], bulk.environment)
    terminal.read_until(b"Send 3 messages? [y/N]: ")
    terminal.press(b"n\n")
    assert terminal.end() == 2
    assert not bulk.path.with_suffix(".outbox").exists()


def test_run_that_was_asked_while_another_began_sends_nothing(bulk: Bulk, simulator: SimulatorThread) -> None:
    bulk.write(3)
    terminal = Terminal([*IN_A_TERMINAL, *bulk.arguments()], bulk.environment)
    terminal.read_until(b"Send 3 messages? [y/N]: ")
    assert bulk.run().returncode == 0
    terminal.press(b"y\n")
    assert terminal.end() == 2
    assert b"another run has begun to fill" in terminal.seen
    assert sorted(simulator.texts.elements()) == ["row 1", "row 2", "row 3"]


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
