"""What type checkers see of a client and of an outbox: read by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import assert_type

from vonage_messages import (
    Added,
    AnyMessage,
    AnySms,
    AnyWhatsapp,
    APIError,
    ApplicationAuth,
    BasicAuth,
    Client,
    Downloaded,
    DryRun,
    Limits,
    Message,
    Outbox,
    Progress,
    RateLimitedError,
    RcsText,
    Report,
    RetryPolicy,
    SendMessageResponse,
    SentMessage,
    Settlement,
    Sms,
    State,
    Timeout,
    VonageMessagesError,
    WhatsappText,
)
from vonage_messages.webhooks import InboundMessage, MessageStatus

sms = Sms(to="447700900000", from_="Acme", text="Hello")
auth = ApplicationAuth(application_id="a", private_key=Path("key.pem"))


async def rotating() -> BasicAuth:
    return BasicAuth(api_key="a", api_secret="b")


async def client(inbound: InboundMessage, asked: bool) -> None:
    assert_type(Client.from_env(), Client)
    Client(auth, region="eu", timeout=Timeout(connect=5, total=30), retry=RetryPolicy(), limits=Limits.published())
    Client(rotating, base_url="http://127.0.0.1:1", trust_env=True)
    async with Client(auth, sandbox=True) as client:
        assert_type(client, Client)
        sent = await client.send(sms)
        assert_type(sent, SentMessage)
        assert_type(sent.message_uuid, str)
        assert_type(sent.client_ref, str | None)
        assert_type(sent.workflow_id, str | None)
        assert_type(sent.request_id, str | None)
        assert_type(sent.headers, Mapping[str, str])
        assert_type(await client.send(RcsText(to="1", from_="A", text="x"), failover=[sms]), SentMessage)
        assert_type(await client.send(sms, api_version="v0.1"), SentMessage)
        assert_type(await client.send(sms, dry_run=True), DryRun)
        assert_type(await client.send(sms, dry_run=asked), SentMessage | DryRun)
        assert_type(await client.reply(inbound, "Thanks!"), SentMessage)
        assert_type(await client.download(inbound.content, "picture.jpg"), Downloaded)
        await client.mark_read(inbound, typing_indicator=True)
        await client.mark_read("id")
        await client.revoke(sent.message_uuid)
        official: SendMessageResponse = sent
        assert_type(official, SentMessage)

        await client.send("Hello")  # type: ignore[call-overload]  # a message
        await client.send(sms, api_version="v2")  # type: ignore[call-overload]  # no such version
        await client.reply(inbound)  # type: ignore[call-arg]  # what to say
    Client("key")  # type: ignore[arg-type]  # credentials
    Client(auth, region=1)  # type: ignore[arg-type]  # a name


def errors(error: VonageMessagesError) -> float | None:
    assert_type(error.retryable, bool)
    assert_type(error.maybe_sent, bool)
    match error:
        case RateLimitedError(retry_after=wait):
            return assert_type(wait, float | None)
        case APIError():
            assert_type(error.status, int)
            assert_type(error.headers, Mapping[str, str])
            return None
        case _:
            return None


def unions(message: AnyMessage, whatsapp: AnyWhatsapp, of_sms: AnySms) -> str | None:
    assert_type(of_sms, Sms)
    takes_any: Message = message
    assert_type(takes_any.to, str)
    if isinstance(message, Sms):
        return assert_type(message.text, str)
    match whatsapp:
        case WhatsappText(text=text):
            return assert_type(text, str)
        case _:
            return None


async def outbox(
    client: Client, messages: list[Sms], endless: AsyncIterable[Message], status: MessageStatus, path: Path
) -> None:
    async with Outbox.open(path) as outbox:
        assert_type(outbox, Outbox)
        added = await outbox.add(messages, key=lambda message: message.to)
        assert_type(added, Added)
        assert_type(added.new, int)
        assert_type(added.repeated, int)
        await outbox.add(endless)

        def shown(progress: Progress) -> None:
            assert_type(progress.accepted, int)

        report = await outbox.run(client, limits=Limits.published(), on_progress=shown, in_doubt="leave")
        assert_type(report, Report)
        assert_type(report.accepted, int)
        assert_type(report.failed, int)
        assert_type(report.in_doubt, int)
        assert_type(report.stopped, str | None)
        await outbox.run(client, on_progress=print)
        assert_type(await outbox.settle(status), Settlement)
        assert_type(await outbox.purge(recipient="447700900000"), int)
        assert_type([row.state async for row in outbox.rows(State.FAILED)], list[State])

        await outbox.add(sms)  # type: ignore[arg-type]  # a list of messages
        await outbox.run(client, in_doubt="forget")  # type: ignore[arg-type]  # no such policy
        outbox.rows("failed")  # type: ignore[arg-type]  # a State


async def messages(count: int) -> AsyncIterator[Message]:
    for _ in range(count):
        yield sms
