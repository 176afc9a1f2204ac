"""Three messages to one person, what is waited for about them, and the statuses that are told by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs

from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.clients.client import Client
from vonage_messages.sending.failover import FailoverResult, ReferenceTracker
from vonage_messages.simulator import Simulator
from vonage_messages.webhooks.parse import parse_status
from vonage_messages.webhooks.status import MessageStatus

TO = "447700900000"
WHATSAPP = WhatsappText(to=TO, from_="447700900001", text="Your parcel is here.", client_ref="parcel-1-whatsapp")
RCS = RcsText(to=TO, from_="Acme", text="Your parcel is here.", client_ref="parcel-1-rcs")
SMS = Sms(to=TO, from_="Acme", text="Your parcel is here.", client_ref="parcel-1-sms")
REFUSED = RawMessage({"channel": "rcs", "message_type": "text", "to": TO, "from": "Acme"})
"""Without a text: the simulator answers 422."""

SOON = 0.05
WINDOW = 0.3
"""It ends when nothing else happens: time passes by jumping (``quiet_clock``), however busy the machine is."""
POLL = 0.05
LONG = 600.0
"""Longer than any test lasts: whoever waits for it, hangs."""


@attrs.frozen
class Service:
    """A simulator that calls a receiver with a tracker."""

    simulator: Simulator
    tracker: ReferenceTracker
    client: Client


def channels(simulator: Simulator) -> list[str]:
    return [message.channel for message in simulator.messages]


def told(word: str, message: Any, *, code: int | None = None) -> MessageStatus:
    """Make the status of a message that arrived at the simulator."""
    body: dict[str, Any] = {
        "message_uuid": message.message_uuid,
        "channel": message.channel,
        "to": TO,
        "from": "Acme",
        "timestamp": "2026-02-03T12:14:25Z",
        "status": word,
        "client_ref": message.payload.get("client_ref"),
    }
    if code is not None:
        body["error"] = {"type": "x", "title": str(code), "detail": "", "instance": "x"}
    return parse_status(body)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  the simulator and the queue below tell nobody
            await asyncio.sleep(POLL)


async def arrival(simulator: Simulator, number: int) -> Any:
    """Wait for message *number*, from 1."""
    await until(lambda: len(simulator.messages) >= number)
    return simulator.messages[number - 1]


async def within(chain: asyncio.Task[FailoverResult]) -> FailoverResult:
    return await asyncio.wait_for(chain, 60)


def errors_of(result: FailoverResult) -> list[type[Exception] | None]:
    return [None if leg.error is None else type(leg.error) for leg in result.legs]
