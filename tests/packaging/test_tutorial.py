"""
The tutorial, followed word for word in an empty folder: its files are saved and its commands typed as they stand there.

Three things differ from what a person does: the index of packages is the folder of wheels, the two ports are free ones,
and the phone is written on by the command that the tutorial has beside it.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n# (\S+)(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMES = ("First", "Second", "Third")
PATIENCE = 300
"""Seconds after which a step counts as failed; each takes a few, and on a busy machine some more."""
LONGEST_WAIT = 60
"""Seconds that the simulator lets somebody wait for a message, at the most."""

pytestmark = pytest.mark.needs("curl")


class Terminal:
    """A shell, and every line that was printed in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._shell = subprocess.Popen(
            ["/bin/sh"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._shell.stdout or ():
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def type(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n")
        self._shell.stdin.flush()

    def see(self, pattern: str, since: int = 0) -> re.Match[str]:
        """Wait for a line that begins so."""

        def seen() -> re.Match[str] | None:
            return next((found for line in self.lines[since:] if (found := re.match(pattern, line))), None)

        with self._changed:
            self._changed.wait_for(lambda: seen() or not self._reader.is_alive(), PATIENCE)
            found = seen()
        assert found is not None, f"{pattern!r} is not among:\n" + "\n".join(self.lines)
        return found

    def interrupt(self) -> None:
        """Press Ctrl-C: whatever runs here hears of it."""
        os.killpg(self._shell.pid, signal.SIGINT)

    def close(self) -> None:
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        self._reader.join()
        for stream in (self._shell.stdin, self._shell.stdout):
            if stream is not None:
                stream.close()


class Reader:
    """Somebody who does what the tutorial says."""

    def __init__(self, folder: Path, terminals: dict[str, Terminal]) -> None:
        self._folder = folder
        self._terminals = terminals
        self._uuids: dict[str, str] = {}

    def save(self, name: str, content: str) -> None:
        (self._folder / name).write_text(content, encoding="utf-8")

    def work(self, name: str, remark: str, lines: list[str]) -> None:
        """Type the commands of a block, and wait for what it shows."""
        terminal = self._terminals[name]
        since = 0 if not any(line.startswith("$ ") for line in lines) else len(terminal.lines)
        commands = [typed for line in lines if line.startswith("$ ") for typed in self._typed(line[2:])]
        for number, command in enumerate(commands):
            terminal.type(command)
            if number < len(commands) - 1 or "stays open" not in remark:
                before = len(terminal.lines)  # a shell can answer before the next line of this program runs
                terminal.type('echo "ended with $?"')
                assert terminal.see(r"ended with (\d+)", before)[1] == "0", terminal.lines
        for line in lines:
            if line and not line.startswith("$ "):
                self._see(terminal, line, since)

    def _typed(self, command: str) -> list[str]:
        """Give the command, or what another terminal has printed where the page leaves something out."""
        if not command.endswith("…"):
            return [command]
        assert command.startswith("export ")
        return [line for line in self._terminals["First"].lines if line.startswith("export ")]

    def _see(self, terminal: Terminal, shown: str, since: int) -> None:
        """Wait for a line. What is made up anew each time is another one, and from then on the same."""
        made_up = re.match(r"(export \w+=).", shown)
        uuids = [] if made_up else UUID.findall(shown)
        pattern = re.escape(made_up[1]) if made_up else re.escape(shown)
        for uuid in uuids:
            pattern = pattern.replace(re.escape(uuid), self._uuids.get(uuid, f"({UUID.pattern})"))
        found = terminal.see(pattern, since)
        self._uuids.update(zip(uuids, UUID.findall(found[0]), strict=True))


def free_ports() -> tuple[int, int]:
    """Find two that nothing listens at, among those that are given to nobody who asks for any."""
    found: list[int] = []
    for _ in range(1000):
        with socket.socket() as candidate:
            port = random.randrange(10_000, 30_000)  # noqa: S311  no secret
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        if len({*found}) > 1:
            return found[0], found[-1]
    pytest.fail("every port is taken")


@pytest.fixture
def environment(wheelhouse: Path, wheel: Path, tmp_path: Path) -> dict[str, str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    hidden = ("PYTHON", "PIP_", "COV", "VONAGE_", "VIRTUAL_ENV", "FORKED")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)} | {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_FIND_LINKS": f"{wheelhouse} {wheel.parent}",
        "PIP_NO_COMPILE": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONUNBUFFERED": "1",  # a terminal shows a line when it is printed, and a pipe when there are many
    }


@pytest.fixture
def terminals(environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, Terminal]]:
    folder = tmp_path / "empty"
    folder.mkdir()
    opened = {name: Terminal(folder, environment) for name in NAMES}
    yield opened
    for terminal in opened.values():
        terminal.close()


def test_the_tutorial_leads_where_it_says(terminals: dict[str, Terminal], tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert len(blocks) == page.count("```") / 2
    ports = free_ports()
    reader = Reader(tmp_path / "empty", terminals)
    for language, name, remark, text in blocks:
        content = text.replace("8090", str(ports[0])).replace("8080", str(ports[1]))
        if language == "python":
            reader.save(name, f"# {name}{remark}\n{content}")
        else:
            reader.work(name, remark, content.replace("\\\n", "").splitlines())

    wanted = json.dumps({"text": "Thanks!", "status": "read", "timeout": LONGEST_WAIT}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{ports[0]}/_simulator/wait", wanted, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310  on this machine
        assert answer.status == 200
    terminals["First"].interrupt()
    terminals["First"].see("Stopped: 3 accepted, 0 refused")
