from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vonage_messages.webhooks import (
    Audio,
    Button,
    Contact,
    ContactAddress,
    ContactEmail,
    ContactName,
    ContactOrganization,
    ContactPhone,
    Contacts,
    ContactUrl,
    Context,
    File,
    Image,
    InboundMms,
    InboundSms,
    InboundWhatsapp,
    Location,
    Order,
    OrderItem,
    Origin,
    Profile,
    Reaction,
    ReferredProduct,
    Reply,
    Sticker,
    Text,
    Unknown,
    Unsupported,
    Usage,
    Vcard,
    Video,
    WhatsappUser,
    parse_inbound,
)

SAMPLES = Path(__file__).parents[1] / "samples"
ENVELOPE: dict[str, Any] = {
    "channel": "whatsapp",
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900321",
    "from": "447700900654",
    "timestamp": "2026-03-14T09:26:53Z",
}
MEDIA = {"image": Image, "audio": Audio, "video": Video, "file": File, "vcard": Vcard, "sticker": Sticker}


def sample(name: str, version: str = "v1") -> Any:
    return parse_inbound((SAMPLES / version / "webhooks" / f"inbound-{name}.json").read_bytes())


def message(message_type: object, **members: Any) -> Any:
    return parse_inbound({**ENVELOPE, "message_type": message_type, **members})


def test_envelope_is_typed() -> None:
    event = sample("whatsapp-text")
    assert (event.version, event.channel, event.message_type) == ("v1", "whatsapp", "text")
    assert (event.to, event.from_) == ("447700900321", "447700900654")
    assert event.timestamp == datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def test_whatsapp_text_carries_context_profile_and_the_provider_s_words() -> None:
    event = sample("whatsapp-text")
    assert event.content == Text(text="Yes please, two adults")
    assert event.context_status == "available"
    assert event.context == Context(message_uuid="7d2f6a10-90bb-4c1c-8a55-1f0e6f1f2a33", message_from="447700900321")
    assert event.profile == Profile(name="Inês Marchetti", username="ines.sails")
    assert event.provider_message == "Accepted"
    assert event.self_href == "https://api-eu.vonage.com/v1/messages/0c4f1f6e-5c1e-4b7a-9d20-000000000001"


def test_whatsapp_object_tells_sender_and_account() -> None:
    assert sample("whatsapp-text").whatsapp == InboundWhatsapp(
        sender=WhatsappUser(user_id="GB.70214488610335", parent_user_id="GB.ENT.90017733", wa_id="447700900654"),
        waba_id="330071829945",
    )


def test_referral_tells_the_ad() -> None:
    referral = sample("whatsapp-text-from-an-ad").referral
    assert (referral.headline, referral.source_type, referral.media_type) == (
        "Harbour Line, spring crossings",
        "ad",
        "video",
    )
    assert (referral.body, referral.source_id, referral.ctwa_clid) == (
        "Cross before the tide",
        "5518200391",
        "ARBk3f0Qm",
    )
    assert all((referral.source_url, referral.image_url, referral.video_url, referral.thumbnail_url))


def test_message_without_whatsapp_object_has_no_referral_and_no_product() -> None:
    event = message("text", text="x")
    assert (event.referral, event.referred_product, event.whatsapp, event.context) == (None, None, None, None)


@pytest.mark.parametrize("name", ["whatsapp-order", "whatsapp-text-product-in-context"])
def test_referred_product_is_found_in_its_new_place_and_its_older_one(name: str) -> None:
    assert sample(name).referred_product == ReferredProduct(catalog_id="90210", product_retailer_id="seat-1")


def test_context_that_is_gone_is_told_by_its_status() -> None:
    event = sample("whatsapp-text-context-gone")
    assert (event.context_status, event.context) == ("unavailable", None)


def test_viber_context_is_an_opaque_id() -> None:
    event = sample("viber_service-text")
    assert event.context == Context(message_uuid="4e11c0aa7b6d9f20")
    assert event.context_status is None


def test_sms_counts_are_numbers_and_the_price_is_exact() -> None:
    event = sample("sms-text")
    assert event.sms == InboundSms(num_messages=1, keyword="IS", total_count=1)
    assert event.usage == Usage(currency="EUR", price=Decimal("0.0057"))
    assert event.origin == Origin(network_code="23410")


