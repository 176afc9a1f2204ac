"""
RCS: text, media, rich cards and carousels. Suggestions, cards and options stand in ``rcs_cards``.

Reference: Messages API v1, section "rcs". ``from_`` is the registered sender id; ``ttl`` is 20 to 259,200 seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import BaseMessage, Value, build, from_url, nested, resource_of
from vonage_messages.channels.enums import ChannelType, MessageType, RcsCardOrientation
from vonage_messages.channels.rcs_cards import (
    RcsCard,
    RcsCarousel,
    RcsOptions,
    RcsOptionsCard,
    RcsOptionsCarousel,
    RcsSuggestion,
    suggestion_list,
    to_card,
    to_carousel,
    to_rcs_options,
    to_rcs_options_card,
    to_rcs_options_carousel,
    to_suggestions,
)
from vonage_messages.errors import Problem
from vonage_messages.values import JSONObject

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "gif")
VIDEO_EXTENSIONS = ("mp4", "m4v", "h263", "mpeg", "webm")
FILE_EXTENSIONS = ("pdf",)


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsResource(Value):
    """A file by its public URL. Where a message takes one, the bare URL does as well."""

    url: str = attrs.field(metadata=rules.url())


def to_rcs_resource(value: RcsResource | Mapping[str, Any] | str) -> RcsResource:
    """Build a resource from its URL or from a plain dictionary. Never raises."""
    return cast("RcsResource", build(RcsResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _RcsMessage(BaseMessage):
    """What every RCS message has, but for its options."""

    from_: str = attrs.field(metadata=rules.rcs_sender())
    ttl: int | None = attrs.field(default=None, metadata=rules.integer(20, 259200, "seconds"))
    trusted_recipient: bool | None = attrs.field(default=None, metadata=rules.boolean())
    trusted_sender: bool | None = attrs.field(default=None, metadata=rules.boolean())
    channel: str = attrs.field(default=ChannelType.RCS, metadata=rules.constant("rcs"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _RcsPlainMessage(_RcsMessage):
    """What the messages with plain options have."""

    rcs: RcsOptions | None = attrs.field(default=None, converter=to_rcs_options, metadata=nested(RcsOptions))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsText(_RcsPlainMessage):
    """
    Text of 1 to 3,072 characters, with up to eleven suggestions.

    ``RcsText(to="447700900000", from_="Acme", text="Hello")``
    """

    text: str = attrs.field(metadata=rules.text(max=3072))
    suggestions: tuple[RcsSuggestion, ...] | None = attrs.field(
        default=None, converter=to_suggestions, metadata=suggestion_list(11)
    )
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsImage(_RcsPlainMessage):
    """
    A picture (.jpg .jpeg .png .gif).

    ``RcsImage(to="447700900000", from_="Acme", image="https://example.com/cat.jpg")``
    """

    image: RcsResource = attrs.field(
        converter=to_rcs_resource, metadata=resource_of(RcsResource, rules.url(*IMAGE_EXTENSIONS))
    )
    message_type: str = attrs.field(default=MessageType.IMAGE, metadata=rules.constant("image"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsVideo(_RcsPlainMessage):
    """
    A film (.mp4 .m4v .h263 .mpeg .webm).

    ``RcsVideo(to="447700900000", from_="Acme", video="https://example.com/tour.mp4")``
    """

    video: RcsResource = attrs.field(
        converter=to_rcs_resource, metadata=resource_of(RcsResource, rules.url(*VIDEO_EXTENSIONS))
    )
    message_type: str = attrs.field(default=MessageType.VIDEO, metadata=rules.constant("video"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsFile(_RcsPlainMessage):
    """
    A PDF.

    ``RcsFile(to="447700900000", from_="Acme", file="https://example.com/terms.pdf")``
    """

    file: RcsResource = attrs.field(
        converter=to_rcs_resource, metadata=resource_of(RcsResource, rules.url(*FILE_EXTENSIONS))
    )
    message_type: str = attrs.field(default=MessageType.FILE, metadata=rules.constant("file"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsCardMessage(_RcsMessage):
    """
    One rich card.

    ``RcsCardMessage(to="447700900000", from_="Acme",
    card=RcsCard(title="Lamp", text="Warm light", media_url="https://example.com/lamp.jpg"))``

    A vertical card needs ``card.media_height``, a horizontal one ``rcs.image_alignment``.
    """

    card: RcsCard = attrs.field(converter=to_card, metadata=nested(RcsCard))
    rcs: RcsOptionsCard | None = attrs.field(
        default=None, converter=to_rcs_options_card, metadata=nested(RcsOptionsCard)
    )
    message_type: str = attrs.field(default=MessageType.CARD, metadata=rules.constant("card"))

    def _problems_across_fields(self) -> Iterable[Problem]:
        if not isinstance(self.rcs, RcsOptionsCard) or not isinstance(self.card, RcsCard):
            return
        if self.rcs.card_orientation == RcsCardOrientation.VERTICAL and self.card.media_height is None:
            yield Problem("card.media_height", "is required with card_orientation VERTICAL")


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsCarouselMessage(_RcsMessage):
    """
    Two to ten cards side by side, with up to eleven suggestions below.

    ``RcsCarouselMessage(to="447700900000", from_="Acme", carousel=RcsCarousel(cards=2 * [
    RcsCard(title="Lamp", text="Warm light", media_url="https://example.com/lamp.jpg")]))``
    """

    carousel: RcsCarousel = attrs.field(converter=to_carousel, metadata=nested(RcsCarousel))
    suggestions: tuple[RcsSuggestion, ...] | None = attrs.field(
        default=None, converter=to_suggestions, metadata=suggestion_list(11)
    )
    rcs: RcsOptionsCarousel | None = attrs.field(
        default=None, converter=to_rcs_options_carousel, metadata=nested(RcsOptionsCarousel)
    )
    message_type: str = attrs.field(default=MessageType.CAROUSEL, metadata=rules.constant("carousel"))


def to_custom(value: JSONObject) -> JSONObject:
    """Copy the custom object. Never raises."""
    return cast("JSONObject", rules.frozen_json(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class RcsCustom(_RcsPlainMessage):
    """
    An object that goes to Google's RCS Business Messaging as it is.

    ``RcsCustom(to="447700900000", from_="Acme", custom={"contentMessage": {"text": "Hello"}})``
    """

    custom: JSONObject = attrs.field(converter=to_custom, metadata=rules.json_object(), hash=False)
    message_type: str = attrs.field(default=MessageType.CUSTOM, metadata=rules.constant("custom"))
