"""Every log record has a name that stays, and says which message it belongs to; the documentation lists all names."""

from __future__ import annotations

import ast
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from vonage_messages import RetryPolicy, SendQueue, ServerError, Sms
from vonage_messages.logs import LogEvent, about
from vonage_messages.simulator import Simulator

ROOT = Path(__file__).parent.parent
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


class Logged(NamedTuple):
    place: str
    level: str
    event: str | None


def is_logger(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"logger", "_LOGGER"}


def event_of(call: ast.Call, function: ast.AST) -> str | None:
    """Find the name in ``extra=about(LogEvent.NAME, …)``, or in what ``extra`` was set to before."""
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "extra"), None)
    if isinstance(given, ast.Name):
        set_to = [each.value for each in ast.walk(function) if isinstance(each, ast.Assign)]
        given = next((value for value in set_to if isinstance(value, ast.Call) and is_about(value)), None)
    if not isinstance(given, ast.Call) or not is_about(given):
        return None
    name = given.args[0]
    return LogEvent[name.attr].value if isinstance(name, ast.Attribute) else None


def is_about(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "about"


def all_logged() -> Iterator[Logged]:
    for path in sorted((ROOT / "vonage_messages").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "logger." not in source and "_LOGGER." not in source:
            continue
        for function in ast.walk(ast.parse(source)):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for node in ast.walk(function):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if node.func.attr in LEVELS and is_logger(node.func.value):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    level = "error" if node.func.attr == "exception" else node.func.attr
                    yield Logged(place, level, event_of(node, function))


LOGGED = sorted(set(all_logged()))


def test_every_log_call_names_its_event() -> None:
    nameless = [logged.place for logged in LOGGED if logged.event is None]
    assert nameless == [], "write extra=about(LogEvent.NAME, …); see vonage_messages/logs.py"
    assert len(LOGGED) > 50


def test_documentation_lists_every_event_with_its_levels() -> None:
    written = defaultdict(set)
    for logged in LOGGED:
        written[logged.event].add(logged.level)
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(vonage\.[a-z_.]+)` \| ((?:debug|info|warning|error)[a-z, ]*) \| (.+) \|$", page, re.MULTILINE
    )
    assert {event: set(levels.split(", ")) for event, levels, _ in rows} == written
    assert len(rows) == len(LogEvent)


def test_names_are_of_one_form() -> None:
    assert all(re.fullmatch(r"vonage(\.[a-z_]+){2}", event) for event in LogEvent)


async def test_records_of_one_message_share_its_reference(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "vonage_messages")
    async with Simulator() as simulator, simulator.client(retry=RetryPolicy(base_delay=0)) as client:
        simulator.faults.add("throttle", count=1, seconds=0)
        sent = await client.send(Sms(to="447700900000", from_="Acme", text="hello", client_ref="order-7"))
        simulator.faults.add("throttle", count=1, seconds=0)
        async with SendQueue(client) as queue:
            await queue.submit(Sms(to="447700900000", from_="Acme", text="hello", client_ref="order-8"))
    told = [(record.event, record.correlation_id) for record in records(caplog)]
    names = [
        "vonage.attempt.started",
        "vonage.attempt.finished",
        "vonage.send.retry",
        "vonage.attempt.started",
        "vonage.attempt.finished",
    ]
    assert told == [(name, reference) for reference in ("order-7", "order-8") for name in names]
    last = records(caplog)[4]
    assert (last.message_uuid, last.request_id) == (sent.message_uuid, sent.request_id)


async def test_a_call_without_a_reference_gets_a_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "vonage_messages")
    async with Simulator() as simulator, simulator.client(retry=RetryPolicy(base_delay=0)) as client:
        for _ in range(2):
            simulator.faults.add("throttle", count=1, seconds=0)
            await client.send(Sms(to="447700900000", from_="Acme", text="hello"))
    names = [record.correlation_id for record in records(caplog)]
    assert len(names) == 10
    assert names == [names[0]] * 5 + [names[5]] * 5
    assert names[0] != names[5]
    assert all(re.fullmatch(r"[0-9a-f]{12}", name) for name in names)


async def test_a_failure_that_nobody_hears_of_says_which_message_it_was(caplog: pytest.LogCaptureFixture) -> None:
    async with Simulator() as simulator, simulator.client() as client, SendQueue(client) as queue:
        simulator.faults.add("error", count=1)
        await queue.put(Sms(to="447700900000", from_="Acme", text="hello", client_ref="order-7"))
    (record,) = records(caplog)
    assert (record.event, record.correlation_id) == ("vonage.send.failed", "order-7")
    assert record.request_id


def test_what_looks_like_a_person_is_masked_and_what_is_missing_is_empty() -> None:
    nobody = {"event": "vonage.send.failed", "correlation_id": "", "message_uuid": "", "request_id": ""}
    assert about(LogEvent.SEND_FAILED) == about(LogEvent.SEND_FAILED, None, object()) == nobody
    for reference in ("447700900123", "+44 7700 900123", "anna@example.com", "x" * 101, "a\nERROR forged"):
        message = Sms(to="447700900000", from_="Acme", text="hello", client_ref=reference[:100])
        object.__setattr__(message, "client_ref", reference)
        shown = about(LogEvent.SEND_FAILED, message)["correlation_id"]
        assert "*" in shown
        assert "\n" not in shown
        assert len(shown) < 25
    assert about(LogEvent.SEND_FAILED, ServerError(500, request_id="r-1"))["correlation_id"] == "r-1"


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "vonage_messages"]
