"""Nothing that a message contains runs: hostile text in every field, sent and written, on every page that shows it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from vonage_messages import InvalidMessageError, RawMessage, SimulatorError, ValidationError, to_payload
from vonage_messages.cli.catalogue import exhibits
from vonage_messages.simulator.people import COMPANY, default_person, inbound_types
from vonage_messages.simulator.validate import validate_v1

if TYPE_CHECKING:
    from vonage_messages import SentMessage
    from vonage_messages.testing import RunningSimulator

    from .conftest import Send
    from .watching import Watched

_EVERYTHING = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>{{7*7}}${7*7}</textarea></title>"
    "<iframe srcdoc='<script>parent.alert(4)</script>'></iframe><a href='javascript:alert(5)'>x</a>"
)
CORPUS = (_EVERYTHING, "\"'><svg onload=alert(1)>", "'\"><b onclick=a()>")
"""From the longest to one that fits where there is little room."""
LINKS = (
    "javascript:alert(1)//example.com/a.png",
    "data:text/html,<script>alert(1)</script>",
    'https://example.com/"onerror=alert(1)/a.png',
)
KEPT = frozenset({"channel", "message_type", "type", "to", "webhook_url", "webhook_version"})
"""Without these a message is another one, or reaches nobody."""


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every text of a payload, by its place."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in KEPT:
                yield from leaves(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from leaves(each, (*path, index))
    elif isinstance(value, str):
        yield path


def value_at(payload: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        payload = payload[step]
    return payload  # type: ignore[no-any-return]


def replaced(payload: dict[str, Any], path: tuple[str | int, ...], text: str) -> dict[str, Any]:
    changed: Any = copy.deepcopy(payload)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = text
    return changed  # type: ignore[no-any-return]


def poisoned(payload: dict[str, Any], is_accepted: Any) -> dict[str, Any]:
    """Put hostile text wherever the platform takes it."""
    for path in leaves(payload):
        # A URL takes no quotation mark, no space and no bracket, but an apostrophe.
        within = re.sub(r"(https?://[^/]+/)", r"\1'onerror='alert(1)'/", value_at(payload, path))
        for text in (*CORPUS, *LINKS, within):
            changed = replaced(payload, path, text)
            if is_accepted(changed):
                payload = changed
                break
    return payload


@pytest.fixture
def sent(send: Send) -> list[SentMessage]:
    """A hostile copy of every message there is."""
    payloads = {str(to_payload(each.message)): to_payload(each.message) for each in exhibits() if "v1" in each.versions}
    hostile = [poisoned(payload, lambda changed: not validate_v1(changed)) for payload in payloads.values()]
    harmless = [payload for payload in hostile if not any(each in str(payload) for each in ("alert(", "onclick="))]
    assert harmless == []
    return [send(RawMessage(payload)) for payload in hostile]


def written(simulator: RunningSimulator) -> list[str]:
    """What a hostile person writes: every type, with hostile text in each field that takes it."""
    found: list[str] = []
    for channel in COMPANY:
        for message_type in inbound_types(channel):
            kept, _ = simulator.written(channel=channel, message_type=message_type).result()
            fields = {
                name: value
                for name, value in kept.payload.items()
                if name not in KEPT and name in (message_type, "text")
            }
            found.append(kept.message_uuid)

            def is_accepted(changed: dict[str, Any], channel: str = channel, kind: str = message_type) -> bool:
                try:
                    kept, _ = simulator.written(channel=channel, message_type=kind, **changed).result()
                except (SimulatorError, InvalidMessageError):
                    return False
                found.append(kept.message_uuid)
                return True

            poisoned(fields, is_accepted)
            profile = {"name": CORPUS[0]}
            if channel == "whatsapp":
                is_accepted({**fields, "profile": profile})
    return found


def test_nothing_that_is_sent_runs(inbox: Watched, sent: list[SentMessage], vonage_simulator: RunningSimulator) -> None:
    # A page of an e-mail is shown in a frame where nothing runs, and Chromium says so each time.
    inbox.expected += ["Blocked script execution in", "violates the following Content Security Policy", "Refused to"]
    vonage_simulator.settle().result()
    people = sorted({(message.channel, message.to) for message in vonage_simulator.messages})
    for channel, person in people:
        inbox.open(f"/?c={quote(f'{channel}:{person}')}")
        inbox.check()
        # Nothing is taken away either: what somebody wrote is shown as it was written.
        assert "<svg" in inbox.page.get_by_test_id("messages").inner_text()
    for each in sent[::2]:
        inbox.open(f"/?m={each.message_uuid}")
        inbox.check()
    assert len(people) >= 7


def test_nothing_that_a_person_writes_runs(inbox: Watched, vonage_simulator: RunningSimulator) -> None:
    found = written(vonage_simulator)
    assert len(found) > 60
    for channel in COMPANY:
        inbox.open(f"/?c={quote(f'{channel}:{default_person(channel)}')}")
        inbox.check()
    for message_uuid in found[:: max(1, len(found) // 20)]:
        inbox.open(f"/?m={message_uuid}")
        inbox.check()


def test_nothing_that_is_refused_runs(inbox: Watched, send: Send) -> None:
    with pytest.raises(ValidationError):
        send(RawMessage({"channel": CORPUS[0], "message_type": CORPUS[1], "to": CORPUS[0], "from": CORPUS[0]}))

    inbox.open("/inbox/refusals")
    inbox.check()
    for details in inbox.page.locator("details:not([open]) > summary").all():
        details.click()
    assert "<script>" in inbox.page.locator("main").inner_text()


@pytest.mark.parametrize("query", ["q", "channel", "status", "direction", "c", "m", "before", "start"])
def test_nothing_that_an_address_holds_runs(inbox: Watched, query: str) -> None:
    for text in CORPUS:
        inbox.open(f"/?{query}={quote(text)}")
        inbox.check()
    inbox.open(f"/inbox/settings?template={quote(CORPUS[0])}")
