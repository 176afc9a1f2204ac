"""``bulk``: what it shows, what it refuses, and what it writes; nothing in here is sent."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vonage_messages import Sms
from vonage_messages.cli.application import application
from vonage_messages.cli.bulk_options import RulesOptions
from vonage_messages.sending.outbox import Outbox

FORKED = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py"), "-W", "error"]
ROWS = "phone,name\n447700900001,Anna\nnobody,Bob\n447700900003,Carol\n+44 7700 900001,Anna again\n"
SHORTCUT = ["--channel", "sms", "--from", "Acme", "--to-column", "phone", "--text", "Hi {name}"]
CREDENTIALS = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "not a secret"}
# Port 9 of this machine: nothing may be sent here, and nobody would answer.
NOWHERE = {**CREDENTIALS, "VONAGE_BASE_URL": "http://127.0.0.1:9", "COLUMNS": "80"}
NO_CREDENTIALS: dict[str, str | None] = dict.fromkeys(
    (*CREDENTIALS, "VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY", "VONAGE_BASE_URL")
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Write a file of four rows: two good ones, one that is bad, one that is a duplicate."""
    path = tmp_path / "people.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def bulk(*arguments: object, environment: dict[str, str | None] | None = None, typed: bytes | None = None) -> Result:
    chosen = {**NO_CREDENTIALS, **(NOWHERE if environment is None else environment)}
    return CliRunner().invoke(application, ["bulk", *map(str, arguments)], env=chosen, input=typed)


def fill(path: Path, *recipients: str) -> None:
    async def add() -> None:
        async with Outbox.open(path) as outbox:
            await outbox.add([Sms(to=to, from_="Acme", text="Hi") for to in recipients], key=lambda each: each.to)

    asyncio.run(add())


def test_plan_shows_what_a_run_would_do_and_makes_no_outbox(people: Path) -> None:
    result = bulk("plan", people, *SHORTCUT)
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert "to send 2: 2 sms" in words
    assert "invalid 1: no message can be made of them line 3: to: must be a phone number" in words
    assert "duplicates 1 left out: --duplicates send writes to them, too" in words
    assert "line 5 goes to the same recipient as line 2" in words
    assert "SMS parts 2" in words
    assert [each.name for each in people.parent.iterdir()] == ["people.csv"]


def test_plan_fits_80_columns_and_leaves_no_space_at_a_line_end(people: Path) -> None:
    lines = bulk("plan", people, *SHORTCUT).output.splitlines()
    # The path of the file stays whole, however long.
    assert max(len(line) for line in lines if str(people) not in line) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


