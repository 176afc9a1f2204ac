"""RCS: what the table of fields does not say of cards, carousels and calendar suggestions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from vonage_messages import (
    InvalidMessageError,
    RcsCard,
    RcsCardMessage,
    RcsCarousel,
    RcsCarouselMessage,
    RcsOptionsCarousel,
    RcsSuggestionActionCreateCalendarEvent,
    RcsSuggestionActionDial,
    RcsText,
    to_payload,
)

CARD = {"title": "Lamp", "text": "Warm light", "media_url": "https://example.com/lamp.jpg"}


def card_message(card: Any = None, **options: str) -> RcsCardMessage:
    return RcsCardMessage(to="447700900000", from_="Acme", card=card or CARD, rcs=options or None)


def paths_of(make: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


def event(**changes: Any) -> RcsSuggestionActionCreateCalendarEvent:
    return RcsSuggestionActionCreateCalendarEvent(
        **{
            "text": "Save",
            "postback_data": "save",
            "start_time": "2026-12-24T18:00:00Z",
            "end_time": "2026-12-24T20:00:00Z",
            "title": "Dinner",
            "description": "At eight",
            **changes,
        }
    )


def test_height_is_required_of_a_card_that_says_it_is_vertical() -> None:
    assert paths_of(lambda: card_message(card_orientation="VERTICAL")) == ["card.media_height"]
    assert card_message({**CARD, "media_height": "TALL"}, card_orientation="VERTICAL").card.media_height == "TALL"


def test_height_is_not_required_of_a_card_that_says_no_orientation() -> None:
    assert card_message().card.media_height is None


def test_height_is_not_required_of_the_cards_of_a_carousel() -> None:
    assert len(RcsCarousel(cards=[CARD, CARD]).cards) == 2


def test_alignment_is_required_of_a_horizontal_card_alone() -> None:
    assert paths_of(lambda: card_message(card_orientation="HORIZONTAL")) == ["rcs.image_alignment"]
    assert card_message(image_alignment="LEFT").rcs is not None


def test_carousel_needs_no_options_and_they_need_no_width() -> None:
    message = RcsCarouselMessage(to="447700900000", from_="Acme", carousel={"cards": [CARD, CARD]})
    assert "rcs" not in to_payload(message)
    assert RcsOptionsCarousel().card_width is None


@pytest.mark.parametrize(("count", "accepted"), [(1, False), (2, True), (10, True), (11, False)])
def test_carousel_has_two_to_ten_cards(count: int, accepted: bool) -> None:
    if accepted:
        assert len(RcsCarousel(cards=[RcsCard(**CARD)] * count).cards) == count
    else:
        assert paths_of(lambda: RcsCarousel(cards=[CARD] * count)) == ["cards"]


def test_instant_may_be_an_aware_datetime() -> None:
    start = dt.datetime(2026, 12, 24, 18, tzinfo=dt.UTC)
    assert event(start_time=start).start_time == "2026-12-24T18:00:00+00:00"


def test_datetime_without_a_zone_is_refused() -> None:
    naive = dt.datetime(2026, 12, 24, 18)  # noqa: DTZ001  that is the point
    assert paths_of(lambda: event(start_time=naive)) == ["start_time"]


@pytest.mark.parametrize("value", ["2026-12-24T18:00:00+01:00", "2026-12-24T18:00Z", "20261224T180000Z"])
def test_instant_is_iso_8601_with_its_zone(value: str) -> None:
    assert event(end_time=value).end_time == value


@pytest.mark.parametrize("value", ["2026-12-24 18:00:00Z", "2026-12-24", "18:00Z", 5, None], ids=repr)
def test_what_is_no_instant_is_refused(value: object) -> None:
    assert paths_of(lambda: event(end_time=value)) == ["end_time"]


@pytest.mark.parametrize("number", ["+447700900000", "447700900000", "12", "+" + "1" * 15])
def test_number_to_dial_may_keep_its_plus(number: str) -> None:
    assert RcsSuggestionActionDial(text="Call", postback_data="c", phone_number=number).phone_number == number


@pytest.mark.parametrize(("count", "accepted"), [(0, False), (1, True), (11, True), (12, False)])
def test_text_has_one_to_eleven_suggestions(count: int, accepted: bool) -> None:
    suggestions = [{"type": "reply", "text": "Yes", "postback_data": "y"}] * count
    if accepted:
        assert RcsText(to="447700900000", from_="Acme", text="Hi", suggestions=suggestions).suggestions is not None
    else:
        assert paths_of(lambda: RcsText(to="447700900000", from_="Acme", text="Hi", suggestions=suggestions)) == [
            "suggestions"
        ]
