"""Spans and metrics of what comes in: webhooks, and the handlers they are for."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from vonage_messages import Sms, Tracker, observe
from vonage_messages.receiving import Drift, Receiver
from vonage_messages.simulator import Simulator
from vonage_messages.telemetry import instrumentation
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier, sign_webhook

SECRET = "example-signature-secret-0123456789abcdef"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
NUMBER = "447700900123"
JSON_HEADERS = {"Content-Type": "application/json"}


def status_of(uuid: str = UUID, **fields: Any) -> bytes:
    known = {"message_uuid": uuid, "to": NUMBER, "from": "Acme", "timestamp": "2025-02-03T12:14:25Z"}
    return json.dumps({"channel": "sms", "status": "delivered", **known, **fields}).encode()


def signed(body: bytes) -> dict[str, str]:
    return sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=time.time())


async def test_a_webhook_is_a_span_with_its_handlers_below_it(watched: Any) -> None:
    router, inside = Router(), []

    @router.status("delivered")
    async def first(_event: MessageStatus) -> None:
        inside.append(trace.get_current_span().name)

    @router.status()
    async def second(_event: MessageStatus) -> None:
        inside.append(trace.get_current_span().name)

    receiver = Receiver(router, verifier=SignatureVerifier(SECRET))
    body = status_of(client_ref="order-7")
    with watched.caller():
        answer = await receiver.receive(signed(body), body)
    assert answer.status == 200
    process, caller = watched.span("process"), watched.span("caller")
    assert (process.name, process.kind) == ("process sms", SpanKind.CONSUMER)
    assert process.parent.span_id == caller.context.span_id
    assert dict(process.attributes) == {
        "messaging.system": "vonage",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "sms",
        "messaging.message.id": UUID,
        "messaging.message.conversation_id": "order-7",
        "vonage.webhook.kind": "status",
        "vonage.status": "delivered",
        "http.response.status_code": 200,
    }
    handlers = watched.spans("handler")
    assert [span.name for span in handlers] == inside
    assert [span.name.rpartition(".")[2] for span in handlers] == ["first", "second"]
    assert {span.parent.span_id for span in handlers} == {process.context.span_id}
    (point,) = watched.points("messaging.process.duration")
    assert dict(point.attributes) == {
        "messaging.system": "vonage",
        "messaging.operation.name": "process",
        "messaging.destination.name": "sms",
        "vonage.webhook.kind": "status",
    }
    assert watched.total("messaging.client.consumed.messages") == 1


async def test_a_status_is_linked_to_the_span_that_sent_its_message(watched: Any) -> None:
    receiver = Receiver(Router(), insecure=True)
    async with Simulator() as simulator, simulator.client() as client:
        sent = await client.send(Sms(to=NUMBER, from_="Acme", text="hello"))
    await receiver.receive(JSON_HEADERS, status_of(sent.message_uuid))
    await receiver.receive(JSON_HEADERS, status_of(UUID))
    own, foreign = watched.spans("process")
    assert [link.context.span_id for link in own.links] == [watched.span("send").context.span_id]
    assert not foreign.links


async def test_only_so_many_sends_are_remembered(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentation, "_REMEMBERED", 2)
    async with Simulator() as simulator, simulator.client() as client:
        sent = [await client.send(Sms(to=NUMBER, from_="Acme", text="hello")) for _ in range(3)]
    receiver = Receiver(Router(), insecure=True)
    for one in sent:
        await receiver.receive(JSON_HEADERS, status_of(one.message_uuid))
    assert [len(span.links) for span in watched.spans("process")] == [0, 1, 1]


async def test_a_handler_that_fails_is_told_by_the_name_of_its_error_alone(watched: Any) -> None:
    router = Router()

    @router.status()
    async def failing(event: MessageStatus) -> None:
        raise LookupError(f"nobody has {event.to}")

    answer = await Receiver(router, insecure=True).receive(JSON_HEADERS, status_of())
    assert answer.status == 500
    handler, process = watched.span("handler"), watched.span("process")
    assert (handler.status.status_code, handler.status.description) == (StatusCode.ERROR, "LookupError")
    assert (process.attributes["error.type"], process.attributes["http.response.status_code"]) == ("500", 500)
    (point,) = watched.points("messaging.process.duration")
    assert point.attributes["error.type"] == "500"
    assert NUMBER not in watched.everything()
    assert "900123" not in watched.everything()


async def test_a_forgery_is_counted_and_nothing_it_says_is_believed(watched: Any) -> None:
    body = status_of(channel="carrier-pigeon")
    answer = await Receiver(Router(), verifier=SignatureVerifier(SECRET)).receive(JSON_HEADERS, body)
    assert answer.status in {401, 503}
    assert dict(watched.span("process").attributes) == {
        "messaging.system": "vonage",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "http.response.status_code": answer.status,
        "error.type": str(answer.status),
    }
    assert watched.total("messaging.client.consumed.messages") == 0


async def test_a_channel_that_is_not_known_makes_no_name_of_its_own(watched: Any) -> None:
    receiver = Receiver(Router(), insecure=True)
    for number in range(3):
        await receiver.receive(JSON_HEADERS, status_of(channel=f"pigeon-{number}", message_uuid=UUID + str(number)))
    assert {span.name for span in watched.spans("process")} == {"process _OTHER"}
    assert len(watched.points("messaging.process.duration")) == 1


async def test_handlers_behind_the_answer_belong_to_their_webhook(watched: Any) -> None:
    router = Router()

    @router.status()
    async def late(_event: MessageStatus) -> None: ...

    receiver = Receiver(router, insecure=True, mode="acknowledge_first")
    await receiver.receive(JSON_HEADERS, status_of())
    await receiver.close()
    assert watched.span("handler").parent.span_id == watched.span("process").context.span_id


async def test_a_tracker_works_as_without(watched: Any) -> None:
    router = Router()
    tracker = Tracker(router)
    await Receiver(router, insecure=True).receive(JSON_HEADERS, status_of())
    assert (await tracker.wait_for(UUID, "delivered", timeout=0)).status == "delivered"
    assert watched.span("handler").attributes["vonage.handler"].startswith("Tracker.")


async def test_what_a_webhook_holds_that_is_not_known_is_counted_by_name(watched: Any) -> None:
    shared = Drift()
    receivers = [Receiver(Router(), insecure=True, drift=drift) for drift in (shared, shared, Drift())]
    for number, receiver in enumerate(receivers):
        await receiver.receive(JSON_HEADERS, status_of(UUID + str(number), status="relayed", mood="fine"))
    assert {
        (point.attributes["vonage.unknown.kind"], point.attributes["vonage.unknown.name"]): point.value
        for point in watched.points("vonage.webhook.unknown")
    } == {("status", "relayed"): 3, ("field", "mood"): 3}


async def test_a_job_that_will_come_again_is_no_failure(watched: Any) -> None:
    def work(*, is_unfinished: bool) -> None:
        assert observe.telemetry is not None
        with observe.telemetry.job("send", "queue", None) as job:
            if is_unfinished:
                job.unfinished()
            raise LookupError

    for is_unfinished in (True, False):
        with pytest.raises(LookupError):
            work(is_unfinished=is_unfinished)
    again, failed = watched.spans("process send")
    assert (again.status.status_code, again.attributes["vonage.unfinished"]) == (StatusCode.UNSET, True)
    assert (failed.status.status_code, failed.attributes["vonage.unfinished"]) == (StatusCode.ERROR, False)
