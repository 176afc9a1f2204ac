"""Nobody is written to who has opted out or sleeps, at the moment at which the message leaves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vonage_messages import ConfigurationError, EmailOptions, EmailText, Sms, to_payload
from vonage_messages.bulk.quiet_hours import QuietHours
from vonage_messages.bulk.screening import (
    Held,
    Screen,
    ScreenedStore,
    SuppressionFiles,
    recipients_of,
    recipients_of_payload,
)
from vonage_messages.ledger import Event, Outcome, State
from vonage_messages.sending.outbox import Outbox

LONDON, NEW_YORK, NOWHERE = "447911123456", "12125550123", "someone@example.com"
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 1, 15, 23, 0, tzinfo=UTC)
OWNER = "a run"


class Monotonic:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Campaign:
    """An outbox over a screened store, with messages in it."""

    def __init__(self, folder: Path, **screen: object) -> None:
        self.stop = folder / "stop.txt"
        self.stop.touch()
        suppression = SuppressionFiles([self.stop])
        self.clock = Monotonic()
        self.store = ScreenedStore(
            folder / "campaign.outbox",
            Screen(suppression=suppression, **screen),  # type: ignore[arg-type]  options of Screen
            monotonic=self.clock,
        )
        self.outbox = Outbox(self.store)

    async def add(self, *recipients: str) -> None:
        messages = [Sms(to=to, from_="Acme", text=f"row {number}") for number, to in enumerate(recipients)]
        await self.outbox.add(messages, key=lambda message: message.text)

    async def claim(self, now: datetime, count: int = 10) -> list[str]:
        instant = now.timestamp()
        rows = await self.store.claim(OWNER, count=count, lease_until=instant + 60, now=instant)
        self.ids = [row.id for row in rows]
        return [row.key for row in rows]

    async def mark(self, now: datetime) -> int:
        return len(await self.store.mark_sending(self.ids, owner=OWNER, now=now.timestamp()))

    async def states(self) -> list[str]:
        return [row.state.value async for row in self.outbox.rows()]

    def suppress(self, line: str) -> None:
        with self.stop.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self.clock.now += 2


@pytest.fixture
async def campaign(tmp_path: Path) -> AsyncIterator[Campaign]:
    made = Campaign(tmp_path, quiet_hours=QuietHours.parse("21:00-08:00"))
    async with made.outbox:
        yield made


async def test_who_sleeps_is_held_and_the_others_are_claimed(campaign: Campaign) -> None:
    await campaign.add(LONDON, NEW_YORK)
    assert await campaign.claim(NIGHT) == ["row 1"]
    assert (campaign.store.held.rows, campaign.store.held.never) == (1, 0)
    assert campaign.store.held.until == datetime(2026, 1, 16, 8, 0, tzinfo=UTC)


async def test_claim_looks_behind_those_who_sleep(campaign: Campaign) -> None:
    await campaign.add(*[LONDON] * 5, NEW_YORK)
    assert await campaign.claim(NIGHT, count=2) == ["row 5"]
    assert campaign.store.held.rows == 5


async def test_held_rows_wait_again_when_the_run_releases_them(campaign: Campaign) -> None:
    await campaign.add(LONDON)
    assert await campaign.claim(NIGHT) == []
    await campaign.store.release(OWNER, now=NIGHT.timestamp())
    campaign.store.begin()
    assert campaign.store.held == Held()
    assert await campaign.claim(NOON) == ["row 0"]


async def test_recipient_whose_zone_is_not_known_is_held_without_an_end(campaign: Campaign) -> None:
    await campaign.add("447700900000")
    assert await campaign.claim(NOON) == []
    assert campaign.store.held == Held(rows=1, never=1, until=None)


async def test_evening_that_comes_after_the_claim_is_seen_before_the_send(campaign: Campaign) -> None:
    await campaign.add(LONDON, NEW_YORK)
    assert await campaign.claim(NIGHT - timedelta(hours=2, seconds=1)) == ["row 0", "row 1"]
    assert await campaign.mark(NIGHT - timedelta(hours=2)) == 1
    assert await campaign.states() == ["claimed", "sending"]


async def test_suppressed_rows_are_cancelled_when_they_are_claimed(campaign: Campaign) -> None:
    await campaign.add(LONDON, NEW_YORK)
    campaign.suppress(LONDON)
    assert await campaign.claim(NOON + timedelta(hours=3)) == ["row 1"]
    assert await campaign.states() == ["cancelled", "claimed"]
    assert campaign.store.cancelled == 1


async def test_stop_that_arrives_after_the_claim_is_seen_before_the_send(campaign: Campaign) -> None:
    await campaign.add(LONDON)
    now = NOON + timedelta(hours=3)
    assert await campaign.claim(now) == ["row 0"]
    campaign.suppress(f"{LONDON}  # STOP")
    assert await campaign.mark(now) == 0
    assert await campaign.states() == ["cancelled"]


async def test_list_that_vanishes_ends_the_run_at_its_next_claim_and_no_row_fails(campaign: Campaign) -> None:
    await campaign.add(LONDON, LONDON)
    now = NOON + timedelta(hours=3)
    assert await campaign.claim(now, count=1) == ["row 0"]
    campaign.stop.unlink()
    campaign.clock.now += 2
    assert await campaign.mark(now) == 1
    with pytest.raises(ConfigurationError, match=r"stop\.txt cannot be read: No such file"):
        await campaign.claim(now)


async def test_line_that_suppresses_nobody_ends_the_run_at_its_next_claim(campaign: Campaign) -> None:
    await campaign.add(LONDON, NEW_YORK)
    assert await campaign.claim(NOON + timedelta(hours=3), count=1) == ["row 0"]
    campaign.suppress("07700 900000")
    campaign.suppress(LONDON)
    assert await campaign.mark(NOON + timedelta(hours=3)) == 0  # what else is in the list counts at once
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="must begin with the country code"):
            await campaign.claim(NOON + timedelta(hours=3))
        campaign.clock.now += 2
    assert await campaign.states() == ["cancelled", "pending"]


async def test_row_that_is_tried_again_is_looked_at_again(campaign: Campaign) -> None:
    await campaign.add(LONDON)
    now = NOON + timedelta(hours=3)
    await campaign.claim(now)
    await campaign.mark(now)
    kept = Outcome(id=campaign.ids[0], owner=OWNER, attempt=1, event=Event.KEEP)
    await campaign.store.record([kept], now=now.timestamp())
    campaign.suppress(LONDON)
    assert await campaign.mark(now) == 0
    assert await campaign.states() == ["cancelled"]


async def test_recipients_are_forgotten_with_the_outcome(campaign: Campaign) -> None:
    await campaign.add(LONDON)
    now = NOON + timedelta(hours=3)
    await campaign.claim(now)
    await campaign.mark(now)
    await campaign.store.record(
        [Outcome(id=campaign.ids[0], owner=OWNER, attempt=1, event=Event.ACCEPT)], now=now.timestamp()
    )
    assert campaign.store._recipients == {}
    assert (await campaign.outbox.report()).counts[State.ACCEPTED] == 1


async def test_row_that_is_tried_again_with_the_outcomes_of_others_is_looked_at_again(campaign: Campaign) -> None:
    await campaign.add(LONDON, NEW_YORK)
    now = NOON + timedelta(hours=3)
    await campaign.claim(now)
    assert await campaign.mark(now) == 2
    campaign.suppress(f"{LONDON}  # STOP")
    again, gone = campaign.ids
    outcomes = [
        Outcome(id=again, owner=OWNER, attempt=1, event=Event.KEEP),
        Outcome(id=gone, owner=OWNER, attempt=1, event=Event.ACCEPT),
    ]
    marked = await campaign.store.mark_sending([again], owner=OWNER, now=now.timestamp(), outcomes=outcomes)
    assert marked == {}
    assert await campaign.states() == ["cancelled", "accepted"]


async def test_recipients_are_forgotten_also_where_the_outcome_goes_with_a_mark(campaign: Campaign) -> None:
    await campaign.add(LONDON, NEW_YORK)
    now = NOON + timedelta(hours=3)
    await campaign.claim(now)
    first, second = campaign.ids
    await campaign.store.mark_sending([first], owner=OWNER, now=now.timestamp())
    outcomes = [Outcome(id=first, owner=OWNER, attempt=1, event=Event.ACCEPT)]
    marked = await campaign.store.mark_sending([second], owner=OWNER, now=now.timestamp(), outcomes=outcomes)
    assert marked == {second: 1}
    assert await campaign.states() == ["accepted", "sending"]
    assert [*campaign.store._recipients] == [second]


async def test_screen_without_rules_lets_everybody_pass(tmp_path: Path) -> None:
    store = ScreenedStore(tmp_path / "campaign.outbox", Screen())
    async with Outbox(store) as outbox:
        await outbox.add([Sms(to=LONDON, from_="Acme", text="Hi")], key=lambda _: "1")
        assert len(await store.claim(OWNER, count=10, lease_until=60.0, now=0.0)) == 1


async def test_lists_are_read_again_only_when_a_file_changes(tmp_path: Path) -> None:
    stop = tmp_path / "stop.txt"
    stop.write_text(f"{LONDON}\n", encoding="utf-8")
    files = SuppressionFiles([stop])
    before = stop.stat()
    stop.write_text(f"{NEW_YORK} \n", encoding="utf-8")
    os.utime(stop, ns=(before.st_atime_ns, before.st_mtime_ns))
    await files.refresh()
    assert files.covers([LONDON])  # the same size and time: as far as it can be seen, nothing has changed
    stop.write_text(f"{NEW_YORK}\n{NOWHERE}\n", encoding="utf-8")
    await files.refresh()
    assert [files.covers([each]) for each in (LONDON, NEW_YORK, NOWHERE.upper())] == [False, True, True]
    assert len(files) == 2


async def test_list_that_comes_through_a_pipe_is_kept(tmp_path: Path) -> None:
    pipe = tmp_path / "stop.txt"
    os.mkfifo(pipe)
    writing = asyncio.create_task(asyncio.to_thread(pipe.write_text, f"{LONDON}\n", encoding="utf-8"))
    files = await asyncio.to_thread(SuppressionFiles, [pipe])
    await writing
    os.utime(pipe)
    async with asyncio.timeout(60):
        await files.refresh()
    assert files.covers([LONDON])


def test_column_is_that_of_lists_which_have_columns(tmp_path: Path) -> None:
    table, lines = tmp_path / "stop.csv", tmp_path / "stop.txt"
    table.write_text(f"name,phone\nAnna,{LONDON}\n", encoding="utf-8")
    lines.write_text(f"{NEW_YORK}\n", encoding="utf-8")
    files = SuppressionFiles([table, lines], column="phone")
    assert files.covers([LONDON])
    assert files.covers([NEW_YORK])


def test_list_that_would_suppress_nobody_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "stop.csv"
    table.write_text(f"name,phone\nAnna,{LONDON}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="holds 2 rows that are no recipients, and would suppress too few"):
        SuppressionFiles([table])


def test_chain_waits_until_none_of_its_recipients_sleeps() -> None:
    screen = Screen(quiet_hours=QuietHours.parse("18:00-08:00"))
    # London wakes at 08:00 UTC, New York at 13:00 UTC.
    assert screen.next_allowed([LONDON, NEW_YORK], NIGHT) == datetime(2026, 1, 16, 13, 0, tzinfo=UTC)


def test_chain_whose_recipients_share_no_waking_hour_never_leaves() -> None:
    screen = Screen(quiet_hours=QuietHours.parse("10:00-08:00"))
    assert screen.next_allowed([LONDON, NEW_YORK], NOON) is None


def test_recipients_of_a_chain_are_those_of_all_its_messages() -> None:
    chain = Sms(to=LONDON, from_="Acme", text="Hi", failover=[Sms(to=NEW_YORK, from_="Acme", text="Hi")])
    assert recipients_of(chain) == (LONDON, NEW_YORK)
    assert recipients_of_payload({"to": LONDON, "failover": [{"to": NEW_YORK}, {"to": 5}]}) == (LONDON, NEW_YORK)


def test_copies_of_an_email_are_recipients() -> None:
    options = EmailOptions(subject="News", cc=["bob@example.com"], bcc=["eve@example.com"])
    message = EmailText(to="ada@example.com", from_="news@example.org", text="Hello", email=options)
    everybody = ("ada@example.com", "bob@example.com", "eve@example.com")
    assert recipients_of(message) == recipients_of_payload(to_payload(message)) == everybody


async def test_rows_of_v0_1_are_looked_at_like_others(campaign: Campaign) -> None:
    messages = [Sms(to=to, from_="Acme", text="Hi", client_ref=to) for to in (LONDON, NEW_YORK)]
    await campaign.outbox.add(messages, api_version="v0.1")
    campaign.suppress(LONDON)
    assert await campaign.claim(NOON) == []  # New York sleeps
    assert await campaign.states() == ["cancelled", "claimed"]
