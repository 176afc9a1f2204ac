"""
The pytest plugin, in runs of its own with warnings as errors: under each kind of async plugin, and under none.

The plugins of a run are named one by one, so that what is installed here changes nothing. That pytest finds ours by
its entry point is tested on the built wheel, in ``tests/packaging``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]

ROUND_TRIP = """
import asyncio
import threading

import pytest

from vonage_messages import Sms, WhatsappText
from vonage_messages.testing import assert_callbacks_accepted, assert_sent, assert_status

QUESTION = WhatsappText(to="447700900000", from_="447700900001", text="Shall we ring?")

@pytest.mark.{mark}
async def test_in_a_coroutine(vonage_client, vonage_simulator, vonage_webhooks):
    sent = await vonage_client.send(QUESTION)
    status = await vonage_webhooks.wait_for(sent, "read")
    assert status.status == "read"
    await vonage_simulator.inbound(reply_to=vonage_simulator.messages[-1], text="Yes")
    reply = await vonage_webhooks.wait_for_reply(sent)
    assert reply.content.text == "Yes"
    await vonage_client.reply(reply, "Thanks!")
    assert_sent(vonage_simulator, text="Thanks!", to="447700900000", context={{"message_uuid": reply.message_uuid}})
    await vonage_simulator.settle()
    assert_status(vonage_simulator, sent, "read")
    assert_callbacks_accepted(vonage_simulator)

@pytest.mark.{mark}
async def test_the_next_one_begins_with_nothing(vonage_client, vonage_simulator):
    assert vonage_simulator.messages == []
    await vonage_client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
    assert len(vonage_simulator.messages) == 1
"""

PLAIN = """
import asyncio
import json
import urllib.request
from base64 import b64encode

import pytest

from vonage_messages import Client, Sms
from vonage_messages.testing import assert_sent

