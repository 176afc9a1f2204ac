"""Who may use the control API, and who may not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from vonage_messages.simulator.control.guards import content_type_reason, fetch_reason, host_reason, origin_reason


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9", "[::1]:8080", "192.168.0.7:99"]
)
def test_a_name_of_this_machine_is_answered(host: str) -> None:
    assert host_reason(host, "192.168.0.7") is None


@pytest.mark.each(
    "host",
    [None, "", "example.com", "localhost.example.com", "127.0.0.1.nip.io", "192.168.0.8", "user@localhost",
     "localhost:port", "[::1", "::1", "127.0.0.1/evil", "localhost#", "169.254.169.254"],
)  # fmt: skip
def test_any_other_name_is_not(host: str | None) -> None:
    assert host_reason(host, "192.168.0.7") is not None


@pytest.mark.parametrize("listens_on", ["0.0.0.0", "::"])  # noqa: S104  what is listened on where it is said
def test_where_every_address_is_listened_on_any_address_is_answered_and_no_name(listens_on: str) -> None:
    assert host_reason("192.168.0.8:80", listens_on) is None
    assert host_reason("[fe80::1]:80", listens_on) is None
    assert host_reason("rebound.example:80", listens_on) is not None


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Host": "localhost:80"}, False),
        ({"Host": "localhost:80", "Origin": "http://localhost:80"}, False),
        ({"Host": "localhost:80", "Origin": "http://localhost:81"}, True),
        ({"Host": "localhost:80", "Origin": "http://evil.example"}, True),
        ({"Host": "localhost:80", "Origin": "null"}, True),
        ({"Host": "localhost:80", "Origin": ""}, True),
    ],
)
def test_only_pages_of_the_simulator_ask_for_something(headers: dict[str, str], refused: bool) -> None:
    assert (origin_reason(headers) is not None) is refused


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, True),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
    ],
)
def test_a_page_of_another_site_fetches_nothing_by_itself(headers: dict[str, str], refused: bool) -> None:
    assert (fetch_reason(headers) is not None) is refused


@pytest.mark.parametrize(
    ("method", "content_type", "has_body", "refused"),
    [
        ("POST", "application/json", True, False),
        ("POST", "text/plain", True, True),
        ("POST", "application/octet-stream", False, True),
        ("PATCH", "text/plain", True, True),
        ("DELETE", "application/octet-stream", False, False),
        ("GET", "application/octet-stream", False, False),
    ],
)
def test_a_simple_request_of_a_web_page_changes_nothing(
    method: str, content_type: str, has_body: bool, refused: bool
) -> None:
    assert (content_type_reason(method, content_type, has_body=has_body) is not None) is refused


@pytest.mark.parametrize("path", ["/_simulator/messages", "/_simulator/nothing", "/openapi.json"])
async def test_a_name_that_was_made_to_point_here_is_refused(control: Any, path: str) -> None:
    async with control.session.get(control.simulator.url + path, headers={"Host": "rebound.example"}) as response:
        assert (response.status, response.content_type) == (403, "application/problem+json")


async def test_a_page_of_another_site_changes_nothing(control: Any) -> None:
    headers = {"Origin": "http://evil.example"}
    status, _ = await control("post", "/_simulator/faults", {"kind": "slow"}, headers=headers)
    assert status == 403
    status, _ = await control("delete", "/_simulator/faults", headers=headers)
    assert status == 403
    status, _ = await control("post", "/_simulator/reset", data=b"{}", headers={"Content-Type": "text/plain"})
    assert status == 415
    assert len(control.simulator.faults) == 0


@pytest.mark.parametrize("path", ["/_simulator/messages", "/_simulator/snapshot", "/_simulator/events"])
async def test_a_page_of_another_site_reads_nothing_and_holds_no_stream(control: Any, path: str) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}):
        async with control.session.get(control.simulator.url + path, headers=headers) as response:
            assert (response.status, response.content_type) == (403, "application/problem+json")


@pytest.mark.parametrize(
    "path", ["/_simulator/messages", "/_simulator/snapshot", "/_simulator/events", "/openapi.json"]
)
async def test_an_answer_is_taken_for_nothing_else_and_stands_in_no_other_page(control: Any, path: str) -> None:
    async with control.session.get(control.simulator.url + path) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response.headers["Cache-Control"] == "no-store"


async def test_every_route_beside_the_simulated_api_asks_for_a_name_of_this_machine(control: Any) -> None:
    simulator, asked = control.simulator, []
    applications = [simulator._runner.app, *simulator._runner.app._subapps]
    for route in (route for application in applications for route in application.router.routes()):
        path = route.resource.canonical
        if path.startswith(("/v0.1/", "/v1/", "/v2/", "/v3/", "/beta/")):
            continue  # the simulated API: it asks for credentials, as the platform does
        path = re.sub(r"\{[^}]*\}", "1", path)
        asked.append(path)
        headers = {"Host": "rebound.example", "Content-Type": "application/json"}
        async with control.session.request(route.method, simulator.url + path, headers=headers) as response:
            assert response.status == 403, path
    assert len(asked) > 30
    assert {"/", "/openapi.json", "/inbox/templates", "/_simulator/reset"} <= set(asked)


async def test_a_page_of_another_site_reads_no_page_of_the_inbox(control: Any) -> None:
    expected = {"/": 403, "/inbox/settings": 403, "/inbox/refusals": 403, "/inbox/static/frame.css": 200}
    for path, status in expected.items():  # a sandboxed frame of the inbox has no origin, and needs its styles
        async with control.session.get(control.simulator.url + path, headers={"Origin": "null"}) as response:
            assert response.status == status, path
