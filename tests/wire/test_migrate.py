"""v0.1 to v1 and back: the table of the reference row by row, and every sample there and back again."""

from __future__ import annotations

import contextlib
import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages import InvalidMessageError, migrate
from vonage_messages.simulator.people import COMPANY, Written, inbound_types, inbound_v0_1, inbound_v1
from vonage_messages.simulator.rules import v0_1_rules
from vonage_messages.simulator.statuses import Happened, Outbound, status_v0_1, status_v1
from vonage_messages.simulator.validate import validate_v0_1, validate_v1, validate_webhook
from vonage_messages.webhooks import parse_inbound, parse_status

SAMPLES = Path(__file__).parents[1] / "samples"
REQUESTS_V0_1 = sorted((SAMPLES / "v0.1" / "requests").glob("*.json"))
REQUESTS_V1 = sorted((SAMPLES / "v1" / "requests").glob("*.json"))
CHANNELS = ("sms", "mms", "whatsapp", "messenger", "viber_service")
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def name_of(path: Path) -> str:
    return path.stem


def lost(migrated: migrate.Migrated) -> list[str]:
    return [problem.path for problem in migrated.lost]


# Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {
                "to": {"type": "sms", "number": "447700900000"},
                "from": {"type": "sms", "number": "Acme"},
                "message": {"content": {"type": "text", "text": "Hi"}},
                "client_ref": "a",
            },
            {
                "channel": "sms",
                "message_type": "text",
                "to": "447700900000",
                "from": "Acme",
                "text": "Hi",
                "client_ref": "a",
            },
        ),
        (
            {
                "to": {"type": "messenger", "id": "7064"},
                "from": {"type": "messenger", "id": "1070"},
                "message": {
                    "content": {"type": "image", "image": {"url": "https://example.com/a.jpg"}},
                    "messenger": {"category": "message_tag", "tag": "ACCOUNT_UPDATE"},
                },
            },
            {
                "channel": "messenger",
                "message_type": "image",
                "to": "7064",
                "from": "1070",
                "image": {"url": "https://example.com/a.jpg"},
                "messenger": {"category": "message_tag", "tag": "ACCOUNT_UPDATE"},
            },
        ),
        (
            {
                "to": {"type": "viber_service_msg", "number": "447700900000"},
                "from": {"type": "viber_service_msg", "id": "22353"},
                "message": {
                    "content": {"type": "text", "text": "Hi"},
                    "viber_service_msg": {"category": "transaction", "ttl": 600},
                },
            },
            {
                "channel": "viber_service",
                "message_type": "text",
                "to": "447700900000",
                "from": "22353",
                "text": "Hi",
                "viber_service": {"category": "transaction", "ttl": 600},
            },
        ),
        (
            {
                "to": {"type": "whatsapp", "number": "447700900000"},
                "from": {"type": "whatsapp", "number": "447700900001"},
                "message": {
                    "content": {"type": "template", "template": {"name": "a:b", "parameters": ["one", "two"]}},
                    "whatsapp": {"locale": "en_GB", "policy": "deterministic"},
                },
            },
            {
                "channel": "whatsapp",
                "message_type": "template",
                "to": "447700900000",
                "from": "447700900001",
                "template": {"name": "a:b", "parameters": ["one", "two"]},
                "whatsapp": {"locale": "en_GB", "policy": "deterministic"},
            },
        ),
    ],
    ids=["sms", "messenger", "viber", "whatsapp"],
)
def test_request_is_carried_both_ways(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert migrate.to_v1(old) == migrate.Migrated(payload=new)
    assert migrate.to_v0_1(new) == migrate.Migrated(payload=old)


@pytest.mark.each("path", REQUESTS_V0_1, ids=name_of)
def test_sample_of_v0_1_is_right_in_v1_and_comes_back_the_same(path: Path) -> None:
    old = read(path)
    before = copy.deepcopy(old)
    if "viber_service_msg-template" in path.stem:
        with pytest.raises(InvalidMessageError, match="template messages cannot be sent on viber_service_msg in v1"):
            migrate.to_v1(old)
        return
    there = migrate.to_v1(old)
    assert validate_v1(there.payload) == []
    assert there.lost == ()
    back = migrate.to_v0_1(there.payload)
    assert (back.payload, back.lost) == (old, ())
    assert old == before


def has_no_form_in_v0_1(payload: dict[str, Any]) -> bool:
    """As the first test of the wire table says: by the simulator's own table of v0.1."""
    if payload["channel"] not in CHANNELS:
        return True
    channel = "viber_service_msg" if payload["channel"] == "viber_service" else payload["channel"]
    return f"{channel}.{payload['message_type']}" not in v0_1_rules().messages


@pytest.mark.each("path", REQUESTS_V1, ids=name_of)
def test_sample_of_v1_is_right_in_v0_1_and_nothing_is_lost_in_silence(path: Path) -> None:
    new = read(path)
    if has_no_form_in_v0_1(new):
        with pytest.raises(InvalidMessageError, match=r"v0\.1"):
            migrate.to_v0_1(new)
        return
    there = migrate.to_v0_1(new)
    problems = {problem.name for problem in validate_v0_1(there.payload)}
    back = migrate.to_v1(there.payload).payload
    missing = {key for key in new if back.get(key) != new[key]}
    assert missing == {path.partition(".")[0].partition("[")[0] for path in lost(there)} - {"text"}
    assert not problems or "text" in lost(there) or new["channel"] in {"sms", "whatsapp", "messenger", "viber_service"}


def test_what_is_newer_is_told() -> None:
    new = {"channel": "sms", "message_type": "text", "to": "44", "from": "Acme", "text": "x" * 1001, "ttl": 60}
    new |= {"sms": {"encoding_type": "auto"}, "webhook_url": "https://a.b", "client_ref": "x" * 41, "failover": []}
    migrated = migrate.to_v0_1(new)
    assert lost(migrated) == ["client_ref", "text", "ttl", "sms", "webhook_url", "failover"]
    assert "client_ref" not in migrated.payload
    assert "v0.1 takes 40 characters" in str(migrated.lost[0])


def test_what_v1_does_not_know_is_told() -> None:
    old = read(SAMPLES / "v0.1" / "requests" / "sms-text-minimal.json")
    old["message"]["content"]["image"] = {}
    old["message"]["sms"] = {}
    old["tomorrow"] = 1
    old["message"]["later"] = 1
    assert lost(migrate.to_v1(old)) == ["message.content.image", "message.later", "tomorrow"]


@pytest.mark.parametrize("kind", ["request", "inbound message", "status"])
def test_what_the_sides_say_beside_their_names_is_told(kind: str) -> None:
    old = {"to": {"type": "sms", "number": "44", "id": "1"}, "from": {"type": "sms", "number": "45", "name": "Acme"}}
    document: dict[str, Any] = {
        "request": {"message": {"content": {"type": "text", "text": "Hi"}}},
        "inbound message": {"message": {"content": {"type": "text"}}, "message_uuid": UUID, "timestamp": ""},
        "status": {"message_uuid": UUID, "timestamp": "", "status": "submitted"},
    }[kind]
    migrated = migrate.to_v1({**old, **document})
    assert (migrated.payload["to"], migrated.payload["from"]) == ("44", "45")
    assert lost(migrated) == ["to.id", "from.name"]


def test_parameters_of_a_template_are_texts_in_v1() -> None:
    old = read(SAMPLES / "v0.1" / "requests" / "whatsapp-template-minimal.json")
    old["message"]["content"]["template"]["parameters"] = [{"default": "one"}, "two"]
    assert migrate.to_v1(old).payload["template"]["parameters"] == ["one", "two"]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"channel": "rcs", "message_type": "text", "to": "44", "from": "Acme", "text": "Hi"}, "channel"),
        ({"channel": "mms", "message_type": "vcard", "to": "44", "from": "45", "vcard": {}}, "message_type"),
        ({"channel": "sms", "message_type": "text", "to": 44, "from": "45", "text": ""}, "to"),
        ({"message_type": "text"}, "channel"),
        ([], ""),
    ],
)
def test_what_has_no_form_in_v0_1_is_refused(document: Any, path: str) -> None:
    with pytest.raises(InvalidMessageError, match="invalid document") as raised:
        migrate.to_v0_1(document)
    assert raised.value.problems[0].path == path


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"to": "447700900000"}, "to"),
        ({"to": {"type": "sms"}}, "to"),
        ({"from": {"type": "mms", "number": "44"}}, "from.type"),
        ({"to": {"type": "rcs", "number": "44"}, "from": {"type": "rcs", "number": "44"}}, "to.type"),
        ({"message": {}}, "message.content"),
        ({"message": {"content": {}}}, "message.content.type"),
    ],
)
def test_what_is_no_document_of_v0_1_is_refused(changed: dict[str, Any], path: str) -> None:
    old = read(SAMPLES / "v0.1" / "requests" / "sms-text-minimal.json") | changed
    with pytest.raises(InvalidMessageError) as raised:
        migrate.to_v1(old)
    assert raised.value.problems[0].path == path


