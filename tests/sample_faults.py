"""
A small reading of the table of v1's fields, made here: which fields of a sample break it.

Neither the package nor the simulator is asked. What is said of a sample rests on ``samples/facts/v1-fields.json``
(reading rules: Messages API v1, opening section).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

SAMPLES = Path(__file__).parent / "samples"
FACTS = json.loads((SAMPLES / "facts" / "v1-fields.json").read_text(encoding="utf-8"))

MISSING = object()
"""What stands at a path where nothing stands."""

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "object": dict,
    "array": list,
    "boolean": bool,
    "integer": int,
}
_RCS_SENDER = re.compile(r"[A-Za-z0-9_&-]+")


class Fault(NamedTuple):
    """A field that breaks the table."""

    path: str
    what: str


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def message_faults(payload: Mapping[str, Any], where: str = "") -> list[Fault]:
    """List every fault of a v1 message; *where* is the path of a failover item."""
    channels = FACTS["common"]["fields"]["channel"]["enum"]
    if payload.get("channel") not in channels:
        return [Fault(_join(where, "channel"), "is no channel")]
    entry = entry_of(payload)
    if entry is None:
        return [Fault(_join(where, "message_type"), "is no type of the channel")]
    found = [Fault(_join(where, fault.path), fault.what) for fault in value_faults(payload, entry)]
    items = payload.get("failover")
    for index, item in enumerate(items if isinstance(items, list) else []):
        item_path = _join(where, f"failover[{index}]")
        if "failover" in item:
            found.append(Fault(_join(item_path, "failover"), "a failover item has none of its own"))
        found += message_faults({key: each for key, each in item.items() if key != "failover"}, item_path)
    return found


def entry_of(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Look the message up, its own fields on top of the common ones."""
    name = f"{payload.get('channel')}.{payload.get('message_type')}"
    entry = FACTS["messages"].get(name) if name != "messenger.custom" else _messenger_custom()
    if entry is None:
        return None
    return {**entry, "fields": {**FACTS["common"]["fields"], **entry["fields"]}}


def _messenger_custom() -> dict[str, Any]:
    """Section 8: documented in the guide of custom objects, absent from the OpenAPI document and so from the table."""
    text = FACTS["messages"]["messenger.text"]
    fields = {path: field for path, field in text["fields"].items() if path != "text"}
    fields["message_type"] = {"type": "string", "enum": ["custom"]}
    fields["custom"] = {"type": "object", "additionalProperties": True}
    return {"required": [*(path for path in text["required"] if path != "text"), "custom"], "fields": fields}


def value_faults(value: Mapping[str, Any], entry: Mapping[str, Any]) -> list[Fault]:
    """List every fault of an object that has an entry: unknown paths, missing ones, wrong values."""
    fields = entry["fields"]
    found = [Fault(path, "is no field") for path in _unknown_paths(value, fields)]
    for path in entry["required"]:
        found += [Fault(at, "is required") for at, _, each in instances(value, path) if each is MISSING]
    for group in _one_of_parents(entry):
        for at, _, parent in instances(value, group):
            keys = [options[0].rpartition(".")[2] for options in entry["oneOf"]]
            if isinstance(parent, dict) and sum(key in parent for key in keys) != 1:
                found.append(Fault(at, "needs exactly one of " + ", ".join(keys)))
    for path, field in fields.items():
        found += _field_faults(value, path, field)
    return found


def _field_faults(root: Mapping[str, Any], path: str, field: Mapping[str, Any]) -> Iterator[Fault]:
    for at, indices, each in instances(root, path):
        if each is MISSING:
            if "requiredWhen" in field and _condition_holds(root, field["requiredWhen"], indices):
                yield Fault(at, "is required here")
            continue
        yield from (Fault(at, what) for what in _scalar_faults(each, field))
        if isinstance(each, list):
            yield from _item_faults(each, at, field.get("items"))


def _condition_holds(root: Mapping[str, Any], condition: Mapping[str, Any], indices: tuple[int, ...]) -> bool:
    """A condition inside an array speaks of the same item."""
    for _, other, each in instances(root, condition["path"]):
        if other[: len(indices)] != indices[: len(other)]:
            continue
        if each is MISSING:
            return False
        return bool(condition.get("present")) or each == condition.get("equals")
    return False


def _item_faults(items: list[Any], at: str, kind: str | None) -> Iterator[Fault]:
    if kind == "suggestions":
        for index, item in enumerate(items):
            entry = FACTS["suggestions"].get(item.get("type"))
            if entry is None:
                yield Fault(f"{at}[{index}].type", "is no suggestion")
                continue
            yield from (Fault(f"{at}[{index}].{fault.path}", fault.what) for fault in value_faults(item, entry))
    elif kind in _TYPES:
        for index, item in enumerate(items):
            if not _is(item, kind):
                yield Fault(f"{at}[{index}]", f"is no {kind}")


