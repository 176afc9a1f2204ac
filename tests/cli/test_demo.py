"""The demo: everything is accepted that should be, everything else is refused, and a surprise is an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import subprocess
import sys
import time

import attrs
import pytest
from click.testing import CliRunner
from rich.console import Console

from vonage_messages import RawMessage
from vonage_messages.cli import rehearsal
from vonage_messages.cli.application import application
from vonage_messages.cli.catalogue import Exhibit, exhibits
from vonage_messages.cli.demo_table import show
from vonage_messages.cli.missteps import mistakes, refusals
from vonage_messages.cli.rehearsal import Answered, Refused, Report, count_of_requests, rehearse
from vonage_messages.cli.round_trip import Happening

QUICK = 1000
ROW = re.compile(r"(\S+) +(\S.*?) +(v1|v0\.1) +(\d{3})(?: ([0-9a-f]{8}))? +(\d+\.\d)")


@pytest.fixture(scope="module")
def report() -> Report:

    return asyncio.run(rehearse(rate=QUICK))


def printed(report: Report, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def surprising() -> Report:
    answered = Answered(channel="sms", what="text", version="v1", status=422, duration=0.001, error="HTTP 422: no")
    passed = Refused(what="An SMS to a name", sentence="", as_expected=False)
    return Report(
        url="http://127.0.0.1:1", rate=30, answered=(answered,), found_here=(passed,), found_there=(), duration=0.1
    )


def test_every_request_is_accepted_and_arrives_as_it_was_written(report: Report) -> None:
    assert [each for each in report.answered if not each.as_expected] == []
    assert {each.status for each in report.answered} == {202}
    assert report.accepted == count_of_requests()


def test_both_versions_are_used(report: Report) -> None:
    sent = [version for exhibit in exhibits() for version in exhibit.versions]
    updates = 3
    assert sum(each.version == "v0.1" for each in report.answered) == sent.count("v0.1") > 0
    assert sum(each.version == "v1" for each in report.answered) == sent.count("v1") + updates


def test_every_mistake_is_found_here(report: Report) -> None:
    assert [(each.what, each.as_expected) for each in report.found_here] == [(each.what, True) for each in mistakes()]
    assert all(each.sentence and each.status is None for each in report.found_here)


def test_the_platforms_rules_refuse_the_rest(report: Report) -> None:
    assert [each.status for each in report.found_there] == [each.status for each in refusals()]
    assert {each.status for each in report.found_there} == {400, 401, 402, 404, 422, 429}
    assert report.as_expected


def test_a_refused_field_is_named(report: Report) -> None:
    assert "text: is required; ttl: must be 20 to 604800" in report.found_there[0].sentence


def test_too_fast_says_when_to_come_back(report: Report) -> None:
    assert [each.retry_after for each in report.found_there if each.status == 429] == [1]


def test_a_row_is_a_line_at_80_columns(report: Report) -> None:
    text = printed(report, 80)
    rows = [match for match in map(ROW.fullmatch, text.splitlines()) if match]
    assert len(rows) == count_of_requests()
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (each.channel, each.what, each.version) for each in report.answered
    ]
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_loses_nothing(report: Report, width: int) -> None:
    text = printed(report, width)
    assert all(each.message_uuid[:8] in text for each in report.answered)
    assert max(map(len, text.splitlines())) <= max(width, 21)


def test_a_message_goes_out_and_an_answer_comes_back(report: Report) -> None:
    assert [(each.what, each.as_expected) for each in report.round_trip] == [
        ("sent", True),
        ("submitted", True),
        ("delivered", True),
        ("read", True),
        ("reply", True),
        ("answered", True),
        ("forged", True),
    ]


def test_the_round_trip_is_shown_in_order(report: Report) -> None:
    text = printed(report, 80)
    shown = text[text.index("There and back") :]
    places = [shown.index(f"  {each.what}") for each in report.round_trip]
    assert places == sorted(places)
    assert "a person typed: Yes, please" in shown
    assert "refused with 401" in shown


def test_a_round_trip_that_fails_is_not_as_expected(report: Report) -> None:
    lost = Happening(what="failed", detail="message x did not become read in time", as_expected=False)
    broken = attrs.evolve(report, round_trip=(*report.round_trip[:2], lost))
    assert not broken.as_expected
    assert "did not become read in time NOT AS EXPECTED" in printed(broken, 80)


def test_the_summary_counts(report: Report) -> None:
    wrong = len(mistakes()) + len(refusals())
    words = " ".join(printed(report, 80).split())
    assert f"{count_of_requests()} sent, {count_of_requests()} accepted and arrived as written" in words
    assert f"{wrong} of {wrong} wrong ones refused as expected" in words


def test_the_command_prints_no_colour_into_a_pipe() -> None:
    result = CliRunner().invoke(application, ["demo", "--rate", str(QUICK)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.output
    assert "kept to 1000 requests a second" in " ".join(result.output.split())


def test_a_message_that_is_refused_unexpectedly_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = RawMessage({"channel": "fax", "message_type": "text", "to": "447700900000", "from": "Acme"})
    monkeypatch.setattr(rehearsal, "exhibits", lambda: iter([Exhibit(unknown), *exhibits()]))
    result = CliRunner().invoke(application, ["demo", "--rate", str(QUICK)])
    assert result.exit_code == 1
    assert "HTTP 422:" in result.output
    assert "Not everything was as expected" in result.output


def test_a_surprise_is_shown_where_it_happened() -> None:
    text = printed(surprising(), 80)
    assert "HTTP 422: no" in text
    assert "An SMS to a name NOT AS EXPECTED" in text
    assert "Nothing refused it." in text


def test_the_demo_keeps_to_its_rate() -> None:

    begun = time.perf_counter()
    report = asyncio.run(rehearse(rate=150))
    assert report.as_expected
    assert time.perf_counter() - begun >= count_of_requests() / 150


@pytest.mark.parametrize("rate", ["0", "1001", "fast"])
def test_a_rate_that_cannot_work_is_exit_code_2(rate: str) -> None:
    result = CliRunner().invoke(application, ["demo", "--rate", rate])
    assert result.exit_code == 2
    assert "--rate" in result.stderr


def test_a_terminal_gets_a_bar_that_vanishes_and_colours() -> None:
    ours, theirs = os.openpty()
    command = (sys.executable, "-W", "error", "-m", "vonage_messages", "demo", "--rate", str(QUICK))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "200"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:  # noqa: S603  our own program
        os.close(theirs)
        chunks: list[bytes] = []
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while chunk := os.read(ours, 65536):  # ends with the process, whose time the run of the demo bounds
                chunks.append(chunk)
        os.close(ours)
        assert process.wait(120) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    text = b"".join(chunks).decode()
    assert f"/{count_of_requests()}" in text
    assert "\x1b[32m202 " in text
    assert "/" + str(count_of_requests()) not in text.rpartition("Channel")[2]
