"""
The samples of the External Accounts API, where they lie beside the repository, on both sides of it.

Where there is no folder of fixtures nothing is collected here.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import aiohttp

from vonage_messages.simulator import Simulator
from vonage_messages.simulator.account_book import judge_create, judge_link, judge_update
from vonage_messages.wire import accounts
from vonage_messages.wire.accounts import read_account, read_page

FIXTURES = Path(os.environ.get("VONAGE_FIXTURES") or Path(__file__).parents[2] / "shared" / "fixtures")
SAMPLES = FIXTURES / "external-accounts"
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"

__test__ = SAMPLES.is_dir()
"""Read by pytest: without the folder the module collects nothing, and skips nothing."""


def test_the_samples_of_the_reference() -> None:
    answers = {path.stem: json.loads(path.read_text()) for path in (SAMPLES / "responses").glob("*.json")}
    page = read_page(answers["list-accounts-page"])
    assert [each.provider for each in page.accounts] == ["messenger", "viber_service_msg", "whatsapp"]
    assert page.next_query == (("page_number", "3"), ("page_size", "10"))
    for name in ("messenger", "viber", "whatsapp"):
        account = read_account(answers[f"{name}-account"])
        assert (account.name, account.extra, account.applications) == ("optionalName", {}, (APPLICATION,))
        assert account in page.accounts

    asked = {path.stem: json.loads(path.read_text()) for path in (SAMPLES / "requests").glob("*.json")}
    create = asked.pop("messenger-create-request")
    request = accounts.create_messenger_request(
        create["external_id"], create["access_token"], name=create["name"], applications=create["applications"]
    )
    assert json.loads(request.body) == create
    link = asked.pop("link-application-request")
    assert json.loads(accounts.link_request("rcs", "1", link["application"]).body) == link
    assert not asked


async def test_the_documents_of_the_reference_are_answered() -> None:
    """Provoke every document of the samples, and compare: the same members; the same words where they are fixed."""
    async with Simulator(rate=None) as simulator, aiohttp.ClientSession() as session:
        auth = "Basic " + b64encode(f"{simulator.api_key}:{simulator.api_secret}".encode()).decode()
        await compare(simulator, session, {"Authorization": auth})


async def compare(simulator: Simulator, session: aiohttp.ClientSession, known: dict[str, str]) -> None:
    async def ask(method: str, path: str, body: object = None, headers: dict[str, str] = known) -> tuple[int, Any]:
        url = f"{simulator.url}/beta/chatapp-accounts{path}"
        async with session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    shown = {path.stem: json.loads(path.read_text()) for path in sorted((SAMPLES / "responses").glob("*.json"))}
    asked = {path.stem: json.loads(path.read_text()) for path in sorted((SAMPLES / "requests").glob("*.json"))}
    assert judge_create(asked["messenger-create-request"]) == judge_link(asked["link-application-request"]) == []
    assert judge_update({}) == []

    ours = [simulator.application_id]
    page = asked["messenger-create-request"] | {"applications": ours}
    link = "/whatsapp/447700900001/applications"
    provoked = {
        "messenger-account": await ask("POST", "/messenger", page),
        "viber-account": await ask("GET", "/viber_service_msg/22353"),
        "whatsapp-account": await ask("GET", "/whatsapp/447700900001"),
        "list-accounts-page": await ask("GET", "?page_number=2&page_size=1"),
        "error-400-invalid-params": await ask("POST", "/messenger", {"access_token": "x"}),
        "error-401": await ask("GET", "/", headers={}),
        "error-403-link": await ask("POST", link, {"application": APPLICATION}),
        "error-409-link": await ask("POST", link, {"application": ours[0]}),
    }
    assert set(provoked) == set(shown)
    for name, (status, document) in provoked.items():
        assert set(document) == set(shown[name]), name
        if name.startswith("error"):
            assert name.startswith(f"error-{status}")
            assert document == shown[name], name
    assert {*provoked["list-accounts-page"][1]["_links"]} == {*shown["list-accounts-page"]["_links"]}
