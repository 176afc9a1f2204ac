"""
WhatsApp: text, media, templates, stickers, reactions and custom objects; the builders of custom objects stand in
``whatsapp_custom``.

Reference: Messages API v1, section "whatsapp". ``to`` is a number or a business-scoped user id (BSUID), which is sent
unmodified. ``context`` quotes or answers an earlier message. Outside the 24 hours after the person's last message
only templates are delivered (error 1340).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import (
    BaseMessage,
    Refused,
    Value,
    build,
    from_url,
    nested,
    to_number,
)
from vonage_messages.channels.enums import ChannelType, MessageType, ReactionAction
from vonage_messages.channels.whatsapp_custom import WhatsappCustomObject
from vonage_messages.errors import Problem
from vonage_messages.values import JSONObject

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png")
AUDIO_EXTENSIONS = ("aac", "m4a", "amr", "mp3", "opus")
VIDEO_EXTENSIONS = ("mp4", "3gpp")
STICKER_EXTENSIONS = ("webp",)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappContext(Value):
    """The message that is quoted, answered or reacted to; 1.20 asks for no more than a string."""

    message_uuid: str = attrs.field(metadata=rules.text())


def to_context(value: WhatsappContext | Mapping[str, Any] | None) -> WhatsappContext | None:
    """Build the context from a plain dictionary. Never raises."""
    return cast("WhatsappContext | None", build(WhatsappContext, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _WhatsappMessage(BaseMessage):
    """What every WhatsApp message has."""

    to: str = attrs.field(converter=to_number, metadata=rules.whatsapp_recipient())
    from_: str = attrs.field(converter=to_number, metadata=rules.number_or_sender(alphanumeric=False))
    context: WhatsappContext | None = attrs.field(default=None, converter=to_context, metadata=nested(WhatsappContext))
    channel: str = attrs.field(default=ChannelType.WHATSAPP, metadata=rules.constant("whatsapp"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappText(_WhatsappMessage):
    """
    Text of 1 to 4,096 characters.

    ``WhatsappText(to="447700900000", from_="447700900001", text="Hello")``
    """

    text: str = attrs.field(metadata=rules.text(max=4096))
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappImageResource(Value):
    """A picture (.jpg .jpeg .png) with a caption of 1 to 3,000 characters. The bare URL does as well."""

    url: str = attrs.field(metadata=rules.url(*IMAGE_EXTENSIONS))
    caption: str | None = attrs.field(default=None, metadata=rules.text(max=3000))


def to_image(value: WhatsappImageResource | Mapping[str, Any] | str) -> WhatsappImageResource:
    """Build the picture from its URL or from a plain dictionary. Never raises."""
    return cast("WhatsappImageResource", build(WhatsappImageResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappImage(_WhatsappMessage):
    """
    A picture.

    ``WhatsappImage(to="447700900000", from_="447700900001", image="https://example.com/cat.jpg")``
    """

    image: WhatsappImageResource = attrs.field(converter=to_image, metadata=nested(WhatsappImageResource))
    message_type: str = attrs.field(default=MessageType.IMAGE, metadata=rules.constant("image"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappAudioResource(Value):
    """A sound (.aac .m4a .amr .mp3 .opus); the URL has 10 to 2,000 characters. The bare URL does as well."""

    url: str = attrs.field(metadata=rules.url(*AUDIO_EXTENSIONS, min=10, max=2000))


def to_audio(value: WhatsappAudioResource | Mapping[str, Any] | str) -> WhatsappAudioResource:
    """Build the sound from its URL or from a plain dictionary. Never raises."""
    return cast("WhatsappAudioResource", build(WhatsappAudioResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappAudio(_WhatsappMessage):
    """
    A sound.

    ``WhatsappAudio(to="447700900000", from_="447700900001", audio="https://example.com/bell.mp3")``
    """

    audio: WhatsappAudioResource = attrs.field(converter=to_audio, metadata=nested(WhatsappAudioResource))
    message_type: str = attrs.field(default=MessageType.AUDIO, metadata=rules.constant("audio"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappVideoResource(Value):
    """A film (.mp4 .3gpp; H.264 and AAC only) with a caption. The bare URL does as well."""

    url: str = attrs.field(metadata=rules.url(*VIDEO_EXTENSIONS))
    caption: str | None = attrs.field(default=None, metadata=rules.text())


def to_video(value: WhatsappVideoResource | Mapping[str, Any] | str) -> WhatsappVideoResource:
    """Build the film from its URL or from a plain dictionary. Never raises."""
    return cast("WhatsappVideoResource", build(WhatsappVideoResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappVideo(_WhatsappMessage):
    """
    A film.

    ``WhatsappVideo(to="447700900000", from_="447700900001", video="https://example.com/tour.mp4")``
    """

    video: WhatsappVideoResource = attrs.field(converter=to_video, metadata=nested(WhatsappVideoResource))
    message_type: str = attrs.field(default=MessageType.VIDEO, metadata=rules.constant("video"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappFileResource(Value):
    """
    A file of nearly any type. The bare URL does as well.

    ``name`` is the file name that is shown; without it the caption is, or what the URL gives.
    """

    url: str = attrs.field(metadata=rules.url())
    caption: str | None = attrs.field(default=None, metadata=rules.text())
    name: str | None = attrs.field(default=None, metadata=rules.text())


def to_file(value: WhatsappFileResource | Mapping[str, Any] | str) -> WhatsappFileResource:
    """Build the file from its URL or from a plain dictionary. Never raises."""
    return cast("WhatsappFileResource", build(WhatsappFileResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappFile(_WhatsappMessage):
    """
    A file.

    ``WhatsappFile(to="447700900000", from_="447700900001", file="https://example.com/terms.pdf")``
    """

    file: WhatsappFileResource = attrs.field(converter=to_file, metadata=nested(WhatsappFileResource))
    message_type: str = attrs.field(default=MessageType.FILE, metadata=rules.constant("file"))


def to_parameters(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Turn the parameters into a tuple. Never raises."""
    return cast("tuple[str, ...] | None", rules.as_tuple(value))


