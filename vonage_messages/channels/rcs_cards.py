"""
What RCS messages are made of: suggestions, cards, the carousel, and the ``rcs`` options.

Reference: Messages API v1, section "rcs". A suggestion has a text of 1 to 25 characters and ``postback_data``,
which comes back in the webhook when it is tapped: as ``reply.id`` for a reply, as ``button.payload`` for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Value, build, build_each, build_tagged, nested
from vonage_messages.channels.enums import (
    RcsCardOrientation,
    RcsCardWidth,
    RcsCategory,
    RcsImageAlignment,
    RcsMediaHeight,
    SuggestionType,
    UrlWebviewViewMode,
)
from vonage_messages.errors import Problem


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionBase(Value):
    """What every suggestion has. Use one of the seven classes below."""

    text: str = attrs.field(metadata=rules.text(max=25))
    postback_data: str = attrs.field(metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionReply(RcsSuggestionBase):
    """
    A reply with one tap.

    ``RcsSuggestionReply(text="Yes", postback_data="answer-yes")``
    """

    type_: str = attrs.field(default=SuggestionType.REPLY, metadata=rules.constant("reply"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionActionDial(RcsSuggestionBase):
    """
    Dial a number: E.164, with or without the plus sign.

    ``RcsSuggestionActionDial(text="Call us", postback_data="call", phone_number="+447700900000")``
    """

    phone_number: str = attrs.field(
        metadata=rules.pattern(r"\+?[1-9][0-9]{1,14}", "must be an E.164 phone number such as +447700900000")
    )
    fallback_url: str | None = attrs.field(default=None, metadata=rules.url())
    type_: str = attrs.field(default=SuggestionType.DIAL, metadata=rules.constant("dial"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionActionViewLocation(RcsSuggestionBase):
    """
    Show a place on a map; both coordinates are strings.

    ``RcsSuggestionActionViewLocation(text="Find us", postback_data="map", latitude="51.50", longitude="-0.12",
    pin_label="Our shop")``
    """

    latitude: str = attrs.field(metadata=rules.text())
    longitude: str = attrs.field(metadata=rules.text())
    pin_label: str = attrs.field(metadata=rules.text())
    fallback_url: str | None = attrs.field(default=None, metadata=rules.url())
    type_: str = attrs.field(default=SuggestionType.VIEW_LOCATION, metadata=rules.constant("view_location"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionActionShareLocation(RcsSuggestionBase):
    """
    Ask for the person's place.

    ``RcsSuggestionActionShareLocation(text="Share location", postback_data="where")``
    """

    type_: str = attrs.field(default=SuggestionType.SHARE_LOCATION, metadata=rules.constant("share_location"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionActionOpenUrl(RcsSuggestionBase):
    """
    Open a page in the browser.

    ``RcsSuggestionActionOpenUrl(text="Shop", postback_data="shop", url="https://example.com", description="Shop")``
    """

    url: str = attrs.field(metadata=rules.url())
    description: str = attrs.field(metadata=rules.text(max=500))
    type_: str = attrs.field(default=SuggestionType.OPEN_URL, metadata=rules.constant("open_url"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionActionOpenUrlWebview(RcsSuggestionBase):
    """
    Open a page inside the conversation.

    ``RcsSuggestionActionOpenUrlWebview(text="Book", postback_data="book", url="https://example.com/book",
    description="Book a table", view_mode="TALL")``
    """

    url: str = attrs.field(metadata=rules.url())
    description: str = attrs.field(metadata=rules.text(max=500))
    view_mode: str | None = attrs.field(default=None, metadata=rules.choice(UrlWebviewViewMode))
    type_: str = attrs.field(default=SuggestionType.OPEN_URL_IN_WEBVIEW, metadata=rules.constant("open_url_in_webview"))


def to_instant(value: str | datetime) -> str:
    """Write an instant as ISO 8601 text. Never raises."""
    return value.isoformat() if isinstance(value, datetime) else value


def _instant() -> rules.Metadata:
    def rule(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, str) or not _is_instant(value):
            problems.append(Problem(path, "must be an ISO 8601 date and time with its zone: 2026-12-24T18:00:00Z"))

    return {rules.RULE: rule}


def _is_instant(value: str) -> bool:
    try:
        return "T" in value.upper() and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsSuggestionActionCreateCalendarEvent(RcsSuggestionBase):
    """
    Put a date into the calendar; the instants are ISO 8601 text or aware ``datetime`` values.

    ``RcsSuggestionActionCreateCalendarEvent(text="Save", postback_data="save", start_time="2026-12-24T18:00:00Z",
    end_time="2026-12-24T20:00:00Z", title="Dinner", description="At eight")``
    """

    start_time: str = attrs.field(converter=to_instant, metadata=_instant())
    end_time: str = attrs.field(converter=to_instant, metadata=_instant())
    title: str = attrs.field(metadata=rules.text(max=100))
    description: str = attrs.field(metadata=rules.text(max=500))
    fallback_url: str | None = attrs.field(default=None, metadata=rules.url())
    type_: str = attrs.field(
        default=SuggestionType.CREATE_CALENDAR_EVENT, metadata=rules.constant("create_calendar_event")
    )


RcsSuggestion: TypeAlias = (
    RcsSuggestionReply
    | RcsSuggestionActionDial
    | RcsSuggestionActionViewLocation
    | RcsSuggestionActionShareLocation
    | RcsSuggestionActionOpenUrl
    | RcsSuggestionActionOpenUrlWebview
    | RcsSuggestionActionCreateCalendarEvent
)

_SUGGESTIONS: dict[str, type[RcsSuggestionBase]] = {
    "reply": RcsSuggestionReply,
    "dial": RcsSuggestionActionDial,
    "view_location": RcsSuggestionActionViewLocation,
    "share_location": RcsSuggestionActionShareLocation,
    "open_url": RcsSuggestionActionOpenUrl,
    "open_url_in_webview": RcsSuggestionActionOpenUrlWebview,
    "create_calendar_event": RcsSuggestionActionCreateCalendarEvent,
}


def to_suggestions(
    value: Iterable[RcsSuggestion | Mapping[str, Any]] | None,
) -> tuple[RcsSuggestion, ...] | None:
    """Build the suggestions from plain dictionaries, each by its ``type``. Never raises."""
    items = build_each(lambda item: build_tagged(_SUGGESTIONS, item), value)
    return cast("tuple[RcsSuggestion, ...] | None", items)


def suggestion_list(maximum: int) -> rules.Metadata:
    """Make the rule of a list of 1 to *maximum* suggestions."""
    return rules.array(nested(*_SUGGESTIONS.values()), max=maximum)


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsCard(Value):
    """
    A rich card: a picture, film or PDF over a title and a text, with up to four suggestions.

    ``RcsCard(title="Lamp", text="Warm light", media_url="https://example.com/lamp.jpg")``

    ``media_height`` is required when the message says ``card_orientation="VERTICAL"``. Media are cached up to 60 days
    unless ``media_force_refresh`` is true.
    """

    title: str = attrs.field(metadata=rules.text(max=200))
    text: str = attrs.field(metadata=rules.text(max=2000))
    media_url: str = attrs.field(metadata=rules.url())
    media_description: str | None = attrs.field(default=None, metadata=rules.text())
    media_height: str | None = attrs.field(default=None, metadata=rules.choice(RcsMediaHeight))
    thumbnail_url: str | None = attrs.field(default=None, metadata=rules.url())
    media_force_refresh: bool | None = attrs.field(default=None, metadata=rules.boolean())
    suggestions: tuple[RcsSuggestion, ...] | None = attrs.field(
        default=None, converter=to_suggestions, metadata=suggestion_list(4)
    )


def to_card(value: RcsCard | Mapping[str, Any]) -> RcsCard:
    """Build a card from a plain dictionary. Never raises."""
    return cast("RcsCard", build(RcsCard, value))


def to_cards(value: Iterable[RcsCard | Mapping[str, Any]]) -> tuple[RcsCard, ...]:
    """Build the cards from plain dictionaries. Never raises."""
    return cast("tuple[RcsCard, ...]", build_each(lambda item: build(RcsCard, item), value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsCarousel(Value):
    """Two to ten cards side by side, each of them vertical."""

    cards: tuple[RcsCard, ...] = attrs.field(converter=to_cards, metadata=rules.array(nested(RcsCard), min=2, max=10))


def to_carousel(value: RcsCarousel | Mapping[str, Any]) -> RcsCarousel:
    """Build a carousel from a plain dictionary. Never raises."""
    return cast("RcsCarousel", build(RcsCarousel, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsOptions(Value):
    """The ``rcs`` object of every RCS message but cards and carousels."""

    category: str | None = attrs.field(default=None, metadata=rules.choice(RcsCategory))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsOptionsCard(RcsOptions):
    """The ``rcs`` object of a single card; a horizontal one needs ``image_alignment``."""

    card_orientation: str | None = attrs.field(default=None, metadata=rules.choice(RcsCardOrientation))
    image_alignment: str | None = attrs.field(default=None, metadata=rules.choice(RcsImageAlignment))

    def _problems_across_fields(self) -> Iterable[Problem]:
        if self.card_orientation == RcsCardOrientation.HORIZONTAL and self.image_alignment is None:
            yield Problem("image_alignment", "is required with card_orientation HORIZONTAL")


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsOptionsCarousel(RcsOptions):
    """The ``rcs`` object of a carousel."""

    card_width: str | None = attrs.field(default=None, metadata=rules.choice(RcsCardWidth))


def to_rcs_options(value: RcsOptions | Mapping[str, Any] | None) -> RcsOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("RcsOptions | None", build(RcsOptions, value))


def to_rcs_options_card(value: RcsOptionsCard | Mapping[str, Any] | None) -> RcsOptionsCard | None:
    """Build the options of a card from a plain dictionary. Never raises."""
    return cast("RcsOptionsCard | None", build(RcsOptionsCard, value))


def to_rcs_options_carousel(
    value: RcsOptionsCarousel | Mapping[str, Any] | None,
) -> RcsOptionsCarousel | None:
    """Build the options of a carousel from a plain dictionary. Never raises."""
    return cast("RcsOptionsCarousel | None", build(RcsOptionsCarousel, value))
