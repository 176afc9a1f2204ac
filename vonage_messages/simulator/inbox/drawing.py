"""
What a message looks like on the phone: its payload in, frozen view values out. Pure, and never stopped by a payload.

Outbound messages of v1 and of v0.1 and what people write are read alike: a table of painters by channel and type. What
has no painter, or is not shaped as its type says, is drawn as a block of JSON. What stands inside the objects that are
passed on to WhatsApp, to Messenger and to RCS is drawn in ``providers.py``.

Reference: Messages API v1, sections 4 to 11; v0.1, section 3; Webhooks, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from vonage_messages.simulator.inbox import providers
from vonage_messages.simulator.inbox.blocks import (
    Basket,
    Block,
    Button,
    Buttons,
    Code,
    Envelope,
    Html,
    Location,
    Media,
    Reaction,
    Text,
    link_of,
    poster_of,
    runs,
)
from vonage_messages.simulator.inbox.loose import as_list, as_object, as_text, file_name, pretty
from vonage_messages.simulator.inbox.providers import contacts, rcs_card, rcs_carousel, suggestions, template

_NO_TEMPLATES: Final[Mapping[str, str]] = MappingProxyType({})
_LONGEST_PREVIEW: Final = 120
_MEDIA_TYPES: Final = ("image", "video", "audio", "file", "vcard", "sticker")
_ICONS: Final = {
    "image": "Picture",
    "video": "Video",
    "audio": "Audio",
    "file": "File",
    "vcard": "Contact card",
    "sticker": "Sticker",
}


@attrs.frozen(kw_only=True)
class Step:
    """One message of a failover chain."""

    channel: str
    message_type: str
    to: str
    preview: str


@attrs.frozen(kw_only=True)
class Drawing:
    """A message as the phone shows it."""

    blocks: tuple[Block, ...]
    suggestions: tuple[Button, ...] = ()
    """What can be tapped below the bubble, while it is the newest."""
    preview: str
    """One line."""
    quoted: str | None = None
    """The message that it answers, or reacts to."""
    failover: tuple[Step, ...] = ()
    """What is sent if this one is rejected, in order."""

    @property
    def media(self) -> tuple[Media, ...]:
        """Every file of the message, in the order of their ``index``."""
        return tuple(_media_of(self.blocks))

    @property
    def pages(self) -> tuple[Html, ...]:
        """Every part that is HTML, in the order of their ``index``."""
        return tuple(block for block in self.blocks if isinstance(block, Html))


@attrs.frozen(kw_only=True)
class _Message:
    """What a painter is given."""

    channel: str
    """As in v1."""
    message_type: str
    body: Mapping[str, Any]
    templates: Mapping[str, str]


def draw(
    payload: Mapping[str, Any],
    *,
    channel: str,
    message_type: str,
    templates: Mapping[str, str] = _NO_TEMPLATES,
) -> Drawing:
    """
    Draw a message.

    *payload* is the body of a request of v1 or of v0.1, or that of an inbound callback of v1. *templates* are the
    texts of templates by name, with ``{{1}}`` or ``{{name}}`` where a parameter belongs.
    """
    channel = "viber_service" if channel == "viber_service_msg" else channel
    body = _flat(payload)
    message = _Message(channel=channel, message_type=message_type, body=body, templates=templates)
    painter = _PAINTERS.get(f"{channel}.{message_type}") or _PAINTERS.get(message_type, _unknown)
    blocks = tuple(_numbered([*painter(message), *_viber_action(message)])) or tuple(_unknown(message))
    return Drawing(
        blocks=blocks,
        suggestions=suggestions(body.get("suggestions")) if channel == "rcs" else (),
        preview=_preview(blocks, message_type),
        quoted=as_text(as_object(body.get("context")).get("message_uuid")) or None,
        failover=tuple(_step(item) for item in as_list(payload.get("failover"))),
    )


def _flat(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the members of a message as v1 has them: v0.1 keeps them in ``message.content`` (v0.1, section 7)."""
    inner = payload.get("message")
    if not isinstance(inner, Mapping) or "content" not in inner:
        return payload
    channels = {("viber_service" if key == "viber_service_msg" else key): inner[key] for key in inner}
    return {**channels, **as_object(inner["content"])}


def _step(item: object) -> Step:
    fields = as_object(item)
    channel, message_type = as_text(fields.get("channel")), as_text(fields.get("message_type"))
    preview = draw({**fields, "failover": []}, channel=channel, message_type=message_type).preview
    return Step(channel=channel, message_type=message_type, to=as_text(fields.get("to")), preview=preview)


def _text(message: _Message) -> Iterable[Block]:
    yield from _words(message.body.get("text"))


def _words(text: object, role: str = "body") -> Iterable[Block]:
    if isinstance(text, str) and text:
        yield Text(runs=runs(text), role=role)


