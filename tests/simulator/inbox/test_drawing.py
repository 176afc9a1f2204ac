"""What messages look like: every sample has a drawing, and no payload stops one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.simulator.inbox.blocks import (
    Buttons,
    Card,
    Carousel,
    Code,
    Html,
    Location,
    Media,
    Menu,
    Reaction,
    Template,
    link_of,
    poster_of,
    runs,
)
from vonage_messages.simulator.inbox.drawing import Drawing, draw
from vonage_messages.simulator.people import COMPANY, Written, inbound_v1

SAMPLES = Path(__file__).parents[2] / "samples"
RAW = {"rcs-custom-full", "rcs-custom-minimal", "inbound-unknown-type", "inbound-whatsapp-button-with-an-object"}
"""The samples that a block of JSON belongs to."""


def sample(name: str, version: str = "v1") -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((SAMPLES / version / "requests" / f"{name}.json").read_text(encoding="utf-8"))
    return payload


def drawn(payload: dict[str, Any], **options: Any) -> Drawing:
    if isinstance(payload.get("to"), dict):
        channel, message_type = payload["to"]["type"], payload["message"]["content"]["type"]
    else:
        channel, message_type = payload["channel"], payload.get("message_type", "text")
    return draw(payload, channel=channel, message_type=message_type, **options)


def read(path: Path) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return payload


REQUESTS = sorted(SAMPLES.glob("*/requests/*.json"))
INBOUND = sorted(SAMPLES.glob("v1/webhooks/inbound-*.json"))


def test_every_message_is_drawn_as_what_it_is() -> None:
    assert len(REQUESTS) > 200
    assert len(INBOUND) > 50
    for path in (*REQUESTS, *INBOUND):
        drawing = drawn(read(path))
        assert drawing.blocks, path
        assert drawing.preview, path
        assert any(isinstance(block, Code) for block in drawing.blocks) == (path.stem in RAW), path


def test_every_word_for_the_person_is_drawn() -> None:
    for path in REQUESTS:
        payload = read(path)
        content = payload.get("message", {}).get("content", payload)
        shown = "\n".join(texts(attrs.asdict(drawn(payload))))
        for key in ("text", "caption", "title", "subtitle"):
            for text in found(content, key):
                assert text in shown, (path, key)


def texts(value: Any) -> list[str]:
    """All texts; those that links cut are joined again."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(each, dict) and set(each) == {"text", "href"} for each in value):
            return ["".join(each["text"] for each in value)]
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def found(value: Any, key: str) -> list[str]:
    """Every text that stands under *key*; what a calendar keeps for itself is not shown before it is asked for."""
    if isinstance(value, dict):
        here = [value[key]] if isinstance(value.get(key), str) else []
        return here + [each for name, inner in value.items() if name != "failover" for each in found(inner, key)]
    return [each for inner in value for each in found(inner, key)] if isinstance(value, list) else []


