"""A row of an outbox remembers where it was added, also after a restart."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import Outbox, Sms, telemetry
from vonage_messages.simulator import Simulator


def some(*numbers: int) -> list[Sms]:
    return [Sms(to=f"44770090000{each}", from_="Acme", text=str(each), client_ref=str(each)) for each in numbers]


async def run(path: Path) -> None:
    async with Outbox.open(path) as outbox, Simulator() as simulator, simulator.client() as client:
        report = await outbox.run(client)
    assert report.complete


async def test_a_row_is_linked_to_where_it_was_added_and_belongs_to_the_run(watched: Any, tmp_path: Path) -> None:
    path = tmp_path / "campaign.db"
    async with Outbox.open(path) as outbox:
        with watched.caller("adding"):
            await outbox.add(some(1))
    with watched.caller("running"):
        await run(path)
    send, request = watched.span("send"), watched.span("POST")
    assert [link.context.span_id for link in send.links] == [watched.span("adding").context.span_id]
    assert send.parent.span_id == watched.span("running").context.span_id
    assert request.parent.span_id == send.context.span_id
    assert send.attributes["messaging.message.conversation_id"] == "1"


async def test_rows_that_were_added_unwatched_or_are_sent_by_nobody_stand_alone(watched: Any, tmp_path: Path) -> None:
    path = tmp_path / "campaign.db"
    telemetry.uninstrument()
    async with Outbox.open(path) as outbox:
        with watched.caller():
            await outbox.add(some(1))
        watched.instrument()
        await outbox.add(some(2))
        assert [row.trace async for row in outbox.rows()] == [None, None]
    await run(path)
    assert [(send.parent, list(send.links)) for send in watched.spans("send")] == [(None, [])] * 2


@pytest.mark.parametrize("stored", ["", "nonsense", "00-00000000000000000000000000000000-0000000000000000-01"])
async def test_what_cannot_be_read_is_no_link(watched: Any, tmp_path: Path, stored: str) -> None:
    path = tmp_path / "campaign.db"
    async with Outbox.open(path) as outbox:
        await outbox.add(some(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE message SET trace = ?", [stored])
    await run(path)
    assert not watched.span("send").links