def workflow(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"template": "failover", "workflow": list(steps)}


def step(channel: str, **further: Any) -> dict[str, Any]:
    party = "id" if channel == "messenger" else "number"
    return {
        "to": {"type": channel, party: "447700900000"},
        "from": {"type": channel, party: "447700900001"},
        "message": {"content": {"type": "text", "text": "Hi"}},
        **further,
    }


def test_workflow_of_dispatch_becomes_a_failover_and_what_it_waited_for_is_told() -> None:
    waits = {"expiry_time": 600, "condition_status": "read"}
    migrated = migrate.to_v1(workflow(step("whatsapp", failover=waits), step("messenger", failover=waits), step("sms")))
    assert [migrated.payload["channel"], *(each["channel"] for each in migrated.payload["failover"])] == [
        "whatsapp",
        "messenger",
        "sms",
    ]
    assert validate_v1(migrated.payload) == []
    assert lost(migrated) == [
        f"workflow[{number}].failover.{name}" for number in (0, 1) for name in ("expiry_time", "condition_status")
    ]
    assert "a ttl on the message comes closest" in str(migrated.lost[0])


def test_workflow_of_one_message_is_a_request() -> None:
    assert migrate.to_v1(workflow(step("sms"))) == migrate.to_v1(step("sms"))


