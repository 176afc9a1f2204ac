"""What the pages of the reference ask for, and what comes of a docstring."""

from __future__ import annotations

import pytest
from _site import names
from _site.names import Block, names_of
from _site.reference import _says_nothing, _with_linked_errors


def test_a_module_gives_its_names_and_leaves_out_what_a_page_lists_by_itself() -> None:
    listed = names_of(Block("vonage_messages", ("channels.enums",)))
    assert "vonage_messages.ChannelType" in listed
    assert "vonage_messages.EncodingType" not in listed
    assert names_of(Block("vonage_messages", ("EncodingType",))) == ["vonage_messages.EncodingType"]


def test_a_name_that_two_packages_give_has_its_entry_with_the_first() -> None:
    assert "Tracker" in names.public_names("vonage_messages.receiving")
    assert "Tracker" not in names.own_names("vonage_messages.receiving")
    assert "Tracker" in names.own_names("vonage_messages")


@pytest.mark.parametrize("line", ["Fax", "channels.fax", "channels.base.Value"])
def test_what_is_not_public_is_no_entry(line: str) -> None:
    with pytest.raises(ValueError, match=line):
        names_of(Block("vonage_messages", (line,)))


def test_errors_of_a_docstring_are_linked() -> None:
    lines = [
        "Send.",
        "",
        "Raises:",
        "    APIError, TransportError: no",
        "    answer.",
        "",
        "Reference: there: here.",
    ]
    assert list(_with_linked_errors(lines)) == [
        "Send.",
        "",
        "**Raises**",
        "",
        ":py:exc:`APIError`, :py:exc:`TransportError`",
        "    no",
        "    answer.",
        "",
        "Reference: there: here.",
    ]


def test_defaults_that_only_a_module_knows_are_left_out() -> None:
    assert [_says_nothing(default) for default in (None, "_NOTHING", 3)] == [False, False, False]
    assert _says_nothing(type("Shown", (), {"__repr__": lambda _: "_NO_HEADERS"})())
