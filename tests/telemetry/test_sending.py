"""Spans and metrics of what is sent, alone and by a queue, against the simulator and OpenTelemetry's own SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from yarl import URL

from vonage_messages import (
    Limits,
    LimitTimeoutError,
    OptedOutError,
    OptOuts,
    Rate,
    RetryPolicy,
    SendQueue,
    Sms,
    WhatsappText,
    telemetry,
)
from vonage_messages.errors import APIError, ConfigurationError, ServerError
from vonage_messages.observe import AttemptFinished, AttemptStarted
from vonage_messages.simulator import Simulator

NUMBER = "447700900123"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
AT_ONCE = RetryPolicy(base_delay=0)


def sms(text: str = "a secret text", to: str = NUMBER, **fields: Any) -> Sms:
    return Sms(to=to, from_="Acme", text=text, **fields)


async def test_a_send_is_a_span_with_its_request_below_it(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client:
        url = URL(simulator.url)
        with watched.caller():
            sent = await client.send(sms(client_ref="order-7"))
    send, request, caller = watched.span("send sms"), watched.span("POST"), watched.span("caller")
    assert send.parent.span_id == caller.context.span_id
    assert request.parent.span_id == send.context.span_id
    assert (send.kind, request.kind) == (SpanKind.PRODUCER, SpanKind.CLIENT)
    server = {"server.address": url.host, "server.port": url.port}
    assert dict(send.attributes) == {
        "messaging.system": "vonage",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "sms",
        "messaging.message.id": sent.message_uuid,
        "messaging.message.conversation_id": "order-7",
        "vonage.message_type": "text",
        "vonage.to": "44********23",
        "vonage.request_id": sent.request_id,
        "vonage.attempts": 1,
        **server,
    }
    assert request.name == "POST /v1/messages"
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.response.status_code": 202,
        "url.full": str(url / "v1/messages"),
        "url.template": "/v1/messages",
        "vonage.request_id": sent.request_id,
        **server,
    }
    assert send.status.status_code is StatusCode.UNSET
    assert watched.total("vonage.send.accepted") == watched.total("messaging.client.sent.messages") == 1
    assert watched.total("messaging.client.operation.duration") == watched.total("http.client.request.duration") == 1


async def test_repetitions_and_429_are_counted(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client(retry=AT_ONCE) as client:
        simulator.faults.add("throttle", count=2, seconds=0)
        await client.send(sms())
    first, second, third = watched.spans("POST")
    assert [span.attributes.get("http.request.resend_count") for span in (first, second, third)] == [None, 1, 2]
    assert [span.attributes.get("error.type") for span in (first, second, third)] == ["429", "429", None]
    assert watched.span("send").attributes["vonage.attempts"] == 3
    assert watched.total("vonage.send.throttled") == watched.total("vonage.send.retries") == 2
    assert watched.total("messaging.client.sent.messages") == watched.total("vonage.send.accepted") == 1


async def test_what_fails_says_why_and_whether_it_may_be_on_its_way(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client:
        simulator.faults.add("error_after_accepting", status=503, count=1)
        with pytest.raises(ServerError):
            await client.send(sms())
    send = watched.span("send")
    assert (send.status.status_code, send.status.description) == (StatusCode.ERROR, "ServerError")
    assert (send.attributes["error.type"], send.attributes["vonage.maybe_sent"]) == ("ServerError", True)
    assert not send.events
    (point,) = watched.points("vonage.send.in_doubt")
    assert dict(point.attributes) == {
        "messaging.system": "vonage",
        "messaging.operation.name": "send",
        "messaging.destination.name": "sms",
        "error.type": "ServerError",
    }
    assert (watched.total("vonage.send.failed"), watched.total("vonage.send.accepted")) == (1, 0)


async def test_what_a_guard_refuses_has_a_span_and_no_request(watched: Any) -> None:
    opt_outs = OptOuts()
    await opt_outs.opt_out(NUMBER)
    async with Simulator() as simulator, simulator.client(guards=[opt_outs]) as client:
        with pytest.raises(OptedOutError):
            await client.send(sms())
    assert [span.name for span in watched.spans()] == ["send sms"]
    assert watched.span("send").attributes["error.type"] == "OptedOutError"
    assert (watched.total("vonage.send.failed"), watched.total("messaging.client.sent.messages")) == (1, 0)


async def test_a_cancelled_send_ends_its_spans(watched: Any) -> None:
    begun = asyncio.Event()

    class Watcher:
        def before_attempt(self, _event: AttemptStarted) -> None:
            begun.set()

        def after_attempt(self, _event: AttemptFinished) -> None: ...

    async with Simulator() as simulator, simulator.client(observers=[Watcher()]) as client:
        simulator.faults.add("slow", seconds=60)
        task = asyncio.create_task(client.send(sms()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [span.attributes["error.type"] for span in watched.spans()] == ["CancelledError"] * 2


async def test_updates_are_requests_without_the_id_in_their_name(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client:
        with pytest.raises(APIError):
            await client.mark_read(UUID)
    request = watched.span("PATCH")
    assert request.name == "PATCH /v1/messages/{message_uuid}"
    assert request.attributes["error.type"] == str(request.attributes["http.response.status_code"])
    assert watched.spans("send") == []


async def test_each_message_of_a_queue_belongs_to_whoever_has_submitted_it(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client, SendQueue(client) as queue:
        with watched.caller("one"):
            one = queue.submit(sms("1"))
        with watched.caller("two"):
            two = queue.submit(WhatsappText(to=NUMBER, from_="14155550100", text="2"))
            await queue.put(sms("3", to="447700900124"))
        await asyncio.gather(one, two)
        await queue.drain()
    parents = {span.name: span.context.span_id for span in (watched.span("one"), watched.span("two"))}
    by_id = {span.attributes.get("messaging.message.id"): span for span in watched.spans("send")}
    assert by_id[(await one).message_uuid].parent.span_id == parents["one"]
    assert by_id[(await two).message_uuid].parent.span_id == parents["two"]
    assert sorted(span.parent.span_id for span in watched.spans("send")) == sorted(
        [parents["one"], parents["two"], parents["two"]]
    )
    sends = {span.context.span_id for span in watched.spans("send")}
    assert {span.parent.span_id for span in watched.spans("POST")} == sends
    assert all(span.attributes["vonage.queue.wait"] >= 0 for span in watched.spans("send"))
    assert watched.total("vonage.queue.wait") == 3


async def test_functions_of_a_queue_are_no_part_of_its_first_message(watched: Any) -> None:
    seen: list[Any] = []
    async with Simulator() as simulator, simulator.client() as client:
        queue = SendQueue(client, on_outcome=lambda _outcome: seen.append(trace.get_current_span()), connections=1)
        async with queue:
            with watched.caller():
                await queue.submit(sms("1"))
            await queue.submit(sms("2"))
    assert seen == [trace.INVALID_SPAN] * 2
    assert [span.parent is None for span in watched.spans("send")] == [False, True]


async def test_repetitions_of_a_queue_stand_below_one_message(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client:
        simulator.faults.add("throttle", count=1, seconds=0)
        async with SendQueue(client, limits=Limits.unlimited()) as queue:
            await queue.submit(sms())
    send = watched.span("send")
    assert [span.parent.span_id for span in watched.spans("POST")] == [send.context.span_id] * 2
    assert send.attributes["vonage.attempts"] == 2
    assert watched.total("vonage.send.retries") == watched.total("vonage.send.throttled") == 1


async def test_a_queue_counts_what_waits_what_is_taken_back_and_what_comes_too_late(watched: Any) -> None:
    limits = Limits.unlimited().replacing(account=Rate(1, per=3600))
    async with Simulator() as simulator, simulator.client() as client:
        queue = SendQueue(client, limits=limits)
        async with queue:
            await queue.submit(sms("1"))
            waiting = [queue.submit(sms(str(number))) for number in range(3)]
            assert watched.total("vonage.queue.depth") == 3
            with pytest.raises(LimitTimeoutError):
                await queue.submit(sms("late"), max_wait=1)
            waiting[0].cancel()
            assert await queue.cancel() == 2
        assert [type(future.exception()).__name__ for future in waiting[1:]] == ["QueueClosedError"] * 2
    assert watched.total("vonage.queue.depth") == 0
    assert watched.total("vonage.send.cancelled") == 3
    assert watched.total("vonage.send.failed") == watched.total("vonage.send.accepted") == 1
    assert [span.attributes.get("error.type") for span in watched.spans("send")] == [None, "LimitTimeoutError"]
    assert watched.total("messaging.client.sent.messages") == 1


async def test_what_leaves_this_process_holds_no_number_and_no_text(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client:
        await client.send(sms(client_ref=NUMBER))
        await client.send(sms(client_ref="anna@example.com"))
        simulator.faults.add("error", count=1)
        with pytest.raises(ServerError):
            await client.send(sms(client_ref="+44 7700 900123"))
    everything = watched.everything()
    assert "44********23" in everything
    for secret in (NUMBER, "900123", "secret", "anna@example.com"):
        assert secret not in everything


async def test_numbers_are_shown_in_spans_alone_where_that_is_asked_for(kept: Any) -> None:
    kept.instrument(unmask=True)
    async with Simulator() as simulator, simulator.client() as client:
        await client.send(sms(client_ref=NUMBER))
    attributes = kept.span("send").attributes
    assert attributes["vonage.to"] == attributes["messaging.message.conversation_id"] == NUMBER
    assert NUMBER not in kept.reader.get_metrics_data().to_json()


async def test_what_waits_is_watched_to_its_end_and_nothing_after_that(watched: Any) -> None:
    async with Simulator() as simulator, simulator.client() as client, SendQueue(client) as queue:
        queue.pause()
        future = queue.submit(sms())
        telemetry.uninstrument()
        telemetry.uninstrument()
        queue.resume()
        await future
        await queue.submit(sms())
        await client.send(sms())
    assert len(watched.spans("send")) == 1
    assert watched.points("vonage.queue.depth") == []


def test_a_process_is_instrumented_once(watched: Any) -> None:
    with pytest.raises(ConfigurationError, match="uninstrument"):
        watched.instrument()


async def test_a_failing_exporter_stops_no_message(kept: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def on_start(self, *_: object) -> None:
            raise RuntimeError("a secret")

        on_end = on_start

        def shutdown(self) -> None: ...

    kept.tracer_provider.add_span_processor(Broken())
    kept.instrument()
    async with Simulator() as simulator, simulator.client() as client, SendQueue(client) as queue:
        await client.send(sms())
        await client.send(sms())
        await queue.submit(sms())
    assert len(simulator.messages) == 3
    assert kept.total("vonage.send.accepted") == 3
    warnings = [record.getMessage() for record in caplog.records if record.name == "vonage_messages"]
    assert len(warnings) == len(set(warnings)) > 0
    assert not any("secret" in words for words in warnings)