def test_what_a_step_of_a_workflow_loses_has_its_path() -> None:
    assert lost(migrate.to_v1(workflow(step("sms"), step("sms", tomorrow=1)) | {"more": 1})) == [
        "workflow[1].tomorrow",
        "more",
    ]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (workflow(), "workflow"),
        ({"workflow": 1}, "workflow"),
        ({"workflow": ["a"]}, "workflow[0]"),
        (workflow(step("sms"), step("sms", message={})), "workflow[1].message.content"),
    ],
)
def test_what_is_no_workflow_is_refused(document: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidMessageError) as raised:
        migrate.to_v1(document)
    assert raised.value.problems[0].path == path


# Callbacks --------------------------------------------------------------------------------------------------------


def written(channel: str, message_type: str) -> Written:
    return Written(
        message_uuid=UUID,
        channel=channel,
        message_type=message_type,
        to=COMPANY[channel],
        from_="447700900000",
        at=1_800_000_000.0,
        context_uuid=None,
        base_url="https://example.com",
        fields={},
    )


INBOUND = [(channel, kind) for channel in CHANNELS for kind in inbound_types(channel, "v0.1")]


@pytest.mark.each(("channel", "kind"), INBOUND)
def test_inbound_message_of_v0_1_is_right_in_v1_and_comes_back_the_same(channel: str, kind: str) -> None:
    old = inbound_v0_1(written(channel, kind))
    there = migrate.to_v1(old)
    assert there.lost == ()
    if (channel, kind) != ("viber_service", "unsupported"):  # v1 does not list it
        problems = [problem.name for problem in validate_webhook(f"inbound.{channel}.{kind}", there.payload)]
        assert set(problems) <= {"profile", "sms.keyword"}
    assert parse_inbound(there.payload).message_type == parse_inbound(old).message_type
    assert migrate.to_v0_1(there.payload) == migrate.Migrated(payload=old)


