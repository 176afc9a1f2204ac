"""Every program of README and site runs as it stands, against the simulator, and prints what it should."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from _site.programs import (
    PAGES,
    is_of_a_test_run,
    is_sketch,
    name_of,
    programs_of,
    promised_lines,
    run,
    shown_output,
)
from sybil import Example

PROGRAMS = {(name_of(page), number): program for page in PAGES for number, program in enumerate(programs_of(page))}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
EXPECTED = {
    ("README.md", 0): rf"{UUID}\n",
    ("README.md", 2): rf"40\n40 {UUID}\n",
    ("index.md", 0): r"True\n",
    ("sending.md", 0): r"whatsapp 447700900000 Your parcel is here\n",
    ("sending.md", 2): r"(delivered|read)\n",
    ("money.md", 0): r"0\.01 0\.08 EUR 0\n0\.09 \{'44': Decimal\('0\.04'\), 'default': Decimal\('0\.05'\)\}\n",
    ("money.md", 1): r"\{'EUR': Decimal\('0\.03'\)\} 3\nsms Acme EUR 3 0\.03\n",
    ("money.md", 2): (
        r"4 2 0\.20\n"
        r"the budget of 0\.22 would be passed by the next message \(0\.20 are used\)\. The message was not sent\.\n"
    ),
    ("money.md", 3): (
        r"6 messages to 44770090\.\.\. within 60 s\n"
        r"5 too many messages have gone to numbers that begin with 44770090: they are left alone for 600 s more\. "
        r"The message was not sent\.\n6\n"
    ),
    ("consent.md", 0): r"to: 44\*+00 has opted out of your messages\. The message was not sent\. False False\n0\n",
    ("consent.md", 1): r"447700900000 from:14155550100\nTrue False True\n",
    ("consent.md", 2): r"invalid message: to: must be my own number while we try things out 1\n",
    ("from-v0.1-to-v1.md", 0): r"viber_service 447700900000 \{'category': 'transaction', 'ttl': 600\}\n\(\) True\n",
    ("from-v0.1-to-v1.md", 1): (
        r"ttl: the other version has no place for it\n"
        r"invalid document: channel: v0\.1 does not know the channel rcs\n"
    ),
    ("from-v0.1-to-v1.md", 2): "".join(
        rf"{version} sms 447700900000 rejected 1320 Message already sent\n" for version in (r"v0\.1", "v1")
    ),
    ("moving-from-the-official-sdk.md", 0): r"True\nTrue\nTrue\n",
    ("observability.md", 1): (
        r"DEBUG vonage\.attempt\.started \[parcel-1\] send, attempt 1: .*\n"
        r"DEBUG vonage\.attempt\.finished \[parcel-1\] send, attempt 1: HTTP 429, RateLimitedError in .*\n"
        r"DEBUG vonage\.send\.retry \[parcel-1\] send is repeated in 0 s, after RateLimitedError\n"
        r"DEBUG vonage\.attempt\.started \[parcel-1\] send, attempt 2: .*\n"
        r"DEBUG vonage\.attempt\.finished \[parcel-1\] send, attempt 2: HTTP 202 in .*\n"
    ),
    ("queues.md", 0): rf"{UUID}\n21\n",
    ("queues.md", 1): r"10 in 1 s\n",
    ("queues.md", 2): r"\('account',\)\n",
    ("queues.md", 3): r"1\n",
    ("queues.md", 4): r"1\n",
    ("observability.md", 0): r"order in None\nPOST /v1/messages in send sms\nsend sms in order\n",
    ("simulator.md", 0): r"503 True 1\n",
    ("simulator.md", 1): r"10 \[('YES', )*'YES'\]\n",
    ("tutorial.md", 0): rf"accepted {UUID}\n",
}
"""What a program prints that neither a block of text behind it nor the comments behind its ``print`` tell."""
RUN = [place for place, program in PROGRAMS.items() if not is_of_a_test_run(program)]
ELSEWHERE = {"scaling.md": "tests/workers/test_workers_examples.py"}
"""Pages whose programs need a server of others: they run where there is one."""


@pytest.fixture(params=RUN, ids=lambda place: f"{place[0]}-{place[1]}")
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Name a program, and stand where it may leave files and finds a simulator, if it asks for one."""
    monkeypatch.chdir(tmp_path)
    if re.search(r"environ|from_env", PROGRAMS[request.param].parsed):
        for name, value in request.getfixturevalue("vonage_simulator").environment().items():
            monkeypatch.setenv(name, value)
    return request.param


def test_a_program_prints_what_it_should(place: tuple[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    page, program = place[0], PROGRAMS[place]
    if page in ELSEWHERE:
        assert page in (Path(__file__).parents[2] / ELSEWHERE[page]).read_text(encoding="utf-8")
        return

    program.evaluate()

    output, errors = capsys.readouterr()
    assert errors == ""
    compare(program, output, EXPECTED.get(place))


def compare(program: Example, output: str, expected: str | None) -> None:
    lines = list(promised_lines(program))
    if expected is not None:
        assert re.fullmatch(expected, output)
    elif lines:
        assert [line for line in lines if line in output.splitlines()] == lines
    else:
        assert output == (shown_output(program) or "")


def test_what_is_expected_is_of_programs_that_there_are() -> None:
    assert EXPECTED.keys() <= PROGRAMS.keys()
    assert not [place for place in EXPECTED if is_sketch(PROGRAMS[place])]


# The evaluator ----------------------------------------------------------------------------------------------------


def program(tmp_path: Path, text: str) -> Any:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (found,) = programs_of(page)
    return found


def test_a_block_may_await_without_a_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = program(tmp_path, "Text.\n\n```python\nimport asyncio\n\nawait asyncio.sleep(0)\nprint('done')\n```\n")
    run(block)
    assert capsys.readouterr().out == "done\n"
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_a_block_with_something_left_out_is_compiled_and_not_run(tmp_path: Path) -> None:
    run(program(tmp_path, "```python\nraise SystemExit(…)\n```\n"))
    with pytest.raises(SyntaxError):
        run(program(tmp_path, "```python\nraise raise …\n```\n"))


def test_dots_in_a_comment_leave_nothing_out(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        run(program(tmp_path, "Text.\n\n```python\n1 / 0  # and so on …\n```\n"))
    assert raised.traceback[-1].lineno + 1 == 4


def test_what_a_page_shows_behind_a_program_is_what_it_must_print(tmp_path: Path) -> None:
    block = program(tmp_path, "```python\nprint(1)\n```\n\n```text\n2\n```\n")
    assert shown_output(block) == "2\n"
    with pytest.raises(AssertionError):
        compare(block, "1\n", None)


def test_a_program_that_prints_what_no_page_tells_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        compare(program(tmp_path, "```python\nprint(1)\n```\n"), "1\n", None)