def test_plan_is_one_json_object(people: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("channel,prefix,price,currency\nsms,44,0.04,EUR\n", encoding="utf-8")
    result = bulk("plan", people, *SHORTCUT, "--json", "--prices", prices, "--max-cost", "0.05", "--max-messages", 1)
    document = json.loads(result.output)
    assert (document["rows"], document["messages"], document["invalid"], document["duplicates"]) == (4, 2, 1, 1)
    assert document["invalid_rows"][0]["line"] == 3
    assert (document["cost"]["total"], document["cost"]["currency"]) == ("0.08", "EUR")
    assert (document["over_max_cost"], document["over_max_messages"]) == (True, True)
    assert document["busiest_sender"]["key"] == "sender sms/Acme"


def test_plan_names_the_character_that_costs_more(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"phone,name\n447700900001,O\u2019Neil {'x' * 80}\n", encoding="utf-8")
    words = " ".join(bulk("plan", path, *SHORTCUT).output.split())
    assert "encoding 1 text needs 1 part more for characters outside GSM-7" in words
    assert "\u2019 U+2019 RIGHT SINGLE QUOTATION MARK: 1 more (line 2); write ' in its place" in words


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("phone,na\x1b[2Jme\n447700900001,\n", encoding="utf-8")
    result = bulk("plan", path, "--channel", "sms", "--from", "A", "--to-column", "phone", "--text", "{na\x1b[2Jme}")
    assert "\x1b" not in result.output
    assert r"\x1b" in result.output


def test_rows_of_standard_input_are_planned(tmp_path: Path) -> None:
    rows = b'{"channel": "sms", "to": "447700900000", "from": "Acme", "text": "Hi"}\n'
    result = bulk("plan", "-", typed=rows)
    assert result.exit_code == 0
    assert "1 in standard input" in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


def test_each_row_may_name_its_template(tmp_path: Path) -> None:
    (tmp_path / "templates.json").write_text(
        json.dumps(
            {
                "templates": {
                    "text": {"channel": "sms", "from": "Acme", "to": "{to}", "text": "{words}"},
                    "image": {
                        "channel": "whatsapp",
                        "from": "447700900009",
                        "to": "{to}",
                        "image": {"url": "{words}"},
                    },
                }
            }
        ),
        encoding="utf-8",
    )
    path = tmp_path / "people.csv"
    path.write_text(
        "to,message_type,words\n447700900001,text,Hi\n447700900002,image,https://example.com/cat.jpg\n",
        encoding="utf-8",
    )
    result = bulk("plan", path, "--template", tmp_path / "templates.json", "--json")
    assert json.loads(result.output)["channels"] == {"sms": 1, "whatsapp": 1}


def test_strict_plan_of_an_invalid_file_is_exit_code_2(people: Path) -> None:
    assert bulk("plan", people, *SHORTCUT, "--strict").exit_code == 2


def test_strict_run_of_an_invalid_file_sends_and_makes_nothing(people: Path) -> None:
    result = bulk("run", people, *SHORTCUT, "--strict", "--yes")
    assert result.exit_code == 2
    assert result.stderr.endswith("--strict: nothing was sent, because not every row is valid.\n")
    assert not people.with_suffix(".outbox").exists()


def test_run_without_credentials_says_so_before_the_file_is_read(people: Path) -> None:
    result = bulk("run", people, *SHORTCUT, "--yes", environment={})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("no credentials in the environment")


def test_run_where_nobody_can_be_asked_needs_yes(people: Path) -> None:
    result = bulk("run", people, *SHORTCUT)
    assert result.exit_code == 2
    assert "nobody can be asked here: --yes sends without a question." in result.stderr
    assert not people.with_suffix(".outbox").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--channel", "sms"], "--channel needs --from and --text."),
        (["--from", "Acme", "--text", "Hi"], "--from, --text belongs to --channel."),
        ([*SHORTCUT, "--max-cost", "5"], "--max-cost needs --prices."),
        ([*SHORTCUT, "--max-cost", "much"], "is no amount."),
        ([*SHORTCUT, "--max-cost", "NaN"], "is no amount of 0 or more."),
        ([*SHORTCUT, "--unknown-zone", "send"], "--unknown-zone belongs to --quiet-hours."),
        ([*SHORTCUT, "--quiet-hours", "at night"], "quiet hours are written like 21:00-08:00"),
        ([*SHORTCUT, "--quiet-hours", "21:00-08:00", "--unknown-zone", "Nowhere"], "there is no time zone 'Nowhere'"),
        ([*SHORTCUT, "--suppress-column", "phone"], "--suppress-column belongs to --suppress."),
        ([*SHORTCUT, "--suppress", "missing.txt"], "'missing.txt' does not exist."),
    ],
)
def test_options_that_cannot_work_are_exit_code_2(people: Path, arguments: list[str], sentence: str) -> None:
    result = bulk("plan", people, *arguments)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())


def test_template_beside_the_shortcut_is_refused(people: Path, tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    template.write_text('{"channel": "sms"}', encoding="utf-8")
    result = bulk("plan", people, *SHORTCUT, "--template", template)
    assert result.exit_code == 2
    assert "--channel and --template say the same thing" in result.stderr


@pytest.mark.parametrize("option", ["--template", "--limits", "--prices"])
def test_file_of_an_option_that_cannot_be_read_is_one_sentence(people: Path, tmp_path: Path, option: str) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff\xfe")
    shortcut = [] if option == "--template" else SHORTCUT
    result = bulk("plan", people, *shortcut, option, broken)
    assert result.exit_code == 2
    assert "broken.toml is not UTF-8 text" in result.stderr


def test_run_is_made_with_the_limits_and_prices_that_its_plan_was_made_with(tmp_path: Path) -> None:
    limits, prices = tmp_path / "limits.toml", tmp_path / "prices.toml"
    limits.write_text("account = { n = 5 }\n", encoding="utf-8")
    prices.write_text('currency = "EUR"\n[sms]\ndefault = "0.05"\n', encoding="utf-8")
    rules = RulesOptions(
        limits_file=limits,
        prices_file=prices,
        max_cost=None,
        max_messages=None,
        suppress=(),
        suppress_column=None,
        quiet_hours=None,
        unknown_zone=None,
    )
    planned = rules.limits, rules.prices
    limits.write_bytes(b"")  # as a pipe that was read
    prices.write_bytes(b"")
    assert (rules.limits, rules.prices) == planned


def test_standard_input_needs_a_name_for_its_outbox() -> None:
    result = bulk("run", "-", "--yes", typed=b"")
    assert result.exit_code == 2
    assert "say with --outbox where its outbox is" in " ".join(result.stderr.split())


@pytest.mark.parametrize("command", [["plan", *SHORTCUT], ["status"], ["report"]])
def test_file_without_a_name_is_one_sentence(command: list[str]) -> None:
    result = bulk(command[0], "", *command[1:])
    assert result.exit_code == 2
    assert "FILE is empty: name a file." in result.stderr


def test_outbox_is_not_taken_for_a_file_of_rows(tmp_path: Path) -> None:
    result = bulk("plan", tmp_path / "people.outbox")
    assert result.exit_code == 2
    assert "is an outbox" in result.stderr


@pytest.mark.parametrize("command", ["status", "report", "retry"])
def test_outbox_that_is_not_there_is_not_made(people: Path, command: str) -> None:
    result = bulk(command, people)
    assert result.exit_code == 2
    assert "there is no outbox" in result.stderr
    assert not people.with_suffix(".outbox").exists()


@pytest.mark.parametrize("command", ["status", "report", "retry", "run"])
def test_file_that_is_no_outbox_is_left_alone(people: Path, command: str) -> None:
    path = people.with_suffix(".outbox")
    path.write_text("notes of mine " * 1000, encoding="utf-8")
    result = bulk(command, people, *([*SHORTCUT, "--yes"] if command == "run" else []))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert path.read_text(encoding="utf-8") == "notes of mine " * 1000


def test_status_counts_every_state(people: Path) -> None:
    fill(people.with_suffix(".outbox"), "447700900001", "447700900002")
    lines = bulk("status", people).output.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["accepted", "0"],
        ["failed", "0"],
        ["in", "doubt"],
        ["pending", "2"],
    ]
    assert json.loads(bulk("status", people.with_suffix(".outbox"), "--json").output)["states"]["pending"] == 2


