"""The tests that README and site show pass: every block is a file of one test run, and the failure is a real one."""

from __future__ import annotations

import re

import pytest
from _site.names import DOCS, ROOT
from _site.programs import PAGES, is_of_a_test_run, programs_of

from vonage_messages import Sms
from vonage_messages.simulator import Simulator
from vonage_messages.testing import assert_sent

PAGE = (DOCS / "testing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
IN_A_FOLDER = {"conftest.py", "test_options.py"}
"""The conftest is shown for the tests below it."""


def test_every_block_of_the_page_has_a_file_name() -> None:
    assert len(FILES) == PAGE.count("```python")


def test_tests_stand_on_these_pages_only() -> None:
    """The one of the tutorial runs where all of the tutorial is followed, in tests/packaging."""
    pages = [page for page in PAGES if any(is_of_a_test_run(program) for program in programs_of(page))]
    assert pages == [ROOT / "README.md", DOCS / "testing.md", DOCS / "tutorial.md"]


def test_the_tests_of_the_readme_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    programs = programs_of(ROOT / "README.md")
    pytester.makepyfile(*[program.parsed for program in programs if is_of_a_test_run(program)])

    pytester.runpytest_subprocess("-p", "vonage_messages.testing.plugin", "-W", "error").assert_outcomes(passed=1)


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (pytester.path / "options").mkdir()
    for name, content in FILES.items():
        folder = pytester.path / "options" if name in IN_A_FOLDER else pytester.path
        (folder / name).write_text(content, encoding="utf-8")
    plugins = ("-p", "vonage_messages.testing.plugin", "-p", "asyncio")

    result = pytester.runpytest_subprocess(
        *plugins, "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function", timeout=600
    )

    result.assert_outcomes(passed=7)


async def test_the_failure_on_the_page_is_what_the_assertion_says() -> None:
    (shown,) = re.findall(r"```text\nAssertionError: (.*?)\n```", PAGE, re.DOTALL)
    async with Simulator() as simulator, simulator.client() as client:
        for text in ("Something else", "Your code is 4712"):
            await client.send(Sms(to="447700900000", from_="Acme", text=text))

        with pytest.raises(AssertionError) as failure:
            assert_sent(simulator, to="+44 7700 900000", text="Your code is 4711")

    assert str(failure.value) == shown
