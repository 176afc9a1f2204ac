"""
The payloads of official tests, snippets and documents, where they lie beside the repository.

They are no part of it: this is the one module that looks for them, in ``../shared/fixtures`` or in the folder that
the environment variable ``VONAGE_FIXTURES`` names. Where there is no such folder nothing is collected here, and the
samples in ``tests/samples`` carry the load alone.
"""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from vonage_messages import errors, migrate
from vonage_messages.errors import APIError, InvalidMessageError
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.inbox.blocks import Code
from vonage_messages.simulator.inbox.drawing import draw
from vonage_messages.simulator.inbox.snippets import as_python
from vonage_messages.simulator.validate import validate_v1, validate_webhook
from vonage_messages.wire.payloads import from_payload, to_json, to_payload
from vonage_messages.wire.rest import SentMessage, read_send_response

_BESIDE = Path(__file__).parents[2] / "shared" / "fixtures"
FIXTURES = Path(os.environ.get("VONAGE_FIXTURES") or _BESIDE)

__test__ = FIXTURES.is_dir()
"""Read by pytest: without the folder the module collects nothing, and skips nothing."""

DEPARTURES: dict[str, set[str]] = {
    "rcs-card-full-request.json": {"rcs.category"},
    "rcs-carousel-full-request.json": {"rcs.category", "carousel.cards"},
    "rcs-carousel-request.json": {"carousel.cards"},
    "rcs-custom-raw-full-request.json": {"rcs.category"},
    "rcs-file-full-request.json": {"rcs.category"},
    "rcs-image-failover-sms-request.json": {"image.caption"},
    "rcs-image-full-request.json": {"rcs.category"},
    "rcs-text-full-request.json": {"rcs.category"},
    "sms-text-with-pool-id-request.json": {"pool_id"},
    "viber-video-all-options-request.json": {"video.duration", "video.file_size"},
    "whatsapp-template-template-with-context-request.json": {
        "template.parameters[0]",
        "template.parameters[1]",
        "template.parameters[2]",
    },
}
"""Each v1 request that the index marks as departing from the reference, with the paths that are wrong in it."""

_ERROR_CLASSES: dict[int, type[APIError]] = {
    400: errors.ValidationError,
    401: errors.AuthenticationError,
    402: errors.PaymentRequiredError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    422: errors.ValidationError,
    429: errors.RateLimitedError,
    500: errors.ServerError,
}


def files(folder: str) -> list[Path]:
    return sorted((FIXTURES / folder).glob("*.json"))


def names(paths: list[Path]) -> list[str]:
    return [f"{path.parts[-3]}-{path.stem}" for path in paths]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def version_of(path: Path) -> Any:
    return path.parts[-3]


