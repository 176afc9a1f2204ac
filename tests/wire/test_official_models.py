"""
The models of the official synchronous SDK: each exists here and yields the same JSON for the same arguments.

Everything is driven by ``samples/facts/official-models.json``: the names, the keywords, the defaults and the wire
names. For each model the arguments are made from its field table, and the JSON that the official model would give is
worked out from the same table: fields by wire name, ``None`` left out, defaults in.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest

import vonage_messages
from vonage_messages import SendMessageResponse, SentMessage, to_payload

FACTS = json.loads(
    (Path(__file__).parents[1] / "samples" / "facts" / "official-models.json").read_text(encoding="utf-8")
)
MODELS: dict[str, dict[str, dict[str, Any]]] = FACTS["models"]

ENUMS: dict[str, list[str]] = {
    **FACTS["enums"],
    # The file refers to these three without listing them; their words are in Messages API v1, sections 6 and 13.
    "SuggestionType": [
        "reply",
        "dial",
        "view_location",
        "share_location",
        "open_url",
        "open_url_in_webview",
        "create_calendar_event",
    ],
    "UrlWebviewViewMode": ["FULL", "TALL", "HALF"],
    "ReplyingIndicatorType": ["text"],
}
ADDED: dict[str, set[str]] = {
    "ChannelType": {"email"},  # beta since 1.20, section 10
    "MessageType": {"reaction", "html"},  # sections 7 and 10
}
"""Words that the reference has and the official file lacks."""

REQUIRED_HERE = {("WhatsappCustom", "custom")}
"""What section 7 requires and the official class does not: its message without an object would be refused."""

ANSWERS = {"SendMessageResponse"}
"""What the platform answers: it is never sent, so it has no payload."""

SENT = [name for name in MODELS if name not in ANSWERS]


class Pair(NamedTuple):
    """The same value twice: as an argument, and as it stands in JSON."""

    argument: Any
    json: Any


# Arguments from the table ---------------------------------------------------------------------------------------


def build(name: str, *, everything: bool) -> Pair:
    """Construct the model of this package with the official keywords, beside the JSON of the official model."""
    arguments: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for keyword, field in MODELS[name].items():
        if not field["required"] and not everything and (name, keyword) not in REQUIRED_HERE:
            default = _default_json(field["schema"])
            if default is not None:
                expected[field["wire"]] = default
            continue
        pair = value_for(name, keyword, field["schema"])
        arguments[keyword] = pair.argument
        expected[field["wire"]] = pair.json
    return Pair(getattr(vonage_messages, name)(**arguments), expected)


def _default_json(schema: Mapping[str, Any]) -> Any:
    default = schema.get("default")
    if isinstance(default, dict):
        return {key: value for key, value in default.items() if value is not None}
    return default


def value_for(name: str, keyword: str, schema: Mapping[str, Any]) -> Pair:
    """Make a value that the schema of the field allows."""
    if (name, keyword) in SPECIAL:
        return SPECIAL[name, keyword]
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return _value_of(options[0], keyword, schema.get("default"))


def _value_of(option: Mapping[str, Any], keyword: str, default: object) -> Pair:
    if "$ref" in option:
        return _referred(option["$ref"].rpartition("/")[2], default)
    if option["type"] == "array":
        return _list_of(option, keyword)
    if option["type"] == "object":
        return Pair({"type": "note", "note": {"text": "x"}}, {"type": "note", "note": {"text": "x"}})
    if option["type"] == "boolean":
        return Pair(True, True)
    if option["type"] == "integer":
        return Pair(option["minimum"], option["minimum"])
    text = _text_of(option, keyword)
    return Pair(text, text)


def _referred(name: str, default: object) -> Pair:
    if name in ENUMS:
        word = default if isinstance(default, str) else ENUMS[name][0]
        return Pair(getattr(vonage_messages, name)(word), word)
    return build(name, everything=True)


def _list_of(option: Mapping[str, Any], keyword: str) -> Pair:
    """One item of every kind that the list may hold, and as many as it must hold."""
    kinds = option["items"].get("anyOf", [option["items"]])
    pairs = [_value_of(kind, keyword, None) for kind in kinds][: option.get("maxItems")]
    pairs += [pairs[-1]] * (option.get("minItems", 1) - len(pairs))
    return Pair([pair.argument for pair in pairs], [pair.json for pair in pairs])


def _text_of(option: Mapping[str, Any], keyword: str) -> str:
    if "enum" in option or "const" in option:
        return str(option.get("const") or option["enum"][-1])
    if keyword in {"to", "from_", "phone_number"}:
        return "447700900000" if "a-z" not in option.get("pattern", "") else "Acme"
    if keyword.endswith("url"):
        return "https://example.com/file"
    return {"duration": "30", "file_size": "5"}.get(keyword) or _instant_or_word(keyword)


def _instant_or_word(keyword: str) -> str:
    return "2026-12-24T18:00:00Z" if keyword.endswith("_time") else "word"


SPECIAL = {
    # Without a name, section 9 wants a file name with its extension.
    ("ViberFileResource", "url"): Pair("https://example.com/terms.pdf", "https://example.com/terms.pdf"),
}


# The walk -------------------------------------------------------------------------------------------------------


@pytest.mark.each("name", ENUMS)
def test_enum_has_the_official_words_under_the_official_names(name: str) -> None:
    enum = getattr(vonage_messages, name)
    assert issubclass(enum, StrEnum)
    assert {str(word) for word in enum} == {*ENUMS[name], *ADDED.get(name, set())}


def test_every_enum_that_a_model_refers_to_is_known() -> None:
    referred = {word.rpartition("/")[2] for word in json.dumps(MODELS).split('"') if word.startswith("#/$defs/")}
    assert referred <= {*ENUMS, *MODELS}


@pytest.mark.each("name", MODELS)
def test_model_is_public(name: str) -> None:
    assert name in vonage_messages.__all__
    assert inspect.isclass(getattr(vonage_messages, name))


@pytest.mark.each("name", MODELS)
def test_model_takes_every_official_keyword(name: str) -> None:
    parameters = inspect.signature(getattr(vonage_messages, name)).parameters
    assert set(MODELS[name]) <= set(parameters)


@pytest.mark.each("name", MODELS)
def test_keyword_that_is_optional_officially_is_optional_here(name: str) -> None:
    parameters = inspect.signature(getattr(vonage_messages, name)).parameters
    required_here = {
        key for key, each in parameters.items() if each.default is each.empty and each.kind is each.KEYWORD_ONLY
    }
    required_there = {keyword for keyword, field in MODELS[name].items() if field["required"]}
    assert {(name, keyword) for keyword in required_here - required_there} == {
        pair for pair in REQUIRED_HERE if pair[0] == name
    }


@pytest.mark.each("name", SENT)
def test_minimal_arguments_give_the_official_json(name: str) -> None:
    value, expected = build(name, everything=False)
    assert to_payload(value) == expected


@pytest.mark.each("name", SENT)
def test_all_arguments_give_the_official_json(name: str) -> None:
    value, expected = build(name, everything=True)
    assert to_payload(value) == expected


@pytest.mark.each("name", SENT)
def test_plain_json_in_place_of_nested_models_gives_the_official_json(name: str) -> None:
    _, expected = build(name, everything=True)
    arguments = {keyword: expected[field["wire"]] for keyword, field in MODELS[name].items()}
    assert to_payload(getattr(vonage_messages, name)(**arguments)) == expected


@pytest.mark.each("name", SENT)
def test_none_for_an_optional_argument_is_left_out(name: str) -> None:
    value, expected = build(name, everything=True)
    cleared = {
        keyword: field["wire"]
        for keyword, field in MODELS[name].items()
        if field["schema"].get("default", "") is None and (name, keyword) not in REQUIRED_HERE
    }
    left = {wire: each for wire, each in expected.items() if wire not in cleared.values()}
    assert to_payload(attrs.evolve(value, **dict.fromkeys(cleared))) == left


def test_further_keys_of_a_template_are_kept_as_the_official_model_keeps_them() -> None:
    resource = vonage_messages.WhatsappTemplateResource(name="verify", parameters=["42"], namespace="shop")
    assert to_payload(resource) == {"name": "verify", "parameters": ["42"], "namespace": "shop"}


def test_receipt_is_constructed_and_read_as_the_official_answer() -> None:
    assert SendMessageResponse is SentMessage
    answer = SendMessageResponse(
        message_uuid="aaaa", workflow_id="3TcNjguHxr2vcCZ9Ddsnq6tw8yQUpZ9rMHv9QXSxLan5ibMxqSzLdx9"
    )
    assert (answer.message_uuid, answer.workflow_id) == (
        "aaaa",
        "3TcNjguHxr2vcCZ9Ddsnq6tw8yQUpZ9rMHv9QXSxLan5ibMxqSzLdx9",
    )
    assert SendMessageResponse(message_uuid="aaaa").workflow_id is None
