"""
The OpenAPI document of the simulated API, made from the very rules by which the simulator judges. Pure.

What the rules say and JSON Schema cannot is in a field's description: of which kind the file behind a URL may be, that
a text is one emoji, between which numbers the digits of a string lie. There the schema lets more through than the
simulator does; it never refuses what the simulator accepts.
"""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from vonage_messages.simulator.forms import FORM_PATTERNS
from vonage_messages.simulator.openapi_management import management_paths, management_schemas, object_schema
from vonage_messages.simulator.rules import v0_1_rules, v1_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vonage_messages.simulator.rules import MessageRules, Node

_URL_PATTERN: Final = r"^[hH][tT][tT][pP][sS]?://[^\x00-\x20\x7f<>\"]+$"
_AS_THEY_ARE: Final = ("enum", "minLength", "maxLength", "pattern", "minItems", "maxItems", "default", "deprecated")
_SCHEMAS: Final = "#/components/schemas/"
_PROBLEM: Final = "application/problem+json"
_JSON: Final = "application/json"
_MESSAGE_UUID: Final = {"name": "message_uuid", "in": "path", "required": True, "schema": {"type": "string"}}


def messages_document(url: str, version: str) -> dict[str, Any]:
    """Describe the simulated API that is served at *url* by *version* of this package."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Messages API, simulated",
            "version": version,
            "summary": "The Messages API as vonage_messages.simulator answers it.",
            "description": "Made from the rules by which the simulator judges. Its control API is described by "
            "`/_simulator/openapi.json`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": {**_paths(), **management_paths()},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "basic": {"type": "http", "scheme": "basic"},
            },
            "headers": {
                "RequestId": {"description": "For support tickets", "required": True, "schema": {"type": "string"}}
            },
            "schemas": schemas(),
        },
    }


@cache
def schemas() -> dict[str, Any]:
    """Make the schema of everything that is sent and answered."""
    v1, v0_1 = v1_rules(), v0_1_rules()
    updates = {f"Update{_camel(name)}": _whole(rules) for name, rules in v1.updates.items()}
    return {
        "Message": _one_of(v1.messages, "v1"),
        "MessageV01": _one_of(v0_1.messages, "v0.1"),
        "Suggestion": _one_of(v1.suggestions, "suggestion"),
        "Update": {"anyOf": [{"$ref": _SCHEMAS + name} for name in updates]},
        "Accepted": _accepted(),
        "AcceptedV01": object_schema({"message_uuid": {"type": "string"}}, ["message_uuid"]),
        "Problem": _problem(lists_parameters=False),
        "ProblemWithParameters": _problem(lists_parameters=True),
        **management_schemas(),
        **updates,
        **_named(v1.messages, "v1"),
        **_named(v0_1.messages, "v0.1"),
        **_named(v1.suggestions, "suggestion"),
    }


def _paths() -> dict[str, Any]:
    return {**_paths_of_messages(), **_path_of_media()}


def _paths_of_messages() -> dict[str, Any]:
    return {
        "/v1/messages": {
            "post": {
                "operationId": "send_message",
                "summary": "Send a message, with a failover chain or without",
                "requestBody": _body("Message"),
                "responses": _responses({"202": _answer("Accepted", "Accepted")}, 422),
            }
        },
        "/v1/messages/{message_uuid}": {
            "patch": {
                "operationId": "update_message",
                "summary": "Mark an inbound message as read, or revoke an RCS message",
                "security": [{"bearer": []}],
                "parameters": [_MESSAGE_UUID],
                "requestBody": _body("Update"),
                "responses": _responses({"202": {"description": "Updated", "headers": _headers()}}, 422, 404),
            }
        },
        "/v0.1/messages": {
            "post": {
                "operationId": "send_message_v0_1",
                "summary": "Send a message in the older shape",
                "requestBody": _body("MessageV01"),
                "responses": _responses({"202": _answer("AcceptedV01", "Accepted")}, 400),
            }
        },
    }


def _path_of_media() -> dict[str, Any]:
    return {
        "/v3/media/{message_uuid}": {
            "get": {
                "operationId": "give_media",
                "summary": "Give the file of an inbound message, for 48 hours",
                "security": [{}, {"bearer": []}],
                "parameters": [_MESSAGE_UUID],
                "responses": {
                    "200": {"description": "The file", "headers": _headers(), "content": {"*/*": {}}},
                    **{str(status): _refused(status) for status in (401, 404)},
                    "default": _refused(500),
                },
            }
        },
    }


def _body(name: str) -> dict[str, Any]:
    return {"required": True, "content": {_JSON: {"schema": {"$ref": _SCHEMAS + name}}}}


def _responses(accepted: dict[str, Any], wrong: int, *others: int) -> dict[str, Any]:
    """List the answers of an operation that takes a body; *wrong* is the status of a body that is not right."""
    refused = sorted({401, 402, 405, 413, 415, 429, 500, wrong, *others})
    return {**accepted, **{str(status): _refused(status) for status in refused}, "default": _refused(500)}


def _refused(status: int) -> dict[str, Any]:
    lists_parameters = status == HTTPStatus.UNPROCESSABLE_ENTITY
    content_type = _JSON if status in {400, 422} else _PROBLEM
    name = "ProblemWithParameters" if lists_parameters else "Problem"
    return _answer(name, HTTPStatus(status).phrase, content_type)


def _answer(name: str, description: str, content_type: str = _JSON) -> dict[str, Any]:
    return {
        "description": description,
        "headers": _headers(),
        "content": {content_type: {"schema": {"$ref": _SCHEMAS + name}}},
    }


def _headers() -> dict[str, Any]:
    return {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}


def _accepted() -> dict[str, Any]:
    workflow = {"type": "string", "description": "Where there was a failover chain"}
    return object_schema({"message_uuid": {"type": "string"}, "workflow_id": workflow}, ["message_uuid"])


def _problem(*, lists_parameters: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {name: {"type": "string"} for name in ("type", "title", "detail", "instance")}
    if lists_parameters:
        parameter = object_schema({"name": {"type": "string"}, "reason": {"type": "string"}}, ["name", "reason"])
        properties["invalid_parameters"] = {"type": "array", "items": parameter}
    return object_schema(properties, ["type", "title", "instance"])


def _one_of(rules: Mapping[str, MessageRules], kind: str) -> dict[str, Any]:
    return {"oneOf": [{"$ref": _SCHEMAS + _name(each, kind)} for each in rules]}


def _named(rules: Mapping[str, MessageRules], kind: str) -> dict[str, Any]:
    return {_name(name, kind): _whole(each) for name, each in rules.items()}


def _name(rule: str, kind: str) -> str:
    """Name a schema: ``SmsText``, ``SmsTextV01``, ``SuggestionReply``."""
    if kind == "suggestion":
        return f"Suggestion{_camel(rule)}"
    return _camel(rule) + ("V01" if kind == "v0.1" else "")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[._]", name))


def _whole(rules: MessageRules) -> dict[str, Any]:
    schema = _object_of(rules.root)
    schema.setdefault("allOf", []).extend(_conditions(rules.root, ""))
    for group in _parents(rules.one_of):
        schema["allOf"].append(group)
    if not schema["allOf"]:
        del schema["allOf"]
    return schema


def _object_of(node: Node) -> dict[str, Any]:
    """Describe an object, or each object of an array."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _value_of(child) for name, child in node.children.items()},
        "required": [name for name, child in node.children.items() if child.required],
    }
    if not node.rule.get("additionalProperties"):
        schema["additionalProperties"] = False
    return schema


