"""Builders of WhatsApp custom objects: their JSON is that of the samples, their limits are checked at the edge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import (
    InvalidMessageError,
    WhatsappContact,
    WhatsappContacts,
    WhatsappCustom,
    WhatsappLocation,
    WhatsappTemplateBody,
    WhatsappTemplateComponents,
    WhatsappTemplateHeader,
    WhatsappTemplateLink,
    WhatsappTemplateQuickReply,
)

SAMPLES = Path(__file__).parents[1] / "samples" / "v1" / "requests"
IMAGE = "https://media.example.org/wa/pier.png"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"whatsapp-custom-{name}.json").read_text(encoding="utf-8"))["custom"]


def custom(value: Any) -> Any:
    return WhatsappCustom(to="447700900000", from_="447700900001", custom=value).custom


def paths_of(cls: Any, **arguments: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        cls(**arguments)
    return [problem.path for problem in caught.value.problems]


def update(header: Any) -> WhatsappTemplateComponents:
    return WhatsappTemplateComponents(name="crossing_update", language="en_GB", header=header, body=["Inês", "09:15"])


PIER = WhatsappLocation(longitude=-1.0901, latitude=50.8103, name="Gate 4", address="East Pier, Old Harbour")
BUILT = {
    "template-header-text": update({"text": "Crossing 9"}),
    "template-header-image": update(WhatsappTemplateHeader(image=IMAGE)),
    "template-header-video": update({"video": "https://media.example.org/wa/pier.mp4"}),
    "template-header-location": update({"location": PIER}),
    "template-body-named": WhatsappTemplateComponents(
        name="crossing_named", language="en_GB", body={"guest": "Inês", "departure": "09:15"}
    ),
    "template-quick-reply": WhatsappTemplateComponents(
        name="crossing_question",
        language="en_GB",
        body=["Crossing 9"],
        buttons=[
            WhatsappTemplateQuickReply(index=0, payload="keep-seat"),
            WhatsappTemplateQuickReply(index=1, payload="give-up-seat"),
        ],
    ),
    "template-url-button": WhatsappTemplateComponents(
        name="crossing_ticket",
        language="en_GB",
        body=WhatsappTemplateBody(parameters=["Crossing 9"]),
        buttons=[WhatsappTemplateLink(index=0, text="t/8812")],
    ),
    "template-every-component": WhatsappTemplateComponents(
        name="crossing_all",
        language="en_GB",
        header={"image": IMAGE},
        body=["Inês", "Fécamp", "09:15"],
        buttons=[
            WhatsappTemplateQuickReply(index=0, payload="keep-seat"),
            WhatsappTemplateLink(index=1, text="t/8812"),
        ],
    ),
    "template-authentication": WhatsappTemplateComponents.authentication(
        name="harbour_sign_in", code="604482", language="en_GB"
    ),
    "template-with-namespace": WhatsappTemplateComponents(
        name="harbour_notice", namespace="harbour_line_9f2", language="en_GB", body=["Gate 4"]
    ),
    "template-without-components": WhatsappTemplateComponents(name="harbour_notice", language="en_GB"),
    "location-named": WhatsappLocation(longitude=-8.8317, latitude=41.6918, name="Doca de recreio"),
    "contacts-minimal": WhatsappContacts(contacts=[WhatsappContact(name="Harbour Office")]),
    "contacts-full": WhatsappContacts(contacts=sample("contacts-full")["contacts"]),
}


@pytest.mark.each("name", BUILT)
def test_builder_writes_the_json_of_the_sample(name: str) -> None:
    assert custom(BUILT[name]) == sample(name)


def test_template_is_in_american_english_unless_said_otherwise() -> None:
    language = WhatsappTemplateComponents(name="verify").to_json()["template"]["language"]
    assert language == {"policy": "deterministic", "code": "en_US"}


@pytest.mark.parametrize("policy", ["fallback", None, ""])
def test_template_policy_is_deterministic_alone(policy: Any) -> None:
    assert paths_of(WhatsappTemplateComponents, name="verify", policy=policy) == ["policy"]


EDGES = [
    (lambda size: WhatsappTemplateHeader(text="x" * size), 60, "text"),
    (lambda size: WhatsappTemplateBody(parameters=["x" * size]), 1024, "parameters[0]"),
    (lambda size: WhatsappTemplateBody(named={"guest": "x" * size}), 1024, "named.guest"),
    (
        lambda size: WhatsappTemplateComponents(
            name="n", buttons=[WhatsappTemplateQuickReply(index=0, payload="p")] * size
        ),
        10,
        "buttons",
    ),
    (lambda size: WhatsappTemplateQuickReply(index=size, payload="p"), 9, "index"),
    (lambda size: WhatsappTemplateLink(index=size, text="t"), 9, "index"),
    (lambda size: WhatsappLocation(longitude=size, latitude=0), 180, "longitude"),
    (lambda size: WhatsappLocation(longitude=-size, latitude=0), 180, "longitude"),
    (lambda size: WhatsappLocation(longitude=0, latitude=size), 90, "latitude"),
    (lambda size: WhatsappLocation(longitude=0, latitude=-size), 90, "latitude"),
]


@pytest.mark.each(("make", "limit", "path"), EDGES, ids=[f"{path}-{limit}" for _, limit, path in EDGES])
def test_limit_holds_at_its_edge(make: Any, limit: int, path: str) -> None:
    make(limit)
    with pytest.raises(InvalidMessageError) as caught:
        make(limit + 1)
    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.each(
    ("cls", "arguments", "path"),
    [
        (WhatsappTemplateHeader, {}, ""),
        (WhatsappTemplateHeader, {"text": "a", "image": IMAGE}, ""),
        (WhatsappTemplateHeader, {"image": "pier.png"}, "image"),
        (WhatsappTemplateBody, {}, ""),
        (WhatsappTemplateBody, {"parameters": ["a"], "named": {"a": "b"}}, ""),
        (WhatsappTemplateBody, {"parameters": []}, "parameters"),
        (WhatsappTemplateBody, {"parameters": ["a", ""]}, "parameters[1]"),
        (WhatsappTemplateBody, {"parameters": [5]}, "parameters[0]"),
        (WhatsappTemplateBody, {"named": {}}, "named"),
        (WhatsappTemplateBody, {"named": {"": "a"}}, "named"),
        (WhatsappTemplateBody, {"named": {1: "a"}}, "named"),
        (WhatsappTemplateBody, {"named": ["a"]}, "named"),
        (WhatsappTemplateQuickReply, {"index": -1, "payload": "p"}, "index"),
        (WhatsappTemplateQuickReply, {"index": True, "payload": "p"}, "index"),
        (WhatsappTemplateQuickReply, {"index": "0", "payload": "p"}, "index"),
        (WhatsappTemplateComponents, {"name": ""}, "name"),
        (WhatsappTemplateComponents, {"name": "n", "header": {"text": "x" * 61}}, "header.text"),
        (WhatsappTemplateComponents, {"name": "n", "header": {}}, "header"),
        (WhatsappTemplateComponents, {"name": "n", "body": ["x" * 1025]}, "body.parameters[0]"),
        (WhatsappTemplateComponents, {"name": "n", "buttons": []}, "buttons"),
        (WhatsappTemplateComponents, {"name": "n", "buttons": ["Yes"]}, "buttons[0]"),
        (WhatsappLocation, {"longitude": "1", "latitude": 0}, "longitude"),
        (WhatsappLocation, {"longitude": True, "latitude": 0}, "longitude"),
        (WhatsappLocation, {"longitude": float("nan"), "latitude": 0}, "longitude"),
        (WhatsappLocation, {"longitude": 0, "latitude": 0, "address": "1 High Street"}, "name"),
        (WhatsappContacts, {"contacts": []}, "contacts"),
        (WhatsappContacts, {"contacts": [{}]}, "contacts[0].name"),
        (WhatsappContacts, {"contacts": [{"name": {"first_name": "Ada"}}]}, "contacts[0].name.formatted_name"),
        (WhatsappContact, {"name": "Ada", "birthday": "10.12.1815"}, "birthday"),
        (WhatsappContact, {"name": "Ada", "birthday": "1815-13-10"}, "birthday"),
        (WhatsappContact, {"name": "Ada", "emails": []}, "emails"),
        (WhatsappContact, {"name": "Ada", "phones": [{}]}, "phones[0].phone"),
        (WhatsappContact, {"name": "Ada", "urls": [{"url": "acme"}]}, "urls[0].url"),
        (WhatsappContact, {"name": "Ada", "addresses": [{"postal_code": "1"}]}, "addresses[0].postal_code"),
        (WhatsappContact, {"name": "Ada", "org": "Acme"}, "org"),
    ],
    ids=str,
)
def test_fault_is_refused_at_its_path(cls: Any, arguments: dict[str, Any], path: str) -> None:
    assert paths_of(cls, **arguments) == [path]


def test_latitude_that_nobody_would_read_is_refused() -> None:
    assert paths_of(WhatsappLocation, longitude=0, latitude=10**5000) == ["latitude"]


def test_birthday_is_a_date() -> None:
    assert WhatsappContact(name="Ada", birthday="1815-12-10").birthday == "1815-12-10"


def test_plain_dictionary_does_in_place_of_a_builder() -> None:
    assert custom(sample("location-named")) == sample("location-named")


def test_a_document_header_shows_its_file_name() -> None:
    header = WhatsappTemplateHeader(document="https://example.com/terms.pdf", filename="Terms.pdf")
    parameter = header.to_json()["parameters"][0]
    assert parameter == {
        "type": "document",
        "document": {"link": "https://example.com/terms.pdf", "filename": "Terms.pdf"},
    }


def test_a_file_name_goes_with_a_document_only() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        WhatsappTemplateHeader(image="https://example.com/cat.jpg", filename="cat.jpg")
    assert [problem.path for problem in caught.value.problems] == ["filename"]
