"""
The samples against the reference: a small reading of the table of v1's fields, and of v0.1's rows, made here.

Neither the package nor the simulator is asked. What this module says of a sample rests on
``samples/facts/v1-fields.json`` (reading rules: Messages API v1, opening section) and, for v0.1, on the rows below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

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
_E164 = r"[1-9][0-9]{6,14}"
_EMOJI = r"\W{1,12}"


class Fault(NamedTuple):
    """A field that breaks the table."""

    path: str
    what: str


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def samples(folder: str) -> list[Path]:
    return sorted(path for path in (SAMPLES / folder).glob("*.json") if path.name != "REASONS.json")


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


# A message of v1 ------------------------------------------------------------------------------------------------


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


# One object and its entry of the table --------------------------------------------------------------------------


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


# Paths ----------------------------------------------------------------------------------------------------------


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


# v0.1, in the same shape ----------------------------------------------------------------------------------------

_MEDIA = {
    "mms.image": ["jpg", "jpeg", "png", "gif"],
    "whatsapp.image": ["jpg", "jpeg", "png"],
    "whatsapp.video": ["mp4", "3gpp"],
    "whatsapp.audio": ["aac", "m4a", "amr", "mp3", "opus"],
    "whatsapp.file": ["pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx"],
    "messenger.image": ["jpg", "jpeg", "png", "gif"],
    "messenger.video": ["mp4"],
    "messenger.audio": ["mp3"],
    "messenger.file": ["zip", "csv", "pdf"],
    "viber_service_msg.image": ["jpg", "jpeg", "png"],
}
_TEXT_BOUNDS = {"sms": 1000, "whatsapp": 4096, "messenger": None, "viber_service_msg": 1000}
_CAPTIONED = {"whatsapp.image", "whatsapp.file"}
_TEMPLATED = {"whatsapp.template", "viber_service_msg.template"}
_CUSTOM = {"whatsapp.custom", "messenger.custom"}
V0_1_ROWS = sorted({*_MEDIA, *(f"{channel}.text" for channel in _TEXT_BOUNDS), *_TEMPLATED, *_CUSTOM})
"""Every row of section 3 of the v0.1 reference, as ``channel.type``."""

_V0_1_ADDRESSES = {
    "sms": ("number", "number"),
    "mms": ("number", "number"),
    "whatsapp": ("number", "number"),
    "messenger": ("id", "id"),
    "viber_service_msg": ("number", "id"),
}
_V0_1_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "whatsapp": {"locale": {"type": "string"}, "policy": {"type": "string", "enum": ["deterministic"]}},
    "messenger": {
        "category": {"type": "string", "enum": ["response", "update", "message_tag"]},
        "tag": {
            "type": "string",
            "requiredWhen": {"path": "message.messenger.category", "equals": "message_tag"},
        },
    },
    "viber_service_msg": {
        "category": {"type": "string", "enum": ["transaction", "promotion"]},
        "ttl": {"type": "integer", "minimum": 30, "maximum": 259200},
        "type": {"type": "string", "enum": ["template"]},
    },
}


def v0_1_faults(payload: Mapping[str, Any]) -> list[Fault]:
    """List every fault of a v0.1 message."""
    channel = value_at(payload, "to.type" if "to" in payload else "from.type")
    if channel not in _V0_1_ADDRESSES:
        return [Fault("to.type", "is no channel")]
    content = value_at(payload, "message.content")
    if content is MISSING:
        return value_faults(payload, _v0_1_envelope(channel))
    kind = f"{channel}.{content['type']}"
    if kind not in V0_1_ROWS:
        return [Fault("message.content.type", "is no type of the channel")]
    entry = _v0_1_envelope(channel)
    fields, required = _v0_1_content(kind)
    return value_faults(payload, {"fields": {**entry["fields"], **fields}, "required": [*entry["required"], *required]})


def _v0_1_envelope(channel: str) -> dict[str, Any]:
    word = {"type": "string", "enum": [channel]}
    address = {"type": "string", "minLength": 1, "maxLength": 50, "noPrefix": ["+", "00"]}
    to_key, from_key = _V0_1_ADDRESSES[channel]
    fields: dict[str, Any] = {
        "to": {"type": "object"},
        "to.type": word,
        f"to.{to_key}": address,
        "from": {"type": "object"},
        "from.type": word,
        f"from.{from_key}": address,
        "client_ref": {"type": "string", "maxLength": 40},
        "message": {"type": "object"},
        "message.content": {"type": "object"},
        "message.content.type": {"type": "string"},
    }
    if channel in _V0_1_OPTIONS:
        fields[f"message.{channel}"] = {"type": "object"}
        fields |= {f"message.{channel}.{key}": field for key, field in _V0_1_OPTIONS[channel].items()}
    optional = {"client_ref", *(path for path in fields if path.startswith(f"message.{channel}"))}
    return {"fields": fields, "required": [path for path in fields if path not in optional]}


def _v0_1_content(kind: str) -> tuple[dict[str, Any], list[str]]:
    channel, _, name = kind.partition(".")
    path = f"message.content.{name}"
    if name == "text":
        bound = _TEXT_BOUNDS[channel]
        return {path: {"type": "string", "minLength": 1, **({"maxLength": bound} if bound else {})}}, [path]
    if name == "custom":
        return {path: {"type": "object", "additionalProperties": True}}, [path]
    if name == "template":
        locale = ["message.whatsapp", "message.whatsapp.locale"] if channel == "whatsapp" else []
        fields: dict[str, Any] = {
            path: {"type": "object"},
            f"{path}.name": {"type": "string"},
            f"{path}.parameters": {"type": "array", "items": "string"},
        }
        return fields, [path, f"{path}.name", *locale]
    fields = {
        path: {"type": "object"},
        f"{path}.url": {"type": "string", "format": "url", "extensions": _MEDIA[kind]},
    }
    if kind in _CAPTIONED:
        fields[f"{path}.caption"] = {"type": "string"}
    return fields, [path, f"{path}.url"]


# What the prose of the reference says and the table does not ------------------------------------------------------

PROSE_RULES: dict[str, tuple[str, str | None]] = {
    "email-to-two-recipients": ("section 10: one recipient per request", r"[^@,;]+@[^@,;]+"),
    "email-to-with-a-display-name": ("section 10: address only, no display name", r"[^@<> ]+@[^@<> ]+"),
    "mms-participant-is-a-name": ("section 5: participants are E.164 strings", _E164),
    "sms-text-empty": ("section 4: text is required; an empty one is none", r".+"),
    "sms-to-begins-with-a-zero": ("section 3: to is E.164, country code first", _E164),
    "sms-to-in-arabic-digits": ("section 3: to is E.164; its digits are 0 to 9", _E164),
    "sms-to-is-a-name": ("section 3: to is E.164", _E164),
    "webhook-url-is-no-http-url": ("section 3: a URL that the platform can call", r"https?://.+"),
    "whatsapp-reaction-with-a-word": ("section 7: one emoji", _EMOJI),
    "whatsapp-reaction-with-two-emoji": ("section 7: one emoji", r"\W\ufe0f?"),
    "whatsapp-to-is-a-name": (
        "section 3: E.164 or a BSUID",
        r"[1-9][0-9]*|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}",
    ),
    "whatsapp-unreact-with-emoji": ("section 7: emoji is absent for unreact", None),
}
"""Refused v1 samples whose rule is prose: the sentence, and the form the value should have (``None``: no value)."""

REQUESTS = samples("v1/requests")
REFUSED = samples("v1/refused")
REASONS: dict[str, str] = read(SAMPLES / "v1/refused/REASONS.json")
V0_1_REQUESTS = samples("v0.1/requests")
V0_1_REFUSED = samples("v0.1/refused")
V0_1_REASONS: dict[str, str] = read(SAMPLES / "v0.1/refused/REASONS.json")
IN_TABLE = [path for path in REFUSED if path.stem not in PROSE_RULES]
TYPES = [*FACTS["messages"], "messenger.custom"]
LONGEST_TEXTS = {"sms": 3200, "rcs": 3072, "whatsapp": 4096, "messenger": 640, "viber_service": 1000}


@pytest.mark.each("path", REQUESTS, ids=names(REQUESTS))
def test_v1_request_conforms_to_the_table(path: Path) -> None:
    assert message_faults(read(path)) == []


@pytest.mark.each("path", REQUESTS, ids=names(REQUESTS))
def test_v1_request_is_named_after_what_it_holds(path: Path) -> None:
    payload = read(path)
    assert path.stem.startswith((f"{payload['channel']}-{payload['message_type']}-", "failover-"))


@pytest.mark.each("kind", TYPES)
def test_every_v1_type_has_a_minimal_and_a_full_sample(kind: str) -> None:
    stem = kind.replace(".", "-")
    assert {f"{stem}-minimal", f"{stem}-full"} <= set(names(REQUESTS))


@pytest.mark.each("kind", TYPES)
def test_minimal_v1_sample_holds_nothing_that_could_be_left_out(kind: str) -> None:
    payload = read(SAMPLES / "v1/requests" / f"{kind.replace('.', '-')}-minimal.json")
    entry = entry_of(payload)
    assert entry is not None
    one_of = {options[0] for options in entry.get("oneOf", ())}
    conditional = {path for path, field in entry["fields"].items() if "requiredWhen" in field}
    optional = set(entry["fields"]) - set(entry["required"]) - one_of - conditional
    assert paths_in(payload) & optional == set()


@pytest.mark.each("kind", TYPES)
def test_full_v1_samples_hold_every_path_of_the_table(kind: str) -> None:
    files = [path for path in REQUESTS if re.fullmatch(rf"{kind.replace('.', '-')}(-\w+)?-full", path.stem)]
    held = set().union(*(paths_in(read(path)) for path in files))
    entry = entry_of(dict(zip(("channel", "message_type"), kind.split("."), strict=True)))
    assert entry is not None
    assert set(entry["fields"]) - held == set()


@pytest.mark.parametrize("kind", sorted(FACTS["suggestions"]))
def test_every_suggestion_is_sampled_with_every_field(kind: str) -> None:
    everything = [each for path in REQUESTS for each in _suggestions(read(path)) if each["type"] == kind]
    assert any(set(each) == set(FACTS["suggestions"][kind]["fields"]) for each in everything)


@pytest.mark.parametrize("kind", sorted(FACTS["suggestions"]))
def test_every_suggestion_is_sampled_with_its_required_fields_only(kind: str) -> None:
    everything = [each for path in REQUESTS for each in _suggestions(read(path)) if each["type"] == kind]
    assert any(set(each) == set(FACTS["suggestions"][kind]["required"]) for each in everything)


def _suggestions(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.get("suggestions", ())
        for each in value.values():
            yield from _suggestions(each)
    elif isinstance(value, list):
        for each in value:
            yield from _suggestions(each)


@pytest.mark.parametrize(("channel", "longest"), LONGEST_TEXTS.items())
def test_longest_text_of_a_channel_has_exactly_the_published_length(channel: str, longest: int) -> None:
    payload = read(SAMPLES / "v1/requests" / f"{channel}-text-longest-text.json")
    assert (len(payload["text"]), payload["text"].isascii()) == (longest, False)


@pytest.mark.each("path", [path for path in (*REQUESTS, *V0_1_REQUESTS) if "longest-" in path.stem])
def test_longest_sample_cannot_grow(path: Path) -> None:
    payload = read(path)
    version_faults = v0_1_faults if path in V0_1_REQUESTS else message_faults
    assert any(version_faults(grown) for grown in _with_one_value_grown(payload))


def _with_one_value_grown(value: Any) -> Iterator[Any]:
    """Yield copies in which one string is a character longer, or one integer greater by one."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from ({**value, key: grown} for grown in _with_one_value_grown(each))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from ([*value[:index], grown, *value[index + 1 :]] for grown in _with_one_value_grown(each))
    elif isinstance(value, str):
        yield value + "0"
    elif not isinstance(value, bool):
        yield value + 1


