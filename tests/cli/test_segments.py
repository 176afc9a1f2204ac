"""``segments``: the parts of a text, what forces UCS-2, and what would keep it in GSM-7."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vonage_messages.cli.application import application
from vonage_messages.segmentation import segments


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(application, ["segments", *arguments], input=stdin)


def shown(*arguments: str, stdin: str | bytes | None = None) -> str:
    result = run(*arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def as_json(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(shown("--json", *arguments, stdin=stdin))
    return decoded


@pytest.mark.parametrize("text", ["Hello", "a" * 161, "я" * 71, "", "ça €"])
def test_json_holds_what_the_library_counts(text: str) -> None:
    counted = as_json(text)
    assert counted.pop("replacements") == []
    forcing = tuple(counted.pop("forcing_characters"))
    assert {**counted, "forcing_characters": forcing} == {
        name: getattr(segments(text), name) for name in type(segments(text)).__slots__
    }


def test_standard_input_loses_its_last_line_end_and_no_other() -> None:
    assert as_json("-", stdin="Hello\n\n")["units"] == 6
    assert as_json("-", stdin="Hello\r\n")["units"] == 5
    assert as_json("-", stdin="\ufeffHello")["units"] == 5


def test_each_forcing_character_is_named_with_its_plain_form() -> None:
    lines = shown("ça \u2013\u200bcafe\u0301").splitlines()
    assert lines[:4] == [
        "encoding   UCS-2",
        "parts      1",
        "length     10 code units, 70 to a part",
        "room left  60 code units",
    ]
    assert lines[4:] == [
        "forced by  ç  U+00E7 LATIN SMALL LETTER C WITH CEDILLA",
        "           \u2013  U+2013 EN DASH, or -",
        "           \\u200b  U+200B ZERO WIDTH SPACE, or nothing",
        "           \u0301  U+0301 COMBINING ACUTE ACCENT, or é",
    ]


def test_many_forcing_characters_are_counted() -> None:
    text = "".join(map(chr, range(0x430, 0x430 + 25)))
    assert shown(text).splitlines()[-1] == "           and 15 more"


def test_replacing_is_offered_where_it_helps_and_done_where_it_is_asked_for() -> None:
    text = "a" * 100 + "\u2019s"
    assert shown(text).splitlines()[-1] == "With --replace it is GSM-7, in 1 part."
    assert "With --replace" not in shown(text, "--encoding", "unicode")
    assert "With --replace" not in shown(text + "ç")
    assert shown(text, "--replace").splitlines()[-1] == "text       " + "a" * 100 + "'s"
    replaced = as_json(text, "--replace")
    assert (replaced["encoding"], replaced["text"], replaced["replacements"]) == ("GSM-7", "a" * 100 + "'s", [])
    assert as_json(text)["replacements"] == [{"character": "\u2019", "replacement": "'", "positions": [100]}]


def test_encoding_may_be_forced() -> None:
    assert as_json("Hello", "--encoding", "unicode")["encoding"] == "UCS-2"
    assert as_json("ç", "--encoding", "text")["encoding"] == "GSM-7"


def test_a_text_that_the_platform_would_refuse_is_told_of() -> None:
    assert shown("a" * 3201).splitlines()[-1] == "It has 3201 characters: the platform takes 3200."
    assert "the platform takes" not in shown("a" * 3200)


def test_no_control_character_reaches_the_terminal() -> None:
    assert "\x1b" not in shown("\x1b[2J", "--replace")


@pytest.mark.parametrize(
    ("stdin", "sentence"), [(b"\xff", "is no UTF-8"), (b"a" * (1024 * 1024 + 1), "more than 1,048,576 bytes")]
)
def test_what_is_no_text_is_refused(stdin: bytes, sentence: str) -> None:
    result = run("-", stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_a_text_is_needed() -> None:
    assert run().exit_code == 2