def test_sms_without_message_type_is_a_text() -> None:
    event = sample("sms-text-without-message-type")
    assert (event.message_type, event.content) == ("text", Text(text="Is the 9 o'clock ferry full?"))


def test_mms_names_the_participants_of_a_group() -> None:
    assert sample("mms-text").mms == InboundMms(participants=("12015550143", "12015550187", "12015550199"))


@pytest.mark.parametrize("message_type", ["image", "audio", "video", "file", "vcard"])
def test_mms_with_several_files_has_attachments_beside_the_first(message_type: str) -> None:
    event = sample(f"mms-{message_type}-with-further-files")
    assert type(event.content) is MEDIA[message_type]
    assert [type(each) for each in event.attachments] == [Image, Audio, Video, File, Vcard]
    assert event.attachments[0] == Image(url="https://media.example.com/in/0.jpg")


def test_message_with_one_file_has_no_attachments() -> None:
    assert sample("mms-image").attachments == ()


def test_attachment_of_an_unknown_type_is_kept() -> None:
    items = [
        {"type": "hologram", "url": "x"},
        {"type": "image"},
        "odd",
        {"url": "y"},
        {"type": "image", "url": "z", "w": 1},
    ]
    event = message("image", image={"url": "a"}, content=items)
    assert event.attachments == (
        Unknown(message_type="hologram", body=items[0]),
        Unknown(message_type="image", body=items[1]),
        Unknown(body="odd"),
        Unknown(body=items[3]),
        Image(url="z", extra={"w": 1}),
    )


def test_content_that_is_no_array_is_extra() -> None:
    event = message("image", image={"url": "a"}, content={"url": "b"})
    assert (event.attachments, event.extra) == ((), {"content": {"url": "b"}})


def test_type_content_is_its_first_file() -> None:
    event = sample("mms-content")
    assert event.content == Image(url="https://media.example.com/in/1.jpg")
    assert event.attachments == (event.content, Vcard(url="https://media.example.com/in/2.vcf"))


def test_type_content_with_nothing_in_it_is_unknown() -> None:
    assert message("content", content=[]).content == Unknown(message_type="content", body=[])


@pytest.mark.parametrize("message_type", MEDIA)
def test_media_keeps_url_name_and_caption(message_type: str) -> None:
    body = {"url": "https://media.example.com/1", "name": "one", "caption": "two"}
    assert message(message_type, **{message_type: body}).content == MEDIA[message_type](**body)


def test_location_is_two_numbers_and_words() -> None:
    assert sample("whatsapp-location").content == Location(
        lat=51.1279,
        long=1.3134,
        name="Eastern Docks",
        address="Dover CT16",
        url="https://maps.example.com/dover",
    )


def test_location_of_v0_1_has_strings_under_other_names() -> None:
    content = sample("whatsapp-location", "v0.1").content
    assert (content.lat, content.long, content.name) == (51.1279, 1.3134, "Eastern Docks")


def test_location_at_whole_degrees_is_read() -> None:
    assert message("location", location={"lat": 0, "long": -74}).content == Location(lat=0.0, long=-74.0)


def test_reply_to_a_list_has_a_description() -> None:
    assert sample("whatsapp-reply-to-a-list").content == Reply(
        id="row-2", title="The 11:40", description="Arrives 13:10"
    )


def test_button_payload_is_a_string() -> None:
    assert sample("whatsapp-button-with-a-string").content == Button(payload="confirm-81", text="Confirm")


def test_button_payload_is_an_object_with_a_subtype() -> None:
    content = sample("whatsapp-button-with-an-object").content
    assert content == Button(payload={"seats": 2, "meal": {"kind": "vegan"}}, text="Sent", subtype="flow")
    assert hash(content) == hash(Button(payload={}, text="Sent", subtype="flow"))


def test_order_has_quantities_and_exact_prices() -> None:
    assert sample("whatsapp-order").content == Order(
        catalog_id="90210",
        product_items=(
            OrderItem(product_retailer_id="seat-1", quantity=2, item_price=Decimal("18.50"), currency="GBP"),
            OrderItem(product_retailer_id="bike-1", quantity=1, item_price=Decimal(5), currency="GBP"),
        ),
    )


