"""
What a channel has of its own: RCS cards and suggestions, and the objects that are passed on to WhatsApp, to Messenger
and to RCS. Pure; each function takes JSON that may be anything, and gives blocks.

A tap says what the person sends: ``message_type`` and ``fields`` of an inbound message. Where the reference names no
inbound type for a tap, the button sends its title as text; ``docs/inbox.md`` lists these.

Reference: Messages API v1, sections 6 (suggestions) and 7 (custom payloads); Webhooks, section 5 (inbound types).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from vonage_messages.simulator.inbox.blocks import (
    Block,
    Button,
    Buttons,
    Card,
    Carousel,
    Catalogue,
    Code,
    Contact,
    Location,
    Media,
    Menu,
    Parameter,
    Product,
    Section,
    Shelf,
    Template,
    Text,
    link_of,
    poster_of,
    runs,
)
from vonage_messages.simulator.inbox.loose import as_list, as_object, as_text, file_name, pretty

_PLACE: Final = {"lat": 51.5074, "long": -0.1278}
"""Where the person stands."""
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_MEDIA_OF_PROVIDERS: Final = {"image": "image", "video": "video", "document": "file", "audio": "audio", "file": "file"}
_BASIC = {"quantity": "1", "item_price": "10.00", "currency": "EUR"}


def map_link(latitude: str, longitude: str) -> str | None:
    """Give the address of a map; ``None`` where the coordinates are no numbers."""
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return None
    if not (abs(north) <= 90 and abs(east) <= 180):  # noqa: PLR2004  degrees
        return None
    return f"https://www.openstreetmap.org/?mlat={north}&mlon={east}#map=15/{north}/{east}"


def location(value: object) -> Iterable[Block]:
    """Draw a place; outbound and inbound name the coordinates otherwise (``longitude``; ``long``)."""
    fields = as_object(value)
    latitude = as_text(fields.get("latitude", fields.get("lat")))
    longitude = as_text(fields.get("longitude", fields.get("long")))
    if not (latitude and longitude):
        return
    yield Location(
        latitude=latitude,
        longitude=longitude,
        name=as_text(fields.get("name")),
        address=as_text(fields.get("address")),
        href=map_link(latitude, longitude),
    )


def contacts(value: object) -> Iterable[Block]:
    """Draw address cards."""
    for each in map(as_object, as_list(value)):
        name = as_object(each.get("name"))
        joined = " ".join(filter(None, (as_text(name.get("first_name")), as_text(name.get("last_name")))))
        yield Contact(
            name=as_text(name.get("formatted_name")) or joined or "No name", lines=tuple(_contact_lines(each))
        )


def _contact_lines(contact: Mapping[str, Any]) -> Iterable[str]:
    organisation = as_object(contact.get("org"))
    work = [as_text(organisation.get(key)) for key in ("title", "department", "company")]
    yield from filter(None, [", ".join(filter(None, work))])
    for key, member in (("phones", "phone"), ("emails", "email"), ("urls", "url")):
        for item in map(as_object, as_list(contact.get(key))):
            kind = as_text(item.get("type")).lower()
            yield f"{as_text(item.get(member))}{f' ({kind})' if kind else ''}"
    for address in map(as_object, as_list(contact.get("addresses"))):
        parts = [as_text(address.get(key)) for key in ("street", "zip", "postal_code", "city", "state", "country")]
        yield ", ".join(filter(None, parts))
    yield from filter(None, [as_text(contact.get("birthday"))])


def template(
    name: str, language: str, parameters: Sequence[tuple[str, object]], templates: Mapping[str, str]
) -> Template:
    """Draw a template; where its text is known, with the parameters in their places."""
    values = {key: as_text(value) for key, value in parameters}
    known = templates.get(name)
    filled = "" if known is None else _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), known)
    return Template(
        name=name,
        language=language,
        parameters=tuple(Parameter(name=key, text=text) for key, text in values.items()),
        filled=runs(filled),
    )


def suggestions(value: object) -> tuple[Button, ...]:
    """Draw the suggestions of RCS: a reply comes back as ``reply``, a tap on an action as ``button``."""
    return tuple(_suggestion(as_object(each)) for each in as_list(value))


def _suggestion(fields: Mapping[str, Any]) -> Button:
    kind, label = as_text(fields.get("type")), as_text(fields.get("text"))
    payload = as_text(fields.get("postback_data"))
    if kind == "reply":
        return Button(label=label, tap=_reply(payload, label), hint=payload)
    tap = {"message_type": "button", "fields": {"button": {"payload": payload, "text": label}}}
    href, hint = _where(kind, fields)
    return Button(label=label, icon=_SUGGESTION_ICONS.get(kind, "reply"), tap=tap, href=href, hint=hint or payload)


_SUGGESTION_ICONS: Final = {
    "dial": "phone",
    "view_location": "pin",
    "share_location": "pin",
    "open_url": "open",
    "open_url_in_webview": "open",
    "create_calendar_event": "calendar",
}


def _where(kind: str, fields: Mapping[str, Any]) -> tuple[str | None, str]:
    """Say where a tap leads, and what it does."""
    if kind in {"open_url", "open_url_in_webview"}:
        return link_of(fields.get("url")), as_text(fields.get("description"))
    if kind == "view_location":
        place = map_link(as_text(fields.get("latitude")), as_text(fields.get("longitude")))
        return place, as_text(fields.get("pin_label"))
    if kind == "dial":
        return None, as_text(fields.get("phone_number"))
    if kind == "create_calendar_event":
        return None, f"{as_text(fields.get('title'))}, {as_text(fields.get('start_time'))}"
    return None, ""


def rcs_card(card: Mapping[str, Any], options: Mapping[str, Any]) -> Card:
    """Draw a card of RCS (v1, section 6)."""
    url = as_text(card.get("media_url"))
    media = None
    if url:
        sort = _sort_by_name(file_name(url))
        media = Media(
            sort=sort,
            url=url,
            href=link_of(url),
            name=file_name(url),
            description=as_text(card.get("media_description")),
            poster=poster_of(card.get("thumbnail_url"), url),
        )
    layout = "vertical"
    if options.get("card_orientation") == "HORIZONTAL":
        layout = "right" if options.get("image_alignment") == "RIGHT" else "left"
    height = as_text(card.get("media_height")).lower()
    return Card(
        title=as_text(card.get("title")),
        text=runs(card.get("text")),
        media=media,
        buttons=suggestions(card.get("suggestions")),
        layout=layout,
        height=height if height in {"short", "medium", "tall"} else "short",
    )


def rcs_carousel(cards: Sequence[object], options: Mapping[str, Any]) -> Carousel:
    """Draw the cards of a carousel of RCS."""
    width = "small" if options.get("card_width") == "SMALL" else "medium"
    return Carousel(cards=tuple(rcs_card(as_object(card), {}) for card in cards), width=width)


def rcs_custom(custom: Mapping[str, Any]) -> Iterable[Block]:
    """Draw the object that is passed on to RCS: its text and its card, where it has the usual ones, and all of it."""
    content = as_object(custom.get("contentMessage"))
    yield from _words(content.get("text"))
    inner = as_object(as_object(as_object(content.get("richCard")).get("standaloneCard")).get("cardContent"))
    if inner:
        media = as_object(inner.get("media"))
        card = {
            "title": inner.get("title"),
            "text": inner.get("description"),
            "media_url": as_object(media.get("contentInfo")).get("fileUrl"),
            "media_height": media.get("height"),
        }
        yield rcs_card(card, {})
    yield Code(title="Passed on to RCS", source=pretty(custom))


def whatsapp_custom(custom: Mapping[str, Any], templates: Mapping[str, str]) -> Iterable[Block]:
    """Draw the object that is passed on to WhatsApp (v1, section 7)."""
    kind = as_text(custom.get("type"))
    blocks: list[Block] = []
    if kind == "template":
        blocks = list(_whatsapp_template(as_object(custom.get("template")), templates))
    elif kind == "interactive":
        blocks = list(_interactive(as_object(custom.get("interactive"))))
    elif kind == "location":
        blocks = list(location(custom.get("location")))
    elif kind == "contacts":
        blocks = list(contacts(custom.get("contacts")))
    yield from blocks or [Code(title="Passed on to WhatsApp", source=pretty(custom))]


def _whatsapp_template(fields: Mapping[str, Any], templates: Mapping[str, str]) -> Iterable[Block]:
    parameters: list[tuple[str, object]] = []
    buttons: list[Button] = []
    for component in map(as_object, as_list(fields.get("components"))):
        kind = as_text(component.get("type")).lower()
        values = [as_object(each) for each in as_list(component.get("parameters"))]
        if kind == "header":
            yield from (block for value in values for block in _header(value))
        elif kind == "body":
            parameters += [
                (as_text(value.get("parameter_name")) or str(number), value.get("text"))
                for number, value in enumerate(values, 1)
            ]
        elif kind == "button":
            buttons.append(_template_button(component, values))
    language = as_text(as_object(fields.get("language")).get("code"))
    yield template(as_text(fields.get("name")), language, parameters, templates)
    if buttons:
        yield Buttons(buttons=tuple(buttons))


def _header(fields: Mapping[str, Any]) -> Iterable[Block]:
    """Draw a header: a text, a file or a place."""
    kind = as_text(fields.get("type"))
    if kind == "location":
        yield from location(fields.get("location"))
    elif kind in _MEDIA_OF_PROVIDERS:
        yield _provider_media(kind, as_object(fields.get(kind)))
    else:
        yield from _words(fields.get("text"), "header")


def _provider_media(kind: str, fields: Mapping[str, Any]) -> Media:
    url = as_text(fields.get("link", fields.get("url")))
    return Media(
        sort=_MEDIA_OF_PROVIDERS.get(kind, "file"),
        url=url or as_text(fields.get("id")),
        href=link_of(url),
        name=as_text(fields.get("filename")) or file_name(url),
    )


def _template_button(component: Mapping[str, Any], values: Sequence[Mapping[str, Any]]) -> Button:
    """Draw a button of a template; what stands on it is known to WhatsApp alone."""
    number = as_text(component.get("index")) or "0"
    value = values[0] if values else {}
    label = f"Button {int(number) + 1}" if number.isascii() and number.isdigit() else "Button"
    if as_text(component.get("sub_type")) == "quick_reply":
        payload = as_text(value.get("payload"))
        tap = {"message_type": "button", "fields": {"button": {"payload": payload, "text": label}}}
        return Button(label=label, tap=tap, hint=payload)
    return Button(label=label, icon="open", hint=f"…/{as_text(value.get('text'))}")


def _interactive(fields: Mapping[str, Any]) -> Iterable[Block]:
    """Draw an interactive message: header, body and footer, and what its action is."""
    yield from _header(as_object(fields.get("header")))
    yield from _words(as_object(fields.get("body")).get("text"))
    yield from _words(as_object(fields.get("footer")).get("text"), "footer")
    kind = as_text(fields.get("type"))
    action = as_object(fields.get("action"))
    paint = _ACTIONS.get(kind)
    if paint is None:
        yield Code(title=kind or "interactive", source=pretty(fields))
        return
    yield from paint(action)


def _reply(identifier: str, title: str, description: str = "") -> dict[str, Any]:
    reply = {"id": identifier, "title": title}
    if description:
        reply["description"] = description
    return {"message_type": "reply", "fields": {"reply": reply}}


def _reply_buttons(action: Mapping[str, Any]) -> Iterable[Block]:
    replies = [as_object(as_object(each).get("reply")) for each in as_list(action.get("buttons"))]
    named = [(as_text(each.get("id")), as_text(each.get("title"))) for each in replies]
    yield Buttons(buttons=tuple(Button(label=title, tap=_reply(key, title), hint=key) for key, title in named))


def _menu(action: Mapping[str, Any]) -> Iterable[Block]:
    sections = []
    for section in map(as_object, as_list(action.get("sections"))):
        rows = tuple(_row(as_object(row)) for row in as_list(section.get("rows")))
        sections.append(Section(title=as_text(section.get("title")), rows=rows))
    yield Menu(label=as_text(action.get("button")) or "Choose", sections=tuple(sections))


def _row(fields: Mapping[str, Any]) -> Button:
    key, title = as_text(fields.get("id")), as_text(fields.get("title"))
    description = as_text(fields.get("description"))
    return Button(label=title, tap=_reply(key, title, description), hint=description)


def _product(action: Mapping[str, Any]) -> Iterable[Block]:
    yield _catalogue(action, [("", [action])])


def _product_list(action: Mapping[str, Any]) -> Iterable[Block]:
    sections = [as_object(each) for each in as_list(action.get("sections"))]
    yield _catalogue(action, [(as_text(each.get("title")), as_list(each.get("product_items"))) for each in sections])


def _whole_catalogue(action: Mapping[str, Any]) -> Iterable[Block]:
    shown = as_text(as_object(action.get("parameters")).get("thumbnail_product_retailer_id"))
    yield _catalogue(action, [("The whole catalogue", [{"product_retailer_id": shown}] if shown else [])])


def _catalogue(action: Mapping[str, Any], shelves: Sequence[tuple[str, Sequence[object]]]) -> Catalogue:
    identifier = as_text(action.get("catalog_id"))
    return Catalogue(
        catalogue=identifier,
        shelves=tuple(
            Shelf(title=title, products=tuple(_goods(identifier, as_object(item)) for item in items))
            for title, items in shelves
        ),
    )


def _goods(catalogue: str, item: Mapping[str, Any]) -> Product:
    name = as_text(item.get("product_retailer_id"))
    order = {"catalog_id": catalogue or "catalogue", "product_items": [{"product_retailer_id": name, **_BASIC}]}
    tap = {"message_type": "order", "fields": {"order": order}}
    return Product(name=name, order=Button(label="Order", icon="basket", tap=tap, hint="one for 10.00 EUR"))


def _flow(action: Mapping[str, Any]) -> Iterable[Block]:
    parameters = as_object(action.get("parameters"))
    answers = {"flow_token": as_text(parameters.get("flow_token")) or "unused", "answer": "yes"}
    tap = {
        "message_type": "button",
        "fields": {"button": {"payload": answers, "text": "Sent", "subtype": "flow"}},
    }
    label = as_text(parameters.get("flow_cta")) or "Open"
    hint = f"flow {as_text(parameters.get('flow_id'))}: a tap sends it filled in"
    yield Buttons(buttons=(Button(label=label, icon="form", tap=tap, hint=hint),))


def _ask_location(_action: Mapping[str, Any]) -> Iterable[Block]:
    tap = {"message_type": "location", "fields": {"location": dict(_PLACE)}}
    yield Buttons(buttons=(Button(label="Send location", icon="pin", tap=tap),))


def _call_to_action(action: Mapping[str, Any]) -> Iterable[Block]:
    parameters = as_object(action.get("parameters"))
    url = as_text(parameters.get("url"))
    yield Buttons(
        buttons=(Button(label=as_text(parameters.get("display_text")), icon="open", href=link_of(url), hint=url),)
    )


_ACTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterable[Block]]]] = {
    "button": _reply_buttons,
    "list": _menu,
    "product": _product,
    "product_list": _product_list,
    "catalog_message": _whole_catalogue,
    "flow": _flow,
    "location_request_message": _ask_location,
    "cta_url": _call_to_action,
}


def messenger_custom(custom: Mapping[str, Any]) -> Iterable[Block]:
    """Draw the object that is passed on to Messenger: its templates and quick replies, else as it came."""
    attachment = as_object(custom.get("attachment"))
    payload = as_object(attachment.get("payload"))
    blocks: list[Block] = list(_words(custom.get("text")))
    if payload.get("template_type") == "button":
        blocks += _words(payload.get("text"))
        blocks.append(Buttons(buttons=tuple(_messenger_buttons(payload.get("buttons")))))
    elif payload.get("template_type") == "generic":
        cards = [_element(as_object(each)) for each in as_list(payload.get("elements"))]
        blocks.append(cards[0] if len(cards) == 1 else Carousel(cards=tuple(cards)))
    elif as_text(attachment.get("type")) in _MEDIA_OF_PROVIDERS:
        blocks.append(_provider_media(as_text(attachment.get("type")), payload))
    quick = [as_text(as_object(each).get("title")) for each in as_list(custom.get("quick_replies"))]
    if any(quick):
        blocks.append(Buttons(buttons=tuple(_says(title) for title in quick if title)))
    yield from blocks or [Code(title="Passed on to Messenger", source=pretty(custom))]


def _messenger_buttons(value: object) -> Iterable[Button]:
    for fields in map(as_object, as_list(value)):
        kind, label = as_text(fields.get("type")), as_text(fields.get("title"))
        if kind == "web_url":
            yield Button(label=label, icon="open", href=link_of(fields.get("url")), hint=as_text(fields.get("url")))
        elif kind == "phone_number":
            yield Button(label=label, icon="phone", hint=as_text(fields.get("payload")))
        else:
            yield _says(label, as_text(fields.get("payload")))


def _says(title: str, hint: str = "") -> Button:
    """Make a button whose tap sends its title: the reference names no inbound type for taps on Messenger."""
    return Button(label=title, tap={"message_type": "text", "fields": {"text": title}}, hint=hint)


def _element(fields: Mapping[str, Any]) -> Card:
    url = as_text(fields.get("image_url"))
    media = Media(sort="image", url=url, href=link_of(url), name=file_name(url)) if url else None
    return Card(
        title=as_text(fields.get("title")),
        text=runs(fields.get("subtitle")),
        media=media,
        buttons=tuple(_messenger_buttons(fields.get("buttons"))),
    )


def line_of(block: Block) -> str:  # noqa: PLR0911  a table, by class
    """Say a block in one line."""
    match block:
        case Card():
            return block.title
        case Carousel():
            return "; ".join(card.title for card in block.cards)
        case Template():
            words = "".join(run.text for run in block.filled) or ", ".join(each.text for each in block.parameters)
            return f"{block.name}: {words}" if words else block.name
        case Contact():
            return f"Contact: {block.name}"
        case Code():
            return block.title
        case Catalogue():
            return ", ".join(product.name for shelf in block.shelves for product in shelf.products)
        case _:
            return ""


def _words(text: object, role: str = "body") -> Iterable[Block]:
    if isinstance(text, str) and text:
        yield Text(runs=runs(text), role=role)


def _sort_by_name(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    if ending == "pdf":
        return "file"
    return "video" if ending in {"mp4", "m4v", "h263", "mpeg", "mpg", "webm", "3gp"} else "image"


__all__ = [
    "Card",
    "Carousel",
    "contacts",
    "line_of",
    "location",
    "map_link",
    "messenger_custom",
    "rcs_card",
    "rcs_carousel",
    "rcs_custom",
    "suggestions",
    "template",
    "whatsapp_custom",
]