@attrs.frozen(kw_only=True, weakref_slot=False, init=False)
class WhatsappTemplateResource(Value):
    """
    A template by its name, with the values of ``{{1}}``, ``{{2}}`` and so on.

    ``WhatsappTemplateResource(name="order_shipped", parameters=["Ada", "AB123"])``

    Further keywords are kept in ``extra`` and sent as they are, as the official SDK does.
    """

    keeps_extra: ClassVar[bool] = True

    name: str = attrs.field(metadata=rules.text())
    parameters: tuple[str, ...] | None = attrs.field(
        default=None, converter=to_parameters, metadata=rules.array(rules.text())
    )
    extra: JSONObject | None = attrs.field(default=None, alias="_extra", metadata=rules.json_object(), hash=False)

    def __init__(
        self,
        *,
        name: str,
        parameters: Iterable[str] | None = None,
        _extra: JSONObject | None = None,  # what a copy or attrs.evolve brings; any other keyword is a key
        **extra: Any,
    ) -> None:
        given = {**(_extra or {}), **{key: value for key, value in extra.items() if value is not None}}
        kept = cast("dict[str, Any] | None", rules.frozen_json(given) if given else None)
        self.__attrs_init__(name=name, parameters=parameters, _extra=kept)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplateSettings(Value):
    """The ``whatsapp`` object of a template: its language in WhatsApp's spelling, such as ``en_GB``."""

    locale: str = attrs.field(default="en_US", metadata=rules.text())
    policy: str | None = attrs.field(default=None, metadata=rules.constant("deterministic"))


def to_template(value: WhatsappTemplateResource | Mapping[str, Any]) -> WhatsappTemplateResource:
    """Build the template from a plain dictionary. Never raises."""
    return cast("WhatsappTemplateResource", build(WhatsappTemplateResource, value))


