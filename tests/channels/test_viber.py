"""Viber: numbers written as strings, the caption beside a button, and the template of v0.1."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages import InvalidMessageError, ViberImage, ViberTemplate, ViberVideoOptions, to_payload

PARTIES = {"to": "447700900000", "from_": "654321"}
ACTION = {"url": "https://example.com", "text": "Go"}


def paths_of(make: Any) -> list[str]:
    with pytest.raises(InvalidMessageError) as caught:
        make()
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(("duration", "file_size"), [("1", "1"), ("600", "200"), ("0030", "05")])
def test_length_and_size_are_strings_of_digits(duration: str, file_size: str) -> None:
    options = ViberVideoOptions(duration=duration, file_size=file_size)
    assert (options.duration, options.file_size) == (duration, file_size)


def test_whole_numbers_are_written_as_strings() -> None:
    assert to_payload(ViberVideoOptions(duration=600, file_size=200)) == {"duration": "600", "file_size": "200"}


OUT_OF_RANGE = [
    "0",
    "601",
    "",
    "1.5",
    "-1",
    "+1",
    " 1",
    "1 s",
    "\u0666",
    "\uff16",
    "9" * 5000,
    0,
    601,
    1.5,
    True,
    10**5000,
]
"""Six in two other scripts is no digit here; a huge number is refused without being written out."""


@pytest.mark.each(
    "value", OUT_OF_RANGE, ids=lambda value: f"{type(value).__name__}-{str(value)[:5] if value != 10**5000 else 'huge'}"
)
def test_length_out_of_range_is_refused(value: Any) -> None:
    assert paths_of(lambda: ViberVideoOptions(duration=value, file_size="1")) == ["duration"]


def test_caption_is_required_beside_a_button_alone() -> None:
    image = {"url": "https://example.com/a.jpg"}
    assert paths_of(lambda: ViberImage(**PARTIES, image=image, viber_service={"action": ACTION})) == ["image.caption"]
    assert ViberImage(**PARTIES, image=image, viber_service={"ttl": 30}).image.caption is None
    assert ViberImage(**PARTIES, image={**image, "caption": "A"}, viber_service={"action": ACTION}).viber_service


def test_template_is_sent_over_v0_1() -> None:
    message = ViberTemplate(
        **PARTIES, template={"name": "verify", "parameters": ["Ada"]}, viber_service={"type": "template", "ttl": 60}
    )
    assert to_payload(message, "v0.1")["message"] == {
        "content": {"type": "template", "template": {"name": "verify", "parameters": ["Ada"]}},
        "viber_service_msg": {"type": "template", "ttl": 60},
    }


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"template": {}}, "template.name"),
        ({"template": {"name": "n", "parameters": []}}, "template.parameters"),
        ({"template": {"name": "n", "parameters": [5]}}, "template.parameters[0]"),
        ({"template": {"name": "n", "colour": "blue"}}, "template.colour"),
        ({"template": {"name": "n"}, "viber_service": {"ttl": 29}}, "viber_service.ttl"),
        ({"template": {"name": "n"}, "viber_service": {"ttl": 259201}}, "viber_service.ttl"),
        ({"template": {"name": "n"}, "viber_service": {"category": "news"}}, "viber_service.category"),
        ({"template": {"name": "n"}, "from_": "x" * 51}, "from"),
        ({"template": {"name": "n"}, "to": "Ada"}, "to"),
    ],
)
def test_template_is_checked_as_the_other_messages_are(changes: dict[str, Any], path: str) -> None:
    assert paths_of(lambda: ViberTemplate(**{**PARTIES, **changes})) == [path]
