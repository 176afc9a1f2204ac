"""Builders of WhatsApp interactive messages: their JSON is that of the samples, their limits hold at the edge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import (
    InvalidMessageError,
    WhatsappCustom,
    WhatsappInteractiveButtons,
    WhatsappInteractiveCatalog,
    WhatsappInteractiveCtaUrl,
    WhatsappInteractiveFlow,
    WhatsappInteractiveHeader,
    WhatsappInteractiveList,
    WhatsappInteractiveLocationRequest,
    WhatsappInteractiveProduct,
    WhatsappInteractiveProductList,
    WhatsappListSection,
    WhatsappProductSection,
    WhatsappReplyButton,
)

SAMPLES = Path(__file__).parents[1] / "samples" / "v1" / "requests"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"whatsapp-custom-interactive-{name}.json").read_text(encoding="utf-8"))["custom"]


FULL_LIST = sample("list-full")["interactive"]["action"]["sections"]
BUILT = {
    "button-minimal": WhatsappInteractiveButtons(
        body="The 09:15 is full. Keep your seat?", buttons=[WhatsappReplyButton(id="keep", title="Keep my seat")]
    ),
    "button-full": WhatsappInteractiveButtons(
        header="Harbour Line",
        body="The 09:15 is full.",
        footer="Answer by 08:00",
        buttons=[
            {"id": "keep", "title": "Keep my seat"},
            {"id": "later", "title": "A later crossing"},
            {"id": "refund", "title": "Refund"},
        ],
    ),
    "button-image-header": WhatsappInteractiveButtons(
        header=WhatsappInteractiveHeader(image="https://media.example.org/wa/pier.png"),
        body="Pier 7 is closed.",
        buttons=[{"id": "ok", "title": "Understood"}],
    ),
    "list-minimal": WhatsappInteractiveList(
        body="Pick a crossing.",
        button="Crossings",
        sections=[WhatsappListSection(title="Morning", rows=[{"id": "0915", "title": "09:15 to Fécamp"}])],
    ),
    "list-full": WhatsappInteractiveList(
        header="Harbour Line",
        body="Ten crossings tomorrow.",
        footer="Times are local",
        button="Crossings",
        sections=FULL_LIST,
    ),
    "product": WhatsappInteractiveProduct(
        body="Dry through the crossing.",
        footer="While stocks last",
        catalog_id="deck-shop",
        product_retailer_id="raincoat-m",
    ),
    "product-list": WhatsappInteractiveProductList(
        header="Deck shop",
        body="Order now, fetch on board.",
        footer="Deck 3",
        catalog_id="deck-shop",
        sections=[
            WhatsappProductSection(title="Against rain", product_retailer_ids=["raincoat-m", "umbrella-blue"]),
            {"title": "Against hunger", "product_retailer_ids": ["sandwich-leek"]},
        ],
    ),
    "flow-minimal": WhatsappInteractiveFlow(
        body="Check in for crossing 9.", flow_id="771200345", flow_cta="Check in", flow_action="data_exchange"
    ),
    "flow-full": WhatsappInteractiveFlow(
        header="Harbour Line",
        body="Check in for crossing 9.",
        footer="Takes two minutes",
        flow_token="guest-8812",
        flow_id="771200345",
        flow_cta="Check in, 2 minutes!",
        mode="draft",
        flow_action="navigate",
        flow_action_payload={"screen": "PASSENGERS", "data": {"crossing": "9", "seats": 4}},
    ),
    "cta-url": WhatsappInteractiveCtaUrl(
        header="Harbour Line",
        body="Summer crossings are out.",
        footer="From 1 June",
        display_text="Timetable",
        url="https://example.com/timetable",
    ),
    "catalog-message": WhatsappInteractiveCatalog(
        body="Everything the deck shop has.", footer="Deck 3", thumbnail_product_retailer_id="raincoat-m"
    ),
    "location-request-message": WhatsappInteractiveLocationRequest(body="Where shall the shuttle fetch you?"),
}


@pytest.mark.each("name", BUILT)
def test_builder_writes_the_json_of_the_sample(name: str) -> None:
    message = WhatsappCustom(to="447700900000", from_="447700900001", custom=BUILT[name])
    assert message.custom == sample(name)


def test_catalogue_without_a_picture_has_no_parameters() -> None:
    assert WhatsappInteractiveCatalog(body="Look").to_json()["interactive"]["action"] == {"name": "catalog_message"}


def test_bare_title_is_a_button_with_that_id() -> None:
    built = WhatsappInteractiveButtons(body="Well?", buttons=["Yes"])
    assert built.buttons == (WhatsappReplyButton(id="Yes", title="Yes"),)


@pytest.mark.parametrize("kind", ["image", "video", "document"])
def test_media_header_is_a_link(kind: str) -> None:
    header = WhatsappInteractiveHeader(**{kind: "https://example.com/file"})
    assert header.to_json() == {"type": kind, kind: {"link": "https://example.com/file"}}


def buttons(**changes: Any) -> WhatsappInteractiveButtons:
    return WhatsappInteractiveButtons(**{"body": "Well?", "buttons": ["Yes"], **changes})


def rows(count: int, prefix: str = "r", **further: str) -> list[dict[str, str]]:
    return [{"id": f"{prefix}{number}", "title": "Row", **further} for number in range(count)]


def choices(**changes: Any) -> WhatsappInteractiveList:
    return WhatsappInteractiveList(**{"body": "Well?", "button": "Choose", "sections": [{"rows": rows(1)}], **changes})


def products(**changes: Any) -> WhatsappInteractiveProductList:
    sections = [{"title": "Desk", "product_retailer_ids": ["lamp"]}]
    return WhatsappInteractiveProductList(
        **{"header": "Lamps", "body": "Look", "catalog_id": "c1", "sections": sections, **changes}
    )


def flow(**changes: Any) -> WhatsappInteractiveFlow:
    return WhatsappInteractiveFlow(**{"body": "Book", "flow_id": "1", "flow_cta": "Book", **changes})


EDGES = [
    ("body", 1024, lambda size: buttons(body="x" * size)),
    ("header.text", 60, lambda size: buttons(header="x" * size)),
    ("footer", 60, lambda size: buttons(footer="x" * size)),
    ("buttons", 3, lambda size: buttons(buttons=[str(number) for number in range(size)])),
    ("buttons[0].title", 20, lambda size: buttons(buttons=[{"id": "a", "title": "x" * size}])),
    ("buttons[0].id", 256, lambda size: buttons(buttons=[{"id": "x" * size, "title": "a"}])),
    ("body", 1024, lambda size: choices(body="x" * size)),
    ("button", 20, lambda size: choices(button="x" * size)),
    ("sections", 10, lambda size: choices(sections=[{"rows": rows(size)}])),
    ("sections[0].title", 24, lambda size: choices(sections=[{"title": "x" * size, "rows": rows(1)}])),
    ("sections[0].rows[0].title", 24, lambda size: choices(sections=[{"rows": [{"id": "a", "title": "x" * size}]}])),
    ("sections[0].rows[0].id", 200, lambda size: choices(sections=[{"rows": [{"id": "x" * size, "title": "a"}]}])),
    ("sections[0].rows[0].description", 72, lambda size: choices(sections=[{"rows": rows(1, description="x" * size)}])),
    ("header.text", 60, lambda size: products(header="x" * size)),
    (
        "sections",
        10,
        lambda size: products(sections=[{"title": "Desk", "product_retailer_ids": ["lamp"]}] * size),
    ),
    (
        "sections[0].product_retailer_ids",
        30,
        lambda size: products(sections=[{"title": "Desk", "product_retailer_ids": ["lamp"] * size}]),
    ),
    ("flow_cta", 20, lambda size: flow(flow_cta="x" * size)),
    (
        "display_text",
        20,
        lambda size: WhatsappInteractiveCtaUrl(body="Look", display_text="x" * size, url="https://example.com"),
    ),
]


@pytest.mark.each(("path", "limit", "make"), EDGES, ids=[f"{path}-{limit}" for path, limit, _ in EDGES])
def test_limit_holds_at_its_edge(path: str, limit: int, make: Any) -> None:
    make(limit)
    with pytest.raises(InvalidMessageError) as caught:
        make(limit + 1)
    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.each(
    ("make", "path"),
    [
        (lambda: buttons(buttons=[]), "buttons"),
        (lambda: buttons(buttons=["Yes", "Yes"]), "buttons"),
        (lambda: buttons(buttons="Yes"), "buttons"),
        (lambda: buttons(body=""), "body"),
        (lambda: buttons(header={}), "header"),
        (lambda: buttons(header={"text": "a", "image": "https://example.com/a"}), "header"),
        (lambda: choices(sections=[]), "sections"),
        (lambda: choices(sections=[{"rows": []}]), "sections[0].rows"),
        (lambda: choices(sections=[{"rows": rows(2)}, {"title": "B", "rows": rows(1, "b")}]), "sections[0].title"),
        (lambda: choices(sections=[{"title": "A", "rows": rows(1)}, {"title": "B", "rows": rows(1)}]), "sections"),
        (
            lambda: choices(sections=[{"title": "A", "rows": rows(6)}, {"title": "B", "rows": rows(5, "b")}]),
            "sections",
        ),
        (lambda: products(header={"image": "https://example.com/a"}), "header"),
        (lambda: products(header=None), "header"),
        (lambda: products(sections=[]), "sections"),
        (lambda: products(sections=[{"product_retailer_ids": ["lamp"]}]), "sections[0].title"),
        (lambda: products(sections=[{"title": "A", "product_retailer_ids": []}]), "sections[0].product_retailer_ids"),
        (lambda: flow(flow_message_version="4"), "flow_message_version"),
        (lambda: flow(mode="live"), "mode"),
        (lambda: flow(flow_action="open"), "flow_action"),
        (lambda: flow(flow_action_payload={}), "flow_action_payload"),
        (lambda: flow(flow_action_payload=["a"]), "flow_action_payload"),
        (lambda: WhatsappInteractiveCtaUrl(body="Look", display_text="See", url="example.com"), "url"),
        (lambda: WhatsappInteractiveProduct(catalog_id="", product_retailer_id="lamp"), "catalog_id"),
        (lambda: WhatsappInteractiveLocationRequest(body="x" * 1025), "body"),
        (lambda: WhatsappInteractiveCatalog(body="x" * 1025), "body"),
    ],
)
def test_fault_is_refused_at_its_path(make: Any, path: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    assert [problem.path for problem in caught.value.problems] == [path]


def test_product_takes_no_header() -> None:
    with pytest.raises(TypeError, match="header"):
        WhatsappInteractiveProduct(catalog_id="c1", product_retailer_id="lamp", header="Lamp")