def _media(message: _Message) -> Iterable[Block]:
    fields = message.body.get(message.message_type)
    if isinstance(fields, Mapping):
        yield _file(message.message_type, fields, as_object(message.body.get(message.channel)))
    further = as_list(message.body.get("content"))
    yield from (_item(item) for item in further)


def _file(sort: str, fields: Mapping[str, Any], options: Mapping[str, Any]) -> Media:
    url = as_text(fields.get("url"))
    details = []
    if sort == "video" and as_text(options.get("duration")):
        details.append(f"{as_text(options.get('duration'))} s")
    if sort == "video" and as_text(options.get("file_size")):
        details.append(f"{as_text(options.get('file_size'))} MB")
    return Media(
        sort=sort,
        url=url or as_text(fields.get("id")),
        href=link_of(url),
        name=as_text(fields.get("name")) or file_name(url),
        caption=runs(fields.get("caption")),
        details=tuple(details),
        poster=poster_of(fields.get("thumb_url"), url),
    )


def _item(item: object) -> Block:
    """Draw one of several files."""
    fields = as_object(item)
    sort = as_text(fields.get("type"))
    if sort not in _MEDIA_TYPES:
        return Code(title="File", source=pretty(item))
    return _file(sort, fields, {})


def _content(message: _Message) -> Iterable[Block]:
    yield from (_item(item) for item in as_list(message.body.get("content")))


def _location(message: _Message) -> Iterable[Block]:
    yield from providers.location(message.body.get("location"))


def _template(message: _Message) -> Iterable[Block]:
    fields = as_object(message.body.get("template"))
    locale = as_text(as_object(message.body.get("whatsapp")).get("locale"))
    parameters = [(str(number), each) for number, each in enumerate(as_list(fields.get("parameters")), 1)]
    yield template(as_text(fields.get("name")), locale, parameters, message.templates)


def _reaction(message: _Message) -> Iterable[Block]:
    fields = as_object(message.body.get("reaction"))
    target = as_text(as_object(message.body.get("context")).get("message_uuid"))
    emoji = as_text(fields.get("emoji")) if fields.get("action") != "unreact" else ""
    yield Reaction(emoji=emoji, target=target)


def _card(message: _Message) -> Iterable[Block]:
    yield rcs_card(as_object(message.body.get("card")), as_object(message.body.get("rcs")))


def _carousel(message: _Message) -> Iterable[Block]:
    fields = message.body.get("carousel")
    cards = fields.get("cards") if isinstance(fields, Mapping) else fields
    yield rcs_carousel(as_list(cards), as_object(message.body.get("rcs")))


def _whatsapp_custom(message: _Message) -> Iterable[Block]:
    yield from providers.whatsapp_custom(as_object(message.body.get("custom")), message.templates)


def _messenger_custom(message: _Message) -> Iterable[Block]:
    yield from providers.messenger_custom(as_object(message.body.get("custom")))


def _rcs_custom(message: _Message) -> Iterable[Block]:
    yield from providers.rcs_custom(as_object(message.body.get("custom")))


def _reply(message: _Message) -> Iterable[Block]:
    fields = as_object(message.body.get("reply"))
    yield from _words(as_text(fields.get("title")))
    yield from _words(as_text(fields.get("description")), "note")


def _button(message: _Message) -> Iterable[Block]:
    fields = as_object(message.body.get("button"))
    yield from _words(as_text(fields.get("text")))
    if isinstance(fields.get("payload"), Mapping):
        yield Code(title="Answers of the flow", source=pretty(fields["payload"]))


def _order(message: _Message) -> Iterable[Block]:
    fields = as_object(message.body.get("order"))
    items = [as_object(item) for item in as_list(fields.get("product_items"))]
    yield Basket(
        lines=tuple(
            f"{as_text(item.get('quantity'))} x {as_text(item.get('product_retailer_id'))}, "
            f"{as_text(item.get('item_price'))} {as_text(item.get('currency'))}"
            for item in items
        ),
        catalogue=as_text(fields.get("catalog_id")),
    )


def _contacts(message: _Message) -> Iterable[Block]:
    yield from contacts(message.body.get("contacts"))


def _email(message: _Message) -> Iterable[Block]:
    settings = as_object(message.body.get("email"))
    yield Envelope(subject=as_text(settings.get("subject")), lines=tuple(_email_lines(message.body, settings)))
    if message.message_type == "text":
        yield from _words(message.body.get("text"))
    if message.message_type == "html":
        yield Html(source=as_text(as_object(message.body.get("html")).get("body")), index=0)
    if message.message_type == "content":
        for index, part in enumerate(as_list(message.body.get("content"))):
            yield from _email_part(index, as_object(part))