def _value_of(node: Node) -> dict[str, Any]:
    rule = node.rule
    match rule["type"]:
        case "object":
            return _object_of(node)
        case "array":
            return _array_of(node)
        case "string":
            return _string_of(rule)
        case "any":
            return {}
        case _:
            bounds = {name: rule[name] for name in ("minimum", "maximum") if name in rule}
            return {"type": rule["type"], **_kept(rule), **bounds}


def _array_of(node: Node) -> dict[str, Any]:
    return {"type": "array", **_kept(node.rule), "items": _item_of(node)}


def _item_of(node: Node) -> dict[str, Any]:
    match node.rule["items"]:
        case "any":
            return {}
        case "string":
            form = node.rule.get("itemForm")
            return {"type": "string", **({"pattern": FORM_PATTERNS[form]} if form else {})}
        case "suggestions":
            return {"$ref": _SCHEMAS + "Suggestion"}
        case "messages":
            return {"$ref": _SCHEMAS + "Message", "not": {"required": ["failover"]}}
        case _:
            schema = _object_of(node)
            conditions = list(_conditions(node, f"{node.path}[]."))
            return {**schema, "allOf": conditions} if conditions else schema


def _string_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", **_kept(rule)}
    if "enum" in rule:
        return {name: schema[name] for name in schema if name not in {"minLength", "maxLength"}}
    patterns = list(_patterns(rule))
    if len(patterns) > 1:
        schema.pop("pattern", None)
        schema["allOf"] = [{"pattern": pattern} for pattern in patterns]
    elif patterns:
        schema["pattern"] = patterns[0]
    if rule.get("format") == "date-time":
        schema["format"] = "date-time"
    said = list(_said(rule))
    return {**schema, "description": "; ".join(said)} if said else schema