def test_reaction_has_an_emoji_and_its_target_is_the_context() -> None:
    event = sample("whatsapp-reaction")
    assert event.content == Reaction(action="react", emoji="⛴️")
    assert event.context.message_uuid == "7d2f6a10-90bb-4c1c-8a55-1f0e6f1f2a33"


def test_reaction_taken_back_has_no_emoji() -> None:
    assert sample("whatsapp-reaction-taken-back").content == Reaction(action="unreact")


def test_contacts_are_typed_to_the_last_member() -> None:
    first, second = sample("whatsapp-contacts").content.contacts
    assert first == Contact(
        name=ContactName(
            formatted_name="Dr. Ana Reis Lobo",
            first_name="Ana",
            last_name="Lobo",
            middle_name="Reis",
            prefix="Dr.",
            suffix="PhD",
        ),
        phones=(ContactPhone(phone="+351 21 555 0100", type="work", wa_id="351215550100"),),
        emails=(ContactEmail(email="ana@example.net", type="home"),),
        addresses=(
            ContactAddress(
                street="Rua do Cais 4",
                city="Lisboa",
                state="Lisboa",
                postal_code="1100-001",
                country="Portugal",
                country_code="PT",
                type="home",
            ),
        ),
        urls=(ContactUrl(url="https://ana.example.net", type="work"),),
        birthday="1984-11-02",
        org=ContactOrganization(company="Harbour Line", department="Desk", title="Lead"),
    )
    assert second == Contact(name=ContactName(formatted_name="Pier 4"))


def test_unknown_member_of_a_contact_is_kept() -> None:
    content = message("contacts", contacts=[{"name": {"nick": "A"}, "pets": 2, "addresses": [{"zip": "1"}]}]).content
    contact = Contact(
        name=ContactName(extra={"nick": "A"}), addresses=(ContactAddress(postal_code="1"),), extra={"pets": 2}
    )
    assert content == Contacts(contacts=(contact,))


def test_unsupported_message_says_why() -> None:
    event = sample("whatsapp-unsupported")
    assert event.content == Unsupported()
    assert event.provider_message == "131051: message type is not supported"


def test_unknown_type_is_preserved() -> None:
    event = sample("unknown-type")
    assert event.content == Unknown(message_type="hologram", body={"projector": "h-1", "frames": [1, 2]})
    assert event.extra == {"hologram": {"projector": "h-1", "frames": [1, 2]}}


def test_unknown_channel_is_preserved() -> None:
    event = sample("unknown-channel")
    assert (event.channel, event.content, event.extra) == (
        "carrier_pigeon",
        Text(text="New road"),
        {"loft": {"id": "L4"}},
    )


@pytest.mark.each(
    ("message_type", "body"),
    [
        ("text", 5), ("text", None), ("text", {"body": "x"}), ("image", {"href": "x"}), ("image", {"url": 5}),
        ("image", "https://x"), ("image", {}), ("audio", None), ("video", []), ("file", {"name": "x"}), ("vcard", True),
        ("location", {"lat": 1}), ("location", {"lat": True, "long": 1}), ("location", {"lat": "north", "long": "1"}),
        ("location", {"lat": 1e308, "long": 10**400}), ("reply", {"title": "x"}), ("button", {"text": "x"}),
        ("button", {"payload": 5}), ("order", {"product_items": []}), ("sticker", {"id": "x"}),
        ("reaction", {"emoji": "x"}),
        ("contacts", []), ("contacts", {}), ("contacts", ["x"]), ("contacts", [{}]),
    ],
)  # fmt: skip
def test_known_type_with_an_unreadable_body_is_unknown_and_kept(message_type: str, body: object) -> None:
    event = message(message_type, **{message_type: body})
    assert event.content == Unknown(message_type=message_type, body=body)
    assert event.message_type == message_type
    assert event.raw[message_type] == body
    assert event.extra == ({} if body is None else {message_type: body})


def test_body_of_another_type_is_extra() -> None:
    assert message("text", text="x", image={"url": "y"}).extra == {"image": {"url": "y"}}