def _marked_as_departing() -> set[str]:
    """Read the last column of the index."""
    index = FIXTURES / "README.md"
    text = index.read_text(encoding="utf-8") if index.is_file() else ""
    rows = re.findall(r"^\| v1/requests/(\S+) \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    return {name for name, departure in rows if departure.strip()}


REQUESTS = [
    path
    for path in (*files("v1/requests"), *files("v0.1/requests"))
    if not path.name.startswith("update-")  # bodies of PATCH: no messages
]
CONFORMING = [path for path in REQUESTS if path.name not in DEPARTURES]
DEPARTING = [path for path in REQUESTS if path.name in DEPARTURES]
UPDATES = [path for path in files("v1/requests") if path.name.startswith("update-")]
RESPONSES = [*files("v1/responses"), *files("v0.1/responses")]
ACCEPTED = [path for path in RESPONSES if path.name.startswith("accepted-")]
PROBLEMS = [path for path in RESPONSES if path.name.startswith("error-")]


def test_index_marks_the_departures_that_are_known_here() -> None:
    assert _marked_as_departing() == set(DEPARTURES)


@pytest.mark.parametrize("path", CONFORMING, ids=names(CONFORMING))
def test_request_goes_through_its_typed_value_without_loss(path: Path) -> None:
    payload, version = read(path), version_of(path)
    assert to_payload(from_payload(payload, api_version=version), api_version=version) == payload


@pytest.mark.parametrize("path", CONFORMING, ids=names(CONFORMING))
def test_bytes_of_a_request_decode_to_its_payload(path: Path) -> None:
    payload, version = read(path), version_of(path)
    assert json.loads(to_json(from_payload(payload, api_version=version), api_version=version)) == payload


@pytest.mark.parametrize("path", DEPARTING, ids=names(DEPARTING))
def test_departing_request_is_refused_with_every_problem_named(path: Path) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        from_payload(read(path), api_version=version_of(path))
    assert {problem.path for problem in caught.value.problems} == DEPARTURES[path.name]


@pytest.mark.parametrize("path", DEPARTING, ids=names(DEPARTING))
def test_departing_request_comes_back_equal_when_read_leniently(path: Path) -> None:
    payload, version = read(path), version_of(path)
    assert to_payload(from_payload(payload, api_version=version, lenient=True), api_version=version) == payload


@pytest.mark.parametrize("path", UPDATES, ids=names(UPDATES))
def test_update_holds_a_status_and_perhaps_an_indicator(path: Path) -> None:
    payload = read(path)
    indicator = payload.pop("replying_indicator", {"show": True, "type": "text"})
    assert payload["status"] in {"read", "revoked"}
    assert list(payload) == ["status"]
    assert indicator == {"show": True, "type": "text"}


async def test_simulator_accepts_every_conforming_request_and_refuses_the_others() -> None:
    unexpected = []
    async with Simulator(rate=None) as simulator, aiohttp.ClientSession() as session:
        pair = f"{simulator.api_key}:{simulator.api_secret}".encode()
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
            "Content-Type": "application/json",
        }
        for path in REQUESTS:
            url = f"{simulator.url}/{version_of(path)}/messages"
            async with session.post(url, data=path.read_bytes(), headers=headers) as response:
                if response.status != (422 if path in DEPARTING else 202):
                    unexpected.append((path.name, response.status, await response.text()))
    assert unexpected == []


@pytest.mark.parametrize("path", ACCEPTED, ids=names(ACCEPTED))
def test_accepted_response_becomes_a_receipt_with_its_ids(path: Path) -> None:
    document = read(path)
    receipt = read_send_response(202, {"X-Request-Id": "request-1"}, path.read_bytes())
    assert receipt == SentMessage(
        message_uuid=document["message_uuid"],
        workflow_id=document.get("workflow_id"),
        request_id="request-1",
    )


@pytest.mark.parametrize("path", PROBLEMS, ids=names(PROBLEMS))
def test_problem_response_becomes_the_error_of_its_status_with_its_fields(path: Path) -> None:
    document, status = read(path), int(path.stem.split("-")[1])
    with pytest.raises(APIError) as caught:
        read_send_response(status, {}, path.read_bytes())
    error = caught.value
    assert type(error) is _ERROR_CLASSES[status]
    assert (error.status, error.type, error.title, error.detail, error.instance) == (
        status,
        document["type"],
        document["title"],
        document.get("detail", ""),
        document["instance"],
    )
    assert [(each.path, each.message) for each in error.invalid_parameters] == [
        (each["name"], each["reason"]) for each in document.get("invalid_parameters", ())
    ]


OLD = [path for kind in ("requests", "webhooks") for path in files(f"v0.1/{kind}")]
PAIRS = [path for path in OLD if (FIXTURES / "v1" / path.parent.name / path.name).is_file()]
NO_FORM_IN_V1 = {"viber-template-request"}
UNTOLD = {"profile", "sms.keyword", "error.instance"}
"""What v1 requires in callbacks, and v0.1 has nothing to make it of."""

