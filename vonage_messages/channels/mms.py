"""
MMS: text, media and messages of several parts. United States and Canada only.

Reference: Messages API v1, section "mms". A caption has 1 to 3,000 characters; ``ttl`` is 300 to 259,200 seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import (
    BaseMessage,
    Value,
    build,
    build_each,
    build_tagged,
    from_url,
    nested,
    resource_of,
    to_number,
)
from vonage_messages.channels.enums import ChannelType, MessageType, MmsContentItemType

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "gif", "bmp")
VCARD_EXTENSIONS = ("vcf",)
AUDIO_EXTENSIONS = ("mp3", "amr", "midi", "wav", "ac3")
VIDEO_EXTENSIONS = ("mp4", "3gp", "avi", "mpg")


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsResource(Value):
    """A file by its public URL, with a caption. Where a message takes one, the bare URL does as well."""

    url: str = attrs.field(metadata=rules.url())
    caption: str | None = attrs.field(default=None, metadata=rules.text(max=3000))


def to_mms_resource(value: MmsResource | Mapping[str, Any] | str) -> MmsResource:
    """Build a resource from its URL or from a plain dictionary. Never raises."""
    return cast("MmsResource", build(MmsResource, from_url(value)))


def to_participants(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Normalise the numbers of a group. Never raises."""
    return cast("tuple[str, ...] | None", build_each(lambda each: to_number(cast("str", each)), value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsOptions(Value):
    """
    The ``mms`` object of a group conversation.

    ``participants`` are the *other* members: one request goes to each member, naming the rest, and each is billed.
    """

    participants: tuple[str, ...] | None = attrs.field(
        default=None, converter=to_participants, metadata=rules.array(rules.phone_number())
    )


def to_mms_options(value: MmsOptions | Mapping[str, Any] | None) -> MmsOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("MmsOptions | None", build(MmsOptions, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _MmsMessage(BaseMessage):
    """What every MMS has."""

    from_: str = attrs.field(converter=to_number, metadata=rules.number_or_sender(alphanumeric=False))
    ttl: int | None = attrs.field(default=None, metadata=rules.integer(300, 259200, "seconds"))
    trusted_recipient: bool | None = attrs.field(default=None, metadata=rules.boolean())
    trusted_sender: bool | None = attrs.field(default=None, metadata=rules.boolean())
    mms: MmsOptions | None = attrs.field(default=None, converter=to_mms_options, metadata=nested(MmsOptions))
    channel: str = attrs.field(default=ChannelType.MMS, metadata=rules.constant("mms"))


def _file_of(*extensions: str) -> rules.Metadata:
    """Make the rule of a resource whose file must be of a type that this message carries."""
    return resource_of(MmsResource, rules.url(*extensions))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsText(_MmsMessage):
    """
    Text over MMS; no length is published.

    ``MmsText(to="14155550101", from_="14155550100", text="Hello")``
    """

    text: str = attrs.field(metadata=rules.text())
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsImage(_MmsMessage):
    """
    A picture (.jpg .jpeg .png .gif .bmp, at most 2 MB).

    ``MmsImage(to="14155550101", from_="14155550100", image="https://example.com/cat.jpg")``
    """

    image: MmsResource = attrs.field(converter=to_mms_resource, metadata=_file_of(*IMAGE_EXTENSIONS))
    message_type: str = attrs.field(default=MessageType.IMAGE, metadata=rules.constant("image"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsVcard(_MmsMessage):
    """
    A contact card (.vcf).

    ``MmsVcard(to="14155550101", from_="14155550100", vcard="https://example.com/ada.vcf")``
    """

    vcard: MmsResource = attrs.field(converter=to_mms_resource, metadata=_file_of(*VCARD_EXTENSIONS))
    message_type: str = attrs.field(default=MessageType.VCARD, metadata=rules.constant("vcard"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsAudio(_MmsMessage):
    """
    A sound (.mp3 .amr .midi .wav .ac3, at most 2 MB; not from US short codes).

    ``MmsAudio(to="14155550101", from_="14155550100", audio="https://example.com/bell.mp3")``
    """

    audio: MmsResource = attrs.field(converter=to_mms_resource, metadata=_file_of(*AUDIO_EXTENSIONS))
    message_type: str = attrs.field(default=MessageType.AUDIO, metadata=rules.constant("audio"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsVideo(_MmsMessage):
    """
    A film (.mp4 .3gp .avi .mpg, at most 2 MB; not from US short codes).

    ``MmsVideo(to="14155550101", from_="14155550100", video="https://example.com/tour.mp4")``
    """

    video: MmsResource = attrs.field(converter=to_mms_resource, metadata=_file_of(*VIDEO_EXTENSIONS))
    message_type: str = attrs.field(default=MessageType.VIDEO, metadata=rules.constant("video"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsFile(_MmsMessage):
    """
    A file of any type.

    ``MmsFile(to="14155550101", from_="14155550100", file="https://example.com/terms.pdf")``
    """

    file: MmsResource = attrs.field(converter=to_mms_resource, metadata=nested(MmsResource))
    message_type: str = attrs.field(default=MessageType.FILE, metadata=rules.constant("file"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsContentItemImage(MmsResource):
    """A picture as one part of several."""

    type_: str = attrs.field(default=MmsContentItemType.IMAGE, metadata=rules.constant("image"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsContentItemAudio(MmsResource):
    """A sound as one part of several."""

    type_: str = attrs.field(default=MmsContentItemType.AUDIO, metadata=rules.constant("audio"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsContentItemVideo(MmsResource):
    """A film as one part of several."""

    type_: str = attrs.field(default=MmsContentItemType.VIDEO, metadata=rules.constant("video"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsContentItemFile(MmsResource):
    """A file as one part of several."""

    type_: str = attrs.field(default=MmsContentItemType.FILE, metadata=rules.constant("file"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsContentItemVcard(MmsResource):
    """A contact card as one part of several."""

    type_: str = attrs.field(default=MmsContentItemType.VCARD, metadata=rules.constant("vcard"))


MmsContentItem: TypeAlias = (
    MmsContentItemImage | MmsContentItemAudio | MmsContentItemVideo | MmsContentItemFile | MmsContentItemVcard
)

_CONTENT_ITEMS: dict[str, type[MmsResource]] = {
    "image": MmsContentItemImage,
    "audio": MmsContentItemAudio,
    "video": MmsContentItemVideo,
    "file": MmsContentItemFile,
    "vcard": MmsContentItemVcard,
}


def to_content(value: Iterable[MmsContentItem | Mapping[str, Any]]) -> tuple[MmsContentItem, ...]:
    """Build the parts from plain dictionaries, each by its ``type``. Never raises."""
    items = build_each(lambda item: build_tagged(_CONTENT_ITEMS, item), value)
    return cast("tuple[MmsContentItem, ...]", items)


@attrs.frozen(kw_only=True, weakref_slot=False)
class MmsContent(_MmsMessage):
    """
    Several files in one message.

    ``MmsContent(to="14155550101", from_="14155550100",
    content=[MmsContentItemImage(url="https://example.com/cat.jpg")])``
    """

    content: tuple[MmsContentItem, ...] = attrs.field(
        converter=to_content, metadata=rules.array(nested(*_CONTENT_ITEMS.values()))
    )
    message_type: str = attrs.field(default=MessageType.CONTENT, metadata=rules.constant("content"))
