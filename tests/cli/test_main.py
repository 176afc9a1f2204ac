"""The door: both ways in, the version, the help, and what is said when the extra is missing."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner

from vonage_messages import Outbox, Sms, __version__
from vonage_messages.cli.application import application

SCRIPT = Path(sys.executable).with_name("vonage-messages")
MODULE = [sys.executable, "-W", "error", "-m", "vonage_messages"]
FORKED = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py"), "-W", "error", "-m", "vonage_messages"]
OLD = {
    "to": {"type": "sms", "number": "447700900000"},
    "from": {"type": "sms", "number": "Acme"},
    "message": {"content": {"type": "text", "text": "Hello"}},
}


def run(*command: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-W", "error", "-c", code] if code is not None else command
    return subprocess.run(  # noqa: S603  our own program
        arguments, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "80"}
    )


@pytest.mark.parametrize("command", [MODULE, [str(SCRIPT)]], ids=["python -m", "script"])
def test_both_ways_in_give_the_version(command: list[str]) -> None:
    result = run(*command, "--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"vonage-messages, version {__version__}\n"


def test_ctrl_c_while_the_commands_are_imported_ends_with_a_word() -> None:
    code = """
import sys

class Signal:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Signal())
from vonage_messages.__main__ import main
main()
"""
    result = run(code=code)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "\nInterrupted.\n")


HELPED = [[], ["demo"], ["migrate"], ["segments"], ["send"], ["simulator"]]


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("command", HELPED, ids=["group", *(command[0] for command in HELPED[1:])])
def test_the_help_fits_80_columns(command: list[str]) -> None:
    result = run(*FORKED, *command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: vonage-messages")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_help_lists_every_command() -> None:
    result = CliRunner().invoke(application, ["--help"])
    commands = {
        "accounts",
        "bulk",
        "demo",
        "doctor",
        "listen",
        "migrate",
        "segments",
        "send",
        "setup",
        "simulator",
        "workers",
    }
    assert set(application.commands) == commands
    assert all(f"  {name} " in result.output for name in application.commands)


def test_the_help_loads_neither_aiohttp_nor_a_token_library() -> None:
    code = (
        "import sys\n"
        "from vonage_messages.cli.application import application\n"
        "application(['send', '--help'], standalone_mode=False)\n"
        "print(sorted({'aiohttp', 'jwt', 'cryptography'} & set(sys.modules)))"
    )
    result = run(code=code)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("\n[]\n")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_sentence_says_what_to_install(missing: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from vonage_messages.__main__ import main\n"
        "sys.argv = ['vonage-messages', 'demo']\n"
        "main()"
    )
    result = run(code=code)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        'The command vonage-messages needs click and rich: pip install "vonage-messages-async[cli]"\n'
    )


def test_a_module_of_ours_that_is_missing_is_no_missing_extra() -> None:
    code = (
        "import sys\nsys.modules['vonage_messages.cli.demo'] = None\nfrom vonage_messages.__main__ import main\nmain()"
    )
    result = run(code=code)
    assert result.returncode == 1
    assert "ModuleNotFoundError" in result.stderr


@pytest.fixture
def report(tmp_path: Path) -> list[str]:
    """Give the command that reports a file of an outbox with a row."""

    async def fill() -> None:
        async with Outbox.open(tmp_path / "people.outbox") as outbox:
            await outbox.add([Sms(to="447700900000", from_="Acme", text="Hello")], key=lambda each: each.to)

    asyncio.run(fill())
    return ["bulk", "report", str(tmp_path / "people.csv")]


@pytest.fixture
def documents(tmp_path: Path) -> list[str]:
    """Give the command that migrates a file."""
    path = tmp_path / "documents.json"
    path.write_text(json.dumps([OLD] * 2000), encoding="utf-8")
    return ["migrate", str(path)]


COMMANDS = pytest.mark.parametrize("command", ["segments", "report", "documents"])


def written_to(output: int | IO[str], command: str, request: pytest.FixtureRequest) -> subprocess.CompletedProcess[str]:
    arguments = ["segments", "Hello"] if command == "segments" else request.getfixturevalue(command)
    return subprocess.run(  # noqa: S603  our own program
        [*FORKED, *arguments], stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )


@pytest.mark.usefixtures("forked")
@COMMANDS
def test_output_that_finds_no_room_is_one_sentence(command: str, request: pytest.FixtureRequest) -> None:
    with Path("/dev/full").open("w") as full:
        result = written_to(full, command, request)
    assert (result.returncode, result.stderr) == (1, "The output cannot be written: No space left on device.\n")


@pytest.mark.usefixtures("forked")
@COMMANDS
def test_output_that_nobody_reads_any_more_ends_it_in_silence(command: str, request: pytest.FixtureRequest) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = written_to(writing, command, request)
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (1, "")


def test_standard_files_that_are_closed_are_as_good_as_empty() -> None:
    result = run("sh", "-c", '"$@" <&- >&-', "sh", *MODULE, "migrate", "-")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_unknown_command_is_exit_code_2() -> None:
    result = CliRunner().invoke(application, ["fax"])
    assert result.exit_code == 2
    assert "No such command 'fax'" in result.stderr