@pytest.mark.each(("channel", "kind"), [(channel, kind) for channel in CHANNELS for kind in inbound_types(channel)])
def test_inbound_message_of_v1_loses_nothing_in_silence(channel: str, kind: str) -> None:
    new = inbound_v1(written(channel, kind))
    migrated = migrate.to_v0_1(new)
    old = parse_inbound(migrated.payload)
    assert (old.channel, old.message_uuid, old.from_, old.to) == (channel, UUID, new["from"], new["to"])
    if (channel, kind) in INBOUND:
        assert old.message_type == kind
        assert not {"message_type", kind} & set(lost(migrated))
    else:
        assert old.message_type == "unsupported"
        assert "message_type" in lost(migrated)


def test_location_has_texts_in_v0_1_and_numbers_in_v1() -> None:
    old = inbound_v0_1(written("whatsapp", "location"))
    location = {"longitude": "-122.42", "latitude": "37.77", "name": "Here", "address": "There"}
    old["message"]["content"]["location"] = location
    new = migrate.to_v1(old).payload["location"]
    assert new == {"long": -122.42, "lat": 37.77, "name": "Here", "address": "There"}
    for nowhere in ("north", None, "nan", "-inf"):
        old["message"]["content"]["location"]["latitude"] = nowhere
        with pytest.raises(InvalidMessageError, match=r"location\.latitude: must be a number"):
            migrate.to_v1(old)


@pytest.mark.parametrize("location", ["here", None, {}, {"name": "Here"}, {"lat": 37.77, "address": "There"}])
def test_half_a_location_is_carried_as_it_is(location: Any) -> None:
    new = inbound_v1(written("whatsapp", "location")) | {"location": location}
    there = migrate.to_v0_1(new)
    back = migrate.to_v1(there.payload)
    assert back.payload["location"] == location
    assert not [path for path in (*lost(there), *lost(back)) if path.startswith("location")]


def test_message_without_its_body_stays_without_one() -> None:
    new = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme"}
    there = migrate.to_v0_1(new)
    assert there.payload["message"] == {"content": {"type": "text"}}
    assert migrate.to_v1(there.payload) == migrate.Migrated(payload=new)


def outbound(channel: str) -> Outbound:
    return Outbound(
        message_uuid=UUID,
        channel=channel,
        message_type="text",
        to="447700900000",
        from_=COMPANY[channel],
        client_ref="a",
        parts=1,
        chain=None,
    )


NOW = 1_800_000_000.0
DELIVERED = status_v1(outbound("sms"), Happened(status="delivered", at=NOW, code=None, price=Decimal(0), instance=""))


@pytest.mark.each("channel", CHANNELS)
@pytest.mark.each("code", [None, 1120])
def test_status_is_carried_both_ways(channel: str, code: int | None) -> None:
    happened = Happened(
        status="rejected" if code else "delivered", at=1_800_000_000.0, code=code, price=1, instance="trace"
    )
    old, new = status_v0_1(outbound(channel), happened), status_v1(outbound(channel), happened)
    there = migrate.to_v1(old)
    assert there.lost == ()
    assert validate_webhook(f"status.{channel}", there.payload) == [] or code  # v0.1 has no trace id
    assert migrate.to_v0_1(there.payload) == migrate.Migrated(payload=old)
    back = migrate.to_v0_1(new)
    assert set(lost(back)) <= {"error.instance", "destination", "sms", "whatsapp"}
    before, after = parse_status(new), parse_status(back.payload)
    assert (after.status, after.channel, after.to, after.from_) == (before.status, channel, before.to, before.from_)
    assert (after.error and after.error.code) == (before.error and before.error.code) == code


