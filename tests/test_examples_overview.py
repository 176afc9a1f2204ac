"""
The table of the examples: a row for each item of the overview, a file for each row, and a test for each file.

What the overview of the Messages API lists is kept here, as it stands there.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "examples"
OVERVIEW: dict[str, list[str]] = {
    "What the API can do": [
        "Versions",
        "Supported features",
        "WhatsApp Interactive Messages",
        "WhatsApp Reply Context",
        "WhatsApp Profile Name",
        "Provider messages",
        "External Accounts API",
        "Getting started",
    ],
    "Concepts": [
        "External Accounts",
        "Understanding Facebook messaging",
        "Understanding Viber messaging",
        "WhatsApp v0.1 to v1 Migration Guide",
        "WhatsApp Interactive Messages",
        "Understanding WhatsApp messaging",
        "Custom objects",
        "Messages API Sandbox",
        "Working with WhatsApp Interactive Messages",
    ],
    "Code snippets": [
        "Before you Begin",
        "Install Vonage CLI",
        "Create a Vonage Messages and Dispatch Application",
        "Install Server SDK",
        "Configure Webhooks",
        "Inbound Message Webhook",
        "Message Status Webhook",
        "Viber / Send a Text Message",
        "Whatsapp / Send a Message Template (MTM)",
        "Viber / Send an Image Message",
        "Whatsapp / Send a Media Message Template",
        "Messenger / Send an Audio Message",
        "Messenger / Send a File Message",
        "Messenger / Send an Image Message",
        "Messenger / Send a Message Template",
        "Messenger / Send a Text Message",
        "Messenger / Send a Video Message",
        "Mms / Send an MMS",
        "Sms / Send an SMS",
        "Whatsapp / Send an Audio Message",
        "Whatsapp / Send a Link Button",
        "Whatsapp / Send a Quick Reply Button",
        "Whatsapp / Send a Contact",
        "Whatsapp / Send a File Message",
        "Whatsapp / Send an Image Message",
        "Whatsapp / Send a Location",
        "Whatsapp / Send a Text Message",
        "Whatsapp / Send a Video Message",
    ],
    "Tutorials": [
        "How to send an SMS message",
        "How to send a Viber message",
        "How to send a WhatsApp message",
        "How to send a Facebook Messenger message",
    ],
    "Use cases": [
        "Receive product information automatically via Facebook Messenger",
        "Real-time data feed into multiple channels using Messages API",
    ],
}


class Row(NamedTuple):
    """One row of the table."""

    section: str
    item: str
    name: str
    path: str
    seen: str


def rows_of(page: str) -> list[Row]:
    rows = []
    for section in page.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        found = re.findall(r"^\| (.+?) \| \[(.+?)\]\((.+?)\) \| (.+?) \|$", text, re.MULTILINE)
        assert len(found) == sum(line.startswith("|") for line in text.splitlines()) - 2, f"a row of {title} is odd"
        rows += [Row(title, *cells) for cells in found]
    return rows


ROWS = rows_of((EXAMPLES / "README.md").read_text(encoding="utf-8"))
FILES = sorted(path for path in EXAMPLES.rglob("*") if path.suffix in {".py", ".sh"})


@cache
def named_by_the_tests_of_examples() -> set[str]:
    """All strings of the modules that run examples."""
    modules = [path for path in TESTS.rglob("test_*examples*.py") if path != Path(__file__)]
    nodes = [node for path in modules for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def is_run(path: Path) -> bool:
    within = path.relative_to(EXAMPLES)
    return not named_by_the_tests_of_examples().isdisjoint({path.name, path.stem, str(within.with_suffix(""))})


@pytest.mark.parametrize("section", OVERVIEW)
def test_every_item_of_the_overview_has_its_row_in_its_order(section: str) -> None:
    listed = dict.fromkeys(row.item for row in ROWS if row.section == section)
    assert list(listed) == OVERVIEW[section]


def test_there_are_as_many_items_as_the_overview_has() -> None:
    assert {section: len(items) for section, items in OVERVIEW.items()} == {
        "What the API can do": 8,
        "Concepts": 9,
        "Code snippets": 28,
        "Tutorials": 4,
        "Use cases": 2,
    }


@pytest.mark.each("row", ROWS, ids=lambda row: f"{row.item} {row.name}")
def test_a_row_has_its_file(row: Row) -> None:
    path = (EXAMPLES / row.path).resolve()
    assert path.is_file()
    assert path.name == row.name


@pytest.mark.each("row", ROWS, ids=lambda row: f"{row.item} {row.name}")
def test_a_row_says_what_the_file_says_that_one_sees(row: Row) -> None:
    if row.path.startswith("../docs/"):
        return
    first, second, *_ = (EXAMPLES / row.path).read_text(encoding="utf-8").splitlines()
    assert first in {'"""', "#!/bin/sh"}
    said = second.removeprefix("# ").removeprefix("You will see: ")
    assert said[0].upper() + said[1:] == row.seen


@pytest.mark.each("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_file_has_its_row_and_its_test(path: Path) -> None:
    assert str(path.relative_to(EXAMPLES)) in {row.path for row in ROWS}, "give it a row in examples/README.md"
    assert is_run(path), "name it in the test module that runs it, one of test_*examples*.py"


@pytest.mark.each("row", [row for row in ROWS if row.path.startswith("../docs/")], ids=lambda row: row.name)
def test_a_document_that_a_row_points_at_is_tested(row: Row) -> None:
    modules = [path for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    assert any(f'"{row.name}"' in path.read_text(encoding="utf-8") for path in modules)


def test_a_file_that_nobody_runs_is_found() -> None:
    assert not is_run(EXAMPLES / "snippets" / "fax_send_fax.py")