def post(simulator, payload):
    credentials = b64encode(f"{simulator.api_key}:{simulator.api_secret}".encode()).decode()
    request = urllib.request.Request(
        simulator.url + "/v1/messages",
        json.dumps(payload).encode(),
        {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

def test_plain_http_that_blocks(vonage_simulator, vonage_webhooks):
    sent = post(
        vonage_simulator,
        {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"},
    )
    status = vonage_webhooks.wait_for(sent["message_uuid"], "delivered").result()
    assert status.channel == "sms"
    vonage_simulator.inbound(text="Hi").result()
    assert vonage_webhooks.wait_for_inbound(lambda event: event.content.text == "Hi").result().channel == "sms"
    assert [event.content.text for event in vonage_webhooks.inbound] == ["Hi"]

def test_a_coroutine_run_by_the_test_itself(vonage_client, vonage_simulator):
    asyncio.run(vonage_client.send(Sms(to="447700900000", from_="Acme", text="Hello")))
    assert_sent(vonage_simulator, text="Hello", sent_by="application", count=1)

def test_a_program_under_test_reads_the_environment(vonage_simulator, monkeypatch):
    for name, value in vonage_simulator.environment().items():
        monkeypatch.setenv(name, value)

    async def program():
        async with Client.from_env() as client:
            await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))

    asyncio.run(program())
    assert_sent(vonage_simulator, text="Hello")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest with our plugin, those that are named, and no other, in a process of its own."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)

    def run(*options: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        named = [each for name in ("vonage_messages.testing.plugin", *plugins) for each in ("-p", name)]
        return pytester.runpytest_subprocess(*named, "-W", "error", "--strict-markers", *options, timeout=600)

    return run


@pytest.mark.parametrize(
    ("mark", "plugin", "options"),
    [
        ("asyncio", "asyncio", ["--asyncio-mode=strict", "-o", "asyncio_default_fixture_loop_scope=function"]),
        (
            "filterwarnings('error')",
            "asyncio",
            ["--asyncio-mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"],
        ),
        (
            "asyncio(loop_scope='session')",
            "asyncio",
            ["--asyncio-mode=strict", "-o", "asyncio_default_fixture_loop_scope=session"],
        ),
        ("anyio", "anyio", []),
    ],
    ids=["strict", "auto", "one loop for the session", "anyio"],
)
def test_coroutines_and_plain_tests_use_the_fixtures(
    pytester: pytest.Pytester, run: Run, mark: str, plugin: str, options: list[str]
) -> None:
    backend = "import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    pytester.makeconftest(backend)
    pytester.makepyfile(test_coroutines=ROUND_TRIP.format(mark=mark), test_plain=PLAIN)

    result = run(*options, plugins=(plugin,))

    result.assert_outcomes(passed=5)
    result.stderr.no_fnmatch_line("*Task was destroyed*")


def test_plain_tests_need_no_async_plugin(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(PLAIN)
    pytester.makeconftest(
        "import threading\n\ndef pytest_unconfigure():\n    print('threads left:', threading.active_count() - 1)\n"
    )

    result = run()

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["threads left: 0"])


def test_processes_of_xdist_have_a_simulator_each(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_one=PLAIN, test_two=PLAIN)

    result = run("-n", "2", "--dist", "loadfile", plugins=("xdist",))

    result.assert_outcomes(passed=6)


def test_nothing_of_ours_is_imported_before_a_fixture_is_used(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import json
        import pathlib
        import sys

        def test_of_somebody_else():
            pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
        """
    )

    run().assert_outcomes(passed=1)

    modules = json.loads((pytester.path / "modules.json").read_text())
    ours = {name for name in modules if name.partition(".")[0] == "vonage_messages"}
    assert ours == {
        "vonage_messages",
        "vonage_messages.lazy_names",
        "vonage_messages.name_guard",
        "vonage_messages.testing",
        "vonage_messages.testing.plugin",
    }
    assert {"aiohttp", "attrs", "cattrs", "jwt", "cryptography"}.isdisjoint(modules)


def test_options_come_from_a_fixture_and_from_the_nearest_marker(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        from decimal import Decimal

        import pytest

        pytestmark = pytest.mark.vonage_simulator(api_key="of the module", balance=Decimal(2))

        @pytest.fixture
        def vonage_simulator_options():
            return {"api_key": "of the fixture", "api_secret": "of the fixture"}

        def test_of_the_module(vonage_simulator):
            assert (vonage_simulator.api_key, vonage_simulator.api_secret) == ("of the module", "of the fixture")
            assert vonage_simulator.balance.amount == 2

        @pytest.mark.vonage_simulator(api_key="of the test")
        def test_of_its_own(vonage_simulator):
            assert vonage_simulator.api_key == "of the test"
            vonage_simulator.balance.amount = Decimal(5)
            assert vonage_simulator.balance.amount == 5

        @pytest.mark.vonage_simulator(clock="manual")
        def test_with_a_clock_to_move(vonage_simulator):
            before = vonage_simulator.call(lambda simulator: simulator._clock())
            vonage_simulator.advance(60).result()
            assert vonage_simulator.call(lambda simulator: simulator._clock()) == before + 60

        @pytest.mark.vonage_simulator(colour="red")
        def test_of_no_such_option(vonage_simulator):
            pass

        @pytest.mark.vonage_simulator("red")
        def test_of_an_option_without_a_name(vonage_simulator):
            pass
        """
    )

    result = run()

    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*ConfigurationError: vonage_simulator takes the options of Simulator, by name: *'colour'",
            "*UsageError: @pytest.mark.vonage_simulator takes options by name, such as rate=None",
        ]
    )


def test_options_of_the_client_come_from_a_fixture(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import asyncio

        import pytest

        from vonage_messages import Sms

        @pytest.fixture
        def vonage_client_options():
            return {"api_version": "v0.1"}

        def test_the_older_version(vonage_client, vonage_simulator):
            asyncio.run(vonage_client.send(Sms(to="447700900000", from_="Acme", text="Hello")))
            assert vonage_simulator.messages[0].version == "v0.1"
        """
    )

    run().assert_outcomes(passed=1)


def test_a_failed_assertion_shows_the_nearest_message_and_none_of_our_code(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import asyncio

        from vonage_messages import Sms
        from vonage_messages.testing import assert_sent

        def test_greeting(vonage_client, vonage_simulator):
            asyncio.run(vonage_client.send(Sms(to="447700900000", from_="Acme", text="Hello, Anne")))
            assert_sent(vonage_simulator, to="+44 7700 900000", text="Hello, Anna")
        """
    )

    result = run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       assert_sent(vonage_simulator, to="+44 7700 900000", text="Hello, Anna")',
            "E       AssertionError: no such message was sent.",
            "E       Wanted:",
            "E         to    '+44 7700 900000'",
            "E         text  'Hello, Anna'",
            "E       The nearest is message 1 (sms text, 447700900000):",
            "E         as wanted: to",
            "E         text",
            "E             wanted  'Hello, Anna'",
            "E             sent    'Hello, Anne'",
            "E                                ^",
        ],
        consecutive=False,
    )
    assert "comparing.py" not in result.stdout.str()
    assert "assertions.py" not in result.stdout.str()
