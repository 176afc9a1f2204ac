"""
Every field of every message, driven by the table of published fields and by nothing else.

The payloads are made here from ``samples/facts/v1-fields.json``: a full one for each message, then one value changed
at a time, just inside the published edge and just outside it. The classes are asked only through ``from_payload``, so
a constraint that nobody thought of when they were written shows here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vonage_messages import InvalidMessageError, from_payload, to_payload

FACTS = json.loads((Path(__file__).parents[1] / "samples" / "facts" / "v1-fields.json").read_text(encoding="utf-8"))

REPLY = {"type": "reply", "text": "Yes", "postback_data": "answer-yes"}
SPARE = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
UNSET = object()


class Target(NamedTuple):
    """One field of one kind of message (or of one kind of suggestion)."""

    name: str
    path: str

    @property
    def entry(self) -> dict[str, Any]:
        return ENTRIES[self.name]

    @property
    def key(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def field(self) -> dict[str, Any]:
        field: dict[str, Any] = self.entry["fields"][self.path]
        return field


class Change(NamedTuple):
    """A new value for the field, and what else must then change for the payload to stay whole."""

    value: object
    meanwhile: tuple[tuple[str, object], ...] = ()


# The table, flattened: suggestions become fields of an RCS text -------------------------------------------------


def _message_entries() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, entry in FACTS["messages"].items():
        yield name, {**entry, "fields": {**FACTS["common"]["fields"], **entry["fields"]}}


def _suggestion_entries() -> Iterator[tuple[str, dict[str, Any]]]:
    text = FACTS["messages"]["rcs.text"]
    for kind, entry in FACTS["suggestions"].items():
        fields = {path: text["fields"][path] for path in ("channel", "message_type", "to", "from", "text")}
        fields["suggestions"] = {"type": "array", "items": "object"}
        fields |= {f"suggestions[].{path}": field for path, field in entry["fields"].items()}
        required = [*text["required"], *(f"suggestions[].{path}" for path in entry["required"])]
        yield f"suggestion.{kind}", {"required": required, "fields": fields}


ENTRIES: dict[str, dict[str, Any]] = {**dict(_message_entries()), **dict(_suggestion_entries())}
TARGETS = [
    Target(name, path)
    for name, entry in ENTRIES.items()
    for path in entry["fields"]
    if not name.startswith("suggestion.") or path.startswith("suggestions[].")
]


def names(targets: list[Target]) -> list[str]:
    return [f"{target.name}:{target.path}" for target in targets]


# A full payload -------------------------------------------------------------------------------------------------


def full_payload(name: str) -> dict[str, Any]:
    """Fill in every field of a message; of two that exclude each other, the first."""
    entry = ENTRIES[name]
    payload: dict[str, Any] = {}
    left_out = {path for group in entry.get("oneOf", ())[1:] for path in group}
    for path, field in entry["fields"].items():
        if path not in left_out:
            _fill(payload, path.split("."), path, field, name)
    return payload


def _fill(parent: dict[str, Any], steps: list[str], path: str, field: Mapping[str, Any], name: str) -> None:
    key, many = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    if len(steps) == 1:
        parent.setdefault(key, example(name, path, field))
        return
    children = parent.setdefault(key, [{}] if many else {})
    for child in children if many else [children]:
        if not _belongs(child, steps[1], field):
            continue
        _fill(child, steps[1:], path, field, name)


def _belongs(child: Mapping[str, Any], key: str, field: Mapping[str, Any]) -> bool:
    """Parts that differ by their type hold only what their own type asks for."""
    condition = field.get("requiredWhen", {})
    return (
        not str(condition.get("path")).endswith("[].type") or child.get("type") == condition["equals"] or key == "type"
    )


def example(name: str, path: str, field: Mapping[str, Any]) -> Any:
    """Make a value that the table allows."""
    if field["type"] == "array":
        return _example_items(name, path, field)
    if field["type"] == "object":
        return {"note": "kept as it is"} if field.get("additionalProperties") else {}
    if field["type"] == "boolean":
        return True
    if field["type"] == "integer":
        return field["minimum"]
    return _example_text(name, path, field)


def _example_items(name: str, path: str, field: Mapping[str, Any]) -> list[Any]:
    if field["items"] == "suggestions":
        return [dict(REPLY)]
    if field["items"] == "messages":
        return [dict(SPARE)]
    if field["items"] == "string":
        return ["447700900000"]
    kinds = ENTRIES[name]["fields"].get(f"{path}[].type", {}).get("enum", [])
    split = any(
        f"{path}[].type" == each.get("requiredWhen", {}).get("path") for each in ENTRIES[name]["fields"].values()
    )
    if split:
        return [{"type": kind} for kind in kinds]
    return [{} for _ in range(field.get("minItems", 1))]


def _example_text(name: str, path: str, field: Mapping[str, Any]) -> str:
    key = path.rpartition(".")[2]
    if "enum" in field:
        return str(field["enum"][-1] if key == "category" else field["enum"][0])
    if "minimum" in field:
        return str(field["minimum"])
    if key in {"to", "from"}:
        return _example_party(name, key)
    if key.endswith("url"):
        return "https://example.com/file." + field.get("extensions", ["bin"])[0]
    form = "address" if "@" in field.get("pattern", "") else field.get("format", key)
    return {"emoji": "👍", "date-time": "2026-12-24T18:00:00Z", "address": "ada@example.com", "e164": "+42"}.get(
        form, "x"
    )


def _example_party(name: str, key: str) -> str:
    if name.startswith("email."):
        return f"{key}@example.com"
    if key == "from" and name.startswith(("rcs.", "suggestion.")):
        return "Acme"
    return "447700900000"


# One value changed ----------------------------------------------------------------------------------------------


def spot(payload: Any, path: str) -> tuple[Any, str, str]:
    """Find the first place that a path names: its parent, its key, and the path as a problem writes it."""
    *outer, key = path.split(".")
    written, parent = "", payload
    for step in outer:
        name, many = step.removesuffix("[]"), step.endswith("[]")
        written += ("." if written else "") + name
        parent = parent[name]
        if many:
            index = next((n for n, item in enumerate(parent) if key in item), 0)
            written, parent = f"{written}[{index}]", parent[index]
    return parent, key, f"{written}.{key}" if written else key


def changed(name: str, path: str, change: Change) -> tuple[dict[str, Any], str]:
    """Give a full payload with one value changed, and the path at which a problem would be named."""
    payload = full_payload(name)
    for other, value in change.meanwhile:
        _put(payload, other, value)
    return payload, _put(payload, path, change.value)


def _put(payload: dict[str, Any], path: str, value: object) -> str:
    parent, key, written = spot(payload, path)
    if value is UNSET:
        parent.pop(key, None)
    else:
        parent[key] = copy.deepcopy(value)
    return written


def problem_paths(payload: dict[str, Any]) -> list[str]:
    try:
        from_payload(payload)
    except InvalidMessageError as error:
        return [problem.path for problem in error.problems]
    return []


# The edges ------------------------------------------------------------------------------------------------------


def inside(target: Target) -> Iterator[Change]:
    """Values just inside what the table publishes."""
    if not _splits_parts(target):
        for word in target.field.get("enum", ()):
            yield Change(word, (("reaction.emoji", UNSET),) if word == "unreact" else ())
    yield from map(Change, _inside_bounds(target))
    yield from map(Change, _inside_forms(target))
    if "requiredWhen" in target.field:
        yield from _inside_when_not_required(target)
    elif target.path not in target.entry["required"] and not _is_one_of(target):
        yield Change(UNSET)


def _inside_bounds(target: Target) -> Iterator[object]:
    field = target.field
    yield from (stretched(target, field[bound]) for bound in ("minLength", "maxLength") if bound in field)
    yield from (repeated(target, field[bound]) for bound in ("minItems", "maxItems") if bound in field)
    numbers = [field[bound] for bound in ("minimum", "maximum") if bound in field]
    yield from numbers if field["type"] == "integer" else map(str, numbers)
    yield from (True, False) if field["type"] == "boolean" else ()


def _inside_forms(target: Target) -> Iterator[object]:
    field = target.field
    for extension in field.get("extensions", ()):
        yield f"https://example.com/file.{extension}"
        yield f"https://example.com/file.{extension.upper()}?size=1.exe#part.exe"
    if target.key.endswith("url"):
        yield from ("http://example.com/file", "https://example.com:8443/a/b?c=d")
    if "pattern" in field:
        yield from _ADDRESSES if "@" in field["pattern"] else _E164
    if field.get("alphanumeric"):
        yield from ("Acme", "Acme-1_&", "7")


_ADDRESSES = ("a@b.co", "a.b+c%d_e-f@g-h.example")
_E164 = ("12", "+42", "1" * 15, "+" + "1" * 15)


def outside(target: Target) -> Iterator[Change]:
    """Values just outside, and of another type."""
    field = target.field
    # A number that the API wants as a string may be given as a whole number, and is written as a string.
    yield from (Change(each) for each in _WRONG_TYPES[field["type"]] if "minimum" not in field or each != 5)
    if field["type"] == "string":
        yield from map(Change, _outside_text(target))
    if "minLength" in field:
        yield Change(stretched(target, field["minLength"] - 1))
    if "maxLength" in field:
        yield Change(stretched(target, field["maxLength"] + 1))
    for bound, step in (("minimum", -1), ("maximum", 1)):
        if bound in field:
            edge = field[bound] + step
            yield Change(edge if field["type"] == "integer" else str(edge))
    if field["type"] == "array":
        yield Change(repeated(target, field.get("minItems", 1) - 1))
    if "maxItems" in field:
        yield Change(repeated(target, field["maxItems"] + 1))
    if field.get("additionalProperties"):
        yield Change({})
    if target.path in target.entry["required"] or "requiredWhen" in field:
        yield from (Change(UNSET), Change(None))


_WRONG_TYPES: dict[str, tuple[object, ...]] = {
    "string": (5, True, 1.5, ["x"], {"x": 1}),
    "integer": ("60", 60.5, True, [60]),
    "boolean": ("true", 1, 0, [True]),
    "object": (5, True, ["x"]),
    "array": (5, True, {"x": 1}, "x"),
}


def _outside_text(target: Target) -> Iterator[str]:
    field, key = target.field, target.key
    yield ""
    yield "\ud83d"
    if "enum" in field:
        yield from ("nonsense", field["enum"][0].swapcase(), field["enum"][0] + " ")
    if "extensions" in field:
        yield from ("https://example.com/file.exe", "https://example.com/file.exe?name=cat." + field["extensions"][0])
    if key.endswith("url"):
        spaced = ("https://example.com/a b", " https://example.com/a")
        # A Viber file may be given by a path, and a button may lead into the app: any link is right there.
        any_link = target.name == "viber_service.file" or target.path == "viber_service.action.url"
        yield from spaced if any_link and key == "url" else (*spaced, *_NO_URLS)
    if "minimum" in field:
        yield from ("1.5", "-1", "+1", " 1", "1 s", "١", "１")  # noqa: RUF001  digits of other scripts are the point
    if "pattern" in field:
        yield from ("a@b", "a@b.c", "@b.co", "a b@c.de", "a@b.co\n") if "@" in field["pattern"] else _NO_E164
    if field.get("format") == "date-time":
        yield from ("tomorrow", "2026-12-24", "2026-12-24T18:00:00", "2026-13-24T18:00:00Z")
    if field.get("noSpaces"):
        yield from ("Ac me", "Acme ", "Acmé", "Acme!")
    if key == "to" and "noPrefix" in field:
        yield from _NO_RECIPIENTS
    if key == "emoji":
        yield from ("👍👍", "x", "yes", "👍 ", "5")


_NO_URLS = ("ftp://example.com/a", "example.com/a", "/a", "https://", "https:///a", "https://example.com:x/a")
_NO_E164 = ("+1", "1", "0123", "+0123", "1" * 16, "+44 7700 900000", "٤٤٧٧٠٠", "４４７７００")  # noqa: RUF001  as above
_NO_RECIPIENTS = (
    "Ada",
    "07700900000",
    "447700 9OOOOO",
    "٤٤٧٧٠٠٩٠٠٠٠٠",
    "４４７７００９００００",  # noqa: RUF001  full-width digits are the point
    "447700900000\n447700900001",
    "447700900000,447700900001",
)


def _inside_when_not_required(target: Target) -> Iterator[Change]:
    """The field may go where its condition does not hold."""
    condition = target.field["requiredWhen"]
    if condition["path"].endswith("[].type"):
        return
    yield Change(UNSET, ((condition["path"], _other_than(target, condition)),))


def _other_than(target: Target, condition: Mapping[str, Any]) -> object:
    if condition.get("present"):
        return UNSET
    words = target.entry["fields"][condition["path"]]["enum"]
    return next(word for word in words if word != condition["equals"])


def conditions_met(target: Target) -> tuple[tuple[str, object], ...]:
    """What must hold for a conditional requirement to bind."""
    condition = target.field.get("requiredWhen", {})
    return (
        ((condition["path"], condition["equals"]),) if "equals" in condition and "[]" not in condition["path"] else ()
    )


def _splits_parts(target: Target) -> bool:
    return any(
        field.get("requiredWhen", {}).get("path") == target.path for field in target.entry["fields"].values()
    ) and ("[]" in target.path)


def _is_one_of(target: Target) -> bool:
    return any(target.path in group for group in target.entry.get("oneOf", ()))


def stretched(target: Target, length: int) -> str:
    """Make a text of exactly so many characters that is otherwise right."""
    key = target.key
    if key == "to" and "noPrefix" in target.field:
        return "4" * length
    if not key.endswith("url"):
        return "👍" * length  # one character, four bytes of UTF-8, two units of UTF-16
    head, tail = ("https://example.com/", "." + target.field.get("extensions", ["bin"])[0])
    if length < len(head + tail) + 1:
        return "http://" + "a" * (length - len("http://"))
    return head + "a" * (length - len(head + tail)) + tail


def repeated(target: Target, count: int) -> list[Any]:
    parent, key, _ = spot(full_payload(target.name), target.path)
    return [copy.deepcopy(parent[key][0]) for _ in range(count)]


# The tests ------------------------------------------------------------------------------------------------------


@pytest.mark.each("name", ENTRIES)
def test_full_payload_is_accepted_and_comes_back_whole(name: str) -> None:
    payload = full_payload(name)
    assert to_payload(from_payload(payload)) == payload


FREE = [target for target in TARGETS if any(True for _ in inside(target))]


@pytest.mark.each("target", FREE, ids=names(FREE))
def test_value_just_inside_is_accepted(target: Target) -> None:
    for change in inside(target):
        whole = change._replace(meanwhile=(*_swap_one_of(target), *change.meanwhile))
        payload, _ = changed(target.name, target.path, whole)
        assert problem_paths(payload) == [], f"refused: {shown(change)}"
        assert to_payload(from_payload(payload)) == payload, f"lost: {shown(change)}"


@pytest.mark.each("target", TARGETS, ids=names(TARGETS))
def test_value_just_outside_is_refused_at_its_path(target: Target) -> None:
    meanwhile = (*_swap_one_of(target), *conditions_met(target))
    for change in outside(target):
        payload, path = changed(target.name, target.path, change._replace(meanwhile=meanwhile))
        assert path in problem_paths(payload), f"not refused at {path}: {shown(change)}"


def _swap_one_of(target: Target) -> tuple[tuple[str, object], ...]:
    """Let a field stand in the place of the one that excludes it."""
    groups = target.entry.get("oneOf", ())
    if not _is_one_of(target):
        return ()
    return tuple((path, UNSET) for group in groups for path in group if path != target.path)


ONE_OF = [name for name, entry in ENTRIES.items() if "oneOf" in entry]


@pytest.mark.parametrize("name", ONE_OF)
def test_exactly_one_of_a_group_is_accepted(name: str) -> None:
    groups = ENTRIES[name]["oneOf"]
    paths = [path for group in groups for path in group]
    parent = paths[0].rpartition(".")[0]
    values = {path.rpartition(".")[2]: example(name, path, ENTRIES[name]["fields"][path]) for path in paths}
    for key, value in values.items():
        assert problem_paths(full_payload(name) | {parent: {key: value}}) == []
    assert problem_paths(full_payload(name) | {parent: values}) == [parent]
    assert problem_paths(full_payload(name) | {parent: {}}) == [parent]


PREFIXED = [target for target in TARGETS if "noPrefix" in target.field]


@pytest.mark.each("target", PREFIXED, ids=names(PREFIXED))
def test_unwanted_prefix_never_goes_over_the_wire(target: Target) -> None:
    for prefix in target.field["noPrefix"]:
        payload, _ = changed(target.name, target.path, Change(f"{prefix}447700900000"))
        assert to_payload(from_payload(payload))[target.path] == "447700900000"
        payload, path = changed(target.name, target.path, Change(f"{prefix}Acme"))
        assert problem_paths(payload) == [path]


NESTED_OBJECTS = [
    target for target in TARGETS if target.field["type"] == "object" and not target.field.get("additionalProperties")
]
CLOSED = [target for target in NESTED_OBJECTS if target.path != "template"]  # a template keeps further keys


@pytest.mark.each("target", CLOSED, ids=names(CLOSED))
def test_unknown_key_of_an_object_is_refused_at_its_path(target: Target) -> None:
    payload = full_payload(target.name)
    parent, key, path = spot(payload, target.path)
    parent[key]["colour"] = "blue"
    assert problem_paths(payload) == [f"{path}.colour"]


@pytest.mark.each("name", FACTS["messages"])
def test_unknown_field_is_refused_at_its_path(name: str) -> None:
    assert problem_paths(full_payload(name) | {"colour": "blue"}) == ["colour"]


@pytest.mark.each("name", FACTS["messages"])
def test_every_wrong_field_is_named_at_once(name: str) -> None:
    payload = full_payload(name)
    wrong: list[str] = []
    for path, field in ENTRIES[name]["fields"].items():
        if "." not in path and path not in {"channel", "message_type"} and path in payload:
            payload[path] = _WRONG_TYPES[field["type"]][0]
            wrong.append(path)
    assert sorted(set(problem_paths(payload))) == sorted(wrong)


def shown(change: Change) -> str:
    return ascii(change)[:200]
