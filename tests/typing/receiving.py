"""What type checkers see of receiving: content, routers, trackers, the simulator. Read, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, assert_type

from aiohttp import web

from vonage_messages import Client, SentMessage, Sms, Tracker, WhatsappText
from vonage_messages.adapters.aiohttp import webhook_routes
from vonage_messages.simulator import (
    CallbackTry,
    Faults,
    ReceivedMessage,
    Refusal,
    Simulator,
    Webhooks,
)
from vonage_messages.webhooks import (
    Attachment,
    Audio,
    Button,
    Contacts,
    File,
    Image,
    InboundMessage,
    Location,
    MessageStatus,
    Order,
    Reaction,
    Reply,
    Router,
    SignatureVerifier,
    Sticker,
    Text,
    Unknown,
    Unsupported,
    Vcard,
    Video,
    WebhookClaims,
    sent_from,
    sent_to,
    sign_webhook,
)


def by_isinstance(event: InboundMessage) -> None:
    content = event.content
    if isinstance(content, Image | Audio | Video | File | Vcard | Sticker):
        assert_type(content.url, str)
    elif isinstance(content, Location):
        assert_type(content.lat, float)
    assert_type(event.attachments, tuple[Attachment, ...])


def by_match(event: InboundMessage) -> str:
    match event.content:
        case Text(text=text):
            return assert_type(text, str)
        case Image() | Audio() | Video() | File() | Vcard() | Sticker() as file:
            return assert_type(file, Image | Audio | Video | File | Vcard | Sticker).url
        case Reply(title=title) | Button(text=title):
            return title or ""
        case Location() | Order() | Reaction() | Contacts() | Unsupported() | Unknown() as rest:
            return type(rest).__name__


def verified(body: bytes) -> None:
    verifier = SignatureVerifier("secret", "older")
    SignatureVerifier({"abcd1234": "secret"})
    assert_type(verifier.verify({"Authorization": "Bearer x"}, body), WebhookClaims)
    assert_type(sign_webhook(body, "secret", api_key="abcd1234", issued_at=1.0), dict[str, str])


def routed(app: web.Application, verifier: SignatureVerifier) -> None:
    router = Router()

    @router.inbound(channel="whatsapp", message_type="text")
    @router.inbound(where=sent_to("14155550100") & ~sent_from("447700900000"))
    async def on_text(event: InboundMessage) -> None: ...

    @router.status("delivered", "read", channel="sms")
    async def on_receipt(event: MessageStatus) -> None: ...

    @router.event()
    async def on_both(event: InboundMessage | MessageStatus) -> None: ...

    still_a_handler: Callable[[InboundMessage], Coroutine[Any, Any, None]] = on_text
    app.add_routes(webhook_routes(router, verifier=verifier))
    router.include(Router())

    router.inbound()(on_receipt)  # type: ignore[type-var]  # it takes statuses
    router.status(channel=1)  # type: ignore[arg-type]  # a name
    router.inbound()(still_a_handler)


async def tracked(router: Router, client: Client) -> None:
    tracker = Tracker(router)
    sent = await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
    assert_type(sent, SentMessage)
    status = await tracker.wait_for(sent, "delivered", timeout=60)
    assert_type(status, MessageStatus)
    assert_type(await tracker.wait_for("an id"), MessageStatus)
    reply = await tracker.wait_for_reply(sent, timeout=3600)
    assert_type(reply, InboundMessage)
    assert_type(tracker.statuses(sent), AsyncIterator[MessageStatus])
    await tracker.wait_for(1)  # type: ignore[arg-type]  # what send gave, or an id


async def simulated() -> None:
    async with Simulator() as simulator:
        assert_type(simulator, Simulator)
        assert_type(simulator.url, str)
        assert_type(simulator.messages, list[ReceivedMessage])
        assert_type(simulator.refusals, list[Refusal])
        assert_type(simulator.faults, Faults)
        assert_type(simulator.webhooks, Webhooks)
        assert_type(await simulator.inbound(text="Hello"), CallbackTry)
        async with simulator.client() as client:
            assert_type(client, Client)
            await client.send(WhatsappText(to="447700900000", from_="14155550100", text="Hello"))
        assert_type(simulator.messages[0].message_uuid, str)
