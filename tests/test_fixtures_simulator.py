"""
What the simulator answers, beside the documents of official tests and documents, where they lie beside the repository.

Each document is provoked for real and compared: the same members, type and title, and a detail that is the same or goes
on after it. What the simulator does not answer, or words otherwise, is named in ``docs/simulator-fidelity.md``. The
requests are in ``test_fixtures.py``. Where there is no folder of fixtures nothing is collected here.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import attrs
import jwt
import pytest

from vonage_messages.simulator import Simulator

_BESIDE = Path(__file__).parents[2] / "shared" / "fixtures"
FIXTURES = Path(os.environ.get("VONAGE_FIXTURES") or _BESIDE)
FIDELITY = Path(__file__).parents[1] / "docs" / "simulator-fidelity.md"

__test__ = FIXTURES.is_dir()
"""Read by pytest: without the folder the module collects nothing, and skips nothing."""

SMS: dict[str, Any] = {
    "channel": "sms",
    "message_type": "text",
    "to": "447700900000",
    "from": "Acme",
    "text": "Hello",
}
MESSENGER = SMS | {"channel": "messenger", "to": "7064120230221346", "from": "107083064136738"}
V0_1 = {
    "to": {"type": "sms", "number": "447700900000"},
    "from": {"type": "sms", "number": "Acme"},
    "message": {"content": {"type": "text", "text": "Hello"}},
}


def basic(simulator: Simulator) -> dict[str, str]:
    pair = f"{simulator.api_key}:{simulator.api_secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def bearer(simulator: Simulator, application_id: str | None = None) -> dict[str, str]:
    claims = {
        "application_id": application_id or simulator.application_id,
        "iat": int(time.time()),
        "jti": str(uuid4()),
    }
    return {"Authorization": "Bearer " + jwt.encode(claims, simulator.private_key, algorithm="RS256")}


@attrs.frozen
class Provoked:
    """A request that is answered with a document, and what is made ready before it."""

    body: Any = SMS
    path: str = "/v1/messages"
    method: str = "POST"
    headers: Callable[[Simulator], dict[str, str]] = basic
    before: Callable[[Simulator], object] = lambda _: None


UPDATE = Provoked({"status": "read"}, "/v1/messages/asdf", "PATCH", bearer)


def _with_inbound(simulator: Simulator) -> None:
    simulator.state.add_inbound("sms", "known")


def _without_money(simulator: Simulator) -> None:
    simulator.balance.amount = Decimal(0)


PROVOKED: dict[str, Provoked] = {
    "v1/accepted-202": Provoked(),
    "v1/accepted-202-mms": Provoked(SMS | {"channel": "mms", "to": "14155550101", "from": "14155550100"}),
    "v1/accepted-202-messenger": Provoked(MESSENGER | {"failover": [SMS]}),
    "v1/accepted-202-with-workflow": Provoked(SMS | {"failover": [SMS]}),
    "v1/error-401-unauthorized-invalid-application": Provoked(headers=lambda each: bearer(each, "unknown")),
    "v1/error-401-unauthorized-missing-credentials": Provoked(headers=lambda _: {}),
    "v1/error-402-payment-required": Provoked(before=_without_money),
    "v1/error-404-update-unknown-message": UPDATE,
    "v1/error-422-channel-params": Provoked(MESSENGER | {"messenger": {"category": "else"}}),
    "v1/error-422-invalid-json": Provoked('{"a" "b"}'),
    "v1/error-422-invalid-messenger-tag": Provoked(MESSENGER | {"messenger": {"category": "message_tag"}}),
    "v1/error-422-recipient": Provoked(SMS | {"to": "+"}),
    "v1/error-422-unsupported-operation": Provoked(
        {"status": "read"}, "/v1/messages/known", "PATCH", bearer, before=_with_inbound
    ),
    "v1/error-429-generic": Provoked(before=lambda each: each.faults.add("throttle")),
    "v1/error-500-internal": Provoked(before=lambda each: each.faults.add("error")),
    "v0.1/accepted-202": Provoked(V0_1, "/v0.1/messages"),
    "v0.1/error-400-invalid-params": Provoked(V0_1 | {"to": 1}, "/v0.1/messages"),
}
NAMED: dict[str, str] = {
    "v1/error-401-generic": "An older sample of 401",
    "v1/error-403-generic": "It gives no 403, 406 or 451",
    "v1/error-404-not-found": '"External Id not found for message"',
    "v1/error-422-client-reference": "its document says 100",
    "v1/error-422-message-type": "The message-type document speaks of `message_type`",
    "v1/error-500-generic": "other 500 document of the samples",
}
"""What the simulator answers otherwise or not at all, with the words that say so in the table of its fidelity."""


def files() -> dict[str, Path]:
    return {f"{path.parts[-3]}/{path.stem}": path for path in sorted(FIXTURES.glob("v*/responses/*.json"))}


def test_every_document_is_provoked_or_named() -> None:
    assert set(files()) == set(PROVOKED) | set(NAMED)
    assert not set(PROVOKED) & set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_answered_otherwise_is_in_the_table(name: str) -> None:
    assert NAMED[name] in " ".join(FIDELITY.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("name", PROVOKED)
async def test_simulator_answers_with_the_document(name: str) -> None:
    provoked = PROVOKED[name]
    expected = json.loads(files()[name].read_text(encoding="utf-8"))
    body = provoked.body if isinstance(provoked.body, str) else json.dumps(provoked.body)
    async with Simulator() as simulator, aiohttp.ClientSession() as session:
        provoked.before(simulator)
        headers = {**provoked.headers(simulator), "Content-Type": "application/json"}
        async with session.request(
            provoked.method, simulator.url + provoked.path, data=body, headers=headers
        ) as response:
            document = await response.json(content_type=None)
            assert response.status == int(name.split("-")[1])
    assert set(document) == set(expected)
    assert (document.get("type"), document.get("title")) == (expected.get("type"), expected.get("title"))
    if name != "v1/error-422-invalid-json":  # the words of a decoder
        assert document.get("detail", "").startswith(expected.get("detail", ""))
    listed = [each["name"] for each in document.get("invalid_parameters", ())]
    assert listed == [each["name"] for each in expected.get("invalid_parameters", ())]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("v1/requests/update-*.json")), ids=lambda path: path.stem)
async def test_simulator_accepts_every_update(path: Path) -> None:
    await _update(path.stem.split("-")[1], path.read_bytes())  # noqa: ASYNC240  a few bytes


async def _update(channel: str, body: bytes) -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as session:
        message_uuid = simulator.state.add_inbound(channel)
        if json.loads(body)["status"] == "revoked":
            rcs = SMS | {"channel": "rcs"}
            async with session.post(f"{simulator.url}/v1/messages", json=rcs, headers=basic(simulator)) as response:
                message_uuid = (await response.json())["message_uuid"]
        headers = {**bearer(simulator), "Content-Type": "application/json"}
        url = f"{simulator.url}/v1/messages/{message_uuid}"
        async with session.patch(url, data=body, headers=headers) as response:
            assert (response.status, await response.read()) == (202, b"")
