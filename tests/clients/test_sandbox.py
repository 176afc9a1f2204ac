"""The Messages Sandbox: its host, what it does not have, and what its refusals are told with."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from vonage_messages import (
    APIError,
    BasicAuth,
    Client,
    InvalidMessageError,
    Limiter,
    Limits,
    MemoryLimitStore,
    NotDeliveredError,
    PermissionDeniedError,
    RateLimitedError,
    RawMessage,
    RcsText,
    RetryPolicy,
    Sms,
    Tracker,
    WhatsappText,
)
from vonage_messages.clients import hosts
from vonage_messages.webhooks import Router, parse_status

AUTH = BasicAuth("abcd1234", "its secret")
HELLO = WhatsappText(to="447700900000", from_="14157386102", text="Hello")
SMS = Sms(to="447700900000", from_="Acme", text="Hello")
ONCE = RetryPolicy(attempts=1)


@pytest.mark.parametrize("call", ["send", "attempt"])
@pytest.mark.parametrize(
    ("message", "paths"),
    [
        (SMS, ["channel"]),
        (
            RcsText(to="447700900000", from_="Acme", text="Hello", failover=[HELLO, SMS]),
            ["channel", "failover[1].channel"],
        ),
        (WhatsappText(to="447700900000", from_="1", text="Hello", failover=[SMS]), ["failover[0].channel"]),
        (RawMessage({"channel": "mms", "message_type": "text"}), ["channel"]),
    ],
)
async def test_a_channel_that_it_does_not_have_is_refused_before_anything_is_sent(
    call: str, message: Any, paths: list[str]
) -> None:
    async with Client(AUTH, sandbox=True) as client:
        with pytest.raises(InvalidMessageError, match="is not in the Sandbox") as caught:
            await getattr(client, call)(message)
    assert [each.path for each in caught.value.problems] == paths


async def test_a_message_of_a_channel_that_it_has_would_go_to_its_host() -> None:
    async with Client(AUTH, sandbox=True, limits=Limiter(Limits.sandbox(), store=MemoryLimitStore())) as client:
        dry = await client.send(HELLO, dry_run=True)
    assert dry.url == "https://messages-sandbox.nexmo.com/v1/messages"


@pytest.mark.parametrize("call", ["send", "attempt"])
@pytest.mark.parametrize(
    ("status", "problem", "error", "said"),
    [
        (403, {"title": "Forbidden"}, PermissionDeniedError, "the recipient must join first"),
        (422, {"type": "https://example.com/messages#1160"}, APIError, "the recipient must join first"),
        (429, {"title": "Slow down"}, RateLimitedError, "one message a second and 100 a month"),
        (422, {"type": "https://example.com/messages#1150"}, APIError, ""),
    ],
)
async def test_a_refusal_says_what_it_means_there(  # noqa: PLR0913, PLR0917  a row of a table
    tools: Any,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    status: int,
    problem: dict[str, str],
    error: type[APIError],
    said: str,
) -> None:
    server = await tools.server(tools.answer(status, json.dumps(problem).encode()))
    monkeypatch.setattr(hosts, "SANDBOX_HOST", server.url)
    async with (
        Client(AUTH, sandbox=True, retry=ONCE) as sandbox,
        Client(AUTH, base_url=server.url, retry=ONCE) as other,
    ):
        with pytest.raises(error) as caught:
            await getattr(sandbox, call)(HELLO)
        with pytest.raises(error) as elsewhere:
            await getattr(other, call)(HELLO)
    assert said in caught.value.advice
    assert str(caught.value).endswith(caught.value.advice)
    assert elsewhere.value.advice == ""
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  our own


async def test_a_status_that_says_so_has_the_advice_too() -> None:
    tracker = Tracker(Router())
    await tracker.observe(
        parse_status(
            {
                "message_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
                "to": "447700900000",
                "from": "14157386102",
                "channel": "whatsapp",
                "timestamp": "2026-11-27T12:00:00Z",
                "status": "rejected",
                "error": {"type": "https://developer.vonage.com/api-errors/messages#1160", "title": "1160"},
            }
        )
    )
    with pytest.raises(NotDeliveredError, match="Sandbox's recipients join it first"):
        await tracker.wait_for("aaaaaaaa-bbbb-cccc-dddd-0123456789ab", "delivered", timeout=60)
