"""
What a message looks like, as plain values: the vocabulary between ``drawing.py`` and the templates.

Every block names its ``kind``, by which a template picks the drawing. Texts are as they came and are escaped where
they are written; an address is a link only where ``link_of`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias
from urllib.parse import urlsplit

import attrs

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'\x00-\x20]+", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]}\u00bb\u201d\u2019"
_LONGEST_LINK: Final = 2048


@attrs.frozen(kw_only=True)
class Run:
    """A piece of text; with *href* it is a link."""

    text: str
    href: str | None = None


@attrs.frozen(kw_only=True)
class Text:
    """Words, with the addresses in them as links."""

    kind: ClassVar[str] = "text"
    runs: tuple[Run, ...]
    role: str = "body"
    """``body``, ``title``, ``header``, ``footer`` or ``note``."""


@attrs.frozen(kw_only=True)
class Media:
    """A file somewhere else. Nothing fetches it before somebody asks for it."""

    kind: ClassVar[str] = "media"
    sort: str
    """``image``, ``video``, ``audio``, ``file``, ``vcard`` or ``sticker``."""
    url: str
    href: str | None
    """The address where it is one of http or https, else ``None``."""
    name: str = ""
    caption: tuple[Run, ...] = ()
    description: str = ""
    """For people who do not see it."""
    details: tuple[str, ...] = ()
    """Such as how long a film lasts."""
    poster: str | None = None
    """The address of a picture that stands for a film, where it lies at the same host."""
    index: int = 0
    """Which of the files of its message, from 0."""


@attrs.frozen(kw_only=True)
class Location:
    """A place on the map."""

    kind: ClassVar[str] = "location"
    latitude: str
    longitude: str
    name: str = ""
    address: str = ""
    href: str | None = None


@attrs.frozen(kw_only=True)
class Button:
    """Something to tap: what the person then sends (*tap*), an address that it opens, or both."""

    kind: ClassVar[str] = "button"
    label: str
    icon: str = "reply"
    tap: Mapping[str, Any] | None = None
    """The ``message_type`` and the ``fields`` of what the person sends; ``None`` where the channel tells nobody."""
    href: str | None = None
    hint: str = ""


@attrs.frozen(kw_only=True)
class Buttons:
    """The buttons that belong to a bubble."""

    kind: ClassVar[str] = "buttons"
    buttons: tuple[Button, ...]


@attrs.frozen(kw_only=True)
class Section:
    """A heading and its rows."""

    title: str
    rows: tuple[Button, ...]


@attrs.frozen(kw_only=True)
class Menu:
    """A list that opens under a button."""

    kind: ClassVar[str] = "menu"
    label: str
    sections: tuple[Section, ...]


@attrs.frozen(kw_only=True)
class Card:
    """A rich card."""

    kind: ClassVar[str] = "card"
    title: str
    text: tuple[Run, ...] = ()
    media: Media | None = None
    buttons: tuple[Button, ...] = ()
    layout: str = "vertical"
    """``vertical``, ``left`` or ``right`` (where the picture of a horizontal card stands)."""
    height: str = "short"
    """``short``, ``medium`` or ``tall``."""


@attrs.frozen(kw_only=True)
class Carousel:
    """Cards beside one another."""

    kind: ClassVar[str] = "carousel"
    cards: tuple[Card, ...]
    width: str = "medium"


@attrs.frozen(kw_only=True)
class Parameter:
    """A value that a template is filled in with."""

    name: str
    """``1``, ``2`` … or the name of a named one."""
    text: str


@attrs.frozen(kw_only=True)
class Template:
    """A template: filled in where its text is known, else its name and what fills it in."""

    kind: ClassVar[str] = "template"
    name: str
    language: str
    parameters: tuple[Parameter, ...]
    filled: tuple[Run, ...] = ()


@attrs.frozen(kw_only=True)
class Product:
    """Goods out of a catalogue."""

    name: str
    order: Button


@attrs.frozen(kw_only=True)
class Shelf:
    """A heading and the goods under it."""

    title: str
    products: tuple[Product, ...]


@attrs.frozen(kw_only=True)
class Catalogue:
    """Goods, by their shelves."""

    kind: ClassVar[str] = "catalogue"
    catalogue: str
    shelves: tuple[Shelf, ...]


@attrs.frozen(kw_only=True)
class Basket:
    """What a person has ordered."""

    kind: ClassVar[str] = "basket"
    lines: tuple[str, ...]
    catalogue: str


@attrs.frozen(kw_only=True)
class Contact:
    """An address card."""

    kind: ClassVar[str] = "contact"
    name: str
    lines: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Envelope:
    """The head of an e-mail."""

    kind: ClassVar[str] = "envelope"
    subject: str
    lines: tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class Html:
    """A part of an e-mail that is a page of its own. It is shown in a frame in which nothing can run."""

    kind: ClassVar[str] = "html"
    source: str
    index: int


@attrs.frozen(kw_only=True)
class Reaction:
    """A reaction to another message; without an *emoji* it is taken back."""

    kind: ClassVar[str] = "reaction"
    emoji: str
    target: str


@attrs.frozen(kw_only=True)
class Code:
    """JSON that is passed on as it is, and everything for which there is no drawing."""

    kind: ClassVar[str] = "code"
    title: str
    source: str


Block: TypeAlias = (
    Text
    | Media
    | Location
    | Buttons
    | Menu
    | Card
    | Carousel
    | Template
    | Catalogue
    | Basket
    | Contact
    | Envelope
    | Html
    | Reaction
    | Code
)


def link_of(address: object) -> str | None:
    """Give *address* back where a browser may follow it: it is http or https, and names a host."""
    if not isinstance(address, str) or len(address) > _LONGEST_LINK or not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname)
        parts.port  # noqa: B018  raises where the port is none
    except ValueError:
        return None
    return address if named and parts.scheme in {"http", "https"} and "\\" not in address else None


def poster_of(picture: object, film: str) -> str | None:
    """Give the address of a *picture* for a *film*; ``None`` where another host than that of the film has it."""
    href = link_of(picture)
    if href is None or link_of(film) is None:
        return None
    return href if urlsplit(href)[:2] == urlsplit(film)[:2] else None


def runs(text: object) -> tuple[Run, ...]:
    """Cut *text* into words and links."""
    if not isinstance(text, str):
        return ()
    found: list[Run] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        address = match.group().rstrip(_TRAILING)
        if link_of(address) is None:
            continue
        if match.start() > end:
            found.append(Run(text=text[end : match.start()]))
        found.append(Run(text=address, href=address))
        end = match.start() + len(address)
    if end < len(text):
        found.append(Run(text=text[end:]))
    return tuple(found)