def test_report_goes_to_a_file_that_only_its_owner_reads(people: Path, tmp_path: Path) -> None:
    fill(people.with_suffix(".outbox"), "447700900001")
    target = tmp_path / "report.csv"
    target.touch()
    target.chmod(0o644)  # what is there is replaced, and with it who may read it
    result = bulk("report", people, "--output", target)
    assert (result.exit_code, result.output) == (0, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    (row,) = csv.DictReader(io.StringIO(target.read_text(encoding="utf-8")))
    assert (row["state"], row["recipient"]) == ("pending", "447700900001")


def test_report_as_json_is_an_array(people: Path) -> None:
    fill(people.with_suffix(".outbox"), "447700900001")
    assert [row["state"] for row in json.loads(bulk("report", people, "--json").output)] == ["pending"]


def test_report_that_cannot_be_written_is_one_sentence(people: Path, tmp_path: Path) -> None:
    fill(people.with_suffix(".outbox"), "447700900001")
    result = bulk("report", people, "--output", tmp_path / "missing" / "report.csv")
    assert result.exit_code == 2
    assert "report.csv cannot be written: No such file or directory." in result.stderr


@pytest.mark.usefixtures("forked")
def test_plan_that_is_broken_off_ends_as_every_command_does(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    os.mkfifo(people)
    # A shell has what runs in the background ignore the signal, and the program would inherit that.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program_text = f"{heeding}; from vonage_messages.__main__ import main; main()"
    command = [*FORKED, "-c", program_text, "bulk", "plan", str(people), *SHORTCUT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:  # noqa: S603  our own
        writing = None
        while writing is None and program.poll() is None:  # ends: when the program reads, or ends
            with suppress(OSError):  # nobody reads yet
                writing = os.open(people, os.O_WRONLY | os.O_NONBLOCK)
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        output, said = program.communicate(timeout=60)
        if writing is not None:
            os.close(writing)
    assert (program.returncode, output, said) == (130, "", "\nInterrupted.\n")


def test_report_that_finds_no_room_is_one_sentence(people: Path) -> None:
    fill(people.with_suffix(".outbox"), "447700900001")
    result = bulk("report", people, "--output", "/dev/full")
    assert (result.exit_code, result.output) == (2, "/dev/full cannot be written: No space left on device.\n")


@pytest.mark.parametrize("command", [[], ["plan"], ["run"], ["status"], ["report"], ["retry"]], ids=" ".join)
def test_help_fits_80_columns_and_loads_nothing_large(command: list[str]) -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"  # where coverage is measured, its own are there
        "from vonage_messages.cli.application import application\n"
        f"application({['bulk', *command, '--help']!r}, standalone_mode=False)\n"
        "large = {'aiohttp', 'jwt', 'cryptography', 'sqlite3', 'phonenumbers', 'matplotlib'}\n"
        "print(sorted(large & (set(sys.modules) - before)))"
    )
    environment = {**os.environ, "COLUMNS": "80"}
    result = subprocess.run(  # noqa: S603  our own text, in our own interpreter
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
    )
    assert result.stdout.endswith("\n[]\n")
    assert max(map(len, result.stdout.splitlines())) <= 80
