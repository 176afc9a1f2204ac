"""The outputs that ``docs/command-line.md`` shows are those that the commands print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from vonage_messages.cli.application import application

PAGE = Path(__file__).parent.parent.parent / "docs" / "command-line.md"
BLOCKS = re.findall(r"```console\n\$ vonage-messages (.*?)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
WHOLE = [(command, output) for command, output in BLOCKS if command.split()[0] in {"migrate", "segments", "send"}]
"""What is shown from its first line to its last."""

OLD = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
CREDENTIALS = ("VONAGE_API_KEY", "VONAGE_API_SECRET", "VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY", "VONAGE_BASE_URL")


def without_ids(text: str) -> str:
    """Blank out what is different in each run: ids, addresses, times, and the rule, which is as wide as the times."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{40}\b", "(id)", text)
    text = re.sub(r"(?<= )[0-9a-f]{8}(?=  \S)", "(id)", text)
    return re.sub(r"127\.0\.0\.1:\d+|202 [0-9a-f]{8}|\d+\.\d|\d+ ms|─+", "(run)", text)


def printed(command: str) -> str:
    environment: dict[str, str | None] = {**dict.fromkeys(CREDENTIALS), "COLUMNS": "80"}
    return CliRunner().invoke(application, shlex.split(command), env=environment).output


def test_every_command_is_shown() -> None:
    assert {command.split()[0] for command, _ in BLOCKS} == set(application.commands)


def parts_of(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Give *command*, and all that are below it, by how they are called."""
    yield name, command
    if isinstance(command, click.Group):
        for below, part in command.commands.items():
            yield from parts_of(part, f"{name} {below}".strip())


@pytest.mark.each(("name", "command"), list(parts_of(application, "")))
def test_every_option_stands_in_the_section_of_its_command(name: str, command: click.Command) -> None:
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    shown = [section for section in sections if section.split(maxsplit=1)[0] == (name.split() or ["#"])[0]]
    written = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(shown)))
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    missing = [option.opts for option in options if not written & {*option.opts, *option.secondary_opts}]
    assert shown
    assert missing == []


@pytest.mark.parametrize(("command", "output"), WHOLE, ids=[command for command, _ in WHOLE])
def test_what_a_command_is_shown_to_print_is_what_it_prints(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.jsonl").write_text(OLD, encoding="utf-8")
    assert without_ids(printed(command)) == without_ids(output)


def test_every_line_of_the_demo_that_is_shown_is_printed() -> None:
    shown = next(output for command, output in BLOCKS if command == "demo")
    words = " ".join(without_ids(printed("demo")).split())
    for part in shown.split("[…]"):
        assert " ".join(without_ids(part).split()) in words
