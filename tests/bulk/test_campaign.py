"""Every row of the file has one fate, and reaches the outbox once, however often it is added."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vonage_messages import ConfigurationError
from vonage_messages.bulk.campaign import Campaign, add_rows, sorted_rows
from vonage_messages.bulk.journal import PART, Fate, Journal, KnownRows
from vonage_messages.bulk.screening import Screen, SuppressionFiles
from vonage_messages.bulk.source import source_at
from vonage_messages.bulk.template import rows_as_payloads
from vonage_messages.sending.outbox import Outbox

CampaignOf = Callable[..., Campaign]

ANNA, BOB = "447700900001,Hi Anna", "447700900002,Hi Bob"


def numbered(count: int) -> list[str]:
    return [f"4477009{number:05d},row {number}" for number in range(1, count + 1)]


async def add(outbox: Outbox, campaign: Campaign, **options: object) -> tuple[int, int]:
    known = await Journal(outbox.store).known_rows()
    added = await add_rows(outbox, campaign, known, **options)  # type: ignore[arg-type]  options of add_rows
    return added.new, added.repeated


async def texts(outbox: Outbox) -> list[str]:
    return [json.loads(row.payload)["text"] async for row in outbox.rows()]


async def fates(outbox: Outbox) -> list[tuple[int, str]]:
    return [(record.line, record.fate.value) async for record in Journal(outbox.store).records()]


async def test_rows_are_added_once_however_often_they_are_given(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of(ANNA, BOB)
    assert await add(outbox, campaign) == (2, 0)
    assert await add(outbox, campaign) == (0, 2)
    assert await texts(outbox) == ["Hi Anna", "Hi Bob"]


async def test_every_row_has_its_fate_written_down(outbox: Outbox, campaign_of: CampaignOf, tmp_path: Path) -> None:
    stop = tmp_path / "stop.txt"
    stop.write_text("+44 7700 900002\n", encoding="utf-8")
    screen = Screen(suppression=SuppressionFiles([stop]))
    await add(outbox, campaign_of(ANNA, "nobody,Hi", BOB, "+44 7700 900001,Hi again", screen=screen))
    assert await fates(outbox) == [(2, "added"), (3, "invalid"), (4, "suppressed"), (5, "duplicate")]
    reasons = [record.why async for record in Journal(outbox.store).records()]
    assert "must be a phone number" in reasons[1]
    assert reasons[2:] == ["the recipient is on a suppression list", "line 2 goes to the same recipient"]


async def test_recipients_of_failover_messages_are_looked_up_too(campaign_of: CampaignOf, tmp_path: Path) -> None:
    stop = tmp_path / "stop.txt"
    stop.write_text("447700900009\n", encoding="utf-8")
    item = {"channel": "sms", "from": "Acme", "to": "447700900009", "text": "Hi"}
    template = {"channel": "sms", "from": "Acme", "to": "{to}", "text": "{text}", "failover": [item]}
    campaign = campaign_of(ANNA, screen=Screen(suppression=SuppressionFiles([stop])), template=template)
    assert [each.fate for each in sorted_rows(campaign, KnownRows())] == [Fate.SUPPRESSED]


async def test_duplicates_are_sent_when_that_is_asked_for(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of(ANNA, ANNA, send_duplicates=True)
    assert await add(outbox, campaign) == (2, 0)
    assert await add(outbox, campaign) == (0, 2)


async def test_duplicates_that_were_left_out_can_be_added_later(outbox: Outbox, campaign_of: CampaignOf) -> None:
    assert await add(outbox, campaign_of(ANNA, ANNA)) == (1, 0)
    assert await add(outbox, campaign_of(ANNA, ANNA, send_duplicates=True)) == (1, 1)


async def test_adding_that_was_stopped_is_taken_up_again(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of(*numbered(2 * PART + 1))
    answers = iter([False, True])
    assert await add(outbox, campaign, stopped=lambda: next(answers)) == (PART, 0)
    assert await Journal(outbox.store).file() == (campaign.source.name, None)
    assert await add(outbox, campaign) == (PART + 1, PART)
    assert await texts(outbox) == [f"row {number}" for number in range(1, 2 * PART + 2)]
    assert await Journal(outbox.store).file() == (campaign.source.name, 2 * PART + 1)


async def test_rows_that_were_written_down_but_not_added_are_added(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of(ANNA, BOB)
    records = [each.record for each in sorted_rows(campaign, KnownRows())]
    await Journal(outbox.store).write(0, records, adding=[1, 2])  # where a kill between the two leaves it
    assert await add(outbox, campaign) == (2, 0)
    assert not (await Journal(outbox.store).known_rows()).adding


async def test_rows_that_were_added_but_not_written_down_as_such_are_repeated(
    outbox: Outbox, campaign_of: CampaignOf
) -> None:
    campaign = campaign_of(ANNA, BOB)
    await add(outbox, campaign)
    records = [each.record for each in sorted_rows(campaign, KnownRows())]
    await Journal(outbox.store).write(0, records, adding=[1, 2])
    assert await add(outbox, campaign) == (0, 2)


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["447700900001,Hello Anna", BOB], 2),
        ([BOB, ANNA], 2),
        (["447700900000,Hi Zoe", ANNA, BOB], 2),
        ([ANNA, "nobody,Hi Bob"], 3),
        ([BOB], 2),
    ],
    ids=["text changed", "order changed", "row put before", "made invalid", "row taken out"],
)
async def test_file_in_which_another_row_stands_is_refused(
    outbox: Outbox, campaign_of: CampaignOf, lines: list[str], line: int
) -> None:
    await add(outbox, campaign_of(ANNA, BOB))
    with pytest.raises(ConfigurationError, match=rf"^line {line} of .*people\.csv makes another message now than when"):
        await add(outbox, campaign_of(*lines))
    assert await texts(outbox) == ["Hi Anna", "Hi Bob"]


async def test_another_template_is_refused(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of(ANNA))
    template = {"channel": "sms", "from": "Other", "to": "{to}", "text": "{text}"}
    with pytest.raises(ConfigurationError, match="give the file and the template that the outbox was filled from"):
        await add(outbox, campaign_of(ANNA, template=template))


async def test_file_that_lost_its_end_is_refused(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of(ANNA, BOB))
    with pytest.raises(ConfigurationError, match=r"has 1 rows, and had 2 when the outbox was filled from it"):
        await add(outbox, campaign_of(ANNA))


async def test_rows_that_were_mended_or_put_behind_are_added(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of("nobody,Hi", BOB))
    assert await add(outbox, campaign_of(ANNA, BOB, "447700900003,Hi Carol")) == (2, 1)
    assert await texts(outbox) == ["Hi Bob", "Hi Anna", "Hi Carol"]
    assert await fates(outbox) == [(2, "added"), (3, "added"), (4, "added")]


async def test_purged_row_is_not_added_again(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of(ANNA, BOB)
    await add(outbox, campaign)
    await outbox.purge(recipient="447700900001")
    await add(outbox, campaign)
    await add(outbox, campaign_of(ANNA, BOB, "447700900003,Hi Carol"))
    assert await texts(outbox) == ["Hi Bob", "Hi Carol"]


async def test_what_is_done_with_is_known(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of(ANNA, BOB))
    rows = [row async for row in outbox.rows()]
    await outbox.store.cancel([rows[0].id], now=0.0)
    known = await Journal(outbox.store).known_rows()
    assert [known.is_done(number) for number in (1, 2, 3)] == [True, False, False]


async def test_rows_may_be_whole_requests(outbox: Outbox, tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text('{"channel": "sms", "to": "447700900000", "from": "Acme", "text": "Hi"}\n', encoding="utf-8")
    source = source_at(path)
    assert await add(outbox, Campaign(source=source, template=rows_as_payloads(source.row_format), id="spring")) == (
        1,
        0,
    )


async def test_listener_hears_how_many_rows_are_taken_care_of(outbox: Outbox, campaign_of: CampaignOf) -> None:
    heard: list[int] = []
    await add(outbox, campaign_of(*numbered(PART + 1)), on_rows=heard.append)
    assert heard == [PART, PART + 1]
