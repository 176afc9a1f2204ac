"""
An interpreter that begins with everything imported: a fork of one that waits (``forking.py``).

``[sys.executable, "-IS", "tests/forked.py", *arguments]`` takes ``-c``, ``-m`` or a file, with ``-W error`` before it,
and is, to whoever starts it, the program itself: its files, folder, environment, signals and end. To import the package
costs more than most programs of the tests do, and they start two hundred. Where nobody waits at ``FORKED_AT`` (the
fixture ``forked`` sees to it), or where the variables of Python are others, it becomes Python.

Not for tests of what is imported, nor of a terminal: those start Python themselves.
"""

from __future__ import annotations

import _socket
import marshal
import os
import signal
import sys

# Whoever starts a program pays for these imports each time: they are all built in.

FORKED_AT = "FORKED_AT"
NUMBER = 8
"""How many bytes a number has that is sent."""
LOOKS_EVERY = 0.1
"""Seconds. A signal that comes right before a call that blocks is not seen by Python before that call returns."""
BECOME_PYTHON = 0
"""The answer to what cannot be forked; otherwise it is the number of the process, and later the code of its end."""


def stand_in(arguments: list[str]) -> None:
    """Have *arguments* run by a fork, and end as it ends."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(os.environ.get(FORKED_AT, ""))
    except OSError:
        become_python(arguments)
    process = 0
    early: list[int] = []

    def pass_on(number: int, _frame: object = None) -> None:
        if not process:
            early.append(number)
            return
        try:
            os.kill(process, number)
        except ProcessLookupError:  # it has ended, and whoever forks is about to say how
            return

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    ask(connection, arguments)
    connection.settimeout(LOOKS_EVERY)
    process = answer(connection)
    if process == BECOME_PYTHON:
        become_python(arguments)
    for number in early:
        pass_on(number)
    end_like(answer(connection))


def ask(connection: _socket.socket, arguments: list[str]) -> None:
    """Send what is to be run, and the standard files."""
    request = marshal.dumps((arguments, dict(os.environ), os.getcwd()))  # noqa: PTH109  pathlib would be imported
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)
    connection.sendmsg([len(request).to_bytes(NUMBER, "big")], [rights])
    sent = 0
    while sent < len(request):  # ends: some of it is sent each time
        sent += connection.send(request[sent:])


def answer(connection: _socket.socket) -> int:
    """Read one number."""
    data = b""
    while len(data) < NUMBER:  # ends: with the number, or with the connection
        try:
            part = connection.recv(NUMBER - len(data))
        except TimeoutError:
            continue
        if not part:
            sys.exit("Whoever forks is gone.")
        data += part
    return int.from_bytes(data, "big", signed=True)


def become_python(arguments: list[str]) -> None:
    """Run *arguments* in an interpreter that has imported nothing."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.environ.pop(FORKED_AT, None)
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  what was asked for


def end_like(code: int) -> None:
    """End with the exit code of the fork, or by its signal."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    stand_in(sys.argv[1:])