@pytest.mark.parametrize(
    ("error", "expected", "told"),
    [
        ({"title": "1010"}, {"code": 1010}, []),
        ({"title": "1010", "detail": "Missing params"}, {"code": 1010, "reason": "Missing params"}, []),
        ({"detail": "Missing params"}, {"reason": "Missing params"}, []),
        ({"type": "about:blank"}, {}, ["error.type"]),
        ({"title": "9" * 5000}, {}, ["error.title"]),
        ({"title": "१०१०"}, {}, ["error.title"]),
    ],
)
def test_error_of_a_status_may_have_any_part_of_one(error: dict[str, str], expected: Any, told: list[str]) -> None:
    migrated = migrate.to_v0_1({**DELIVERED, "error": error})
    assert migrated.payload["error"] == expected
    assert [path for path in lost(migrated) if path.startswith("error")] == told


@pytest.mark.parametrize(
    ("error", "expected", "told"),
    [
        ({"code": 1010}, {"type": "https://developer.vonage.com/api-errors/messages#1010", "title": "1010"}, []),
        ({"reason": "Missing params"}, {"detail": "Missing params"}, []),
        ({"code": None, "reason": "why"}, {"detail": "why"}, ["error.code"]),
        ({"code": [1], "later": 1}, {}, ["error.code", "error.later"]),
        ("broken", None, ["error"]),
        (None, None, []),
    ],
)
def test_error_of_a_status_is_made_of_what_there_was(error: Any, expected: Any, told: list[str]) -> None:
    migrated = migrate.to_v1({**migrate.to_v0_1(DELIVERED).payload, "error": error})
    assert migrated.payload.get("error") == expected
    assert lost(migrated) == told


def test_error_of_a_status_of_v1_that_is_none_is_told() -> None:
    migrated = migrate.to_v0_1({**DELIVERED, "error": "broken"})
    assert "error" not in migrated.payload
    assert "error" in lost(migrated)


@pytest.mark.parametrize(("side", "name"), [("to", None), ("from", 44)])
def test_status_that_names_no_party_is_refused(side: str, name: object) -> None:
    with pytest.raises(InvalidMessageError, match=f"{side}: must be a text"):
        migrate.to_v0_1({**DELIVERED, side: name})


def test_code_that_is_no_number_has_no_place_in_v0_1() -> None:
    new = {"message_uuid": UUID, "to": "44", "from": "45", "timestamp": "", "status": "rejected", "channel": "sms"}
    new["error"] = {"type": "https://example.com#odd", "title": "odd", "detail": "why"}  # type: ignore[assignment]
    migrated = migrate.to_v0_1(new)
    assert migrated.payload["error"] == {"reason": "why"}
    assert lost(migrated) == ["error.title"]


@pytest.mark.parametrize("word", ["to", "from", "channel", "message_type", "message_uuid", "client_ref"])
@pytest.mark.parametrize("further", [{}, {"message_uuid": UUID, "timestamp": ""}], ids=["request", "inbound"])
def test_type_that_would_write_over_another_member_is_none(word: str, further: dict[str, str]) -> None:
    party = {"type": "sms", "number": "447700900000"}
    old = {"to": party, "from": party, "message": {"content": {"type": word, word: "other"}}, **further}
    with pytest.raises(InvalidMessageError, match=r"message\.content\.type: must be the type of a message"):
        migrate.to_v1(old)


NAMES = ["to", "from", "type", "number", "id", "message", "content", "text", "channel", "message_type", "status"]
NAMES += [
    "message_uuid",
    "error",
    "location",
    "sms",
    "whatsapp",
    "timestamp",
    "client_ref",
    "image",
    "usage",
    "workflow",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@given(document=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8))
def test_any_document_is_carried_or_refused(document: dict[str, Any]) -> None:
    for direction in (migrate.to_v1, migrate.to_v0_1):
        with contextlib.suppress(InvalidMessageError):
            assert isinstance(direction(document), migrate.Migrated)