def _scalar_faults(value: Any, field: Mapping[str, Any]) -> Iterator[str]:
    if not _is(value, field["type"]):
        yield f"is no {field['type']}"
        return
    size = len(value) if isinstance(value, str | list) else 0
    if size < field.get("minLength", field.get("minItems", 0)):
        yield "is too short"
    if size > field.get("maxLength", field.get("maxItems", size)):
        yield "is too long"
    if "enum" in field and value not in field["enum"]:
        yield "is none of the words"
    if "minimum" in field:
        yield from _number_faults(value, field)
    if isinstance(value, str):
        yield from _text_faults(value, field)


def _number_faults(value: int | str, field: Mapping[str, Any]) -> Iterator[str]:
    """A bound on a string bounds its numeric value."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+", value):
        yield "is no number"
    elif not field["minimum"] <= int(value) <= field["maximum"]:
        yield "is out of range"


def _text_faults(value: str, field: Mapping[str, Any]) -> Iterator[str]:
    if any(value.startswith(prefix) for prefix in field.get("noPrefix", ())):
        yield "begins with a prefix that is not wanted"
    if "pattern" in field and not re.search(field["pattern"], value, re.ASCII):
        yield "does not match"
    if field.get("alphanumeric") and not _RCS_SENDER.fullmatch(value):
        yield "is no sender id"
    if field.get("format") == "url" and not _is_web_address(value):
        yield "is no URL"
    if field.get("format") == "date-time" and not _is_instant(value):
        yield "is no instant"
    extension = urlsplit(value).path.rpartition("/")[2].rpartition(".")[2].lower()
    has_one = "." in urlsplit(value).path.rpartition("/")[2]
    if "extensions" in field and has_one and extension not in field["extensions"]:
        yield "is a file of another type"


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


def _is_web_address(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_instant(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def instances(root: Any, path: str) -> list[tuple[str, tuple[int, ...], Any]]:
    """
    Find everything that a path of the table names: (written path, indices of the arrays passed, value).

    What is absent comes as ``MISSING`` where its parent is present, and not at all where that is absent too.
    """
    reached: list[tuple[str, tuple[int, ...], Any]] = [("", (), root)]
    for step in path.split("."):
        key, many = step.removesuffix("[]"), step.endswith("[]")
        following: list[tuple[str, tuple[int, ...], Any]] = []
        for at, indices, parent in reached:
            if not isinstance(parent, Mapping):
                continue
            value = parent.get(key, MISSING)
            if not many:
                following.append((_join(at, key), indices, value))
            elif isinstance(value, list):
                following += [(f"{_join(at, key)}[{n}]", (*indices, n), item) for n, item in enumerate(value)]
        reached = following
    return reached


def _unknown_paths(root: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[str]:
    """Name what the table does not have; below a value of the wrong type nothing is looked at."""
    known = {path.replace("[]", ""): field for path, field in fields.items()}
    waiting: list[tuple[str, str, Mapping[str, Any]]] = [("", "", root)]
    while waiting:
        written, bare, value = waiting.pop()
        for key, each in value.items():
            path, field = _join(written, key), known.get(_join(bare, key))
            if field is None:
                yield path
            elif not _is(each, field["type"]) or field.get("additionalProperties"):
                continue
            elif isinstance(each, dict):
                waiting.append((path, _join(bare, key), each))
            elif field.get("items") == "object":
                waiting += [
                    (f"{path}[{n}]", _join(bare, key), item) for n, item in enumerate(each) if isinstance(item, dict)
                ]


def _one_of_parents(entry: Mapping[str, Any]) -> set[str]:
    return {options[0].rpartition(".")[0] for options in entry.get("oneOf", ())}


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer and inner else outer or inner


def value_at(root: Any, path: str) -> Any:
    """Follow a written path such as ``content[1].url``; ``MISSING`` where it ends early."""
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if key:
            root = root.get(key, MISSING) if isinstance(root, Mapping) else MISSING
        else:
            root = root[int(index)] if isinstance(root, list) and int(index) < len(root) else MISSING
    return root


def paths_in(value: Any, path: str = "") -> set[str]:
    """Name everything that a payload holds in the words of the table: ``content[].url``."""
    if isinstance(value, Mapping):
        inner = [paths_in(each, _join(path, key)) for key, each in value.items()]
        return {path, *(name for names_ in inner for name in names_)} - {""}
    if isinstance(value, list):
        inner = [paths_in(each, f"{path}[]") for each in value]
        return {path, *(name for names_ in inner for name in names_)}
    return {path}
