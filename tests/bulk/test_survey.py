"""What a campaign would do: rows, parts, price, duration and surprises, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from vonage_messages.bulk.campaign import Campaign, add_rows
from vonage_messages.bulk.journal import Journal, KnownRows
from vonage_messages.bulk.quiet_hours import QuietHours
from vonage_messages.bulk.screening import Held, Screen, SuppressionFiles
from vonage_messages.bulk.survey import SHOWN, Survey, survey
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.pricing import PriceTable
from vonage_messages.sending.outbox import Outbox

CampaignOf = Callable[..., Campaign]

NOW = datetime(2026, 1, 15, 23, 0, tzinfo=UTC)
PRICES = PriceTable(currency="EUR", prices={"sms": {"44": "0.04"}})


def surveyed(campaign: Campaign, **options: object) -> Survey:
    return survey(campaign, KnownRows(), now=NOW, **options)  # type: ignore[arg-type]  options of survey


def test_every_row_is_counted_once(campaign_of: CampaignOf, tmp_path: Path) -> None:
    stop = tmp_path / "stop.txt"
    stop.write_text("447700900002\n", encoding="utf-8")
    found = surveyed(
        campaign_of(
            "447700900001,Hi",
            "nobody,Hi",
            "447700900002,Hi",
            "447700900001,Hi",
            "447700900003,Hi",
            screen=Screen(suppression=SuppressionFiles([stop])),
        )
    )
    assert (found.rows, found.messages, found.invalid, found.suppressed, found.duplicates) == (5, 2, 1, 1, 1)
    assert [row.line for row in found.invalid_rows] == [3]
    assert found.duplicate_lines == ((5, 2),)
    assert found.channels == {"sms": 2}


def test_only_the_first_invalid_rows_are_kept(campaign_of: CampaignOf) -> None:
    found = surveyed(campaign_of(*["nobody,Hi"] * (SHOWN + 5)))
    assert (found.invalid, len(found.invalid_rows)) == (SHOWN + 5, SHOWN)


def test_price_counts_parts_and_names_what_has_none(campaign_of: CampaignOf) -> None:
    found = surveyed(campaign_of("447700900001," + "x" * 161, "12125550123,Hi"), prices=PRICES)
    assert found.cost is not None
    assert (found.cost.total, found.cost.currency, found.cost.unpriced) == (Decimal("0.08"), "EUR", 1)
    assert found.cost.by_channel == {"sms": Decimal("0.08")}
    assert found.plan.segments == 3


def test_price_of_many_rows_is_exact(campaign_of: CampaignOf) -> None:
    rows = [f"4477009{number:05d},Hi" for number in range(2_500)]
    found = surveyed(campaign_of(*rows), prices=PRICES)
    assert found.cost is not None
    assert (found.cost.total, found.cost.worst) == (Decimal("100.00"), Decimal("100.00"))


def test_duration_is_that_of_the_limits(campaign_of: CampaignOf) -> None:
    rows = [f"4477009{number:05d},Hi" for number in range(11)]
    found = surveyed(campaign_of(*rows), limits=Limits(account=Rate(2)))
    assert found.plan.duration == pytest.approx(5.0, abs=0.02)


def test_stray_character_is_named_with_its_lines_and_its_price(campaign_of: CampaignOf) -> None:
    long = "x" * 100
    found = surveyed(
        campaign_of(
            f"447700900001,don\u2019t {long}",
            "447700900002,plain",
            f"447700900003,don\u2019t \U0001f389 {long}",
            "447700900004,a short \u2019 costs nothing",
        )
    )
    assert (found.surprising, found.more_parts) == (2, 2)
    quote, party = found.surprises
    assert (quote.character, quote.rows, quote.more_parts, quote.lines, quote.replacement) == (
        "\u2019",
        2,
        2,
        (2, 4),
        "'",
    )
    assert (party.character, party.lines, party.replacement) == ("\U0001f389", (4,), None)


def test_text_in_another_script_is_no_surprise(campaign_of: CampaignOf) -> None:
    text = "\u4f60\u597d\u4e16\u754c" * 30
    assert surveyed(campaign_of(f"447700900001,{text}")).surprises == ()


def test_those_who_sleep_are_counted_and_still_planned(campaign_of: CampaignOf) -> None:
    screen = Screen(quiet_hours=QuietHours.parse("21:00-08:00"))
    found = surveyed(campaign_of("447911123456,Hi", "12125550123,Hi", screen=screen))
    assert found.asleep == Held(rows=1, until=datetime(2026, 1, 16, 8, 0, tzinfo=UTC))
    assert found.messages == 2


async def test_what_is_done_with_is_not_planned_again(outbox: Outbox, campaign_of: CampaignOf) -> None:
    campaign = campaign_of("447700900001,Hi", "447700900002,Hi")
    await add_rows(outbox, campaign, KnownRows())
    rows = [row async for row in outbox.rows()]
    await outbox.store.cancel([rows[0].id], now=0.0)
    found = survey(campaign, await Journal(outbox.store).known_rows(), now=NOW, prices=PRICES)
    assert (found.rows, found.done, found.messages) == (2, 1, 1)
    assert found.cost is not None
    assert found.cost.total == Decimal("0.04")


async def test_rows_that_wait_and_are_suppressed_now_are_not_planned(
    outbox: Outbox, campaign_of: CampaignOf, tmp_path: Path
) -> None:
    await add_rows(outbox, campaign_of("447700900001,Hi"), KnownRows())
    stop = tmp_path / "stop.txt"
    stop.write_text("447700900001\n", encoding="utf-8")
    campaign = campaign_of("447700900001,Hi", screen=Screen(suppression=SuppressionFiles([stop])))
    found = survey(campaign, await Journal(outbox.store).known_rows(), now=NOW)
    assert (found.rows, found.suppressed, found.messages) == (1, 1, 0)


def test_listener_hears_the_number_of_each_row(campaign_of: CampaignOf) -> None:
    heard: list[int] = []
    surveyed(campaign_of("447700900001,Hi", "nobody,Hi"), on_row=heard.append)
    assert heard == [1, 2]
