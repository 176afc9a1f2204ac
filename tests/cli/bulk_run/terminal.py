"""A terminal of 80 columns, in which a command runs."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

from .campaign import ERRORS, LONG

IN_A_TERMINAL = [sys.executable, *ERRORS, "-m", "vonage_messages"]
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
