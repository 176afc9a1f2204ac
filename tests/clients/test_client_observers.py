"""What observers and the log are told of each attempt, and what neither of them is."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from vonage_messages import errors
from vonage_messages.auth import ApplicationAuth
from vonage_messages.channels.sms import Sms

from .quick_client import BASIC, EXPIRED, UUID, Recorder, client_of

if TYPE_CHECKING:
    from vonage_messages.observe import AttemptStarted


async def test_observers_see_every_attempt(tools: Any, sms: Sms) -> None:
    recorder = Recorder()
    server = await tools.server(
        tools.answer(429, b"{}", {"X-Request-Id": "r1"}), tools.accepted({"X-Request-Id": "r2"})
    )
    async with client_of(server, observers=[recorder]) as client:
        await client.send(sms)
    assert [(event.operation, event.attempt) for event in recorder.started] == [("send", 1), ("send", 2)]
    assert recorder.started[0].to == "44********00"
    first, second = recorder.finished
    assert (first.status, first.request_id, type(first.error)) == (429, "r1", errors.RateLimitedError)
    assert (second.status, second.request_id, second.message_uuid, second.error) == (202, "r2", UUID, None)
    assert second.started == recorder.started[1]
    assert second.duration > 0


async def test_attempt_is_logged_once_the_log_is_set_to_debug(
    tools: Any, sms: Sms, caplog: pytest.LogCaptureFixture
) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server) as client:
        with caplog.at_level(logging.INFO, "vonage_messages"):
            await client.attempt(sms)
        assert caplog.messages == []
        with caplog.at_level(logging.DEBUG, "vonage_messages"):
            await client.attempt(sms)
    assert [message.partition(",")[0] for message in caplog.messages] == ["send", "send"]


async def test_observed_attempt_forgets_an_expired_token_too(
    tools: Any, sms: Sms, application: ApplicationAuth
) -> None:
    recorder = Recorder()
    server = await tools.server(tools.answer(401, EXPIRED), tools.accepted())
    async with client_of(server, application, observers=[recorder]) as client:
        await client.send(sms)
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first != second
    assert [event.status for event in recorder.finished] == [401, 202]


async def test_observers_see_a_cancelled_attempt(tools: Any, sms: Sms) -> None:
    recorder = Recorder()
    server = await tools.server(tools.silence)
    async with client_of(server, observers=[recorder]) as client:
        task = asyncio.create_task(client.send(sms))
        await server.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert isinstance(recorder.finished[0].error, asyncio.CancelledError)
    assert len(server.requests) == 1


class Broken(Recorder):
    def before_attempt(self, event: AttemptStarted) -> None:
        super().before_attempt(event)
        raise RuntimeError("no place")


async def test_observer_that_raises_does_not_break_the_send(tools: Any, sms: Sms) -> None:
    server = await tools.server(tools.accepted())
    async with client_of(server, observers=[Broken()]) as client:
        assert (await client.send(sms)).message_uuid == UUID


async def test_nothing_secret_is_logged_or_shown(
    tools: Any, sms: Sms, application: ApplicationAuth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script = tools.accepted(), tools.answer(422, b"{}"), tools.close, tools.raw(b"not http"), tools.answer(500)
    shown: list[str] = []
    for auth in (BASIC, application):
        server = await tools.server(*script)
        async with client_of(server, auth) as client:
            shown.append(repr(client) + repr(await client.send(sms, dry_run=True)))
            for _ in range(5):
                try:
                    shown.append(repr(await client.send(sms)))
                except errors.VonageMessagesError as error:
                    shown.append(f"{error} {error!r} {error.__cause__!r} {error.__context__!r}")
    token = application.authorization().removeprefix("Bearer ")
    everything = "\n".join([*shown, caplog.text])
    for secret in ("topsecret", BASIC.authorization()[6:], token, "secret words", "447700900000"):
        assert secret not in everything
    assert "44********00" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]