def taps(drawing: Drawing) -> list[tuple[str, dict[str, Any]]]:
    """What can be tapped: the type and the fields of each."""
    given_: list[tuple[str, dict[str, Any]]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("tap"):
                given_.append((value["tap"]["message_type"], value["tap"]["fields"]))
            for inner in value.values():
                walk(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                walk(inner)

    walk(attrs.asdict(drawing))
    return given_


def test_every_tap_is_a_message_that_the_platform_sends() -> None:
    count = 0
    for path in REQUESTS:
        payload = read(path)
        channel = payload["to"]["type"] if isinstance(payload["to"], dict) else payload["channel"]
        v1_channel = channel.replace("viber_service_msg", "viber_service")
        for message_type, fields in taps(drawn(payload)):
            body = inbound_v1(
                Written(
                    message_uuid="0c4f1f6e-5c1e-4b7a-9d20-000000000001",
                    channel=v1_channel,
                    message_type=message_type,
                    to=COMPANY[v1_channel],
                    from_="447700900000",
                    at=0.0,
                    context_uuid=None,
                    base_url="http://127.0.0.1",
                    fields=fields,
                )
            )
            assert body[message_type] == fields[message_type], path
            count += 1
    assert count > 80


def test_a_list_of_whatsapp_is_a_menu_whose_rows_answer() -> None:
    drawing = drawn(sample("whatsapp-custom-interactive-list-full"))

    (menu,) = (block for block in drawing.blocks if isinstance(block, Menu))
    assert (menu.label, [section.title for section in menu.sections]) == ("Crossings", ["Morning", "Evening"])
    reply = {"id": "m5", "title": "05:15", "description": "Deck 5, 15 seats left"}
    assert menu.sections[0].rows[0].tap == {"message_type": "reply", "fields": {"reply": reply}}
    assert drawing.preview == "Ten crossings tomorrow."


def test_suggestions_of_rcs_answer_as_replies_and_as_buttons() -> None:
    drawing = drawn(sample("rcs-carousel-full"))

    assert taps(attrs.evolve(drawing, blocks=()))[0] == (
        "reply",
        {"reply": {"id": "seat:keep", "title": "Yes, keep my seat"}},
    )
    assert [button.icon for button in drawing.suggestions] == ["reply", "pin", "open", "calendar"]
    (carousel,) = drawing.blocks
    assert isinstance(carousel, Carousel)
    assert [card.media.index for card in carousel.cards if card.media] == [0, 1]
    assert [media.index for media in drawing.media] == [0, 1]


@pytest.mark.parametrize(
    ("name", "layout"),
    [("rcs-card-horizontal-full", "right"), ("rcs-card-horizontal-left", "left"), ("rcs-card-minimal", "vertical")],
)
def test_a_card_stands_as_it_was_asked_to(name: str, layout: str) -> None:
    (card,) = drawn(sample(name)).blocks

    assert isinstance(card, Card)
    assert card.layout == layout


@pytest.mark.parametrize("version", ["v1", "v0.1"])
def test_a_template_shows_what_fills_it_in(version: str) -> None:
    (template,) = drawn(sample("whatsapp-template-full", version)).blocks

    assert isinstance(template, Template)
    assert [each.name for each in template.parameters][:2] == ["1", "2"]
    assert template.language == "pt_PT" or version == "v1"


def test_a_template_whose_words_are_known_is_filled_in() -> None:
    known = {"crossing_named": "Dear {{guest}}, you leave at {{ departure }}. {{other}}"}
    (template,) = drawn(sample("whatsapp-custom-template-body-named"), templates=known).blocks

    assert isinstance(template, Template)
    assert "".join(run.text for run in template.filled) == "Dear Inês, you leave at 09:15. {{other}}"


def test_an_email_shows_its_head_its_words_and_its_page() -> None:
    drawing = drawn(sample("email-content-full"))

    assert drawing.preview == "Crossing 9: boarding at 08:35"
    (page,) = drawing.pages
    assert isinstance(page, Html)
    assert page.index == 1
    assert "Inês Marchetti <ines.marchetti@example.org>" in "\n".join(texts(attrs.asdict(drawing)))


def test_a_button_of_viber_opens_its_address() -> None:
    *_, buttons = drawn(sample("viber_service-text-full")).blocks

    assert isinstance(buttons, Buttons)
    assert buttons.buttons[0].href == "https://example.com/book"


def test_a_film_has_its_poster_where_it_lies_at_the_same_host() -> None:
    payload = sample("viber_service-video-full")
    (film,) = drawn(payload).media
    payload["video"]["thumb_url"] = "https://elsewhere.example/tour.jpg"
    (other,) = drawn(payload).media

    assert film.poster == "https://media.example.com/viber/tour.jpg"
    assert other.poster is None
    assert poster_of("https://example.com/a.jpg", "http://[::1") is None


def test_a_reaction_names_what_it_is_about() -> None:
    (reaction,) = drawn(sample("whatsapp-reaction-full")).blocks
    (taken_back,) = drawn(sample("whatsapp-reaction-minimal")).blocks

    assert isinstance(reaction, Reaction)
    assert isinstance(taken_back, Reaction)
    assert reaction.emoji == "⚓"
    assert reaction.target == sample("whatsapp-reaction-full")["context"]["message_uuid"]
    assert taken_back.emoji == ""


def test_a_failover_chain_is_listed_step_by_step() -> None:
    drawing = drawn(sample("failover-whatsapp-rcs-viber-sms"))

    assert [step.channel for step in drawing.failover] == ["rcs", "viber_service", "sms"]
    assert drawing.failover[2].preview == "Crossing 9 is 40 min late."


def test_files_of_an_mms_are_drawn_one_by_one() -> None:
    blocks = drawn(sample("mms-content-full")).blocks

    assert [block.sort for block in blocks if isinstance(block, Media)] == ["image", "vcard", "audio", "video", "file"]


def test_both_spellings_of_coordinates_are_read() -> None:
    for fields in ({"lat": 51.5, "long": -0.1}, {"latitude": "51.5", "longitude": "-0.1"}):
        (place,) = draw({"location": fields}, channel="whatsapp", message_type="location").blocks
        assert isinstance(place, Location)
        assert (place.latitude, place.longitude) == ("51.5", "-0.1")


@pytest.mark.each(
    "address",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//example.com/x",
        "http://",
        "https:///x",
        "http://exa mple.com",
        "https://example.com/\x00",
        "https://example.com:port/",
        "https:\\\\example.com",
        "http://[::1",
        "",
        None,
        7,
    ],
)
def test_only_addresses_of_the_web_become_links(address: object) -> None:
    assert link_of(address) is None


def test_text_is_cut_at_its_links_and_loses_nothing() -> None:
    cut = runs("See https://example.com/a?b=c. Or javascript:alert(1), or (http://example.org)!")

    assert [run.href for run in cut if run.href] == ["https://example.com/a?b=c", "http://example.org"]
    assert (
        "".join(run.text for run in cut)
        == "See https://example.com/a?b=c. Or javascript:alert(1), or (http://example.org)!"
    )


KEYS = [
         "type",     "text",     "url",     "custom",     "interactive",     "action",     "sections",
    "rows",     "buttons",     "reply",     "template",     "components",     "parameters",     "card",
    "carousel",     "cards",     "suggestions",     "context",     "content",     "message",     "image",
    "location",     "contacts",     "name",     "header",     "body",     "email",     "html",     "failover",
    "index",     "sub_type",     "attachment",     "payload",     "elements",     "order",     "product_items",
    "viber_service",     "contentMessage",     "richCard",     "rcs",     "reaction",     "button",
]  # fmt: skip
CHANNELS = ["sms", "mms", "rcs", "whatsapp", "messenger", "viber_service", "viber_service_msg", "email", "x"]
TYPES = [
         "text",     "image",     "custom",     "template",     "card",     "carousel",     "content",
    "html",     "location",     "contacts",     "order",     "reaction",     "reply",     "button",
    "unsupported",     "y",
]  # fmt: skip
objects = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(
    payload=st.dictionaries(st.sampled_from(KEYS), objects, max_size=5),
    channel=st.sampled_from(CHANNELS),
    message_type=st.sampled_from(TYPES),
)
def test_no_payload_stops_the_drawing(payload: dict[str, Any], channel: str, message_type: str) -> None:
    drawing = draw(payload, channel=channel, message_type=message_type)

    assert drawing.blocks
    for media in drawing.media:
        assert media.href is None or media.href.startswith(("http://", "https://"))
