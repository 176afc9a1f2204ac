"""Every row of the file is in the report once, in its order, whatever became of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from vonage_messages import Sms
from vonage_messages.bulk.campaign import Campaign, add_rows, sorted_rows
from vonage_messages.bulk.journal import Journal, KnownRows
from vonage_messages.bulk.report import COLUMNS, report_rows, standing, write_csv, write_json
from vonage_messages.ledger import Event, Outcome, Row
from vonage_messages.sending.outbox import Outbox

CampaignOf = Callable[..., Campaign]

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


async def add(outbox: Outbox, campaign: Campaign) -> None:
    await add_rows(outbox, campaign, await Journal(outbox.store).known_rows())


async def finish(outbox: Outbox, events: dict[str, Event], **further: str) -> None:
    """Let rows end, each by the text that its message has."""
    await outbox.store.enrol("run", lease_until=NOW + 60)
    rows = await outbox.store.claim("run", count=100, lease_until=NOW + 60, now=NOW)
    by_text = {json.loads(row.payload)["text"]: row for row in rows}
    chosen: list[tuple[Row, Event]] = [(by_text[text], event) for text, event in events.items()]
    await outbox.store.mark_sending([row.id for row, _ in chosen], owner="run", now=NOW)
    outcomes = [Outcome(id=row.id, owner="run", attempt=1, event=event, **further) for row, event in chosen]
    assert len(await outbox.store.record(outcomes, now=NOW)) == len(chosen)
    await outbox.store.release("run", now=NOW)


async def table(outbox: Outbox) -> list[dict[str, str]]:
    stream = io.StringIO()
    await write_csv(report_rows(outbox.store), stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


async def states(outbox: Outbox) -> list[tuple[int | None, str]]:
    return [(row.line, row.state) async for row in report_rows(outbox.store)]


async def test_every_row_of_the_file_is_there_in_its_order(outbox: Outbox, campaign_of: CampaignOf) -> None:
    lines = ["447700900001,A", "nobody,B", "447700900001,C", "447700900004,D", "447700900005,E"]
    await add(outbox, campaign_of(*lines))
    await finish(outbox, {"A": Event.ACCEPT, "D": Event.LOSE})
    assert await states(outbox) == [
        (2, "accepted"),
        (3, "invalid"),
        (4, "duplicate"),
        (5, "in_doubt"),
        (6, "pending"),
    ]


async def test_rows_that_were_added_late_stand_where_the_file_has_them(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of("nobody,A", "447700900002,B", "nobody,C", "447700900004,D"))
    await add(outbox, campaign_of("447700900001,A", "447700900002,B", "447700900003,C", "447700900004,D"))
    assert [row["recipient"] for row in await table(outbox)] == [f"44770090000{digit}" for digit in (1, 2, 3, 4)]


async def test_row_that_never_reached_the_outbox_is_absent(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of("447700900001,A", "447700900002,B")
    records = [each.record for each in sorted_rows(campaign, KnownRows())]
    await Journal(outbox.store).write(0, records, adding=[1, 2])
    assert await states(outbox) == [(2, "absent"), (3, "absent")]


async def test_purged_row_is_absent_and_its_recipient_gone(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of("447700900001,A", "447700900002,B", "447700900003,C"))
    await outbox.purge(recipient="447700900002")
    rows = await table(outbox)
    assert [(row["state"], row["recipient"]) for row in rows] == [
        ("pending", "447700900001"),
        ("absent", ""),
        ("pending", "447700900003"),
    ]


async def test_rows_that_came_from_no_file_come_last(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await outbox.add([Sms(to="447700900009", from_="Acme", text="Z")], key=lambda _: "by hand")
    await add(outbox, campaign_of("447700900001,A"))
    assert await states(outbox) == [(2, "pending"), (None, "pending")]


async def test_row_of_v0_1_has_its_recipient(outbox: Outbox) -> None:
    await outbox.add([Sms(to="447700900001", from_="Acme", text="A", client_ref="a")], api_version="v0.1")
    assert [row["recipient"] for row in await table(outbox)] == ["447700900001"]


async def test_error_is_told_with_what_its_code_means(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of("447700900001,A"))
    error = {"error_class": "ValidationError", "error_code": "1240", "error_title": "Opted out", "request_id": "r-1"}
    await finish(outbox, {"A": Event.REFUSE}, **error)
    (row,) = await table(outbox)
    assert {name: row[name] for name in error} == error
    assert row["meaning"] == "the recipient has opted out: stop sending to this number"
    assert (row["state"], row["attempts"], row["updated"]) == ("failed", "1", "2026-01-01T00:00:00.000+00:00")


@pytest.mark.parametrize("code", ["9999", "abc", "\u0661\u0662", "9" * 5000])
async def test_code_that_no_document_lists_has_no_meaning(outbox: Outbox, campaign_of: CampaignOf, code: str) -> None:
    await add(outbox, campaign_of("447700900001,A"))
    await finish(outbox, {"A": Event.REFUSE}, error_code=code)
    (row,) = await table(outbox)
    assert row["meaning"] == ""


async def test_row_in_doubt_says_what_that_means(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of("447700900001,A"))
    await finish(outbox, {"A": Event.LOSE})
    (row,) = await table(outbox)
    assert row["meaning"] == "nobody knows whether it was sent: it may have arrived"


@pytest.mark.parametrize("title", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "\rx", "\uff1d1"])
async def test_cell_that_is_a_formula_gets_an_apostrophe(outbox: Outbox, campaign_of: CampaignOf, title: str) -> None:
    await add(outbox, campaign_of("447700900001,A"))
    await finish(outbox, {"A": Event.REFUSE}, error_title=title)
    stream = io.StringIO(newline="")
    assert await write_csv(report_rows(outbox.store), stream) == 1
    (_, cells) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert cells[COLUMNS.index("error_title")] == "'" + title.replace("\r", "\n")
    assert cells[COLUMNS.index("recipient")] == "447700900001"


@pytest.mark.parametrize(
    ("detail", "written"),
    [
        ("no;=1+1", "no;'=1+1"),
        ("no\t@SUM(A1)", "no\t'@SUM(A1)"),
        ("no\r\n-2", "no\n'-2"),
        ("no\n\n+3", "no\n'\n'+3"),
        ("a=b; c-d, e@f", "a=b; c-d, e@f"),
    ],
)
async def test_what_is_a_formula_where_semicolons_part_cells_gets_an_apostrophe(
    outbox: Outbox, campaign_of: CampaignOf, detail: str, written: str
) -> None:
    await add(outbox, campaign_of("447700900001,A"))
    await finish(outbox, {"A": Event.REFUSE}, error_detail=detail)
    stream = io.StringIO(newline="")
    await write_csv(report_rows(outbox.store), stream)
    (_, cells) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert cells[COLUMNS.index("error_detail")] == written


async def test_json_is_one_array_of_objects(outbox: Outbox, campaign_of: CampaignOf) -> None:
    await add(outbox, campaign_of("447700900001,A", "nobody,B"))
    stream = io.StringIO()
    assert await write_json(report_rows(outbox.store), stream) == 2
    document = json.loads(stream.getvalue())
    assert [tuple(row) for row in document] == [COLUMNS, COLUMNS]
    assert [(row["line"], row["row"], row["state"]) for row in document] == [(2, 1, "pending"), (3, 2, "invalid")]


async def test_json_of_an_empty_outbox_is_an_empty_array(outbox: Outbox) -> None:
    stream = io.StringIO()
    assert await write_json(report_rows(outbox.store), stream) == 0
    assert json.loads(stream.getvalue()) == []


async def test_standing_accounts_for_every_row(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of("447700900001,A", "nobody,B", "447700900001,C", "447700900004,D")
    await add(outbox, campaign)
    await finish(outbox, {"A": Event.ACCEPT})
    await outbox.purge(recipient="447700900004")
    found = await standing(outbox.store)
    assert {name: count for name, count in found.states.items() if count} == {"accepted": 1}
    assert found.left_out == {"invalid": 1, "duplicate": 1, "absent": 1}
    assert (found.file, found.rows) == (campaign.source.name, 4)


async def test_outbox_that_was_filled_from_no_file_has_a_standing(outbox: Outbox) -> None:
    await outbox.add([Sms(to="447700900009", from_="Acme", text="Z")], key=lambda _: "by hand")
    found = await standing(outbox.store)
    assert (found.states["pending"], found.left_out, found.file, found.campaign) == (1, {}, None, None)
