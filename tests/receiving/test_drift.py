"""The counts of what callbacks hold that this version does not know."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.receiving import Drift, Receiver
from vonage_messages.webhooks import InboundMessage, MessageStatus, Router, SurpriseKind, parse_webhook
from vonage_messages.webhooks.surprises import is_familiar, walked_surprises

SAMPLES = Path(__file__).parents[1] / "samples"
JSON_HEADERS = {"Content-Type": "application/json"}


def sample(name: str, **changes: Any) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8")) | changes


def status(**changes: Any) -> MessageStatus:
    event = parse_webhook(sample("v1/webhooks/status-whatsapp-delivered", **changes))
    assert isinstance(event, MessageStatus)
    return event


def inbound(**changes: Any) -> InboundMessage:
    event = parse_webhook(sample("v1/webhooks/inbound-whatsapp-text", **changes))
    assert isinstance(event, InboundMessage)
    return event


def seen(event: InboundMessage | MessageStatus) -> dict[str, list[str]]:
    drift = Drift()
    drift.observe(event)
    return {kind: list(names) for kind, names in drift.counts.items() if names}


def test_unknown_names_are_counted_by_kind_and_in_order() -> None:
    drift = Drift()
    drift.observe(status(status="relayed", zeta=1, alpha=2))
    drift.observe(status(status="relayed", channel="telepathy"))
    drift.observe(status())
    assert drift.events == 2
    assert drift.counts == {
        "channel": {"telepathy": 1},
        "message_type": {},
        "status": {"relayed": 2},
        "field": {"alpha": 1, "zeta": 1},
        "value": {},
    }
    assert [tuple(each) for each in drift] == [
        (SurpriseKind.CHANNEL, "telepathy", 1),
        (SurpriseKind.STATUS, "relayed", 2),
        (SurpriseKind.FIELD, "alpha", 1),
        (SurpriseKind.FIELD, "zeta", 1),
    ]


def test_no_event_no_drift() -> None:
    drift = Drift()
    assert not drift
    assert drift.observe(status()) == ()
    assert list(drift) == []
    assert repr(drift) == "Drift(events=0, names=0)"


def test_members_of_nested_objects_are_named_by_their_path() -> None:
    event = status(whatsapp={"pricing": {"tier": "gold"}, "recipient": {"country": "GB"}, "lane": 4})
    assert seen(event) == {"field": ["whatsapp.lane", "whatsapp.pricing.tier", "whatsapp.recipient.country"]}


def test_members_of_a_body_of_contacts_and_of_attachments_are_named_too() -> None:
    contacts = [{"phones": [{"phone": "447700900001", "verified": True}, {"phone": "447700900002", "verified": True}]}]
    files = [{"type": "image", "url": "https://example.com/1.jpg", "width": 9}, {"type": "hologram", "url": "x"}]
    assert seen(inbound(message_type="contacts", text=None, contacts=contacts)) == {
        "field": ["contacts.phones.verified"]
    }
    found = seen(inbound(message_type="sticker", text=None, sticker={"url": "https://example.com/1", "mood": "merry"}))
    assert found == {"field": ["sticker.mood"]}
    assert seen(inbound(content=files)) == {"field": ["content.width"], "message_type": ["hologram"]}


def test_a_known_member_that_holds_something_else_is_an_unexpected_value() -> None:
    assert seen(status(usage="0.03 EUR", to=447700900000)) == {"value": ["to", "usage"]}
    assert seen(status(whatsapp={"pricing": {"type": 7}})) == {"value": ["whatsapp.pricing.type"]}
    assert seen(inbound(message_type="image", text=None, image={"link": "x"})) == {"value": ["image"]}


def test_each_file_is_looked_at_where_the_files_are_the_message() -> None:
    files = [{"type": "image", "url": "https://example.com/1.jpg"}, {"type": "vcard", "url": 7}]
    assert seen(inbound(message_type="content", text=None, content=files)) == {"value": ["content"]}


def test_body_of_an_unknown_type_is_told_by_its_type_alone() -> None:
    assert seen(inbound(message_type="poll", text=None, poll={"options": [1, 2]})) == {"message_type": ["poll"]}


def test_members_of_v0_1_are_named_where_they_stood() -> None:
    payload = sample("v0.1/webhooks/inbound-whatsapp-text")
    payload["from"]["carrier"] = "x"
    payload["message"]["mood"] = "merry"
    payload["message"]["content"]["draft"] = True
    payload["epoch"] = 9
    assert seen(parse_webhook(payload)) == {"field": ["epoch", "from.carrier", "message.content.draft", "message.mood"]}


def test_body_of_v0_1_that_is_none_is_an_unexpected_value() -> None:
    payload = sample("v0.1/webhooks/inbound-whatsapp-text")
    payload["message"]["content"] = "Hello"
    assert seen(parse_webhook(payload)) == {"value": ["message.content"]}


def test_member_that_is_null_is_as_good_as_none() -> None:
    assert is_familiar(status(usage=None, timestamp=None))
    assert seen(status(usage=None, timestamp=None)) == {}


@pytest.mark.each("path", sorted(SAMPLES.glob("v*/webhooks/*.json")), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_sample_that_is_of_the_reference_holds_nothing_unknown(path: Path) -> None:
    made_up = "unknown" in path.stem or "unreadable" in path.stem
    assert bool(Drift().observe(parse_webhook(path.read_bytes()))) == made_up


def test_most_of_what_the_reference_knows_takes_a_look_alone() -> None:
    slow = {"order", "contacts", "content", "further", "segments", "unknown", "unreadable", "older"}
    for path in sorted(SAMPLES.glob("v1/webhooks/*.json")):
        if not slow & set(path.stem.replace("_", "-").split("-")):
            assert is_familiar(parse_webhook(path.read_bytes())), path.stem


@pytest.mark.each(
    "changes",
    [
        {"usage": {"currency": "EUR", "cents": 3}},
        {"usage": {"currency": "EUR", "price": "much"}},
        {"timestamp": "yesterday"},
        {"whatsapp": {"recipient": {"wa_id": 447700900000}}},
        {"whatsapp": {"conversation": {"origin": {}}}},
        {"client_ref": ["a"]},
        {"workflow": "w"},
        {"status": "relayed"},
        {"channel": ""},
        {"_self": {"href": "https://example.com/"}},
        {"_self": "https://example.com/"},
    ],
)
def test_a_look_lets_nothing_by_that_the_whole_walk_would_find(changes: dict[str, Any]) -> None:
    assert not is_familiar(status(**changes))
    for event in (inbound(**changes), inbound(**changes, image={"url": "x"}), inbound(message_type="image", **changes)):
        assert not is_familiar(event) or not walked_surprises(event)


# What a stranger may do -----------------------------------------------------------------------------------------


def test_flood_of_new_names_fills_no_memory() -> None:
    drift = Drift(max_names=10)
    for number in range(2_000):
        letters = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        drift.observe(status(status=f"s{letters}", channel=f"c{letters}", **{f"f{letters}": 1}))
    assert [len(names) for names in drift.counts.values()] == [11, 0, 11, 11, 0]
    assert drift.counts["status"]["(other)"] == 1_990
    assert sum(drift.counts["field"].values()) == 2_000


def test_flood_of_new_names_in_one_event_fills_no_memory() -> None:
    drift = Drift(max_names=10)
    letters = ["".join(chr(ord("a") + int(digit)) for digit in str(number)) for number in range(2_000)]
    drift.observe(status(**dict.fromkeys(letters, 1)))
    assert len(drift.counts["field"]) == 11
    assert set(drift.counts["field"].values()) == {1}


def test_names_that_were_kept_go_on_counting_when_there_is_no_room() -> None:
    drift = Drift(max_names=1)
    for word in ("relayed", "lost", "relayed", "found"):
        drift.observe(status(status=word))
    assert drift.counts["status"] == {"(other)": 2, "relayed": 2}


@pytest.mark.each(
    ("name", "shown"),
    [
        ("447700900123", "#"),
        ("by_447700900123_at", "by_#_at"),
        ("ada@example.com", "(other)"),
        ("I am Ada", "(other)"),
        ("\x1b[31mred", "(other)"),
        ("x" * 101, "(other)"),
        ("\ud800", "(other)"),
        ("", "(other)"),
        ("wörter", "(other)"),
        ("conversion-v2", "conversion-v2"),
    ],
)
def test_what_is_no_name_is_not_kept(name: str, shown: str) -> None:
    assert seen(status(**{name: 1})) == {"field": [shown]}


def test_mapping_that_was_never_json_is_counted_all_the_same() -> None:
    odd: Any = {7: 1}
    assert seen(parse_webhook(sample("v1/webhooks/status-whatsapp-delivered") | odd)) == {"field": ["(other)"]}


def test_bound_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_names must be 1 or more, not 0"):
        Drift(max_names=0)


def test_each_name_is_logged_once_and_its_value_never(caplog: pytest.LogCaptureFixture) -> None:
    drift = Drift()
    with caplog.at_level(logging.INFO, "vonage_messages"):
        drift.observe(status(mood="a secret text"))
        drift.observe(status(mood="a secret text"))
    assert caplog.messages == ["webhooks hold what this version does not know: field mood"]


# At a receiver --------------------------------------------------------------------------------------------------


async def test_receiver_counts_what_it_hands_to_handlers_once() -> None:
    router = Router()
    receiver = Receiver(router, insecure=True)
    body = json.dumps(sample("v1/webhooks/status-whatsapp-delivered", status="relayed")).encode()
    seen_by_handlers: list[Any] = []

    @router.event()
    async def look(_event: object) -> None:
        seen_by_handlers.append(dict(receiver.drift.counts["status"]))

    for _ in range(3):
        assert (await receiver.receive(JSON_HEADERS, body)).status == 200
    assert (await receiver.receive(JSON_HEADERS, b"[]")).status == 400
    assert seen_by_handlers == [{"relayed": 1}]
    assert receiver.drift.counts["status"] == {"relayed": 1}


async def test_receivers_may_count_together() -> None:
    drift = Drift()
    receivers = [Receiver(Router(), insecure=True, drift=drift) for _ in range(2)]
    body = json.dumps(sample("v1/webhooks/status-whatsapp-delivered", status="relayed")).encode()
    for receiver in receivers:
        await receiver.receive(JSON_HEADERS, body)
        assert receiver.drift is drift
    assert drift.counts["status"] == {"relayed": 2}


def test_numbers_of_a_group_hold_no_members() -> None:
    names = ["447700900000", "447700900001"]
    event = parse_webhook(sample("v1/webhooks/inbound-mms-text", mms={"participants": names, "title": "us"}))
    assert seen(event) == {"field": ["mms.title"]}
