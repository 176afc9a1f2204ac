"""What the control API does, over HTTP; every answer is checked against the document."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from vonage_messages.clock import ManualClock
from vonage_messages.simulator import Delivery, Simulator

Send = Callable[..., Any]
WHATSAPP = {"channel": "whatsapp", "from": "447700900001"}


@pytest.fixture
async def hook() -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    application.router.add_post("/hook", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


async def test_messages_are_listed_newest_first(control: Any, send: Send) -> None:
    sent = [await send(control.simulator, text=f"number {number}") for number in range(3)]
    page = await control.get("messages")
    assert [item["message_uuid"] for item in page["items"]] == sent[::-1]
    assert (page["total"], page["next"]) == (3, None)
    assert page["items"][0]["payload"]["text"] == "number 2"


async def test_pages_neither_repeat_nor_leave_out(control: Any, send: Send) -> None:
    sent = [await send(control.simulator) for _ in range(5)]
    for order, expected in (("newest", sent[::-1]), ("oldest", sent)):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2, "order": order, "direction": "outbound"}
        for _ in range(3):
            page = await control.get("messages", **query)
            seen += [item["message_uuid"] for item in page["items"]]
            query["cursor"] = page["next"]
            if order == "newest":
                await send(control.simulator)  # arrives before the pages that are still to come
        assert (seen, page["next"]) == (expected, None)
        control.simulator.state.clear()
        sent[:] = [await send(control.simulator) for _ in range(5)]
        expected[:] = sent


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"direction": "inbound"}, ["in"]),
        ({"direction": "outbound", "order": "oldest"}, ["a", "b", "old"]),
        ({"channel": "whatsapp", "order": "oldest"}, ["b", "in"]),
        ({"to": "447700900009"}, ["b"]),
        ({"from": "Acme", "order": "oldest"}, ["a", "old"]),
        ({"text": "STRASSE"}, ["a"]),
        ({"text": "no such text"}, []),
        ({"client_ref": "ref-b"}, ["b"]),
        ({"version": "v0.1"}, ["old"]),
        ({"message_type": "image"}, []),
        ({"status": "read"}, ["b"]),
        ({"status": "delivered", "channel": "sms", "text": "stra"}, ["a"]),
    ],
)
async def test_filters_choose(  # noqa: PLR0913, PLR0917  the fixtures of a request
    control: Any,
    send: Send,
    session: aiohttp.ClientSession,
    basic: Callable[..., dict[str, str]],
    query: dict[str, str],
    expected: list[str],
) -> None:
    simulator = control.simulator
    names = {await send(simulator, text="Hauptstraße 1"): "a"}
    b = await send(simulator, **WHATSAPP, to="447700900009", client_ref="ref-b")
    names[b] = "b"
    old = {
        "to": {"type": "sms", "number": "447700900000"},
        "from": {"type": "sms", "number": "Acme"},
        "message": {"content": {"type": "text", "text": "from long ago"}},
    }
    async with session.post(f"{simulator.url}/v0.1/messages", json=old, headers=basic(simulator)) as response:
        names[(await response.json())["message_uuid"]] = "old"
    await simulator.settle()
    answer = await control.post("inbound", {"channel": "whatsapp", "reply_to": b, "fields": {"text": "Thanks"}})
    names[answer["message_uuid"]] = "in"
    page = await control.get("messages", **query)
    assert [names[item["message_uuid"]] for item in page["items"]] == expected
    assert page["total"] == len(expected)


async def test_one_message_with_everything_about_it(control: Any, send: Send, hook: str) -> None:
    await control("patch", "/_simulator/settings", {"webhooks": {"status_url": hook}})
    uuid = await send(control.simulator)
    await control.simulator.settle()
    found = await control.get(f"messages/{uuid}")
    assert [note["status"] for note in found["message"]["statuses"]] == ["submitted", "delivered"]
    assert [(each["payload"]["status"], each["status"]) for each in found["callbacks"]] == [
        ("submitted", 200),
        ("delivered", 200),
    ]
    assert found["exchange"]["status"] == 202
    assert ["Authorization", "Basic ***"] in found["exchange"]["request_headers"]
    assert (await control("get", "/_simulator/messages/unknown"))[0] == 404


async def test_a_person_writes_a_file(control: Any, bearer: Callable[..., dict[str, str]]) -> None:
    media = {
        "content_base64": base64.b64encode(b"\x89PNG").decode(),
        "content_type": "image/png",
        "name": "me.png",
    }
    written = await control.post("inbound", {"channel": "whatsapp", "message_type": "image", "media": media})
    assert written["callback"] is None
    found = await control.get(f"messages/{written['message_uuid']}")
    assert found["message"]["payload"]["image"]["name"] == "me.png"
    url = found["message"]["payload"]["image"]["url"]
    async with control.session.get(url, headers=bearer(control.simulator)) as response:
        assert (response.content_type, await response.read()) == ("image/png", b"\x89PNG")


async def test_what_a_person_writes_calls_the_webhook(control: Any, hook: str) -> None:
    await control("patch", "/_simulator/settings", {"webhooks": {"inbound_url": hook, "version": "v0.1"}})
    written = await control.post("inbound", {"fields": {"text": "Hello"}})
    assert (written["callback"]["status"], written["callback"]["accepted"]) == (200, True)
    assert written["callback"]["payload"]["message"]["content"]["text"] == "Hello"
    forged = await control.post("inbound", {"signature_secret": "another"})
    assert forged["callback"]["headers"]["Authorization"]
    listed = await control.get("callbacks", kind="inbound", order="oldest")
    uuids = [written["message_uuid"], forged["message_uuid"]]
    assert [each["message_uuid"] for each in listed["items"]] == uuids
    assert (await control.get("callbacks", message_uuid=uuids[0]))["total"] == 1
    assert (await control.get("callbacks", kind="status"))["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"channel": "email"},
        {"channel": "sms", "message_type": "image"},
        {"reply_to": "nobody"},
        {"fields": {"unknown": 1}},
        {"fields": {"to": "447700900000"}},
        {"fields": {"self": 1, "media": 2}},
        {"media": {"content_base64": "no base64"}},
        {"channel": "whatsapp", "message_type": "location", "version": "v0.1", "fields": {"location": {}}},
    ],
)
async def test_what_the_platform_never_sends_is_refused(control: Any, body: dict[str, Any]) -> None:
    assert (await control("post", "/_simulator/inbound", body))[0] == 400
    assert control.simulator.state.inbound == []


async def test_faults_are_added_listed_and_taken_away(control: Any) -> None:
    first = await control.post("faults", {"kind": "throttle", "to": "447700900000", "from": "Acme", "count": 2})
    second = await control.post("faults", {"kind": "slow", "seconds": 1.5, "probability": 0.5})
    listed = await control.get("faults")
    assert listed["items"] == [first, second]
    assert second["fault"] == {"kind": "slow", "seconds": 1.5, "probability": 0.5}
    assert set(listed["kinds"]) >= {"throttle", "callback_unsigned"}
    path = f"/_simulator/faults/{first['number']}"
    assert [(await control("delete", path))[0] for _ in range(2)] == [204, 404]
    assert [placed.number for placed in control.simulator.faults] == [second["number"]]
    assert (await control("delete", "/_simulator/faults"))[0] == 204
    assert len(control.simulator.faults) == 0
    assert (await control("post", "/_simulator/faults", {"kind": "slow", "status": 500}))[0] == 400


async def test_failures_are_added_listed_and_taken_away(control: Any, send: Send) -> None:
    await control.post("failures", {"code": 1320, "to": "447700900000"})
    listed = await control.post("failures", {"code": 1000, "channel": "sms", "status": "undeliverable"})
    assert listed == await control.get("failures")
    assert listed["items"] == [
        {"code": 1320, "status": "rejected", "to": "447700900000"},
        {"code": 1000, "status": "undeliverable", "channel": "sms"},
    ]
    uuid = await send(control.simulator)
    await control.simulator.settle()
    notes = (await control.get(f"messages/{uuid}"))["message"]["statuses"]
    assert [(note["status"], note["code"]) for note in notes] == [("rejected", 1320)]
    assert (await control("delete", "/_simulator/failures"))[0] == 204
    assert not control.simulator.failures


async def test_settings_are_changed_one_by_one(control: Any, hook: str) -> None:
    before = await control.get("settings")
    change = {
        "webhooks": {"status_url": hook},
        "balance": "0.03",
        "rate": 5,
        "burst": 2,
        "delivery": {"read_share": 0, "seed": 7},
    }
    status, after = await control("patch", "/_simulator/settings", change)
    assert status == 200
    assert after == {
        **before,
        "webhooks": {**before["webhooks"], "status_url": hook},
        "balance": "0.03",
        "rate": 5,
        "burst": 2,
        "delivery": {**before["delivery"], "read_share": 0, "seed": 7},
    }
    assert control.simulator.balance.amount == Decimal("0.03")
    assert control.simulator.delivery == Delivery(read_share=0, seed=7)
    status, after = await control("patch", "/_simulator/settings", {"balance": None, "rate": None})
    assert (after["balance"], after["rate"], after["burst"]) == (None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 7, "webhooks": {"status_url": "http://example.com/hook"}},
        {"burst": 3},
        {"rate": None, "burst": 3},
        {"webhooks": {"version": "v2"}},
        {"balance": "1e5"},
        {"port": 80},
    ],
)
async def test_a_change_that_is_refused_changes_nothing(control: Any, change: dict[str, Any]) -> None:
    before = await control.get("settings")
    assert (await control("patch", "/_simulator/settings", change))[0] == 400
    assert await control.get("settings") == before


async def test_a_clock_that_moves_by_itself_is_not_moved(control: Any) -> None:
    clock = await control.get("clock")
    assert (clock["manual"], clock["speed"]) == (False, 1.0)
    assert (await control("post", "/_simulator/clock/advance", {"seconds": 1}))[0] == 409


async def test_a_manual_clock_is_moved(session: aiohttp.ClientSession, send: Send, control: Any) -> None:
    delivery = Delivery(submitted_after=60, delivered_after=60, spread=0)
    async with Simulator(clock=ManualClock(1_900_000_000), delivery=delivery) as simulator:
        there = type(control)(simulator=simulator, session=session)
        uuid = await send(simulator)
        assert await there.get("clock") == {"now": "2030-03-17T17:46:40.000Z", "manual": True, "speed": None}
        assert (await there.post("clock/advance", {"seconds": 90}))["now"] == "2030-03-17T17:48:10.000Z"
        notes = (await there.get(f"messages/{uuid}"))["message"]["statuses"]
        assert [(note["status"], note["at"]) for note in notes] == [("submitted", "2030-03-17T17:47:40.000Z")]


async def test_habits_of_people_are_added_listed_and_given_up(control: Any, send: Send) -> None:
    habit = {"channel": "whatsapp", "reads": {"after": 0}, "answers": [{"text": "YES", "after": 0}]}
    added = await control.post("people", habit)
    assert await control.get("people") == {"items": [added]}
    await send(control.simulator, **WHATSAPP)
    found = await control.post("wait", {"direction": "inbound", "text": "yes", "timeout": 30})
    assert found["items"][0]["payload"]["text"] == "YES"
    assert (await control("delete", "/_simulator/people"))[0] == 204
    assert await control.get("people") == {"items": []}
    too_much = {"answers": [{"text": "YES"}, {"text": "NO"}]}
    assert (await control("post", "/_simulator/people", too_much))[0] == 400
    for wrong in ({"answers": "YES"}, {"answers": [{}]}, {"taps": [{"label": ""}]}, {"stops": [{}] * 21}):
        assert (await control("post", "/_simulator/people", wrong))[0] == 400


async def test_refusals_are_listed_with_what_was_sent(control: Any, basic: Callable[..., dict[str, str]]) -> None:
    url = f"{control.simulator.url}/v1/messages"
    headers = {**basic(control.simulator), "Content-Type": "application/json"}
    for body in ("{}", "no json \udc80"):
        async with control.session.post(url, data=body.encode("utf-8", "surrogateescape"), headers=headers):
            pass
    page = await control.get("refusals")
    assert [(each["status"], each["payload"], each["raw_body"]) for each in page["items"]] == [
        (422, None, "no json \ufffd"),
        (422, {}, None),
    ]


async def test_a_reset_forgets_everything_but_the_settings(control: Any, send: Send, hook: str) -> None:
    await control("patch", "/_simulator/settings", {"webhooks": {"status_url": hook}})
    uuid = await send(control.simulator)
    await control.post("faults", {"kind": "throttle"})
    await control.post("failures", {"code": 1320})
    await control.post("people", {"stops": [{}]})
    await control.post("reset", {})
    assert len(control.simulator.people) == 0
    assert (await control("get", f"/_simulator/messages/{uuid}"))[0] == 404
    assert (await control.get("faults"))["items"] == (await control.get("failures"))["items"] == []
    assert (await control.get("settings"))["webhooks"]["status_url"] == hook


async def test_a_snapshot_has_everything(control: Any, send: Send) -> None:
    sent = [await send(control.simulator) for _ in range(3)]
    written = await control.post("inbound", {})
    await control.post("faults", {"kind": "slow", "seconds": 0})
    snapshot = await control.get("snapshot")
    assert [each["message_uuid"] for each in snapshot["messages"]] == [*sent, written["message_uuid"]]
    assert len(snapshot["faults"]["items"]) == 1
    assert snapshot["number"] <= control.simulator.state.journal.last


async def test_a_large_snapshot_is_written_in_pieces(control: Any) -> None:
    for number in range(1203):
        control.simulator.state.add_inbound("whatsapp", f"uuid-{number}")
    snapshot = await control.get("snapshot")
    assert len({each["message_uuid"] for each in snapshot["messages"]}) == 1203


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "messages?limit=0", 400),
        ("get", "messages?limit=501", 400),
        ("get", "messages?limit=ten", 400),
        ("get", "messages?limit=1&limit=2", 400),
        ("get", "messages?colour=red", 400),
        ("get", "messages?order=random", 400),
        ("get", "messages?cursor=x", 400),
        ("get", "messages?text=", 400),
        ("get", "messages?cursor=999999999999999999-999999999", 200),
        ("get", "messages?cursor=0-0&order=oldest", 200),
        ("get", "events?after=-1", 400),
        ("delete", "faults/x", 400),
        ("delete", "faults/0", 400),
        ("post", "reset", 415),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(control: Any, method: str, path: str, status: int) -> None:
    assert (await control(method, f"/_simulator/{path}"))[0] == status


async def test_everything_wrong_with_a_body_is_named(control: Any) -> None:
    body = {"kind": "explosion", "probability": 2, "count": True, "colour": "red"}
    status, problem = await control("post", "/_simulator/faults", body)
    assert status == 400
    named = {each["name"] for each in problem["invalid_parameters"]}
    assert named == {"kind", "probability", "count", "colour"}
    assert "explosion" not in str(problem)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'"\xff"'])
async def test_a_body_that_is_no_json_object_is_refused(control: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    status, _ = await control("post", "/_simulator/faults", data=body, headers=headers)
    assert status == 400


async def test_a_body_that_is_too_large_is_refused(control: Any) -> None:
    body = io.BytesIO(b" " * 1_100_000)
    headers = {"Content-Type": "application/json"}
    assert (await control("post", "/_simulator/inbound", data=body, headers=headers))[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/_simulator/nothing", 404, None),
        ("GET", "/_simulator/", 404, None),
        ("PUT", "/_simulator/faults", 405, "DELETE, GET, POST"),
        ("POST", "/openapi.json", 404, None),
    ],
)
async def test_unknown_paths_and_verbs_are_problem_documents(
    control: Any, method: str, path: str, status: int, allow: str | None
) -> None:
    async with control.session.request(method, control.simulator.url + path) as response:
        assert (response.status, response.headers.get("Allow")) == (status, allow)
        assert response.content_type == "application/problem+json"


async def test_the_control_api_is_neither_limited_nor_struck_nor_noted(control: Any) -> None:
    async with Simulator(rate=1) as simulator:
        there = type(control)(simulator=simulator, session=control.session)
        simulator.faults.add("error")
        for _ in range(5):
            await there.get("settings")
        assert simulator.throttled == 0
        assert [placed.struck for placed in simulator.faults] == [0]
        assert simulator.refusals == []


async def test_a_failure_of_its_own_is_a_problem_document_too(control: Any, caplog: pytest.LogCaptureFixture) -> None:
    control.simulator.people._habits["broken"] = object()
    status, problem = await control("get", "/_simulator/people")
    assert (status, problem["detail"]) == (500, "The simulator failed: see its log.")
    assert "GET /_simulator/people" in caplog.text
