"""``accounts``: what is asked for is what the simulator then has, and no access token is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vonage_messages.cli.application import application
from vonage_messages.testing.running import RunningSimulator

TOKEN = "the secret token"
APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
SHOWN = re.findall(
    r"```console\n\$ vonage-messages (accounts .*?)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
)


def accounts(simulator: RunningSimulator, *arguments: str, stdin: str | None = None, columns: int = 80) -> Result:
    environment = {**simulator.environment(), "COLUMNS": str(columns), "NO_COLOR": "1"}
    return CliRunner().invoke(application, ["accounts", *arguments], env=environment, input=stdin)


def test_what_is_shown_is_printed(running: RunningSimulator) -> None:
    assert len(SHOWN) == 4
    for command, expected in SHOWN:
        result = accounts(running, *shlex.split(command)[1:])
        printed = "".join(f"{line.rstrip()}\n" for line in result.output.splitlines())
        assert (printed, result.exit_code) == (expected, 0)
        assert "--json" in command or max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize("viber", ["viber_service_msg", "viber_service", "viber"])
def test_viber_goes_by_each_of_its_names(running: RunningSimulator, viber: str) -> None:
    shown = json.loads(accounts(running, "show", viber, "22353", "--json").output)
    assert json.loads(accounts(running, "list", "--provider", viber, "--json").output) == [shown]


@pytest.mark.parametrize(("width", "in_one_piece"), [(80, True), (60, False), (40, False)])
def test_no_id_is_cut_however_narrow_the_terminal(running: RunningSimulator, width: int, in_one_piece: bool) -> None:
    other = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
    name = "A shop whose name is long enough for two lines"
    running.accounts.add("whatsapp", "447700900009", name=name, applications=(running.application_id, other))
    printed = accounts(running, "list", columns=width).output
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= width
    assert (other in printed) is in_one_piece
    assert "447700900009" in printed or not in_one_piece


def test_a_page_of_messenger(running: RunningSimulator, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    made = accounts(running, "create-messenger", "1", "--access-token-file", str(file), "--name", "Ac\x1bme")
    assert (made.exit_code, "Ac\\x1bme" in made.output) == (0, True)
    changed = accounts(
        running,
        *("update-messenger", "1", "--access-token-file", "-", "--application", APPLICATION, "--json"),
        stdin="another token",
    )
    assert json.loads(changed.output)["applications"] == [APPLICATION]
    unlinked = accounts(running, "update-messenger", "1", "--no-application")
    assert "application  -" in unlinked.output
    listed = accounts(running, "list", "--provider", "messenger", "--json")
    assert [each["external_id"] for each in json.loads(listed.output)] == ["1"]
    assert "token" not in made.output + changed.output + unlinked.output + listed.output
    assert [each.access_token for each in running.accounts][-1] == "another token"
    assert accounts(running, "delete-messenger", "1", stdin="n\n").exit_code == 1
    assert accounts(running, "delete-messenger", "1", "--yes").output == "messenger 1 is deleted.\n"
    assert accounts(running, "list", "--provider", "messenger").output == "There are no accounts.\n"


def test_a_refusal_is_one_sentence_and_exit_code_1(running: RunningSimulator) -> None:
    result = accounts(running, "show", "whatsapp", "447700900009")
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(r"Error: HTTP 404: Not Found \[request id .{36}\]\n|HTTP 404.*\n", result.stderr)
    running.faults.add("error")
    result = accounts(running, "link", "whatsapp", "447700900001", APPLICATION)
    assert (result.exit_code, "message may be on its way" in result.stderr) == (1, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "fax", "1"],
        ["show", "whatsapp", "../1"],
        ["link", "whatsapp", "1", "no-id"],
        ["update-messenger", "1"],
        ["update-messenger", "1", "--application", APPLICATION, "--no-application"],
        ["create-messenger", "1", "--access-token-file", "no/such/file"],
        ["create-messenger", "1", "--access-token-file", "-"],
    ],
)
def test_bad_input_is_exit_code_2(running: RunningSimulator, arguments: list[str]) -> None:
    result = accounts(running, *arguments, stdin="two\nlines")
    assert (result.exit_code, result.stdout) == (2, "")
    assert not running.refusals
