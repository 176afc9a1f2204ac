"""``setup`` and ``doctor``: what they print, their exit codes, and that no secret is among it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vonage_messages.cli.application import application
from vonage_messages.onboarding.keys import new_key_pair
from vonage_messages.testing.running import RunningSimulator

FORKED = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py"), "-W", "error"]
PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
BLOCKS = dict(
    re.findall(r"```console\n\$ vonage-messages (.*?)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
)
BASE = ("--webhook-base", "https://example.com")
URL = re.compile(r"http://127\.0\.0\.1:\d+")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run(simulator: RunningSimulator, *arguments: str, **environment: str | None) -> Result:
    known = {**simulator.environment(), "VONAGE_APPLICATION_ID": None, "VONAGE_PRIVATE_KEY": None}
    return CliRunner().invoke(application, arguments, env={**known, "COLUMNS": "80", "NO_COLOR": "1", **environment})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def words(text: str) -> str:
    """Blank out what differs between machines and runs, and how lines are broken by that."""
    text = UUID.sub("(id)", URL.sub("(url)", text))
    text = re.sub(r"[^ \n=]*private\.key", "(file)", text)
    return " ".join(re.sub(r"\d+(\.\d+)+", "(version)", text).split())


def test_what_setup_is_shown_to_print_is_what_it_prints(running: RunningSimulator, tmp_path: Path) -> None:
    result = run(running, "setup", *BASE)
    assert (result.exit_code, words(result.output)) == (0, words(BLOCKS["setup --webhook-base https://example.com"]))
    assert result.stdout.count("\n") == 2
    assert stat.S_IMODE((tmp_path / "private.key").stat().st_mode) == 0o600
    again = run(running, "setup", *BASE)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "is there already" in again.stderr
    assert len(running.applications) == 1


def test_what_doctor_is_shown_to_print_is_what_it_prints(running: RunningSimulator, tmp_path: Path) -> None:
    made = dict(line.split("=", 1) for line in run(running, "setup", *BASE).stdout.splitlines())
    (tmp_path / "private.key").chmod(0o644)
    made["VONAGE_PRIVATE_KEY"] = "private.key"  # a long path would be broken over lines
    result = run(running, "doctor", "--no-probe", **made, VONAGE_SIGNATURE_SECRET=None)
    assert (result.exit_code, words(result.output)) == (1, words(BLOCKS["doctor --no-probe"]))
    assert max(map(len, URL.sub("(url)", result.output).splitlines())) <= 80
    assert "\x1b" not in result.output


def test_doctor_as_json_for_a_sound_installation(running: RunningSimulator) -> None:
    made = dict(line.split("=", 1) for line in run(running, "setup", *BASE).stdout.splitlines())
    result = run(running, "doctor", "--no-probe", "--json", **made)
    findings = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {each["outcome"] for each in findings} == {"ok", "skipped"}
    assert set(findings[0]) == {"check", "outcome", "found", "mend"}
    assert running.api_secret not in result.output
    assert running.signature_secret not in result.output


def test_doctor_calls_the_webhooks_that_it_is_given(running: RunningSimulator) -> None:
    url = f"{running.url}/v1/messages"  # no webhook: it knows no credentials of this kind
    result = run(running, "doctor", "--json", "--status-url", url, "--inbound-url", f"{running.url}/nothing")
    wrong = {each["check"]: each["found"] for each in json.loads(result.stdout) if each["outcome"] == "failed"}
    assert wrong["status webhook"] == f"{url} answers a genuine callback with 401"
    assert wrong["inbound webhook"] == f"{running.url}/nothing answers 404"


def test_setup_changes_an_application(running: RunningSimulator, tmp_path: Path) -> None:
    own = running.application_id
    result = run(running, "setup", "--application-id", own, "--status-url", "https://example.com/s", *BASE, "--json")
    said = json.loads(result.stdout)
    assert (said["created"], said["key_file"], said["status_url"]) == (False, None, "https://example.com/s")
    assert said["environment"] == {"VONAGE_APPLICATION_ID": own}
    assert running.webhooks.inbound_url == "https://example.com/webhooks/inbound-message"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--inbound-url", "https://example.com/i"],
        ["--new-key", *BASE],
        ["--webhook-base", "example.com"],
        ["--application-id", "no-id", *BASE],
        [*BASE, "--key-file", "no/such/folder/private.key"],
    ],
)
def test_bad_input_is_exit_code_2_and_leaves_nothing(
    running: RunningSimulator, tmp_path: Path, arguments: list[str]
) -> None:
    result = run(running, "setup", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert not list(tmp_path.iterdir())
    assert not len(running.applications)


@pytest.mark.parametrize("key", [new_key_pair()[0], b"-----BEGIN PRIVATE KEY-----\n"], ids=["another", "damaged"])
def test_the_command_that_doctor_names_for_a_new_key_gives_one(
    running: RunningSimulator, tmp_path: Path, key: bytes
) -> None:
    made = dict(line.split("=", 1) for line in run(running, "setup", *BASE).stdout.splitlines())
    (tmp_path / "private.key").write_bytes(key)
    findings = json.loads(run(running, "doctor", "--no-probe", "--json", **made).stdout)
    named = [each["mend"].partition("vonage-messages ")[2] for each in findings if "--new-key" in (each["mend"] or "")]
    assert len(named) == 1
    made |= dict(line.split("=", 1) for line in run(running, *shlex.split(named[0])).stdout.splitlines())
    assert run(running, "doctor", "--no-probe", **made).exit_code == 0


def test_a_lost_answer_says_where_the_new_key_is(running: RunningSimulator, tmp_path: Path) -> None:
    running.faults.add("reset_in_answer")
    result = run(running, "setup", *BASE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"The new key is in {tmp_path / 'private.key'}: the platform may have taken it." in result.stderr


@pytest.mark.usefixtures("forked")
def test_one_who_breaks_off_hears_where_the_new_key_is(running: RunningSimulator, tmp_path: Path) -> None:
    running.faults.add("slow", seconds=60)
    command = [*FORKED, "-m", "vonage_messages", "setup", *BASE]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, **running.environment(), "NO_COLOR": "1"}
    with subprocess.Popen(command, env=environment, **pipes) as program:  # noqa: S603  our own
        while not running.applications and program.poll() is None:  # ends: with the request, or with the program
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        output, said = program.communicate(timeout=60)
    where = tmp_path / "private.key"
    assert said == f"\nInterrupted. The new key is in {where}: the platform may have taken it.\n"
    assert (program.returncode, output, stat.S_IMODE(where.stat().st_mode)) == (130, "", 0o600)


def test_a_refusal_is_exit_code_1(running: RunningSimulator, tmp_path: Path) -> None:
    result = run(running, "setup", *BASE, VONAGE_API_SECRET="another")
    assert (result.exit_code, result.stdout) == (1, "")
    assert not list(tmp_path.iterdir())
    result = run(running, "setup", *BASE, VONAGE_API_KEY=None)
    assert (result.exit_code, "VONAGE_API_KEY" in result.stderr) == (2, True)
