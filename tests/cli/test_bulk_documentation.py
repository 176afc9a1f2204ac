"""The session with ``bulk`` that ``docs/command-line.md`` shows, typed from top to bottom."""

from __future__ import annotations

import asyncio
import re
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from vonage_messages.cli.application import application
from vonage_messages.simulator import Simulator

PAGE = Path(__file__).parent.parent.parent / "docs" / "command-line.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("\n## bulk\n")[2].partition("\n## ")[0]
FILES = re.findall(r"`([a-z]+\.[a-z]+)`:\n\n```[a-z]+\n(.*?)```", SECTION, re.DOTALL)
SESSION = [
    (command, shown)
    for block in re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
    for command, shown in re.findall(r"^\$ vonage-messages (.*?)\n(.*?)(?=^\$ |\Z)", block, re.DOTALL | re.MULTILINE)
]


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Run a simulator in a thread, and give what points a program to it."""
    ready, end = threading.Event(), threading.Event()
    found: dict[str, str] = {}

    async def serve() -> None:
        async with Simulator() as simulator:
            found.update(simulator.environment())
            ready.set()
            await asyncio.to_thread(end.wait, 300)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(120)
        yield {**found, "COLUMNS": "80"}
    finally:
        end.set()
        thread.join(120)


def without_ids(text: str) -> str:
    """Blank out what is different in each run: ids and times."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "(id)", text)
    return re.sub(r"\d+\.\d s", "(time)", text)


def test_session_is_what_the_commands_print(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [name for name, _ in FILES] == ["people.csv", "invitation.toml", "prices.toml"]
    assert [command.split()[1] for command, _ in SESSION] == ["plan", "run", "run", "run", "status", "report"]
    for name, content in FILES:
        (tmp_path / name).write_text(content, encoding="utf-8")
    for command, shown in SESSION:
        printed = without_ids(CliRunner().invoke(application, shlex.split(command), env=environment).output)
        for part in without_ids(shown).split("[…]"):
            assert part.strip("\n") in printed


def test_every_command_of_bulk_is_named() -> None:
    group = application.commands["bulk"]
    names = set(getattr(group, "commands", {}))
    assert names == {"plan", "run", "status", "report", "retry"}
    assert all(f"`{name}`" in SECTION for name in names)