def to_template_settings(value: WhatsappTemplateSettings | Mapping[str, Any]) -> WhatsappTemplateSettings:
    """Build the settings from a plain dictionary. Never raises."""
    return cast("WhatsappTemplateSettings", build(WhatsappTemplateSettings, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappTemplate(_WhatsappMessage):
    """
    An approved template; ``whatsapp`` defaults to the locale ``en_US``.

    ``WhatsappTemplate(to="447700900000", from_="447700900001",
    template=WhatsappTemplateResource(name="order_shipped", parameters=["Ada"]))``
    """

    template: WhatsappTemplateResource = attrs.field(converter=to_template, metadata=nested(WhatsappTemplateResource))
    whatsapp: WhatsappTemplateSettings = attrs.field(
        factory=WhatsappTemplateSettings, converter=to_template_settings, metadata=nested(WhatsappTemplateSettings)
    )
    message_type: str = attrs.field(default=MessageType.TEMPLATE, metadata=rules.constant("template"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappStickerUrl(Value):
    """A sticker (.webp) by its URL."""

    url: str = attrs.field(metadata=rules.url(*STICKER_EXTENSIONS))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappStickerId(Value):
    """A sticker by its id (deprecated by the reference)."""

    id: str = attrs.field(metadata=rules.text())


def to_sticker(
    value: WhatsappStickerUrl | WhatsappStickerId | Mapping[str, Any] | str,
) -> WhatsappStickerUrl | WhatsappStickerId:
    """Build the sticker from its URL or from a plain dictionary with one of the two keys. Never raises."""
    given = from_url(value)
    if isinstance(given, Mapping) and ("url" in given) == ("id" in given):
        return cast("WhatsappStickerUrl", Refused([Problem("", "must have exactly one of url and id")]))
    only_id = isinstance(given, Mapping) and "id" in given
    return cast("WhatsappStickerUrl", build(WhatsappStickerId if only_id else WhatsappStickerUrl, given))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappSticker(_WhatsappMessage):
    """
    A sticker, by URL or by id, never both.

    ``WhatsappSticker(to="447700900000", from_="447700900001", sticker="https://example.com/wave.webp")``
    """

    sticker: WhatsappStickerUrl | WhatsappStickerId = attrs.field(
        converter=to_sticker, metadata=nested(WhatsappStickerUrl, WhatsappStickerId)
    )
    message_type: str = attrs.field(default=MessageType.STICKER, metadata=rules.constant("sticker"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappReactionResource(Value):
    """``react`` with exactly one emoji, or ``unreact`` without one."""

    action: str = attrs.field(metadata=rules.choice(ReactionAction))
    emoji: str | None = attrs.field(default=None, metadata=rules.emoji())

    def _problems_across_fields(self) -> Iterable[Problem]:
        if self.action == ReactionAction.REACT and self.emoji is None:
            yield Problem("emoji", "is required with action react")
        if self.action == ReactionAction.UNREACT and self.emoji is not None:
            yield Problem("emoji", "must be left out with action unreact")


def to_reaction(value: WhatsappReactionResource | Mapping[str, Any]) -> WhatsappReactionResource:
    """Build the reaction from a plain dictionary. Never raises."""
    return cast("WhatsappReactionResource", build(WhatsappReactionResource, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappReaction(_WhatsappMessage):
    """
    An emoji on the message that ``context`` names (beta).

    ``WhatsappReaction(to="447700900000", from_="447700900001", context={"message_uuid": "aaaa…"},
    reaction={"action": "react", "emoji": "👍"})``
    """

    reaction: WhatsappReactionResource = attrs.field(converter=to_reaction, metadata=nested(WhatsappReactionResource))
    message_type: str = attrs.field(default=MessageType.REACTION, metadata=rules.constant("reaction"))

    def _problems_across_fields(self) -> Iterable[Problem]:
        if self.context is None:
            yield Problem("context", "is required: it names the message that is reacted to")


def to_custom(value: JSONObject | WhatsappCustomObject) -> JSONObject:
    """Write a builder out as JSON, or copy a plain dictionary. Never raises."""
    return cast("JSONObject", value.to_json() if isinstance(value, WhatsappCustomObject) else rules.frozen_json(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappCustom(_WhatsappMessage):
    """
    An object that goes to WhatsApp as it is: a plain dictionary, or one of the builders of ``whatsapp_custom``.

    ``WhatsappCustom(to="447700900000", from_="447700900001",
    custom=WhatsappLocation(longitude=-0.12, latitude=51.5, name="Our shop"))``
    """

    custom: JSONObject = attrs.field(converter=to_custom, metadata=rules.json_object(), hash=False)
    message_type: str = attrs.field(default=MessageType.CUSTOM, metadata=rules.constant("custom"))
