"""
Random lives of a client: sends that are cancelled, clients that are closed in their midst, a platform that breaks off.

Both sides are real, and talk over a Unix socket: what one has written the other can read at once, so that the clock
jumps only when nothing is on its way.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from hypothesis import strategies as st

from vonage_messages.auth import BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.clients import Client
from vonage_messages.clients.transport import Timeout
from vonage_messages.errors import VonageMessagesError

LONGEST = 30.0
ANSWERS = [
    *("accepted", "accepted", "slow", "never", "throttled", "error", "invalid", "error_after_accepting"),
    *("reset", "reset_after_accepting", "truncated", "no_json"),
]


@attrs.define(eq=False)
class Sending:
    task: asyncio.Task[Any]
    text: str
    ends_by: float


class ClientHistory:
    """Every send ends in time, says the truth about what has arrived, and leaves no connection behind."""

    def __init__(self, histories: Any, *, answers: list[str]) -> None:
        self.counted: Counter[str] = histories.counted
        self.clocks = histories.clocks()
        self.answers = answers
        self.folder = Path(tempfile.mkdtemp(prefix="vonage-"))  # the path of a socket is short
        socket = str(self.folder / "socket")
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("aiohttp.client.TCPConnector", lambda **_: aiohttp.UnixConnector(socket))
        self.requests: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.number = 0
        self.sendings: list[Sending] = []
        self.counted["histories of a client"] += 1
        self.runner: Any = self.clocks.run(self.listen(socket))
        self.client = Client(
            BasicAuth("a1b2c3d4", "s3cr3t"), base_url="http://localhost", timeout=Timeout(total=LONGEST, connect=5)
        )

    async def listen(self, socket: str) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/messages", self.answer)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=1e9, handler_cancellation=True)
        await runner.setup()
        await web.UnixSite(runner, socket).start()
        return runner

    # The platform ---------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = (await request.json())["text"]
        self.requests[text] += 1
        kind = self.answers[(int(text) + self.requests[text]) % len(self.answers)]
        await asyncio.sleep({"slow": 2.0, "never": 1e6}.get(kind, 0.1))
        if kind in {"accepted", "slow", "error_after_accepting", "reset_after_accepting", "truncated", "no_json"}:
            self.accepted[text] += 1
            self.counted["messages of a client that were accepted"] += 1
        if kind.startswith("reset"):
            assert request.transport is not None
            request.transport.abort()
        if kind == "throttled":
            return web.json_response({"title": "Throttled"}, status=429, headers={"Retry-After": "1"})
        if kind.startswith("error"):
            return web.json_response({"title": "Fault"}, status=500)
        if kind == "invalid":
            return web.json_response({"title": "Invalid"}, status=422)
        if kind == "no_json":
            return web.Response(text="<html>", status=202)
        response = web.StreamResponse(status=202)
        response.content_length = 100 if kind == "truncated" else len(text) + 24
        await response.prepare(request)
        await response.write(b'{"message_uuid":"uuid-%s"}' % text.encode())
        if kind == "truncated":
            assert request.transport is not None
            request.transport.abort()
        return response

    # What a program does --------------------------------------------------------------------------------------------

    def send(self, number: int) -> None:
        async def start(text: str) -> asyncio.Task[Any]:
            return asyncio.ensure_future(self.client.send(Sms(to="447700900000", from_="Acme", text=text)))

        for _ in range(number):
            self.number += 1
            text = f"{self.number:02d}"
            task = self.clocks.loop.run_until_complete(start(text))
            self.sendings.append(Sending(task, text, float(self.clocks.loop.time()) + LONGEST))
            self.counted["sends"] += 1

    def cancel(self, number: int) -> None:
        going_on = [each.task for each in self.sendings if not each.task.done()]
        if going_on:
            self.counted["sends that were cancelled"] += 1
            going_on[number % len(going_on)].cancel()
            self.clocks.run(asyncio.sleep(0))

    def close_client(self) -> None:
        """Close it under those who send; the next to send opens it again."""
        self.clocks.run(self.client.close())

    def time_passes(self, seconds: float) -> None:
        self.clocks.let_pass(seconds)
        self.check()

    def machine_sleeps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.sleep_through(seconds)
        self.clocks.let_pass(0.001)
        self.check()

    # What comes of it -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        now = float(self.clocks.loop.time())
        for sending in self.sendings:
            assert self.accepted[sending.text] <= 1, "sent twice"
            if not sending.task.done():
                assert now <= sending.ends_by + 0.01, "goes on behind its time"
            elif not sending.task.cancelled():
                self.check_end(sending)

    def check_end(self, sending: Sending) -> None:
        error = sending.task.exception()
        if error is None:
            assert sending.task.result().message_uuid == f"uuid-{sending.text}"
            assert self.accepted[sending.text] == 1
            return
        assert isinstance(error, VonageMessagesError), error
        assert error.maybe_sent or not self.accepted[sending.text], "it has arrived, and the error says that it has not"

    def finish(self) -> None:
        self.clocks.let_pass(LONGEST + 1)
        self.check()
        assert all(each.task.done() for each in self.sendings)
        self.clocks.run(self.client.close())
        self.clocks.let_pass(0.1)
        assert self.runner.server.connections == []
        self.clocks.run(self.runner.cleanup())
        assert [task for task in asyncio.all_tasks(self.clocks.loop) if not task.done()] == []

    def close(self) -> None:
        self.patch.undo()
        self.clocks.close()
        shutil.rmtree(self.folder)


ACTIONS = st.one_of(
    *3 * [st.tuples(st.just("send"), st.integers(1, 4))],
    *3 * [st.tuples(st.just("cancel"), st.integers(0, 20))],
    *4 * [st.tuples(st.just("time_passes"), st.sampled_from([0.0, 0.05, 0.1, 0.11, 0.5, 1.2, 2.0, 31.0]))],
    st.tuples(st.just("close_client")),
    st.tuples(st.just("machine_sleeps"), st.sampled_from([0.5, 29.9, 100.0])),
)
SETTING = st.fixed_dictionaries({"answers": st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=8)})


def test_every_send_ends_in_time_and_says_what_has_arrived(histories: Any) -> None:
    histories.play(ClientHistory, SETTING, ACTIONS, examples=15, steps=30)
