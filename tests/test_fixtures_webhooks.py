"""
The callbacks of official tests, guides and documents, where they lie beside the repository.

They are no part of it: this module looks for them in ``../shared/fixtures`` or in the folder that the environment
variable ``VONAGE_FIXTURES`` names. Where there is no such folder nothing is collected here, and the samples in
``tests/samples`` carry the load alone.
"""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from vonage_messages.webhooks import InboundMessage, MessageStatus, Unknown, parse_inbound, parse_status, parse_webhook

_BESIDE = Path(__file__).parents[2] / "shared" / "fixtures"
FIXTURES = Path(os.environ.get("VONAGE_FIXTURES") or _BESIDE)

__test__ = FIXTURES.is_dir()
"""Read by pytest: without the folder the module collects nothing, and skips nothing."""

UNKNOWN = {
    "any-inbound-all-fields": {"audio", "video", "image", "file", "sticker", "vcard", "location", "order", "reply"},
    "whatsapp-status-read-unknown-properties": {"wubwub"},
}
"""What the index marks: a text that carries the bodies of all other types, and a property unknown on purpose."""

NO_CALLBACKS = {"signed-webhook-jwt-claims"}

CALLBACKS = [path for path in sorted(FIXTURES.glob("v*/webhooks/*.json")) if path.stem not in NO_CALLBACKS]
NAMES = [f"{path.parts[-3]}-{path.stem}" for path in CALLBACKS]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def unknown_members(event: object) -> set[str]:
    found: set[str] = set()
    rest = [event]
    while rest:
        item = rest.pop()
        if isinstance(item, tuple):
            rest += item
        elif attrs.has(type(item)):
            found |= set(getattr(item, "extra", {}))
            rest += [getattr(item, name) for name in dir(type(item)) if not name.startswith("_")]
    return found


def test_index_knows_of_every_callback() -> None:
    index = (FIXTURES / "README.md").read_text(encoding="utf-8")
    assert CALLBACKS
    assert [path.name for path in CALLBACKS if f"{path.parts[-3]}/webhooks/{path.name}" not in index] == []


@pytest.mark.parametrize("path", CALLBACKS, ids=NAMES)
def test_callback_is_read_with_nothing_unknown_but_what_the_index_marks(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    assert unknown_members(event) == UNKNOWN.get(path.stem, set())
    assert not isinstance(getattr(event, "content", None), Unknown)


@pytest.mark.parametrize("path", CALLBACKS, ids=NAMES)
def test_raw_is_the_payload_and_survives_pickling(path: Path) -> None:
    parse = parse_status if "-status-" in path.name else parse_inbound
    for body in (path.read_bytes(), path.read_text(encoding="utf-8"), read(path)):
        event = parse(body)
        assert event.raw == read(path)
        copied = pickle.loads(pickle.dumps(event))  # noqa: S301  made right here
        assert copied == event


@pytest.mark.parametrize("path", CALLBACKS, ids=NAMES)
def test_envelope_says_what_the_file_is_called(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    assert type(event) is (MessageStatus if "-status-" in path.name else InboundMessage)
    assert event.version == path.parts[-3]
    channel = path.name.partition("-")[0].replace("viber", "viber_service")
    assert channel in {event.channel, "any", "migration"}
    assert all((event.message_uuid, event.to, event.from_, event.timestamp))


@pytest.mark.parametrize("path", CALLBACKS, ids=NAMES)
def test_every_code_in_an_error_is_found(path: Path) -> None:
    event = parse_webhook(path.read_bytes())
    payload = read(path)
    error = payload.get("error")
    found = event.error if isinstance(event, MessageStatus) else None
    assert (found is None) is (error is None)
    if found is not None:
        assert found.code == int(error.get("code") or error["title"])


def test_claims_of_a_token_are_no_callback_and_are_kept_all_the_same() -> None:
    for name in NO_CALLBACKS:
        payload = read(FIXTURES / "v1" / "webhooks" / f"{name}.json")
        event = parse_inbound(payload)
        assert event.content == Unknown()
        assert event.extra == payload
