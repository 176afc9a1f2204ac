from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vonage_messages.webhooks import (
    ConversationOrigin,
    Destination,
    Profile,
    SmsSegment,
    StatusError,
    StatusSms,
    StatusWhatsapp,
    Usage,
    WhatsappConversation,
    WhatsappPricing,
    WhatsappUser,
    Workflow,
    parse_status,
)

SAMPLES = Path(__file__).parents[1] / "samples"
ENVELOPE: dict[str, Any] = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900654",
    "from": "447700900321",
    "timestamp": "2026-03-14T09:27:01.250Z",
    "status": "rejected",
    "channel": "sms",
}


def sample(name: str, version: str = "v1") -> Any:
    return parse_status((SAMPLES / version / "webhooks" / f"status-{name}.json").read_bytes())


def status(**members: Any) -> Any:
    return parse_status({**ENVELOPE, **members})


def test_envelope_is_typed() -> None:
    event = sample("sms-delivered")
    assert (event.version, event.channel, event.status, event.client_ref) == ("v1", "sms", "delivered", "crossing-81")
    assert (event.to, event.from_) == ("447700900654", "447700900321")
    assert event.timestamp == datetime(2026, 3, 14, 9, 27, 1, 250_000, tzinfo=UTC)


def test_status_with_the_required_members_alone_is_read() -> None:
    event = sample("minimal")
    assert event.status == "undeliverable"
    assert (event.error, event.usage, event.workflow, event.destination, event.sms, event.whatsapp, event.profile) == (
        None,
    ) * 7
    assert (event.client_ref, event.provider_message, event.extra) == (None, None, {})


def test_error_tells_code_title_detail_and_trace() -> None:
    assert sample("rcs-rejected").error == StatusError(
        code=1300,
        title="1300",
        detail="Not part of the provider network",
        type="https://developer.vonage.com/api-errors/messages#1300",
        instance="b2d1c0f3a4e5968778695a4b3c2d1e0f",
    )


def test_older_error_has_a_number_for_its_title() -> None:
    error = sample("older-error-number").error
    assert (error.code, error.title) == (1300, "1300")


def test_error_of_v0_1_has_code_and_reason() -> None:
    assert sample("messenger-rejected", "v0.1").error == StatusError(
        code=1300, detail="Not part of the provider network"
    )


@pytest.mark.each(
    ("error", "code", "title"),
    [
        ({"title": "Throttled", "type": "https://developer.vonage.com/api-errors/messages#1000"}, 1000, "Throttled"),
        ({"type": "https://developer.vonage.com/api-errors#low-balance"}, None, None),
        ({"type": "#1000#1010"}, 1010, None),
        ({"title": "1120", "type": "https://example.com/#1000"}, 1120, "1120"),
        ({"title": True}, None, None),
        ({"title": -5}, None, None),
        ({"title": 10**400}, None, None),
        ({"title": ""}, None, ""),
        ({"code": "1300"}, 1300, None),
        ({"code": 1300.0}, None, None),
    ],
)
def test_code_is_found_wherever_the_payload_writes_it(
    error: dict[str, Any], code: int | None, title: str | None
) -> None:
    read = status(error=error).error
    assert (read.code, read.title) == (code, title)


def test_usage_is_an_exact_amount() -> None:
    assert sample("sms-delivered").usage == Usage(currency="EUR", price=Decimal("0.0731"))
    assert sample("whatsapp-delivered").usage == Usage(currency="EUR", price=Decimal(0))


def test_workflow_tells_the_place_in_the_chain() -> None:
    assert sample("in-a-workflow").workflow == Workflow(
        workflow_id="8QmT4wYpVn2hRk6LsXz1BcJd9FgKa3Ue5Ho7Iy0Pq4WtMvNrSbGxCjE", items_number=1, items_total=3
    )


def test_workflow_under_its_older_names_is_read() -> None:
    assert sample("older-workflow-names").workflow == Workflow(workflow_id="8QmT4w", items_number=2, items_total=3)


def test_newer_name_of_a_member_wins_and_the_older_one_is_kept() -> None:
    workflow = status(workflow={"id": "old", "workflow_id": "new"}).workflow
    assert workflow == Workflow(workflow_id="new", extra={"id": "old"})


def test_empty_workflow_is_none_and_nothing_unknown() -> None:
    event = sample("with-an-empty-workflow")
    assert (event.workflow, event.extra) == (None, {})


