"""
Viber Business Messages: text, picture, film, file, and the templates of v0.1.

Reference: Messages API v1, section "viber_service"; v0.1, "Content by channel". ``from_`` is the Viber service id,
1 to 50 characters; ``viber_service.ttl`` is 30 to 259,200 seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import BaseMessage, Value, build, from_url, nested
from vonage_messages.channels.enums import ChannelType, MessageType, ViberCategory
from vonage_messages.errors import Problem

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png")
FILE_EXTENSIONS = (
    *("doc", "docx", "rtf", "dot", "dotx", "odt", "odf", "fodt", "txt", "info", "pdf", "xps", "pdax", "eps"),
    *("xls", "xlsx", "ods", "fods", "csv", "xlsm", "xltx"),
)


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberAction(Value):
    """A button under a text or a picture: its URL (``viber://`` links too), and a label of 1 to 30 characters."""

    url: str = attrs.field(metadata=rules.link())
    text: str = attrs.field(metadata=rules.text(max=30))


def to_action(value: ViberAction | Mapping[str, Any] | None) -> ViberAction | None:
    """Build the button from a plain dictionary. Never raises."""
    return cast("ViberAction | None", build(ViberAction, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _ViberOptions(Value):
    """What every ``viber_service`` object has."""

    category: str | None = attrs.field(default=None, metadata=rules.choice(ViberCategory))
    ttl: int | None = attrs.field(default=None, metadata=rules.integer(30, 259200, "seconds"))
    type: str | None = attrs.field(default=None, metadata=rules.text())


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberTextOptions(_ViberOptions):
    """The ``viber_service`` object of a text."""

    action: ViberAction | None = attrs.field(default=None, converter=to_action, metadata=nested(ViberAction))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberImageOptions(_ViberOptions):
    """The ``viber_service`` object of a picture."""

    action: ViberAction | None = attrs.field(default=None, converter=to_action, metadata=nested(ViberAction))


def to_decimal_text(value: str | int) -> str:
    """Write a whole number as the string that the API wants. Never raises."""
    # Python refuses to write a number of thousands of digits, so what is far too large is left to the rule.
    writable = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9
    return str(value) if writable else cast("str", value)


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberVideoOptions(_ViberOptions):
    """The ``viber_service`` object of a film: ``duration`` in seconds (1 to 600), ``file_size`` in MB (1 to 200)."""

    duration: str = attrs.field(converter=to_decimal_text, metadata=rules.digits(1, 600, "seconds"))
    file_size: str = attrs.field(converter=to_decimal_text, metadata=rules.digits(1, 200, "MB"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberFileOptions(_ViberOptions):
    """The ``viber_service`` object of a file."""


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberTemplateOptions(_ViberOptions):
    """The ``viber_service_msg`` object of a v0.1 template."""


def to_text_options(value: ViberTextOptions | Mapping[str, Any] | None) -> ViberTextOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("ViberTextOptions | None", build(ViberTextOptions, value))


def to_image_options(value: ViberImageOptions | Mapping[str, Any] | None) -> ViberImageOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("ViberImageOptions | None", build(ViberImageOptions, value))


def to_video_options(value: ViberVideoOptions | Mapping[str, Any]) -> ViberVideoOptions:
    """Build the options from a plain dictionary. Never raises."""
    return cast("ViberVideoOptions", build(ViberVideoOptions, value))


def to_file_options(value: ViberFileOptions | Mapping[str, Any] | None) -> ViberFileOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("ViberFileOptions | None", build(ViberFileOptions, value))


def to_template_options(value: ViberTemplateOptions | Mapping[str, Any] | None) -> ViberTemplateOptions | None:
    """Build the options from a plain dictionary. Never raises."""
    return cast("ViberTemplateOptions | None", build(ViberTemplateOptions, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _ViberMessage(BaseMessage):
    """What every Viber message has, but for its options."""

    from_: str = attrs.field(metadata=rules.text(max=50))
    channel: str = attrs.field(default=ChannelType.VIBER, metadata=rules.constant("viber_service"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberText(_ViberMessage):
    """
    Text of 1 to 1,000 characters, with an optional button.

    ``ViberText(to="447700900000", from_="654321", text="Hello")``
    """

    text: str = attrs.field(metadata=rules.text(max=1000))
    viber_service: ViberTextOptions | None = attrs.field(
        default=None, converter=to_text_options, metadata=nested(ViberTextOptions)
    )
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberImageResource(Value):
    """A picture (.jpg .jpeg .png); the caption is required beside a button. The bare URL does as well."""

    url: str = attrs.field(metadata=rules.url(*IMAGE_EXTENSIONS))
    caption: str | None = attrs.field(default=None, metadata=rules.text())


def to_image(value: ViberImageResource | Mapping[str, Any] | str) -> ViberImageResource:
    """Build the picture from its URL or from a plain dictionary. Never raises."""
    return cast("ViberImageResource", build(ViberImageResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberImage(_ViberMessage):
    """
    A picture, with an optional button.

    ``ViberImage(to="447700900000", from_="654321", image="https://example.com/cat.jpg")``
    """

    image: ViberImageResource = attrs.field(converter=to_image, metadata=nested(ViberImageResource))
    viber_service: ViberImageOptions | None = attrs.field(
        default=None, converter=to_image_options, metadata=nested(ViberImageOptions)
    )
    message_type: str = attrs.field(default=MessageType.IMAGE, metadata=rules.constant("image"))

    def _problems_across_fields(self) -> Iterable[Problem]:
        has_action = getattr(self.viber_service, "action", None) is not None
        if has_action and getattr(self.image, "caption", "") is None:
            yield Problem("image.caption", "is required with viber_service.action")


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberVideoResource(Value):
    """A film with the picture that stands for it; ``thumb_url`` has at most 1,000 characters."""

    url: str = attrs.field(metadata=rules.url())
    thumb_url: str = attrs.field(metadata=rules.url(max=1000))
    caption: str | None = attrs.field(default=None, metadata=rules.text())


def to_video(value: ViberVideoResource | Mapping[str, Any]) -> ViberVideoResource:
    """Build the film from a plain dictionary. Never raises."""
    return cast("ViberVideoResource", build(ViberVideoResource, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberVideo(_ViberMessage):
    """
    A film; its length and size are required.

    ``ViberVideo(to="447700900000", from_="654321",
    video={"url": "https://example.com/tour.mp4", "thumb_url": "https://example.com/tour.jpg"},
    viber_service=ViberVideoOptions(duration="30", file_size="5"))``
    """

    video: ViberVideoResource = attrs.field(converter=to_video, metadata=nested(ViberVideoResource))
    viber_service: ViberVideoOptions = attrs.field(converter=to_video_options, metadata=nested(ViberVideoOptions))
    message_type: str = attrs.field(default=MessageType.VIDEO, metadata=rules.constant("video"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberFileResource(Value):
    """
    A document by its URL or path, with a name of at most 25 characters. The bare URL does as well.

    Without a name the URL must end in a file name with its extension.
    """

    url: str = attrs.field(metadata=rules.link(*FILE_EXTENSIONS))
    name: str | None = attrs.field(default=None, metadata=rules.text(max=25))

    def _problems_across_fields(self) -> Iterable[Problem]:
        link: object = self.url
        if self.name is None and isinstance(link, str) and link and not rules.file_extension(link):
            yield Problem("url", "must end in a file name with its extension when name is left out")


def to_file(value: ViberFileResource | Mapping[str, Any] | str) -> ViberFileResource:
    """Build the document from its URL or from a plain dictionary. Never raises."""
    return cast("ViberFileResource", build(ViberFileResource, from_url(value)))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberFile(_ViberMessage):
    """
    A document of at most 200 MB.

    ``ViberFile(to="447700900000", from_="654321", file="https://example.com/terms.pdf")``
    """

    file: ViberFileResource = attrs.field(converter=to_file, metadata=nested(ViberFileResource))
    viber_service: ViberFileOptions | None = attrs.field(
        default=None, converter=to_file_options, metadata=nested(ViberFileOptions)
    )
    message_type: str = attrs.field(default=MessageType.FILE, metadata=rules.constant("file"))


def to_parameters(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Turn the values into a tuple. Never raises."""
    return cast("tuple[str, ...] | None", rules.as_tuple(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberTemplateResource(Value):
    """An approved template by its name, with its values in order."""

    name: str = attrs.field(metadata=rules.text())
    parameters: tuple[str, ...] | None = attrs.field(
        default=None,
        converter=to_parameters,
        metadata=rules.array(rules.text()),
    )


def to_template(value: ViberTemplateResource | Mapping[str, Any]) -> ViberTemplateResource:
    """Build the template from a plain dictionary. Never raises."""
    return cast("ViberTemplateResource", build(ViberTemplateResource, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class ViberTemplate(_ViberMessage):
    """
    An approved template. API v0.1 only: v1 has no such message.

    ``ViberTemplate(to="447700900000", from_="654321", template={"name": "verify", "parameters": ["Ada", "12345"]})``
    """

    template: ViberTemplateResource = attrs.field(converter=to_template, metadata=nested(ViberTemplateResource))
    viber_service: ViberTemplateOptions | None = attrs.field(
        default=None, converter=to_template_options, metadata=nested(ViberTemplateOptions)
    )
    message_type: str = attrs.field(default=MessageType.TEMPLATE, metadata=rules.constant("template"))