def test_longest_client_ref_has_exactly_100_characters() -> None:
    assert len(read(SAMPLES / "v1/requests/sms-text-longest-client-ref.json")["client_ref"]) == 100


@pytest.mark.each("path", IN_TABLE, ids=names(IN_TABLE))
def test_refused_v1_request_has_its_one_fault_by_the_table(path: Path) -> None:
    assert {fault.path for fault in message_faults(read(path))} == {REASONS[path.name]}


@pytest.mark.each("name", PROSE_RULES)
def test_refused_v1_request_breaks_the_prose_where_the_table_is_silent(name: str) -> None:
    payload = read(SAMPLES / "v1/refused" / f"{name}.json")
    value, (_, form) = value_at(payload, REASONS[f"{name}.json"]), PROSE_RULES[name]
    broken = value is not MISSING if form is None else not re.fullmatch(form, value)
    assert (message_faults(payload), broken) == ([], True)


def test_every_refused_v1_request_has_its_reason() -> None:
    assert sorted(REASONS) == [path.name for path in REFUSED]


@pytest.mark.each("kind", V0_1_ROWS)
def test_every_v0_1_row_has_a_minimal_and_a_full_sample(kind: str) -> None:
    stem = kind.replace(".", "-")
    assert {f"{stem}-minimal", f"{stem}-full"} <= set(names(V0_1_REQUESTS))