def test_segments_tell_which_part_failed() -> None:
    assert sample("sms-rejected-segments").sms == StatusSms(
        count_total=2,
        segments=(
            SmsSegment(timestamp=datetime(2026, 3, 14, 9, 27, tzinfo=UTC), status="delivered"),
            SmsSegment(timestamp=datetime(2026, 3, 14, 9, 27, 1, tzinfo=UTC), status="rejected", error_code=1230),
        ),
    )


@pytest.mark.parametrize("segments", ["two", {}, ["x"], [{}], [None]])
def test_segments_that_cannot_be_read_are_extra(segments: object) -> None:
    assert status(sms={"count_total": "2", "segments": segments}).sms == StatusSms(
        count_total=2, extra={"segments": segments}
    )


def test_destination_names_the_network() -> None:
    assert sample("rcs-submitted").destination == Destination(network_code="23415")


def test_whatsapp_tells_recipient_pricing_and_conversation() -> None:
    assert sample("whatsapp-read").whatsapp == StatusWhatsapp(
        waba_id="330071829945",
        recipient=WhatsappUser(user_id="GB.70214488610335", parent_user_id="GB.ENT.90017733", wa_id="447700900654"),
        pricing=WhatsappPricing(type="regular", pricing_model="PMP", category="utility"),
        conversation=WhatsappConversation(id="c7d0e2", origin=ConversationOrigin(type="utility")),
    )


def test_profile_names_the_recipient() -> None:
    assert sample("whatsapp-read").profile == Profile(name="Inês Marchetti", username="ines.sails")


def test_provider_message_is_read() -> None:
    assert status(provider_message="131049").provider_message == "131049"


def test_unknown_status_is_preserved() -> None:
    event = sample("unknown-word")
    assert (event.status, event.extra) == ("accepted", {"relay": {"hop": 3}})


def test_status_on_a_channel_that_does_not_have_a_member_reads_it_all_the_same() -> None:
    assert status(whatsapp={"waba_id": "w"}).whatsapp == StatusWhatsapp(waba_id="w")


@pytest.mark.each("member", ["error", "usage", "workflow", "destination", "sms", "whatsapp", "profile"])
@pytest.mark.each("value", ["x", 5, True, [], [{}]])
def test_object_of_a_wrong_type_is_extra_and_its_attribute_none(member: str, value: object) -> None:
    event = status(**{member: value})
    assert getattr(event, member) is None
    assert event.extra == {member: value}


@pytest.mark.parametrize("value", [5, None, [], {"a": 1}, True])
def test_status_that_is_no_word_is_empty_and_kept(value: object) -> None:
    event = status(status=value)
    assert event.status == ""
    assert event.extra == ({} if value is None else {"status": value})


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("sms", "sms"),
        ("mms", "mms"),
        ("whatsapp", "whatsapp"),
        ("messenger", "messenger"),
        ("viber_service_msg", "viber_service"),
    ],
)
def test_status_of_v0_1_names_the_channel_of_v1(channel: str, expected: str) -> None:
    event = sample(f"{channel}-delivered", "v0.1")
    assert (event.version, event.channel, event.status, event.client_ref) == (
        "v0.1",
        expected,
        "delivered",
        "crossing-81",
    )
    assert event.usage == Usage(currency="EUR", price=Decimal("0.0731"))
    assert event.extra == {}


def test_party_of_v0_1_with_two_ids_keeps_the_second() -> None:
    payload = {**ENVELOPE, "to": {"type": "sms", "id": "2", "number": "1"}, "from": {"type": "sms", "number": "3"}}
    del payload["channel"]
    event = parse_status(payload)
    assert (event.to, event.from_, event.channel) == ("1", "3", "sms")
    assert event.extra == {"to": {"id": "2"}}
    assert event.raw == payload


def test_repr_shows_status_and_error_and_masks_numbers() -> None:
    shown = repr(sample("sms-rejected"))
    assert "status='rejected'" in shown
    assert "code=1300" in shown
    assert "447700900" not in shown


def test_statuses_can_stand_in_a_set() -> None:
    path = SAMPLES / "v1" / "webhooks" / "status-sms-delivered.json"
    assert len({parse_status(path.read_bytes()), parse_status(json.loads(path.read_text(encoding="utf-8")))}) == 1
