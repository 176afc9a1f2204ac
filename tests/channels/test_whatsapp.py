"""WhatsApp: what the table of fields does not say of recipients, templates, stickers and reactions."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages import (
    InvalidMessageError,
    WhatsappReaction,
    WhatsappReactionResource,
    WhatsappSticker,
    WhatsappStickerId,
    WhatsappStickerUrl,
    WhatsappTemplate,
    WhatsappTemplateResource,
    WhatsappTemplateSettings,
    WhatsappText,
)

PARTIES = {"to": "447700900000", "from_": "447700900001"}


def paths_of(make: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize("to", ["1", "447700900000", "4" * 20, "US.1349", "US.ENT.1349", "GB." + "a" * 128])
def test_recipient_may_be_a_number_of_any_length_or_a_bsuid(to: str) -> None:
    assert WhatsappText(to=to, from_="447700900001", text="Hi").to == to


@pytest.mark.parametrize("to", ["0770", "Ada", "", "US.", "us.1349", "GB." + "a" * 129, "+x"])
def test_recipient_that_is_neither_is_refused(to: str) -> None:
    assert paths_of(lambda: WhatsappText(to=to, from_="447700900001", text="Hi")) == ["to"]


def test_template_parameters_are_texts() -> None:
    assert paths_of(lambda: WhatsappTemplateResource(name="n", parameters=["a", 5, ""])) == [
        "parameters[1]",
        "parameters[2]",
    ]
    assert paths_of(lambda: WhatsappTemplateResource(name="n", parameters=[])) == ["parameters"]
    assert paths_of(lambda: WhatsappTemplateResource(name="n", parameters="abc")) == ["parameters"]


def test_template_is_in_american_english_unless_said_otherwise() -> None:
    assert WhatsappTemplate(**PARTIES, template={"name": "n"}).whatsapp == WhatsappTemplateSettings(locale="en_US")


@pytest.mark.parametrize("settings", [{"locale": None}, {"locale": ""}, {"locale": 5}])
def test_locale_that_says_nothing_is_refused(settings: dict[str, Any]) -> None:
    assert paths_of(lambda: WhatsappTemplate(**PARTIES, template={"name": "n"}, whatsapp=settings)) == [
        "whatsapp.locale"
    ]


def test_policy_is_deterministic_or_left_out() -> None:
    assert WhatsappTemplateSettings(policy="deterministic").policy == "deterministic"
    assert paths_of(lambda: WhatsappTemplateSettings(policy="fallback")) == ["policy"]


@pytest.mark.parametrize(
    ("sticker", "built"),
    [
        ("https://example.com/a.webp", WhatsappStickerUrl(url="https://example.com/a.webp")),
        ({"url": "https://example.com/a.webp"}, WhatsappStickerUrl(url="https://example.com/a.webp")),
        ({"id": "s1"}, WhatsappStickerId(id="s1")),
        (WhatsappStickerId(id="s1"), WhatsappStickerId(id="s1")),
    ],
)
def test_sticker_is_given_by_url_or_by_id(sticker: Any, built: object) -> None:
    assert WhatsappSticker(**PARTIES, sticker=sticker).sticker == built


@pytest.mark.parametrize(
    ("sticker", "path"),
    [
        ({"url": "https://example.com/a.webp", "id": "s1"}, "sticker"),
        ({}, "sticker"),
        ({"colour": "blue"}, "sticker"),
        ({"id": ""}, "sticker.id"),
        ({"url": "https://example.com/a.png"}, "sticker.url"),
        ({"id": "s1", "colour": "blue"}, "sticker.colour"),
        (5, "sticker"),
    ],
)
def test_sticker_that_is_neither_or_both_is_refused(sticker: Any, path: str) -> None:
    assert paths_of(lambda: WhatsappSticker(**PARTIES, sticker=sticker)) == [path]


def test_reaction_needs_the_message_that_it_is_about() -> None:
    assert paths_of(lambda: WhatsappReaction(**PARTIES, reaction={"action": "unreact"})) == ["context"]


def test_reacting_needs_an_emoji_and_taking_back_takes_none() -> None:
    assert paths_of(lambda: WhatsappReactionResource(action="react")) == ["emoji"]
    assert paths_of(lambda: WhatsappReactionResource(action="unreact", emoji="👍")) == ["emoji"]
    assert WhatsappReactionResource(action="unreact").emoji is None
