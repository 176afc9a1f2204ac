"""Statuses and messages as the tests of the tracker have it hear them."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from vonage_messages.receiving.tracker import Tracker
from vonage_messages.webhooks.parse import parse_inbound, parse_status
from vonage_messages.webhooks.status import MessageStatus
from vonage_messages.wire.rest import SentMessage

START = datetime(2026, 2, 3, 12, 14, 25, tzinfo=UTC)
LONG = 60.0
FIRST = "aaaaaaaa-bbbb-4ccc-8ddd-000000000001"
SECOND = "aaaaaaaa-bbbb-4ccc-8ddd-000000000002"
SENT = SentMessage(message_uuid=FIRST)
CHAIN = SentMessage(message_uuid=FIRST, workflow_id="flow")
NUMBERS = itertools.count(1)


def status(name: str, uuid: str = FIRST, *, at: float = 0, code: int | None = None, **fields: Any) -> MessageStatus:
    body: dict[str, Any] = {
        "message_uuid": uuid,
        "to": "447700900000",
        "from": "447700900001",
        "timestamp": (START + timedelta(seconds=at)).isoformat().replace("+00:00", "Z"),
        "status": name,
        "channel": "sms",
        **fields,
    }
    if code is not None:
        body["error"] = {"type": f"https://example.com#{code}", "title": str(code), "detail": "", "instance": "x"}
    return parse_status(body)


def item(number: int, total: int) -> dict[str, Any]:
    return {"workflow_id": "flow", "items_number": str(number), "items_total": str(total)}


def inbound(text: str = "Yes", *, at: float = 1, **fields: Any) -> Any:
    body = {
        "channel": "sms",
        "message_uuid": f"bbbbbbbb-bbbb-4ccc-8ddd-{next(NUMBERS):012}",
        "to": "447700900001",
        "from": "447700900000",
        "timestamp": (START + timedelta(seconds=at)).isoformat().replace("+00:00", "Z"),
        "text": text,
        **fields,
    }
    return parse_inbound(body)


async def observe(tracker: Tracker, *events: Any) -> None:
    for event in events:
        await tracker.observe(event)


async def waiting(tracker: Tracker, *coroutines: Any) -> list[asyncio.Task[Any]]:
    """Begin waits, and go on when all of them wait."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    for _ in range(10):
        await asyncio.sleep(0)
    assert tracker.waiting == len(tasks)
    return tasks
