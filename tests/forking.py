"""An interpreter that has everything imported and forks for ``forked.py``, until its standard input ends."""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys
import types
import warnings
from pathlib import Path
from typing import NamedTuple

from forked import BECOME_PYTHON, FORKED_AT, NUMBER  # beside this file

IMPORTED = (
    "aiohttp.web",
    "jwt.algorithms",
    "procrastinate.worker",
    "psycopg_pool",
    "sqlite3",
    "vonage_messages.adapters.aiohttp",
    "vonage_messages.cli.application",
    "vonage_messages.simulator.handle",
    "vonage_messages.stores.postgres",
    "vonage_messages.stores.sqlite",
    "vonage_messages.webhooks",
    "vonage_messages.workers",
)
"""What the programs of the tests import, with all public names of the package."""


class Request(NamedTuple):
    """What is to be run, and as if from where."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str


class Fork(NamedTuple):
    """A program that runs, and whoever asked for it."""

    process: int
    alive: int
    """It can be read when the process has ended, whose end of the pipe it is."""
    connection: socket.socket


class Forking:
    """The loop that waits, and what it knows of the programs that run."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(64)
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(self._listener, selectors.EVENT_READ)
        self._waiting.register(0, selectors.EVENT_READ)
        self._forks: set[Fork] = set()

    def serve(self) -> Request:
        """Fork for whoever asks; only a fork comes back, with what it is to run."""
        while True:  # ends: with standard input
            for key, _ in self._waiting.select():
                if key.fileobj == 0:
                    self._end()
                elif key.data is not None:
                    self._take_notice(key.data, gone=key.fileobj is key.data.connection)
                elif (request := self._begin()) is not None:
                    return request

    def _begin(self) -> Request | None:
        connection, _ = self._listener.accept()
        head, ancillary, _, _ = connection.recvmsg(NUMBER, socket.CMSG_SPACE(12), socket.MSG_WAITALL)
        files = array.array("i", ancillary[0][2] if ancillary else b"")
        length = int.from_bytes(head, "big")
        body = connection.recv(length, socket.MSG_WAITALL)
        if not length or len(body) < length:  # killed while it asked
            self._turn_away(connection, files)
            return None
        request = Request(*marshal.loads(body))  # noqa: S302  of our own tests
        if _of_python(request.environment) != _of_python(dict(os.environ)):
            connection.sendall(BECOME_PYTHON.to_bytes(NUMBER, "big"))
            self._turn_away(connection, files)
            return None
        alive, held = os.pipe()
        process = os.fork()
        if not process:
            self._leave(connection, alive, files)
            return request
        os.close(held)
        for file in files:
            os.close(file)
        fork = Fork(process, alive, connection)
        connection.sendall(process.to_bytes(NUMBER, "big"))
        self._forks.add(fork)
        self._waiting.register(connection, selectors.EVENT_READ, fork)
        self._waiting.register(alive, selectors.EVENT_READ, fork)
        return None

    def _turn_away(self, connection: socket.socket, files: array.array[int]) -> None:
        connection.close()
        for file in files:
            os.close(file)

    def _leave(self, connection: socket.socket, alive: int, files: array.array[int]) -> None:
        """Let go, in a fork, of everything but the files of its own."""
        self._waiting.close()
        self._listener.close()
        connection.close()
        os.close(alive)
        for fork in self._forks:
            fork.connection.close()
            os.close(fork.alive)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        _open_standard_files()

    def _take_notice(self, fork: Fork, *, gone: bool) -> None:
        """Kill the program of somebody who was killed, or say how a program ended."""
        if fork not in self._forks:
            return  # both came at once
        if gone:
            os.kill(fork.process, signal.SIGKILL)
            self._waiting.unregister(fork.connection)
            return
        _, status = os.waitpid(fork.process, 0)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):  # it was killed
            fork.connection.sendall(code.to_bytes(NUMBER, "big", signed=True))
        if fork.connection in self._waiting.get_map():
            self._waiting.unregister(fork.connection)
        self._waiting.unregister(fork.alive)
        os.close(fork.alive)
        fork.connection.close()
        self._forks.remove(fork)

    def _end(self) -> None:
        for fork in self._forks:
            os.kill(fork.process, signal.SIGKILL)
        os._exit(0)


def run(request: Request) -> None:
    """Do what Python does with these arguments."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    os.environ.pop(FORKED_AT)
    arguments = request.arguments
    if arguments[0] == "-W":
        sys.warnoptions.append(arguments[1])
        warnings.simplefilter(arguments[1])  # type: ignore[arg-type]  "error", in our tests
        arguments = arguments[2:]
    option, *rest = arguments
    if option == "-c":
        program, *rest = rest
        sys.argv, sys.path[0] = ["-c", *rest], ""
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), main.__dict__)  # noqa: S102  of our own tests
    elif option == "-m":
        name, *rest = rest
        sys.argv, sys.path[0] = [name, *rest], request.folder
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = arguments, str(Path(option).parent)
        runpy.run_path(option, run_name="__main__")


def _open_standard_files() -> None:
    """Open them as Python does: what is open already remembers of another file whether it can be sought."""
    encoding = sys.__stdout__.encoding if sys.__stdout__ else "utf-8"
    sys.stdin = sys.__stdin__ = open(0, encoding=encoding, closefd=False)  # noqa: SIM115  as long as the program
    sys.stdout = sys.__stdout__ = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115  as long as the program
    sys.stderr = sys.__stderr__ = open(2, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115  as long as the program


def import_everything() -> None:
    """Import what programs want, and keep it out of what their collectors look at."""
    package = importlib.import_module("vonage_messages")
    for name in package.__all__:
        getattr(package, name)
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _of_python(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in the background ignore it
    forking = Forking(sys.argv[1])
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    import_everything()
    run(forking.serve())