def test_v0_1_has_eighteen_rows() -> None:
    assert len(V0_1_ROWS) == 18


@pytest.mark.each("path", V0_1_REQUESTS, ids=names(V0_1_REQUESTS))
def test_v0_1_request_conforms(path: Path) -> None:
    assert v0_1_faults(read(path)) == []


@pytest.mark.each("path", V0_1_REFUSED, ids=names(V0_1_REFUSED))
def test_refused_v0_1_request_has_its_one_fault(path: Path) -> None:
    reason = V0_1_REASONS[path.name]
    faults = {fault.path for fault in v0_1_faults(read(path))}
    # An address under the wrong key is one mistake that shows twice: the right key is missing, the other unknown.
    assert reason in faults
    assert faults <= {reason, reason.rpartition(".")[0] + ".number"}


def test_every_refused_v0_1_request_has_its_reason() -> None:
    assert sorted(V0_1_REASONS) == [path.name for path in V0_1_REFUSED]


UPDATES = samples("v1/updates")


@pytest.mark.parametrize("path", UPDATES, ids=names(UPDATES))
def test_update_conforms_to_the_table(path: Path) -> None:
    assert value_faults(read(path), FACTS["update"][path.stem.partition("-")[0]]) == []


RESPONSES = [*samples("v1/responses"), *samples("v0.1/responses")]
PROBLEMS = [path for path in RESPONSES if path.stem.startswith("error-")]