def _email_part(index: int, part: Mapping[str, Any]) -> Iterable[Block]:
    if part.get("type") == "html":
        yield Html(source=as_text(part.get("body")), index=index)
        return
    yield from _words(part.get("text"))


def _email_lines(body: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for label, name, address in (("From", "from_name", "from"), ("To", "to_name", "to")):
        yield label, _mailbox(as_text(settings.get(name)), as_text(body.get(address)))
    for label, key in (("Cc", "cc"), ("Bcc", "bcc")):
        copies = [as_object(each) for each in as_list(settings.get(key))]
        if copies:
            yield label, ", ".join(_mailbox(as_text(each.get("name")), as_text(each.get("address"))) for each in copies)
    for label in ("importance", "priority", "sensitivity"):
        if as_text(settings.get(label)):
            yield label.capitalize(), as_text(settings.get(label))


def _mailbox(name: str, address: str) -> str:
    return f"{name} <{address}>" if name else address


def _viber_action(message: _Message) -> Iterable[Block]:
    """Draw the button of a Viber message (v1, section 9)."""
    action = as_object(as_object(message.body.get("viber_service")).get("action"))
    if message.channel == "viber_service" and action:
        href = link_of(action.get("url"))
        button = Button(label=as_text(action.get("text")), icon="open", href=href, hint=as_text(action.get("url")))
        yield Buttons(buttons=(button,))


def _unsupported(message: _Message) -> Iterable[Block]:
    yield Text(runs=runs("A message of a kind that the channel does not hand on."), role="note")
    yield from _words(as_text(message.body.get("provider_message")), "note")


def _unknown(message: _Message) -> Iterable[Block]:
    yield Code(title=f"{message.message_type or 'message'} (as it came)", source=pretty(message.body))


_PAINTERS: Final[Mapping[str, Callable[[_Message], Iterable[Block]]]] = {
    "text": _text,
    **dict.fromkeys(_MEDIA_TYPES, _media),
    "content": _content,
    "location": _location,
    "template": _template,
    "reaction": _reaction,
    "card": _card,
    "carousel": _carousel,
    "reply": _reply,
    "button": _button,
    "order": _order,
    "contacts": _contacts,
    "unsupported": _unsupported,
    "email.text": _email,
    "email.html": _email,
    "email.content": _email,
    "whatsapp.custom": _whatsapp_custom,
    "messenger.custom": _messenger_custom,
    "rcs.custom": _rcs_custom,
}
"""By channel and type, or by type alone."""


def _numbered(blocks: Iterable[Block]) -> Iterable[Block]:
    """Number the files of a message: by its number a file is asked for."""
    number = 0
    for block in blocks:
        if isinstance(block, Media):
            yield attrs.evolve(block, index=number)
            number += 1
        elif isinstance(block, providers.Card):
            yield _numbered_card(block, number)
            number += block.media is not None
        elif isinstance(block, providers.Carousel):
            starts = [
                number + sum(card.media is not None for card in block.cards[:at]) for at in range(len(block.cards))
            ]
            cards = tuple(_numbered_card(card, start) for card, start in zip(block.cards, starts, strict=True))
            yield attrs.evolve(block, cards=cards)
            number += sum(card.media is not None for card in cards)
        else:
            yield block


def _numbered_card(card: providers.Card, number: int) -> providers.Card:
    return card if card.media is None else attrs.evolve(card, media=attrs.evolve(card.media, index=number))


def _media_of(blocks: Iterable[Block]) -> Iterable[Media]:
    for block in blocks:
        if isinstance(block, Media):
            yield block
        elif isinstance(block, providers.Card) and block.media is not None:
            yield block.media
        elif isinstance(block, providers.Carousel):
            yield from _media_of(block.cards)


def _preview(blocks: tuple[Block, ...], message_type: str) -> str:
    """Say a message in one line, for lists: by what it says, and only where it says nothing by what stands around."""
    for block in sorted(blocks, key=lambda each: isinstance(each, Text) and each.role in {"header", "footer"}):
        line = " ".join(_line(block).split())
        if line:
            return line if len(line) <= _LONGEST_PREVIEW else line[: _LONGEST_PREVIEW - 1] + "…"
    return message_type


def _line(block: Block) -> str:  # noqa: PLR0911  a table, by class
    match block:
        case Text():
            return "".join(run.text for run in block.runs)
        case Media():
            words = "".join(run.text for run in block.caption) or block.name
            return f"{_ICONS[block.sort]}: {words}" if words else _ICONS[block.sort]
        case Location():
            return f"Location: {block.name or f'{block.latitude}, {block.longitude}'}"
        case Reaction():
            return f"Reacted {block.emoji}" if block.emoji else "Took a reaction back"
        case Envelope():
            return block.subject
        case Basket():
            return f"Order: {'; '.join(block.lines)}"
        case _:
            return providers.line_of(block)
