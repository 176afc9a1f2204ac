"""The tables of ``docs/from-v0.1-to-v1.md``, row by row: what they say is what ``migrate`` does, both ways."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import migrate

PAGE = Path(__file__).parents[2] / "docs" / "from-v0.1-to-v1.md"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
MEDIUM = {"url": "https://example.com/a"}
CHANNELS = ("sms", "mms", "whatsapp", "messenger", "viber_service_msg")
NAMED_BY_ID = {"messenger": {"to", "from"}, "viber_service_msg": {"from"}}
BODIES: dict[str, Any] = {
    "text": "Hi",
    "image": MEDIUM,
    "audio": MEDIUM,
    "video": MEDIUM,
    "file": MEDIUM,
    "template": {"name": "a:b", "parameters": ["one"]},
    "custom": {"type": "contacts"},
    "location": {"longitude": "-122.42", "latitude": "37.77"},
    "button": {"payload": "yes", "text": "Yes"},
}
SENT = {
    "sms": ("text",),
    "mms": ("image",),
    "whatsapp": ("text", "image", "audio", "video", "file", "template", "custom"),
    "messenger": ("text", "image", "audio", "video", "file", "custom"),
    "viber_service_msg": ("text", "image"),
}
WRITTEN = {
    "sms": ("text",),
    "mms": ("text", "image"),
    "whatsapp": ("text", "image", "audio", "video", "file", "location", "button"),
    "messenger": ("text", "image", "audio", "video", "file"),
    "viber_service_msg": ("text",),
}


def tables() -> dict[str, list[tuple[list[str], list[str]]]]:
    """Read the first two columns of each table: the names that stand in them."""
    found = {}
    page = PAGE.read_text(encoding="utf-8")
    for title, text in re.findall(r"^## (\w+.*?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| (`.*?|none) \| (.*?) \|", text, re.MULTILINE)
        found[title] = [(re.findall("`(.*?)`", old), re.findall("`(.*?)`", new)) for old, new in rows]
    return found


TABLES = tables()
ROWS = [
    (title, old[0], new[0])
    for title, rows in TABLES.items()
    for old, new in rows
    if old and title != "Events are the same"
]
NEW = [(title, name) for title, rows in TABLES.items() for old, new in rows if not old for name in new]


def parties(channel: str, *, swapped: bool) -> dict[str, Any]:
    def party(side: str, name: str) -> dict[str, str]:
        return {"type": channel, "id" if side in NAMED_BY_ID.get(channel, set()) else "number": name}

    to, sender = party("to", "447700900000"), party("from", "447700900001")
    return {"to": sender, "from": to} if swapped else {"to": to, "from": sender}


def documents(title: str) -> list[dict[str, Any]]:
    """Make documents of v0.1 that hold, all together, everything there is to carry."""
    told = {"message_uuid": UUID, "timestamp": "2025-02-03T12:14:25.000Z"}
    usage = {"usage": {"currency": "EUR", "price": "0.0333"}}
    if title == "Statuses":
        error = {"code": 1320, "reason": "why"}
        further = {"status": "rejected", "client_ref": "a", "error": error, **usage}
        return [{**told, **parties(channel, swapped=False), **further} for channel in CHANNELS]
    made = []
    for channel, kinds in (SENT if title == "Requests" else WRITTEN).items():
        for kind in kinds:
            message: dict[str, Any] = {"content": {"type": kind, kind: copy.deepcopy(BODIES[kind])}}
            document = {**parties(channel, swapped=title != "Requests"), "message": message}
            if title == "Requests":
                message |= {channel: {"category": "promotion"}} if channel == "viber_service_msg" else {}
                message |= {"messenger": {"category": "update"}} if channel == "messenger" else {}
                message |= {"whatsapp": {"locale": "en_GB"}} if channel == "whatsapp" else {}
                document["client_ref"] = "a"
            else:
                message |= {"sms": {"num_messages": "1"}} if channel == "sms" else {}
                document |= {**told, **(usage if channel == "sms" else {})}
            made.append(document)
    return made


def at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def carried(old: Any, new: Any) -> bool:
    """Tell whether a value is the same, but for what the notes of the tables say."""
    if old == "viber_service_msg":
        return bool(new == "viber_service")
    return bool(old == new or str(old) == str(new))


@pytest.mark.parametrize(("title", "old", "new"), ROWS)
def test_row_says_where_a_value_goes(title: str, old: str, new: str) -> None:
    seen = 0
    for document in documents(title):
        value = at(document, old)
        if value is None or (
            title == "Inbound messages" and new == "message_type" and at(document, "to.type") == "sms"
        ):
            continue
        seen += 1
        there = migrate.to_v1(document)
        assert carried(value, at(there.payload, new)), (document, there.payload)
        assert migrate.to_v0_1(there.payload) == migrate.Migrated(payload=document)
    assert seen


@pytest.mark.parametrize(("title", "name"), NEW)
def test_row_of_what_is_new_is_told_as_lost(title: str, name: str) -> None:
    document = migrate.to_v1(documents(title)[0]).payload
    assert document["channel"] == "sms"
    first, _, rest = name.partition(".")
    kept = document.get(first, {}) if rest else {}
    document[first] = {**kept, rest or "a": "b"}
    lost = [problem.path for problem in migrate.to_v0_1(document).lost]
    assert lost in ([name], [f"{name}.a"])


def test_tables_have_every_field_that_is_carried() -> None:
    """Each leaf of the documents of v0.1 stands in a row of its own, or below one."""

    def leaves(value: Any, path: str) -> list[str]:
        if not isinstance(value, dict):
            return [path]
        return [leaf for name, each in value.items() for leaf in leaves(each, f"{path}.{name}".lstrip("."))]

    for title in ("Requests", "Inbound messages", "Statuses"):
        named = [old for each, old, _ in ROWS if each == title] + ["from.type"]
        for document in documents(title):
            missing = [
                leaf for leaf in leaves(document, "") if not any(f"{leaf}.".startswith(f"{old}.") for old in named)
            ]
            assert missing == []


def test_the_three_tables_are_found() -> None:
    assert [title for title, rows in TABLES.items() if rows] == ["Requests", "Inbound messages", "Statuses"]
    assert len(ROWS) > 40
    assert len(NEW) > 20