@pytest.mark.each("path", PROBLEMS, ids=[f"{path.parts[-3]}-{path.stem}" for path in PROBLEMS])
def test_problem_holds_the_fields_of_section_14_and_no_more(path: Path) -> None:
    keys = set(read(path))
    assert {"type", "title", "instance"} <= keys <= {"type", "title", "detail", "instance", "invalid_parameters"}


@pytest.mark.each("status", [401, 402, 403, 404, 405, 406, 415, 422, 429, 451, 500])
def test_every_documented_error_status_has_a_problem(status: int) -> None:
    assert any(path.stem.startswith(f"error-{status}-") for path in samples("v1/responses"))


ACCEPTED = [path for path in RESPONSES if path.stem.startswith("accepted-")]


@pytest.mark.parametrize("path", ACCEPTED, ids=[f"{path.parts[-3]}-{path.stem}" for path in ACCEPTED])
def test_accepted_answer_holds_a_message_uuid(path: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", read(path)["message_uuid"])


def test_every_sample_has_its_row_in_the_list_of_sources() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| messages-|^\| `([^`]+)` \| v1-", _sources(), re.MULTILINE)
    held = [
        str(path.relative_to(SAMPLES).as_posix())
        for path in SAMPLES.rglob("*.json")
        if path.name != "REASONS.json"
        and path.parent.name not in {"facts", "webhooks"}  # those have a list of their own
    ]
    assert sorted(first or second for first, second in rows) == sorted(held)


def _sources() -> str:
    return (SAMPLES / "SOURCES.md").read_text(encoding="utf-8")


def _difference_rows() -> list[tuple[str, str]]:
    text = (SAMPLES / "DIFFERENCES.md").read_text(encoding="utf-8").partition("## What")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [
        (name, argument)
        for classes, arguments, *_ in rows
        for name in re.findall(r"`(\w+)`", classes)
        for argument in re.findall(r"`(\w+)`", arguments)
    ]


@pytest.mark.each(("name", "argument"), _difference_rows())
def test_listed_difference_names_an_argument_of_the_official_file(name: str, argument: str) -> None:
    models = read(SAMPLES / "facts" / "official-models.json")["models"]
    assert argument in models[name]