def _patterns(rule: Mapping[str, Any]) -> Iterator[str]:
    if "pattern" in rule:
        yield rule["pattern"]
    if rule.get("form") in FORM_PATTERNS:
        yield FORM_PATTERNS[rule["form"]]
    if "noPrefix" in rule:
        yield f"^(?!{'|'.join(re.escape(prefix) for prefix in rule['noPrefix'])})"
    if rule.get("format") == "url":
        yield _URL_PATTERN
    if "minimum" in rule:
        yield "^[0-9]{1,9}$"


def _said(rule: Mapping[str, Any]) -> Iterator[str]:
    """Say what a schema cannot, or says in signs."""
    if rule.get("format") == "url":  # no format: "uri" would refuse the letters that the simulator lets through
        yield "An absolute URL, http or https"
    if rule.get("form") == "one-emoji":
        yield "Exactly one emoji"
    if "extensions" in rule:
        yield "The file behind it is one of " + ", ".join(f".{each}" for each in rule["extensions"])
    if "minimum" in rule:
        yield f"A number, {rule['minimum']} to {rule['maximum']}, in digits"
    if "fileNameUnless" in rule:
        yield f"Ends in a file name with its extension where {rule['fileNameUnless']} is absent"


def _kept(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rule[name] for name in _AS_THEY_ARE if name in rule}


def _conditions(node: Node, scope: str) -> Iterator[dict[str, Any]]:
    """
    Write the duties below *node* that hang on another field: ``if`` it has that value, ``then`` …

    *scope* is the path of the node with a dot behind it: paths of the table begin at the message.
    """
    for child in node.children.values():
        required, absent = child.rule.get("requiredWhen"), child.rule.get("absentWhen")
        where = child.path.removeprefix(scope)
        above, _, name = where.rpartition(".")
        if required is not None:
            yield {"if": _holds(required, scope), "then": _at(above, {"required": [name]})}
        if absent is not None:
            yield {"if": _holds(absent, scope), "then": _at(above, {"properties": {name: False}})}
        if child.rule["type"] == "object":  # what is below an array is written there
            yield from _conditions(child, scope)


def _holds(condition: Mapping[str, Any], scope: str) -> dict[str, Any]:
    *above, name = condition["path"].removeprefix(scope).split(".")
    schema: dict[str, Any] = {"type": "object", "required": [name]}
    if "equals" in condition:
        schema["properties"] = {name: {"const": condition["equals"]}}
    for step in reversed(above):
        schema = {"type": "object", "required": [step], "properties": {step: schema}}
    return schema


def _at(path: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Say *schema* of what stands at *path*, where there is anything."""
    for step in reversed(path.split(".") if path else []):
        schema = {"properties": {step: schema}}
    return schema


def _parents(groups: tuple[tuple[str, ...], ...]) -> Iterator[dict[str, Any]]:
    """Write that exactly one group of fields is present below their parent."""
    if not groups:
        return
    above = groups[0][0].rpartition(".")[0]
    names = [[path.rpartition(".")[2] for path in group] for group in groups]
    yield _at(above, {"oneOf": [{"required": group} for group in names]})
