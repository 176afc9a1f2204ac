"""A caller of the control API that checks every answer against the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import attrs
import jsonschema_rs
import pytest

from vonage_messages.simulator import Simulator
from vonage_messages.simulator.control.schema import document


def check_answer(method: str, path: str, status: int, content_type: str, body: str) -> None:
    """Compare an answer with what the document says of the operation at *path*."""
    operation = next(
        operations[method]
        for template, operations in document()["paths"].items()
        if matches(template, path) and method in operations
    )
    response = operation["responses"].get(str(status), operation["responses"]["default"])
    response = document()["components"]["responses"]["Problem"] if "$ref" in response else response
    if "content" not in response:
        assert body == ""
        return
    schema = {**response["content"][content_type]["schema"], "components": document()["components"]}
    checker = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [error.message for error in checker.iter_errors(json.loads(body))] == []


def matches(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.partition("?")[0].split("/")
    return len(wanted) == len(given) and all(a == b or a.startswith("{") for a, b in zip(wanted, given, strict=True))


@attrs.frozen(kw_only=True)
class Control:
    """Asks the control API of one simulator."""

    simulator: Simulator
    session: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        if body is not None:
            options["json"] = body
        async with self.session.request(method, f"{self.simulator.url}{path}", **options) as response:
            text = await response.text()
            check_answer(method, path, response.status, response.content_type, text)
            return response.status, json.loads(text) if text else None

    async def get(self, path: str, **query: Any) -> Any:
        status, answer = await self("get", f"/_simulator/{path}", params=query)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        status, answer = await self("post", f"/_simulator/{path}", body)
        assert status < 300, answer
        return answer


@pytest.fixture
async def control(simulator: Simulator, session: aiohttp.ClientSession) -> Control:
    return Control(simulator=simulator, session=session)


@pytest.fixture
def send(session: aiohttp.ClientSession, basic: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    """Send an SMS to a simulator, with other members where they are given."""

    async def send_one(simulator: Simulator, **changed: Any) -> str:
        sms = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
        async with session.post(
            f"{simulator.url}/v1/messages", json={**sms, **changed}, headers=basic(simulator)
        ) as response:
            assert response.status == 202
            uuid: str = (await response.json())["message_uuid"]
            return uuid

    return send_one
