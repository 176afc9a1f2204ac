"""
Email (beta, new in 1.20): text, HTML, or both.

Reference: Messages API v1, section "email". ``to`` and ``from_`` are one address each, without a display name: names
go into ``email.to_name`` and ``email.from_name``. The sender's domain must be verified with Vonage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import BaseMessage, Value, build, build_each, build_tagged, nested
from vonage_messages.channels.enums import (
    ChannelType,
    EmailImportance,
    EmailPriority,
    EmailSensitivity,
    MessageType,
)


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailAddress(Value):
    """A further recipient, with a name of 1 to 100 characters. Where one is taken, the bare address does as well."""

    address: str = attrs.field(
        metadata=rules.pattern(rules.EMAIL_ADDRESS.pattern, "must be an e-mail address such as ada@example.com")
    )
    name: str | None = attrs.field(default=None, metadata=rules.text(max=100))


def to_addresses(value: Iterable[EmailAddress | Mapping[str, Any] | str] | None) -> tuple[EmailAddress, ...] | None:
    """Build the recipients from addresses or plain dictionaries. Never raises."""
    return cast("tuple[EmailAddress, ...] | None", build_each(_to_address, value))


def _to_address(value: object) -> object:
    return build(EmailAddress, {"address": value} if isinstance(value, str) else value)


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailOptions(Value):
    """The ``email`` object: the subject, names, further recipients and the three marks of urgency."""

    subject: str = attrs.field(metadata=rules.text())
    to_name: str | None = attrs.field(default=None, metadata=rules.text(max=100))
    from_name: str | None = attrs.field(default=None, metadata=rules.text(max=100))
    importance: str | None = attrs.field(default=None, metadata=rules.choice(EmailImportance))
    priority: str | None = attrs.field(default=None, metadata=rules.choice(EmailPriority))
    sensitivity: str | None = attrs.field(default=None, metadata=rules.choice(EmailSensitivity))
    cc: tuple[EmailAddress, ...] | None = attrs.field(
        default=None, converter=to_addresses, metadata=rules.array(nested(EmailAddress))
    )
    bcc: tuple[EmailAddress, ...] | None = attrs.field(
        default=None, converter=to_addresses, metadata=rules.array(nested(EmailAddress))
    )


def to_email_options(value: EmailOptions | Mapping[str, Any]) -> EmailOptions:
    """Build the options from a plain dictionary. Never raises."""
    return cast("EmailOptions", build(EmailOptions, value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _EmailMessage(BaseMessage):
    """What every email has."""

    to: str = attrs.field(metadata=rules.email_address())
    from_: str = attrs.field(metadata=rules.email_address())
    email: EmailOptions = attrs.field(converter=to_email_options, metadata=nested(EmailOptions))
    channel: str = attrs.field(default=ChannelType.EMAIL, metadata=rules.constant("email"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailText(_EmailMessage):
    """
    A plain text.

    ``EmailText(to="ada@example.com", from_="news@example.org", text="Hello", email=EmailOptions(subject="News"))``
    """

    text: str = attrs.field(metadata=rules.text())
    message_type: str = attrs.field(default=MessageType.TEXT, metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailHtmlBody(Value):
    """The ``html`` object."""

    body: str = attrs.field(metadata=rules.text())


def to_html(value: EmailHtmlBody | Mapping[str, Any] | str) -> EmailHtmlBody:
    """Build the body from its HTML text or from a plain dictionary. Never raises."""
    return cast("EmailHtmlBody", build(EmailHtmlBody, {"body": value} if isinstance(value, str) else value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailHtml(_EmailMessage):
    """
    A page of HTML.

    ``EmailHtml(to="ada@example.com", from_="news@example.org", html="<p>Hello</p>",
    email=EmailOptions(subject="News"))``
    """

    html: EmailHtmlBody = attrs.field(converter=to_html, metadata=nested(EmailHtmlBody))
    message_type: str = attrs.field(default=MessageType.HTML, metadata=rules.constant("html"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailContentText(Value):
    """The plain part of an email."""

    text: str = attrs.field(metadata=rules.text())
    type_: str = attrs.field(default="text", metadata=rules.constant("text"))


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailContentHtml(Value):
    """The HTML part of an email."""

    body: str = attrs.field(metadata=rules.text())
    type_: str = attrs.field(default="html", metadata=rules.constant("html"))


EmailContentItem: TypeAlias = EmailContentText | EmailContentHtml

_CONTENT_ITEMS: dict[str, type[Value]] = {"text": EmailContentText, "html": EmailContentHtml}


def to_content(value: Iterable[EmailContentItem | Mapping[str, Any]]) -> tuple[EmailContentItem, ...]:
    """Build the parts from plain dictionaries, each by its ``type``. Never raises."""
    items = build_each(lambda item: build_tagged(_CONTENT_ITEMS, item), value)
    return cast("tuple[EmailContentItem, ...]", items)


@attrs.frozen(kw_only=True, weakref_slot=False)
class EmailContent(_EmailMessage):
    """
    Plain and HTML parts together.

    ``EmailContent(to="ada@example.com", from_="news@example.org", email=EmailOptions(subject="News"),
    content=[EmailContentText(text="Hello"), EmailContentHtml(body="<p>Hello</p>")])``
    """

    content: tuple[EmailContentItem, ...] = attrs.field(
        converter=to_content, metadata=rules.array(nested(EmailContentText, EmailContentHtml))
    )
    message_type: str = attrs.field(default=MessageType.CONTENT, metadata=rules.constant("content"))
