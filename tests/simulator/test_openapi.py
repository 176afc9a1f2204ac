"""The OpenAPI document of the simulated API says what the simulator does."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from vonage_messages.simulator import Simulator
from vonage_messages.simulator.forms import _FORMS, FORM_PATTERNS
from vonage_messages.simulator.openapi import messages_document, schemas
from vonage_messages.simulator.rules import v0_1_rules, v1_rules
from vonage_messages.simulator.validate import validate_v0_1, validate_v1

SAMPLES = sorted((Path(__file__).parent.parent / "samples").rglob("*.json"))
DOCUMENT = messages_document("http://127.0.0.1:1", "1")


@cache
def checker(name: str) -> jsonschema_rs.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


def payloads() -> Iterator[tuple[str, Any]]:
    for path in SAMPLES:
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            yield str(path.relative_to(path.parent.parent)), value


ACCEPTED = {
    "Message": [value for _, value in payloads() if not validate_v1(value)],
    "MessageV01": [value for _, value in payloads() if not validate_v0_1(value)],
}
VALIDATE = {"Message": validate_v1, "MessageV01": validate_v0_1}


def test_the_document_is_one() -> None:
    validate(DOCUMENT)  # type: ignore[arg-type]


def test_every_rule_has_a_schema() -> None:
    names = {"".join(part.capitalize() for part in name.replace("_", ".").split(".")) for name in v1_rules().messages}
    assert names <= set(schemas())
    assert len(schemas()["Message"]["oneOf"]) == len(v1_rules().messages)
    assert len(schemas()["MessageV01"]["oneOf"]) == len(v0_1_rules().messages)


@pytest.mark.parametrize("name", ["Message", "MessageV01"])
def test_what_the_simulator_accepts_the_schema_accepts(name: str) -> None:
    assert len(ACCEPTED[name]) >= 15
    check = checker(name)
    assert [error.message for value in ACCEPTED[name] for error in check.iter_errors(value)] == []


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give every member of a payload: what holds it, and its key."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in list(members):
        yield value, key
        yield from places(member)


@pytest.mark.parametrize("name", ["Message", "MessageV01"])
@given(data=st.data())
def test_what_the_schema_refuses_the_simulator_refuses(name: str, data: st.DataObject) -> None:
    payload = copy.deepcopy(data.draw(st.sampled_from(ACCEPTED[name])))
    holder, key = data.draw(st.sampled_from(list(places(payload))))
    if data.draw(st.booleans()):
        del holder[key]
    else:
        odd = st.sampled_from(
            [
                None,
                True,
                "https://é.example/ü.jpg",
                0,
                -1,
                10**9,
                "",
                "+1",
                "00",
                "a b",
                "é" * 5000,
                [],
                {},
                "x\n",
                1.5,
                "44",
            ]
        )
        holder[key] = data.draw(odd | st.text(max_size=20))
    # JSON Schema counts 1.0 among the whole numbers; the simulator does not, and never the other way round.
    if not checker(name).is_valid(payload):
        assert VALIDATE[name](payload)


@pytest.mark.each(
    ("channel_and_type", "changed"),
    [
        ("sms.text", {"text": 5}),
        ("sms.text", {"colour": "red"}),
        ("sms.text", {"to": "+447700900000"}),
        ("sms.text", {"to": "00447700900000"}),
        ("sms.text", {"ttl": 5}),
        ("sms.text", {"channel": "smoke"}),
        ("sms.text", {"failover": []}),
        ("sms.text", {"failover": [{"channel": "sms"}]}),
        ("mms.image", {"image": {}}),
        ("mms.image", {"image": {"url": "ftp://example.com/a.jpg"}}),
        ("whatsapp.sticker", {"sticker": {}}),
        ("whatsapp.sticker", {"sticker": {"url": "https://example.com/a.webp", "id": "1"}}),
        ("whatsapp.reaction", {"reaction": {"action": "react"}}),
        ("whatsapp.reaction", {"reaction": {"action": "unreact", "emoji": "\U0001f600"}}),
        ("messenger.text", {"messenger": {"category": "message_tag"}}),
        ("viber_service.image", {"viber_service": {"action": {"url": "https://example.com", "text": "Go"}}}),
        ("email.content", {"content": [{"type": "html", "text": "Hello"}]}),
        ("rcs.card", {"rcs": {"card_orientation": "HORIZONTAL"}}),
    ],
)
def test_the_schema_knows_the_rule(channel_and_type: str, changed: dict[str, Any]) -> None:
    channel, _, message_type = channel_and_type.partition(".")
    payload = next(
        copy.deepcopy(each)
        for each in ACCEPTED["Message"]
        if (each["channel"], each["message_type"]) == (channel, message_type)
    )
    if channel_and_type == "viber_service.image":
        payload["image"].pop("caption", None)
    payload.update(changed)
    assert validate_v1(payload), "the simulator accepts it: this is no example"
    assert not checker("Message").is_valid(payload)


def test_every_form_but_the_emoji_has_a_pattern() -> None:
    assert set(_FORMS) - set(FORM_PATTERNS) == {"one-emoji"}


@given(form=st.sampled_from(sorted(FORM_PATTERNS)), data=st.data())
def test_a_pattern_is_no_stricter_than_its_form(form: str, data: st.DataObject) -> None:
    value = data.draw(
        st.from_regex(FORM_PATTERNS[form], fullmatch=True)
        | st.text("0123456789+.-_@&aZ /:%é\n\\", max_size=18)
        | st.sampled_from(["447700900000", "US.ENT.12", "Acme", "0154", "a@b.de", "https://example.com/a", "viber://x"])
    )
    schema = jsonschema_rs.Draft202012Validator({"type": "string", "pattern": FORM_PATTERNS[form]})
    if _FORMS[form](value) is None:
        assert schema.is_valid(value)


def check_answer(operation: dict[str, Any], response: aiohttp.ClientResponse, body: bytes) -> None:
    answer = operation["responses"][str(response.status)]
    assert "X-Request-Id" in response.headers
    if "content" not in answer:
        assert body == b""
        return
    schema = answer["content"][response.content_type]["schema"]
    check = jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    assert [error.message for error in check.iter_errors(json.loads(body))] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "/v1/messages", "sms", 202),
        ("post", "/v1/messages", "chain", 202),
        ("post", "/v1/messages", {}, 422),
        ("post", "/v1/messages", {"channel": "sms", "message_type": "text", "text": 5}, 422),
        ("post", "/v0.1/messages", {}, 400),
        ("patch", "/v1/messages/known", {"status": "read"}, 202),
        ("patch", "/v1/messages/known", {"status": "revoked"}, 422),
        ("patch", "/v1/messages/unknown", {"status": "read"}, 404),
    ],
)
async def test_every_answer_is_the_one_of_the_document(  # noqa: PLR0913, PLR0917  the fixtures of a request
    simulator: Simulator,
    session: aiohttp.ClientSession,
    bearer: Callable[..., dict[str, str]],
    sms: dict[str, Any],
    method: str,
    path: str,
    body: Any,
    status: int,
) -> None:
    simulator.state.add_inbound("whatsapp", "known")
    named = {"sms": sms, "chain": {**sms, "failover": [sms]}}
    body = named.get(body, body) if isinstance(body, str) else body
    template = "/v1/messages/{message_uuid}" if method == "patch" else path
    async with session.request(method, simulator.url + path, json=body, headers=bearer(simulator)) as response:
        assert response.status == status
        check_answer(DOCUMENT["paths"][template][method], response, await response.read())


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{}", 401),
        ({"Authorization": "Basic bm86bm8="}, b"{}", 401),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({}, b"no json", 422),
        ({}, b" " * 5000, 413),
    ],
)
async def test_what_is_refused_before_it_is_read_is_in_the_document(
    session: aiohttp.ClientSession,
    basic: Callable[..., dict[str, str]],
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    async with Simulator(body_limit=4096) as simulator:
        known = {} if status == 401 else basic(simulator)
        sent = {"Content-Type": "application/json", **known, **headers}
        async with session.post(f"{simulator.url}/v1/messages", data=body, headers=sent) as response:
            assert response.status == status
            check_answer(DOCUMENT["paths"]["/v1/messages"]["post"], response, await response.read())


@pytest.mark.parametrize(("fault", "status"), [("throttle", 429), ("low_balance", 402), ("error", 500)])
async def test_what_a_fault_answers_is_in_the_document(  # noqa: PLR0913, PLR0917  the fixtures of a request
    simulator: Simulator,
    session: aiohttp.ClientSession,
    basic: Callable[..., dict[str, str]],
    sms: dict[str, Any],
    fault: str,
    status: int,
) -> None:
    simulator.faults.add(fault)
    async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=basic(simulator)) as response:
        assert response.status == status
        check_answer(DOCUMENT["paths"]["/v1/messages"]["post"], response, await response.read())


async def test_the_routes_are_those_of_the_documents(simulator: Simulator) -> None:
    """Every route of the simulator stands in one of the two documents, and every operation has a route."""
    from vonage_messages.simulator.control.schema import document  # noqa: PLC0415  the other document

    assert simulator._runner is not None
    described = {
        (method.upper(), path)
        for paths in (DOCUMENT["paths"], document()["paths"])
        for path, operations in paths.items()
        for method in operations
    }
    served = {
        (route.method, route.resource.canonical)
        for route in simulator._runner.app.router.routes()
        if route.resource is not None
    }
    for resource in simulator._runner.app.router.resources():
        if resource.canonical == "/_simulator":
            served |= {(route.method, route.resource.canonical) for route in resource}  # type: ignore[attr-defined]
    served = {
        each for each in served if each[1] == "/openapi.json" or each[1].startswith(("/_simulator", "/v", "/beta"))
    }
    assert served == described


async def test_the_document_is_served_with_the_address_of_the_simulator(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    async with session.get(f"{simulator.url}/openapi.json") as response:
        served = await response.json()
    assert served["servers"] == [{"url": simulator.url}]
    assert served["paths"] == DOCUMENT["paths"]