@pytest.mark.each(
    ("member", "value", "attribute"),
    [
        ("timestamp", 5, "timestamp"), ("timestamp", "yesterday", "timestamp"), ("client_ref", 5, "client_ref"),
        ("context", "x", "context"), ("context_status", [], "context_status"), ("profile", ["x"], "profile"),
        ("provider_message", {"a": 1}, "provider_message"), ("usage", "0.1", "usage"), ("sms", 2, "sms"),
        ("mms", [], "mms"),
        ("origin", "23410", "origin"), ("whatsapp", True, "whatsapp"), ("_self", "https://x", "self_href"),
        ("_self", {"href": 5}, "self_href"),
    ],
)  # fmt: skip
def test_member_of_a_wrong_type_is_extra_and_its_attribute_none(member: str, value: object, attribute: str) -> None:
    event = message("text", text="x", **{member: value})
    assert getattr(event, attribute) is None
    assert event.extra == {member: value}


@pytest.mark.parametrize("member", ["message_uuid", "channel", "to", "from", "message_type"])
def test_word_of_the_envelope_of_a_wrong_type_is_extra_and_its_attribute_empty(member: str) -> None:
    event = parse_inbound({**ENVELOPE, "message_type": "unsupported", member: 5})
    assert getattr(event, "from_" if member == "from" else member) == ""
    assert event.extra == {member: 5}


def test_null_is_no_value_and_nothing_unknown() -> None:
    names = [
        "client_ref",
        "context",
        "profile",
        "provider_message",
        "usage",
        "sms",
        "whatsapp",
        "timestamp",
        "message_uuid",
    ]
    event = message("text", text="x", **dict.fromkeys(names))
    assert event.extra == {}
    assert event.usage is None


def test_wrong_type_inside_an_object_is_extra_of_that_object() -> None:
    event = message(
        "text", text="x", profile={"name": 5, "username": "u"}, whatsapp={"sender": "s", "waba_id": "w", "new": 1}
    )
    assert event.profile == Profile(username="u", extra={"name": 5})
    assert event.whatsapp == InboundWhatsapp(waba_id="w", extra={"sender": "s", "new": 1})
    assert event.extra == {}


def test_unknown_member_beside_the_link_is_kept() -> None:
    link = {"href": "https://api-eu.vonage.com/v1/messages/1", "title": "x"}
    event = message("text", text="x", _self=link)
    assert (event.self_href, event.extra) == (link["href"], {"_self": link})


@pytest.mark.each("value", ["2.0", "-1", "two", "\u0663", "1_0", "9" * 16, 2.0, -1, True, [], 10**20])
def test_count_that_is_none_stays_extra(value: object) -> None:
    assert message("text", text="x", sms={"num_messages": value}).sms == InboundSms(extra={"num_messages": value})


@pytest.mark.each("value", ["NaN", "Infinity", "1_0", "0,05", "", "\u0663", True, [], 10**40, "1e9999"])
def test_price_that_is_none_stays_extra(value: object) -> None:
    assert message("text", text="x", usage={"price": value}).usage == Usage(extra={"price": value})


@pytest.mark.parametrize(
    ("value", "price"), [("0.0333", "0.0333"), (0.0333, "0.0333"), (2, "2"), ("0", "0"), ("1e-3", "0.001")]
)
def test_price_is_exact_whatever_its_json_type(value: object, price: str) -> None:
    assert message("text", text="x", usage={"price": value}).usage.price == Decimal(price)