CAPTIONED = {"image.caption", "file.caption"}
"""What v0.1 tells of WhatsApp and the document of v1 does not list: kept where it is there (Webhooks, section 5)."""


def migrated(path: Path) -> migrate.Migrated | None:
    """Carry a document of v0.1 over; ``None`` for what v1 cannot say, which must then be refused."""
    if path.stem in NO_FORM_IN_V1:
        with pytest.raises(InvalidMessageError, match="in v1"):
            migrate.to_v1(read(path))
        return None
    return migrate.to_v1(read(path))


def problems_in_v1(path: Path, payload: dict[str, Any]) -> set[str]:
    """Ask the simulator's rules."""
    if path.parent.name == "requests":
        return {problem.name for problem in validate_v1(payload)}
    kind = "status" if "status" in payload else "inbound"
    name = f"{kind}.{payload['channel']}" + ("" if kind == "status" else f".{payload.get('message_type', 'text')}")
    if name == "inbound.viber_service.unsupported":  # v1 does not list it; the rest is as in a text
        name, payload = "inbound.viber_service.text", {**payload, "message_type": "text", "text": "?"}
    found = {problem.name for problem in validate_webhook(name, payload)} - UNTOLD
    return found - CAPTIONED if payload["channel"] == "whatsapp" else found


@pytest.mark.parametrize("path", OLD, ids=names(OLD))
def test_document_of_v0_1_is_right_in_v1_and_comes_back_the_same(path: Path) -> None:
    there = migrated(path)
    if there is None:
        return
    assert there.lost == ()
    assert problems_in_v1(path, there.payload) == set()
    assert migrate.to_v0_1(there.payload) == migrate.Migrated(payload=read(path))


@pytest.mark.parametrize("path", PAIRS, ids=names(PAIRS))
def test_other_half_of_a_pair_goes_to_v0_1_and_back_with_every_loss_told(path: Path) -> None:
    new = read(FIXTURES / "v1" / path.parent.name / path.name)
    there = migrate.to_v0_1(new)
    back = migrate.to_v1(there.payload)
    assert back.lost == ()
    told = {problem.path.partition(".")[0] for problem in there.lost}
    assert {name for name in new if back.payload.get(name) != new[name]} == told
    assert set(back.payload) - set(new) <= {"context_status"}  # v1 requires it, and an older sample is without
    assert there.payload.keys() ^ read(path).keys() <= {"client_ref", "usage"}


def test_pair_of_the_migration_guide_is_exact() -> None:
    name = "requests/migration-whatsapp-text-request.json"
    assert migrate.to_v1(read(FIXTURES / "v0.1" / name)).payload == read(FIXTURES / "v1" / name)


async def test_simulator_takes_every_request_of_v0_1_in_v1() -> None:
    refused = []
    async with Simulator(rate=None) as simulator, simulator.client() as client:
        for path in files("v0.1/requests"):
            there = migrated(path)
            if there is None:
                continue
            try:
                await client.send(from_payload(there.payload))
            except errors.VonageMessagesError as error:
                refused.append((path.name, str(error)))
    assert refused == []


def test_the_phone_has_a_drawing_of_every_message_and_a_program_that_sends_it() -> None:
    raw = set()
    for path in (*REQUESTS, *(each for each in files("v1/webhooks") if "-inbound-" in each.name)):
        payload = read(path)
        party = payload["to"]
        channel = party["type"] if isinstance(party, dict) else payload["channel"]
        content = payload.get("message", {}).get("content", {})
        message_type = content.get("type") or payload.get("message_type", "text")
        drawing = draw(payload, channel=channel, message_type=message_type)
        assert drawing.preview, path
        if any(isinstance(block, Code) for block in drawing.blocks):
            raw.add(path.stem)
        if path in REQUESTS:
            compile(as_python(payload, version_of(path)), path.name, "exec")

    assert all("custom" in name or "button" in name or "flow" in name or "contacts" in name for name in raw), raw
