"""
Builders of WhatsApp interactive messages: buttons, lists, products, flows and the rest.

Give one to ``WhatsappCustom(custom=…)``. Reference: Messages API v1, section "custom payloads (WhatsApp)": at most 3
buttons, 10 rows over all sections, 20 characters in ``flow_cta``. The lengths of texts are Meta's platform figures,
which Vonage does not publish: header 60, body 1,024, footer 60, button 20, section and row title 24, row description
72 characters. ``flow``, ``location_request_message``, ``cta_url`` and ``catalog_message`` are Meta's forms: no sample
of Vonage's shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

import attrs

from vonage_messages.channels import rules
from vonage_messages.channels.base import Value, build, build_each, nested
from vonage_messages.channels.custom import text_object, without_none
from vonage_messages.channels.whatsapp_custom import WhatsappCustomObject
from vonage_messages.errors import Problem
from vonage_messages.values import JSONObject


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveHeader(Value):
    """
    What stands over the body: exactly one of a text, an image, a video, a document (each by its URL).

    Where a header is taken, a bare string is its text.
    """

    text: str | None = attrs.field(default=None, metadata=rules.text(max=60))
    image: str | None = attrs.field(default=None, metadata=rules.url())
    video: str | None = attrs.field(default=None, metadata=rules.url())
    document: str | None = attrs.field(default=None, metadata=rules.url())

    def _problems_across_fields(self) -> Iterable[Problem]:
        if sum(each is not None for each in (self.text, self.image, self.video, self.document)) != 1:
            yield Problem("", "exactly one of text, image, video, document must be given")

    def to_json(self) -> dict[str, Any]:
        """Write the header out."""
        if self.text is not None:
            return {"type": "text", "text": self.text}
        kind = next(each for each in ("image", "video", "document") if getattr(self, each) is not None)
        return {"type": kind, kind: {"link": getattr(self, kind)}}


def to_header(
    value: WhatsappInteractiveHeader | Mapping[str, Any] | str | None,
) -> WhatsappInteractiveHeader | None:
    """Build the header from its text or from a plain dictionary. Never raises."""
    given = {"text": value} if isinstance(value, str) else value
    return cast("WhatsappInteractiveHeader | None", build(WhatsappInteractiveHeader, given))


@attrs.frozen(kw_only=True, weakref_slot=False)
class _WhatsappInteractive(WhatsappCustomObject):
    """What every interactive message has: its kind, and a body over its action."""

    kind: ClassVar[str] = ""

    footer: str | None = attrs.field(default=None, metadata=rules.text(max=60))

    def _action(self) -> dict[str, Any]:
        raise NotImplementedError  # pragma: no cover - each kind has its own

    def to_json(self) -> dict[str, Any]:
        """Write the object out as the provider wants it."""
        header: WhatsappInteractiveHeader | None = getattr(self, "header", None)
        interactive = without_none(
            type=self.kind,
            header=header.to_json() if header is not None else None,
            body=text_object(getattr(self, "body", None)),
            footer=text_object(self.footer),
            action=self._action(),
        )
        return {"type": "interactive", "interactive": interactive}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappReplyButton(Value):
    """A button; its ``id`` comes back in the webhook as ``reply.id``. The bare title does for both."""

    id: str = attrs.field(metadata=rules.text(max=256))
    title: str = attrs.field(metadata=rules.text(max=20))


def to_reply_buttons(
    value: Iterable[WhatsappReplyButton | Mapping[str, Any] | str],
) -> tuple[WhatsappReplyButton, ...]:
    """Build the buttons from titles or plain dictionaries. Never raises."""
    return cast("tuple[WhatsappReplyButton, ...]", build_each(_to_reply_button, value))


def _to_reply_button(value: object) -> object:
    return build(WhatsappReplyButton, {"id": value, "title": value} if isinstance(value, str) else value)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveButtons(_WhatsappInteractive):
    """
    A question with one to three buttons.

    ``WhatsappInteractiveButtons(body="Will you come?", buttons=["Yes", "No"])``
    """

    kind: ClassVar[str] = "button"

    body: str = attrs.field(metadata=rules.text(max=1024))
    buttons: tuple[WhatsappReplyButton, ...] = attrs.field(
        converter=to_reply_buttons, metadata=rules.array(nested(WhatsappReplyButton), max=3)
    )
    header: WhatsappInteractiveHeader | None = attrs.field(
        default=None, converter=to_header, metadata=nested(WhatsappInteractiveHeader)
    )

    def _problems_across_fields(self) -> Iterable[Problem]:
        buttons = [each for each in _items(self.buttons) if isinstance(each, WhatsappReplyButton)]
        if len({each.id for each in buttons}) != len(buttons):
            yield Problem("buttons", "must have different ids: a reply could not be told apart")

    def _action(self) -> dict[str, Any]:
        return {"buttons": [{"type": "reply", "reply": {"id": each.id, "title": each.title}} for each in self.buttons]}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappListRow(Value):
    """A row to choose; its ``id`` comes back in the webhook as ``reply.id``."""

    id: str = attrs.field(metadata=rules.text(max=200))
    title: str = attrs.field(metadata=rules.text(max=24))
    description: str | None = attrs.field(default=None, metadata=rules.text(max=72))


def to_rows(value: Iterable[WhatsappListRow | Mapping[str, Any]]) -> tuple[WhatsappListRow, ...]:
    """Build the rows from plain dictionaries. Never raises."""
    return cast("tuple[WhatsappListRow, ...]", build_each(lambda item: build(WhatsappListRow, item), value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappListSection(Value):
    """Rows under a title, which is required when there are several sections."""

    rows: tuple[WhatsappListRow, ...] = attrs.field(converter=to_rows, metadata=rules.array(nested(WhatsappListRow)))
    title: str | None = attrs.field(default=None, metadata=rules.text(max=24))


def to_list_sections(
    value: Iterable[WhatsappListSection | Mapping[str, Any]],
) -> tuple[WhatsappListSection, ...]:
    """Build the sections from plain dictionaries. Never raises."""
    return cast("tuple[WhatsappListSection, ...]", build_each(lambda item: build(WhatsappListSection, item), value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveList(_WhatsappInteractive):
    """
    A list to choose from: up to ten rows in all.

    ``WhatsappInteractiveList(body="Which pill?", button="Choose",
    sections=[{"title": "Pills", "rows": [{"id": "red", "title": "Red"}]}])``
    """

    kind: ClassVar[str] = "list"

    body: str = attrs.field(metadata=rules.text(max=1024))
    button: str = attrs.field(metadata=rules.text(max=20))
    sections: tuple[WhatsappListSection, ...] = attrs.field(
        converter=to_list_sections, metadata=rules.array(nested(WhatsappListSection), max=10)
    )
    header: WhatsappInteractiveHeader | None = attrs.field(
        default=None, converter=to_header, metadata=nested(WhatsappInteractiveHeader)
    )

    def _problems_across_fields(self) -> Iterable[Problem]:
        sections = [each for each in _items(self.sections) if isinstance(each, WhatsappListSection)]
        rows = [row for section in sections for row in section.rows]
        if len(rows) > 10:  # noqa: PLR2004  the published limit
            yield Problem("sections", f"must have at most 10 rows in all, not {len(rows)}")
        if len({row.id for row in rows}) != len(rows):
            yield Problem("sections", "must have rows with different ids: a reply could not be told apart")
        if len(sections) > 1:
            for index, section in enumerate(sections):
                if section.title is None:
                    yield Problem(f"sections[{index}].title", "is required when there are several sections")

    def _action(self) -> dict[str, Any]:
        return {"button": self.button, "sections": [_list_section(section) for section in self.sections]}


def _list_section(section: WhatsappListSection) -> dict[str, Any]:
    rows = [without_none(id=row.id, title=row.title, description=row.description) for row in section.rows]
    return without_none(title=section.title, rows=rows)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveProduct(_WhatsappInteractive):
    """
    One product of a catalogue; it takes no header.

    ``WhatsappInteractiveProduct(catalog_id="c1", product_retailer_id="lamp", body="Look at this")``
    """

    kind: ClassVar[str] = "product"

    catalog_id: str = attrs.field(metadata=rules.text())
    product_retailer_id: str = attrs.field(metadata=rules.text())
    body: str | None = attrs.field(default=None, metadata=rules.text(max=1024))

    def _action(self) -> dict[str, Any]:
        return {"catalog_id": self.catalog_id, "product_retailer_id": self.product_retailer_id}


def to_product_ids(value: Iterable[str]) -> tuple[str, ...]:
    """Turn the product ids into a tuple. Never raises."""
    return cast("tuple[str, ...]", rules.as_tuple(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappProductSection(Value):
    """Products under a title."""

    title: str = attrs.field(metadata=rules.text(max=24))
    product_retailer_ids: tuple[str, ...] = attrs.field(
        converter=to_product_ids, metadata=rules.array(rules.text(), max=30)
    )


def to_product_sections(
    value: Iterable[WhatsappProductSection | Mapping[str, Any]],
) -> tuple[WhatsappProductSection, ...]:
    """Build the sections from plain dictionaries. Never raises."""
    items = build_each(lambda item: build(WhatsappProductSection, item), value)
    return cast("tuple[WhatsappProductSection, ...]", items)


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveProductList(_WhatsappInteractive):
    """
    Several products of a catalogue, in sections; Meta requires a text header.

    ``WhatsappInteractiveProductList(header="Lamps", body="Our best", catalog_id="c1",
    sections=[{"title": "Desk", "product_retailer_ids": ["lamp-1", "lamp-2"]}])``
    """

    kind: ClassVar[str] = "product_list"

    header: WhatsappInteractiveHeader | None = attrs.field(
        converter=to_header, metadata=nested(WhatsappInteractiveHeader)
    )
    body: str = attrs.field(metadata=rules.text(max=1024))
    catalog_id: str = attrs.field(metadata=rules.text())
    sections: tuple[WhatsappProductSection, ...] = attrs.field(
        converter=to_product_sections, metadata=rules.array(nested(WhatsappProductSection), max=10)
    )

    def _problems_across_fields(self) -> Iterable[Problem]:
        if isinstance(self.header, WhatsappInteractiveHeader) and self.header.text is None:
            yield Problem("header", "must be a text: Meta takes no other header over a list of products")

    def _action(self) -> dict[str, Any]:
        sections = [
            {
                "title": section.title,
                "product_items": [{"product_retailer_id": each} for each in section.product_retailer_ids],
            }
            for section in self.sections
        ]
        return {"catalog_id": self.catalog_id, "sections": sections}


def to_flow_payload(value: JSONObject | None) -> JSONObject | None:
    """Copy the payload. Never raises."""
    return cast("JSONObject | None", rules.frozen_json(value))


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveFlow(_WhatsappInteractive):
    """
    A form in several steps, by the id of its flow; ``flow_cta`` is the label of its button, 20 characters.

    ``WhatsappInteractiveFlow(body="Book a table", flow_id="1234", flow_cta="Book")``

    ``flow_action`` is ``navigate`` or ``data_exchange``, ``mode`` is ``draft`` or ``published``.
    """

    kind: ClassVar[str] = "flow"

    body: str = attrs.field(metadata=rules.text(max=1024))
    flow_id: str = attrs.field(metadata=rules.text())
    flow_cta: str = attrs.field(metadata=rules.text(max=20))
    flow_message_version: str = attrs.field(default="3", metadata=rules.constant("3"))
    flow_token: str | None = attrs.field(default=None, metadata=rules.text())
    mode: str | None = attrs.field(
        default=None, metadata=rules.pattern("draft|published", "must be draft or published")
    )
    flow_action: str | None = attrs.field(
        default=None, metadata=rules.pattern("navigate|data_exchange", "must be navigate or data_exchange")
    )
    flow_action_payload: JSONObject | None = attrs.field(
        default=None, converter=to_flow_payload, metadata=rules.json_object(), hash=False
    )
    header: WhatsappInteractiveHeader | None = attrs.field(
        default=None, converter=to_header, metadata=nested(WhatsappInteractiveHeader)
    )

    def _action(self) -> dict[str, Any]:
        parameters = without_none(
            flow_message_version=self.flow_message_version,
            flow_id=self.flow_id,
            flow_cta=self.flow_cta,
            flow_token=self.flow_token,
            mode=self.mode,
            flow_action=self.flow_action,
            flow_action_payload=self.flow_action_payload,
        )
        return {"name": "flow", "parameters": parameters}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveLocationRequest(_WhatsappInteractive):
    """
    Ask for the person's place.

    ``WhatsappInteractiveLocationRequest(body="Where shall we deliver?")``
    """

    kind: ClassVar[str] = "location_request_message"

    body: str = attrs.field(metadata=rules.text(max=1024))

    def _action(self) -> dict[str, Any]:
        return {"name": "send_location"}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveCtaUrl(_WhatsappInteractive):
    """
    A button that opens a page.

    ``WhatsappInteractiveCtaUrl(body="Your table is booked", display_text="See it", url="https://example.com/b/1")``
    """

    kind: ClassVar[str] = "cta_url"

    body: str = attrs.field(metadata=rules.text(max=1024))
    display_text: str = attrs.field(metadata=rules.text(max=20))
    url: str = attrs.field(metadata=rules.url())
    header: WhatsappInteractiveHeader | None = attrs.field(
        default=None, converter=to_header, metadata=nested(WhatsappInteractiveHeader)
    )

    def _action(self) -> dict[str, Any]:
        return {"name": "cta_url", "parameters": {"display_text": self.display_text, "url": self.url}}


@attrs.frozen(kw_only=True, weakref_slot=False)
class WhatsappInteractiveCatalog(_WhatsappInteractive):
    """
    The whole catalogue, behind the picture of one product.

    ``WhatsappInteractiveCatalog(body="Have a look round", thumbnail_product_retailer_id="lamp-1")``
    """

    kind: ClassVar[str] = "catalog_message"

    body: str = attrs.field(metadata=rules.text(max=1024))
    thumbnail_product_retailer_id: str | None = attrs.field(default=None, metadata=rules.text())

    def _action(self) -> dict[str, Any]:
        if self.thumbnail_product_retailer_id is None:
            return {"name": "catalog_message"}
        parameters = {"thumbnail_product_retailer_id": self.thumbnail_product_retailer_id}
        return {"name": "catalog_message", "parameters": parameters}


def _items(value: object) -> tuple[object, ...]:
    """Give the items of a field that may hold a wrong type."""
    return value if isinstance(value, tuple) else ()