@pytest.mark.each(
    ("written", "expected"),
    [
        ("2025-02-03T12:14:25Z", datetime(2025, 2, 3, 12, 14, 25, tzinfo=UTC)),
        ("2025-02-03T12:14:25z", datetime(2025, 2, 3, 12, 14, 25, tzinfo=UTC)),
        ("2020-01-01T14:00:00.000Z", datetime(2020, 1, 1, 14, tzinfo=UTC)),
        ("2020-01-01T14:00:03.010Z", datetime(2020, 1, 1, 14, 0, 3, 10_000, tzinfo=UTC)),
        ("2020-01-01T14:00:00.123456789Z", datetime(2020, 1, 1, 14, 0, 0, 123_456, tzinfo=UTC)),
        ("2020-01-01 14:00:00 UTC", datetime(2020, 1, 1, 14, tzinfo=UTC)),
        ("2020-01-01 14:00:00 GMT", datetime(2020, 1, 1, 14, tzinfo=UTC)),
        ("2020-01-01 14:00:00", datetime(2020, 1, 1, 14, tzinfo=UTC)),
        ("2020-01-01 14:00:00 +0200", datetime(2020, 1, 1, 12, tzinfo=UTC)),
        ("2020-01-01T14:00:00+02:00", datetime(2020, 1, 1, 12, tzinfo=UTC)),
        ("2020-01-01T14:00:00+0000", datetime(2020, 1, 1, 14, tzinfo=UTC)),
        (" 2020-01-01T14:00:00Z ", datetime(2020, 1, 1, 14, tzinfo=UTC)),
    ],
)
def test_timestamp_of_every_form_is_in_utc(written: str, expected: datetime) -> None:
    timestamp = message("text", text="x", timestamp=written).timestamp
    assert timestamp == expected
    assert timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    ["", "now", "2025-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025\ud800", "UTC"],
)
def test_timestamp_that_is_none_is_extra(written: str) -> None:
    event = message("text", text="x", timestamp=written)
    assert event.timestamp is None
    assert event.extra == {"timestamp": written}


def test_repr_is_masked() -> None:
    assert repr(sample("sms-text-without-message-type")).endswith(
        "message_uuid='00000002-5c1e-4b7a-9d20-0000000f8021', to='44********21', from_='44********54')"
    )


@pytest.mark.parametrize(
    ("name", "channel", "to", "sender"),
    [
        ("sms-text", "sms", "447700900321", "447700900654"),
        ("viber_service_msg-text", "viber_service", "52817", "447700900654"),
        ("messenger-text", "messenger", "108827364550192", "7300918264410293"),
    ],
)
def test_parties_of_v0_1_become_strings_and_a_channel(name: str, channel: str, to: str, sender: str) -> None:
    event = sample(name, "v0.1")
    assert (event.version, event.channel, event.to, event.from_) == ("v0.1", channel, to, sender)
    assert event.content == Text(text="Is the ferry late?" if channel == "sms" else "Good morning")


def test_sms_object_of_v0_1_is_found_inside_the_message() -> None:
    event = sample("sms-text", "v0.1")
    assert event.sms == InboundSms(num_messages=1)
    assert event.usage == Usage(currency="EUR", price=Decimal("0.0057"))


def test_raw_of_v0_1_is_not_rearranged() -> None:
    path = SAMPLES / "v0.1" / "webhooks" / "inbound-whatsapp-button.json"
    assert parse_inbound(path.read_bytes()).raw == json.loads(path.read_text(encoding="utf-8"))


def test_what_v0_1_does_not_know_is_kept_where_it_stood() -> None:
    event = parse_inbound(
        {
            "direction": "inbound",
            "to": {"type": "sms", "number": "1", "id": "2", "region": "eu"},
            "from": "3",
            "message": {"content": {"type": "text", "text": "x", "tone": "low"}, "viber": 1},
        }
    )
    assert (event.to, event.from_, event.content) == ("1", "3", Text(text="x"))
    assert event.extra == {
        "direction": "inbound",
        "to": {"id": "2", "region": "eu"},
        "message": {"content": {"tone": "low"}, "viber": 1},
    }


def test_type_of_v0_1_cannot_write_into_the_envelope() -> None:
    event = parse_inbound({"to": {"number": "1"}, "message": {"content": {"type": "from", "from": "forged"}}})
    assert (event.from_, event.message_type) == ("", "from")
    assert event.extra["message"] == {"content": {"from": "forged"}}


@pytest.mark.parametrize("broken", [5, "x", [], None, {}, {"content": 5}, {"content": {"type": 5}}, {"content": {}}])
def test_broken_message_of_v0_1_is_unknown_and_kept(broken: Any) -> None:
    event = parse_inbound({"to": {"type": "sms", "number": "1"}, "message": broken})
    assert event.version == "v0.1"
    assert isinstance(event.content, Unknown)
    assert event.extra == ({"message": broken} if broken not in (None, {}, {"content": {}}) else {})
