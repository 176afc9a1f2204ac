"""Server-sent events, and waiting for messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from vonage_messages.simulator import Simulator
from vonage_messages.simulator.control import operations, watching
from vonage_messages.simulator.control.listing import Filter
from vonage_messages.simulator.state import SimulatorState

Send = Callable[..., Any]


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """Read server-sent events as a browser does; a comment is an event of its own here."""
    event: dict[str, str] = {}
    while line := (await response.content.readline()).decode():
        name, _, value = line.rstrip("\n").partition(":")
        if line == "\n" and event:
            yield event
            event = {}
        elif line != "\n":
            event[name or "comment"] = value.removeprefix(" ")


async def somebody_waits(state: SimulatorState) -> None:
    async with asyncio.timeout(60):
        while not state.journal._waiting:  # noqa: ASYNC110  the journal tells nobody who waits for it
            await asyncio.sleep(0)


async def next_of(stream: AsyncIterator[dict[str, str]]) -> dict[str, str]:
    return await asyncio.wait_for(anext(stream), 60)


async def test_what_happens_is_told_as_it_happens(control: Any, send: Send) -> None:
    await send(control.simulator)
    async with control.session.get(f"{control.simulator.url}/_simulator/events") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        stream = events(response)
        assert await next_of(stream) == {"retry": "1000"}
        control.simulator.faults.add("slow")
        kinds = []
        while "faults" not in kinds:
            event = await next_of(stream)
            data = json.loads(event["data"])
            assert (event["id"], set(data)) == (str(data["number"]), {"number", "kind", "subject"})
            kinds.append(data["kind"])
        assert "message" not in kinds


@pytest.mark.parametrize("how", ["query", "header"])
async def test_a_reader_that_comes_back_misses_nothing(control: Any, how: str) -> None:
    state = control.simulator.state
    uuids = [state.add_inbound("whatsapp") for _ in range(450)]
    query, headers = ({"after": "10"}, {}) if how == "query" else ({"after": "3"}, {"Last-Event-ID": "10"})
    url = f"{control.simulator.url}/_simulator/events"
    async with control.session.get(url, params=query, headers=headers) as response:
        stream = events(response)
        await next_of(stream)
        told = [json.loads((await next_of(stream))["data"]) for _ in range(440)]
    assert [entry["subject"] for entry in told] == uuids[10:]
    assert [entry["number"] for entry in told] == list(range(11, 451))


async def test_a_reader_that_missed_something_is_told_so(session: aiohttp.ClientSession) -> None:
    async with Simulator(maximum=10) as simulator:
        for _ in range(30):
            simulator.state.add_inbound("whatsapp")
        async with session.get(f"{simulator.url}/_simulator/events", params={"after": "5"}) as response:
            stream = events(response)
            await next_of(stream)
            assert await next_of(stream) == {"event": "reset", "id": "30", "data": "{}"}
            simulator.state.add_inbound("whatsapp")
            assert json.loads((await next_of(stream))["data"])["number"] == 31


async def test_a_quiet_stream_shows_that_it_lives(control: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.simulator._control, "heartbeat", 0.02)
    async with control.session.get(f"{control.simulator.url}/_simulator/events") as response:
        stream = events(response)
        await next_of(stream)
        assert [await next_of(stream) for _ in range(3)] == [{"comment": "nothing new"}] * 3


async def test_a_stream_ends_when_the_simulator_stops(session: aiohttp.ClientSession) -> None:
    simulator = Simulator()
    for _ in range(2):  # the second start is like the first
        await simulator.start()
        response = await session.get(f"{simulator.url}/_simulator/events")
        async with asyncio.timeout(60):
            await simulator.stop()
            assert (await response.read()).startswith(b"retry: 1000\n\n")


async def test_watchers_are_so_many_at_most(control: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_MOST_WATCHERS", 1)
    async with control.session.get(f"{control.simulator.url}/_simulator/events"):
        status, _ = await control("post", "/_simulator/wait", {"timeout": 0})
        assert status == 503
    control.simulator.state.add_inbound("whatsapp")


async def test_a_message_that_is_there_already_counts(control: Any, send: Send) -> None:
    uuid = await send(control.simulator)
    found = await control.post("wait", {"to": "447700900000", "timeout": 0})
    assert [item["message_uuid"] for item in found["items"]] == [uuid]


async def test_a_message_is_waited_for(control: Any, send: Send) -> None:
    waiting = asyncio.ensure_future(control.post("wait", {"text": "code", "count": 2, "timeout": 60}))
    await send(control.simulator, text="Hello")
    sent = [await send(control.simulator, text=f"Your code: {number}") for number in range(3)]
    found = await asyncio.wait_for(waiting, 60)
    assert [item["message_uuid"] for item in found["items"]] == sent[:2]


async def test_a_status_is_waited_for(control: Any, send: Send) -> None:
    waiting = asyncio.ensure_future(control.post("wait", {"status": "delivered", "timeout": 60}))
    uuid = await send(control.simulator)
    found = await asyncio.wait_for(waiting, 60)
    assert found["items"][0]["message_uuid"] == uuid


async def test_what_does_not_come_is_said_in_a_sentence(control: Any, send: Send) -> None:
    await send(control.simulator)
    status, problem = await control("post", "/_simulator/wait", {"count": 2, "timeout": 0.05})
    assert status == 408
    assert problem["detail"] == "1 of 2 such messages came within 0.05 seconds."


async def test_waiting_ends_when_the_simulator_stops(session: aiohttp.ClientSession) -> None:
    simulator = Simulator()
    await simulator.start()
    url = f"{simulator.url}/_simulator/wait"

    async def ask() -> tuple[int, str]:
        async with session.post(url, json={"timeout": 60}) as response:
            return response.status, (await response.json())["detail"]

    waiting = asyncio.ensure_future(ask())
    await somebody_waits(simulator.state)
    async with asyncio.timeout(60):
        await simulator.stop()
        assert await waiting == (503, "The simulator stops: 0 of 1 such messages had come.")


async def test_what_was_forgotten_meanwhile_is_looked_for_anew() -> None:
    state = SimulatorState(maximum=3)
    wanted = Filter(channel="rcs")
    stopped = asyncio.Event()
    waiting = asyncio.ensure_future(watching.wait_for(state, wanted, count=1, patience=30, stopped=stopped))
    await somebody_waits(state)
    for channel in ["whatsapp"] * 9 + ["rcs"]:
        state.add_inbound(channel)
    found = await waiting
    assert [each.channel for each in found] == ["rcs"]
