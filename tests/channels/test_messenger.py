"""Messenger: the templates and buttons of custom objects, and what the table of fields does not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import (
    InvalidMessageError,
    MessengerButtonTemplate,
    MessengerCallButton,
    MessengerCustom,
    MessengerElement,
    MessengerGenericTemplate,
    MessengerOptions,
    MessengerPostbackButton,
    MessengerText,
    MessengerUrlButton,
)

SAMPLES = Path(__file__).parents[1] / "samples" / "v1" / "requests"
LOOK = MessengerUrlButton(title="Look", url="https://example.com/cabins/window")
BUILT = {
    "button-template": MessengerButtonTemplate(
        text="How can we help?",
        buttons=[
            MessengerUrlButton(title="Timetable", url="https://example.com/timetable"),
            MessengerCallButton(title="Call the desk", phone_number="+447700900321"),
            MessengerPostbackButton(title="Lost property", payload="lost:start"),
        ],
    ),
    "generic-template-minimal": MessengerGenericTemplate(
        elements=[{"title": "Day seat", "subtitle": "Deck 2, by the bar"}]
    ),
}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"messenger-custom-{name}.json").read_text(encoding="utf-8"))["custom"]


def paths_of(make: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize("name", BUILT)
def test_template_writes_the_json_of_the_sample(name: str) -> None:
    assert MessengerCustom(to="7064", from_="1035", custom=BUILT[name]).custom == sample(name)


def test_element_with_everything_writes_the_json_of_the_sample() -> None:
    element = MessengerElement(
        title="Cabin with a window",
        subtitle="Two berths",
        image_url="https://media.example.net/fb/window.jpg",
        default_url="https://example.com/cabins/window",
        buttons=[LOOK, MessengerPostbackButton(title="Book", payload="book:window")],
    )
    assert element.to_json() == sample("generic-template")["attachment"]["payload"]["elements"][0]


EDGES = [
    ("title", 20, lambda size: MessengerUrlButton(title="x" * size, url="https://example.com")),
    ("title", 20, lambda size: MessengerPostbackButton(title="x" * size, payload="p")),
    ("title", 20, lambda size: MessengerCallButton(title="x" * size, phone_number="+447700900000")),
    ("payload", 1000, lambda size: MessengerPostbackButton(title="Yes", payload="x" * size)),
    ("phone_number", 15, lambda size: MessengerCallButton(title="Call", phone_number="+" + "4" * size)),
    ("text", 640, lambda size: MessengerButtonTemplate(text="x" * size, buttons=[LOOK])),
    ("buttons", 3, lambda size: MessengerButtonTemplate(text="Well?", buttons=[LOOK] * size)),
    ("title", 80, lambda size: MessengerElement(title="x" * size, subtitle="s")),
    ("subtitle", 80, lambda size: MessengerElement(title="t", subtitle="x" * size)),
    ("buttons", 3, lambda size: MessengerElement(title="t", buttons=[LOOK] * size)),
    ("elements", 10, lambda size: MessengerGenericTemplate(elements=[{"title": "t", "subtitle": "s"}] * size)),
]


@pytest.mark.each(("path", "limit", "make"), EDGES, ids=[f"{path}-{limit}" for path, limit, _ in EDGES])
def test_limit_holds_at_its_edge(path: str, limit: int, make: Any) -> None:
    make(limit)
    assert paths_of(lambda: make(limit + 1)) == [path]


@pytest.mark.each(
    ("make", "path"),
    [
        (lambda: MessengerButtonTemplate(text="Well?", buttons=[]), "buttons"),
        (lambda: MessengerButtonTemplate(text="Well?", buttons=None), "buttons"),
        (lambda: MessengerButtonTemplate(text="Well?", buttons=["Yes"]), "buttons[0]"),
        (lambda: MessengerButtonTemplate(text="", buttons=[LOOK]), "text"),
        (lambda: MessengerGenericTemplate(elements=[]), "elements"),
        (lambda: MessengerGenericTemplate(elements=[{"title": "t"}]), "elements[0]"),
        (lambda: MessengerGenericTemplate(elements=[{"title": "", "subtitle": "s"}]), "elements[0].title"),
        (lambda: MessengerElement(title="t", image_url="lamp.jpg"), "image_url"),
        (lambda: MessengerElement(title="t", default_url="lamp"), "default_url"),
        (lambda: MessengerUrlButton(title="Look", url="example.com"), "url"),
        (lambda: MessengerCallButton(title="Call", phone_number="447700900000"), "phone_number"),
        (lambda: MessengerCallButton(title="Call", phone_number="+0447700900000"), "phone_number"),
        (lambda: MessengerCustom(to="7064", from_="1035", custom={}), "custom"),
        (lambda: MessengerCustom(to="7064", from_="1035", custom=None), "custom"),
        (lambda: MessengerCustom(to="7064", from_="1035", custom=LOOK), "custom"),
    ],
)
def test_fault_is_refused_at_its_path(make: Any, path: str) -> None:
    assert paths_of(make) == [path]


@pytest.mark.parametrize("category", ["response", "update", "message_tag", None])
def test_tag_is_accepted_beside_every_category(category: str | None) -> None:
    assert MessengerOptions(category=category, tag="HUMAN_AGENT").tag == "HUMAN_AGENT"


def test_tag_is_required_with_message_tag_alone() -> None:
    assert paths_of(lambda: MessengerOptions(category="message_tag")) == ["tag"]
    assert MessengerOptions(category="update").tag is None


def test_ids_of_messenger_are_left_as_they_are() -> None:
    message = MessengerText(to="7064-11 22", from_="+1035", text="Hi")
    assert (message.to, message.from_) == ("7064-11 22", "+1035")


def test_bare_template_cannot_be_written_out() -> None:
    from vonage_messages import MessengerTemplate  # noqa: PLC0415  a base that no user needs

    with pytest.raises(NotImplementedError):
        MessengerTemplate().to_json()
