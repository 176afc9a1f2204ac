"""
Facebook Messenger: text, media, and custom objects with templates and buttons.

Reference: Messages API v1, section "messenger"; the custom form is documented in the custom-objects guide only, its
inner shapes are Meta's. ``to`` is a page-scoped user id, ``from_`` a page id, 1 to 50 characters each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import BaseMessage, Value, build, build_each, from_url, nested, resource_of
from vonage_messages.channels.custom import CustomObject, without_none
from vonage_messages.channels.enums import ChannelType, MessageType, MessengerCategory
from vonage_messages.errors import Problem
from vonage_messages.values import JSONObject

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "gif")
AUDIO_EXTENSIONS = ("mp3",)
VIDEO_EXTENSIONS = ("mp4",)


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerOptions(Value):
    """The ``messenger`` object: outside the 24-hour window ``message_tag`` with a ``tag`` is needed."""

    category: str | None = attrs.field(default=None, metadata=rules.choice(MessengerCategory))
    tag: str | None = attrs.field(default=None, metadata=rules.text())

    def _problems_across_fields(self) -> Iterable[Problem]:
        if self.category == MessengerCategory.MESSAGE_TAG and self.tag is None:
            yield Problem("tag", "is required with category message_tag")


def to_options(value: MessengerOptions | Mapping[str, Any] | None) -> MessengerOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("MessengerOptions | None", build(MessengerOptions, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerResource(Value):
    """A file by its public URL. Where a message takes one, the bare URL does as well."""

    url: str = attrs.field(metadata=rules.url())


def to_resource(value: MessengerResource | Mapping[str, Any] | str) -> MessengerResource:
    """Build a resource from its URL or from a plain dictionary. Never raises."""
    return cast("MessengerResource", build(MessengerResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _MessengerMessage(BaseMessage):
    """What every Messenger message has."""

    to: str = attrs.field(metadata=rules.text(max=50))
    from_: str = attrs.field(metadata=rules.text(max=50))
    messenger: MessengerOptions | None = attrs.field(
        default=None, converter=to_options, metadata=nested(MessengerOptions)
    )
    channel: str = attrs.field(default=ChannelType.MESSENGER, metadata=rules.constant("messenger"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerText(_MessengerMessage):
    """
    Text of 1 to 640 characters.

    ``MessengerText(to="7064", from_="1035", text="Hello")``
    """

    text: str = attrs.field(metadata=rules.text(max=640))
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerImage(_MessengerMessage):
    """
    A picture (.jpg .jpeg .png .gif).

    ``MessengerImage(to="7064", from_="1035", image="https://example.com/cat.jpg")``
    """

    image: MessengerResource = attrs.field(
        converter=to_resource, metadata=resource_of(MessengerResource, rules.url(*IMAGE_EXTENSIONS))
    )
    message_type: str = attrs.field(default=MessageType.IMAGE, metadata=rules.constant("image"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerAudio(_MessengerMessage):
    """
    A sound (.mp3); the URL has 10 to 2,000 characters.

    ``MessengerAudio(to="7064", from_="1035", audio="https://example.com/bell.mp3")``
    """

    audio: MessengerResource = attrs.field(
        converter=to_resource,
        metadata=resource_of(MessengerResource, rules.url(*AUDIO_EXTENSIONS, min=10, max=2000)),
    )
    message_type: str = attrs.field(default=MessageType.AUDIO, metadata=rules.constant("audio"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerVideo(_MessengerMessage):
    """
    A film (.mp4, H.264 and AAC).

    ``MessengerVideo(to="7064", from_="1035", video="https://example.com/tour.mp4")``
    """

    video: MessengerResource = attrs.field(
        converter=to_resource, metadata=resource_of(MessengerResource, rules.url(*VIDEO_EXTENSIONS))
    )
    message_type: str = attrs.field(default=MessageType.VIDEO, metadata=rules.constant("video"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerFile(_MessengerMessage):
    """
    A file of nearly any type.

    ``MessengerFile(to="7064", from_="1035", file="https://example.com/terms.pdf")``
    """

    file: MessengerResource = attrs.field(converter=to_resource, metadata=nested(MessengerResource))
    message_type: str = attrs.field(default=MessageType.FILE, metadata=rules.constant("file"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerUrlButton(CustomObject):
    """
    A button that opens a page; the title has at most 20 characters (Meta).

    ``MessengerUrlButton(title="Shop", url="https://example.com")``
    """

    title: str = attrs.field(metadata=rules.text(max=20))
    url: str = attrs.field(metadata=rules.url())

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {"type": "web_url", "title": self.title, "url": self.url}


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerPostbackButton(CustomObject):
    """
    A button that sends its payload back; 1,000 characters at most (Meta).

    ``MessengerPostbackButton(title="Yes", payload="answer-yes")``
    """

    title: str = attrs.field(metadata=rules.text(max=20))
    payload: str = attrs.field(metadata=rules.text(max=1000))

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {"type": "postback", "title": self.title, "payload": self.payload}


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerCallButton(CustomObject):
    """
    A button that dials a number, which is written with its plus sign (Meta).

    ``MessengerCallButton(title="Call us", phone_number="+447700900000")``
    """

    title: str = attrs.field(metadata=rules.text(max=20))
    phone_number: str = attrs.field(
        metadata=rules.pattern(r"\+[1-9][0-9]{1,14}", "must be a phone number such as +447700900000")
    )

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {"type": "phone_number", "title": self.title, "payload": self.phone_number}


MessengerButton: TypeAlias = MessengerUrlButton | MessengerPostbackButton | MessengerCallButton

_BUTTONS = (MessengerUrlButton, MessengerPostbackButton, MessengerCallButton)


def to_buttons(value: Iterable[MessengerButton] | None) -> tuple[MessengerButton, ...] | None:
    """Turn the buttons into a tuple. Never raises."""
    return cast("tuple[MessengerButton, ...] | None", rules.as_tuple(value))


def _buttons_json(buttons: tuple[MessengerButton, ...] | None) -> list[dict[str, Any]] | None:
    return None if buttons is None else [button.to_json() for button in buttons]


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerTemplate(CustomObject):
    """The base of everything that can be a ``MessengerCustom.custom``."""

    def _payload(self) -> dict[str, Any]:
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        return {"attachment": {"type": "template", "payload": self._payload()}}


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerButtonTemplate(MessengerTemplate):
    """
    A text of at most 640 characters over one to three buttons (Meta).

    ``MessengerButtonTemplate(text="Shall we?", buttons=[MessengerPostbackButton(title="Yes", payload="yes")])``
    """

    text: str = attrs.field(metadata=rules.text(max=640))
    buttons: tuple[MessengerButton, ...] | None = attrs.field(
        converter=to_buttons, metadata=rules.array(nested(*_BUTTONS), max=3)
    )

    def _payload(self) -> dict[str, Any]:
        return {"template_type": "button", "text": self.text, "buttons": _buttons_json(self.buttons)}


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerElement(CustomObject):
    """
    A card of the generic template: a title of at most 80 characters and something beside it (Meta).

    ``MessengerElement(title="Lamp", subtitle="Warm light", image_url="https://example.com/lamp.jpg")``
    """

    title: str = attrs.field(metadata=rules.text(max=80))
    subtitle: str | None = attrs.field(default=None, metadata=rules.text(max=80))
    image_url: str | None = attrs.field(default=None, metadata=rules.url())
    default_url: str | None = attrs.field(default=None, metadata=rules.url())
    buttons: tuple[MessengerButton, ...] | None = attrs.field(
        default=None, converter=to_buttons, metadata=rules.array(nested(*_BUTTONS), max=3)
    )

    def _problems_across_fields(self) -> Iterable[Problem]:
        beside = (self.subtitle, self.image_url, self.default_url, self.buttons)
        if all(each is None for each in beside):
            yield Problem("", "a title alone is refused: add subtitle, image_url, default_url or buttons")

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        action = None if self.default_url is None else {"type": "web_url", "url": self.default_url}
        return without_none(
            title=self.title,
            subtitle=self.subtitle,
            image_url=self.image_url,
            default_action=action,
            buttons=_buttons_json(self.buttons),
        )


def to_elements(value: Iterable[MessengerElement | Mapping[str, Any]]) -> tuple[MessengerElement, ...]:
    """Build the cards from plain dictionaries. Never raises."""
    return cast("tuple[MessengerElement, ...]", build_each(lambda item: build(MessengerElement, item), value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerGenericTemplate(MessengerTemplate):
    """
    One to ten cards side by side (Meta).

    ``MessengerGenericTemplate(elements=[MessengerElement(title="Lamp", subtitle="Warm light")])``
    """

    elements: tuple[MessengerElement, ...] = attrs.field(
        converter=to_elements, metadata=rules.array(nested(MessengerElement), max=10)
    )

    def _payload(self) -> dict[str, Any]:
        return {"template_type": "generic", "elements": [element.to_json() for element in self.elements]}


def to_custom(value: JSONObject | MessengerTemplate) -> JSONObject:
    """Write a template out as JSON, or copy a plain dictionary. Never raises."""
    return cast("JSONObject", value.to_json() if isinstance(value, MessengerTemplate) else rules.frozen_json(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class MessengerCustom(_MessengerMessage):
    """
    An object that goes to Messenger as it is: a plain dictionary, or one of the templates above.

    ``MessengerCustom(to="7064", from_="1035", custom=MessengerButtonTemplate(text="Shall we?",
    buttons=[MessengerPostbackButton(title="Yes", payload="yes")]))``
    """

    custom: JSONObject = attrs.field(converter=to_custom, metadata=rules.json_object(), hash=False)
    message_type: str = attrs.field(default=MessageType.CUSTOM, metadata=rules.constant("custom"))
